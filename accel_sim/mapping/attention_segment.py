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

import numpy as np

from accel_sim.engine.program import VARIANTS, Stream
from accel_sim.hardware.primitives import FUNCTIONS, ONLINE_RESCALE, ONLINE_SOFTMAX
from accel_sim.mapping.dependencies import Edge
from accel_sim.mapping.machine import TICKS_PER_CYCLE, Machine
from accel_sim.mapping.plan import Place, Segment
from accel_sim.mapping.products import check_formats, stored_bits, to_bytes
from accel_sim.mapping.streams import Streams, Wait, cycles_to_ticks, vector_charges
from accel_sim.mapping.tiling import TOLERANCE, Product, candidate_sizes, tile_interval_cycles
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


def widths(segment: Segment) -> Widths:
    """Return the formats and head counts of an attention segment."""
    op = segment.operator
    assert isinstance(op, Attention)
    q, k, v = (stored_bits(source.tensor) for source in segment.sources[:3])
    return Widths(
        q,
        k,
        v,
        stored_bits(op.output),
        op.accumulator.bits,
        op.batch * op.kv_heads,
        op.heads // op.kv_heads,
        op.head_dim,
    )


def _product(w: Widths, heads: int, rows: int, columns: int, depth: int, right_bits: float) -> Product:
    """The product of one tile, for its price only."""
    return Product(
        heads, rows, columns, depth, 1, 1, w.query, right_bits, w.sums, w.sums, rows, 1, 1, rows, 1,
        False, False, False, 0.0,
    )  # fmt: skip


def _prices(
    w: Widths, machine: Machine, heads: np.ndarray, rows: np.ndarray, keys: np.ndarray
) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Return (interval, result, accesses) of the score product and of the value product of tiles."""
    depth = np.full_like(keys, w.depth)
    template = _product(w, 1, 1, 1, 1, w.key)
    scores = tile_interval_cycles(template, machine, heads, rows, keys, depth)
    values = tile_interval_cycles(_product(w, 1, 1, 1, 1, w.value), machine, heads, rows, depth, keys)
    return scores, values


def tile_attention(segment: Segment, machine: Machine, tile_bytes: int) -> AttentionTiling | None:
    """Return the fastest tiling, None when no tile fits or the chip has no vector unit for the softmax."""
    op, w = segment.operator, widths(segment)
    assert isinstance(op, Attention)
    check_formats(machine, op.name, segment.sources[0].tensor, segment.sources[1].tensor)
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
    scores, values = _prices(w, machine, g, rows, keys)
    softmax = machine.vector_model.cycles(machine.vector.spec, ONLINE_SOFTMAX, g * rows * keys)
    rescale = machine.vector_model.cycles(machine.vector.spec, ONLINE_RESCALE, g * rows * w.depth)
    in_memory = [source.place is not Place.CHIP for source in segment.sources[:3]]
    tile_loads = keys * g * w.depth * (w.key * in_memory[1] + w.value * in_memory[2]) / 8
    once = sum(t.tensor.bytes for t, away in zip(segment.sources, in_memory, strict=False) if away)
    kv_bytes = sum(s.tensor.bytes for s, away in zip(segment.sources[1:3], in_memory[1:], strict=True) if away)
    stored = segment.output.bytes if segment.place is not Place.CHIP else 0
    per_byte = machine.memory.ticks_per_byte
    products = (scores[0] * TICKS_PER_CYCLE).tolist(), (values[0] * TICKS_PER_CYCLE).tolist()
    lanes = ((softmax + rescale) * TICKS_PER_CYCLE).tolist()
    found: list[tuple[float, float, AttentionTiling]] = []
    shapes: dict[tuple[int, int], tuple[QueryBlocks, ...]] = {}
    for heads, block, span, score, value, vector, loads, pair in zip(
        g.tolist(),
        queries.tolist(),
        keys.tolist(),
        *products,
        lanes,
        tile_loads.tolist(),
        pair_bytes[fits].tolist(),
        strict=True,
    ):
        if (block, span) not in shapes:
            shapes[block, span] = query_blocks(op, block, span)
        blocks = shapes[block, span]
        turns = w.groups // heads
        tiles = turns * sum(b.key_tiles for b in blocks)
        # A block's first scores and last weights have nothing to overlap with.
        inner = tiles - turns * sum(b.blocks for b in blocks)
        chain = inner * max(score + value, vector) + (tiles - inner) * (score + vector + value)
        resident = span >= visible_keys(op)
        moved = once + stored if resident else once + stored + (tiles * loads - kv_bytes)
        # A tile's values wait for the next tile's scores, so its space is free only after that one's load.
        waiting = max(1, tile_bytes // pair - 1)
        held = tiles * (loads * per_byte + score + value) / waiting if loads else 0
        estimate = max(chain, moved * per_byte, held) + loads * per_byte + machine.memory.latency_ticks
        found.append((estimate, tiles, AttentionTiling(heads, block, span, resident, estimate)))
    within = min(estimate for estimate, _, _ in found) * (1 + TOLERANCE)
    return min((f for f in found if f[0] <= within), key=lambda f: (f[1], f[0]))[2]


def write_attention_segment(
    streams: Streams,
    segment: Segment,
    tiling: AttentionTiling,
    reads: Sequence[Edge | None],
    writes: Sequence[Edge],
) -> Stream:
    """Write the streams of a fused attention; return the one that finishes its output."""
    op, w = segment.operator, widths(segment)
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
        waits=[(streams.tile_space, space)],
        posts=[(tokens.keys_ready, 1)],
        loops=(depth, -1, -1),
    )


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
    scores, values = _prices(
        w, machine, np.full(VARIANTS, g), np.full(VARIANTS, rows), np.array(sizes, dtype=np.int64)
    )
    stream = streams.matrix
    if block.blocks > 1:
        stream.loop(block.blocks)
    starts: list[Wait] = [(tokens.query_ready, 1)] if loads_query else []
    streams.sync(stream, waits=[*starts, (streams.sum_space, output_space)])

    def multiply(price: tuple[np.ndarray, ...], loop: int, first: bool, fixed: int | None) -> None:
        """Append a score product (`first`) or a value product of a tile; `fixed` is a variant to use always."""
        order = [fixed] * VARIANTS if fixed is not None else list(range(VARIANTS))
        interval, result, accesses = price
        assert machine.matrix is not None
        peak = machine.matrix_model.peak_macs_per_cycle(machine.matrix.spec)
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
            [cycles_to_ticks(int(interval[v])) for v in order],
            {
                "executed_macs": [g * rows * sizes[v] * w.depth for v in order],
                "pe_cycles": [round(interval[v] * peak) for v in order],
                "scratchpad_read_bytes": [int(accesses[0][v]) for v in order],
                "accumulator_read_bytes": [int(accesses[1][v]) for v in order],
                "accumulator_write_bytes": [int(accesses[2][v]) for v in order],
            },
            result=[cycles_to_ticks(int(result[v] - interval[v])) for v in order],
            waits=waits,
            posts=posts,
            loops=(loop, -1, -1),
            mark=True,
        )

    last = 1  # variant of a last tile
    multiply(scores, -1, True, last if one_tile else 0)
    if not one_tile:
        stream.loop(block.trips - 1, block.growth)
        multiply(scores, stream.depth - 1, True, None)
        multiply(values, -1, False, 0)
        stream.end()
    multiply(values, -1, False, last)
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
