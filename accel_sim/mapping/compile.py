"""From a graph to a program: plan the blocks, tile the segments, write the streams, connect them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from accel_sim.config.errors import RunError
from accel_sim.engine.program import VARIANTS, ProgramBuilder, Stream
from accel_sim.hardware.events import EVENTS
from accel_sim.mapping.attention_segment import write_attention_segment
from accel_sim.mapping.attention_split import split_attention
from accel_sim.mapping.attention_tiling import AttentionTiling, tile_attention
from accel_sim.mapping.dependencies import Edge
from accel_sim.mapping.limits import check_amounts
from accel_sim.mapping.machine import Machine
from accel_sim.mapping.matrix_segment import write_matrix_segment
from accel_sim.mapping.pim_operands import check_operands, free_rows
from accel_sim.mapping.pim_segment import runs_in_memory, write_pim_segment
from accel_sim.mapping.pim_vector import BankWork
from accel_sim.mapping.pim_vector_segment import bank_work, write_bank_segment
from accel_sim.mapping.plan import BLOCK_INPUT, BlockPlan, Place, Segment, plan_blocks, vector_shape
from accel_sim.mapping.products import Nest, best_nest, best_tiling, product_of
from accel_sim.mapping.streams import Streams, cycles_to_ticks
from accel_sim.mapping.tiling import TOLERANCE, K, M, N
from accel_sim.mapping.vector_segment import write_vector_segment
from accel_sim.mapping.vector_work import row_work
from accel_sim.workload.graph import Block, Graph
from accel_sim.workload.operators import Attention, Conv2d, Gemm


@dataclass(frozen=True, slots=True)
class Mapped:
    """A segment as it was mapped: its number in the program, its block, how it is tiled."""

    tag: int
    block: Block
    segment: Segment
    tiling: Nest | AttentionTiling | BankWork | None

    def describe(self) -> str:
        """Return the tiling in words, empty for vector operators of the chip and products in banks."""
        if isinstance(self.tiling, BankWork):
            return self.tiling.words
        if isinstance(self.tiling, AttentionTiling):
            t = self.tiling
            return f"fused: {t.heads} KV heads x {t.queries} queries x {t.keys} keys"
        if self.tiling is None:
            return ""
        sizes, names = self.tiling.tiling.sizes, {M: "m", N: "n", K: "k"}
        order = ", ".join(names.get(axis, "g") for axis, _ in self.tiling.loops)
        groups = f"g{self.tiling.tiling.groups} " if self.tiling.product.groups > 1 else ""
        return f"{groups}m{sizes[M]} n{sizes[N]} k{sizes[K]}" + (f", loops {order}" if order else ", one tile")


@dataclass(frozen=True)
class Compiled:
    """A program with what its tasks stand for.

    Attributes:
        mapped: segments by tag.
        charges: int64[c, 3], task, tag and counter of every event that is counted.
        charged: int64[c, VARIANTS], how many of it there are in an execution of the task.
    """

    builder: ProgramBuilder
    mapped: tuple[Mapped, ...]
    charges: np.ndarray
    charged: np.ndarray

    def events(self, executions: np.ndarray) -> np.ndarray:
        """Return int64[tag, EVENTS], what each segment counts.

        executions: int64[t, VARIANTS], how often each task runs with each of its amounts.
        """
        counts = np.zeros((len(self.mapped), len(EVENTS)), dtype=np.int64)
        task, tag, counter = self.charges.T
        np.add.at(counts, (tag, counter), (executions[task] * self.charged).sum(axis=1))
        return counts


def compile_graph(graph: Graph, machine: Machine) -> Compiled:
    """Return the program of a graph on a machine.

    Raises:
        InputError: an operator that no component can run, operands that the matrix unit cannot hold, or a model
            that banks which compute have no rows for.
        RunError: buffers too small for any tile, or more ticks or events than can be counted.
    """
    bank_rows = free_rows(graph, machine)
    plans = plan_blocks(graph.blocks, machine)
    resident = max((plan.resident_bytes for plan in plans), default=0)
    streams = Streams(machine, machine.tile_bytes - resident, bank_rows=bank_rows)
    mapped: list[Mapped] = []
    final: Stream | None = None
    for index, plan in enumerate(plans):
        carried = _carried_edges(streams, plan, first=index == 0)
        if final is not None:
            streams.sync(final, posts=[(edge.token, edge.rows) for edge in carried.values()])
        repeat = plan.block.repeat
        for stream in streams.all:
            if repeat > 1:
                stream.loop(repeat)
        final = _write_block(streams, plan, carried, mapped) or final
        for stream in streams.all:
            if repeat > 1:
                stream.end()
    streams.charge_commands()
    check_amounts(streams, [m.segment.operator.name for m in mapped])
    return Compiled(
        streams.builder,
        tuple(mapped),
        np.array(streams.charges, dtype=np.int64).reshape(-1, 3),
        np.array(streams.charged, dtype=np.int64).reshape(-1, VARIANTS),
    )


def _reader_rows(segment: Segment, source: int) -> int:
    """Rows that a segment takes of a source in order, 0 when it can only take all at once."""
    if isinstance(segment.operator, Attention):
        return 0
    if isinstance(segment.operator, Gemm | Conv2d):
        return segment.input_rows if source == 0 else 0
    return segment.rows


def _edge(streams: Streams, segment: Segment, source: int, writer_rows: int, level: int = 0) -> Edge:
    rows = _reader_rows(segment, source)
    return Edge(streams.builder.token(level and max(rows, 1)), max(rows, 1), writer_rows if rows else -1)


def _carried_edges(streams: Streams, plan: BlockPlan, *, first: bool) -> dict[tuple[int, int], Edge]:
    """Return the dependencies on the tensor that enters the block, by (segment, source)."""
    writer = _output_writer(plan)
    writer_rows = plan.segments[writer].rows if writer is not None else -1
    return {
        (index, at): _edge(streams, segment, at, writer_rows, level=int(first))
        for index, segment in enumerate(plan.segments)
        for at, source in enumerate((*segment.sources, *segment.extra_sources))
        if source.producer == BLOCK_INPUT
    }


def _output_writer(plan: BlockPlan) -> int | None:
    names = [segment.output.name for segment in plan.segments]
    return names.index(plan.block.output) if plan.block.output in names else None


def _write_block(
    streams: Streams, plan: BlockPlan, carried: dict[tuple[int, int], Edge], mapped: list[Mapped]
) -> Stream | None:
    """Write a block's segments; return the stream that finishes the block's output."""
    reads: list[list[Edge | None]] = []
    writes: list[list[Edge]] = [[] for _ in plan.segments]
    for index, segment in enumerate(plan.segments):
        edges: list[Edge | None] = []
        for at, source in enumerate((*segment.sources, *segment.extra_sources)):
            edge = carried.get((index, at))
            if source.producer >= 0:
                edge = _edge(streams, segment, at, plan.segments[source.producer].rows)
                writes[source.producer].append(edge)
            edges.append(edge)
        reads.append(edges)
    writer = _output_writer(plan)
    if writer is not None and plan.block.repeat > 1:
        writes[writer].extend(carried.values())
    final = None
    for index, segment in enumerate(plan.segments):
        streams.tag = len(mapped)
        stream, tiling = _write_segment(streams, segment, reads[index], writes[index])
        mapped.append(Mapped(streams.tag, plan.block, segment, tiling))
        if index == writer or final is None:
            final = stream
    return final


def _write_segment(
    streams: Streams, segment: Segment, reads: Sequence[Edge | None], writes: Sequence[Edge]
) -> tuple[Stream, Nest | AttentionTiling | BankWork | None]:
    machine, tile_bytes = streams.machine, streams.tile_bytes
    check_operands(segment.operator, machine)
    if runs_in_memory(segment, machine):
        return write_pim_segment(streams, segment, reads, writes), None
    if isinstance(segment.operator, Attention):
        fused = tile_attention(segment, machine, tile_bytes)
        if fused is not None and machine.policy.attention != "split" and _prefers(fused, segment, streams):
            return write_attention_segment(streams, segment, fused, reads, writes), fused
        if machine.policy.attention == "fused" and machine.vector is not None:
            raise RunError(
                f"{machine.design.document.source}: mapping.attention = fused: no tile of "
                f"'{segment.operator.name}' fits the buffers"
            )
        return _write_split(streams, segment, reads, writes), None
    if isinstance(segment.operator, Gemm | Conv2d):
        nest = best_nest(product_of(segment, machine), segment.operator.name, machine, tile_bytes)
        return write_matrix_segment(streams, segment, nest, reads, writes), nest
    work = bank_work(streams, segment)
    if work is not None:
        return write_bank_segment(streams, segment, work, reads, writes), work
    return write_vector_segment(streams, segment, reads, writes), None


def _prefers(fused: AttentionTiling, segment: Segment, streams: Streams) -> bool:
    """Whether fused attention is expected to be at least as fast as split attention."""
    machine = streams.machine
    if machine.policy.attention == "fused":
        return True
    first, middle, last = split_attention(segment)
    # Scores are written, read, written as weights, and read again: split attention cannot beat that traffic.
    traffic = 4 * middle.output.bytes + sum(
        s.tensor.bytes for s in segment.sources if s.place is not Place.CHIP
    )
    if fused.estimate_ticks <= traffic * machine.memory.ticks_per_byte * (1 + TOLERANCE):
        return True
    products = [
        best_tiling(product_of(part, machine), part.operator.name, machine, streams.tile_bytes)
        for part in (first, last)
    ]
    rows, columns = vector_shape(middle.operator)
    passes = row_work(middle.operator, rows, columns).passes
    lanes = streams.vector_cycles([(operations, [round(elements * rows)]) for operations, elements in passes])
    softmax = max(2 * middle.output.bytes * machine.memory.ticks_per_byte, cycles_to_ticks(lanes[0]))
    return fused.estimate_ticks <= sum(found.estimate_ticks for found in products) + softmax


def _write_split(
    streams: Streams, segment: Segment, reads: Sequence[Edge | None], writes: Sequence[Edge]
) -> Stream:
    machine = streams.machine
    first, middle, last = split_attention(segment)
    scores = Edge(streams.builder.token(), middle.rows, first.rows)
    weights = Edge(streams.builder.token(), last.input_rows, middle.rows)
    nests = [
        best_nest(product_of(part, machine), part.operator.name, machine, streams.tile_bytes)
        for part in (first, last)
    ]
    write_matrix_segment(streams, first, nests[0], reads[:2], [replace(scores, writer_rows=-1)])
    write_vector_segment(streams, middle, [replace(scores, writer_rows=-1)], [replace(weights, writer_rows=-1)])
    return write_matrix_segment(streams, last, nests[1], [replace(weights, writer_rows=-1), reads[2]], writes)
