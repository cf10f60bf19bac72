"""The roofline of a graph: a closed-form lower bound on its time, for pruning.

Every resource must do at least its compulsory work: the matrix unit its MACs at peak, the memory the weights,
the cache and what enters or leaves (activations may all stay on chip), the lanes their operations. The bound is
the busiest resource's time, with everything else overlapped; the time of a tiled run is never below it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accel_sim.hardware.primitives import FUNCTIONS, SOFTMAX_PASSES
from accel_sim.mapping.machine import TICKS_PER_CYCLE, Machine
from accel_sim.mapping.pim_operands import in_banks
from accel_sim.mapping.pim_vector import has_kernel, least_bank_ticks
from accel_sim.mapping.plan import Place, vector_shape
from accel_sim.mapping.products import touched
from accel_sim.mapping.vector_work import row_work
from accel_sim.workload.operators import (
    Attention,
    Conv2d,
    Elementwise,
    Embedding,
    Gemm,
    KvAppend,
    Operator,
    macs,
)
from accel_sim.workload.tensors import Residency, Tensor


@dataclass(frozen=True, slots=True)
class Floor:
    """Least work of an operator.

    Attributes:
        macs: dense multiply-accumulates of the matrix unit.
        bank_macs: those of a memory's banks.
        memory_read_bytes, memory_write_bytes, link_bytes: traffic that no mapping avoids.
        operations: vector operations by primitive.
        pim_ticks: time for which the memory is held, by kernels in the banks or by transfers in their stead.
    """

    macs: int
    bank_macs: int
    memory_read_bytes: int
    memory_write_bytes: int
    link_bytes: int
    operations: Mapping[str, float]
    pim_ticks: float = 0.0

    @property
    def memory_bytes(self) -> int:
        """Reads and writes."""
        return self.memory_read_bytes + self.memory_write_bytes


def floor(op: Operator, machine: Machine) -> Floor:
    """Return the least work of one execution of an operator.

    One that banks or chip may run holds the memory for the shorter of the two; neither's work is compulsory.
    """
    least = least_work(op, machine.link is not None, in_banks(op, machine))
    if not has_kernel(op, machine):
        return least
    ticks = min(least_bank_ticks(op, machine), least.memory_bytes * machine.memory.ticks_per_byte)
    return Floor(least.macs + least.bank_macs, 0, 0, 0, least.link_bytes, {}, ticks)


def least_work(op: Operator, linked: bool, stays: bool) -> Floor:
    """Return the least work of one execution of an operator that can run in one place only.

    linked: what enters and leaves the model passes a link. stays: the operator runs where its large operand is.
    """
    io = Place.LINK if linked else Place.MEMORY
    read = write = link = 0
    for tensor in op.inputs:
        if tensor.residency is Residency.IO and io is Place.LINK:
            link += _touched_bytes(op, tensor)
        elif tensor.residency is Residency.IO or (tensor.residency is Residency.KV_CACHE and not stays):
            read += _touched_bytes(op, tensor)
    if isinstance(op, Embedding):
        # Rows that are looked up again may still be on chip.
        rows = ((table, min(op.tokens, table.shape[0])) for table in op.weights)
        read += sum(table.format.bytes(count * table.shape[-1]) for table, count in rows)
    elif not stays:
        read += sum(weight.bytes for weight in op.weights)
    if op.output.residency is Residency.KV_CACHE and not stays:
        write += op.output.bytes
    elif op.output.residency is Residency.IO:
        write, link = (write, link + op.output.bytes) if io is Place.LINK else (write + op.output.bytes, link)
    dense = macs(op)
    return Floor(0 if stays else dense, dense if stays else 0, read, write, link, _operations(op))


def _touched_bytes(op: Operator, tensor: Tensor) -> int:
    if not isinstance(op, Conv2d):
        return tensor.bytes
    return tensor.format.bytes(op.batch * op.in_channels * touched(op, 0) * touched(op, 1))


def _operations(op: Operator) -> Mapping[str, float]:
    if isinstance(op, Gemm | Conv2d | KvAppend):
        return {}
    if isinstance(op, Attention):
        scores = op.batch * op.heads * op.score_pairs
        work: list[tuple[Mapping[str, float], float]] = [(FUNCTIONS["softcap"] if op.softcap else {}, scores)]
        # The final scaling can be moved to the outputs, so it is not counted for each score.
        work += [(operations, scores) for operations in SOFTMAX_PASSES[:2]]
    elif isinstance(op, Elementwise):
        rows, columns = vector_shape(op)
        # As an epilogue, an n-ary addition is charged like a binary one.
        work = [(FUNCTIONS[op.function], rows * columns)]
    else:
        rows, columns = vector_shape(op)
        work = [(operations, elements * rows) for operations, elements in row_work(op, rows, columns).passes]
    totals: dict[str, float] = {}
    for operations, elements in work:
        for name, count in operations.items():
            totals[name] = totals.get(name, 0.0) + count * elements
    return totals


def unit_ticks(floor: Floor, machine: Machine) -> dict[str, float]:
    """Return the least time on each component, in ticks, by component name."""
    ticks = {machine.memory.name: floor.memory_bytes * machine.memory.ticks_per_byte}
    if machine.link:
        ticks[machine.link.name] = floor.link_bytes * machine.link.ticks_per_byte
    if machine.pim is not None:
        ticks[machine.memory.name] += floor.bank_macs / machine.pim.macs_per_tick + floor.pim_ticks
    if machine.matrix is not None:
        peak = machine.matrix_model.peak_macs_per_cycle(machine.matrix.spec)
        ticks[machine.matrix.name] = floor.macs / peak * TICKS_PER_CYCLE
    if machine.vector is not None:
        ticks[machine.vector.name] = (
            machine.vector_model.least_cycles(machine.vector.spec, floor.operations) * TICKS_PER_CYCLE
        )
    return ticks
