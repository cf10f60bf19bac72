"""Several arrays that share a tile, against every way to deal it out."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.hardware.component import GemmTiles
from accel_sim.hardware.components.systolic_array import SystolicArray, price
from accel_sim.hardware.components.systolic_schedules import SYSTOLIC_SCHEDULES, tile_cycles

SIZES = st.sampled_from((1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 40))


def every_way(count: int) -> list[tuple[int, int, int]]:
    return [
        (g, m, count // (g * m))
        for g in range(1, count + 1)
        for m in range(1, count + 1)
        if count % (g * m) == 0
    ]


def ceil(amount: int, parts: int) -> int:
    return -(-amount // parts)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.integers(1, 12), SIZES, SIZES, SIZES, SIZES, st.sampled_from(SYSTOLIC_SCHEDULES))
def test_a_gang_takes_the_best_of_all_ways_to_deal_a_tile_out(count, g, m, n, k, entry):
    found = []
    for g_parts, m_parts, n_parts in every_way(count):
        sizes = (ceil(m, m_parts), ceil(n, n_parts), k)
        interval, result = tile_cycles(*(np.array([size]) for size in sizes), 4, 4, entry.code)
        turns = ceil(g, g_parts)
        found.append((turns * int(interval[0]), (turns - 1) * int(interval[0]) + int(result[0])))
    spec = SystolicArray(rows=4, columns=4, count=count, dataflow=entry.dataflow, schedule=entry.schedule)
    priced = price(spec, GemmTiles(*(np.array([size]) for size in (g, m, n, k))))
    assert (int(priced.interval[0]), int(priced.result[0])) == min(found)


def test_arrays_share_the_products_of_a_tile_when_their_number_has_no_factors():
    """Two products on five arrays: both at once, though five has no half."""
    spec = SystolicArray(rows=4, columns=4, count=5)
    one = SystolicArray(rows=4, columns=4)
    both = GemmTiles(*(np.array([size]) for size in (2, 1, 1, 4)))
    single = GemmTiles(*(np.array([size]) for size in (1, 1, 1, 4)))
    assert price(spec, both).interval == price(one, single).interval
