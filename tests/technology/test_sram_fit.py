"""The fit of the SRAM table to CACTI: its error on runs it has not seen, its shape, its redoing."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from accel_sim.technology.sram_fit import CactiRuns, Fit, percentile, random_folds, shipped_runs, write_table
from accel_sim.technology.sram_table import AXES, QUANTITIES
from accel_sim.technology.tables import read_table

# As the docstring of technology/sram.py states them: median and 95th percentile of the relative error.
STATED_ERRORS = {
    "fitted to": ((0.0003, 0.003), (0.0002, 0.002), (0.0002, 0.002), (0.005, 0.10), (0.0002, 0.002)),
    "a tenth left out": ((0.016, 0.10), (0.008, 0.06), (0.008, 0.052), (0.021, 0.135), (0.01, 0.05)),
    "a shape left out": ((0.043, 0.175), (0.024, 0.115), (0.021, 0.085), (0.043, 0.165), (0.02, 0.08)),
}


@pytest.fixture(scope="module")
def fit() -> Fit:
    return Fit(shipped_runs())


@pytest.fixture(scope="module")
def errors(fit: Fit) -> dict[str, np.ndarray]:
    return {
        "fitted to": fit.errors(),
        "a tenth left out": fit.cross_validated_errors(random_folds(len(fit.runs.rows))),
        "a shape left out": fit.cross_validated_errors(fit.runs.shapes),
    }


@pytest.mark.parametrize("seen", STATED_ERRORS)
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_errors_are_as_stated(errors: dict[str, np.ndarray], quantity: str, seen: str) -> None:
    column = QUANTITIES.index(quantity)
    found = errors[seen][:, column]
    assert len(found) == 870
    for percent, stated in zip((50, 95), STATED_ERRORS[seen][column], strict=True):
        assert percentile(found, percent) <= stated
        if seen != "fitted to":
            assert percentile(found, percent) >= 0.85 * stated


@pytest.mark.parametrize("seen", ["a tenth left out", "a shape left out"])
def test_runs_left_out_are_met_within_5_percent_at_the_median_and_20_at_the_95th_percentile(
    errors: dict[str, np.ndarray], seen: str
) -> None:
    for column in errors[seen].T:
        assert percentile(column, 50) <= 0.05
        assert percentile(column, 95) <= 0.20


def test_leaving_runs_out_gives_the_table_of_a_fit_that_never_had_them(fit: Fit) -> None:
    runs = fit.runs
    left_out = np.flatnonzero(random_folds(len(runs.rows)) == 3)
    kept = np.setdiff1d(np.arange(len(runs.rows)), left_out)
    without = Fit(CactiRuns(runs.inputs[kept], runs.logs[kept]))
    assert np.allclose(fit.table(left_out), without.table(), rtol=0, atol=1e-6)


def test_what_was_left_out_has_no_influence(fit: Fit) -> None:
    runs = fit.runs
    left_out = np.flatnonzero(runs.shapes == runs.shapes[100])
    logs = runs.logs.copy()
    logs[left_out] += 1.0
    other = Fit(CactiRuns(runs.inputs, logs))
    assert np.allclose(fit.table(left_out), other.table(left_out), rtol=0, atol=1e-6)
    assert not np.allclose(fit.table(), other.table(), rtol=0, atol=0.1)


def test_refitting_writes_the_shipped_table(tmp_path: Path) -> None:
    write_table(tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as file:
        refitted = list(csv.DictReader(file))
    shipped = read_table("sram_table")
    assert len(refitted) == len(shipped)
    for ours, theirs in zip(refitted, shipped, strict=True):
        assert [ours[name] for name in AXES] == [theirs[name] for name in AXES]
        for name in QUANTITIES:
            assert float(ours[name]) == pytest.approx(float(theirs[name]), rel=2e-4)


def shipped_logs(quantity: str) -> np.ndarray:
    """Return the logarithms of a quantity by size, width, banks and node."""
    rows = read_table("sram_table")
    inputs = [[float(row[name]) for name in AXES] for row in rows]
    grid = np.stack(np.meshgrid(*AXES.values(), indexing="ij"), axis=-1)
    assert np.array_equal(np.array(inputs), grid.reshape(-1, 4))
    return np.log([float(row[quantity]) for row in rows]).reshape(grid.shape[:-1])


@pytest.mark.parametrize("quantity", ["read_energy_pJ", "write_energy_pJ", "area_mm2"])
def test_energy_and_area_rise_with_size_width_and_node_along_the_whole_table(quantity: str) -> None:
    table = shipped_logs(quantity)
    for axis in (0, 1, 3):
        assert (np.diff(table, axis=axis) >= 0).all()
    at_the_greatest_width = table[:, -1]
    assert (np.diff(at_the_greatest_width, axis=0) <= np.log(2)).all()


def test_leakage_rises_with_size_along_the_whole_table() -> None:
    assert (np.diff(shipped_logs("leak_mW_total"), axis=0) >= 0).all()
