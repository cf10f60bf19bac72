"""Search over the legal tilings of a matrix product between memory and buffers.

A product is a nest of loops over groups g, rows m, columns n and depth k of tiles; g is outermost, the order
of the other three is free. What is loaded, how often, and what must fit follows from sizes and order:

- an operand's tile stays while loops that do not index it run inside the loops that do;
- an operand is held twice (one in use, one arriving), once if it is loaded only once;
- sums are complete when the k loop ends; all tiles of the loops inside it are kept in the accumulators, so
  partial sums never travel to memory.

Every combination of sizes (see `candidate_sizes`) and order is priced. Of those within half a percent of the
fastest, those within half a percent of the least energy are kept, and of these the one with the fewest tiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from accel_sim.config.errors import RunError
from accel_sim.hardware.component import GemmTiles
from accel_sim.mapping.machine import TICKS_PER_CYCLE, Machine, UnitKey
from accel_sim.mapping.tile_sizes import candidate_sizes, group_sizes
from accel_sim.mapping.tiling_kernels import (
    all_tiles,
    choose,
    compute_ticks,
    distinct_tiles,
    feed,
    price_orders,
    total_times,
)

M, N, K = 0, 1, 2
ORDERS = ((M, N, K), (N, M, K), (M, K, N), (N, K, M), (K, M, N), (K, N, M))
_ORDERS = np.array(ORDERS, dtype=np.int64)
TOLERANCE = 0.005


def _stand_for_their_nests() -> np.ndarray:
    """Return bool[8, 6]: of orders that differ only in loops of one trip, which stands for all.

    It is the one that has those loops innermost. The first index says by its bits which of m, n, k have more.
    """
    several = [{axis for axis in (M, N, K) if mask >> axis & 1} for mask in range(8)]
    return np.array(
        [
            [order == (*(a for a in order if a in s), *sorted({M, N, K} - s)) for order in ORDERS]
            for s in several
        ]
    )


_DISTINCT = _stand_for_their_nests()


@dataclass(frozen=True, slots=True)
class Product:
    """A matrix product to be tiled: `groups` of (rows x columns), summed over `depth`, all in loop units.

    A convolution counts rows of output pixels and channels; a plain GEMM counts elements. `*_scale` is how many
    matrix rows or depth elements a unit stands for.

    Attributes:
        groups, rows, columns, depth: loop bounds.
        row_scale, depth_scale: matrix elements in a unit (output width; kernel height x width).
        left_bits, right_bits, output_bits, sum_bits: of an element in memory, and of a partial sum.
        image_rows: rows after which the left operand starts anew (a convolution's output height).
        row_stride, row_reach: input rows that a unit moves on by, and that one unit covers.
        input_rows: input rows of one image that are touched at all.
        left_row_elements: elements of an input row for one unit of depth (a convolution's input width).
        left_in_memory, right_in_memory, output_in_memory: False when the tensor stays on chip.
        epilogue_bits: bits of further inputs read from memory for each output element.
        right_by_tile: the right operand lies in memory tile by tile, as weights do.
    """

    groups: int
    rows: int
    columns: int
    depth: int
    row_scale: int
    depth_scale: int
    left_bits: float
    right_bits: float
    output_bits: float
    sum_bits: float
    image_rows: int
    row_stride: int
    row_reach: int
    input_rows: int
    left_row_elements: int
    left_in_memory: bool
    right_in_memory: bool
    output_in_memory: bool
    epilogue_bits: float
    right_by_tile: bool = False

    @property
    def bits(self) -> tuple[float, float, float]:
        """Bits of an element of the left operand, of the right one, of a partial sum."""
        return self.left_bits, self.right_bits, self.sum_bits

    def left_rows(self, rows: int) -> int:
        """Input rows that a tile of `rows` units covers, halo included."""
        if rows > self.image_rows:
            return -(-rows // self.image_rows) * self.input_rows
        return min((rows - 1) * self.row_stride + self.row_reach, self.input_rows)


@dataclass(frozen=True, slots=True)
class Tiling:
    """A tiling: sizes (g, m, n, k) in loop units and the order of m, n, k from outside to inside."""

    groups: int
    sizes: tuple[int, int, int]
    order: tuple[int, int, int]

    def trips(self, product: Product) -> tuple[int, int, int]:
        """Tiles along m, n and k."""
        bounds = (product.rows, product.columns, product.depth)
        return tuple(-(-bound // size) for bound, size in zip(bounds, self.sizes, strict=True))  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Found:
    """The tiling that a search chose, and the time expected of it."""

    tiling: Tiling
    estimate_ticks: float


def search(product: Product, machine: Machine, tile_bytes: int) -> Found | None:
    """Return the best tiling of a product when `tile_bytes` of the scratchpad are free, None if none fits."""
    key = (product, tile_bytes)
    if key not in machine.memo:
        machine.memo[key] = _search(product, machine, tile_bytes)
    return machine.memo[key]


def _search(product: Product, machine: Machine, tile_bytes: int) -> Found | None:
    unit = machine.matrix_key
    tried = _candidates(product, unit.model.granule(unit.spec))
    room = np.array((tile_bytes, machine.accumulator_bytes), dtype=np.int64)
    arguments = (*tried.figures, room, _slower(tried, machine), machine.rates, _ORDERS, _DISTINCT)
    fitting, transfers, fills, energies = price_orders(*arguments)
    if not fitting.size:
        return None
    ticks = _on_unit(product, unit, machine.ports).ticks(tried, fitting)
    times = total_times(fitting, transfers, fills, ticks)
    row, order = choose(times, energies, tried.count, TOLERANCE)
    g, m, n, k = tried.sizes[:, row].tolist()
    return Found(Tiling(g, (m, n, k), ORDERS[order]), float(times[row, order]))


@dataclass(frozen=True, slots=True)
class _Candidates:
    """The sizes to try of a product; nothing here depends on buffers, rates or the unit's time.

    Attributes:
        figures: arguments of `price_orders` from `bounds` to `ratios`.
        pieces: (operand, place, bytes of a piece, bytes of a row) of the sizes that cut rows into pieces.
        places: of the longest axis.
        sizes: int64[4, t], of g, m, n, k.
        count: int64[t], how many tiles the product is cut into.
    """

    figures: tuple[Any, ...]
    pieces: tuple[tuple[int, int, int, int], ...]
    places: int
    sizes: np.ndarray
    count: np.ndarray


@lru_cache(maxsize=512)
def _candidates(product: Product, granule: tuple[int, int, int]) -> _Candidates:
    shape, bits, in_memory, ratios, totals = _figures(product)
    gs, ms, ns, ks = _axes(product, granule)
    axes = [np.array(axis, dtype=np.int64) for axis in (gs, ms, ns, ks)]
    sizes, places, tiles, overlaps, count = all_tiles(shape, bits, *axes)
    runs = np.zeros((3, max(len(ns), len(ks))), dtype=np.int64)
    pieces = _pieces(product, ns, ks)
    for operand, place, run, _ in pieces:
        runs[operand, place] = run
    return _Candidates(
        figures=(shape, sizes, places, tiles, overlaps, totals, runs, in_memory, ratios),
        pieces=pieces,
        places=runs.shape[1],
        sizes=sizes,
        count=count,
    )


@dataclass(frozen=True, slots=True)
class _OnUnit:
    """What candidates take on a matrix unit, as far as searches have asked.

    Attributes:
        product, unit, ports: what is computed, and on what.
        known: float64[t], ticks of all tiles of a candidate; NaN where nobody has asked. It is filled in place.
    """

    product: Product
    unit: UnitKey
    ports: tuple[int, int]
    known: np.ndarray

    def ticks(self, tried: _Candidates, rows: np.ndarray) -> np.ndarray:
        """Return float64[r], ticks of some of the candidates."""
        new = rows[np.isnan(self.known[rows])]
        if new.size:
            product, sizes = self.product, np.ascontiguousarray(tried.sizes[:, new])
            shape = tried.figures[0]
            slots, (g, m, n, k) = distinct_tiles(shape[1:], sizes)
            tiles = GemmTiles(g, m * product.row_scale, n, k * product.depth_scale)
            cycles = interval_cycles(self.unit, self.ports, product.bits, tiles)[0]
            self.known[new] = compute_ticks(shape, sizes, slots, cycles, float(TICKS_PER_CYCLE))
        return self.known[rows]


@lru_cache(maxsize=2048)
def _on_unit(product: Product, unit: UnitKey, ports: tuple[int, int]) -> _OnUnit:
    tried = _candidates(product, unit.model.granule(unit.spec))
    return _OnUnit(product, unit, ports, np.full(tried.count.size, np.nan))


@lru_cache(maxsize=1024)
def _figures(product: Product) -> tuple[np.ndarray, ...]:
    """Return a product for the kernels: shape, bits, in_memory, ratios and totals, as they describe them."""
    p = product
    shape = [
        *(p.groups, p.rows, p.columns, p.depth, p.row_scale, p.depth_scale),
        *(p.image_rows, p.row_stride, p.row_reach, p.input_rows, p.left_row_elements),
    ]
    return (
        np.array(shape, dtype=np.int64),
        np.array(p.bits),
        np.array([p.left_in_memory, p.right_in_memory, p.output_in_memory]),
        np.array([p.output_bits / p.sum_bits, p.epilogue_bits / p.sum_bits]),
        _totals(p),
    )


@lru_cache(maxsize=1024)
def _axes(product: Product, granule: tuple[int, int, int]) -> tuple[Sequence[int], ...]:
    """Return the sizes to try along g, m, n and k on a unit that tiles of `granule` fill."""
    ms: Sequence[int] = candidate_sizes(product.rows, max(1, granule[0] // product.row_scale))
    if product.image_rows < product.rows:
        # A tile covers rows of one image, or whole images.
        inside = [m for m in range(1, product.image_rows + 1) if product.image_rows % m == 0]
        ms = sorted({*(m for m in ms if m % product.image_rows == 0), *inside})
    ns = candidate_sizes(product.columns, granule[1])
    ks = candidate_sizes(product.depth, max(1, granule[2] // product.depth_scale))
    return group_sizes(product.groups), ms, ns, ks


LEFT, RIGHT, OUTPUT = range(3)
# What a tile on the matrix unit counts at the buffers that feed it.
FEED_EVENTS = (
    "scratchpad_read_bytes",
    "accumulator_read_bytes",
    "accumulator_write_bytes",
    "scratchpad_stall_cycles",
    "accumulator_stall_cycles",
)


def _pieces(product: Product, ns: Sequence[int], ks: Sequence[int]) -> tuple[tuple[int, int, int, int], ...]:
    """Return (operand, place of the size, bytes of a tile's row, of the operand's) of tiles without whole rows.

    Operands lie row by row (the right one column by column), so such a tile is moved in pieces.
    """
    rows = [
        (LEFT, ks, product.depth, product.left_row_elements * product.left_bits),
        (OUTPUT, ns, product.columns, product.output_bits),
    ]
    if not product.right_by_tile:
        rows.append((RIGHT, ks, product.depth, product.depth_scale * product.right_bits))
    return tuple(
        (operand, place, int(size * bits // 8), int(whole * bits // 8))
        for operand, sizes, whole, bits in rows
        for place, size in enumerate(sizes)
        if size < whole
    )


def _slower(tried: _Candidates, machine: Machine) -> np.ndarray:
    """Return float64[3, a], time of transfers in pieces over that of streams, by place of the size."""
    slower = [[1.0] * tried.places for _ in range(3)]
    for operand, place, run, stride in tried.pieces:
        slower[operand][place] = machine.memory.stretch(run, stride, operand == OUTPUT)
    return np.array(slower)


def require(found: Found | None, name: str, machine: Machine, tile_bytes: int) -> Found:
    """Return what was found, or raise the error that no tile of operator `name` fits the buffers."""
    if found is None:
        raise RunError(
            f"{machine.design.document.source}: no tile of '{name}' fits: "
            f"{tile_bytes} bytes of '{machine.design.scratchpad.name}' are free for tiles and "
            f"{machine.accumulator_bytes} bytes hold partial sums; both must hold two tiles of the array's size"
        )
    return found


def _totals(product: Product) -> np.ndarray:
    """Return bytes of the whole left operand (each touched row once), right operand and output."""
    images = -(-product.rows // product.image_rows)
    left = images * product.input_rows * product.left_row_elements * product.depth * product.left_bits / 8
    right = product.columns * product.depth * product.depth_scale * product.right_bits / 8
    output = product.rows * product.row_scale * product.columns * product.output_bits / 8
    return product.groups * np.array([left, right, output])


def interval_cycles(
    unit: UnitKey, ports: tuple[int, int], bits: tuple[float, float, float], tiles: GemmTiles
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what tiles cost on the matrix unit with its buffers' ports (`Machine.ports`).

    bits: of an element of the left operand, of the right one, of a partial sum.

    Returns:
        interval: int64[t], cycles until the next tile can start: of the unit, or of the ports that feed it.
        result: int64[t], cycles until the last result can be read.
        events: int64[5, t], how many of each of FEED_EVENTS a tile counts.
    """
    price = unit.model.price(unit.spec, tiles)
    words = (price.a_reads, price.b_reads, price.partial_reads, price.partial_writes)
    return feed(price.interval, price.result, *words, bits, ports)
