"""DRAM standards as data: the shipped are legal and agree with a published table, wrong ones get one line."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_sim.config.errors import InputError
from accel_sim.hardware.dram import (
    STANDARDS,
    ResolvedPreset,
    address_mapping,
    all_presets,
    load_preset,
    load_standard,
)
from accel_sim.hardware.dram.expressions import evaluate, holds
from accel_sim.validation import dram
from accel_sim.validation.dram import parity_presets

DATA = Path(dram.__file__).parent / "data"
SHIPPED = all_presets()
DDR4 = (STANDARDS / "ddr4.yaml").read_text(encoding="utf-8")


def test_the_standards_that_designs_need_are_shipped() -> None:
    assert {re.split(r"-", name)[0] for name in SHIPPED} >= {
        *("DDR3", "DDR4", "DDR5", "LPDDR4", "LPDDR5", "GDDR6", "HBM2", "HBM3")
    }


@pytest.mark.parametrize(
    ("name", "gigabytes"),
    [
        ("DDR3-1600", 12.8),
        ("DDR4-2400", 19.2),
        ("DDR4-3200", 25.6),
        ("DDR5-4800", 19.2),
        ("LPDDR4-3200", 6.4),
        ("LPDDR5-6400", 12.8),
        ("GDDR6-14", 28.0),
        ("HBM2-2000", 32.0),
        ("HBM3-6400", 51.2),
    ],
)
def test_the_peak_is_pins_times_data_rate(name: str, gigabytes: float) -> None:
    assert SHIPPED[name].peak_bytes_per_s / 1e9 == pytest.approx(gigabytes, rel=0.005)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_physical_constraint_is_there(name: str) -> None:
    preset = SHIPPED[name]
    pairs = {(rule.preceding, rule.following) for rule in preset.rules}
    act, pre, read, write = (preset.command(r) for r in ("activate", "precharge", "read", "write"))
    refresh = preset.command("refresh_all")
    for pair in [
        *((act, act), (act, read), (act, write), (act, pre), (pre, act), (read, pre), (write, pre)),
        *((read, read), (read, write), (write, read), (write, write)),
        *((pre, refresh), (refresh, act), (refresh, refresh), (act, refresh)),
    ]:
        assert pair in pairs, pair
    assert any(rule.window == 4 for rule in preset.rules)


def published_rows() -> dict[str, dict[tuple[str, str, str, int, bool], int]]:
    """Return the published table between single commands, by the name of its timing preset."""
    tables: dict[str, dict[tuple[str, str, str, int, bool], int]] = defaultdict(dict)
    with (DATA / "dram_timing.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for preceding in row["preceding"].split("|"):
                for following in row["following"].split("|"):
                    level = row["level"].lower()
                    key = (level, preceding, following, int(row["window"]), row["sibling"] == "1")
                    table = tables[row["timing_preset"]]
                    table[key] = max(table.get(key, 0), int(row["value_ticks"]))
    return tables


@pytest.mark.parametrize("name", [name for name in parity_presets() if name.startswith("R-")])
def test_formulas_and_command_lengths_give_the_published_table(name: str) -> None:
    preset = parity_presets()[name]
    published = published_rows()[preset.preset.source.split(" at ")[1]]
    levels = preset.standard.levels
    ours = {(levels[r.level], r.preceding, r.following, r.window, r.sibling): r.latency for r in preset.rules}
    assert ours == {key: value for key, value in published.items() if value > 0}


@given(st.sampled_from(sorted(SHIPPED)), st.integers(0, 2**40))
def test_an_address_is_its_fields_and_back(name: str, line: int) -> None:
    preset = SHIPPED[name]
    address = np.array([line * preset.preset.burst_bytes])
    fields = preset.mapping.decode(address)
    capacity = preset.preset.burst_bytes << sum(bits for _, bits, _ in preset.mapping.fields)
    assert preset.mapping.encode(fields) == address % capacity


def test_xor_keeps_every_line_at_a_place_of_its_own() -> None:
    preset = parity_presets()["R-D4-3200.MOP4"]
    lines = np.arange(2**16) * preset.preset.burst_bytes
    fields = preset.mapping.decode(lines)
    assert len(set(zip(*(values.tolist() for values in fields.values()), strict=True))) == 2**16
    np.testing.assert_array_equal(preset.mapping.encode(fields), lines)


def test_the_column_can_be_split() -> None:
    mapping = address_mapping("row, column, bank, column:2", {"row": 4, "column": 16, "bank": 2}, 64)
    fields = mapping.decode(np.array([64 * 0b01_10_1_11]))
    assert (fields["row"], fields["column"], fields["bank"]) == (1, 0b1011, 1)


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("22", 22),
        ("CL + BL / 2 + 2 - WL", 12),
        ("max(1, WL - CL)", 1),
        ("ceil(7.8 / 0.625)", 13),
        ("-(WL - CL)", 6),
    ],
)
def test_formulas_are_exact_arithmetic(formula: str, value: int) -> None:
    assert evaluate(formula, {"CL": 22, "WL": 16, "BL": 8}) == value


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("CL +", "is not a formula"),
        ("CL / 4", "not a whole number of clocks"),
        ("CL / 0", "division by zero"),
        ("CK", r"unknown parameter 'CK' \(allowed: CL\)"),
        ("__import__('os')", "is not allowed in a formula"),
        ("CL ** CL ** CL", "is not allowed in a formula"),
        ("ceil(CL, 2)", "is not allowed in a formula"),
        ("CL if CL else 1", "is not allowed in a formula"),
        ("1" + "+1" * 500, "may have 300 characters"),
    ],
)
def test_what_is_not_a_formula_is_refused(formula: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate(formula, {"CL": 22})


def test_a_condition_is_one_comparison() -> None:
    assert holds("tRC >= tRAS + tRP", {"tRC": 74, "tRAS": 52, "tRP": 22})
    with pytest.raises(ValueError, match="not one comparison"):
        holds("1 < 2 < 3", {})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "tRC: 74",
            "tRC: 73",
            r"timings: must fulfil tRC >= tRAS \+ tRP \(given: tRAS = 52, tRC = 73, tRP = 22\)",
        ),
        ("tRCD: 22,", "", "unknown parameter 'tRCD'"),
        ("tRCD: 22,", "tRCD: tRP + tRCD,", "timings.tRCD: 'tRCD' is defined by itself"),
        ("rows: 65536", "rows: 65000", "rows|row = 65000: must be a power of two"),
        ("bank: 4}", "bank: 3}", "bank = 3: must be a power of two"),
        ("bankgroup: 4, bank: 4}", "bankgroup: 512, bank: 512}", "make 524288 banks: must be at most 4096"),
        ("bankgroup: 4, bank: 4}", "bank: 4}", "counts: the number of each bankgroup is missing"),
        ("column, bankgroup, channel", "column, channel", "mapping: field 'bankgroup' is missing"),
        ("row, rank,", "row, row, rank,", "mapping: field 'row' is given twice"),
        ("row, rank,", "row, rnak,", "mapping: unknown field 'rnak'"),
        (
            "preceding: RDA, following: REF",
            "preceding: RDX, following: REF",
            r"unknown command 'RDX' \(did you mean",
        ),
        ("REF: {role: refresh_all", "REF: {role: activate", "2 commands have role activate: must be 1"),
        ("latency: tRAS}", "latency: tRAS +}", "constraints.*'tRAS \\+' is not a formula"),
        ("order: hits_first", "order: fifo", "policies.default.order = fifo: must be"),
        ("extends: DDR4-3200", "extends: DDR4-4000", "is not a preset"),
        ("extends: DDR4-3200", "extends: DDR4-2400", "leads back to itself"),
        (
            "levels: [channel, rank, bankgroup, bank]",
            "levels: [rank, channel, bank]",
            "must go from channel to bank",
        ),
        ("tREFI: ceil(7800 / tCK_ns)", "tREFI: 0", "must fulfil tREFI > tRFC"),
        ("refresh_interval: tREFI", "refresh_interval: tRFC", "a refresh takes 560 clocks and comes every 560"),
        ("    mapping: row, rank", "    policy: nothing\n    mapping: row, rank", "unknown policy 'nothing'"),
    ],
)
def test_an_illegal_standard_is_one_line_with_file_and_place(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    assert old in DDR4
    path = tmp_path / "mine.yaml"
    path.write_text(DDR4.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=message) as error:
        load_standard(path)
    assert re.match(rf"{re.escape(str(path))}(:\d+)?: ", str(error.value))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"front": "staged"}, "a staged front has queues per_bank or per_rank"),
        ({"order": "round_robin"}, "round_robin goes over command queues"),
        ({"activated_first": True}, "go together"),
        ({"refresh": "per_bank"}, "needs a command with role refresh_bank"),
        ({"issue": "row_and_column"}, "issue: row_and_column needs front: direct"),
        ({"drain_low": 0.9}, "is above drain_high"),
    ],
)
def test_policies_that_do_not_fit_are_refused(changes: dict[str, object], message: str, tmp_path: Path) -> None:
    lines = "".join(f"    {key}: {str(value).lower()}\n" for key, value in changes.items())
    kept = [
        line for line in DDR4.splitlines(True) if not any(line.startswith(f"    {key}:") for key in changes)
    ]
    text = "".join(kept).replace("  default: &default\n", f"  default: &default\n{lines}")
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load_standard(path)


def test_an_unknown_preset_gets_the_nearest_name() -> None:
    with pytest.raises(InputError, match=r"unknown DRAM preset 'DDR4-320' \(did you mean 'DDR4-3200'\?\)"):
        load_preset("DDR4-320")


def test_adding_a_standard_is_adding_a_file(tmp_path: Path) -> None:
    (tmp_path / "ddr4.yaml").write_text(DDR4.replace("DDR4-3200:", "MINE:").replace("DDR4-3200", "MINE"))
    preset: ResolvedPreset = load_preset("MINE", tmp_path)
    assert preset.timings["tRCD"] == 22
