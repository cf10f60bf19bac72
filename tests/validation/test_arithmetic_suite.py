"""The arithmetic suite: on its own reference, on a file that a person brings, and on files that are wrong."""

from __future__ import annotations

import csv
from pathlib import Path
from statistics import median

import pytest

import accel_sim.technology
from accel_sim.config import InputError
from accel_sim.technology import operation
from accel_sim.validation.arithmetic import REFERENCE, ratios, spread
from accel_sim.validation.suites import run_suite
from accel_sim.workload.formats import number_format

HEADER = "source,row,node_nm,unit,subject,energy_pj,area_um2"
MINE = "mine,int8_add,45,add,int8,0.03,36"
SHIPPED = list(csv.DictReader(REFERENCE.open(encoding="utf-8", newline="")))


def written(folder: Path, *lines: str) -> Path:
    path = folder / "mine.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def rewritten(folder: Path, rows: list[dict[str, str]]) -> Path:
    path = folder / "changed.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_the_shipped_reference_passes_and_every_row_with_a_unit_is_priced() -> None:
    report = run_suite("arithmetic")
    assert report.passed
    assert len(report.rows) == sum(bool(row["unit"]) for row in SHIPPED)
    for row in report.rows:
        assert tuple(row) == report.columns
        for ours, published, ratio in (
            ("ours_pj", "published_pj", "energy_ratio"),
            ("ours_um2", "published_um2", "area_ratio"),
        ):
            assert (row[ratio] is None) == (row[published] is None)
            if row[ratio] is not None:
                assert row[ratio] == pytest.approx(row[ours] / row[published])


@pytest.mark.parametrize("row", SHIPPED, ids=lambda row: f"{row['source']}: {row['row']}")
def test_a_published_row_names_its_unit_or_says_that_it_has_none(row: dict[str, str]) -> None:
    assert row["use"] in ("calibration", "prediction", "none")
    assert bool(row["unit"]) == (row["use"] != "none")
    if not row["unit"]:
        assert "no counterpart here" in row["note"]
    assert row["certainty"]


def test_only_the_energies_of_two_adders_and_of_constants_are_calibrated_on() -> None:
    calibrated = [row for row in SHIPPED if row["use"] == "calibration"]
    logic = [row["row"] for row in calibrated if row["unit"] not in ("dram", "wire", "register")]
    assert logic == ["int8_add", "int32_add"]
    assert [row["row"] for row in calibrated if row["unit"] == "register"] == ["reg dynamic 1 ns"]


def test_the_summary_gives_median_and_range_of_each_source() -> None:
    report = run_suite("arithmetic")
    for source in {row["source"] for row in report.rows}:
        mine = [row for row in report.rows if row["source"] == source]
        said = [sentence for sentence in report.summary if sentence.startswith(f"{source}: ")]
        for what in ("energy", "area"):
            found = ratios(mine, what)
            text = f"{what} {median(found):.2f} ({min(found):.2f} to {max(found):.2f}, " if found else None
            assert text is None or text in said[0]


def test_areas_of_rows_whose_energy_calibrates_count_as_predictions() -> None:
    horowitz = [row for row in run_suite("arithmetic").rows if row["source"] == "Horowitz 2014"]
    assert len(ratios(horowitz, "area")) == sum(row["area_ratio"] is not None for row in horowitz)
    assert len(ratios(horowitz, "energy")) == len(horowitz) - 2


def test_the_table_of_the_data_readme_is_what_the_suite_says() -> None:
    readme = (Path(accel_sim.technology.__file__).parent / "data" / "README.md").read_text(encoding="utf-8")
    on_chip = {(row["source"], row["row"]) for row in SHIPPED if row["unit"] == "sram"}
    rows = [row for row in run_suite("arithmetic").rows if (row["source"], row["row"]) not in on_chip]
    for source in dict.fromkeys(row["source"] for row in rows):
        mine = [row for row in rows if row["source"] == source]
        energy, area = (spread(found) if (found := ratios(mine, what)) else "-" for what in ("energy", "area"))
        if (energy, area) != ("-", "-"):
            assert f"| {source} | {energy} | {area} |" in readme


def test_a_file_of_the_same_columns_replaces_the_reference(tmp_path: Path) -> None:
    path = written(
        tmp_path, HEADER + ",lab", MINE + ",x", "mine,bias,45,,,1.5,,x", "chip,mul,28,multiply,bf16,,90,x"
    )
    report = run_suite("arithmetic", path)
    assert report.passed
    assert report.reference == str(path)
    assert [row["row"] for row in report.rows] == ["int8_add", "mul"]
    assert "the other 2 are predictions. 1 published rows have no counterpart." in report.summary[0]
    assert report.rows[0]["ours_pj"] == pytest.approx(
        operation("add", number_format("int8"), 45).energy_j * 1e12
    )


@pytest.mark.parametrize("name", [row["row"] for row in SHIPPED if row["use"] == "calibration"])
def test_a_calibration_row_of_twice_its_energy_fails(tmp_path: Path, name: str) -> None:
    rows = [dict(row) for row in SHIPPED]
    (row,) = (row for row in rows if row["row"] == name and row["use"] == "calibration")
    row["energy_pj"] = str(2 * float(row["energy_pj"]))
    report = run_suite("arithmetic", rewritten(tmp_path, rows))
    assert not report.passed
    assert "9 of 10 rows used for calibration are met" in report.summary[0]


def test_a_prediction_of_twice_the_energy_does_not_decide(tmp_path: Path) -> None:
    rows = [
        row | {"energy_pj": str(2 * float(row["energy_pj"]))}
        if row["use"] == "prediction" and row["energy_pj"]
        else row
        for row in SHIPPED
    ]
    assert run_suite("arithmetic", rewritten(tmp_path, rows)).passed


def test_operations_multiply_energy_and_copies_multiply_area(tmp_path: Path) -> None:
    head = HEADER + ",operations,copies,register_bits"
    lines = [MINE + cells for cells in (",,,", ",8,,", ",,4,", ",,,16", ",2,3,16")]
    rows = run_suite("arithmetic", written(tmp_path, head, *lines)).rows
    energies, areas = ([row[key] for row in rows] for key in ("ours_pj", "ours_um2"))
    assert energies[:3] == pytest.approx([energies[0], 8 * energies[0], energies[0]])
    assert areas[:3] == pytest.approx([areas[0], areas[0], 4 * areas[0]])
    bit = operation("register", number_format("int1"), 45)
    assert energies[3] == pytest.approx(energies[0] + 16 * bit.energy_j * 1e12)
    assert areas[3] == pytest.approx(areas[0] + 16 * bit.area_mm2 * 1e6)
    assert (energies[4], areas[4]) == pytest.approx((2 * energies[3], 3 * areas[3]))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((), ":1: is empty (expected a header with source, row"),
        ((HEADER,), ":1: has a header, but no rows"),
        (
            ("source,row,node_nm,unit,subject,energy_pj", "a,b,45,add,int8,1"),
            ":1: column 'area_um2' is missing",
        ),
        ((HEADER, MINE.replace("add,", "adder,")), ":2: unit = adder: is not known (did you mean 'add'?)"),
        ((HEADER, MINE, MINE.replace(",int8,", ",int8x,")), ":3: add int8x: unknown number format"),
        ((HEADER, MINE.replace(",int8,", ",,")), ":2: add : unknown number format"),
        ((HEADER, MINE.replace("0.03", "0.03 pJ")), ":2: energy_pj = 0.03 pJ: must be a number"),
        ((HEADER, MINE.replace("0.03", "nan")), ":2: energy_pj = nan: must be a finite number"),
        ((HEADER, MINE.replace("0.03", "0")), ":2: energy_pj = 0: must be above 0"),
        ((HEADER, MINE.replace("36", "-36")), ":2: area_um2 = -36: must be above 0"),
        ((HEADER, MINE.replace("45", "4.5")), ":2: add int8: node_nm = 4.5: must be between 5 and 130"),
        ((HEADER, MINE.replace("45", "0")), ":2: node_nm = 0: must be above 0"),
        ((HEADER, MINE + ",9"), ":2: has 8 cells: must be 7"),
        ((HEADER + ",voltage_v", MINE + ",9"), ":2: add int8: voltage_v = 9.0: must be between"),
        ((HEADER + ",clock_ghz", MINE + ",0"), ":2: clock_ghz = 0: must be above 0"),
        ((HEADER + ",clock_ghz", MINE + ",99"), ":2: add int8: clock_hz = 9.9e+10: must be at most"),
        ((HEADER + ",options", MINE + ",terms=4"), ":2: add int8: add has no option 'terms' (allowed: none)"),
        ((HEADER + ",options", MINE + ",terms"), ":2: add int8: options = terms: must be written NAME=NUMBER"),
        ((HEADER + ",options", MINE + ",terms=x"), ":2: add int8: options: terms=x: must be a number"),
        ((HEADER + ",operations", MINE + ",0"), ":2: operations = 0: must be above 0"),
        ((HEADER + ",use", MINE + ",maybe"), ":2: use = maybe: is not known (allowed: calibration,"),
        (
            (HEADER + ",use", MINE.replace("0.03", "") + ",calibration"),
            ":2: use = calibration: needs an energy_pj",
        ),
        ((HEADER, ",x,45,add,int8,1,1"), ":2: source = : must not be empty"),
        ((HEADER, "a,b,45,,,1,1"), ": no row names a unit (allowed: mac, carry_save_mac,"),
    ],
)
def test_a_malformed_reference_is_one_error_with_its_place(
    tmp_path: Path, lines: tuple[str, ...], message: str
) -> None:
    path = written(tmp_path, *lines)
    with pytest.raises(InputError) as caught:
        run_suite("arithmetic", path)
    assert str(caught.value).startswith(f"{path}{message}")
    assert "\n" not in str(caught.value)
