"""The sram suite on the shipped runs of CACTI and on files that a person brings."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from accel_sim.cli import main
from accel_sim.config import InputError
from accel_sim.technology.sram_table import AXES, QUANTITIES
from accel_sim.validation import sram as suite
from accel_sim.validation.suites import run_suite

HEADER = ",".join((*AXES, *QUANTITIES))
Row = dict[str, str]


def shipped() -> list[Row]:
    with suite.REFERENCE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def written(folder: Path, rows: list[Row], change: Callable[[Row], Row] = lambda row: row) -> Path:
    path = folder / "mine.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(map(change, rows))
    return path


def times(factor: float, *names: str) -> Callable[[Row], Row]:
    return lambda row: {**row, **{name: str(factor * float(row[name])) for name in names}}


def test_the_shipped_runs_pass_also_by_fits_that_have_not_seen_them() -> None:
    report = run_suite("sram")
    assert report.passed
    assert [line["rows"] for line in report.rows if line["node_nm"] == "all"] == [870] * 5
    assert len(report.rows) == 25
    for line in report.rows:
        assert tuple(line) == report.columns
        for seen in ("", "cv_", "shape_"):
            assert line[f"{seen}median_pct"] <= 5
            assert line[f"{seen}p95_pct"] <= 20
        assert line["median_pct"] < line["cv_median_pct"] < line["shape_median_pct"]
    assert "All 870 rows were used in the fit" in report.summary[1]


def test_doubled_figures_fail_in_every_line(tmp_path: Path) -> None:
    path = written(tmp_path, shipped(), times(2, *QUANTITIES))
    report = run_suite("sram", path)
    assert not report.passed
    assert not any(line["met"] for line in report.rows)
    assert report.rows[0]["median_pct"] == pytest.approx(50, abs=0.1)
    assert main(["validate", "sram", "--reference", str(path)]) == 1


def test_one_quantity_that_is_off_fails_and_is_named(tmp_path: Path) -> None:
    report = run_suite("sram", written(tmp_path, shipped()[:90], times(1.3, "area_mm2")))
    assert not report.passed
    assert {line["quantity"] for line in report.rows if not line["met"]} == {"area_mm2"}
    assert report.summary[1].startswith("First miss: area_mm2, node ")


def test_only_rows_that_the_fit_has_not_seen_are_judged(tmp_path: Path) -> None:
    rows = [*shipped()[:50], times(1.02, *QUANTITIES)(shipped()[60])]
    report = run_suite("sram", written(tmp_path, rows))
    assert report.passed
    assert all(line["rows"] == 1 for line in report.rows)
    write_energy = next(line for line in report.rows if line["quantity"] == "write_energy_pJ")
    assert write_energy["median_pct"] == pytest.approx(100 * (1 - 1 / 1.02), abs=0.1)
    assert "1 of 51 rows were not used in the fit" in report.summary[1]


def test_other_columns_are_ignored_and_the_order_is_free(tmp_path: Path) -> None:
    rows = [{"note": "mine", **dict(reversed(row.items()))} for row in shipped()]
    written(tmp_path, rows, times(1.001, "read_energy_pJ"))
    assert main(["validate", "sram", "--reference", str(tmp_path / "mine.csv")]) == 0


def test_memories_outside_the_range_of_the_table_are_judged_too(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_text(f"{HEADER}\n67108864,2048,32,65,1,1,1,1,1\n", encoding="utf-8")
    report = run_suite("sram", path)
    assert [line["rows"] for line in report.rows] == [1] * 10


def test_an_area_that_falls_with_size_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, shipped()[:40])
    true_cost = suite.sram

    def falling(capacity: float, *others: float):  # type: ignore[no-untyped-def]
        cost = true_cost(capacity, *others)
        return replace(cost, area_mm2=1 / capacity)

    monkeypatch.setattr(suite, "sram", falling)
    report = run_suite("sram", path)
    assert not report.passed
    assert "area is below that of" in report.summary[-1]


GOOD = "1024,32,1,22,1,1,1,1,1"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((), ":1: is empty (expected a header with size_bytes, "),
        (("size_bytes,width_bits", "1,1"), ":1: column 'banks' is missing (required: size_bytes, "),
        ((HEADER, GOOD, GOOD.replace("22,1", "22,-1")), ":3: read_energy_pJ = -1: must be above 0"),
        ((HEADER, GOOD.replace("1024", "big")), ":2: size_bytes = big: must be a number"),
        ((HEADER, GOOD.replace("22", "3")), ":2: node_nm = 3.0: must be between 5 and 130"),
        ((HEADER, "8,1024,4,22,1,1,1,1,1"), ":2: width_bytes = 128.0: must be at most the 2 bytes of a bank"),
    ],
)
def test_a_bad_reference_is_one_error_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: tuple[str, ...], message: str
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        run_suite("sram", path)
    assert str(caught.value).startswith(f"{path}{message}")
    assert main(["validate", "sram", "--reference", str(path)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
