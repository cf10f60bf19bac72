"""Cycles and edge traffic of systolic arrays, exact to the cycle for nine register-level schedules.

The array has `rows` x `columns` processing elements (PEs), one register on every link between neighbours,
and operands that enter skewed by one cycle a lane. A GEMM tile M x K times K x N is cut into *folds*, one
array-full each; edge folds are zero-padded, so they occupy the array as long as full ones. Row folds run
inside column folds. T is the number of steps a fold streams.

| dataflow | on the rows | on the columns | streamed (T) |
|---|---|---|---|
| output stationary | M | N | K |
| weight stationary | K | N | M |
| input stationary | K | M | N |

The interval between the starts of two folds, with R rows and C columns:

| schedule | interval | what the next fold waits for |
|---|---|---|
| `serial_shift_down` | T + 2R + C - 2 | all accumulators have finished, then shifted down together |
| `serial_drain` | T + 2R + C - 2 | the last result has left the upward drain chain |
| `pipelined` | max(T, 2R - 1) | its operands find the edge free, its results the drain chain |
| `serial` | T + 2R + C - 1 | the cycle after the last result is readable |
| `back_to_back` | T + 2R + C - 2 | the cycle in which the last result is readable |
| `double_buffered` | max(T, 2R) | the shadow weights of the bottom row have been taken over |

Left out: stalls for operands (the engine's business) and the addition of partial sums of several K folds,
which happens outside the array. Source: register-level simulation; `accel-sim validate systolic` compares.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numba import njit
from numpy.typing import NDArray

Int64Array = NDArray[np.int64]

# Codes that the kernels take; plain integers, because numba freezes module globals into the compiled code.
_OUTPUT, _WEIGHT, _INPUT = 0, 1, 2
_SHIFT_DOWN, _DRAIN, _PIPELINED, _SERIAL, _BACK_TO_BACK, _DOUBLE_BUFFERED = 0, 1, 2, 3, 4, 5
_SCHEDULE_CODES = 6


class Dataflow(StrEnum):
    """Which operand of a GEMM stays in the PEs while the others move."""

    OUTPUT_STATIONARY = "output_stationary"
    WEIGHT_STATIONARY = "weight_stationary"
    INPUT_STATIONARY = "input_stationary"

    @property
    def code(self) -> int:
        """The integer `fold_count` and `edge_words` take."""
        return _DATAFLOW_CODES[self]


class Schedule(StrEnum):
    """How one fold follows another; see the table at the top of this module."""

    SERIAL_SHIFT_DOWN = "serial_shift_down"
    SERIAL_DRAIN = "serial_drain"
    PIPELINED = "pipelined"
    SERIAL = "serial"
    BACK_TO_BACK = "back_to_back"
    DOUBLE_BUFFERED = "double_buffered"


_DATAFLOW_CODES = {
    Dataflow.OUTPUT_STATIONARY: _OUTPUT,
    Dataflow.WEIGHT_STATIONARY: _WEIGHT,
    Dataflow.INPUT_STATIONARY: _INPUT,
}
_OUTPUT_SCHEDULES = {
    Schedule.SERIAL_SHIFT_DOWN: _SHIFT_DOWN,
    Schedule.SERIAL_DRAIN: _DRAIN,
    Schedule.PIPELINED: _PIPELINED,
}
_PRELOADED_SCHEDULES = {
    Schedule.SERIAL: _SERIAL,
    Schedule.BACK_TO_BACK: _BACK_TO_BACK,
    Schedule.DOUBLE_BUFFERED: _DOUBLE_BUFFERED,
}


@dataclass(frozen=True, slots=True)
class SystolicSchedule:
    """A legal combination of dataflow and schedule.

    Attributes:
        dataflow: the stationary operand.
        schedule: how folds follow one another.
        code: the integer `tile_cycles` takes.
        overlaps_folds: whether a fold enters before the previous one has left.
    """

    dataflow: Dataflow
    schedule: Schedule
    code: int
    overlaps_folds: bool


def _legal(dataflow: Dataflow) -> dict[Schedule, int]:
    return _OUTPUT_SCHEDULES if dataflow is Dataflow.OUTPUT_STATIONARY else _PRELOADED_SCHEDULES


SYSTOLIC_SCHEDULES: tuple[SystolicSchedule, ...] = tuple(
    SystolicSchedule(
        dataflow=dataflow,
        schedule=schedule,
        code=dataflow.code * _SCHEDULE_CODES + code,
        overlaps_folds=schedule in (Schedule.PIPELINED, Schedule.DOUBLE_BUFFERED),
    )
    for dataflow in Dataflow
    for schedule, code in _legal(dataflow).items()
)


def legal_schedules(dataflow: Dataflow | str) -> tuple[Schedule, ...]:
    """Return the schedules that a dataflow can run, the slowest first."""
    return tuple(_legal(Dataflow(dataflow)))


def systolic_schedule(dataflow: Dataflow | str, schedule: Schedule | str) -> SystolicSchedule:
    """Return the entry of `SYSTOLIC_SCHEDULES` for two names as a design writes them.

    Raises:
        ValueError: the dataflow cannot run that schedule, or there is none of that name.
    """
    for entry in SYSTOLIC_SCHEDULES:
        if entry.dataflow == dataflow and entry.schedule == schedule:
            return entry
    allowed = ", ".join(legal_schedules(dataflow))
    raise ValueError(f"schedule '{schedule}' is not one of dataflow '{dataflow}' (allowed: {allowed})")


@njit(cache=True)
def _spatial(m: int, n: int, k: int, dataflow: int) -> tuple[int, int, int]:
    """Return the GEMM sizes on the rows, on the columns and over time."""
    if dataflow == _OUTPUT:
        return m, n, k
    if dataflow == _WEIGHT:
        return k, n, m
    return k, m, n


@njit(cache=True)
def _ceil_div(size: int, part: int) -> int:
    return (size + part - 1) // part


@njit(cache=True)
def _fold_interval(steps: int, rows: int, columns: int, schedule: int) -> int:
    """Return the cycles between the starts of two folds that stream `steps` steps each."""
    if schedule == _PIPELINED:
        return max(steps, 2 * rows - 1)
    if schedule == _DOUBLE_BUFFERED:
        return max(steps, 2 * rows)
    if schedule == _SERIAL:
        return steps + 2 * rows + columns - 1
    return steps + 2 * rows + columns - 2


@njit(cache=True)
def _fold_result(steps: int, rows_used: int, columns_used: int, rows: int, columns: int, schedule: int) -> int:
    """Return the cycles from a fold's first operand in to its last valid result readable, both counted.

    The upward drain ends with the last row in use. A global shift moves every row, and partial sums cross the
    whole column, whatever part of the array is in use.
    """
    if schedule == _SHIFT_DOWN:
        return steps + 2 * rows + columns - 2
    if schedule in (_DRAIN, _PIPELINED):
        return steps + 2 * (rows_used - 1) + columns_used
    return steps + 2 * rows + columns_used - 1


@njit(cache=True)
def _one_tile(m: int, n: int, k: int, rows: int, columns: int, schedule: int) -> tuple[int, int]:
    dataflow = schedule // _SCHEDULE_CODES
    kind = schedule % _SCHEDULE_CODES
    down, across, steps = _spatial(m, n, k, dataflow)
    row_folds = _ceil_div(down, rows)
    column_folds = _ceil_div(across, columns)
    folds = row_folds * column_folds
    rows_used = down - (row_folds - 1) * rows
    columns_used = across - (column_folds - 1) * columns
    spacing = _fold_interval(steps, rows, columns, kind)
    last = (folds - 1) * spacing + _fold_result(steps, rows_used, columns_used, rows, columns, kind)
    if column_folds > 1:
        # On an array much wider than tall, the far columns of the last full-width fold can finish after a
        # narrow final fold that started behind it.
        full_width = (folds - 1 - row_folds) * spacing
        full_width += _fold_result(steps, rows_used, columns, rows, columns, kind)
        last = max(last, full_width)
    return folds * spacing, last


@njit(cache=True)
def tile_cycles(
    m: Int64Array, n: Int64Array, k: Int64Array, rows: int, columns: int, schedule: int
) -> tuple[Int64Array, Int64Array]:
    """Return the cycles of each candidate GEMM tile on one array, as `(interval, result)`.

    Args:
        m: int64[t], rows of the M x K operand, at least 1. The product m * n * k must fit int64.
        n: int64[t], columns of the K x N operand, at least 1.
        k: int64[t], depth of the sums, at least 1.
        rows: PEs down the array.
        columns: PEs across the array.
        schedule: `SystolicSchedule.code`.

    Returns:
        interval: int64[t], cycles from the start of a tile until the next tile may start. Exact when the next
            tile streams at least as many steps; after a longer one, a `pipelined` array can need up to
            2 * rows - 2 cycles more, which is left out.
        result: int64[t], cycles from the first operand presented at the edge (the first stationary row
            of a weight- or input-stationary tile) to the last valid result readable there, both counted.
    """
    interval = np.empty(m.size, np.int64)
    result = np.empty(m.size, np.int64)
    for i in range(m.size):
        interval[i], result[i] = _one_tile(m[i], n[i], k[i], rows, columns, schedule)
    return interval, result


@njit(cache=True)
def gang_cycles(
    g: Int64Array,
    m: Int64Array,
    n: Int64Array,
    k: Int64Array,
    rows: int,
    columns: int,
    schedule: int,
    splits: Int64Array,
) -> tuple[Int64Array, Int64Array]:
    """Return `(interval, result)` of tiles of `g` products each on several arrays that share every tile.

    Args:
        g: int64[t], products of a tile.
        m: int64[t], as for `tile_cycles`; so are the next five.
        n: int64[t].
        k: int64[t].
        rows: PEs down each array.
        columns: PEs across each array.
        schedule: `SystolicSchedule.code`.
        splits: int64[p, 3], ways to deal a tile out: in how many parts its products, rows and columns are cut,
            one part an array. The best way is taken for each tile; the busiest array decides.
    """
    interval = np.empty(m.size, np.int64)
    result = np.empty(m.size, np.int64)
    for i in range(m.size):
        best, best_result = -1, 0
        for p in range(len(splits)):
            if (g[i] == 1 and splits[p, 0] > 1) or (m[i] == 1 and splits[p, 1] > 1):
                continue  # nothing there to cut; another way has more parts along the columns
            turns = _ceil_div(g[i], splits[p, 0])
            one, last = _one_tile(
                _ceil_div(m[i], splits[p, 1]), _ceil_div(n[i], splits[p, 2]), k[i], rows, columns, schedule
            )
            spacing, finish = turns * one, (turns - 1) * one + last
            if best < 0 or spacing < best or (spacing == best and finish < best_result):
                best, best_result = spacing, finish
        interval[i], result[i] = best, best_result
    return interval, result


@njit(cache=True)
def fold_count(
    m: Int64Array, n: Int64Array, k: Int64Array, rows: int, columns: int, dataflow: int
) -> Int64Array:
    """Return int64[t], the folds each tile takes; arguments as for `edge_words`."""
    folds = np.empty(m.size, np.int64)
    for i in range(m.size):
        down, across, _ = _spatial(m[i], n[i], k[i], dataflow)
        folds[i] = _ceil_div(down, rows) * _ceil_div(across, columns)
    return folds


@njit(cache=True)
def edge_words(
    m: Int64Array, n: Int64Array, k: Int64Array, rows: int, columns: int, dataflow: int
) -> tuple[Int64Array, Int64Array, Int64Array, Int64Array]:
    """Return the operand and result words that cross the array's edge for each tile.

    A streamed operand is read once for every fold that needs it, a stationary one once in all; padding is not
    read. A stationary output leaves once; otherwise every K fold writes a partial sum, and every one but the
    first reads it back.

    Args:
        m: int64[t], rows of the M x K operand, at least 1.
        n: int64[t], columns of the K x N operand, at least 1.
        k: int64[t], depth of the sums, at least 1.
        rows: PEs down the array.
        columns: PEs across the array.
        dataflow: `Dataflow.code`.

    Returns:
        a_reads: int64[t], words of the M x K operand (activations).
        b_reads: int64[t], words of the K x N operand (weights).
        psum_reads: int64[t], partial sums read back.
        out_writes: int64[t], partial sums and results written.
    """
    a_reads = np.empty(m.size, np.int64)
    b_reads = np.empty(m.size, np.int64)
    psum_reads = np.empty(m.size, np.int64)
    out_writes = np.empty(m.size, np.int64)
    for i in range(m.size):
        down, across, _ = _spatial(m[i], n[i], k[i], dataflow)
        row_folds = _ceil_div(down, rows)
        column_folds = _ceil_div(across, columns)
        a_passes = 1 if dataflow == _INPUT else column_folds
        b_passes = 1
        if dataflow == _OUTPUT:
            b_passes = row_folds
        elif dataflow == _INPUT:
            b_passes = column_folds
        k_folds = 1 if dataflow == _OUTPUT else row_folds
        a_reads[i] = m[i] * k[i] * a_passes
        b_reads[i] = k[i] * n[i] * b_passes
        psum_reads[i] = m[i] * n[i] * (k_folds - 1)
        out_writes[i] = m[i] * n[i] * k_folds
    return a_reads, b_reads, psum_reads, out_writes
