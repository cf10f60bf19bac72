"""The streams and shared tokens that all segments of a program are written to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import repeat
from typing import Any

import numpy as np

from accel_sim.engine.program import NO_LOOPS, VARIANTS, Amount, ProgramBuilder, Stream
from accel_sim.hardware.events import EVENT_INDEX
from accel_sim.mapping.machine import TICKS_PER_CYCLE, Channel, LanesKey, Machine
from accel_sim.mapping.plan import Place

# Events of a memory's commands: bursts read and written, rows opened, rows kept open.
BURSTS = (EVENT_INDEX["memory_read_bursts"], EVENT_INDEX["memory_write_bursts"])
ACTIVATE, OPEN = EVENT_INDEX["memory_activate_pj"], EVENT_INDEX["memory_open_pj"]

Wait = tuple[int, Amount]
Charges = Mapping[str, Amount]
# Operations on each element, and how many elements in each variant; the entries are done one after the other.
VectorWork = Sequence[tuple[Mapping[str, float], Sequence[int]]]


@dataclass
class Streams:
    """One chip's streams: loads, matrix unit, vector unit, stores, each in program order.

    Tile space in the scratchpad and space for partial sums are credits in bytes; loads take the former, the
    matrix stream takes the latter, whoever reads last gives them back.

    Attributes:
        builder: collects the program.
        tile_bytes: scratchpad bytes that tiles may take, activations kept on chip being set aside.
        tag: number of the segment being written.
        bank_rows: rows of each bank of a memory that computes that weights and cache leave free.
        bank_layouts: how tensors lie that kernels left in the banks, by name.
        charges: (task, tag, counter) of every event counted.
        charged: how many of each there are in an execution, by variant, one after the other.
        transfers: (task, tag, whether it writes, bytes, contiguous bytes, stride) of every use of the memory,
            bytes and contiguous bytes by variant.
    """

    machine: Machine
    tile_bytes: int
    builder: ProgramBuilder = field(default_factory=ProgramBuilder)
    tag: int = 0
    bank_rows: int = 0
    bank_layouts: dict[str, str] = field(default_factory=dict)
    charges: list[tuple[int, int, int]] = field(default_factory=list)
    charged: list[int] = field(default_factory=list)
    transfers: list[tuple[int, int, bool, Sequence[int], Sequence[int], int]] = field(default_factory=list)
    _service: dict[tuple[Place, bool, int, int, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        b, machine = self.builder, self.machine
        self.load = b.stream("load")
        self.matrix = b.stream("matrix")
        self.vector = b.stream("vector")
        self.store = b.stream("store")
        self.memory_pipe = b.pipe(machine.memory.name, machine.memory.quantum_ticks)
        self.link_pipe = b.pipe(machine.link.name, machine.link.quantum_ticks) if machine.link else -1
        self.matrix_unit = b.unit(machine.matrix.name) if machine.matrix else -1
        self.vector_unit = b.unit(machine.vector.name) if machine.vector else -1
        self.tile_space = b.token(self.tile_bytes)
        self.sum_space = b.token(machine.accumulator_bytes)

    @property
    def all(self) -> tuple[Stream, ...]:
        """The streams, in priority order."""
        return (self.load, self.matrix, self.vector, self.store)

    def channel(self, place: Place) -> tuple[int, Channel]:
        """Return the pipe and its rates for a tensor that is off chip."""
        if place is Place.LINK:
            assert self.machine.link is not None
            return self.link_pipe, self.machine.link
        return self.memory_pipe, self.machine.memory

    def task(
        self,
        stream: Stream,
        resource: int,
        ticks: Amount,
        charges: Charges,
        *,
        result: Amount = 0,
        **details: Any,
    ) -> int:
        """Append a task of the present segment with the events it is charged."""
        number = self.builder.task(stream, resource, ticks, result, tag=self.tag, **details)
        for name, amount in charges.items():
            self.charges.append((number, self.tag, EVENT_INDEX[name]))
            self.charged += (amount,) * VARIANTS if isinstance(amount, int) else amount
        return number

    def sync(
        self, stream: Stream, waits: Sequence[Wait] = (), posts: Sequence[Wait] = (), **details: Any
    ) -> None:
        """Append a task that only moves tokens, if there are any."""
        if waits or posts:
            self.builder.task(stream, waits=waits, posts=posts, tag=self.tag, **details)

    def transfer(
        self,
        stream: Stream,
        place: Place,
        count: Amount,
        *,
        write: bool = False,
        run: Amount | None = None,
        stride: int = 0,
        waits: Sequence[Wait] = (),
        posts: Sequence[Wait] = (),
        loops: tuple[int, int, int] = NO_LOOPS,
        mark: bool = False,
    ) -> int:
        """Append a transfer of `count` bytes between scratchpad and memory or link.

        run: bytes that follow one another in memory before the next address; None where all of them do.
        stride: bytes from the start of one such piece to that of the next; 0 where they lie at places that are
            not known, which then are random ones.
        """
        pipe, channel = self.channel(place)
        side = "scratchpad_read_bytes" if write else "scratchpad_write_bytes"
        if place is Place.LINK:
            outside = "link_bytes"
        else:
            outside = "memory_write_bytes" if write else "memory_read_bytes"
        number = self.task(
            stream,
            pipe,
            self._service_ticks(place, write, count, count if run is None else run, stride),
            {outside: count, side: count},
            result=channel.latency_ticks,
            waits=waits,
            posts=posts,
            loops=loops,
            mark=mark,
        )
        if place is not Place.LINK:
            counts = _variants(count)
            runs = counts if run is None else _variants(run)
            self.transfers.append((number, self.tag, write, counts, runs, stride))
        return number

    def charge_commands(self) -> None:
        """Charge all transfers to and from a memory the commands that they take, if those have prices."""
        if self.machine.memory.traffic is None or not self.transfers:
            return
        tasks, tags, writes, counts, runs, strides = zip(*self.transfers, strict=True)
        asked = self.machine.memory.traffic(
            np.array(counts).ravel(),
            np.array(runs).ravel(),
            np.repeat(strides, VARIANTS),
            np.repeat(writes, VARIANTS),
        )
        self.charges += zip(tasks, tags, (BURSTS[write] for write in writes), strict=True)
        self.charged += asked.bursts.tolist()
        for event, joules in ((ACTIVATE, asked.activate_j), (OPEN, asked.open_j)):
            if joules.any():
                self.charges += zip(tasks, tags, repeat(event, len(tasks)), strict=True)
                self.charged += np.rint(joules * 1e12).astype(np.int64).tolist()

    def _service_ticks(self, place: Place, write: bool, count: Amount, run: Amount, stride: int) -> Amount:
        """Return for how long a transfer holds its channel, by variant unless they are alike."""
        if isinstance(count, int) and isinstance(run, int):
            return self._one_service(place, write, count, run, stride)
        pairs = zip(_variants(count), _variants(run), strict=True)
        return [self._one_service(place, write, c, r, stride) for c, r in pairs]

    def _one_service(self, place: Place, write: bool, count: int, run: int, stride: int) -> int:
        key = (place, write, count, run, stride)
        ticks = self._service.get(key)
        if ticks is None:
            ticks = self._service[key] = self.channel(place)[1].ticks(count, run, stride, write)
        return ticks

    def vector_ticks(self, work: VectorWork) -> list[int]:
        """Return the vector unit's time for work done one after the other, in each variant."""
        return [cycles_to_ticks(cycles) for cycles in self.vector_cycles(work)]

    def vector_cycles(self, work: VectorWork) -> list[int]:
        """Return the vector unit's cycles for work done one after the other, in each variant."""
        return lane_cycles(self.machine.lanes_key, work)


def lane_cycles(lanes: LanesKey | None, work: VectorWork) -> list[int]:
    """Return a vector unit's cycles for work done one after the other, in each variant; none without a unit."""
    if lanes is None or not work:
        return [0] * VARIANTS
    return list(_lane_cycles(lanes, _frozen(work)))


def vector_charges(work: VectorWork) -> dict[str, Sequence[int]]:
    """Return the events of vector work, in each variant."""
    return dict(_vector_charges(_frozen(work)))


FrozenWork = tuple[tuple[tuple[tuple[str, float], ...], tuple[int, ...]], ...]


def _frozen(work: VectorWork) -> FrozenWork:
    """Return vector work as a key."""
    return tuple((tuple(operations.items()), tuple(counts)) for operations, counts in work)


@lru_cache(maxsize=4096)
def _lane_cycles(lanes: LanesKey, work: FrozenWork) -> tuple[int, ...]:
    # Variants that are alike are priced once.
    variants = list(zip(*(counts for _, counts in work), strict=True))
    distinct = list(dict.fromkeys(variants))
    totals = np.zeros(len(distinct), dtype=np.int64)
    for (operations, _), counts in zip(work, zip(*distinct, strict=True), strict=True):
        if operations:
            totals += lanes.model.cycles(lanes.part.spec, dict(operations), np.array(counts))
    cycles = dict(zip(distinct, totals.tolist(), strict=True))
    return tuple(cycles[variant] for variant in variants)


@lru_cache(maxsize=4096)
def _vector_charges(work: FrozenWork) -> tuple[tuple[str, tuple[int, ...]], ...]:
    charges: dict[str, tuple[int, ...]] = {}
    for operations, counts in work:
        for name, per_element in operations:
            events = tuple(round(per_element * count) for count in counts)
            known = charges.get(f"vector_{name}")
            total = tuple(a + b for a, b in zip(known, events, strict=True)) if known else events
            charges[f"vector_{name}"] = total
    return tuple(charges.items())


def cycles_to_ticks(cycles: int) -> int:
    """Return a duration on the chip's clock in ticks."""
    return cycles * TICKS_PER_CYCLE


def _variants(amount: Amount) -> Sequence[int]:
    return (amount,) * VARIANTS if isinstance(amount, int) else amount
