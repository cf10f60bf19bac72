"""Cycles for which units wait for ports of their buffers: what they take more than with ports without end."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from small_graphs import BF16, elementwise, graph, run

from accel_sim.hardware.component import GemmTiles
from accel_sim.mapping.machine import TICKS_PER_CYCLE, resolve
from accel_sim.mapping.tiling import FEED_EVENTS, interval_cycles
from accel_sim.testing.chips import small_chip
from accel_sim.workload.tensors import Residency, Tensor

WIDE = 2**40
LANES = {"type": "vector_unit", "lanes": 256}
SIZES = st.lists(st.integers(1, 40), min_size=4, max_size=4)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(SIZES, min_size=1, max_size=5), st.integers(1, 64), st.integers(1, 64))
def test_a_tile_waits_for_what_it_takes_more_than_with_ports_without_end(tiles, operands, sums):
    unit, bits = resolve(small_chip()).matrix_key, (16.0, 16.0, 32.0)
    shapes = GemmTiles(*np.array(tiles, dtype=np.int64).T.copy())
    held, ready, events = interval_cycles(unit, (operands, sums), bits, shapes)
    alone, first, none = interval_cycles(unit, (WIDE, WIDE), bits, shapes)
    stalls = dict(zip(FEED_EVENTS, events, strict=True))
    waits = stalls["scratchpad_stall_cycles"] + stalls["accumulator_stall_cycles"]
    assert (held - alone == waits).all()
    assert (ready - first == waits).all()
    assert not none[3:].any()
    assert (none[:3] == events[:3]).all()
    # One buffer is to blame, and by itself it would make the tile wait as long.
    for index, ports in ((3, (operands, WIDE)), (4, (WIDE, sums))):
        by_itself = interval_cycles(unit, ports, bits, shapes)[2][index]
        assert (events[index] <= by_itself).all()
        assert (by_itself[events[index] > 0] == events[index][events[index] > 0]).all()


def test_a_vector_unit_waits_for_what_it_takes_more_than_with_wide_ports():
    def waits_and_rest(width: str) -> tuple[int, int]:
        source = Tensor("source", (64, 512), BF16, Residency.IO)
        result = run(
            graph(elementwise("relu", "relu", source)), small_chip({"scratchpad.width": width}, vector=LANES)
        )
        (busy,) = (
            int(ticks) // TICKS_PER_CYCLE
            for ticks, resource in zip(result.timeline.busy_ticks, result.timeline.task_resource, strict=True)
            if result.timeline.resource_names[resource] == "vector" and resource >= 0
        )
        waits = result.events["vector_stall_cycles"]
        return waits, busy - waits

    narrow, wide = waits_and_rest("32 B"), waits_and_rest("512 B")
    assert narrow[0] > 0 == wide[0]
    assert narrow[1] == wide[1]
