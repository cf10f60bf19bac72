"""The closed forms of systolic arrays against Verilog arrays simulated at register level."""

from __future__ import annotations

import csv
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from accel_sim.hardware.components.systolic_schedules import (
    SYSTOLIC_SCHEDULES,
    Dataflow,
    Schedule,
    SystolicSchedule,
    fold_count,
    tile_cycles,
)
from accel_sim.validation.systolic import VARIANTS

from . import harness

pytestmark = pytest.mark.skipif(
    bool(harness.missing_tool()), reason=f"needs Icarus Verilog: no {harness.missing_tool()} on the path"
)

# Square, tall, and wide enough (C > 2R) that a narrow last fold finishes before its predecessor.
ARRAYS = ((1, 1), (2, 2), (4, 4), (8, 2), (2, 8), (3, 5))
sizes = st.one_of(st.just(1), st.integers(1, 20))
every_schedule = pytest.mark.parametrize(
    "entry", SYSTOLIC_SCHEDULES, ids=lambda entry: f"{entry.dataflow}-{entry.schedule}"
)


def operands(m: int, n: int, k: int, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return full-range signed 16-bit matrices M x K and K x N."""
    draw = np.random.default_rng(seed)
    return draw.integers(-(2**15), 2**15, (m, k)), draw.integers(-(2**15), 2**15, (k, n))


def closed_form(
    entry: SystolicSchedule, rows: int, columns: int, m: int, n: int, k: int
) -> tuple[int, int, int]:
    """Return folds, cycles to the next tile, and cycles to the last result."""
    tile = [np.array([size]) for size in (m, n, k)]
    interval, result = tile_cycles(*tile, rows, columns, entry.code)
    return int(fold_count(*tile, rows, columns, entry.dataflow.code)[0]), int(interval[0]), int(result[0])


@every_schedule
@settings(max_examples=40, deadline=None)
@given(array=st.sampled_from(ARRAYS), m=sizes, n=sizes, k=sizes, seed=st.integers(0, 2**16))
def test_the_array_computes_the_product_in_exactly_the_cycles_of_the_closed_form(
    entry: SystolicSchedule, array: tuple[int, int], m: int, n: int, k: int, seed: int
) -> None:
    a, b = operands(m, n, k, seed)
    seen = harness.run(entry.dataflow, entry.schedule, *array, a, b)
    folds, interval, result = closed_form(entry, *array, m, n, k)
    np.testing.assert_array_equal(seen.result, a @ b)
    assert (seen.folds, seen.cycles) == (folds, result)
    assert seen.interval is None or seen.interval * folds == interval
    assert seen.collisions == 0


def known_answers() -> list[Any]:
    """Return, for each variant, the reference row with the most folds that a test can afford."""
    with files("accel_sim.validation").joinpath("data/systolic_rtl.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if int(row["rtl_cycles"]) <= 1500]
    best = {row["variant"]: row for row in sorted(rows, key=lambda row: int(row["folds"]))}
    return [pytest.param(row, id=variant) for variant, row in best.items()]


@pytest.mark.parametrize("row", known_answers())
def test_the_array_agrees_with_an_independent_register_level_simulation(row: dict[str, str]) -> None:
    schedule = VARIANTS[row["variant"]]
    rows, columns, m, n, k = (int(row[name]) for name in ("array_rows", "array_cols", "M", "N", "K"))
    a, b = operands(m, n, k)
    seen = harness.run(schedule.dataflow, schedule.schedule, rows, columns, a, b)
    np.testing.assert_array_equal(seen.result, a @ b)
    assert seen.first_in_cycle == int(row["first_in_cycle"])
    assert seen.last_out_cycle == int(row["last_out_cycle"])
    assert seen.interval == int(row["interval_between_folds"])


@pytest.mark.parametrize("rows", [2, 3, 4])
def test_pipelined_folds_any_closer_meet_on_the_drain_chain(rows: int) -> None:
    a, b = operands(m=3 * rows, n=9, k=1)
    legal = harness.run(Dataflow.OUTPUT_STATIONARY, Schedule.PIPELINED, rows, 4, a, b)
    assert legal.interval == 2 * rows - 1
    early = harness.run(Dataflow.OUTPUT_STATIONARY, Schedule.PIPELINED, rows, 4, a, b, interval=2 * rows - 2)
    assert early.collisions > 0
    assert not np.array_equal(early.result, a @ b)


@pytest.mark.parametrize("rows", [2, 3, 4])
def test_double_buffered_folds_two_cycles_closer_overwrite_weights_still_needed(rows: int) -> None:
    # One cycle closer still works here, because this array's multiplier can read the shadow weight directly;
    # the schedule keeps that cycle for arrays without the bypass.
    a, b = operands(m=1, n=9, k=3 * rows)
    legal = harness.run(Dataflow.WEIGHT_STATIONARY, Schedule.DOUBLE_BUFFERED, rows, 4, a, b)
    assert legal.interval == 2 * rows
    np.testing.assert_array_equal(legal.result, a @ b)
    early = harness.run(
        Dataflow.WEIGHT_STATIONARY, Schedule.DOUBLE_BUFFERED, rows, 4, a, b, interval=2 * rows - 2
    )
    assert not np.array_equal(early.result, a @ b)


@pytest.mark.parametrize(
    ("dataflow", "schedule"),
    [
        (Dataflow.OUTPUT_STATIONARY, Schedule.PIPELINED),
        (Dataflow.WEIGHT_STATIONARY, Schedule.DOUBLE_BUFFERED),
        (Dataflow.INPUT_STATIONARY, Schedule.DOUBLE_BUFFERED),
    ],
)
def test_overlapped_folds_start_before_the_results_of_the_previous_fold_are_out(
    dataflow: Dataflow, schedule: Schedule
) -> None:
    one, two = (
        harness.run(dataflow, schedule, 4, 4, *operands(m, 4, k))
        for m, k in ((4, 4), (8, 4) if dataflow is Dataflow.OUTPUT_STATIONARY else (4, 8))
    )
    assert two.interval is not None
    assert two.interval < one.cycles
    assert two.cycles == one.cycles + two.interval
