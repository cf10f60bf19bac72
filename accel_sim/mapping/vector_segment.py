"""Tile streams of vector operators: tiles of rows are loaded, computed in place, and stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from accel_sim.config.errors import InputError, RunError
from accel_sim.config.identity import Same
from accel_sim.engine.program import VARIANTS, Stream
from accel_sim.mapping.dependencies import Edge, RowSteps, row_steps
from accel_sim.mapping.machine import LanesKey
from accel_sim.mapping.plan import Place, Segment, vector_shape
from accel_sim.mapping.streams import (
    Charges,
    Streams,
    VectorWork,
    Wait,
    cycles_to_ticks,
    lane_cycles,
    vector_charges,
)
from accel_sim.mapping.tile_sizes import candidate_sizes
from accel_sim.mapping.tiling import TOLERANCE
from accel_sim.mapping.vector_work import RowWork, row_work
from accel_sim.workload.operators import Embedding, Reduction

# Fewer rows than this are cut when a part of a row can be computed by itself.
FEW_ROWS = 8


@dataclass(frozen=True, slots=True)
class RowTiling:
    """How the rows are cut.

    Attributes:
        rows: of a tile; 1 when even one row has to be cut.
        chunks: parts of a row that does not fit, or that would not overlap with anything; 1 otherwise.
        reloads: passes that load the data anew; 1 unless rows are cut.
    """

    rows: int
    chunks: int = 1
    reloads: int = 1


@dataclass(frozen=True)
class _Work:
    """What a vector segment computes and moves, on whatever machine; byte figures are for the whole operator.

    Attributes:
        loaded: bytes that come from memory, and from the link; places that nothing comes from left out.
        on_chip: bytes read that never left the chip.
        stored: bytes written, wherever to.
    """

    segment: Segment
    shape: tuple[int, int]
    row: RowWork
    loaded: Mapping[Place, int]
    on_chip: int
    stored: int

    @cached_property
    def loaded_bytes(self) -> int:
        """Bytes that come from outside the chip."""
        return sum(self.loaded.values())

    @cached_property
    def reads(self) -> int:
        """How often the vector unit reads the inputs: in every pass over whole rows."""
        return max(1, sum(1 for _, elements in self.row.passes if elements > 1))

    def share(self, total: int, rows: int) -> int:
        """Return the part of a total that belongs to `rows` rows, rounded up."""
        return -(-total * rows // self.shape[0])

    def read_bytes(self, rows: int) -> int:
        """Return the bytes the vector unit reads from the scratchpad for `rows` rows."""
        return self.share(self.loaded_bytes + self.on_chip, rows) * self.reads

    def passes(self, sizes: Sequence[int], parts: int = 1) -> VectorWork:
        """Return the vector work of tiles of so many rows, each cut into `parts`."""
        return [
            (operations, [-(-round(elements * size) // parts) for size in sizes])
            for operations, elements in self.row.passes
        ]


@lru_cache(maxsize=4096)
def _work(same: Same[Segment]) -> _Work:
    segment, op = same.value, same.value.operator
    shape = vector_shape(op)
    row = row_work(op, *shape)
    loaded = {Place.MEMORY: 0, Place.LINK: 0}
    on_chip = 0
    for source in segment.sources:
        if source.place is Place.CHIP:
            on_chip += source.tensor.bytes
        else:
            loaded[source.place] += source.tensor.bytes
    if isinstance(op, Embedding):
        loaded[Place.MEMORY] += sum(table.format.bytes(op.tokens * table.shape[-1]) for table in row.looked_up)
    loads = {place: total for place, total in loaded.items() if total}
    return _Work(segment, shape, row, loads, on_chip, segment.output.bytes)


def write_vector_segment(
    streams: Streams, segment: Segment, reads: Sequence[Edge | None], writes: Sequence[Edge]
) -> Stream:
    """Write the streams of a vector segment; return the one that finishes its output.

    Raises:
        InputError: the operator computes and the design has no vector unit.
    """
    same, machine = Same(segment), streams.machine
    work = _work(same)
    if work.row.passes and machine.vector is None:
        banks = f", and {machine.memory.name} has no kernel for it" if machine.pim is not None else ""
        raise InputError(
            f"{machine.design.document.source}: no component computes element by element, as "
            f"'{segment.operator.name}' needs{banks}"
        )
    tiling = _tile(streams, work)
    rows = work.shape[0]
    trips = -(-rows // tiling.rows)
    last = rows - (trips - 1) * tiling.rows
    sizes = (tiling.rows, last) * (VARIANTS // 2)
    parts = tiling.chunks * tiling.reloads
    port_bytes = machine.scratchpad_read_bytes_per_cycle
    builder = streams.builder
    ready = builder.token()
    done = builder.token()
    loads = work.loaded
    space = sum(-(-work.share(total, tiling.rows) // tiling.chunks) for total in loads.values())
    off_chip = [bool(s.place is not Place.CHIP) for s in segment.sources]
    load_edges = [edge for edge, away in zip(reads, off_chip, strict=True) if edge and away]
    chip_edges = [edge for edge, away in zip(reads, off_chip, strict=True) if edge and not away]

    def loop(stream: Stream) -> int:
        """Open the loops over row tiles and parts; return the depth of the former, -1 if there is none."""
        depth = stream.depth if trips > 1 else -1
        if trips > 1:
            stream.loop(trips)
        return depth

    def steps(edge: Edge) -> RowSteps:
        return row_steps(edge.rows, tiling.rows, trips) if edge.by_rows else RowSteps(edge.rows)

    def before(stream: Stream, edges: Sequence[Edge]) -> None:
        waits = [(edge.token, edge.rows) for edge in edges if not steps(edge).in_order]
        streams.sync(stream, waits=waits)

    def each(stream: Stream, edges: Sequence[Edge], depth: int) -> None:
        waits: list[Wait] = [(e.token, steps(e).amounts()) for e in edges if steps(e).in_order]
        streams.sync(stream, waits=waits, loops=(depth, -1, -1))

    constants = sum(w.bytes for w in segment.operator.weights) if not work.row.looked_up else 0
    if constants:
        arrived = builder.token()
        streams.transfer(streams.load, Place.MEMORY, constants, posts=[(arrived, 1)])
        streams.sync(streams.vector, waits=[(arrived, 1)])

    if loads:
        stream = streams.load
        before(stream, load_edges)
        depth = loop(stream)
        each(stream, load_edges, depth)
        if parts > 1:
            stream.loop(parts)
        for index, (place, total) in enumerate(loads.items()):
            first, final = index == 0, index == len(loads) - 1
            streams.transfer(
                stream,
                place,
                [-(-work.share(total, size) // tiling.chunks) for size in sizes],
                waits=[(streams.tile_space, space)] if first else [],
                posts=[(ready, 1)] if final else [],
                loops=(depth, -1, -1),
            )
        _close(stream, parts > 1, trips > 1)

    stays = segment.place is Place.CHIP
    # A sum is stored when the last part of its row is in it.
    once = isinstance(segment.operator, Reduction)
    release: list[Wait] = [(streams.tile_space, space)] if loads else []
    stream = streams.vector
    before(stream, chip_edges)
    depth = loop(stream)
    each(stream, chip_edges, depth)
    if parts > 1:
        stream.loop(parts)
    streams.task(
        stream,
        streams.vector_unit if work.row.passes else -1,
        [cycles_to_ticks(c) for c in _cycles(same, machine.lanes_key, port_bytes, sizes, parts)],
        _charges(same, machine.lanes_key, port_bytes, sizes, parts),
        waits=[(ready, 1)] if loads else [],
        posts=[*(release if stays or once else ()), *(() if stays else ((done, 1),))],
        loops=(depth, -1, -1),
        mark=True,
    )
    if parts > 1:
        stream.end()
    if not stays:
        _close(stream, False, trips > 1)
        stream = streams.store
        depth = loop(stream)
        stores = 1 if once else parts
        if stores > 1:
            stream.loop(stores)
        streams.transfer(
            stream,
            segment.place,
            [-(-work.share(work.stored, size) // stores) for size in sizes],
            write=True,
            waits=[(done, parts // stores)],
            posts=[] if once else release,
            loops=(depth, -1, -1),
            mark=True,
        )
        if stores > 1:
            stream.end()
    if trips > 1:
        by_rows: list[Wait] = [(edge.token, sizes) for edge in writes if edge.by_rows]
        streams.sync(stream, posts=by_rows, loops=(depth, -1, -1))
        stream.end()
    streams.sync(stream, posts=[(edge.token, edge.rows) for edge in writes if trips == 1 or not edge.by_rows])
    return stream


def _close(stream: Stream, inner: bool, outer: bool) -> None:
    if inner:
        stream.end()
    if outer:
        stream.end()


@lru_cache(maxsize=4096)
def _cycles(
    same: Same[Segment], lanes: LanesKey | None, port_bytes: int, sizes: tuple[int, ...], parts: int = 1
) -> tuple[int, ...]:
    """Return the cycles of tiles of so many rows, or parts of them: of the lanes or the ports that feed them.

    port_bytes: what the scratchpad gives each cycle.
    """
    work = _work(same)
    if not work.row.passes:
        return (0,) * len(sizes)
    ports = [-(-work.read_bytes(size) // parts // port_bytes) for size in sizes]
    computing = lane_cycles(lanes, work.passes(sizes, parts))
    return tuple(max(pair) for pair in zip(computing, ports, strict=True))


@lru_cache(maxsize=4096)
def _charges(
    same: Same[Segment], lanes: LanesKey | None, port_bytes: int, sizes: tuple[int, ...], parts: int
) -> Charges:
    """Return the events of tiles of so many rows, or parts of them."""
    work = _work(same)
    held = _cycles(same, lanes, port_bytes, sizes, parts)
    stalls = [a - b for a, b in zip(held, lane_cycles(lanes, work.passes(sizes, parts)), strict=True)]
    return {
        **vector_charges(work.passes(sizes, parts)),
        **({"vector_stall_cycles": stalls} if any(stalls) else {}),
        "scratchpad_read_bytes": [work.read_bytes(size) // parts for size in sizes],
        "scratchpad_write_bytes": [work.share(work.stored, size) // parts for size in sizes],
    }


def _tile(streams: Streams, work: _Work) -> RowTiling:
    """Return the largest row tile within half a percent of the least time; a row that does not fit is cut."""
    rows, loaded = work.shape[0], work.loaded_bytes
    if not loaded:
        # Nothing needs tile space; a few tiles let a store start before the last row is done.
        return RowTiling(-(-rows // min(rows, 8)) if work.segment.place is not Place.CHIP else rows)
    fitting = tuple(
        size for size in candidate_sizes(rows, 1) if 2 * work.share(loaded, size) <= streams.tile_bytes
    )
    if fitting:
        estimates = dict(zip(fitting, _estimates(streams, work, fitting), strict=True))
        within = min(estimates.values()) * (1 + TOLERANCE)
        rows_at_once = max(size for size, ticks in estimates.items() if ticks <= within)
        return RowTiling(rows_at_once, _chunks(streams, work, rows_at_once))
    row_bytes = work.share(loaded, 1)
    chunks = -(-2 * row_bytes // streams.tile_bytes)
    if chunks > row_bytes:
        raise RunError(
            f"{streams.machine.design.document.source}: no tile of '{work.segment.operator.name}' fits: "
            f"{streams.tile_bytes} bytes of '{streams.machine.design.scratchpad.name}' are free for tiles"
        )
    return RowTiling(1, chunks, work.reads)


def vector_ticks(streams: Streams, segment: Segment) -> float:
    """Return the time of a segment by itself on the vector unit: pipe or lanes, fill, drain and latencies."""
    same, machine = Same(segment), streams.machine
    work = _work(same)
    tiling = _tile(streams, work)
    parts = tiling.chunks * tiling.reloads
    steps = -(-work.shape[0] // tiling.rows) * parts
    port_bytes = machine.scratchpad_read_bytes_per_cycle
    compute = cycles_to_ticks(_cycles(same, machine.lanes_key, port_bytes, (tiling.rows,), parts)[0])
    off_chip = [(place, total, False) for place, total in work.loaded.items()]
    constants = sum(w.bytes for w in segment.operator.weights) if not work.row.looked_up else 0
    if constants:
        off_chip.append((Place.MEMORY, constants, False))
    if segment.place is not Place.CHIP:
        off_chip.append((segment.place, work.stored, True))
    busy = dict.fromkeys(Place, 0.0)
    for place, total, write in off_chip:
        busy[place] += streams.channel(place)[1].ticks(total, total, 0, write)
    latency = sum(
        max((streams.channel(p)[1].latency_ticks for p, _, write in off_chip if write is way), default=0)
        for way in (False, True)
    )
    moved = sum(busy.values())
    return max(max(busy.values()) + compute, steps * compute + moved / steps) + latency


def _chunks(streams: Streams, work: _Work, rows_at_once: int) -> int:
    """Return into how many parts to cut rows that are too few for loads, lanes and stores to overlap."""
    if len(work.row.passes) != 1 or work.row.looked_up or rows_at_once > 1 or work.shape[0] >= FEW_ROWS:
        return 1
    same, machine, moved = Same(work.segment), streams.machine, _moved_ticks(streams, work)

    def estimate(chunks: int) -> float:
        port_bytes = machine.scratchpad_read_bytes_per_cycle
        compute = cycles_to_ticks(_cycles(same, machine.lanes_key, port_bytes, (1,), chunks)[0])
        steps = work.shape[0] * chunks
        return max(moved + compute, steps * compute + moved / steps)

    estimates = {1 << i: estimate(1 << i) for i in range(7)}
    within = min(estimates.values()) * (1 + TOLERANCE)
    return min(chunks for chunks, ticks in estimates.items() if ticks <= within)


def _moved_ticks(streams: Streams, work: _Work) -> float:
    stored = work.stored if work.segment.place is not Place.CHIP else 0
    return (work.loaded_bytes + stored) * streams.machine.memory.ticks_per_byte


def _estimates(streams: Streams, work: _Work, sizes: tuple[int, ...]) -> list[float]:
    """Ticks of the operator with tiles of so many rows: of pipe or lanes, plus filling and draining."""
    machine, moved = streams.machine, _moved_ticks(streams, work)
    cycles = _cycles(Same(work.segment), machine.lanes_key, machine.scratchpad_read_bytes_per_cycle, sizes)
    estimates = []
    for size, compute in zip(sizes, map(cycles_to_ticks, cycles), strict=True):
        trips = -(-work.shape[0] // size)
        estimates.append(max(moved, compute * trips) + moved / trips + compute)
    return estimates
