"""How much a vector operator computes and moves for each of its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatch

from accel_sim.hardware.primitives import (
    FUNCTIONS,
    NORM_PASSES,
    NORM_PER_ROW,
    ROTARY,
    SOFTMAX_PASSES,
    SOFTMAX_PER_ROW,
)
from accel_sim.workload.operators import (
    Elementwise,
    Embedding,
    KvAppend,
    Norm,
    Pool,
    Reduction,
    Rotary,
    Routing,
    Softmax,
)
from accel_sim.workload.tensors import Tensor


@dataclass(frozen=True, slots=True)
class RowWork:
    """Work of one row.

    Attributes:
        passes: (operations on each element, elements) of every pass over the row; passes follow one another.
        looked_up: tensors of which a row is read for each row of the output (embedding tables).
    """

    passes: tuple[tuple[Mapping[str, float], float], ...]
    looked_up: tuple[Tensor, ...] = ()


@singledispatch
def row_work(op: object, rows: int, columns: int) -> RowWork:
    """Return the work of one of `rows` rows of `columns` elements of a vector operator."""
    raise TypeError(f"{type(op).__name__} is not a vector operator")


@row_work.register
def _(op: Softmax, rows: int, columns: int) -> RowWork:
    return RowWork((*((operations, columns) for operations in SOFTMAX_PASSES), (SOFTMAX_PER_ROW, 1)))


@row_work.register
def _(op: Norm, rows: int, columns: int) -> RowWork:
    return RowWork((*((operations, columns) for operations in NORM_PASSES[op.kind]), (NORM_PER_ROW, 1)))


@row_work.register
def _(op: Elementwise, rows: int, columns: int) -> RowWork:
    # n inputs of an add or multiply take n - 1 operations, constants included.
    operands = len(op.inputs) + len(op.weights)
    repeats = max(1, operands - 1) if op.function in ("add", "multiply") else 1
    return RowWork(((FUNCTIONS[op.function], columns * repeats),))


@row_work.register
def _(op: Pool, rows: int, columns: int) -> RowWork:
    combine: tuple[Mapping[str, float], float] = (
        {"max" if op.kind == "max" else "add": 1},
        columns * op.window,
    )
    return RowWork((combine,) if op.kind == "max" else (combine, ({"multiply": 1}, columns)))


@row_work.register
def _(op: Reduction, rows: int, columns: int) -> RowWork:
    return RowWork((({"add": 1}, columns),))


@row_work.register
def _(op: Embedding, rows: int, columns: int) -> RowWork:
    sums = len(op.weights) - 1
    return RowWork((({"add": 1}, columns * sums),) if sums else (), looked_up=op.weights)


@row_work.register
def _(op: Rotary, rows: int, columns: int) -> RowWork:
    return RowWork(((ROTARY, columns),))


@row_work.register
def _(op: KvAppend, rows: int, columns: int) -> RowWork:
    return RowWork(())


@row_work.register
def _(op: Routing, rows: int, columns: int) -> RowWork:
    # Softmax over the experts, then one sweep for the maximum for each expert that is chosen.
    softmax = tuple((operations, columns) for operations in SOFTMAX_PASSES)
    return RowWork((*softmax, (SOFTMAX_PER_ROW, 1), ({"max": 1}, columns * op.top_k)))
