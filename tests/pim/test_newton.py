"""Newton and NeuPIMs: grouped activation under tFAW, bursts, and what a second row buffer buys."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.engine.pim_run import Played, play
from accel_sim.hardware.pim import Builder, PimDevice, pim_device
from accel_sim.hardware.pim.host import transfer
from accel_sim.hardware.pim.tiles import tiled_gemv

NEWTON = pim_device("newton", 1, refresh=False)
NEUPIMS = pim_device("newton", 1, refresh=False, concurrent=True)
TIMINGS = NEWTON.protocol.timings
few = settings(max_examples=15, deadline=None)


def cycles_of(device: PimDevice, played: Played, name: str) -> list[int]:
    number = list(device.protocol.commands).index(name)
    return [cycle for cycle, command, *_ in played.trace.tolist() if command == number]


def test_the_first_product_waits_for_four_groups_a_rank_under_the_window_of_activations() -> None:
    builder = Builder(NEWTON.protocol)
    builder.add("COMP")
    played = play(NEWTON, builder.program(), trace=True)
    activations, (product,) = cycles_of(NEWTON, played, "G_ACT"), cycles_of(NEWTON, played, "COMP")
    assert len(activations) == 8
    # Two ranks take turns, a cycle apart.
    assert product - activations[0] == 3 * TIMINGS["nFAW"] + 1 + TIMINGS["nRCDRD"]


@few
@given(columns=st.integers(1, 32), more=st.integers(1, 32))
def test_a_burst_takes_its_columns_or_the_fill_of_the_adder_tree_and_one_to_read(
    columns: int, more: int
) -> None:
    builder = Builder(NEUPIMS.protocol)
    builder.add("COMPS_READRES", count=columns)
    builder.add("COMPS_READRES", count=more)
    first, second = cycles_of(NEUPIMS, play(NEUPIMS, builder.program(), trace=True), "COMPS_READRES")
    assert second - first == TIMINGS["nBL"] * (max(columns, 6) + 1)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"bank": 32}, "bank 32: newton has 0 to 31"),
        ({"bank": -1}, "bank -1"),
        ({"row": -2}, "row -2"),
        ({"count": 0}, "count: must be at least 1"),
    ],
)
def test_what_the_channel_does_not_have_is_refused(line: dict[str, int], message: str) -> None:
    builder = Builder(NEWTON.protocol)
    builder.add("RD", **line)
    with pytest.raises(ValueError, match=message):
        play(NEWTON, builder.program())


def test_a_program_of_nothing_ends_at_once() -> None:
    assert play(NEWTON, Builder(NEWTON.protocol).program()).commands == {}
    queue = pim_device("hbm_pim", 1)
    assert play(queue, Builder(queue.protocol).program()).cycles == 0
    with pytest.raises(ValueError, match="plays one program"):
        play(queue, *[Builder(queue.protocol).program()] * 2)


def test_products_of_one_row_follow_each_other_at_the_rate_of_the_banks() -> None:
    builder = Builder(NEWTON.protocol)
    builder.add("COMP", count=32)
    cycles = cycles_of(NEWTON, play(NEWTON, builder.program(), trace=True), "COMP")
    assert {after - before for before, after in pairwise(cycles)} == {TIMINGS["nBL"]}


def test_a_row_in_the_buffer_takes_its_time_before_the_first_product() -> None:
    builder = Builder(NEWTON.protocol)
    builder.add("COMP", row=7)
    builder.add("GWRITE", bank=0, row=7)
    builder.add("COMP", row=7)
    played = play(NEWTON, builder.program(), trace=True)
    (load,), products = cycles_of(NEWTON, played, "GWRITE"), cycles_of(NEWTON, played, "COMP")
    assert products[1] - load == TIMINGS["nGWRITE"]


def test_a_host_read_of_another_row_closes_no_row_of_the_second_buffer() -> None:
    for device, activations in ((NEWTON, 2), (NEUPIMS, 1)):
        builder = Builder(device.protocol)
        burst = "COMPS_READRES" if device is NEUPIMS else "COMP"
        builder.add(burst, row=1, count=8)
        builder.add("RD", bank=0, row=2)
        builder.add(burst, row=1, count=8)
        played = play(device, builder.program())
        assert played.commands["G_ACT"] == 7 + activations


@pytest.mark.parametrize("size_bytes", [4096, 65536])
def test_host_and_pim_at_once_are_faster_than_one_after_the_other(size_bytes: int) -> None:
    product = tiled_gemv(NEUPIMS, 32 * 20, 32)
    stream = transfer(NEUPIMS, size_bytes, "read")
    alone = [play(NEUPIMS, program).cycles for program in (product, stream)]
    both = play(NEUPIMS, product, stream).cycles
    # Another order of activations may gain a few cycles on the longer of the two.
    assert 0.98 * max(alone) <= both < sum(alone)
