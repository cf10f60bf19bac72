"""The forest over DRAM controllers: the independent errors, tables of one's own, and a unit that is dropped."""

from __future__ import annotations

from pathlib import Path

import pytest

from accel_sim.config import InputError
from accel_sim.explore.tabulated import tabulated_designs
from accel_sim.validation import dramgym
from accel_sim.validation.suites import run_suite


@pytest.fixture(scope="module")
def report():
    return run_suite("dramgym")


@pytest.mark.slow
def test_the_forest_has_the_independent_errors_and_the_dropped_unit_ruins_them(report):
    assert report.passed
    assert len(report.rows) == 16
    for row in report.rows:
        assert row["holds"], row
        assert (row["rmse_pct"] > 50) == (row["metric"] == dramgym.UNITLESS)


@pytest.mark.slow
def test_the_claim_of_archgym_is_not_reached_with_so_few_designs(report):
    assert min(row["rmse_pct"] for row in report.rows) > dramgym.CLAIMED_PCT


def test_every_trace_has_the_same_400_designs_and_each_is_evaluated_to_its_row():
    tables = dramgym.read_designs()
    designs = {trace: tabulated_designs(table) for trace, table in tables.items()}
    assert list(designs) == ["random.stl", "stream.stl", "cloud-1.stl", "cloud-2.stl"]
    first, *others = designs.values()
    assert len(first.candidates) == 400 and all(d.candidates == first.candidates for d in others)
    # Base rates: the share of random designs within 1 % of the least time.
    near = {}
    for trace, known in designs.items():
        times = [known.evaluate(candidate)["total_time_ns"] for candidate in known.candidates]
        near[trace] = sum(time <= 1.01 * min(times) for time in times) / len(times)
    assert near == pytest.approx(
        {"random.stl": 0.015, "cloud-1.stl": 0.0225, "cloud-2.stl": 0.02, "stream.stl": 0.4075}
    )


def test_the_printed_time_is_the_time_in_one_unit():
    lines = dramgym.REFERENCE.read_text(encoding="utf-8").splitlines()
    header = lines[0].split(",")
    to_ns = {"ps": 1e-3, "ns": 1.0, "us": 1e3}
    met = set()
    for line in lines[1:]:
        row = dict(zip(header, line.split(","), strict=True))
        number, unit = row["total_time_printed"].split()
        met.add(unit)
        assert float(number) * to_ns[unit] == pytest.approx(float(row["total_time_ns"]))
    assert met == set(to_ns)


def test_a_table_of_ones_own_is_measured_and_compared_with_nothing(tmp_path: Path):
    lines = dramgym.REFERENCE.read_text(encoding="utf-8").splitlines()
    path = tmp_path / "own.csv"
    path.write_text("\n".join([lines[0], *(line for line in lines if ",stream.stl," in line)][:31]))
    report = run_suite("dramgym", path)
    assert report.passed and len(report.rows) == 4
    assert {row["holds"] for row in report.rows} == {None}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("FrFcfs,", "FrFcf,", "Scheduler = FrFcf: is not known (did you mean 'FrFcfs'?)"),
        (",98,", ",129,", "MaxActiveTransactions = 129: must be a whole number from 1 to 128"),
        (",2830.88,", ",-1,", "power_mW = -1: must be above 0"),
    ],
)
def test_a_row_outside_the_space_is_one_error(tmp_path: Path, old: str, new: str, message: str):
    lines = dramgym.REFERENCE.read_text(encoding="utf-8").splitlines()[:3]
    path = tmp_path / "own.csv"
    path.write_text("\n".join([lines[0], lines[1].replace(old, new), lines[2]]))
    with pytest.raises(InputError) as caught:
        run_suite("dramgym", path)
    assert f"own.csv:2: {message}" in str(caught.value)
