"""How a tiling is chosen, against the rule in words: fast enough, then frugal enough, then fewest tiles."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.mapping.tiling_kernels import choose, distinct_tiles

FIGURES = st.sampled_from((1.0, 1.002, 1.004, 1.02, 1.5, np.inf))
ROWS = st.lists(
    st.tuples(st.lists(FIGURES, min_size=6, max_size=6), st.lists(FIGURES, min_size=6, max_size=6)),
    min_size=1,
    max_size=8,
)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(ROWS, st.data())
def test_the_choice_is_fast_then_frugal_then_has_the_fewest_tiles(rows, data):
    times, energies = (np.array(figures) for figures in zip(*rows, strict=True))
    energies[np.isinf(times)] = np.inf
    energies[np.isfinite(times) & np.isinf(energies)] = 2.0
    count = np.array(data.draw(st.lists(st.integers(1, 9), min_size=len(rows), max_size=len(rows))))
    row, order = choose(times, energies, count, 0.005)
    if np.isinf(times).all():
        assert (row, order) == (-1, -1)
        return
    fast = times <= times.min() * 1.005
    frugal = fast & (energies <= energies[fast].min() * 1.005)
    assert frugal[row, order]
    assert count[row] == count[frugal.any(axis=1)].min()


SIZES = st.tuples(st.integers(1, 3), st.integers(1, 12), st.integers(1, 12), st.integers(1, 12))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.tuples(*(st.integers(1, 30),) * 3), st.lists(SIZES, min_size=1, max_size=6))
def test_every_variant_of_a_candidate_is_priced_as_the_tile_it_is(bounds, candidates):
    sizes = np.array(candidates, dtype=np.int64).T.copy()
    sizes[1:] = np.minimum(sizes[1:], np.array(bounds)[:, None])
    slots, tiles = distinct_tiles(np.array(bounds, dtype=np.int64), sizes)
    for i in range(sizes.shape[1]):
        for variant in range(8):
            expected = [
                (bounds[axis] - 1) % sizes[axis + 1, i] + 1 if variant >> axis & 1 else sizes[axis + 1, i]
                for axis in range(3)
            ]
            assert tiles[:, slots[i, variant]].tolist() == [sizes[0, i], *expected]
