"""Tiles of attention: which queries and keys meet at a time, and the search for the fastest sizes.

Under a causal mask a block of queries sees the keys up to its last query, in whole tiles; under a sliding
window, at most the window's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accel_sim.hardware.component import GemmTiles
from accel_sim.hardware.primitives import ONLINE_RESCALE, ONLINE_SOFTMAX
from accel_sim.mapping.machine import TICKS_PER_CYCLE, Machine
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
    op = segment.operator
    assert isinstance(op, Attention)
    q, k, v = (stored_bits(source.tensor) for source in segment.sources[:3])
    return Widths(
        q,
        k,
        v,
        stored_bits(op.output),
        machine.sum_bits,
        op.batch * op.kv_heads,
        op.heads // op.kv_heads,
        op.head_dim,
    )


def tile_prices(
    w: Widths, machine: Machine, heads: np.ndarray, rows: np.ndarray, keys: np.ndarray
) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Return (interval, result, accesses) of the score product and of the value product of tiles."""
    depth = np.full_like(keys, w.depth)
    unit, ports = machine.matrix_key, machine.ports
    scores = interval_cycles(unit, ports, (w.query, w.key, w.sums), GemmTiles(heads, rows, keys, depth))
    values = interval_cycles(unit, ports, (w.query, w.value, w.sums), GemmTiles(heads, rows, depth, keys))
    return scores, values


def tile_attention(segment: Segment, machine: Machine, tile_bytes: int) -> AttentionTiling | None:
    """Return the fastest tiling, None when no tile fits or the chip has no vector unit for the softmax."""
    op = segment.operator
    assert isinstance(op, Attention)
    check_formats(machine, op.name, segment.sources[0].tensor, segment.sources[1].tensor)
    w = widths(segment, machine)
    if machine.vector is None:
        return None
    head_sizes = [h for h in range(1, min(w.groups, 64) + 1) if w.groups % h == 0]
    candidates = []
    for queries in candidate_sizes(op.query_length, 1):
        for keys in candidate_sizes(visible_keys(op), 1):
            if op.causal and queries < op.query_length and queries % keys:
                continue
            candidates += [(heads, queries, keys) for heads in head_sizes]
    g, queries, keys = np.array(candidates, dtype=np.int64).T
    rows = queries * w.share
    score_bytes = np.ceil(g * rows * keys * w.sums / 8)
    output_bytes = np.ceil(g * rows * w.depth * w.sums / 8)
    query_bytes = np.ceil(g * rows * w.depth * w.query / 8)
    pair_bytes = np.ceil(g * keys * w.depth * (w.key + w.value) / 8)
    fits = (2 * score_bytes + 2 * output_bytes <= machine.accumulator_bytes) & (
        2 * query_bytes + 2 * pair_bytes <= tile_bytes
    )
    if not fits.any():
        return None
    g, queries, keys, rows = g[fits], queries[fits], keys[fits], rows[fits]
    scores, values = tile_prices(w, machine, g, rows, keys)
    softmax = machine.vector_model.cycles(machine.vector.spec, ONLINE_SOFTMAX, g * rows * keys)
    rescale = machine.vector_model.cycles(machine.vector.spec, ONLINE_RESCALE, g * rows * w.depth)
    in_memory = [source.place is not Place.CHIP for source in segment.sources[:3]]
    tile_loads = keys * g * w.depth * (w.key * in_memory[1] + w.value * in_memory[2]) / 8
    once = sum(t.tensor.bytes for t, away in zip(segment.sources, in_memory, strict=False) if away)
    kv_bytes = sum(s.tensor.bytes for s, away in zip(segment.sources[1:3], in_memory[1:], strict=True) if away)
    stored = segment.output.bytes if segment.place is not Place.CHIP else 0
    per_byte = machine.memory.ticks_per_byte
    score, value = scores[0] * float(TICKS_PER_CYCLE), values[0] * float(TICKS_PER_CYCLE)
    vector = (softmax + rescale) * float(TICKS_PER_CYCLE)
    shapes = list(zip(queries.tolist(), keys.tolist(), strict=True))
    cut = {shape: query_blocks(op, *shape) for shape in set(shapes)}
    turns = w.groups // g
    tiles = turns * np.array([sum(b.key_tiles for b in cut[shape]) for shape in shapes], dtype=np.float64)
    blocks = turns * np.array([sum(b.blocks for b in cut[shape]) for shape in shapes], dtype=np.float64)
    # A block's first scores and last weights have nothing to overlap with.
    chain = (tiles - blocks) * np.maximum(score + value, vector) + blocks * (score + vector + value)
    resident = keys >= visible_keys(op)
    moved = once + stored + np.where(resident, 0.0, tiles * tile_loads - kv_bytes)
    # A tile's values wait for the next tile's scores, so its space is free only after that one's load.
    waiting = np.maximum(1, tile_bytes // pair_bytes[fits] - 1)
    held = np.where(tile_loads > 0, tiles * (tile_loads * per_byte + score + value) / waiting, 0.0)
    estimate = np.maximum(np.maximum(chain, moved * per_byte), held)
    estimate += tile_loads * per_byte + machine.memory.latency_ticks
    close = np.flatnonzero(estimate <= estimate.min() * (1 + TOLERANCE))
    best = int(close[np.lexsort((estimate[close], tiles[close]))[0]])
    return AttentionTiling(
        int(g[best]), int(queries[best]), int(keys[best]), bool(resident[best]), float(estimate[best])
    )
