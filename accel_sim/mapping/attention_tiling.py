"""Tiles of attention: which queries and keys meet at a time, and the search for the fastest sizes.

Under a causal mask a block of queries sees the keys up to its last query, in whole tiles; under a sliding
window, at most the window's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from accel_sim.config.identity import Same
from accel_sim.hardware.component import GemmTiles
from accel_sim.hardware.primitives import ONLINE_RESCALE, ONLINE_SOFTMAX
from accel_sim.mapping.machine import TICKS_PER_CYCLE, LanesKey, Machine, UnitKey
from accel_sim.mapping.plan import Place, Segment
from accel_sim.mapping.products import check_formats, stored_bits
from accel_sim.mapping.tile_sizes import candidate_sizes
from accel_sim.mapping.tiling import TOLERANCE, interval_cycles
from accel_sim.workload.operators import Attention


@dataclass(frozen=True, slots=True)
class QueryBlocks:
    """Consecutive blocks of queries with the same loop over keys.

    Attributes:
        queries: tokens of a block.
        blocks: how many.
        trips, growth: key tiles of the first block, and how many more each next block has.
        last_keys: keys in a block's last tile.
    """

    queries: int
    blocks: int
    trips: int
    growth: int
    last_keys: int

    @property
    def key_tiles(self) -> int:
        """Key tiles of all blocks."""
        return self.blocks * self.trips + self.growth * self.blocks * (self.blocks - 1) // 2


@dataclass(frozen=True, slots=True)
class AttentionTiling:
    """A chosen tiling: KV heads and queries at a time, keys of a tile, and the time expected.

    `resident_keys` says that all keys and values of a head that any query sees are loaded once and kept for
    all its queries.
    """

    heads: int
    queries: int
    keys: int
    resident_keys: bool
    estimate_ticks: float


def visible_keys(op: Attention) -> int:
    """Return the keys of a sequence that any of its queries may see."""
    return min(op.context, op.window + op.query_length - 1) if op.window else op.context


def query_blocks(op: Attention, queries: int, keys: int) -> tuple[QueryBlocks, ...]:
    """Return the blocks that `op.query_length` tokens are cut into, with their key tiles of `keys` keys.

    `keys` divides `queries` under a mask, so that the number of tiles grows evenly from block to block.
    """
    whole, rest = divmod(op.query_length, queries)
    past = op.context - op.query_length
    limit = op.window if op.window else op.context

    def seen(last_query: int, block: int) -> int:
        """Keys from the first that a block's first query sees to the last that its last query sees."""
        return min(past + last_query if op.causal else op.context, limit + block - 1)

    groups: list[QueryBlocks] = []
    if not op.causal or queries >= op.query_length:
        if whole:
            groups.append(_blocks(queries, whole, seen(op.query_length, queries), keys))
        if rest:
            groups.append(_blocks(rest, 1, seen(op.query_length, rest), keys))
        return tuple(groups)
    growing = min(whole, max(0, (limit + queries - 1 - past) // queries))
    if growing:
        first = seen(queries, queries)
        trips, last = -(-first // keys), first - (-(-first // keys) - 1) * keys
        groups.append(QueryBlocks(queries, growing, trips, queries // keys if growing > 1 else 0, last))
    if whole > growing:
        groups.append(_blocks(queries, whole - growing, seen(op.query_length, queries), keys))
    if rest:
        groups.append(_blocks(rest, 1, seen(op.query_length, rest), keys))
    return tuple(groups)


def _blocks(queries: int, blocks: int, span: int, keys: int) -> QueryBlocks:
    trips = -(-span // keys)
    return QueryBlocks(queries, blocks, trips, 0, span - (trips - 1) * keys)


@dataclass(frozen=True, slots=True)
class Widths:
    """Bits of an element of each tensor, and what the operator has of each."""

    query: float
    key: float
    value: float
    output: float
    sums: float
    groups: int  # KV heads of all sequences
    share: int  # query heads that share a KV head
    depth: int


def widths(segment: Segment, machine: Machine) -> Widths:
    """Return the formats and head counts of an attention segment."""
    return _widths(Same(segment), float(machine.sum_bits))


@lru_cache(maxsize=1024)
def _widths(same: Same[Segment], sum_bits: float) -> Widths:
    segment, op = same.value, same.value.operator
    assert isinstance(op, Attention)
    q, k, v = (stored_bits(source.tensor) for source in segment.sources[:3])
    return Widths(
        q,
        k,
        v,
        stored_bits(op.output),
        sum_bits,
        op.batch * op.kv_heads,
        op.heads // op.kv_heads,
        op.head_dim,
    )


def tile_prices(
    w: Widths, unit: UnitKey, ports: tuple[int, int], heads: np.ndarray, rows: np.ndarray, keys: np.ndarray
) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Return (interval, result, events) of the score product and of the value product of tiles."""
    depth = np.full_like(keys, w.depth)
    scores = interval_cycles(unit, ports, (w.query, w.key, w.sums), GemmTiles(heads, rows, keys, depth))
    values = interval_cycles(unit, ports, (w.query, w.value, w.sums), GemmTiles(heads, rows, depth, keys))
    return scores, values


def tile_attention(segment: Segment, machine: Machine, tile_bytes: int) -> AttentionTiling | None:
    """Return the fastest tiling, None when no tile fits or the chip has no vector unit for the softmax."""
    op = segment.operator
    assert isinstance(op, Attention)
    check_formats(machine, op.name, segment.sources[0].tensor, segment.sources[1].tensor)
    if machine.lanes_key is None:
        return None
    tried = _candidates(
        Same(segment),
        widths(segment, machine),
        machine.matrix_key,
        machine.ports,
        machine.lanes_key,
        (tile_bytes, machine.accumulator_bytes),
    )
    if tried is None:
        return None
    per_byte = machine.memory.ticks_per_byte
    loads = tried.tile_loads * per_byte
    # A tile's values wait for the next tile's scores, so its space is free only after that one's load.
    held = np.where(tried.tile_loads > 0, tried.tiles * (loads + tried.products) / tried.waiting, 0.0)
    estimate = np.maximum(np.maximum(tried.chain, tried.moved * per_byte), held)
    estimate += loads + machine.memory.latency_ticks
    close = np.flatnonzero(estimate <= estimate.min() * (1 + TOLERANCE))
    best = int(close[np.lexsort((estimate[close], tried.tiles[close]))[0]])
    heads, queries, keys = tried.sizes[:, best].tolist()
    return AttentionTiling(heads, queries, keys, keys >= visible_keys(op), float(estimate[best]))


@dataclass(frozen=True, slots=True)
class _Candidates:
    """What a search needs of the tiles that fit; nothing here depends on the memory's rates.

    Attributes:
        sizes: int64[3, t], KV heads, queries and keys.
        tiles: float64[t], tiles of keys in all.
        tile_loads: float64[t], bytes of keys and values that a tile loads.
        moved: float64[t], bytes that pass the memory in all.
        products: float64[t], ticks of a tile's score and value products.
        chain: float64[t], ticks of all that follows one another.
        waiting: float64[t], tiles of keys that find room while one is worked on.
    """

    sizes: np.ndarray
    tiles: np.ndarray
    tile_loads: np.ndarray
    moved: np.ndarray
    products: np.ndarray
    chain: np.ndarray
    waiting: np.ndarray


@lru_cache(maxsize=128)
def _candidates(
    same: Same[Segment],
    w: Widths,
    unit: UnitKey,
    ports: tuple[int, int],
    lanes: LanesKey,
    capacities: tuple[int, int],
) -> _Candidates | None:
    """Return the candidates that fit, priced on matrix and vector unit; None if there are none.

    capacities: bytes for tiles, and for partial sums.
    """
    segment = same.value
    assert isinstance(segment.operator, Attention)
    sizes, tiles, blocks = _cuts(same)
    g, queries, keys = sizes
    rows = queries * w.share
    score_bytes = np.ceil(g * rows * keys * w.sums / 8)
    output_bytes = np.ceil(g * rows * w.depth * w.sums / 8)
    query_bytes = np.ceil(g * rows * w.depth * w.query / 8)
    pair_bytes = np.ceil(g * keys * w.depth * (w.key + w.value) / 8)
    tile_bytes, sum_bytes = capacities
    fits = (2 * score_bytes + 2 * output_bytes <= sum_bytes) & (2 * query_bytes + 2 * pair_bytes <= tile_bytes)
    if not fits.any():
        return None
    g, keys = g[fits], keys[fits]
    product, vector = (
        ticks[fits] for ticks in (_product_ticks(same, w, unit, ports), _lane_ticks(same, w, lanes))
    )
    in_memory = [source.place is not Place.CHIP for source in segment.sources[:3]]
    tile_loads = keys * g * w.depth * (w.key * in_memory[1] + w.value * in_memory[2]) / 8
    once = sum(t.tensor.bytes for t, away in zip(segment.sources, in_memory, strict=False) if away)
    kv_bytes = sum(s.tensor.bytes for s, away in zip(segment.sources[1:3], in_memory[1:], strict=True) if away)
    stored = segment.output.bytes if segment.place is not Place.CHIP else 0
    turns = w.groups // g
    tiles, blocks = turns * tiles[fits], turns * blocks[fits]
    resident = keys >= visible_keys(segment.operator)
    return _Candidates(
        sizes=sizes[:, fits],
        tiles=tiles,
        tile_loads=tile_loads,
        moved=once + stored + np.where(resident, 0.0, tiles * tile_loads - kv_bytes),
        products=product,
        # A block's first scores and last weights have nothing to overlap with.
        chain=(tiles - blocks) * np.maximum(product, vector) + blocks * (product + vector),
        waiting=np.maximum(1, tile_bytes // pair_bytes[fits] - 1),
    )


@lru_cache(maxsize=1024)
def _product_ticks(same: Same[Segment], w: Widths, unit: UnitKey, ports: tuple[int, int]) -> np.ndarray:
    """Return float64[t], ticks of a tile's score and value products, of all sizes to try."""
    g, queries, keys = _cuts(same)[0]
    scores, values = tile_prices(w, unit, ports, g, queries * w.share, keys)
    return (scores[0] + values[0]) * float(TICKS_PER_CYCLE)


@lru_cache(maxsize=1024)
def _lane_ticks(same: Same[Segment], w: Widths, lanes: LanesKey) -> np.ndarray:
    """Return float64[t], ticks of a tile's softmax and of rescaling its outputs, of all sizes to try."""
    g, queries, keys = _cuts(same)[0]
    results = g * queries * w.share
    softmax = lanes.model.cycles(lanes.part.spec, ONLINE_SOFTMAX, results * keys)
    rescale = lanes.model.cycles(lanes.part.spec, ONLINE_RESCALE, results * w.depth)
    return (softmax + rescale) * float(TICKS_PER_CYCLE)


@lru_cache(maxsize=128)
def _cuts(same: Same[Segment]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the sizes to try and what each makes of a group of heads.

    These are int64[3, t] of KV heads, queries and keys; float64[t] tiles of keys; float64[t] blocks of queries.
    """
    op = same.value.operator
    assert isinstance(op, Attention)
    groups = op.batch * op.kv_heads
    head_sizes = [h for h in range(1, min(groups, 64) + 1) if groups % h == 0]
    candidates: list[tuple[int, int, int]] = []
    for queries in candidate_sizes(op.query_length, 1):
        for keys in candidate_sizes(visible_keys(op), 1):
            if op.causal and queries < op.query_length and queries % keys:
                continue
            candidates += [(heads, queries, keys) for heads in head_sizes]
    cut = {shape[1:]: query_blocks(op, *shape[1:]) for shape in candidates}
    tiles = np.array([sum(b.key_tiles for b in cut[shape[1:]]) for shape in candidates], dtype=np.float64)
    blocks = np.array([sum(b.blocks for b in cut[shape[1:]]) for shape in candidates], dtype=np.float64)
    return np.ascontiguousarray(np.array(candidates, dtype=np.int64).T), tiles, blocks
