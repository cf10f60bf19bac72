"""Elementwise operators and sums in the banks, as tasks: whether they run there, and what they wait for.

Operands on the chip, or laid out otherwise, are written to the banks first; results stay there if they belong
in memory. All follows one after the other, so that the time of a segment by itself is known before it runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accel_sim.config.errors import InputError
from accel_sim.engine.program import VARIANTS, Stream
from accel_sim.hardware.primitives import FUNCTIONS
from accel_sim.mapping.dependencies import Edge
from accel_sim.mapping.pim_segment import kernel_ticks, write_fetch, write_kernel
from accel_sim.mapping.pim_vector import (
    BankWork,
    always_in_banks,
    bank_works,
    carried_layout,
    has_kernel,
    least_rows,
)
from accel_sim.mapping.plan import BLOCK_INPUT, Place, Segment, Source
from accel_sim.mapping.streams import Streams, VectorWork, Wait, vector_charges
from accel_sim.mapping.vector_segment import vector_ticks
from accel_sim.workload.tensors import Residency


@dataclass(frozen=True, slots=True)
class _Move:
    """An operand that has to be written to the banks: of which source, and from where."""

    source: int
    place: Place


def bank_work(streams: Streams, segment: Segment) -> BankWork | None:
    """Return how the banks compute a segment, None where the chip does: by the design, or if it is faster.

    Raises:
        InputError: operands that do not fit the banks of a design whose chip cannot or may not compute them.
    """
    op, machine = segment.operator, streams.machine
    if segment.epilogue or not has_kernel(op, machine):
        return None
    assert machine.pim is not None
    must = always_in_banks(op, machine)
    device = machine.pim.device
    rows = least_rows(op, machine)
    if rows > streams.bank_rows and must:
        where = f"{machine.design.document.place((machine.memory.name,))}: {machine.memory.name}"
        raise InputError(
            f"{where}: '{op.name}' takes {rows} rows of each bank: {device.name} with {device.channels} "
            f"channels has {streams.bank_rows} left beside weights and cache"
        )
    works = bank_works(op, machine, streams.bank_rows)
    if not works:
        return None
    best = min(works, key=lambda work: bank_ticks(streams, segment, work))
    if must or bank_ticks(streams, segment, best) < vector_ticks(streams, segment):
        return best
    return None


def bank_ticks(streams: Streams, segment: Segment, work: BankWork) -> int:
    """Return the time of a segment in the banks by itself: transfers and kernel, one after the other."""
    machine = streams.machine
    latency = machine.memory.latency_ticks
    moves = _moves(streams, segment, work)
    ticks = kernel_ticks(work.cost, machine) + latency
    for move in moves:
        ticks += _ticks(streams, Place.MEMORY, segment.sources[move.source].tensor.bytes, write=True)
    ticks += latency if moves else 0
    fetched = [
        _ticks(streams, move.place, segment.sources[move.source].tensor.bytes)
        + streams.channel(move.place)[1].latency_ticks
        for move in moves
        if move.place is not Place.CHIP
    ]
    ticks += sum(fetched)
    if work.partial_bytes:
        ticks += _ticks(streams, Place.MEMORY, work.partial_bytes) + latency
    if work.additions:
        ticks += streams.vector_ticks(_additions(work))[0]
    if work.leaves is None and segment.place is not Place.CHIP:
        channel = streams.channel(segment.place)[1]
        ticks += channel.ticks(segment.output.bytes, segment.output.bytes, 0, True) + channel.latency_ticks
    elif work.leaves is not None and segment.place is not Place.MEMORY:
        ticks += _ticks(streams, Place.MEMORY, segment.output.bytes) + latency
        if segment.place is Place.LINK:
            channel = streams.channel(Place.LINK)[1]
            ticks += channel.ticks(segment.output.bytes, segment.output.bytes, 0, True) + channel.latency_ticks
    return ticks


def write_bank_segment(
    streams: Streams, segment: Segment, work: BankWork, reads: Sequence[Edge | None], writes: Sequence[Edge]
) -> Stream:
    """Write the streams of a segment that runs in the banks; return the one that finishes its output."""
    waits = _write_operands(streams, segment, work, reads)
    sums = 0 if work.leaves or work.partial_bytes else segment.output.bytes
    done = write_kernel(streams, work.cost, 0, waits, {"scratchpad_write_bytes": sums})
    stream = streams.matrix
    if work.leaves is None:
        stream, done = _finish_sums(streams, segment, work, done)
        if segment.place is not Place.CHIP:
            stream, done = _store(streams, segment, segment.place, done)
    else:
        if segment.place is not Place.MEMORY:
            stream, done = write_fetch(streams, segment.output.bytes, done)
        else:
            streams.bank_layouts[segment.output.name] = work.leaves
        if segment.place is Place.LINK:
            stream, done = _store(streams, segment, Place.LINK, done)
    streams.sync(stream, waits=[(done, 1)], posts=[(edge.token, edge.rows) for edge in writes])
    return stream


def _moves(streams: Streams, segment: Segment, work: BankWork) -> list[_Move]:
    """Return the operands that are not where or how the kernel reads them, in order."""
    moves, seen = [], set()
    for index, source in enumerate(segment.sources):
        copied = source.tensor.name in seen
        seen.add(source.tensor.name)
        if copied and work.needs != "paired":
            continue
        if source.place is not Place.MEMORY:
            moves.append(_Move(index, source.place))
        elif copied or _layout(streams, source) not in (None, work.needs):
            moves.append(_Move(index, Place.MEMORY))
    return moves


def _layout(streams: Streams, source: Source) -> str | None:
    """Return how an operand in memory lies; None for as the kernel wants it."""
    if source.tensor.residency is not Residency.ACTIVATION:
        return None
    if source.producer == BLOCK_INPUT:
        return carried_layout(streams.machine)
    return streams.bank_layouts.get(source.tensor.name)


def _write_operands(
    streams: Streams, segment: Segment, work: BankWork, reads: Sequence[Edge | None]
) -> list[Wait]:
    moved = {move.source: move.place for move in _moves(streams, segment, work)}
    waits: list[Wait] = []
    for index, (source, edge) in enumerate(zip(segment.sources, reads, strict=True)):
        ready: list[Wait] = [(edge.token, edge.rows)] if edge else []
        place = moved.get(index)
        if place is None:
            waits += ready
            continue
        size = source.tensor.bytes
        if place is not Place.CHIP:
            fetched = streams.builder.token()
            streams.transfer(streams.load, place, size, waits=ready, posts=[(fetched, 1)])
            ready = [(fetched, 1)]
        there = streams.builder.token()
        streams.transfer(streams.store, Place.MEMORY, size, write=True, waits=ready, posts=[(there, 1)])
        waits.append((there, 1))
    return waits


def _finish_sums(streams: Streams, segment: Segment, work: BankWork, done: int) -> tuple[Stream, int]:
    """Add up on the chip what the banks leave apart; return the stream and the token of the result."""
    stream = streams.matrix
    if work.partial_bytes:
        stream, done = write_fetch(streams, work.partial_bytes, done)
    if not work.additions:
        return stream, done
    summed = streams.builder.token()
    additions = _additions(work)
    read = work.partial_bytes or segment.output.format.bytes(work.additions + segment.output.elements)
    streams.task(
        streams.vector,
        streams.vector_unit,
        streams.vector_ticks(additions),
        {
            **vector_charges(additions),
            "scratchpad_read_bytes": read,
            "scratchpad_write_bytes": segment.output.bytes,
        },
        waits=[(done, 1)],
        posts=[(summed, 1)],
        mark=True,
    )
    return streams.vector, summed


def _store(streams: Streams, segment: Segment, place: Place, done: int) -> tuple[Stream, int]:
    stored = streams.builder.token()
    size = segment.output.bytes
    streams.transfer(streams.store, place, size, write=True, waits=[(done, 1)], posts=[(stored, 1)], mark=True)
    return streams.store, stored


def _additions(work: BankWork) -> VectorWork:
    return [(FUNCTIONS["add"], [work.additions] * VARIANTS)]


def _ticks(streams: Streams, place: Place, size: int, *, write: bool = False) -> int:
    return streams.channel(place)[1].ticks(size, size, 0, write)
