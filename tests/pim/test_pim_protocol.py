"""Protocols as data: what the shipped ones hold, and one error for what a file gets wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_sim.config import InputError
from accel_sim.hardware.pim import load_protocol, pim_device, protocol_names
from accel_sim.hardware.pim.energy import base_energies_j, command_energy_j
from accel_sim.hardware.pim.formula import evaluate
from accel_sim.hardware.pim.protocol import FOLDER
from accel_sim.hardware.pim.tables import tables

every_protocol = pytest.mark.parametrize("name", protocol_names())


@every_protocol
def test_every_command_has_an_energy_or_is_a_precharge_or_a_mode_switch(name: str) -> None:
    protocol = load_protocol(name)
    for command, spec in protocol.commands.items():
        free = (spec.closes and not spec.column) or command == protocol.mode_switch
        assert (command_energy_j(protocol, command) > 0) != free, command


@every_protocol
def test_every_energy_says_how_far_it_can_be_trusted(name: str) -> None:
    for command in load_protocol(name).energy.commands.values():
        assert command.certainty in ("sourced", "scaled", "assumed")
        assert command.source


@every_protocol
def test_rows_reach_the_kernels_with_their_cycles(name: str) -> None:
    protocol = load_protocol(name)
    names, arrays = list(protocol.commands), tables(protocol)
    for row in protocol.rows:
        for preceding in row.preceding:
            number = names.index(preceding)
            rows = arrays.rows[arrays.row_start[number] : arrays.row_start[number + 1]]
            for following in names if row.following == ["*"] else row.following:
                latencies = [
                    latency for _, f, latency, w, _ in rows if f == names.index(following) and w == row.window
                ]
                assert protocol.cycles(row.latency) <= max(latencies)


def test_newton_prices_commands_as_its_simulator_does() -> None:
    protocol = load_protocol("newton")
    # 1.2 V * (390 - 55) mA * 2 ns for 64 B.
    assert base_energies_j(protocol)["read"] == pytest.approx(804e-12)
    read = command_energy_j(protocol, "RD")
    assert command_energy_j(protocol, "GWRITE") == pytest.approx(16 * read)
    assert command_energy_j(protocol, "COMP") == pytest.approx(4 * read)
    assert command_energy_j(protocol, "G_ACT") == pytest.approx(4 * command_energy_j(protocol, "ACT"))


def test_an_all_bank_product_of_aim_draws_three_reads() -> None:
    protocol = load_protocol("gddr6_aim")
    assert command_energy_j(protocol, "MAC16") == pytest.approx(3 * command_energy_j(protocol, "RD"))


def test_parity_leaves_out_only_what_the_simulator_does_not_enforce() -> None:
    strict, parity = load_protocol("hbm_pim"), load_protocol("hbm_pim", parity=True)
    assert [row for row in strict.rows if row not in parity.rows] == [
        row for row in strict.constraints if row.absent_in_reference
    ]
    assert len(strict.rows) == len(parity.rows) + 1


def test_a_second_row_buffer_never_lengthens_a_gap() -> None:
    one, two = load_protocol("newton"), load_protocol("newton", concurrent=True)
    pairs = list(zip(one.rows, two.rows, strict=True))
    assert all(two.cycles(after.latency) <= one.cycles(before.latency) for before, after in pairs)
    assert any(two.cycles(after.latency) < one.cycles(before.latency) for before, after in pairs)


@given(a=st.integers(0, 99), b=st.integers(1, 99), c=st.integers(0, 99))
def test_formulas_mean_what_they_say(a: int, b: int, c: int) -> None:
    names = {"nA": a, "nB": b, "nC": c}
    assert evaluate("nA + nB * nC - 3", names) == a + b * c - 3
    assert evaluate("max(nA, nC) / nB", names) == max(a, c) / b
    assert evaluate("min(nA, nB, (nC + 1))", names) == min(a, b, c + 1)


@pytest.mark.parametrize("formula", ["nA **", "nA ** 2", "__import__('os')", "nA.real", "abs(nA)", "max()"])
def test_anything_else_is_no_formula(formula: str) -> None:
    with pytest.raises(ValueError, match="is not a formula"):
        evaluate(formula, {"nA": 1})


BROKEN = {
    "nRP: 32": ("nRP: -1", "latency: nRP = -1: must be at least 0"),
    "latency: nBL}": ("latency: nBLL}", "unknown name 'nBLL' (did you mean 'nBL'?)"),
    "preceding: [ACT16], following: [ACT, ": (
        "preceding: [ACT17], following: [ACT, ",
        "unknown command 'ACT17' (did you mean 'ACT1",
    ),
    "row_bytes: 2048": ("row_bytes: 2050", "structure.row_bytes: 2050 is not a multiple of column_bytes = 32"),
    "formats: {bf16: 16": ("formats: {bf16: 17", "pim.formats.bf16: 17 lanes do not divide a column of 32 B"),
    "buffer_bytes: 2048": ("buffer_bytes: 1024", "pim.buffer_bytes: 1024 does not hold a row of 2048 B"),
    "compute: MAC16,": ("compute: MAC,,", "not valid YAML"),
    "drain: RDMAC16": ("drain: RDMAC", "pim.roles.drain: unknown command 'RDMAC' (did you mean 'RDMAC16'?)"),
    "tck_ns: 0.5": ("tck_ns: 0", "tck_ns = 0: must be more than 0"),
    "controller: in_order": ("controller: out_of_order", "controller = out_of_order: must be"),
}


@pytest.mark.parametrize("place", BROKEN)
def test_a_broken_protocol_is_one_error_with_its_line(tmp_path: Path, place: str) -> None:
    wrong, message = BROKEN[place]
    lines = (FOLDER / "gddr6_aim.yaml").read_text(encoding="utf-8")
    assert place in lines
    path = tmp_path / "mine.yaml"
    path.write_text(lines.replace(place, wrong, 1), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_protocol(str(path))
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}:")
    assert "\n" not in str(caught.value)


def test_the_capacity_is_that_of_the_banks_that_compute() -> None:
    assert pim_device("gddr6_aim", 2).capacity_bytes == 2 * 2**29
    # Rows from the first reserved one on hold no operands, and one of two ranks computes.
    assert pim_device("hbm_pim", 1).capacity_bytes == 16 * 4096 * 1024


def test_unknown_names_suggest_the_nearest() -> None:
    with pytest.raises(InputError, match=r"unknown PIM protocol 'gddr6_aam' \(did you mean 'gddr6_aim'\?\)"):
        pim_device("gddr6_aam")
    with pytest.raises(InputError, match="channels = 0: must be at least 1"):
        pim_device("newton", 0)
    with pytest.raises(InputError, match=r"hbm_pim.yaml.*one row buffer a bank"):
        pim_device("hbm_pim", concurrent=True)
