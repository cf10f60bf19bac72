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

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from accel_sim.config.errors import RunError
from accel_sim.hardware.component import GemmTiles
from accel_sim.mapping.machine import TICKS_PER_CYCLE, Channel, Machine, UnitKey
from accel_sim.mapping.tile_sizes import candidate_sizes, group_sizes
from accel_sim.mapping.tiling_kernels import choose, distinct_tiles, price_orders

M, N, K = 0, 1, 2
ORDERS = ((M, N, K), (N, M, K), (M, K, N), (N, K, M), (K, M, N), (K, N, M))
_ORDERS = np.array(ORDERS, dtype=np.int64)
TOLERANCE = 0.005


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

    def left_rows(self, rows: int) -> int:
        """Input rows that a tile of `rows` units covers, halo included."""
        if rows > self.image_rows:
            return -(-rows // self.image_rows) * self.input_rows
        return min((rows - 1) * self.row_stride + self.row_reach, self.input_rows)


@dataclass(frozen=True, slots=True)
class Tiling:
    """A chosen tiling: sizes (g, m, n, k) in loop units and the order of m, n, k from outside to inside."""

    groups: int
    sizes: tuple[int, int, int]
    order: tuple[int, int, int]
    estimate_ticks: float

    def trips(self, product: Product) -> tuple[int, int, int]:
        """Tiles along m, n and k."""
        bounds = (product.rows, product.columns, product.depth)
        return tuple(-(-bound // size) for bound, size in zip(bounds, self.sizes, strict=True))  # type: ignore[return-value]


def search(product: Product, machine: Machine, tile_bytes: int) -> Tiling | None:
    """Return the best tiling of a product when `tile_bytes` of the scratchpad are free, None if none fits."""
    key = (product, tile_bytes)
    if key not in machine.memo:
        machine.memo[key] = _search(product, machine, tile_bytes)
    return machine.memo[key]


def _search(product: Product, machine: Machine, tile_bytes: int) -> Tiling | None:
    candidates = _candidates(
        product,
        machine.matrix_key,
        machine.ports,
        (tile_bytes, machine.accumulator_bytes),
    )
    if candidates is None:
        return None
    sizes, interval, tiles, overlaps, count = candidates
    times, energies = price_orders(
        np.array([product.groups, product.rows, product.columns, product.depth]),
        sizes,
        interval,
        tiles,
        overlaps,
        _totals(product),
        _stretch(product, sizes, tiles, machine.memory),
        np.array([product.left_in_memory, product.right_in_memory, product.output_in_memory]),
        np.array([product.output_bits / product.sum_bits, product.epilogue_bits / product.sum_bits]),
        np.array([tile_bytes, machine.accumulator_bytes], dtype=np.int64),
        np.array([machine.memory.ticks_per_byte, machine.memory.latency_ticks]),
        np.array([machine.memory_j_per_byte, machine.scratchpad_j_per_byte]),
        _ORDERS,
        float(TICKS_PER_CYCLE),
    )
    row, order = choose(times, energies, count, TOLERANCE)
    if row < 0:
        return None
    g, m, n, k = (int(size) for size in sizes[:, row])
    return Tiling(g, (m, n, k), ORDERS[order], float(times[row, order]))


@lru_cache(maxsize=1024)
def _candidates(
    product: Product, unit: UnitKey, ports: tuple[int, int], capacities: tuple[int, int]
) -> tuple[np.ndarray, ...] | None:
    """Return what a search needs of the candidates that fit, None if there are none.

    These are sizes int64[4, t], cycles float64[t, 8], tile bytes float64[3, t], `_overlaps` float64[t] and how
    many tiles the product is cut into, int64[t].

    Nothing here depends on the memory, so a sweep over it prices tiles once.
    """
    granule_m, granule_n, granule_k = unit.model.granule(unit.spec)
    ms = candidate_sizes(product.rows, max(1, granule_m // product.row_scale))
    if product.image_rows < product.rows:
        # A tile covers rows of one image, or whole images.
        inside = [m for m in range(1, product.image_rows + 1) if product.image_rows % m == 0]
        ms = sorted({*(m for m in ms if m % product.image_rows == 0), *inside})
    ns = candidate_sizes(product.columns, granule_n)
    ks = candidate_sizes(product.depth, max(1, granule_k // product.depth_scale))
    axes = np.meshgrid(group_sizes(product.groups), ms, ns, ks, indexing="ij")
    sizes = np.stack([axis.ravel() for axis in axes])
    tiles = _tile_bytes(product, *sizes)
    tile_bytes, sum_bytes = capacities
    operands = tiles[0] * product.left_in_memory + tiles[1] * product.right_in_memory
    fits = (operands <= tile_bytes) & (tiles[2] <= sum_bytes)
    if not fits.any():
        return None
    sizes, tiles = np.ascontiguousarray(sizes[:, fits]), np.ascontiguousarray(tiles[:, fits])
    g, m, n, k = sizes
    count = (product.groups // g) * -(-product.rows // m) * -(-product.columns // n) * -(-product.depth // k)
    return sizes, _intervals(product, unit, ports, sizes), tiles, _overlaps(product, m), count


LEFT, RIGHT, OUTPUT = range(3)


def _stretch(product: Product, sizes: np.ndarray, tiles: np.ndarray, memory: Channel) -> np.ndarray:
    """Return float64[3, t], time of moving a tile's left, right and output over that of as many bytes in a row.

    Operands lie row by row (the right one column by column): a tile without whole rows is moved in pieces,
    unless it has only one. tiles: float64[3, t] bytes of left, right and partial sums.
    """
    stretch = np.ones((3, sizes.shape[1]))
    results = tiles[2] * (product.output_bits / product.sum_bits)
    pieces = [
        (LEFT, tiles[0], K, product.depth, product.left_row_elements * product.left_bits),
        (OUTPUT, results, N, product.columns, product.output_bits),
    ]
    if not product.right_by_tile:
        pieces.append((RIGHT, tiles[1], K, product.depth, product.depth_scale * product.right_bits))
    for operand, moved, axis, whole, bits in pieces:
        lengths, which = np.unique(sizes[1 + axis], return_inverse=True)
        runs = (lengths * bits // 8).astype(np.int64)
        slower = [
            memory.stretch(run, operand == OUTPUT) if length < whole else 1.0
            for length, run in zip(lengths.tolist(), runs.tolist(), strict=True)
        ]
        stretch[operand] = np.where(moved > runs[which], np.array(slower)[which], 1.0)
    return stretch


def require(tiling: Tiling | None, name: str, machine: Machine, tile_bytes: int) -> Tiling:
    """Return the tiling, or raise the error that no tile of operator `name` fits the buffers."""
    if tiling is None:
        raise RunError(
            f"{machine.design.document.source}: no tile of '{name}' fits: "
            f"{tile_bytes} bytes of '{machine.design.scratchpad.name}' are free for tiles and "
            f"{machine.accumulator_bytes} bytes hold partial sums; both must hold two tiles of the array's size"
        )
    return tiling


def _tile_bytes(product: Product, g: np.ndarray, m: np.ndarray, n: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Return float64[3, t], bytes of the left, right and partial-sum tiles, rounded up for each group."""
    left = np.ceil(_left_rows(product, m) * product.left_row_elements * k * product.left_bits / 8)
    right = np.ceil(k * product.depth_scale * n * product.right_bits / 8)
    partial = np.ceil(m * product.row_scale * n * product.sum_bits / 8)
    return g * np.stack((left, right, partial))


def _overlaps(product: Product, m: np.ndarray) -> np.ndarray:
    """Return float64[t], left rows of all tiles of m units over the rows touched at all: 1 without a halo."""
    trips = -(-product.rows // m)
    images = -(-product.rows // product.image_rows)
    whole = max(1, images * product.input_rows)
    rows = (trips - 1) * _left_rows(product, m) + _left_rows(product, product.rows - (trips - 1) * m)
    return np.maximum(rows / whole, 1.0)


def _left_rows(product: Product, m: np.ndarray) -> np.ndarray:
    inside = np.minimum((m - 1) * product.row_stride + product.row_reach, product.input_rows)
    return np.where(m > product.image_rows, -(-m // product.image_rows) * product.input_rows, inside)


def _totals(product: Product) -> np.ndarray:
    """Return bytes of the whole left operand (each touched row once), right operand and output."""
    images = -(-product.rows // product.image_rows)
    left = images * product.input_rows * product.left_row_elements * product.depth * product.left_bits / 8
    right = product.columns * product.depth * product.depth_scale * product.right_bits / 8
    output = product.rows * product.row_scale * product.columns * product.output_bits / 8
    return product.groups * np.array([left, right, output])


def _intervals(product: Product, unit: UnitKey, ports: tuple[int, int], candidates: np.ndarray) -> np.ndarray:
    """Return float64[t, 8], cycles of each candidate's tiles by which of m, n, k is in its last iteration."""
    bounds = np.array([product.rows, product.columns, product.depth])
    slots, tiles = distinct_tiles(bounds, candidates)
    cycles = interval_cycles(product, unit, ports, GemmTiles(*tiles))[0]
    return cycles[slots].astype(np.float64)


def interval_cycles(
    product: Product, unit: UnitKey, ports: tuple[int, int], tiles: GemmTiles
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what tiles (in loop units) cost on the matrix unit with its buffers' ports (`Machine.ports`).

    Returns:
        interval: int64[t], cycles until the next tile can start: of the unit, or of the ports that feed it.
        result: int64[t], cycles until the last result can be read.
        accesses: int64[3, t], bytes read from the scratchpad, read from and written to the accumulators.
    """
    price = unit.model.price(
        unit.spec, GemmTiles(tiles.g, tiles.m * product.row_scale, tiles.n, tiles.k * product.depth_scale)
    )
    reads = np.ceil((price.a_reads * product.left_bits + price.b_reads * product.right_bits) / 8).astype(
        np.int64
    )
    sum_reads = np.ceil(price.partial_reads * product.sum_bits / 8).astype(np.int64)
    sum_writes = np.ceil(price.partial_writes * product.sum_bits / 8).astype(np.int64)
    port_cycles = np.maximum(-(-reads // ports[0]), -(-np.maximum(sum_reads, sum_writes) // ports[1]))
    stall = np.maximum(port_cycles - price.interval, 0)
    return price.interval + stall, price.result + stall, np.stack((reads, sum_reads, sum_writes))
