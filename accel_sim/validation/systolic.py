"""Systolic arrays: the closed forms against cycles of register-level simulation, exact or failed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from accel_sim.hardware.components.systolic_schedules import (
    Dataflow,
    Schedule,
    SystolicSchedule,
    fold_count,
    systolic_schedule,
    tile_cycles,
)
from accel_sim.validation.reference import ReferenceRow, one_of, read_reference, size, whole_number
from accel_sim.validation.report import Report

REFERENCE = Path(__file__).parent / "data" / "systolic_rtl.csv"

# The schedules under the names that the register-level simulations gave them.
VARIANTS: dict[str, SystolicSchedule] = {
    name: systolic_schedule(dataflow, schedule)
    for name, dataflow, schedule in (
        ("os_global_shift_down_serial", Dataflow.OUTPUT_STATIONARY, Schedule.SERIAL_SHIFT_DOWN),
        ("os_upward_drain_serial", Dataflow.OUTPUT_STATIONARY, Schedule.SERIAL_DRAIN),
        ("os_upward_drain_pipelined", Dataflow.OUTPUT_STATIONARY, Schedule.PIPELINED),
        ("ws_serial", Dataflow.WEIGHT_STATIONARY, Schedule.SERIAL),
        ("ws_serial_1cycle_overlap", Dataflow.WEIGHT_STATIONARY, Schedule.BACK_TO_BACK),
        ("ws_double_buffered_weights", Dataflow.WEIGHT_STATIONARY, Schedule.DOUBLE_BUFFERED),
        ("is_serial", Dataflow.INPUT_STATIONARY, Schedule.SERIAL),
        ("is_serial_1cycle_overlap", Dataflow.INPUT_STATIONARY, Schedule.BACK_TO_BACK),
        ("is_double_buffered_weights", Dataflow.INPUT_STATIONARY, Schedule.DOUBLE_BUFFERED),
    )
}

_COLUMNS = {
    "variant": one_of(VARIANTS),
    "array_rows": size,
    "array_cols": size,
    "M": size,
    "N": size,
    "K": size,
    "rtl_cycles": whole_number,
}
_OPTIONAL = {"folds": whole_number, "interval_between_folds": whole_number}


def predict(row: ReferenceRow) -> dict[str, int]:
    """Return what the closed forms give for a reference row, keyed by its columns."""
    entry = VARIANTS[row["variant"]]
    m, n, k = (np.array([row[name]], np.int64) for name in ("M", "N", "K"))
    array_rows, array_columns = row["array_rows"], row["array_cols"]
    folds = int(fold_count(m, n, k, array_rows, array_columns, entry.dataflow.code)[0])
    interval, result = tile_cycles(m, n, k, array_rows, array_columns, entry.code)
    return {
        "rtl_cycles": int(result[0]),
        "folds": folds,
        "interval_between_folds": int(interval[0]) // folds,
    }


def validate(reference: Path | None = None) -> Report:
    """Return how many rows of each schedule the closed forms reproduce to the cycle.

    Args:
        reference: a CSV file with the columns of `systolic_rtl.md`; None for the shipped one.

    Raises:
        InputError: the file cannot be read, or a row is malformed.
    """
    rows = read_reference(reference or REFERENCE, _COLUMNS, _OPTIONAL)
    differences = [_differences(row) for row in rows]
    table = [
        _line(
            variant,
            [found for row, found in zip(rows, differences, strict=True) if row["variant"] == variant],
        )
        for variant in VARIANTS
        if any(row["variant"] == variant for row in rows)
    ]
    wrong = [(row, found) for row, found in zip(rows, differences, strict=True) if any(found.values())]
    return Report(
        suite="systolic",
        reference=str(reference) if reference else REFERENCE.name,
        columns=tuple(table[0]),
        rows=tuple(table),
        passed=not wrong,
        summary=_summary(rows, wrong),
    )


def _differences(row: ReferenceRow) -> dict[str, int]:
    """Return prediction minus reference for each compared column that the row has."""
    return {name: value - row[name] for name, value in predict(row).items() if name in row.values}


def _line(variant: str, differences: Sequence[dict[str, int]]) -> dict[str, Any]:
    def exact(column: str) -> int | None:
        found = [difference[column] for difference in differences if column in difference]
        return found.count(0) if found else None

    return {
        "variant": variant,
        "rows": len(differences),
        "exact_rows": exact("rtl_cycles"),
        "largest_difference_cycles": max((found["rtl_cycles"] for found in differences), key=abs),
        "exact_folds": exact("folds"),
        "exact_intervals": exact("interval_between_folds"),
    }


def _summary(
    rows: Sequence[ReferenceRow], wrong: Sequence[tuple[ReferenceRow, dict[str, int]]]
) -> tuple[str, ...]:
    verdict = f"{len(rows) - len(wrong)} of {len(rows)} rows agree exactly in every compared column."
    if not wrong:
        return (verdict,)
    row, found = wrong[0]
    off = ", ".join(f"{name} {value:+d}" for name, value in found.items() if value)
    return (verdict, f"First difference, prediction minus reference: {row.place}: {row['variant']}: {off}.")
