"""Whole machines known by their data sheets: peak, bandwidth, power, and the cost of launching a kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from accel_sim.config.units import ByteCount, BytesPerSecond, OperationsPerSecond, Seconds, Watts
from accel_sim.hardware.component import (
    ComponentCost,
    ComponentSpec,
    MachineModel,
    OperatorPrices,
    Surroundings,
    component,
)
from accel_sim.hardware.kernels import Execution, launches
from accel_sim.workload.formats import NumberFormat, number_format
from accel_sim.workload.operators import Attention, Conv2d, Embedding, Gemm, Operator, macs

OPERATIONS_PER_MAC = 2
NO_DIE = "{type} has no model of its die: its area is 0"
FormatName = Annotated[str, AfterValidator(lambda name: number_format(name).name)]
Fraction = Annotated[float, Field(gt=0, le=1)]


def peak_macs_per_s(spec: RooflineMachine) -> Mapping[str, float]:
    """Return the data sheet's peaks by number format."""
    return {name: operations / OPERATIONS_PER_MAC for name, operations in spec.peak.items()}


def operand_peak_macs_per_s(spec: RooflineMachine, left: NumberFormat, right: NumberFormat) -> float | None:
    """Return the fastest of the peaks whose format holds both operands; None if none does.

    Weights in a narrower format than the activations are thus widened on the way in and computed in the
    activations' format, as weight-only quantization does.
    """
    peaks = peak_macs_per_s(spec)
    able = (number_format(name) for name in peaks)
    return max((peaks[own.name] for own in able if own.holds(left) and own.holds(right)), default=None)


def price(spec: RooflineMachine, operators: Sequence[Operator]) -> OperatorPrices:
    """Return the cost of operators.

    Arithmetic that is not multiply-accumulate takes no time of its own: it is bound by memory on every machine
    that this describes.

    Raises:
        ValueError: operands in a format that no peak of the machine holds.
    """
    launched = [launches(op, spec.execution) for op in operators]
    between = np.array([launch.between_bytes for launch in launched], dtype=np.float64)
    kernels = np.array([launch.kernels for launch in launched], dtype=np.float64)
    executed = np.array([_executed_macs(spec, op) for op in operators], dtype=np.float64)
    peaks = np.array([_peak(spec, op) for op in operators], dtype=np.float64)
    read_bytes = np.array([_read_bytes(op) for op in operators], dtype=np.float64) + between
    write_bytes = np.array([op.output.bytes for op in operators], dtype=np.float64) + between
    return OperatorPrices(
        executed_macs=executed,
        read_bytes=read_bytes,
        write_bytes=write_bytes,
        kernels=kernels,
        compute_s=executed / (peaks * spec.compute_efficiency),
        memory_s=(read_bytes + write_bytes) / bandwidth_bytes_per_s(spec),
        overhead_s=kernels * spec.launch_overhead,
    )


def _executed_macs(spec: RooflineMachine, op: Operator) -> int:
    """Return the MACs; an eager framework multiplies what the mask throws away too."""
    if spec.execution == "eager" and isinstance(op, Attention):
        return 2 * op.batch * op.heads * op.query_length * op.inputs[1].shape[1] * op.head_dim
    return macs(op)


def _peak(spec: RooflineMachine, op: Operator) -> float:
    if not isinstance(op, Gemm | Conv2d | Attention):
        return np.inf
    left, right = (tensor.format.element for tensor in (op.inputs[0], (*op.weights, *op.inputs[1:])[0]))
    peak = operand_peak_macs_per_s(spec, left, right)
    if peak is None:
        raise ValueError(
            f"{op.name}: no peak for {left.name} x {right.name} in a format that holds both "
            f"(known: {', '.join(spec.peak)})"
        )
    return peak


def _read_bytes(op: Operator) -> int:
    """Return the bytes of the operands, each once; of embedding tables, the rows looked up."""
    inputs = sum(tensor.bytes for tensor in op.inputs)
    if isinstance(op, Embedding):
        rows = ((table, min(op.tokens, table.shape[0])) for table in op.weights)
        return inputs + sum(table.format.bytes(count * table.shape[-1]) for table, count in rows)
    return inputs + sum(weight.bytes for weight in op.weights)


def bandwidth_bytes_per_s(spec: RooflineMachine) -> float:
    """Return the attainable bandwidth."""
    return spec.bandwidth * spec.memory_efficiency


def cost(spec: RooflineMachine, chip: Surroundings) -> ComponentCost:
    """Return the charges: power at rest flows always, the rest of the busy power while it works."""
    return ComponentCost(
        energy_j={"busy_s": spec.busy_power - spec.idle_power},
        leakage_w=spec.idle_power,
        sources=("power: as the design gives it",),
        notes=(NO_DIE.format(type=spec.type),),
    )


@component(
    "roofline_machine",
    MachineModel(
        price=price,
        peak_macs_per_s=peak_macs_per_s,
        operand_peak_macs_per_s=operand_peak_macs_per_s,
        bandwidth_bytes_per_s=bandwidth_bytes_per_s,
        cost=cost,
    ),
)
class RooflineMachine(ComponentSpec):
    """A GPU, CPU or other whole machine by its data sheet, operator after operator under its roofline.

    An operator takes max(MACs / peak, bytes / bandwidth) plus its kernels times the launch overhead; operands
    and results pass through memory once each, and in eager execution so does what its kernels hand on.

    Leaves out: caches that keep activations from one operator to the next, launches that overlap with the
    kernel before (so eager execution of long kernels is charged too much), tile and wave quantization, clocks
    that move, several devices, dies and their area.

    Attributes:
        peak: operations per second by number format; a MAC is two.
        compute_efficiency: attainable part of the peak.
        bandwidth: of the memory.
        memory_efficiency: attainable part of the bandwidth.
        capacity: bytes of the memory.
        execution: `fused`, one kernel an operator, or `eager`, as PyTorch launches; see `hardware.kernels`.
        launch_overhead: time that each kernel adds.
        idle_power: that flows whether it works or not.
        busy_power: while it computes or moves data; the design power where nothing better is known.
    """

    type: Literal["roofline_machine"] = "roofline_machine"
    peak: dict[FormatName, OperationsPerSecond] = Field(min_length=1)
    compute_efficiency: Fraction = 1.0
    bandwidth: BytesPerSecond
    memory_efficiency: Fraction = 1.0
    capacity: ByteCount
    execution: Execution = "fused"
    launch_overhead: Seconds = 0.0
    idle_power: Watts = 0.0
    busy_power: Watts

    @model_validator(mode="after")
    def _busy_above_idle(self) -> RooflineMachine:
        if self.idle_power > self.busy_power:
            raise ValueError(f"idle_power = {self.idle_power:g} W is above busy_power = {self.busy_power:g} W")
        return self
