"""The synthesis suite: OPT1 is predicted from plain arrays alone, and wrong files get one clear line."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from accel_sim.config import InputError
from accel_sim.technology.circuits.circuit import area_um2
from accel_sim.validation.reference import ReferenceRow
from accel_sim.validation.suites import run_suite
from accel_sim.validation.synthesis import BOUND, REFERENCE, calibrate
from accel_sim.validation.tensor_arrays import CARRY_SAVE, PLAIN, REPLACES

Row = dict[str, str]
SHIPPED: list[Row] = list(csv.DictReader(REFERENCE.open(encoding="utf-8", newline="")))
AREAS = ("cell_area_um2", "comb_area_um2", "noncomb_area_um2")
CALIBRATING = (*PLAIN, "OPT1/systolic_array_os/mac_pe")


def file_of(folder: Path, rows: list[Row]) -> Path:
    path = folder / "mine.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def scaled(row: Row, columns: tuple[str, ...], factor: float) -> Row:
    return row | {column: str(float(row[column]) * factor) for column in columns if row[column]}


def changed(where: Callable[[Row], bool], change: Callable[[Row], Row]) -> list[Row]:
    return [change(row) if where(row) else row for row in SHIPPED]


def parsed(rows: list[Row]) -> list[ReferenceRow]:
    numbers = ("clock_ns", *AREAS)
    return [
        ReferenceRow("x", i, row | {name: float(row[name]) for name in numbers})
        for i, row in enumerate(rows)
        if row["timing_met"] == "True"
    ]


def test_every_comparison_of_the_shipped_reports_is_within_its_bound() -> None:
    report = run_suite("synthesis")
    assert report.passed
    gated = [row for row in report.rows if "met" in row]
    assert {row["variant"] for row in gated} == {variant.split("/")[1] for variant in CARRY_SAVE}
    for row in gated:
        assert row["met"]
        assert abs(row["area_off"]) <= BOUND
        assert abs(row["leakage_off"]) <= BOUND
        assert row["area_off"] == pytest.approx(row["predicted_area_ratio"] / row["area_ratio"] - 1)


@pytest.mark.parametrize("variant", CARRY_SAVE)
def test_measured_ratios_are_those_of_the_reports_at_the_fastest_clocks(variant: str) -> None:
    def fastest(name: str) -> Row:
        met = [row for row in SHIPPED if row["variant"] == name and row["timing_met"] == "True"]
        return min(met, key=lambda row: float(row["clock_ns"]))

    opt1, plain = fastest(variant), fastest(REPLACES[variant])
    (line,) = (
        row
        for row in run_suite("synthesis").rows
        if row["variant"] == variant.split("/")[1] and row["clocks"] == "fastest"
    )
    assert line["area_ratio"] == pytest.approx(float(opt1["cell_area_um2"]) / float(plain["cell_area_um2"]))
    assert line["leakage_ratio"] == pytest.approx(float(opt1["leakage_mW"]) / float(plain["leakage_mW"]))


def test_calibration_uses_plain_rows_only() -> None:
    usual = calibrate(parsed(SHIPPED), "x")
    others = changed(lambda row: row["variant"] not in CALIBRATING, lambda row: scaled(row, AREAS, 7.0))
    assert others != SHIPPED
    assert calibrate(parsed(others), "x") == usual
    assert calibrate(parsed([row for row in SHIPPED if row["variant"] in CALIBRATING]), "x") == usual


@pytest.mark.parametrize("variant", PLAIN)
def test_calibration_follows_the_area_of_every_plain_array(variant: str) -> None:
    usual = calibrate(parsed(SHIPPED), "x")
    larger = calibrate(
        parsed(changed(lambda row: row["variant"] == variant, lambda row: scaled(row, AREAS, 8.0))), "x"
    )
    # The geometric mean of three arrays, one of which is eight times as large.
    assert larger.logic == pytest.approx(2 * usual.logic)
    assert larger.registers_fastest == pytest.approx(2 * usual.registers_fastest)
    assert larger.registers_relaxed == usual.registers_relaxed


def test_scaling_every_area_scales_the_library_and_no_ratio(tmp_path: Path) -> None:
    usual = run_suite("synthesis")
    report = run_suite(
        "synthesis", file_of(tmp_path, changed(lambda row: True, lambda row: scaled(row, AREAS, 3)))
    )
    for one, other in zip(usual.rows, report.rows, strict=True):
        assert one.get("area_off") == pytest.approx(other.get("area_off"))
        assert one.get("leakage_off") == pytest.approx(other.get("leakage_off"))
        assert other["pe_area_um2"] == pytest.approx(3 * one["pe_area_um2"])


def test_swapping_the_areas_of_opt1_and_plain_arrays_fails(tmp_path: Path) -> None:
    names = REPLACES | {plain: opt1 for opt1, plain in REPLACES.items()}
    swapped = [row | {"variant": names.get(row["variant"], row["variant"])} for row in SHIPPED]
    report = run_suite("synthesis", file_of(tmp_path, swapped))
    assert not report.passed
    assert not report.summary[0].startswith("5 of 5")


@pytest.mark.parametrize("column", ["cell_area_um2", "leakage_mW"])
@pytest.mark.parametrize("factor", [0.7, 1.4])
def test_an_opt1_array_of_another_area_or_leakage_fails(tmp_path: Path, column: str, factor: float) -> None:
    rows = changed(lambda row: row["variant"] in CARRY_SAVE, lambda row: scaled(row, (column,), factor))
    report = run_suite("synthesis", file_of(tmp_path, rows))
    assert not report.passed
    assert report.summary[0].startswith("0 of 5")


def test_energy_is_printed_and_decides_nothing(tmp_path: Path) -> None:
    rows = changed(lambda row: row["variant"] in CARRY_SAVE, lambda row: scaled(row, ("dynamic_mW",), 9.0))
    report = run_suite("synthesis", file_of(tmp_path, rows))
    assert report.passed
    assert "Energy per cycle, not gated: 0 of 5" in report.summary[1]


@pytest.mark.parametrize("timing_met", ["False", ""])
def test_rows_that_missed_their_timing_or_do_not_say_are_ignored(tmp_path: Path, timing_met: str) -> None:
    wrong = [
        scaled(row, AREAS, 50.0) | {"clock_ns": "0.1", "timing_met": timing_met}
        for row in SHIPPED
        if row["timing_met"] == "True"
    ]
    met = [row for row in SHIPPED if row["timing_met"] == "True"]
    assert run_suite("synthesis", file_of(tmp_path, [*wrong, *met])).rows == run_suite("synthesis").rows


def test_one_pair_of_arrays_is_enough_and_has_only_its_own_lines(tmp_path: Path) -> None:
    ws = "OPT1/systolic_array_ws/array_opt1_based"
    rows = [row for row in SHIPPED if row["variant"] in (*CALIBRATING, ws)]
    report = run_suite("synthesis", file_of(tmp_path, rows))
    assert [row["variant"] for row in report.rows] == ["systolic_array_ws"] * 2


@pytest.mark.parametrize("variant", CALIBRATING)
def test_without_a_plain_row_nothing_can_be_calibrated_and_one_line_says_so(
    tmp_path: Path, variant: str
) -> None:
    path = file_of(tmp_path, [row for row in SHIPPED if row["variant"] != variant])
    with pytest.raises(InputError) as caught:
        run_suite("synthesis", path)
    assert str(caught.value).startswith(f"{path}: no row of {variant} that met its timing")


def test_without_any_opt1_row_there_is_nothing_to_predict(tmp_path: Path) -> None:
    path = file_of(tmp_path, [row for row in SHIPPED if row["variant"] in CALIBRATING])
    with pytest.raises(InputError) as caught:
        run_suite("synthesis", path)
    assert str(caught.value).startswith(f"{path}: no row of an OPT1 array that met its timing")


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("variant", "", "variant = : must not be empty"),
        ("clock_ns", "0", "clock_ns = 0: must be above 0"),
        ("clock_ns", "fast", "clock_ns = fast: must be a number"),
        ("clock_ns", "", "clock_ns = : must be a number"),
        ("timing_met", "yes", "timing_met = yes: is not known (allowed: False, True)"),
        ("comb_area_um2", "0", "comb_area_um2 = 0: must be above 0"),
        ("cell_area_um2", "-3", "cell_area_um2 = -3: must be above 0"),
        ("leakage_mW", "inf", "leakage_mW = inf: must be a finite number"),
        ("dynamic_mW", "1 mW", "dynamic_mW = 1 mW: must be a number"),
    ],
)
def test_a_malformed_cell_is_one_error_with_its_place(
    tmp_path: Path, column: str, cell: str, message: str
) -> None:
    path = file_of(tmp_path, [*SHIPPED[:3], SHIPPED[3] | {column: cell}, *SHIPPED[4:]])
    with pytest.raises(InputError) as caught:
        run_suite("synthesis", path)
    assert str(caught.value) == f"{path}:5: {message}"


@pytest.mark.parametrize("column", ["variant", "design", "clock_ns", "timing_met", *AREAS])
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    path = file_of(tmp_path, [{name: cell for name, cell in row.items() if name != column} for row in SHIPPED])
    with pytest.raises(InputError, match=f":1: column '{column}' is missing"):
        run_suite("synthesis", path)


@pytest.mark.parametrize("variant", CARRY_SAVE)
def test_an_opt1_pe_has_less_logic_and_more_registers_than_the_plain_one(variant: str) -> None:
    plain, opt1 = PLAIN[REPLACES[variant]], CARRY_SAVE[variant]
    assert opt1.count == plain.count
    assert area_um2(opt1.logic) < area_um2(plain.logic)
    assert area_um2(opt1.registers) > area_um2(plain.registers)
    assert opt1.logic.depth_fo4 < plain.logic.depth_fo4
