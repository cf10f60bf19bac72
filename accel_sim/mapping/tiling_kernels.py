"""Kernels of the tiling search: candidates that fit, the tiles to price, the price of every order, the choice.

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
    """Input rows that a tile of m units covers, halo included; shape as for `fitting_tiles`."""
    if m > shape[IMAGE_ROWS]:
        return (m + shape[IMAGE_ROWS] - 1) // shape[IMAGE_ROWS] * shape[INPUT_ROWS]
    return min((m - 1) * shape[ROW_STRIDE] + shape[ROW_REACH], shape[INPUT_ROWS])


@njit(cache=True)
def fitting_tiles(
    shape: np.ndarray,
    bits: np.ndarray,
    in_memory: np.ndarray,
    limits: np.ndarray,
    gs: np.ndarray,
    ms: np.ndarray,
    ns: np.ndarray,
    ks: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The candidates of which one tile of each operand fits, g outermost.

    shape: int64[11] of the product: GROUPS ... LEFT_ROW_ELEMENTS. bits: float64[3] of an element of left,
    right, sum. in_memory: bool[3] for left, right, output. limits: int64[2] bytes for tiles, for partial sums.
    gs, ms, ns, ks: int64[...], sizes along each axis.

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
    used = 0
    for g in gs:
        for m in ms:
            covered = left_rows(shape, m)
            m_trips = (shape[ROWS] + m - 1) // m
            rows = (m_trips - 1) * covered + left_rows(shape, shape[ROWS] - (m_trips - 1) * m)
            for j in range(len(ns)):
                n = ns[j]
                n_trips = (shape[COLUMNS] + n - 1) // n
                sums = g * np.ceil(m * shape[ROW_SCALE] * n * bits[2] / 8)
                for i in range(len(ks)):
                    k = ks[i]
                    left = g * np.ceil(covered * shape[LEFT_ROW_ELEMENTS] * k * bits[0] / 8)
                    right = g * np.ceil(k * shape[DEPTH_SCALE] * n * bits[1] / 8)
                    if left * in_memory[0] + right * in_memory[1] > limits[0] or sums > limits[1]:
                        continue
                    sizes[0, used], sizes[1, used], sizes[2, used], sizes[3, used] = g, m, n, k
                    places[0, used], places[1, used] = j, i
                    tiles[0, used], tiles[1, used], tiles[2, used] = left, right, sums
                    overlaps[used] = max(rows / whole, 1.0)
                    k_trips = (shape[DEPTH] + k - 1) // k
                    count[used] = shape[GROUPS] // g * m_trips * n_trips * k_trips
                    used += 1
    return (
        np.ascontiguousarray(sizes[:, :used]),
        np.ascontiguousarray(places[:, :used]),
        np.ascontiguousarray(tiles[:, :used]),
        overlaps[:used].copy(),
        count[:used].copy(),
    )


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
    slots: np.ndarray,
    interval: np.ndarray,
    places: np.ndarray,
    tiles: np.ndarray,
    overlaps: np.ndarray,
    totals: np.ndarray,
    runs: np.ndarray,
    slower: np.ndarray,
    in_memory: np.ndarray,
    ratios: np.ndarray,
    limits: np.ndarray,
    rates: np.ndarray,
    orders: np.ndarray,
    ticks_per_cycle: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Estimated time and energy of every candidate in every order.

    bounds: int64[4 or more], beginning with g, m, n, k. sizes: int64[4, t]. slots: int64[t, 8], the tile that
    each variant is; interval: int64[p], cycles of each tile. places: int64[2, t], where a size of n and of k
    stands along its axis. tiles: float64[3, t] bytes of left, right, sum tiles. overlaps: float64[t], left
    rows loaded over those touched. totals: float64[3] bytes of left, right, output. runs: int64[3, a], bytes
    of a row of a left, right and output tile by the place of its size; slower: float64[3, a], time of their
    transfers in such pieces over that of streams.
    in_memory: bool[3] for left, right, output. ratios: float64[2], output and epilogue bytes by sum byte.
    limits: int64[2] bytes for tiles, for partial sums. rates: float64[4], ticks per byte of memory and its
    latency in ticks, joules per byte of memory and of scratchpad. orders: int64[6, 3].

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
            compute += weight * interval[slots[i, v]]
        compute *= groups * ticks_per_cycle
        # A tile of one row, or of whole rows, is moved as a stream.
        results = tiles[2, i] * ratios[0]
        left_stretch = slower[0, places[1, i]] if tiles[0, i] > runs[0, places[1, i]] else 1.0
        right_stretch = slower[1, places[1, i]] if tiles[1, i] > runs[1, places[1, i]] else 1.0
        output_stretch = slower[2, places[0, i]] if results > runs[2, places[0, i]] else 1.0
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
            store_stretch = 1.0 if inner_k and depth_of[1] > depth_of[2] else output_stretch
            moved = totals[2] / max(ratios[0], 1e-12) * ratios[1]
            slowed = 0.0
            if in_memory[0]:
                # Overlap of neighbouring tiles is loaded again unless m's tiles follow one another directly.
                overlap = overlaps[i] if inner_k and depth_of[2] > depth_of[0] else 1.0
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
            times[i, o] = max(compute, (moved + slowed) * rates[0]) + fill
            energies[i, o] = (
                moved * rates[2] + (loaded + totals[0] * trips[1] + totals[1] * trips[0]) * rates[3]
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
    """What tiles cost with the ports that feed them: (interval, result, accesses) as `interval_cycles` returns.

    interval, result: int64[t], cycles on the unit alone. a_reads, b_reads, partial_reads, partial_writes:
    int64[t], words. bits: of an element of left, right, sum. ports: bytes a cycle of the scratchpad, and of the
    accumulators.
    """
    held = np.empty(len(interval), np.int64)
    ready = np.empty(len(interval), np.int64)
    accesses = np.empty((3, len(interval)), np.int64)
    for i in range(len(interval)):
        reads = np.int64(np.ceil((a_reads[i] * bits[0] + b_reads[i] * bits[1]) / 8))
        sum_reads = np.int64(np.ceil(partial_reads[i] * bits[2] / 8))
        sum_writes = np.int64(np.ceil(partial_writes[i] * bits[2] / 8))
        port_cycles = max(-(-reads // ports[0]), -(-max(sum_reads, sum_writes) // ports[1]))
        stall = max(port_cycles - interval[i], 0)
        held[i], ready[i] = interval[i] + stall, result[i] + stall
        accesses[0, i], accesses[1, i], accesses[2, i] = reads, sum_reads, sum_writes
    return held, ready, accesses
