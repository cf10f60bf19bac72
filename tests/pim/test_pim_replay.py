"""Issued commands against the protocols' rows, by a check that shares nothing with the kernels."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pim_programs import issued, programs, requested

from accel_sim.engine.pim_run import play
from accel_sim.hardware.pim import PimDevice, pim_device
from accel_sim.hardware.pim.hbm import elementwise
from accel_sim.testing.pim_replay import Issued, violations

DEVICES = {
    "gddr6_aim": pim_device("gddr6_aim", 1),
    "newton": pim_device("newton", 1),
    "pim_gpt": pim_device("pim_gpt", 1),
    "newton_unrefreshed": pim_device("newton", 1, refresh=False),
    "newton_concurrent": pim_device("newton", 1, concurrent=True),
    "hbm_pim": pim_device("hbm_pim", 1),
}
every_device = pytest.mark.parametrize("device", DEVICES.values(), ids=DEVICES)
random_programs = settings(max_examples=12, deadline=None)


@every_device
@random_programs
@given(data=st.data())
def test_no_random_program_breaks_a_rule(device: PimDevice, data: st.DataObject) -> None:
    program = data.draw(programs(device, requested(device)))
    played = play(device, program, trace=True)
    assert violations(device.protocol, issued(device, played, program)) == []
    for name in requested(device):
        asked = sum(int(line[4]) for line in program.lines if list(device.protocol.commands)[line[0]] == name)
        burst = device.protocol.commands[name].burst
        assert (played.burst_columns if burst else played.commands).get(name, 0) == asked


@every_device
@random_programs
@given(data=st.data())
def test_recording_a_trace_changes_nothing(device: PimDevice, data: st.DataObject) -> None:
    program = data.draw(programs(device, requested(device)))
    program.lines[:, 4] *= data.draw(st.integers(1, 200))
    recorded, plain = play(device, program, trace=True), play(device, program)
    assert len(recorded.trace) == sum(recorded.commands.values())
    assert replace(recorded, trace=None) == replace(plain, trace=None)


@random_programs
@given(data=st.data())
def test_two_streams_share_a_channel_of_two_row_buffers_without_breaking_a_rule(data: st.DataObject) -> None:
    device = DEVICES["newton_concurrent"]
    pim = data.draw(programs(device, ["GWRITE", "COMPS_READRES"], 8))
    host = data.draw(programs(device, ["RD", "WR"], 15))
    both = play(device, pim, host, trace=True)
    assert violations(device.protocol, issued(device, both, pim, host)) == []
    for program in (pim, host):
        for name, count in play(device, program).commands.items():
            if device.protocol.commands[name].column:
                assert both.commands[name] >= count


@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_every_command_in_order_is_issued_at_the_first_legal_cycle(data: st.DataObject) -> None:
    device = DEVICES["newton_unrefreshed"]
    program = data.draw(programs(device, requested(device), 8))
    commands = issued(device, play(device, program, trace=True), program)
    for index, command in enumerate(commands):
        if command.cycle > 1:
            early = [*commands[:index], replace(command, cycle=command.cycle - 1)]
            assert violations(device.protocol, early) != [], command


def test_an_all_bank_kernel_keeps_the_rules_of_its_modes() -> None:
    device = DEVICES["hbm_pim"]
    program = elementwise(device, 256, "add").program
    played = play(device, program, trace=True)
    assert violations(device.protocol, issued(device, played, program)) == []


AIM = [
    Issued(1, "ACT16", 0, 5),
    Issued(57, "MAC16", 0, 5),
    Issued(59, "MAC16", 0, 5),
    Issued(71, "PREA", 0, 5),
    Issued(103, "ACT16", 0, 6),
]


def test_a_legal_sequence_has_no_violations() -> None:
    assert violations(DEVICES["gddr6_aim"].protocol, AIM) == []


@pytest.mark.parametrize(
    ("index", "changed", "complaint"),
    [
        (1, {"cycle": 56}, "MAC16 at 56 is 55 cycles after ACT16: at least 56"),
        (2, {"cycle": 58}, "MAC16 at 58 is 1 cycles after MAC16: at least 2"),
        (3, {"cycle": 70}, "PREA at 70 is 11 cycles after MAC16: at least 12"),
        (4, {"cycle": 102}, "ACT16 at 102 is 31 cycles after PREA: at least 32"),
        (1, {"row": 6}, "row 6 is not open in every bank it reaches"),
        (3, {"command": "TMOD"}, "ACT16 at 103: a bank it reaches is open"),
        (2, {"cycle": 57}, "MAC16 at 57 is not after MAC16 at 57"),
        (2, {"command": "RDMAC16"}, "RDMAC16 at 59: in memory mode"),
    ],
)
def test_a_planted_violation_is_found(index: int, changed: dict[str, object], complaint: str) -> None:
    planted = [replace(command, **changed) if at == index else command for at, command in enumerate(AIM)]
    found = violations(DEVICES["gddr6_aim"].protocol, planted)
    assert any(complaint in sentence for sentence in found), found


def test_a_fifth_activation_within_the_window_is_found() -> None:
    device = DEVICES["newton"]
    legal = [Issued(1 + 6 * bank, "ACT", 4 * bank, 0) for bank in range(4)]
    protocol = device.protocol
    assert violations(protocol, [*legal, Issued(31, "ACT", 1, 0)]) == []
    assert any("at least 30" in each for each in violations(protocol, [*legal, Issued(30, "ACT", 1, 0)]))


def test_an_activation_of_a_follower_bank_in_all_bank_mode_is_found() -> None:
    device = DEVICES["hbm_pim"]
    program = elementwise(device, 256, "relu").program
    commands = issued(device, play(device, program, trace=True), program)
    at = next(i for i, each in enumerate(commands) if each.command == "ACT" and each.row == 0)
    planted = [*commands[:at], replace(commands[at], bank=6), *commands[at + 1 :]]
    assert any("bank 6 in all-bank mode" in each for each in violations(device.protocol, planted))
