"""The closed forms of systolic arrays against the shipped reference, and what must always hold of them."""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import Any

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
    legal_schedules,
    systolic_schedule,
    tile_cycles,
)
from accel_sim.validation.reference import read_reference, text, whole_number
from accel_sim.validation.systolic import REFERENCE, predict

Sizes = tuple[int, int, int]

every_schedule = pytest.mark.parametrize(
    "entry", SYSTOLIC_SCHEDULES, ids=lambda entry: f"{entry.dataflow}-{entry.schedule}"
)
every_dataflow = pytest.mark.parametrize("dataflow", Dataflow)
any_size = st.integers(1, 5000)
any_side = st.integers(1, 64)
properties = settings(deadline=None)  # the first example compiles the kernel


def cycles(entry: SystolicSchedule, rows: int, columns: int, sizes: Sizes) -> tuple[int, int]:
    """Return `tile_cycles` of one tile."""
    interval, result = tile_cycles(*(np.array([size]) for size in sizes), rows, columns, entry.code)
    return int(interval[0]), int(result[0])


def words(dataflow: Dataflow, rows: int, columns: int, sizes: Sizes) -> tuple[int, ...]:
    """Return `edge_words` of one tile."""
    counts = edge_words(*(np.array([size]) for size in sizes), rows, columns, dataflow.code)
    return tuple(int(count[0]) for count in counts)


def reference_groups() -> list[Any]:
    """Return the rows of the shipped table by schedule and array."""
    names = ("array_rows", "array_cols", "M", "N", "K", "folds", "interval_between_folds", "rtl_cycles")
    rows = read_reference(REFERENCE, {"variant": text, **dict.fromkeys(names, whole_number)})

    def key(row: Any) -> tuple[str, int, int]:
        return row["variant"], row["array_rows"], row["array_cols"]

    return [
        pytest.param(list(group), id=f"{variant}-{rows}x{columns}")
        for (variant, rows, columns), group in groupby(sorted(rows, key=key), key)
    ]


@pytest.mark.parametrize("rows", reference_groups())
def test_every_reference_row_is_reproduced_to_the_cycle(rows: list[Any]) -> None:
    for row in rows:
        for column, value in predict(row).items():
            assert value == row[column], f"{row.place}: {column}"


@every_schedule
@properties
@given(rows=any_side, columns=any_side, m=any_size, n=any_size, k=any_size, more=st.integers(1, 200))
def test_a_larger_gemm_never_takes_fewer_cycles(
    entry: SystolicSchedule, rows: int, columns: int, m: int, n: int, k: int, more: int
) -> None:
    small = cycles(entry, rows, columns, (m, n, k))
    for larger in ((m + more, n, k), (m, n + more, k), (m, n, k + more)):
        large = cycles(entry, rows, columns, larger)
        assert all(big >= little for big, little in zip(large, small, strict=True))


@every_schedule
@properties
@given(rows=any_side, columns=any_side, m=any_size, n=any_size, k=any_size)
def test_no_array_does_more_than_one_mac_per_pe_and_cycle(
    entry: SystolicSchedule, rows: int, columns: int, m: int, n: int, k: int
) -> None:
    for total in cycles(entry, rows, columns, (m, n, k)):
        assert m * n * k <= total * rows * columns


@every_schedule
@properties
@given(rows=any_side, columns=any_side, m=any_size, n=any_size, k=any_size)
def test_results_trail_the_interval_by_less_than_one_crossing_of_the_array(
    entry: SystolicSchedule, rows: int, columns: int, m: int, n: int, k: int
) -> None:
    interval, result = cycles(entry, rows, columns, (m, n, k))
    if entry.overlaps_folds:
        assert result < interval + 2 * rows + columns
    else:
        assert result <= interval + 1


@pytest.mark.parametrize("schedule", legal_schedules(Dataflow.WEIGHT_STATIONARY))
@properties
@given(rows=any_side, columns=any_side, m=any_size, n=any_size, k=any_size)
def test_input_stationary_is_weight_stationary_on_the_transposed_product(
    schedule: Schedule, rows: int, columns: int, m: int, n: int, k: int
) -> None:
    weights = systolic_schedule(Dataflow.WEIGHT_STATIONARY, schedule)
    inputs = systolic_schedule(Dataflow.INPUT_STATIONARY, schedule)
    assert cycles(inputs, rows, columns, (m, n, k)) == cycles(weights, rows, columns, (n, m, k))
    a_reads, b_reads, *sums = words(Dataflow.INPUT_STATIONARY, rows, columns, (m, n, k))
    assert [b_reads, a_reads, *sums] == list(words(Dataflow.WEIGHT_STATIONARY, rows, columns, (n, m, k)))


@every_dataflow
@properties
@given(rows=any_side, columns=any_side, m=any_size, n=any_size, k=any_size)
def test_every_schedule_is_at_least_as_fast_as_the_one_listed_before_it(
    dataflow: Dataflow, rows: int, columns: int, m: int, n: int, k: int
) -> None:
    totals = [
        cycles(systolic_schedule(dataflow, schedule), rows, columns, (m, n, k))
        for schedule in legal_schedules(dataflow)
    ]
    for slow, fast in pairwise(totals):
        assert all(quick <= long for quick, long in zip(fast, slow, strict=True))


@every_dataflow
@properties
@given(rows=any_side, columns=any_side, m=any_size, n=any_size, k=any_size)
def test_every_operand_crosses_the_edge_at_least_once_and_every_result_nets_one_write(
    dataflow: Dataflow, rows: int, columns: int, m: int, n: int, k: int
) -> None:
    a_reads, b_reads, psum_reads, out_writes = words(dataflow, rows, columns, (m, n, k))
    assert a_reads >= m * k
    assert b_reads >= k * n
    assert out_writes - psum_reads == m * n


@every_schedule
def test_pricing_many_tiles_at_once_equals_pricing_them_one_by_one(entry: SystolicSchedule) -> None:
    sizes = np.random.default_rng(0).integers(1, 300, (3, 64))
    interval, result = tile_cycles(*sizes, 8, 16, entry.code)
    alone = [cycles(entry, 8, 16, tuple(tile)) for tile in sizes.T.tolist()]
    assert list(zip(interval.tolist(), result.tolist(), strict=True)) == alone


def test_an_array_prices_no_tiles() -> None:
    none = np.empty(0, np.int64)
    assert [len(out) for out in tile_cycles(none, none, none, 4, 4, 0)] == [0, 0]


@pytest.mark.parametrize(
    ("dataflow", "schedule", "sizes", "expected"),
    [
        # One full 4 x 4 fold of depth 4: 4 steps, 3 + 3 to the far corner, 4 to shift out.
        ("output_stationary", "serial_shift_down", (4, 4, 4), 14),
        # 4 steps, 3 + 3 to the far corner, 1 into the drain chain and 3 up it.
        ("output_stationary", "serial_drain", (4, 4, 4), 14),
        # 4 weight rows, 4 samples, 3 down and 3 across, 1 to be readable.
        ("weight_stationary", "serial", (4, 4, 4), 15),
    ],
)
def test_one_fold_costs_what_its_wavefront_costs(
    dataflow: str, schedule: str, sizes: Sizes, expected: int
) -> None:
    assert cycles(systolic_schedule(dataflow, schedule), 4, 4, sizes)[1] == expected


def test_a_narrow_last_fold_on_a_wide_array_does_not_hide_the_fold_before_it() -> None:
    # Fold 0 spans 8 columns and ends in cycle 1 + 7; fold 1 starts 3 cycles later and needs a single column.
    pipelined = systolic_schedule("output_stationary", "pipelined")
    assert cycles(pipelined, 2, 8, (1, 9, 1)) == (6, 9)


def test_a_schedule_of_another_dataflow_is_refused_with_those_allowed() -> None:
    with pytest.raises(ValueError, match=r"'pipelined'.*allowed: serial, back_to_back, double_buffered"):
        systolic_schedule("weight_stationary", "pipelined")
