"""Kernels of the tiling search: the tiles to price, the price of every order, the choice among them.

Axes 0, 1 and 2 are m, n and k. A *variant* of a tile says by its bits which of them are at their last tile.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def distinct_tiles(bounds: np.ndarray, candidates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The tiles to price for candidates, and which of them each variant of a candidate is.

    bounds: int64[3] of m, n, k. candidates: int64[4, t], sizes of g, m, n, k.

    Returns (slots, tiles): int64[t, 8], columns of tiles; int64[4, p]. Where a bound divides, the last tile is
    like the others, and a variant like the one without that bit.
    """
    count = candidates.shape[1]
    slots = np.empty((count, 8), np.int64)
    tiles = np.empty((4, 8 * count), np.int64)
    last = np.empty(3, np.int64)
    used = 0
    for i in range(count):
        uneven = 0
        for axis in range(3):
            size = candidates[axis + 1, i]
            last[axis] = bounds[axis] - ((bounds[axis] + size - 1) // size - 1) * size
            if last[axis] != size:
                uneven |= 1 << axis
        for variant in range(8):
            if variant & uneven != variant:
                slots[i, variant] = slots[i, variant & uneven]
                continue
            tiles[0, used] = candidates[0, i]
            for axis in range(3):
                tiles[axis + 1, used] = last[axis] if variant >> axis & 1 else candidates[axis + 1, i]
            slots[i, variant] = used
            used += 1
    return slots, np.ascontiguousarray(tiles[:, :used])


@njit(cache=True)
def price_orders(
    bounds: np.ndarray,
    sizes: np.ndarray,
    interval: np.ndarray,
    tiles: np.ndarray,
    overlaps: np.ndarray,
    totals: np.ndarray,
    stretch: np.ndarray,
    in_memory: np.ndarray,
    ratios: np.ndarray,
    limits: np.ndarray,
    memory: np.ndarray,
    energy: np.ndarray,
    orders: np.ndarray,
    ticks_per_cycle: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Estimated time and energy of every candidate in every order.

    bounds: int64[4] (g, m, n, k). sizes: int64[4, t]. interval: float64[t, 8] cycles by variant.
    tiles: float64[3, t] bytes of left, right, sum tiles. overlaps: float64[t], left rows loaded over those
    touched. totals: float64[3] bytes of left, right, output. stretch: float64[3, t], time of their transfers
    over that of streams, for pieces as long as the tile's rows.
    in_memory: bool[3] for left, right, output. ratios: float64[2], output and epilogue bytes by sum byte.
    limits: int64[2] bytes for tiles, for partial sums. memory: float64[2] ticks per byte, latency in ticks.
    energy: float64[2] joules per byte of memory, of scratchpad. orders: int64[6, 3].

    Returns (times, energies), float64[t, 6]; times are in ticks, infinite where the order does not fit or
    another order stands for it.
    """
    count = sizes.shape[1]
    times = np.full((count, 6), np.inf)
    energies = np.full((count, 6), np.inf)
    trips = np.empty(3, np.int64)
    depth_of = np.empty(3, np.int64)
    for i in range(count):
        groups = bounds[0] // sizes[0, i]
        for axis in range(3):
            trips[axis] = (bounds[axis + 1] + sizes[axis + 1, i] - 1) // sizes[axis + 1, i]
        compute = 0.0
        for v in range(8):
            weight = 1.0
            for axis in range(3):
                weight *= 1.0 if v >> axis & 1 else trips[axis] - 1.0
            compute += weight * interval[i, v]
        compute *= groups * ticks_per_cycle
        for o in range(6):
            for level in range(3):
                depth_of[orders[o, level]] = level
            # Orders that differ only in loops of one trip are the same nest; one of them stands for all.
            twin = False
            for axis in range(3):
                for other in range(3):
                    before = trips[other] > 1 or (other < axis and trips[other] == 1)
                    if trips[axis] == 1 and other != axis and before and depth_of[other] > depth_of[axis]:
                        twin = True
            if twin:
                continue
            inner_m = trips[0] > 1
            inner_n = trips[1] > 1
            inner_k = trips[2] > 1
            # The left operand (m, k) is loaded anew for every n when a loop that indexes it runs inside n's.
            left_again = (inner_m and depth_of[0] > depth_of[1]) or (inner_k and depth_of[2] > depth_of[1])
            right_again = (inner_n and depth_of[1] > depth_of[0]) or (inner_k and depth_of[2] > depth_of[0])
            left_passes = trips[1] if left_again else 1
            right_passes = trips[0] if right_again else 1
            region = tiles[2, i]
            regions = groups * trips[0] * trips[1]
            for axis in range(2):
                if inner_k and depth_of[axis] > depth_of[2]:
                    region *= bounds[axis + 1] / sizes[axis + 1, i]
                    regions //= trips[axis]
            if region * min(2, regions) > limits[1]:
                continue
            left_loads = groups * trips[0] * trips[2] * left_passes
            right_loads = groups * trips[1] * trips[2] * right_passes
            held = 0.0
            if in_memory[0]:
                held += tiles[0, i] * min(2, left_loads)
            if in_memory[1]:
                held += tiles[1, i] * min(2, right_loads)
            held += region * ratios[1] * min(2, regions)
            if held > limits[0]:
                continue
            # A region with whole rows is stored as a stream.
            store_stretch = 1.0 if inner_k and depth_of[1] > depth_of[2] else stretch[2, i]
            moved = totals[2] / max(ratios[0], 1e-12) * ratios[1]
            slowed = 0.0
            if in_memory[0]:
                # Overlap of neighbouring tiles is loaded again unless m's tiles follow one another directly.
                overlap = overlaps[i] if inner_k and depth_of[2] > depth_of[0] else 1.0
                moved += totals[0] * left_passes * overlap
                slowed += totals[0] * left_passes * overlap * (stretch[0, i] - 1)
            if in_memory[1]:
                moved += totals[1] * right_passes
                slowed += totals[1] * right_passes * (stretch[1, i] - 1)
            loaded = moved
            if in_memory[2]:
                moved += totals[2]
                slowed += totals[2] * (store_stretch - 1)
            fill = memory[1]
            if in_memory[0]:
                fill += tiles[0, i] * memory[0] * stretch[0, i]
            if in_memory[1]:
                fill += tiles[1, i] * memory[0] * stretch[1, i]
            if in_memory[2]:
                fill += region * ratios[0] * memory[0] * store_stretch
            times[i, o] = max(compute, (moved + slowed) * memory[0]) + fill
            energies[i, o] = (
                moved * energy[0] + (loaded + totals[0] * trips[1] + totals[1] * trips[0]) * energy[1]
            )
    return times, energies


@njit(cache=True)
def choose(times: np.ndarray, energies: np.ndarray, count: np.ndarray, tolerance: float) -> tuple[int, int]:
    """The candidate and order to take, (-1, -1) if all times are infinite.

    times, energies: float64[t, 6]. count: int64[t], tiles. tolerance: of what counts as equally fast, and as
    equally frugal; the fewest tiles decide among those.
    """
    fastest = np.inf
    for i in range(len(times)):
        for o in range(6):
            fastest = min(fastest, times[i, o])
    frugal = np.inf
    for i in range(len(times)):
        for o in range(6):
            if times[i, o] <= fastest * (1 + tolerance):
                frugal = min(frugal, energies[i, o])
    row, order = -1, -1
    if fastest == np.inf:
        return row, order
    for i in range(len(times)):
        for o in range(6):
            good = times[i, o] <= fastest * (1 + tolerance) and energies[i, o] <= frugal * (1 + tolerance)
            if good and (row < 0 or count[i] < count[row]):
                row, order = i, o
    return row, order
