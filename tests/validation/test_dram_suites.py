"""The DRAM suites on files that a person brings."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from accel_sim.config import InputError
from accel_sim.validation import dram, dram_commands
from accel_sim.validation.suites import run_suite

HEADER = "config,pattern,size_bytes,gap_cycles,p1,p2,total_cycles"


def shipped(config: str, count: int) -> list[dict[str, str]]:
    with dram.REFERENCE.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["config"] == config]
    return sorted(rows, key=lambda row: int(row["n_req"]))[:count]


def written(folder: Path, rows: list[dict[str, str]]) -> Path:
    path = folder / "mine.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def lines(folder: Path, *text: str) -> Path:
    path = folder / "mine.csv"
    path.write_text("\n".join(text), encoding="utf-8")
    return path


@pytest.mark.parametrize("config", sorted(dram.parity_presets()))
def test_some_rows_of_every_configuration_are_exact_to_the_last_column(config: str, tmp_path: Path) -> None:
    report = run_suite("dram", written(tmp_path, shipped(config, 4)))
    assert report.passed, report.summary
    assert {row["config"] for row in report.rows} == {config}
    for row in report.rows:
        assert row["rows"] == row["exact_rows"]
        assert not any(value for name, value in row.items() if name.endswith("_off"))


def test_cycles_that_are_off_are_counted_by_pattern(tmp_path: Path) -> None:
    """Three runs of one pattern, made wrong by 0, 3 and 10 cycles, beside one of another."""
    rows = [row for row in shipped("D4-3200", 100) if row["pattern"] == "seq_read"][:3]
    for row, off in zip(rows, (0, 3, 10), strict=True):
        row["total_cycles"] = str(int(row["total_cycles"]) + off)
    rows.append(next(row for row in shipped("D4-3200", 100) if row["pattern"] == "rand_read"))
    report = run_suite("dram", written(tmp_path, rows))
    lines = {row["pattern"]: row for row in report.rows}
    assert (lines["seq_read"]["median_cycles_off"], lines["seq_read"]["most_cycles_off"]) == (3, 10)
    assert (lines["seq_read"]["rows"], lines["seq_read"]["exact_rows"]) == (3, 1)
    assert lines["rand_read"]["most_cycles_off"] == 0


def test_a_pattern_of_ones_own_needs_only_the_total(tmp_path: Path) -> None:
    # 64 reads of one bank of DDR4 with its row open after the first, tCCD_L apart: 2 + tRCD + 63 x 8 + RL + BC.
    path = lines(tmp_path, HEADER, f"D4-3200,seq_read,{64 * 64},0,0,0,{2 + 22 + 63 * 8 + 22 + 4}")
    report = run_suite("dram", path)
    assert report.passed
    assert report.summary == ("1 of 1 runs agree exactly in every compared column.",)


@pytest.mark.parametrize(
    "column", ["total_cycles", "acts", "refs", "rd_row_hits", "avg_rd_latency_cyc", "bg_pJ"]
)
def test_any_column_that_is_off_fails_and_names_the_row(column: str, tmp_path: Path) -> None:
    rows = shipped("D4-3200", 1)
    off = float(rows[0][column]) + 3
    rows[0][column] = str(int(off)) if off.is_integer() else str(off)
    path = written(tmp_path, rows)
    report = run_suite("dram", path)
    assert not report.passed
    assert f"{path}:2: D4-3200: {column} -" in report.summary[1]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("D4-3201,seq_read,64,0,0,0,1", r":2: config = D4-3201: is not known \(did you mean 'D4-3200'\?\)"),
        ("D4-3200,seq,64,0,0,0,1", ":2: pattern = seq: is not known"),
        ("D4-3200,seq_read,-64,0,0,0,1", r":2: size_bytes = -64: must be from 0 to 2\*\*62"),
        ("D4-3200,seq_read,99999999999,0,0,0,1", ":2: size_bytes = 99999999999: more than 4194304 requests"),
        ("D4-3200,stride_read,64,0,0,0,1", ":2: p1 = 0: must be at least 1 for stride_read"),
        ("D4-3200,rand_read,64,0,1,0,1", ":2: p1 = 1: must hold at least one request of 64 bytes"),
        ("D4-3200,seq_read,64,0,0,0,", ":2: total_cycles = : must be a whole number"),
    ],
)
def test_a_malformed_row_is_one_line(row: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        run_suite("dram", lines(tmp_path, HEADER, row))


def test_every_command_of_the_shipped_lists_agrees() -> None:
    report = run_suite("dram_commands")
    assert report.passed
    assert report.summary[0].startswith("39 of 39 command lists (8176 commands) agree")


@pytest.mark.parametrize(
    ("column", "value"), [("cycle", "3"), ("cmd", "WR"), ("bank", "2"), ("row", "4"), ("col", "9")]
)
def test_a_command_that_is_off_fails_and_names_the_line(column: str, value: str, tmp_path: Path) -> None:
    with dram_commands.REFERENCE.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["trace_id"] == "d3_0001"]
    rows[4][column] = value
    report = run_suite("dram_commands", written(tmp_path, rows))
    assert not report.passed
    assert report.rows[0]["matching_commands"] == 4
    assert ":6: " in report.summary[1]


def test_a_list_cut_short_fails(tmp_path: Path) -> None:
    with dram_commands.REFERENCE.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["trace_id"] == "TR-HBM3-seq_read"]
    report = run_suite("dram_commands", written(tmp_path, rows[:-1]))
    assert not report.passed
    assert "98 commands in the reference, 99 here" in report.summary[1]


def test_an_unknown_configuration_or_command_of_a_list_is_one_line(tmp_path: Path) -> None:
    head = "trace_id,config,pattern,size_bytes,gap_cycles,p1,p2,cycle,cmd"
    with pytest.raises(InputError, match=":2: config = nothing: is not known"):
        run_suite("dram_commands", lines(tmp_path, head, "t,nothing,seq_read,64,0,0,0,1,ACT"))
    with pytest.raises(InputError, match=":2: cmd = READ: is not known"):
        run_suite("dram_commands", lines(tmp_path, head, "t,D4-3200,seq_read,64,0,0,0,1,READ"))
