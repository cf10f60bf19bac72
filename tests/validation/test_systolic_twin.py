"""The closed forms of systolic arrays against a slow twin that lays out every word in every cycle.

The twin knows where a fold's work and results are, cycle by cycle, and starts each fold as early as the
hardware allows; it knows no interval.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.hardware.components.systolic_schedules import (
    SYSTOLIC_SCHEDULES,
    Dataflow,
    Schedule,
    SystolicSchedule,
    edge_words,
    fold_count,
    tile_cycles,
)

Sizes = tuple[int, int, int]

tiny_size = st.integers(1, 12)
tiny_side = st.integers(1, 5)


@dataclass
class Fold:
    """What one fold does if it starts in cycle `start`, padding included."""

    start: int
    macs: set[tuple[int, int, int]]  # (row, column, cycle): no PE does two in a cycle
    readable: dict[tuple[int, int], int]  # (row or sample, column): cycle at the edge
    load_begins: list[int]  # by column; empty when outputs are stationary
    shadow_free: list[int]  # by column: first cycle in which the next load may begin


def output_stationary_fold(entry: SystolicSchedule, rows: int, columns: int, steps: int, start: int) -> Fold:
    macs = {(r, c, start + step + r + c) for r in range(rows) for c in range(columns) for step in range(steps)}
    finished = {
        (r, c): max(t for i, j, t in macs if (i, j) == (r, c)) for r in range(rows) for c in range(columns)
    }
    if entry.schedule is Schedule.SERIAL_SHIFT_DOWN:
        shift_begins = max(finished.values()) + 1
        readable = {(r, c): shift_begins + rows - 1 - r for r, c in finished}
    else:
        readable = {(r, c): end + 1 + r for (r, c), end in finished.items()}
    return Fold(start, macs, readable, [], [])


def preloaded_fold(entry: SystolicSchedule, rows: int, columns: int, steps: int, start: int) -> Fold:
    enters = start + rows
    macs = {(r, c, enters + step + r + c) for r in range(rows) for c in range(columns) for step in range(steps)}
    readable = {(t, c): enters + t + rows - 1 + c + 1 for t in range(steps) for c in range(columns)}
    tag_leaves = [enters + rows - 1 + c for c in range(columns)]
    return Fold(start, macs, readable, [start + c for c in range(columns)], [t + 1 for t in tag_leaves])


def may_follow(entry: SystolicSchedule, old: Fold, new: Fold) -> bool:
    """Whether `new` may run behind `old` on one array."""
    drained = max(old.readable.values())
    if entry.schedule is Schedule.BACK_TO_BACK:
        return new.start >= drained
    if not entry.overlaps_folds:
        return new.start > drained
    columns = {column for _, column in old.readable}
    in_order = all(
        max(t for (_, c), t in old.readable.items() if c == column)
        < min(t for (_, c), t in new.readable.items() if c == column)
        for column in columns
    )
    loads_fit = all(new >= free for new, free in zip(new.load_begins, old.shadow_free, strict=True))
    return in_order and loads_fit and not old.macs & new.macs


def twin(entry: SystolicSchedule, rows: int, columns: int, sizes: Sizes) -> tuple[int, int]:
    """Return what `tile_cycles` returns, by laying fold after fold at the earliest legal start."""
    m, n, k = sizes
    if entry.dataflow is Dataflow.INPUT_STATIONARY:
        m, n = n, m
    outputs_stay = entry.dataflow is Dataflow.OUTPUT_STATIONARY
    down, steps = (m, k) if outputs_stay else (k, m)
    make = output_stationary_fold if outputs_stay else preloaded_fold
    origins = [(top, left) for left in range(0, n, columns) for top in range(0, down, rows)]
    folds = [make(entry, rows, columns, steps, 0)]
    for _ in origins:  # one more than there are: the next tile
        start = folds[-1].start + 1
        while not may_follow(entry, folds[-1], new := make(entry, rows, columns, steps, start)):
            start += 1
        folds.append(new)
    last_out = max(
        cycle
        for fold, (top, left) in zip(folds, origins, strict=False)
        for (r, c), cycle in fold.readable.items()
        if left + c < n and (not outputs_stay or top + r < m)
    )
    return folds[-1].start, last_out + 1


@pytest.mark.parametrize("entry", SYSTOLIC_SCHEDULES, ids=lambda entry: f"{entry.dataflow}-{entry.schedule}")
@settings(max_examples=30, deadline=None)
@given(rows=tiny_side, columns=tiny_side, m=tiny_size, n=tiny_size, k=tiny_size)
def test_the_closed_form_equals_folds_laid_at_their_earliest_legal_start(
    entry: SystolicSchedule, rows: int, columns: int, m: int, n: int, k: int
) -> None:
    tile = [np.array([size]) for size in (m, n, k)]
    interval, result = tile_cycles(*tile, rows, columns, entry.code)
    assert (interval[0], result[0]) == twin(entry, rows, columns, (m, n, k))


@pytest.mark.parametrize("dataflow", Dataflow)
@settings(deadline=None)
@given(rows=tiny_side, columns=tiny_side, m=tiny_size, n=tiny_size, k=tiny_size)
def test_edge_words_equal_a_count_over_the_folds(
    dataflow: Dataflow, rows: int, columns: int, m: int, n: int, k: int
) -> None:
    down, across = {
        Dataflow.OUTPUT_STATIONARY: (m, n),
        Dataflow.WEIGHT_STATIONARY: (k, n),
        Dataflow.INPUT_STATIONARY: (k, m),
    }[dataflow]
    a_reads = b_reads = psum_reads = out_writes = folds = 0
    for left in range(0, across, columns):
        for top in range(0, down, rows):
            used_down, used_across = min(rows, down - top), min(columns, across - left)
            a_words, b_words, sums = {
                Dataflow.OUTPUT_STATIONARY: (used_down * k, k * used_across, used_down * used_across),
                Dataflow.WEIGHT_STATIONARY: (m * used_down, used_down * used_across, m * used_across),
                Dataflow.INPUT_STATIONARY: (used_across * used_down, used_down * n, used_across * n),
            }[dataflow]
            folds += 1
            a_reads += a_words
            b_reads += b_words
            out_writes += sums
            if top > 0 and dataflow is not Dataflow.OUTPUT_STATIONARY:
                psum_reads += sums
    tile = [np.array([size]) for size in (m, n, k)]
    counted = [int(words[0]) for words in edge_words(*tile, rows, columns, dataflow.code)]
    assert counted == [a_reads, b_reads, psum_reads, out_writes]
    assert fold_count(*tile, rows, columns, dataflow.code)[0] == folds
