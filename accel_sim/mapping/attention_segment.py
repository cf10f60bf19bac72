"""Tile streams of attention with the scores kept on chip (online softmax over tiles of keys).

For each group of KV heads and each block of queries, tiles of keys and values pass by: the matrix unit makes a
tile of scores, the vector unit turns it into weights and rescales the running output, the matrix unit adds the
weighted values. The score product of one tile runs before the value product of the tile before it, so matrix
and vector unit work at the same time.

Under a causal mask a block of queries sees the keys up to its last query, in whole tiles; under a sliding
window, at most the window's. Source: Dao et al., FlashAttention (2022), alg. 1; Milakov and Gimelshein (2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from accel_sim.engine.program import VARIANTS, Amount, Stream
from accel_sim.hardware.primitives import FUNCTIONS, ONLINE_RESCALE, ONLINE_SOFTMAX
from accel_sim.mapping.attention_tiling import (
    AttentionTiling,
    QueryBlocks,
    Widths,
    query_blocks,
    tile_prices,
    visible_keys,
    widths,
)
from accel_sim.mapping.dependencies import Edge
from accel_sim.mapping.machine import UnitKey
from accel_sim.mapping.plan import Place, Segment
from accel_sim.mapping.products import to_bytes
from accel_sim.mapping.streams import Charges, Streams, Wait, cycles_to_ticks, vector_charges
from accel_sim.mapping.tiling import FEED_EVENTS
from accel_sim.workload.operators import Attention

_EVENTS = (
    "executed_macs",
    "matrix_macs",
    "pe_cycles",
    *FEED_EVENTS,
)


def write_attention_segment(
    streams: Streams,
    segment: Segment,
    tiling: AttentionTiling,
    reads: Sequence[Edge | None],
    writes: Sequence[Edge],
) -> Stream:
    """Write the streams of a fused attention; return the one that finishes its output."""
    op, w = segment.operator, widths(segment, streams.machine)
    assert isinstance(op, Attention)
    builder = streams.builder
    turns = w.groups // tiling.heads
    k_source, v_source = segment.sources[1:3]
    tokens = _Tokens(*(builder.token() for _ in range(6)))
    blocks = query_blocks(op, tiling.queries, tiling.keys)
    on_chip = [e for e, s in zip(reads, segment.sources, strict=False) if e and s.place is Place.CHIP]
    off_chip = [e for e, s in zip(reads, segment.sources, strict=False) if e and s.place is not Place.CHIP]
    streams.sync(streams.load, waits=[(edge.token, edge.rows) for edge in off_chip])
    streams.sync(streams.matrix, waits=[(edge.token, edge.rows) for edge in on_chip])
    for stream in streams.all:
        if turns > 1:
            stream.loop(turns)
    kv = _KeyValue(
        place=k_source.place if k_source.place is not Place.CHIP else v_source.place,
        bits=w.key * (k_source.place is not Place.CHIP) + w.value * (v_source.place is not Place.CHIP),
    )
    if tiling.resident_keys:
        _load_keys(streams, tiling, w, kv, tokens, [visible_keys(op)] * VARIANTS, -1)
        streams.sync(streams.matrix, waits=[(tokens.keys_ready, 1)] if kv.bits else [])
    for block in blocks:
        _write_block(streams, segment, tiling, w, kv, tokens, block)
    if tiling.resident_keys and kv.bits:
        space = to_bytes(tiling.heads * tiling.keys * w.depth, kv.bits)
        streams.sync(streams.matrix, posts=[(streams.tile_space, space)])
    for stream in streams.all:
        if turns > 1:
            stream.end()
    final = streams.store if segment.place is not Place.CHIP else streams.vector
    streams.sync(final, posts=[(edge.token, edge.rows) for edge in writes])
    return final


@dataclass(frozen=True, slots=True)
class _Tokens:
    query_ready: int
    keys_ready: int
    scores_ready: int
    weights_ready: int
    output_ready: int
    results_ready: int


@dataclass(frozen=True, slots=True)
class _KeyValue:
    """Where keys and values come from; `bits` of an element pair that is loaded, 0 when both are on chip."""

    place: Place
    bits: float


def _load_keys(
    streams: Streams,
    tiling: AttentionTiling,
    w: Widths,
    kv: _KeyValue,
    tokens: _Tokens,
    sizes: Sequence[int],
    depth: int,
) -> None:
    if not kv.bits:
        return
    space = to_bytes(tiling.heads * tiling.keys * w.depth, kv.bits)
    streams.transfer(
        streams.load,
        kv.place,
        [to_bytes(tiling.heads * size * w.depth, kv.bits) for size in sizes],
        # Keys and values of a head lie one after the other, a head's values apart from its keys.
        run=[to_bytes(size * w.depth, min(kv.bits, max(w.key, w.value))) for size in sizes],
        waits=[(streams.tile_space, space)],
        posts=[(tokens.keys_ready, 1)],
        loops=(depth, -1, -1),
    )


class _TileProduct(NamedTuple):
    """A product of a tile: ticks on the matrix unit, from then to the result, and events."""

    ticks: Amount
    result: Amount
    charges: Charges


class _Tiles(NamedTuple):
    """A product of tiles with all their keys, of last tiles, and of either by variant."""

    full: _TileProduct
    last: _TileProduct
    either: _TileProduct


@lru_cache(maxsize=4096)
def _products(
    w: Widths, unit: UnitKey, ports: tuple[int, int], heads: int, rows: int, keys: tuple[int, int]
) -> tuple[_Tiles, _Tiles]:
    """Return the score and the value product of tiles of so many keys, the last one's second."""
    prices = tile_prices(w, unit, ports, *np.array([[heads] * 2, [rows] * 2, keys], dtype=np.int64))
    macs = [heads * rows * size * w.depth for size in keys]
    peak = unit.model.peak_macs_per_cycle(unit.spec)
    tiles = []
    for interval, result, fed in prices:
        cycles = interval.tolist()
        counts = (macs, macs, [round(c * peak) for c in cycles], *fed.tolist())
        events = {name: both for name, both in zip(_EVENTS, counts, strict=True) if any(both)}
        ticks = [cycles_to_ticks(c) for c in cycles]
        delay = [cycles_to_ticks(c) for c in (result - interval).tolist()]
        full, last = (
            _TileProduct(ticks[v], delay[v], {name: both[v] for name, both in events.items()}) for v in (0, 1)
        )
        by_variant = {name: both * (VARIANTS // 2) for name, both in events.items()}
        either = _TileProduct(ticks * (VARIANTS // 2), delay * (VARIANTS // 2), by_variant)
        tiles.append(_Tiles(full, last, either))
    return tiles[0], tiles[1]


def _write_block(
    streams: Streams,
    segment: Segment,
    tiling: AttentionTiling,
    w: Widths,
    kv: _KeyValue,
    tokens: _Tokens,
    block: QueryBlocks,
) -> None:
    """Write one kind of query block to all streams."""
    op, machine, g = segment.operator, streams.machine, tiling.heads
    assert isinstance(op, Attention)
    rows = block.queries * w.share
    one_tile = block.trips == 1 and not block.growth
    sizes = [block.last_keys if v & 1 or one_tile else tiling.keys for v in range(VARIANTS)]
    query_bytes = to_bytes(g * rows * w.depth, w.query)
    output_bytes = to_bytes(g * rows * w.depth, w.output)
    score_space = to_bytes(g * rows * tiling.keys, w.sums)
    output_space = to_bytes(g * rows * w.depth, w.sums)
    kv_space = to_bytes(g * tiling.keys * w.depth, kv.bits)
    loads_query = segment.sources[0].place is not Place.CHIP
    loads_tiles = bool(kv.bits) and not tiling.resident_keys
    streamed: list[Wait] = [(tokens.keys_ready, 1)] if loads_tiles else []

    # Loads
    stream = streams.load
    if block.blocks > 1:
        stream.loop(block.blocks)
    if loads_query:
        streams.transfer(
            stream,
            segment.sources[0].place,
            query_bytes,
            waits=[(streams.tile_space, query_bytes)],
            posts=[(tokens.query_ready, 1)],
        )
    if loads_tiles:
        stream.loop(block.trips, block.growth)
        _load_keys(streams, tiling, w, kv, tokens, sizes, stream.depth - 1)
        stream.end()
    if block.blocks > 1:
        stream.end()

    # Matrix unit: scores of the next tile before the values of the present one
    scores, values = _products(w, machine.matrix_key, machine.ports, g, rows, (sizes[0], sizes[1]))
    stream = streams.matrix
    if block.blocks > 1:
        stream.loop(block.blocks)
    starts: list[Wait] = [(tokens.query_ready, 1)] if loads_query else []
    streams.sync(stream, waits=[*starts, (streams.sum_space, output_space)])

    def multiply(price: _TileProduct, loop: int, first: bool) -> None:
        """Append a score product (`first`) or a value product of a tile."""
        waits: list[Wait] = (
            [*streamed, (streams.sum_space, score_space)] if first else [(tokens.weights_ready, 1)]
        )
        posts: list[Wait] = [(tokens.scores_ready, 1)]
        if not first:
            posts = [(streams.sum_space, score_space)]
            if loads_tiles:
                posts.append((streams.tile_space, kv_space))
        streams.task(
            stream,
            streams.matrix_unit,
            price.ticks,
            price.charges,
            result=price.result,
            waits=waits,
            posts=posts,
            loops=(loop, -1, -1),
            mark=True,
        )

    multiply(scores.last if one_tile else scores.full, -1, True)
    if not one_tile:
        stream.loop(block.trips - 1, block.growth)
        multiply(scores.either, stream.depth - 1, True)
        multiply(values.full, -1, False)
        stream.end()
    multiply(values.last, -1, False)
    streams.sync(
        stream,
        posts=[(tokens.output_ready, 1), *([(streams.tile_space, query_bytes)] if loads_query else [])],
    )
    if block.blocks > 1:
        stream.end()

    # Vector unit
    stream = streams.vector
    if block.blocks > 1:
        stream.loop(block.blocks)
    if not one_tile:
        stream.loop(block.trips, block.growth)
    softcap = FUNCTIONS["softcap"] if op.softcap else {}
    scores_of = [g * rows * size for size in sizes]
    outputs = [g * rows * w.depth] * VARIANTS
    softmax = [(softcap, scores_of), (ONLINE_SOFTMAX, scores_of), (ONLINE_RESCALE, outputs)]
    moved = [to_bytes(g * rows * size, w.sums) for size in sizes]
    streams.task(
        stream,
        streams.vector_unit,
        streams.vector_ticks(softmax),
        vector_charges(softmax) | {"accumulator_read_bytes": moved, "accumulator_write_bytes": moved},
        waits=[(tokens.scores_ready, 1)],
        posts=[(tokens.weights_ready, 1)],
        loops=(-1 if one_tile else stream.depth - 1, -1, -1),
        mark=True,
    )
    if not one_tile:
        stream.end()
    stays = segment.place is Place.CHIP
    final = [({"divide": 1}, [g * rows] * VARIANTS), ({"multiply": 1}, outputs)]
    streams.task(
        stream,
        streams.vector_unit,
        streams.vector_ticks(final),
        vector_charges(final)
        | {"accumulator_read_bytes": [output_space] * VARIANTS}
        | ({"scratchpad_write_bytes": [output_bytes] * VARIANTS} if stays else {}),
        waits=[(tokens.output_ready, 1)],
        posts=[(streams.sum_space, output_space) if stays else (tokens.results_ready, 1)],
        mark=True,
    )
    if block.blocks > 1:
        stream.end()

    # Stores
    if not stays:
        stream = streams.store
        if block.blocks > 1:
            stream.loop(block.blocks)
        streams.transfer(
            stream,
            segment.place,
            output_bytes,
            write=True,
            waits=[(tokens.results_ready, 1)],
            posts=[(streams.sum_space, output_space)],
            mark=True,
        )
        if block.blocks > 1:
            stream.end()
