"""GDDR6-AiM: the closed forms of its simulator, for any size."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.engine.pim_run import play
from accel_sim.hardware.pim import Builder, pim_device
from accel_sim.hardware.pim.tiles import tiled_gemv
from accel_sim.validation.pim import AIM_COMMANDS, AIM_REFERENCE, aim_program, predict_aim
from accel_sim.validation.reference import read_reference, text, whole_number

DEVICE = pim_device("gddr6_aim", 1, refresh=False)
TIMINGS = DEVICE.protocol.timings
closed_forms = settings(max_examples=25, deadline=None)

SIZES = ("channels", "out_tiles", "in_cols_per_tile", "in_tiles")
FIGURES = ("cycles", *AIM_COMMANDS)
ROWS = read_reference(AIM_REFERENCE, {"row_id": text, **dict.fromkeys((*SIZES, *FIGURES), whole_number)})


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["row_id"])
def test_a_reference_run_is_reproduced_to_the_cycle_and_command(row: Any) -> None:
    assert predict_aim(row) == {name: row[name] for name in FIGURES}


@closed_forms
@given(columns=st.integers(1, 64), tiles=st.integers(1, 40))
def test_an_operand_of_one_row_costs_159_plus_4_a_column_and_158_plus_2_for_each_further_tile(
    columns: int, tiles: int
) -> None:
    played = play(DEVICE, tiled_gemv(DEVICE, 16 * tiles, columns))
    assert played.cycles == 159 + 4 * columns + (tiles - 1) * (158 + 2 * columns)
    assert played.commands["MAC16"] == tiles * columns
    assert played.activations == 16 * tiles


@closed_forms
@given(parts=st.integers(2, 9), tiles=st.integers(1, 9))
def test_an_operand_of_several_rows_costs_406_a_row_and_8_a_tile(parts: int, tiles: int) -> None:
    played = play(DEVICE, tiled_gemv(DEVICE, 16 * tiles, 64 * parts))
    assert played.cycles == 9 + 406 * parts + (tiles - 1) * (406 * parts + 8)


def test_a_full_row_reaches_45_percent_of_the_peak() -> None:
    one, two = (play(DEVICE, tiled_gemv(DEVICE, 16 * tiles, 64)).cycles for tiles in (1, 2))
    macs_per_cycle = 16 * 1024 / (two - one)
    assert macs_per_cycle / (16 * 16 / TIMINGS["nCCDS"]) == pytest.approx(0.45, abs=0.005)


def test_partial_rows_are_charged_what_the_trace_format_charges() -> None:
    played = play(DEVICE, aim_program(DEVICE, 2, 10, 3))
    assert played.commands["MAC16"] == played.commands["WRGB"] == 2 * 10 * 3
    assert played.commands["ACT16"] == 6


@pytest.mark.parametrize(
    ("command", "timing"), [("MAC16", "nRCDRDMAC"), ("AF16", "nRCDRDAF"), ("EWMUL16", "nRCDEWMUL")]
)
def test_a_command_of_all_banks_waits_its_own_time_after_the_activation(command: str, timing: str) -> None:
    builder = Builder(DEVICE.protocol)
    builder.add(command)
    first, second = play(DEVICE, builder.program(), trace=True).trace[:, 0].tolist()
    assert second - first == TIMINGS[timing]


def test_host_reads_and_pim_commands_share_the_channel_in_order() -> None:
    builder = Builder(DEVICE.protocol)
    builder.add("MAC16", row=3, count=2)
    builder.add("RD", bank=5, row=3)
    builder.add("RD", bank=5, row=4)
    builder.add("MAC16", row=3)
    played = play(DEVICE, builder.program(), trace=True)
    names = [list(DEVICE.protocol.commands)[command] for command in played.trace[:, 1]]
    assert names == ["ACT16", "MAC16", "MAC16", "RD", "PRE", "ACT", "RD", "PREA", "ACT16", "MAC16"]


def test_refresh_costs_its_share_of_the_time() -> None:
    refreshed = pim_device("gddr6_aim", 1)
    with_it = play(refreshed, tiled_gemv(refreshed, 16 * 400, 64))
    without = play(DEVICE, tiled_gemv(DEVICE, 16 * 400, 64))
    lost = with_it.commands["REFab"] * (TIMINGS["nRFC"] + TIMINGS["nRP"])
    assert with_it.commands["REFab"] == with_it.cycles // TIMINGS["nREFI"]
    assert without.cycles + lost <= with_it.cycles <= without.cycles + 1.4 * lost
