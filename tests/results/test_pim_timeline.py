"""Activities of a PIM channel fill its time, and take what the protocol's timings say they must."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.engine.pim_run import play
from accel_sim.hardware.pim import PimDevice, Program, pim_device
from accel_sim.hardware.pim.hbm import gemv
from accel_sim.hardware.pim.tiles import tiled_gemv
from accel_sim.results.pim_timeline import (
    ACTIVITIES,
    COMPUTING,
    DRAINING,
    LOADING,
    MODES,
    REFRESH,
    ROWS,
    activities,
    command_frame,
    open_rows,
)

DEVICES = [
    pim_device(name, 1, refresh=refresh)
    for name in ("gddr6_aim", "newton", "pim_gpt", "hbm_pim")
    for refresh in (False, True)
]
DEVICES.append(pim_device("newton", 1, concurrent=True))
few = settings(max_examples=25, deadline=None)


def product(device: PimDevice, outputs: int, columns: int) -> Program:
    if device.protocol.modes:
        return gemv(device, outputs, columns).program
    return tiled_gemv(device, outputs, columns)


@few
@given(device=st.sampled_from(DEVICES), outputs=st.integers(1, 300), columns=st.integers(1, 200))
def test_activities_follow_each_other_and_fill_the_run(device: PimDevice, outputs: int, columns: int) -> None:
    program = product(device, outputs, columns)
    played = play(device, program, trace=True)
    spans = activities(device, played, program)
    assert spans["cycles"].sum() == played.cycles
    assert spans["start"].tolist() == [0, *spans["end"][:-1]]
    assert set(spans["activity"]) <= set(ACTIVITIES) - (set() if device.refresh else {REFRESH})


@few
@given(device=st.sampled_from(DEVICES), outputs=st.integers(1, 300), columns=st.integers(1, 200))
def test_every_activation_opens_one_row_of_a_bank_that_had_none(
    device: PimDevice, outputs: int, columns: int
) -> None:
    program = product(device, outputs, columns)
    played = play(device, program, trace=True)
    rows = open_rows(device, played, program)
    assert len(rows) == played.activations
    assert (rows["end"] > rows["start"]).all()
    for _, spans in rows.groupby(["bank", "row_buffer"]):
        assert (spans["start"].to_numpy()[1:] > spans["end"].to_numpy()[:-1]).all()


@few
@given(device=st.sampled_from(DEVICES[:6]), outputs=st.integers(1, 300), columns=st.integers(1, 200))
def test_the_units_compute_for_as_long_as_their_columns_take(
    device: PimDevice, outputs: int, columns: int
) -> None:
    program = product(device, outputs, columns)
    played = play(device, program, trace=True)
    spans = activities(device, played, program)
    assert device.protocol.pim.roles is not None
    computes = played.commands[device.protocol.pim.roles.compute]
    assert spans[spans["activity"] == COMPUTING]["cycles"].sum() == computes * device.compute_interval_cycles


def test_a_tile_of_gddr6_aim_costs_two_mode_switches_a_row_and_its_columns() -> None:
    device = pim_device("gddr6_aim", 1, refresh=False)
    # From one drain to the next: what one more output a bank takes.
    short, long = (spent(device, tiles) for tiles in (4, 5))
    cycles = device.protocol.timings
    assert long[COMPUTING] - short[COMPUTING] == device.columns * cycles["nCCDL"]
    assert long[ROWS] - short[ROWS] == cycles["nRP"] + cycles["nRCDRDMAC"]
    # One to computing and one to draining, each after a cycle of the bus or so.
    assert long[MODES] - short[MODES] == pytest.approx(2 * cycles["nMODCH"], abs=2)
    assert long[LOADING] == short[LOADING] == device.columns * cycles["nBL"]
    assert 0 < long[DRAINING] - short[DRAINING] < cycles["nMODCH"]


def spent(device: PimDevice, tiles: int) -> dict[str, int]:
    program = tiled_gemv(device, tiles * device.banks, device.columns)
    spans = activities(device, play(device, program, trace=True), program)
    return spans.groupby("activity")["cycles"].sum().to_dict()


def test_a_refresh_costs_at_least_its_own_time_and_no_other_activity_pays_for_it() -> None:
    device = pim_device("pim_gpt", 1)
    program = tiled_gemv(device, 3000, device.columns)
    played = play(device, program, trace=True)
    refreshes = played.commands["REFab"]
    assert refreshes > 0
    spans = activities(device, played, program)
    total = spans[spans["activity"] == REFRESH]["cycles"].sum()
    timings = device.protocol.timings
    assert refreshes * timings["nRFC"] <= total <= refreshes * (timings["nRFC"] + timings["nRP"])


def test_the_frame_of_commands_counts_what_was_played() -> None:
    device = pim_device("newton", 1)
    played = play(device, tiled_gemv(device, 100, 100), trace=True)
    assert command_frame(device, played)["command"].value_counts().to_dict() == played.commands
