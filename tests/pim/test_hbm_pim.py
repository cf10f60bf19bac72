"""HBM-PIM: its simulator's runs and traces, microprograms, and what barriers and modes mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.engine.pim_run import play, requests
from accel_sim.hardware.pim import Builder, pim_device
from accel_sim.hardware.pim.crf import Instruction, executed, triggers
from accel_sim.hardware.pim.hbm import elementwise, gemv, reduction, weights_column
from accel_sim.validation.pim import HBM_REFERENCE, HBM_TRACE, TRACES, predict_hbm_pim, read_trace, trace_events
from accel_sim.validation.reference import read_reference, text, whole_number

DEVICE = pim_device("hbm_pim", 1, parity=True)
FIGURES = ("pim_cycles", "pim_rd_cmds", "pim_wr_cmds", "host_baseline_cycles")
SIZES = ("out_elems", "in_elems", "batch", "channels")
ROWS = read_reference(
    HBM_REFERENCE, {"row_id": text, "kernel": text, **dict.fromkeys((*SIZES, *FIGURES), whole_number)}
)
few = settings(max_examples=15, deadline=None)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["row_id"])
def test_a_reference_run_is_reproduced_to_the_cycle_and_command(row: Any) -> None:
    assert predict_hbm_pim(row) == {name: row[name] for name in FIGURES}


@pytest.mark.parametrize("name", TRACES)
def test_every_command_mode_change_and_instruction_of_a_trace_is_reproduced(name: str) -> None:
    assert trace_events(name) == read_trace(HBM_TRACE, name)


@few
@given(outputs=st.integers(1, 200), inputs=st.integers(1, 40), batch=st.integers(1, 3))
def test_a_microprogram_takes_as_many_commands_as_the_host_sends(outputs: int, inputs: int, batch: int) -> None:
    kernel = gemv(DEVICE, outputs, inputs, batch)
    asked = requests(kernel.program)
    modes = DEVICE.protocol.modes
    assert modes is not None
    data = asked[(asked[:, 2] & modes.reserved) == 0]
    products = -(-outputs // 64) * batch
    assert len(data) == products * triggers(kernel.instructions)


@few
@given(columns=st.integers(1, 1000), kind=st.sampled_from(["add", "mul", "relu"]))
def test_an_elementwise_microprogram_ends_with_the_last_command(columns: int, kind: Any) -> None:
    kernel = elementwise(DEVICE, columns, kind)
    asked = requests(kernel.program)
    assert triggers(kernel.instructions) == int(((asked[:, 2] & 0x1000) == 0).sum())
    assert len(kernel.instructions) < DEVICE.protocol.pim.instructions


@few
@given(columns=st.integers(1, 2000))
def test_a_reduction_reads_every_column_once(columns: int) -> None:
    kernel = reduction(DEVICE, columns)
    asked = requests(kernel.program)
    reads = asked[(asked[:, 0] == 0) & ((asked[:, 2] & 0x1000) == 0)]
    assert len(np.unique(reads[:, 1:4], axis=0)) == len(reads) == 2 * 8 * -(-columns // 128)
    assert triggers(kernel.instructions) == int(((asked[:, 2] & 0x1000) == 0).sum())


@few
@given(outputs=st.integers(1, 400), inputs=st.integers(1, 60))
def test_separate_output_tiles_share_no_column_of_weights(outputs: int, inputs: int) -> None:
    tiles, parts = -(-outputs // 64), -(-inputs // 8)
    places = [
        (part % 2, weights_column(DEVICE, parts, tile, part, separate=True))
        for tile in range(tiles)
        for part in range(parts)
    ]
    assert len(set(places)) == len(places)
    last = weights_column(DEVICE, parts, tiles, 0, separate=True)
    assert all(column + 64 <= last for _, column in places)


def test_a_jump_goes_back_as_often_as_it_says_and_costs_no_command() -> None:
    program = (Instruction("MAC", repeats=2), Instruction("JUMP", jumps=2, back=2), Instruction("NOP"))
    assert [index for index, _ in executed(program)] == [0, 0, 1, 0, 0, 1, 0, 0, 1, 2]
    assert triggers(program) == 7


@few
@given(data=st.data())
def test_no_request_overtakes_a_barrier(data: st.DataObject) -> None:
    builder = Builder(DEVICE.protocol)
    segments = data.draw(st.lists(st.lists(st.integers(0, 15), min_size=1, max_size=6), min_size=2, max_size=6))
    segment_of = []
    for number, banks in enumerate(segments):
        for place, bank in enumerate(banks):
            builder.add("RD", bank, number % 3, place, barrier=place == len(banks) - 1)
            segment_of.append(number)
    trace = play(DEVICE, builder.program(), trace=True).trace
    reads = [segment_of[line] for _, command, *_, line in trace.tolist() if command == 2]
    assert reads == sorted(reads)


def test_a_row_hit_goes_before_an_older_miss() -> None:
    builder = Builder(DEVICE.protocol)
    for row, column in ((0, 0), (1, 0), (0, 1)):
        builder.add("RD", 0, row, column)
    trace = play(DEVICE, builder.program(), trace=True).trace
    assert [line for _, command, *_, line in trace.tolist() if command == 2] == [0, 2, 1]


def test_waiting_for_a_precharge_before_a_refresh_is_the_difference_from_parity() -> None:
    strict = pim_device("hbm_pim", 1)
    gaps = []
    for device in (DEVICE, strict):
        trace = play(device, gemv(device, 512, 128).program, trace=True).trace.tolist()
        names = list(device.protocol.commands)
        refresh = next(i for i, line in enumerate(trace) if names[line[1]] == "REF" and line[2] == 0)
        gaps.append(trace[refresh][0] - trace[refresh - 1][0])
    assert gaps == [1, strict.protocol.timings["nRP"]]
