"""Tile streams of matrix products and convolutions: loads, tiles on the matrix unit, epilogue, stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from accel_sim.engine.program import VARIANTS, Stream
from accel_sim.hardware.component import GemmTiles
from accel_sim.hardware.primitives import FUNCTIONS
from accel_sim.mapping.dependencies import Edge, RowSteps, row_steps
from accel_sim.mapping.machine import UnitKey
from accel_sim.mapping.plan import Place, Segment
from accel_sim.mapping.products import Nest
from accel_sim.mapping.streams import Charges, Streams, Wait, cycles_to_ticks, vector_charges
from accel_sim.mapping.tiling import FEED_EVENTS, M, Product, interval_cycles
from accel_sim.workload.operators import Conv2d, Elementwise


@dataclass(frozen=True)
class _Work:
    """A matrix segment while it is written: what it is, its dependencies and its tokens.

    Attributes:
        left, right: dependencies of the operands, None when nothing in the program makes them.
        orders: dependencies without data of their own: routing decides an expert's rows.
        extras: dependencies of the epilogue.
        writes: dependencies of later segments on the output.
        left_ready, right_ready, extra_ready: tokens of arrived tiles, None for operands that stay on chip.
        region_ready, results_ready: regions whose sums are complete; whose epilogue is done.
    """

    streams: Streams
    segment: Segment
    nest: Nest
    left: Edge | None
    right: Edge | None
    orders: tuple[Edge, ...]
    extras: tuple[Edge, ...]
    writes: Sequence[Edge]
    left_ready: int | None
    right_ready: int | None
    extra_ready: int | None
    region_ready: int
    results_ready: int

    @property
    def right_place(self) -> Place:
        """Where the right operand is."""
        return Place.MEMORY if self.segment.operator.weights else self.segment.sources[1].place

    @property
    def region_space(self) -> int:
        """Bytes of the accumulators that a region takes."""
        return self.nest.sum_bytes[0]

    @property
    def extra_space(self) -> int:
        """Bytes of the scratchpad that a region's further inputs take."""
        return self.nest.extra_bytes[0]

    def loops(self, base: int, opened: int) -> tuple[int, int, int]:
        """Depths in a stream of those of the m, n, k loops that are among the first `opened`."""
        m, n, k = (base + position if 0 <= position < opened else -1 for position in self.nest.positions)
        return m, n, k

    @cached_property
    def left_steps(self) -> RowSteps:
        """How tiles take the left operand's rows."""
        if self.left is None or not self.left.by_rows or not self.nest.rows_in_order:
            return RowSteps(self.left.rows if self.left else 0)
        op, p = self.segment.operator, self.nest.product
        size = self.nest.tiling.sizes[M]
        trips = -(-p.rows // size)
        if not isinstance(op, Conv2d):
            return row_steps(self.left.rows, size, trips)
        # Each tile takes the rows that its outputs move on by; what any tile needs beyond that comes first. The
        # need grows evenly from image to image, so it is greatest in the first or in the last.
        step = size * op.stride[0]
        image = -(-op.out_height // size)
        tiles = {*range(1, min(image, trips) + 1), *range(max(1, trips - image + 1), trips + 1)}
        ahead = max(_last_row(op, min(t * size, p.rows)) - t * step for t in tiles)
        return row_steps(self.left.rows, step, trips, max(0, ahead))


def write_matrix_segment(
    streams: Streams, segment: Segment, nest: Nest, reads: Sequence[Edge | None], writes: Sequence[Edge]
) -> Stream:
    """Write the streams of a matrix segment; return the one that finishes its output.

    reads: the dependency of each source, then of each extra source; None where there is none.
    """
    token = streams.builder.token
    right_at = 1 if not segment.operator.weights else None
    operands = len(segment.sources)
    p = nest.product
    work = _Work(
        streams=streams,
        segment=segment,
        nest=nest,
        left=reads[0],
        right=reads[right_at] if right_at else None,
        orders=tuple(edge for i, edge in enumerate(reads[:operands]) if edge and i not in (0, right_at)),
        extras=tuple(edge for edge in reads[operands:] if edge),
        writes=writes,
        left_ready=token() if p.left_in_memory else None,
        right_ready=token() if p.right_in_memory else None,
        extra_ready=token() if p.epilogue_bits else None,
        region_ready=token(),
        results_ready=token(),
    )
    _write_loads(work)
    _write_tiles(work)
    if segment.epilogue:
        _write_epilogue(work)
    if segment.place is not Place.CHIP:
        _write_stores(work)
        return streams.store
    return streams.vector if segment.epilogue else streams.matrix


def _last_row(op: Conv2d, outputs: int) -> int:
    """Return how many input rows, counted over all images, the first `outputs` rows of output need."""
    images, last = divmod(outputs - 1, op.out_height)
    end = last * op.stride[0] + op.dilation[0] * (op.kernel[0] - 1) + 1 - op.padding[0]
    return images * op.in_height + max(0, min(end, op.in_height))


def _nested(
    stream: Stream,
    nest: Nest,
    depth: int,
    body: Callable[[int], None],
    after: Callable[[int], None],
    level: int = 0,
) -> None:
    """Call body(level) inside the first `level` loops of a nest, for levels 0 to `depth`, then after(level).

    `after` runs at the end of each iteration of the level's innermost loop, once the deeper loops are over.
    """
    body(level)
    if level < depth:
        stream.loop(nest.loops[level][1])
        _nested(stream, nest, depth, body, after, level + 1)
        stream.end()
    after(level)


def _nothing(level: int) -> None:
    pass


def _write_loads(work: _Work) -> None:
    s, nest, p = work.streams, work.nest, work.nest.product
    stream, base = s.load, s.load.depth
    biases = sum(weight.bytes for weight in work.segment.operator.weights[1:])
    if biases:
        s.transfer(stream, Place.MEMORY, biases)
    off_chip = any(source.place is not Place.CHIP for source in work.segment.extra_sources)
    waits: list[Wait] = [(edge.token, edge.rows) for edge in work.extras] if off_chip else []
    if p.left_in_memory or p.right_in_memory:
        waits += [(edge.token, edge.rows) for edge in work.orders]
    if p.right_in_memory and work.right:
        waits.append((work.right.token, work.right.rows))
    s.sync(stream, waits=waits)
    steps = work.left_steps
    if p.left_in_memory and work.left:
        s.sync(stream, waits=[(work.left.token, steps.before if steps.in_order else steps.total)])

    tiles = list(_tile_loads(work))

    def body(level: int) -> None:
        if level == 1 and p.left_in_memory and work.left and steps.in_order:
            s.sync(stream, waits=[(work.left.token, steps.amounts())], loops=(base, -1, -1))
        for tile in tiles:
            if tile.level == level:
                s.transfer(
                    stream,
                    tile.place,
                    tile.moved,
                    run=tile.runs,
                    stride=tile.stride,
                    waits=[(s.tile_space, tile.space)],
                    posts=[(tile.ready, 1)],
                    loops=work.loops(base, level),
                )

    _nested(stream, nest, len(nest.loops), body, _nothing)


class _TileLoad(NamedTuple):
    """What is loaded inside the first `level` loops: token, bytes, contiguous bytes, stride, space taken."""

    level: int
    ready: int
    place: Place
    moved: tuple[int, ...]
    runs: tuple[int, ...]
    stride: int
    space: int


def _tile_loads(work: _Work) -> Iterator[_TileLoad]:
    nest, segment = work.nest, work.segment
    if work.left_ready is not None:
        place = segment.sources[0].place
        moved = nest.left_bytes, nest.left_runs, nest.left_stride
        yield _TileLoad(nest.left, work.left_ready, place, *moved, nest.left_space)
    if work.right_ready is not None:
        size = nest.right_bytes
        # Weights lie in memory tile by tile, in the order in which they are loaded.
        runs = size if segment.operator.weights else nest.right_runs
        moved = size, runs, nest.right_stride
        yield _TileLoad(nest.right, work.right_ready, work.right_place, *moved, size[0])
    if work.extra_ready is not None:
        moved = nest.extra_bytes, nest.extra_runs, nest.extra_stride
        yield _TileLoad(nest.region, work.extra_ready, Place.MEMORY, *moved, nest.extra_bytes[0])


@lru_cache(maxsize=4096)
def _tile_amounts(
    p: Product,
    groups: int,
    sizes: tuple[tuple[int, int, int], ...],
    unit: UnitKey,
    ports: tuple[int, int],
) -> tuple[Sequence[int], Sequence[int], Charges]:
    """Return ticks on the matrix unit, ticks from then to the result, and events of a tile, by variant."""
    g = np.full(VARIANTS, groups)
    m, n, k = np.ascontiguousarray(np.array(sizes, dtype=np.int64).T)
    tiles = GemmTiles(g, m * p.row_scale, n, k * p.depth_scale)
    interval, result, events = interval_cycles(unit, ports, p.bits, tiles)
    peak = unit.model.peak_macs_per_cycle(unit.spec)
    macs = (tiles.g * tiles.m * n * tiles.k).tolist()
    charges = {
        "executed_macs": macs,
        "matrix_macs": macs,
        "pe_cycles": [round(cycles * peak) for cycles in interval.tolist()],
        **{name: counts for name, counts in zip(FEED_EVENTS, events.tolist(), strict=True) if any(counts)},
    }
    ticks = [cycles_to_ticks(cycles) for cycles in interval.tolist()]
    return ticks, [cycles_to_ticks(cycles) for cycles in (result - interval).tolist()], charges


def _write_tiles(work: _Work) -> None:
    s, nest, p = work.streams, work.nest, work.nest.product
    stream, base, innermost = s.matrix, s.matrix.depth, len(work.nest.loops)
    ticks, result, charges = _tile_amounts(
        p, nest.tiling.groups, nest.tile_sizes, s.machine.matrix_key, s.machine.ports
    )
    steps = work.left_steps
    waits: list[Wait] = []
    if not (p.left_in_memory or p.right_in_memory):
        waits += [(edge.token, edge.rows) for edge in work.orders]
    if not p.right_in_memory and work.right:
        waits.append((work.right.token, work.right.rows))
    if not p.left_in_memory and work.left:
        waits.append((work.left.token, steps.before if steps.in_order else steps.total))
    s.sync(stream, waits=[wait for wait in waits if wait[1]])
    operands = (
        (work.left_ready, nest.left, nest.left_space),
        (work.right_ready, nest.right, nest.right_bytes[0]),
    )

    def arrivals(level: int) -> list[Wait]:
        waits: list[Wait] = [(ready, 1) for ready, at, _ in operands if ready is not None and at == level]
        if nest.region == level:
            waits.append((s.sum_space, work.region_space))
        return waits

    def releases(level: int) -> list[Wait]:
        return [(s.tile_space, space) for ready, at, space in operands if ready is not None and at == level]

    keeps = work.segment.place is Place.CHIP and not work.segment.epilogue
    region_posts: list[Wait] = [(s.sum_space, work.region_space)] if keeps else [(work.region_ready, 1)]

    def body(level: int) -> None:
        if level == 1 and not p.left_in_memory and work.left and steps.in_order:
            s.sync(stream, waits=[(work.left.token, steps.amounts())], loops=(base, -1, -1))
        if level < innermost:
            s.sync(stream, waits=arrivals(level))
            return
        s.task(
            stream,
            s.matrix_unit,
            ticks,
            charges,
            result=result,
            waits=arrivals(level),
            posts=[*releases(level), *(region_posts if nest.region == level else [])],
            loops=work.loops(base, level),
            mark=True,
        )

    def after(level: int) -> None:
        if level < innermost:
            s.sync(stream, posts=[*releases(level), *(region_posts if nest.region == level else [])])
        if keeps and nest.region == level:
            s.task(
                stream,
                -1,
                0,
                {"accumulator_read_bytes": nest.sum_bytes, "scratchpad_write_bytes": nest.output_bytes},
                loops=work.loops(base, level),
            )
        if keeps:
            _post_rows(work, stream, base, level)

    _nested(stream, nest, innermost, body, after)


def _write_epilogue(work: _Work) -> None:
    s, nest, p = work.streams, work.nest, work.nest.product
    stream, base = s.vector, s.vector.depth
    elements = nest.region_results
    vector_work = []
    for follower in work.segment.epilogue:
        assert isinstance(follower, Elementwise)
        if follower.elements < work.segment.operator.output.elements:
            elements = tuple(-(-results // 2) for results in nest.region_results)
        vector_work.append((FUNCTIONS[follower.function], elements))
    on_chip = sum(source.tensor.bytes for source in work.segment.extra_sources if source.place is Place.CHIP)
    extra_bits = p.epilogue_bits + on_chip * 8 / max(1, nest.product.groups * p.rows * p.row_scale * p.columns)
    charges = vector_charges(vector_work) | {
        "accumulator_read_bytes": nest.sum_bytes,
        "scratchpad_read_bytes": nest.region_bytes(extra_bits),
        "scratchpad_write_bytes": nest.output_bytes,
    }
    waits: list[Wait] = [(work.region_ready, 1)]
    if work.extra_ready is not None:
        waits.append((work.extra_ready, 1))
    keeps = work.segment.place is Place.CHIP
    posts: list[Wait] = [(s.tile_space, work.extra_space)] if work.extra_ready is not None else []
    posts.append((s.sum_space, work.region_space) if keeps else (work.results_ready, 1))
    off_chip = any(source.place is not Place.CHIP for source in work.segment.extra_sources)
    if not off_chip:
        s.sync(stream, waits=[(edge.token, edge.rows) for edge in work.extras])

    def body(level: int) -> None:
        if level == nest.region:
            s.task(
                stream,
                s.vector_unit,
                s.vector_ticks(vector_work),
                charges,
                waits=waits,
                posts=posts,
                loops=work.loops(base, level),
                mark=True,
            )

    def after(level: int) -> None:
        if keeps:
            _post_rows(work, stream, base, level)

    _nested(stream, nest, nest.region, body, after)


def _write_stores(work: _Work) -> None:
    s, nest = work.streams, work.nest
    stream, base = s.store, s.store.depth
    ready = work.results_ready if work.segment.epilogue else work.region_ready

    def body(level: int) -> None:
        if level == nest.region:
            s.transfer(
                stream,
                work.segment.place,
                nest.output_bytes,
                write=True,
                run=nest.output_runs,
                stride=nest.output_stride,
                waits=[(ready, 1)],
                posts=[(s.sum_space, work.region_space)],
                loops=work.loops(base, level),
                mark=True,
            )

    _nested(stream, nest, nest.region, body, lambda level: _post_rows(work, stream, base, level))


def _post_rows(work: _Work, stream: Stream, base: int, level: int) -> None:
    """Give finished rows: at each step of the outermost loop when it runs over rows, else at the end."""
    in_order = work.nest.rows_in_order
    whole: list[Wait] = [
        (edge.token, edge.rows) for edge in work.writes if level == 0 and not (in_order and edge.by_rows)
    ]
    work.streams.sync(stream, posts=whole)
    if level == 1 and in_order:
        rows = [sizes[M] for sizes in work.nest.tile_sizes]
        steps: list[Wait] = [(edge.token, rows) for edge in work.writes if edge.by_rows]
        work.streams.sync(stream, posts=steps, loops=(base, -1, -1))
