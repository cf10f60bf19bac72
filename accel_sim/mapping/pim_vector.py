"""Elementwise operators and sums in the banks: which kernels an operator is, what they cost, when they pay.

The banks add, multiply or clip tensors that lie in them, and add up values; nothing else of a vector operator
has a kernel there. Softmax and norms need every value on the chip anyway, for their exponentials and roots, so
that sums in the banks would save no traffic; maxima have no kernel.

A kernel wants its operands laid out as it reads them. What is in memory from the start, or was stored by the
chip, is laid out so at no cost; the result of a kernel lies where that kernel left it.

Elementwise kernels of HBM-PIM are exact against the vendor's simulator; sums, and products of GDDR6-AiM, follow
the protocols' rules, but no run of a simulator stands beside them. Leaves out: rows that other activations
take.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Literal

from accel_sim.hardware.pim import hbm
from accel_sim.hardware.pim.specs import Elementwise as Kernel
from accel_sim.mapping.machine import Machine, Pim
from accel_sim.mapping.pim_cost import (
    PimCost,
    dealt,
    elementwise_cost,
    elementwise_rows,
    elementwise_tile,
    gemv_cost,
    matrix_rows,
    reduction_cost,
    reduction_rows,
    reduction_tile,
    repeated,
    unfinished_sums,
)
from accel_sim.workload.operators import Elementwise, Operator, Reduction
from accel_sim.workload.tensors import Residency

KERNELS: dict[str, Kernel] = {"add": "add", "multiply": "mul", "relu": "relu"}
"""Functions of operators that are a kernel of the banks."""

WHOLE_SUMS = "sums over all banks"

Layout = Literal["interleaved", "paired", "product", "rows"]
"""How a tensor lies in the banks: as an elementwise kernel of HBM-PIM reads and leaves it, or one that
multiplies two banks into a third reads and leaves it, or as a matrix."""


@dataclass(frozen=True, slots=True)
class BankWork:
    """An operator as kernels in the banks.

    Attributes:
        words: what the kernels are, for people.
        cost: of all kernels, one after the other.
        needs: how the operands must lie.
        leaves: how the result lies; None when it comes to the chip.
        partial_bytes: partial sums that are left in the banks, for the chip to read.
        additions: what the chip adds up to finish.
    """

    words: str
    cost: PimCost
    needs: Layout
    leaves: Layout | None = None
    partial_bytes: int = 0
    additions: int = 0


def has_kernel(op: Operator, machine: Machine) -> bool:
    """Whether banks compute an elementwise operator or a sum, its operands being in their format."""
    pim = machine.pim
    if pim is None or machine.policy.elementwise == "chip" or not isinstance(op, Elementwise | Reduction):
        return False
    operands = (*op.inputs, *op.weights)
    stored = operands if isinstance(op, Reduction) else (*operands, op.output)
    if any(t.format.name != pim.number_format or t.residency is Residency.KV_CACHE for t in stored):
        return False
    if isinstance(op, Reduction):
        # The lanes of an HBM-PIM unit leave a sum each, which something has to add up.
        finished = machine.vector is not None or pim.device.protocol.modes is None
        return finished and op.inputs[0].elements == op.rows * op.columns
    if KERNELS.get(op.function) not in pim.device.elementwise_kernels:
        return False
    # What is broadcast would have to be repeated; sums and products of more than two leave results on the way,
    # which only HBM-PIM reads where they are.
    wanted = len(operands) == 1 if op.function == "relu" else len(operands) >= 2
    alike = all(tensor.elements == op.elements for tensor in operands)
    return wanted and alike and (pim.device.protocol.modes is not None or len(operands) == 2)


def always_in_banks(op: Operator, machine: Machine) -> bool:
    """Whether an operator runs in the banks wherever its operands are: by the design, or for want of lanes."""
    return (machine.vector is None or machine.policy.elementwise == "banks") and has_kernel(op, machine)


def bank_works(op: Operator, machine: Machine, free_rows: int) -> list[BankWork]:
    """Return the ways in which the banks can compute an operator that has a kernel, in so many of their rows.

    Those that leave sums to a chip without a vector unit are not among them.
    """
    assert machine.pim is not None
    ways = [way for way, rows in _ways(op, machine.pim) if rows <= free_rows]
    works = [way(op, machine.pim) for way in ways]
    return [work for work in works if not work.additions or machine.vector is not None]


def least_rows(op: Operator, machine: Machine) -> int:
    """Return the rows of each bank that an operator with a kernel takes at least."""
    assert machine.pim is not None
    return min(rows for _, rows in _ways(op, machine.pim))


def _ways(op: Operator, pim: Pim) -> list[tuple[Callable[[Any, Pim], BankWork], int]]:
    """Return the ways to compute an operator, with the rows of each bank that operands and results take."""
    device, stored = pim.device, pim.number_format
    if isinstance(op, Elementwise):
        operands = len(op.inputs) + len(op.weights)
        return [(_elementwise, elementwise_rows(device, op.elements, stored, max(2, operands)))]
    assert isinstance(op, Reduction)
    each = reduction_rows(device, op.columns, stored)
    return [
        (_row_sums, matrix_rows(device, op.rows, op.columns, stored)[0][0]),
        (_whole_sums, each * op.rows),
    ]


def carried_layout(machine: Machine) -> Layout:
    """Return how a tensor lies that some block before this one left in the banks."""
    assert machine.pim is not None
    return "interleaved" if machine.pim.device.protocol.modes else "product"


def least_bank_ticks(op: Operator, machine: Machine) -> float:
    """Return the least time that an operator's kernels hold the memory: columns at the shortest interval."""
    assert machine.pim is not None
    pim = machine.pim
    device = pim.device
    if isinstance(op, Reduction):
        return op.rows * op.columns / pim.macs_per_tick
    assert isinstance(op, Elementwise)
    if device.protocol.modes:
        operands = len(op.inputs) + len(op.weights)
        # A kernel reads and writes a column of half the banks at a time.
        touched = 3 * (operands - 1) if operands > 1 else 2
        return touched * op.elements / pim.macs_per_tick
    assert device.protocol.pim.roles is not None and device.protocol.pim.roles.multiply is not None
    interval = device.interval_cycles(device.protocol.pim.roles.multiply) / device.compute_interval_cycles
    return op.elements / pim.macs_per_tick * interval * device.banks / elementwise_tile(device)


def _elementwise(op: Elementwise, pim: Pim) -> BankWork:
    device, stored = pim.device, pim.number_format
    operands = len(op.inputs) + len(op.weights)
    cost = elementwise_cost(device, op.elements, KERNELS[op.function], stored)
    modes = device.protocol.modes is not None
    return BankWork(
        f"{KERNELS[op.function]} in the banks",
        repeated(cost, max(1, operands - 1)),
        needs="interleaved" if modes else "paired",
        leaves="interleaved" if modes else "product",
    )


def _row_sums(op: Reduction, pim: Pim) -> BankWork:
    """Return the product of the matrix with a vector of ones."""
    device, stored = pim.device, pim.number_format
    cost = replace(gemv_cost(device, op.rows, op.columns, 1, stored), macs=0, lane_macs=0)
    left = unfinished_sums(device, cost, op.rows, op.columns, 1, stored)
    return BankWork("product with ones in the banks", cost, "rows", None, *left)


def _whole_sums(op: Reduction, pim: Pim) -> BankWork:
    """Return sums of one row after the other, each spread over all banks."""
    device, stored = pim.device, pim.number_format
    columns = ceil(op.columns / device.lanes(stored))
    cost = repeated(reduction_cost(device, op.columns, stored), op.rows)
    shares = dealt(device, columns, reduction_tile(device))
    # A sum of one row reads what an elementwise kernel of HBM-PIM leaves.
    modes = device.protocol.modes is not None
    needs: Layout = "interleaved" if modes and op.rows == 1 else "rows"
    if modes:
        busy = sum(count for _, count in shares)
        partial = 2 * device.protocol.pim.registers * hbm.units(device) * busy * op.rows
        return BankWork(
            WHOLE_SUMS,
            cost,
            needs,
            None,
            partial * device.protocol.structure.column_bytes,
            partial * device.lanes(stored) - op.rows,
        )
    roles = device.protocol.pim.roles
    assert roles is not None
    once = roles.accumulates and roles.drain is not None
    partial = (
        device.banks
        * op.rows
        * sum((1 if once else ceil(size / device.columns)) * count for size, count in shares)
    )
    return BankWork(WHOLE_SUMS, cost, needs, additions=partial - op.rows)
