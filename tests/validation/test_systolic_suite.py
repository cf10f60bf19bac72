"""The systolic suite on files that a person brings, and the registry that finds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from accel_sim.config import InputError
from accel_sim.validation.suites import SUITES, run_suite

HEADER = "variant,array_rows,array_cols,M,N,K,rtl_cycles"
EXACT = "os_global_shift_down_serial,2,2,1,1,1,5"


def written(folder: Path, *lines: str) -> Path:
    path = folder / "mine.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_the_shipped_reference_passes_in_every_variant() -> None:
    report = run_suite("systolic")
    assert report.passed
    assert report.summary[0] == "174 of 174 rows agree exactly in every compared column."
    assert len(report.rows) == 6
    for row in report.rows:
        assert tuple(row) == report.columns
        assert row["rows"] == row["exact_rows"] == row["exact_folds"] == row["exact_intervals"]
        assert row["largest_difference_cycles"] == 0


def test_a_file_of_the_same_columns_replaces_the_reference(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + ",chip", EXACT + ",mine", "is_serial,2,2,1,1,1,5,mine")
    report = run_suite("systolic", path)
    assert report.passed
    assert report.reference == str(path)
    assert [row["variant"] for row in report.rows] == ["os_global_shift_down_serial", "is_serial"]
    assert report.rows[0]["exact_folds"] is None


def test_one_cycle_off_fails_and_names_the_row(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER, EXACT, EXACT.replace(",5", ",6"))
    report = run_suite("systolic", path)
    assert not report.passed
    assert report.rows[0]["exact_rows"] == 1
    assert report.rows[0]["largest_difference_cycles"] == -1
    assert f"{path}:3: os_global_shift_down_serial: rtl_cycles -1" in report.summary[1]


def test_a_wrong_fold_count_fails_though_the_cycles_agree(tmp_path: Path) -> None:
    report = run_suite("systolic", written(tmp_path, HEADER + ",folds", EXACT + ",2"))
    assert not report.passed
    assert (report.rows[0]["exact_rows"], report.rows[0]["exact_folds"]) == (1, 0)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((), ":1: is empty (expected a header with variant, "),
        ((HEADER,), ":1: has a header, but no rows"),
        (("variant,M,N,K", "a,1,1,1"), ":1: column 'array_rows' is missing (required: variant, array_rows"),
        ((HEADER + ",M", EXACT + ",1"), ":1: column 'M' is given 2 times"),
        ((HEADER, EXACT, EXACT + ",9"), ":3: has 8 cells: must be 7, as in the header"),
        ((HEADER, "", EXACT.replace("1,5", "1,5.5")), ":3: rtl_cycles = 5.5: must be a whole number"),
        ((HEADER, EXACT.replace("1,5", "0,5")), ":2: K = 0: must be from 1 to 1048576"),
        ((HEADER, EXACT.replace("2,2", "2,9999999")), ":2: array_cols = 9999999: must be from 1 to 1048576"),
        (
            (HEADER, "ws_serail,2,2,1,1,1,5"),
            ":2: variant = ws_serail: is not known (did you mean 'ws_serial'?)",
        ),
        ((HEADER, '"open,2,2'), ":2: not valid CSV: "),
    ],
)
def test_a_malformed_reference_is_one_error_with_its_place(
    tmp_path: Path, lines: tuple[str, ...], message: str
) -> None:
    path = written(tmp_path, *lines)
    with pytest.raises(InputError) as caught:
        run_suite("systolic", path)
    assert str(caught.value).startswith(f"{path}{message}")
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_and_spaces_are_read_over(tmp_path: Path) -> None:
    path = tmp_path / "excel.csv"
    path.write_text("\ufeff" + HEADER.replace(",", ", ") + "\r\n" + EXACT.replace(",", " ,"), encoding="utf-8")
    assert run_suite("systolic", path).passed


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        run_suite("systolic", tmp_path / "none.csv")
    with pytest.raises(InputError, match="is a folder"):
        run_suite("systolic", tmp_path)
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read"):
        run_suite("systolic", binary)


def test_an_unknown_suite_suggests_the_nearest() -> None:
    with pytest.raises(InputError, match=r"unknown suite 'sistolic' \(did you mean 'systolic'\?\)"):
        run_suite("sistolic")


@pytest.mark.parametrize("name", SUITES)
def test_every_suite_describes_itself_in_one_line(name: str) -> None:
    assert SUITES[name].description.endswith(".")
    assert "\n" not in SUITES[name].description
