"""The PIM suites on files that a person brings."""

from __future__ import annotations

from pathlib import Path

import pytest

from accel_sim.config import InputError
from accel_sim.validation.suites import run_suite

AIM_HEADER = "channels,out_tiles,in_cols_per_tile,in_tiles,cycles"
HBM_HEADER = "kernel,out_elems,in_elems,batch,channels,pim_cycles"


def written(folder: Path, *lines: str) -> Path:
    path = folder / "mine.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_the_shipped_references_pass_in_every_row_and_event() -> None:
    aim, hbm = run_suite("aim"), run_suite("hbm_pim")
    assert aim.passed
    assert hbm.passed
    assert aim.summary == ("28 of 28 rows agree exactly in every compared column.",)
    assert hbm.summary == (
        "80 of 80 rows agree exactly in every compared column.",
        "758 of 758 events of the command traces agree in every field.",
    )
    for report in (aim, hbm):
        for row in report.rows:
            assert tuple(row) == report.columns
            assert row["rows"] == row["exact_rows"] == row["exact_cycles"]


def test_rows_of_other_sizes_are_predicted_too(tmp_path: Path) -> None:
    # 159 + 4 * 7 + 2 * (158 + 2 * 7), and 750 of one tile of 128 inputs.
    aim = run_suite("aim", written(tmp_path, AIM_HEADER, "3,3,7,1,531"))
    assert aim.passed
    assert aim.reference == str(tmp_path / "mine.csv")
    hbm = run_suite("hbm_pim", written(tmp_path, HBM_HEADER + ",mine", "gemv,7,100,1,2,750,x"))
    assert hbm.passed
    assert hbm.summary == ("1 of 1 rows agree exactly in every compared column.",)


def test_one_cycle_off_fails_and_names_the_row(tmp_path: Path) -> None:
    path = written(tmp_path, AIM_HEADER, "1,1,4,1,175", "1,1,4,1,176")
    report = run_suite("aim", path)
    assert not report.passed
    assert report.rows[0]["exact_rows"] == 1
    assert report.rows[0]["largest_difference_cycles"] == -1
    assert f"{path}:3: cycles -1" in report.summary[1]


def test_a_wrong_command_count_fails_though_the_cycles_agree(tmp_path: Path) -> None:
    report = run_suite("aim", written(tmp_path, AIM_HEADER + ",n_MAC16", "1,1,4,1,175,5"))
    assert not report.passed
    assert (report.rows[0]["exact_rows"], report.rows[0]["exact_cycles"]) == (0, 1)


@pytest.mark.parametrize(
    ("suite", "lines", "message"),
    [
        (
            "aim",
            (AIM_HEADER, "1,1,65,1,1"),
            ":2: in_cols_per_tile = 65: must be from 1 to 64, the columns of a row",
        ),
        ("aim", (AIM_HEADER, "1,0,4,1,1"), ":2: out_tiles = 0: must be from 1 to 1048576"),
        ("aim", ("channels,cycles", "1,1"), ":1: column 'out_tiles' is missing"),
        ("hbm_pim", (HBM_HEADER, "gemm,1,1,1,1,1"), ":2: kernel = gemm: is not known (did you mean 'gemv'?)"),
        (
            "hbm_pim",
            (HBM_HEADER, "gemv,1,99999999,1,1,1"),
            ":2: in_elems = 99999999: must be from 1 to 67108864",
        ),
    ],
)
def test_a_malformed_reference_is_one_error_with_its_place(
    tmp_path: Path, suite: str, lines: tuple[str, ...], message: str
) -> None:
    path = written(tmp_path, *lines)
    with pytest.raises(InputError) as caught:
        run_suite(suite, path)
    assert str(caught.value).startswith(f"{path}{message}")
