"""The numbers of a design that tilings and streams are made from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, partial
from typing import Any

import numpy as np

from accel_sim.config.errors import InputError
from accel_sim.config.units import format_si
from accel_sim.hardware.component import (
    ChannelModel,
    ComponentSpec,
    Int64Array,
    MatrixModel,
    MemoryModel,
    PimModel,
    VectorModel,
)
from accel_sim.hardware.design import Component, Design, MappingPolicy
from accel_sim.hardware.dram.energy import Booleans, Traffic, pattern_traffic
from accel_sim.hardware.dram.patterns import Channels, patterns
from accel_sim.hardware.parts import Part
from accel_sim.hardware.pim.device import PimDevice

# The unit of time: every duration is rounded up to 1/1024 cycle of the chip's clock. Cycles of that clock are
# exact; a transfer is off by less than a thousandth of a cycle.
TICKS_PER_CYCLE = 1024
# Bytes and ticks beyond this would leave int64 within a few operations.
LARGEST_AMOUNT = 2**61

Slowdown = Callable[[int, int, bool], float]
TrafficOf = Callable[[Int64Array, Int64Array, Int64Array, Booleans], Traffic]


@dataclass(frozen=True, slots=True)
class Channel:
    """A memory or link as the mapping sees it.

    Attributes:
        name: of the component.
        ticks_per_byte: service time of a byte.
        latency_ticks: from the end of service to arrival.
        quantum_ticks: service before another request has its turn.
        slowdown: of a transfer in pieces over a stream, from contiguous bytes of a piece, bytes from the start
            of one to that of the next (0 where they are at places that are not known), and whether it writes.
        block_ticks: service time of a transfer at command level, from its bytes and the same; None where a
            bandwidth stands for commands.
        traffic: what transfers ask in commands, by arrays of the same; None where bytes are charged.
    """

    name: str
    ticks_per_byte: float
    latency_ticks: int
    quantum_ticks: int
    slowdown: Slowdown | None = None
    block_ticks: Callable[[int, int, int, bool], int] | None = None
    traffic: TrafficOf | None = None

    def ticks(self, count: int, run: int, stride: int, write: bool) -> int:
        """Return the service time of a transfer of `count` bytes in pieces of `run` ones, `stride` apart."""
        if self.block_ticks is not None:
            return self.block_ticks(count, run, stride, write)
        slowdown = self.stretch(run, stride, write) if run < count else 1.0
        return math.ceil(count * self.ticks_per_byte * slowdown)

    def stretch(self, run: int, stride: int, write: bool) -> float:
        """Return the time of a transfer in pieces of `run` bytes, `stride` apart, over that of a stream."""
        return self.slowdown(run, stride, write) if self.slowdown is not None and run > 0 else 1.0


@dataclass(frozen=True, slots=True)
class UnitKey:
    """A matrix unit as a key of tables."""

    part: Part
    model: MatrixModel = field(compare=False)

    @property
    def spec(self) -> ComponentSpec:
        """Its parameters."""
        return self.part.spec


@dataclass(frozen=True, slots=True)
class LanesKey:
    """A vector unit as a key of tables."""

    part: Part
    model: VectorModel = field(compare=False)


@dataclass(frozen=True, slots=True)
class Pim:
    """A memory that computes.

    Attributes:
        device: as kernels see it.
        number_format: of what it multiplies.
        macs_per_tick: of all units.
    """

    device: PimDevice
    number_format: str
    macs_per_tick: float

    @property
    def attends(self) -> bool:
        """Whether the banks compute attention over a cache in them: one operand buffer feeds them all."""
        return self.device.protocol.pim.roles is not None


@dataclass(frozen=True, eq=False)
class Machine:
    """A design resolved for mapping. Capacities in bytes, energies in joules per byte.

    `memo` remembers tilings by shape while the machine lives.
    """

    design: Design
    matrix: Component | None
    vector: Component | None
    memory: Channel
    link: Channel | None
    tile_bytes: int
    accumulator_bytes: int
    scratchpad_read_bytes_per_cycle: int
    accumulator_bytes_per_cycle: int
    memory_j_per_byte: float
    scratchpad_j_per_byte: float
    pim: Pim | None = None
    memo: dict[Any, Any] = field(default_factory=dict, repr=False)

    @property
    def policy(self) -> MappingPolicy:
        """What the mapping may do."""
        return self.design.mapping

    @property
    def matrix_model(self) -> MatrixModel:
        """Functions of the matrix unit, which must exist."""
        assert self.matrix is not None
        assert isinstance(self.matrix.kind.model, MatrixModel)
        return self.matrix.kind.model

    @cached_property
    def matrix_key(self) -> UnitKey:
        """The matrix unit as a key of tables."""
        assert self.matrix is not None
        return UnitKey(self.matrix.part, self.matrix_model)

    @cached_property
    def lanes_key(self) -> LanesKey | None:
        """The vector unit as a key of tables, None where there is none."""
        return LanesKey(self.vector.part, self.vector_model) if self.vector is not None else None

    @cached_property
    def rates(self) -> np.ndarray:
        """float64[4]: ticks per byte of memory, its latency in ticks, joules per byte of it and of tiles."""
        memory = self.memory
        return np.array(
            [memory.ticks_per_byte, memory.latency_ticks, self.memory_j_per_byte, self.scratchpad_j_per_byte]
        )

    @property
    def ports(self) -> tuple[int, int]:
        """Bytes a cycle that the scratchpad gives, and that the accumulators take or give."""
        return self.scratchpad_read_bytes_per_cycle, self.accumulator_bytes_per_cycle

    @property
    def sum_bits(self) -> int:
        """Bits of a partial sum in the matrix unit."""
        assert self.matrix is not None
        return self.matrix_model.formats(self.matrix.spec)[2].bits

    @property
    def vector_model(self) -> VectorModel:
        """Functions of the vector unit, which must exist."""
        assert self.vector is not None
        assert isinstance(self.vector.kind.model, VectorModel)
        return self.vector.kind.model


def resolve(design: Design, *, commands: bool = False) -> Machine:
    """Return the machine of a design. Without a buffer for partial sums the scratchpad gives up a part.

    commands: price transfers to and from memory by the commands they take instead of by a bandwidth.

    Raises:
        InputError: a memory or link that is too slow to count its ticks, or one without commands that are
            asked for.
    """
    scratchpad = design.scratchpad.spec
    accumulator = design.accumulator.spec if design.accumulator else None
    capacity = _attribute(scratchpad, "capacity")
    sums = (
        _attribute(accumulator, "capacity") if accumulator else int(capacity * design.mapping.output_fraction)
    )
    # Arriving data is written through the scratchpad's write ports, so they bound every channel.
    slowest = TICKS_PER_CYCLE / _attribute(scratchpad, "write_bytes_per_cycle")
    costs, channels = design.costs, _channels(design)
    return Machine(
        design=design,
        matrix=design.matrix,
        vector=design.vector,
        memory=_memory(design, channels, slowest, commands),
        link=_channel(design, design.link, slowest) if design.link else None,
        tile_bytes=capacity if accumulator else capacity - sums,
        accumulator_bytes=sums,
        scratchpad_read_bytes_per_cycle=_attribute(scratchpad, "read_bytes_per_cycle"),
        accumulator_bytes_per_cycle=_attribute(accumulator or scratchpad, "write_bytes_per_cycle"),
        memory_j_per_byte=_streaming_j_per_byte(costs[design.memory.name].energy_j, channels),
        scratchpad_j_per_byte=_energy(costs[design.scratchpad.name].energy_j),
        pim=_pim(design),
    )


def _pim(design: Design) -> Pim | None:
    model, spec = design.memory.kind.model, design.memory.spec
    if not isinstance(model, PimModel):
        return None
    ((number_format, peak),) = model.peak_macs_per_s(spec).items()
    return Pim(model.device(spec), number_format, peak / (design.clock_hz * TICKS_PER_CYCLE))


def _attribute(spec: object, name: str) -> int:
    return int(getattr(spec, name))


def _energy(events: Mapping[str, float]) -> float:
    return events.get("read_bytes", 0.0)


def _streaming_j_per_byte(events: Mapping[str, float], channels: Channels | None) -> float:
    """Return the energy of reading a byte of many from the memory, whatever the fidelity."""
    if channels is None:
        return _energy(events)
    stream = patterns(channels.preset, False)[-1]
    burst_j = events.get("read_burst", 0.0) + events.get("burst_io", 0.0)
    return burst_j / stream.burst_bytes + stream.activate_j_per_byte * events.get("activate_pj", 0.0) * 1e12


def _channels(design: Design) -> Channels | None:
    """Return the channels that the command-level model takes, None where it does not apply."""
    model = design.memory.kind.model
    assert isinstance(model, MemoryModel)
    try:
        return model.channels(design.memory.spec) if model.channels else None
    except ValueError:
        return None


@lru_cache(maxsize=256)
def _slowdown(memory: Part) -> Slowdown:
    """Return the function of by how much a memory is slower in pieces than streaming, which remembers."""
    model = memory.kind.model
    assert isinstance(model, MemoryModel)
    return lru_cache(maxsize=4096)(partial(model.slowdown, memory.spec))


def _memory(design: Design, known: Channels | None, slowest_ticks_per_byte: float, commands: bool) -> Channel:
    """Return the memory's channel, with what its access patterns or its commands take."""
    component = design.memory
    model, spec = component.kind.model, component.spec
    assert isinstance(model, MemoryModel)
    channel = _channel(
        design,
        component,
        slowest_ticks_per_byte,
        slowdown=_slowdown(component.part),
        traffic=partial(pattern_traffic, known) if known else None,
    )
    if not commands or model.channels is None:
        return channel
    # Kernels of the command-level model are loaded where they are used.
    from accel_sim.mapping.memory_blocks import block_s, block_traffic

    try:
        channels = model.channels(spec)
    except ValueError as error:
        field = str(error).partition(" ")[0]
        place = design.document.place((component.name, field))
        raise InputError(f"{place}: {component.name}.{error} (fidelity 'cycle' simulates them)") from None
    ticks_per_s = design.clock_hz * TICKS_PER_CYCLE

    def block_ticks(count: int, run: int, stride: int, write: bool) -> int:
        ports = count * slowest_ticks_per_byte
        return math.ceil(max(block_s(channels, count, run, stride, write) * ticks_per_s, ports))

    return replace(channel, block_ticks=block_ticks, traffic=partial(block_traffic, channels))


def _channel(
    design: Design,
    component: Component,
    slowest_ticks_per_byte: float,
    slowdown: Slowdown | None = None,
    traffic: TrafficOf | None = None,
) -> Channel:
    model = component.kind.model
    assert isinstance(model, ChannelModel)
    ticks_per_s = design.clock_hz * TICKS_PER_CYCLE
    ticks_per_byte = max(ticks_per_s / model.bandwidth_bytes_per_s(component.spec), slowest_ticks_per_byte)
    latency_ticks = model.latency_s(component.spec) * ticks_per_s
    quantum_ticks = model.quantum_bytes(component.spec) * ticks_per_byte
    if max(latency_ticks, quantum_ticks) > LARGEST_AMOUNT:
        raise InputError(
            f"{design.document.place((component.name,))}: {component.name}: is too slow to count in cycles of "
            f"a clock of {format_si(design.clock_hz, 'Hz')}; change its bandwidth, its latency or the clock"
        )
    ticks = math.ceil(latency_ticks), math.ceil(quantum_ticks)
    return Channel(component.name, ticks_per_byte, *ticks, slowdown=slowdown, traffic=traffic)
