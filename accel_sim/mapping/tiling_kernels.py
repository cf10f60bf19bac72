"""Kernels of the tiling search: all candidates, what they move and compute in every order, the choice.

Axes 0, 1 and 2 are m, n and k. A *variant* of a tile says by its bits which of them are at their last tile.
"""

from __future__ import annotations

import numpy as np
from numba import njit

# Columns of a product's bounds beyond g, m, n, k, as `tiling.Product` has them.
GROUPS, ROWS, COLUMNS, DEPTH = 0, 1, 2, 3
ROW_SCALE, DEPTH_SCALE, IMAGE_ROWS, ROW_STRIDE, ROW_REACH, INPUT_ROWS, LEFT_ROW_ELEMENTS = range(4, 11)


@njit(cache=True)
def left_rows(shape: np.ndarray, m: int) -> int:
    """Input rows that a tile of m units covers, halo included; shape as for `all_tiles`."""
    if m > shape[IMAGE_ROWS]:
        return (m + shape[IMAGE_ROWS] - 1) // shape[IMAGE_ROWS] * shape[INPUT_ROWS]
    return min((m - 1) * shape[ROW_STRIDE] + shape[ROW_REACH], shape[INPUT_ROWS])


@njit(cache=True)
def all_tiles(
    shape: np.ndarray,
    bits: np.ndarray,
    gs: np.ndarray,
    ms: np.ndarray,
    ns: np.ndarray,
    ks: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Every combination of sizes, g outermost.

    shape: int64[11] of the product: GROUPS ... LEFT_ROW_ELEMENTS. bits: float64[3] of an element of left,
    right, sum. gs, ms, ns, ks: int64[...], sizes along each axis.

    Returns sizes int64[4, t] of g, m, n, k; places int64[2, t], where in ns and in ks a size stands; tiles
    float64[3, t], bytes of left, right and sum tiles, rounded up for each group; overlaps float64[t], left rows
    of all tiles over the rows touched at all (1 without a halo); count int64[t], tiles of the whole product.
    """
    most = len(gs) * len(ms) * len(ns) * len(ks)
    sizes = np.empty((4, most), np.int64)
    places = np.empty((2, most), np.int64)
    tiles = np.empty((3, most))
    overlaps = np.empty(most)
    count = np.empty(most, np.int64)
    images = (shape[ROWS] + shape[IMAGE_ROWS] - 1) // shape[IMAGE_ROWS]
    whole = max(1, images * shape[INPUT_ROWS])
    at = 0
    for g in gs:
        for m in ms:
            covered = left_rows(shape, m)
            m_trips = (shape[ROWS] + m - 1) // m
            rows = (m_trips - 1) * covered + left_rows(shape, shape[ROWS] - (m_trips - 1) * m)
            for j in range(len(ns)):
                n = ns[j]
                n_trips = (shape[COLUMNS] + n - 1) // n
                for i in range(len(ks)):
                    k = ks[i]
                    sizes[0, at], sizes[1, at], sizes[2, at], sizes[3, at] = g, m, n, k
                    places[0, at], places[1, at] = j, i
                    tiles[0, at] = g * np.ceil(covered * shape[LEFT_ROW_ELEMENTS] * k * bits[0] / 8)
                    tiles[1, at] = g * np.ceil(k * shape[DEPTH_SCALE] * n * bits[1] / 8)
                    tiles[2, at] = g * np.ceil(m * shape[ROW_SCALE] * n * bits[2] / 8)
                    overlaps[at] = max(rows / whole, 1.0)
                    k_trips = (shape[DEPTH] + k - 1) // k
                    count[at] = shape[GROUPS] // g * m_trips * n_trips * k_trips
                    at += 1
    return sizes, places, tiles, overlaps, count


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
def compute_ticks(
    bounds: np.ndarray, sizes: np.ndarray, slots: np.ndarray, interval: np.ndarray, ticks_per_cycle: float
) -> np.ndarray:
    """float64[t], ticks that the matrix unit takes for all tiles of each candidate.

    bounds: int64[4 or more], beginning with g, m, n, k. sizes: int64[4, t]. slots: int64[t, 8], the tile that
    each variant is; interval: int64[p], cycles of each tile.
    """
    count = sizes.shape[1]
    ticks = np.empty(count)
    trips = np.empty(3, np.int64)
    for i in range(count):
        for axis in range(3):
            trips[axis] = (bounds[axis + 1] + sizes[axis + 1, i] - 1) // sizes[axis + 1, i]
        cycles = 0.0
        for v in range(8):
            weight = 1.0
            for axis in range(3):
                weight *= 1.0 if v >> axis & 1 else trips[axis] - 1.0
            cycles += weight * interval[slots[i, v]]
        ticks[i] = cycles * (bounds[0] // sizes[0, i]) * ticks_per_cycle
    return ticks


@njit(cache=True)
def price_orders(
    bounds: np.ndarray,
    sizes: np.ndarray,
    places: np.ndarray,
    tiles: np.ndarray,
    overlaps: np.ndarray,
    totals: np.ndarray,
    runs: np.ndarray,
    in_memory: np.ndarray,
    ratios: np.ndarray,
    limits: np.ndarray,
    slower: np.ndarray,
    rates: np.ndarray,
    orders: np.ndarray,
    distinct: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What every candidate takes in every order, the matrix unit aside.

    bounds: int64[4 or more], beginning with g, m, n, k. sizes: int64[4, t]. places: int64[2, t], where a size
    of n and of k stands along its axis. tiles: float64[3, t] bytes of left, right, sum tiles. overlaps:
    float64[t], left rows loaded over those touched. totals: float64[3] bytes of left, right, output. runs:
    int64[3, a], bytes of a row of a left, right and output tile by the place of its size. in_memory: bool[3]
    for left, right, output. ratios: float64[2], output and epilogue bytes by sum byte. limits: int64[2] bytes
    for tiles, for partial sums. slower: float64[3, a], time of transfers in pieces of `runs` over that of
    streams. rates: float64[4], ticks per byte of memory and its latency in ticks, joules per byte of memory and
    of scratchpad. orders: int64[6, 3]. distinct: bool[8, 6], whether an order is the one that stands for its
    nest, by which (bits 0, 1, 2) of m, n, k have more than one trip.

    Returns (fitting, transfers, fills, energies): int64[r], candidates that fit in some order; float64[t, 6],
    ticks that the memory is busy, ticks before and after the unit works, and joules, all infinite where the
    order does not fit or another stands for it.
    """
    count = sizes.shape[1]
    transfers = np.full((count, 6), np.inf)
    fills = np.full((count, 6), np.inf)
    energies = np.full((count, 6), np.inf)
    fitting = np.empty(count, np.int64)
    fit = 0
    depth_of = np.empty((6, 3), np.int64)
    for o in range(6):
        for level in range(3):
            depth_of[o, orders[o, level]] = level
    trips = np.empty(3, np.int64)
    for i in range(count):
        groups = bounds[0] // sizes[0, i]
        several = 0
        for axis in range(3):
            trips[axis] = (bounds[axis + 1] + sizes[axis + 1, i] - 1) // sizes[axis + 1, i]
            several |= (trips[axis] > 1) << axis
        inner_m, inner_n, inner_k = trips[0] > 1, trips[1] > 1, trips[2] > 1
        # A tile of one row, or of whole rows, is moved as a stream.
        results = tiles[2, i] * ratios[0]
        left_stretch = slower[0, places[1, i]] if tiles[0, i] > runs[0, places[1, i]] else 1.0
        right_stretch = slower[1, places[1, i]] if tiles[1, i] > runs[1, places[1, i]] else 1.0
        output_stretch = slower[2, places[0, i]] if results > runs[2, places[0, i]] else 1.0
        fits = False
        for o in range(6):
            if not distinct[several, o]:
                continue
            depth_m, depth_n, depth_k = depth_of[o, 0], depth_of[o, 1], depth_of[o, 2]
            # The left operand (m, k) is loaded anew for every n when a loop that indexes it runs inside n's.
            left_again = (inner_m and depth_m > depth_n) or (inner_k and depth_k > depth_n)
            right_again = (inner_n and depth_n > depth_m) or (inner_k and depth_k > depth_m)
            left_passes = trips[1] if left_again else 1
            right_passes = trips[0] if right_again else 1
            region = tiles[2, i]
            regions = groups * trips[0] * trips[1]
            for axis in range(2):
                if inner_k and depth_of[o, axis] > depth_k:
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
            store_stretch = 1.0 if inner_k and depth_n > depth_k else output_stretch
            moved = totals[2] / max(ratios[0], 1e-12) * ratios[1]
            slowed = 0.0
            if in_memory[0]:
                # Overlap of neighbouring tiles is loaded again unless m's tiles follow one another directly.
                overlap = overlaps[i] if inner_k and depth_k > depth_m else 1.0
                moved += totals[0] * left_passes * overlap
                slowed += totals[0] * left_passes * overlap * (left_stretch - 1)
            if in_memory[1]:
                moved += totals[1] * right_passes
                slowed += totals[1] * right_passes * (right_stretch - 1)
            loaded = moved
            if in_memory[2]:
                moved += totals[2]
                slowed += totals[2] * (store_stretch - 1)
            fill = rates[1]
            if in_memory[0]:
                fill += tiles[0, i] * rates[0] * left_stretch
            if in_memory[1]:
                fill += tiles[1, i] * rates[0] * right_stretch
            if in_memory[2]:
                fill += region * ratios[0] * rates[0] * store_stretch
            fits = True
            transfers[i, o] = (moved + slowed) * rates[0]
            fills[i, o] = fill
            energies[i, o] = (
                moved * rates[2] + (loaded + totals[0] * trips[1] + totals[1] * trips[0]) * rates[3]
            )
        if fits:
            fitting[fit] = i
            fit += 1
    return fitting[:fit].copy(), transfers, fills, energies


@njit(cache=True)
def total_times(rows: np.ndarray, transfers: np.ndarray, fills: np.ndarray, compute: np.ndarray) -> np.ndarray:
    """float64[t, 6], ticks of every candidate in every order; infinite where it does not fit.

    rows: int64[r], candidates that fit; compute: float64[r], their ticks on the matrix unit. transfers, fills:
    float64[t, 6], as of `price_orders`.
    """
    times = np.full(transfers.shape, np.inf)
    for r in range(len(rows)):
        for o in range(6):
            times[rows[r], o] = max(compute[r], transfers[rows[r], o]) + fills[rows[r], o]
    return times


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


@njit(cache=True)
def feed(
    interval: np.ndarray,
    result: np.ndarray,
    a_reads: np.ndarray,
    b_reads: np.ndarray,
    partial_reads: np.ndarray,
    partial_writes: np.ndarray,
    bits: tuple[float, float, float],
    ports: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What tiles cost with the ports that feed them: (interval, result, events) as `interval_cycles` returns.

    interval, result: int64[t], cycles on the unit alone. a_reads, b_reads, partial_reads, partial_writes:
    int64[t], words. bits: of an element of left, right, sum. ports: bytes a cycle of the scratchpad, and of the
    accumulators.
    """
    held = np.empty(len(interval), np.int64)
    ready = np.empty(len(interval), np.int64)
    events = np.zeros((5, len(interval)), np.int64)
    for i in range(len(interval)):
        reads = np.int64(np.ceil((a_reads[i] * bits[0] + b_reads[i] * bits[1]) / 8))
        sum_reads = np.int64(np.ceil(partial_reads[i] * bits[2] / 8))
        sum_writes = np.int64(np.ceil(partial_writes[i] * bits[2] / 8))
        operand_cycles, sum_cycles = -(-reads // ports[0]), -(-max(sum_reads, sum_writes) // ports[1])
        stall = max(operand_cycles - interval[i], sum_cycles - interval[i], 0)
        held[i], ready[i] = interval[i] + stall, result[i] + stall
        events[0, i], events[1, i], events[2, i] = reads, sum_reads, sum_writes
        events[3 if operand_cycles > sum_cycles else 4, i] = stall
    return held, ready, events
