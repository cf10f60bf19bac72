"""Segments on a memory that computes: products with weights and attention over the cache, in the banks.

A kernel holds the memory's pipe, since channels compute or are accessed (blocked mode). The chip sends vectors
and takes results; softmax, epilogues and sums of what the banks leave apart run on its vector unit. A segment
takes and gives all its rows at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from accel_sim.config.errors import InputError
from accel_sim.engine.program import VARIANTS, Stream
from accel_sim.hardware.primitives import FUNCTIONS
from accel_sim.mapping.attention_tiling import visible_keys
from accel_sim.mapping.dependencies import Edge
from accel_sim.mapping.machine import TICKS_PER_CYCLE, Machine
from accel_sim.mapping.pim_attention import Attention as CacheKernel
from accel_sim.mapping.pim_attention import Step, attention_costs
from accel_sim.mapping.pim_cost import PimCost, gemv_cost, repeated, unfinished_sums
from accel_sim.mapping.pim_operands import in_banks
from accel_sim.mapping.plan import Place, Segment
from accel_sim.mapping.streams import Streams, VectorWork, Wait, cycles_to_ticks, vector_charges
from accel_sim.mapping.vector_work import row_work
from accel_sim.workload.operators import Attention, Elementwise, Gemm, KvAppend, Softmax
from accel_sim.workload.tensors import Residency


def runs_in_memory(segment: Segment, machine: Machine) -> bool:
    """Whether the segment is computed at the memory's banks: its large operand lies there."""
    return in_banks(segment.operator, machine)


def write_pim_segment(
    streams: Streams, segment: Segment, reads: Sequence[Edge | None], writes: Sequence[Edge]
) -> Stream:
    """Write the streams of a segment that runs in memory; return the one that finishes its output.

    Raises:
        InputError: several queries a sequence, or operands that do not fit the memory's rows.
    """
    op = segment.operator
    if isinstance(op, Attention):
        return _write_attention(streams, segment, reads, writes)
    if isinstance(op, KvAppend):
        return _write_append(streams, segment, reads, writes)
    assert isinstance(op, Gemm)
    inputs = _write_inputs(streams, segment, reads[: len(segment.sources)])
    cost, (partial_bytes, additions) = product_cost(op, streams.machine)
    # The vectors leave the chip's buffer, the results come to it: by themselves, or when they are read.
    results = 0 if partial_bytes else op.output.bytes
    moved = {"scratchpad_read_bytes": segment.sources[0].tensor.bytes, "scratchpad_write_bytes": results}
    done = write_kernel(streams, cost, op.batch * op.m * op.k * op.n, inputs, moved)
    stream = streams.matrix
    if partial_bytes:
        stream, done = write_fetch(streams, partial_bytes, done)
    sums = Sums(partial_bytes or op.output.format.bytes(op.output.elements + additions), additions)
    return _write_results(streams, segment, stream, done, reads[len(segment.sources) :], writes, sums)


@dataclass(frozen=True, slots=True)
class Sums:
    """Partial sums that the chip adds up: their bytes in its buffer, and how many additions that takes."""

    read_bytes: int = 0
    additions: int = 0


def product_cost(op: Gemm, machine: Machine) -> tuple[PimCost, tuple[int, int]]:
    """Return the price of a product with weights that lie in the banks, and what it leaves to the chip.

    That is (bytes of sums to read from the banks, additions); without a vector unit the host adds, unpriced.
    """
    assert machine.pim is not None
    device, stored = machine.pim.device, machine.pim.number_format
    cost = gemv_cost(device, op.n, op.k, op.m, stored)
    partial_bytes, additions = unfinished_sums(device, cost, op.n, op.k, op.m, stored)
    return repeated(cost, op.batch), (partial_bytes * op.batch, additions * op.batch)


def cache_costs(op: Attention, machine: Machine) -> dict[Step, PimCost]:
    """Return the prices of the steps of an attention, all sequences together, one query each.

    Raises:
        InputError: more than one query a sequence.
    """
    assert machine.pim is not None
    if op.query_length != 1:
        raise InputError(
            f"{machine.design.document.source}: {machine.memory.name} computes attention for one new token of "
            f"a sequence at a time, and '{op.name}' has {op.query_length}; use --phase decode, or a prompt of 1"
        )
    kernel = CacheKernel(op.heads, op.kv_heads, op.head_dim, visible_keys(op))
    costs = attention_costs(machine.pim.device, kernel, machine.pim.number_format)
    return {name: repeated(cost, op.batch) for name, cost in costs.items()}


def bus_bytes(cost: PimCost, machine: Machine) -> int:
    """Return the bytes of operands and results that a kernel moves over the channels."""
    assert machine.pim is not None
    protocol = machine.pim.device.protocol
    if protocol.modes is not None:
        # In all-bank mode, what is read and written of data rows stays between banks and units.
        banks = machine.pim.device.banks // len(protocol.modes.addressable)
        moved = cost.commands.get("RD", 0) + cost.commands.get("WR", 0) - cost.accesses // banks
        return moved * protocol.structure.host_bytes
    moving = {"RD", "WR"}
    if protocol.pim.roles is not None and not protocol.pim.roles.load_row:
        moving |= {protocol.pim.roles.load}
    if protocol.pim.roles is not None and protocol.pim.roles.drain:
        moving |= {protocol.pim.roles.drain}
    return sum(cost.commands.get(name, 0) for name in moving) * protocol.structure.host_bytes


def kernel_ticks(cost: PimCost, machine: Machine) -> int:
    """Return for how long a kernel holds the memory, in ticks of the chip."""
    ticks = cost.latency_s * machine.design.clock_hz * TICKS_PER_CYCLE
    whole = round(ticks)
    # What the product of floats is off by is no tick.
    return whole if math.isclose(ticks, whole, rel_tol=1e-12) else math.ceil(ticks)


def write_kernel(
    streams: Streams, cost: PimCost, macs: int, waits: Sequence[Wait], moved: dict[str, int]
) -> int:
    """Append a kernel to the matrix stream; return the token of its results.

    macs: products that exist. moved: bytes that cross the chip's buffer, by event.
    """
    machine, done = streams.machine, streams.builder.token()
    streams.task(
        streams.matrix,
        streams.memory_pipe,
        kernel_ticks(cost, machine),
        {
            "executed_macs": macs,
            "pe_cycles": max(macs, cost.lane_macs),
            "pim_energy_fj": round(cost.energy_j * 1e15),
            "pim_bus_bytes": bus_bytes(cost, machine),
            "pim_activations": cost.activations,
            "pim_accesses": cost.accesses,
            "pim_row_hits": cost.row_hits,
            **moved,
        },
        result=machine.memory.latency_ticks,
        waits=waits,
        posts=[(done, 1)],
        mark=True,
    )
    return done


def _write_inputs(streams: Streams, segment: Segment, reads: Sequence[Edge | None]) -> list[Wait]:
    """Load the inputs that are off chip and not in the banks; return what a kernel waits for."""
    waits: list[Wait] = []
    for source, edge in zip(segment.sources, reads, strict=True):
        ready: list[Wait] = [(edge.token, edge.rows)] if edge else []
        if source.place is Place.CHIP or source.tensor.residency is Residency.KV_CACHE:
            waits += ready
            continue
        arrived = streams.builder.token()
        streams.transfer(streams.load, source.place, source.tensor.bytes, waits=ready, posts=[(arrived, 1)])
        waits.append((arrived, 1))
    return waits


def write_fetch(streams: Streams, size_bytes: int, done: int) -> tuple[Stream, int]:
    """Read what a kernel left in the banks; return the stream and the token of its arrival."""
    arrived = streams.builder.token()
    streams.transfer(streams.load, Place.MEMORY, size_bytes, waits=[(done, 1)], posts=[(arrived, 1)], mark=True)
    return streams.load, arrived


def _write_vector(streams: Streams, work: VectorWork, waits: Sequence[Wait], moved: dict[str, int]) -> int:
    done = streams.builder.token()
    ticks = [cycles_to_ticks(cycles) for cycles in streams.vector_cycles(work)]
    streams.task(
        streams.vector,
        streams.vector_unit,
        ticks,
        {**vector_charges(work), **moved},
        waits=waits,
        posts=[(done, 1)],
        mark=True,
    )
    return done


def _write_results(
    streams: Streams,
    segment: Segment,
    stream: Stream,
    done: int,
    extras: Sequence[Edge | None],
    writes: Sequence[Edge],
    sums: Sums = Sums(),
) -> Stream:
    """Add up partial sums, run the epilogue, store results that leave the chip, give their rows."""
    elements = segment.operator.output.elements
    work: list[tuple[dict[str, float], list[int]]] = []
    for follower in segment.epilogue:
        assert isinstance(follower, Elementwise)
        work.append((dict(FUNCTIONS[follower.function]), [min(elements, follower.elements)] * VARIANTS))
    if len(segment.operator.weights) > 1:
        work.insert(0, (dict(FUNCTIONS["add"]), [elements] * VARIANTS))
    if sums.additions:
        work.insert(0, (dict(FUNCTIONS["add"]), [sums.additions] * VARIANTS))
    if work and streams.machine.vector is not None:
        stream = streams.vector
        waits: list[Wait] = [(done, 1), *((edge.token, edge.rows) for edge in extras if edge)]
        moved = sum(source.tensor.bytes for source in segment.extra_sources)
        moved += sums.read_bytes if sums.additions else segment.operator.output.bytes
        both = {"scratchpad_read_bytes": moved, "scratchpad_write_bytes": segment.output.bytes}
        done = _write_vector(streams, work, waits, both)
    if segment.place is not Place.CHIP:
        stream = streams.store
        stored = streams.builder.token()
        streams.transfer(
            stream,
            segment.place,
            segment.output.bytes,
            write=True,
            waits=[(done, 1)],
            posts=[(stored, 1)],
            mark=True,
        )
        done = stored
    streams.sync(stream, waits=[(done, 1)], posts=[(edge.token, edge.rows) for edge in writes])
    return stream


def _write_attention(
    streams: Streams, segment: Segment, reads: Sequence[Edge | None], writes: Sequence[Edge]
) -> Stream:
    op = segment.operator
    assert isinstance(op, Attention)
    costs = cache_costs(op, streams.machine)
    keys = visible_keys(op)
    macs = op.batch * op.heads * op.head_dim * keys
    inputs = _write_inputs(streams, segment, reads)
    element = op.output.bytes // op.output.elements
    scores = op.batch * op.heads * keys * element
    query = segment.sources[0].tensor.bytes
    # The layout of the cache decides what appending costs: a key is in one row, a value over many.
    entry = {"scratchpad_read_bytes": op.batch * op.kv_heads * op.head_dim * element}
    keyed = write_kernel(streams, costs["append_keys"], 0, inputs, entry)
    moved = {"scratchpad_read_bytes": query, "scratchpad_write_bytes": scores}
    scored = write_kernel(streams, costs["score"], macs, [(keyed, 1)], moved)
    # Values are written while the chip computes the weights.
    valued = write_kernel(streams, costs["append_values"], 0, (), entry)
    rows = op.batch * op.heads
    softmax = row_work(Softmax(op.name, rows, keys, (), op.output), rows, keys)
    work = [(operations, [round(elements * rows)] * VARIANTS) for operations, elements in softmax.passes]
    if op.softcap:
        work.insert(0, (FUNCTIONS["softcap"], [rows * keys] * VARIANTS))
    passes = max(1, len(work) - 1)
    weighted = _write_vector(
        streams,
        work,
        [(scored, 1)],
        {"scratchpad_read_bytes": scores * passes, "scratchpad_write_bytes": scores},
    )
    moved = {"scratchpad_read_bytes": scores, "scratchpad_write_bytes": op.output.bytes}
    done = write_kernel(streams, costs["context"], macs, [(valued, 1), (weighted, 1)], moved)
    return _write_results(streams, segment, streams.matrix, done, (), writes)


def _write_append(
    streams: Streams, segment: Segment, reads: Sequence[Edge | None], writes: Sequence[Edge]
) -> Stream:
    """Pass new keys and values on: the attention that reads them writes them to the banks first."""
    waits = _write_inputs(streams, segment, reads)
    streams.sync(streams.matrix, waits=waits, posts=[(edge.token, edge.rows) for edge in writes])
    return streams.matrix
