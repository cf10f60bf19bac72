"""What a component kind is: a spec that holds parameters, and a model of functions on it.

A kind registers itself with `@component(name, model)`. The model's type says what the kind can do for a
mapping, and its functions price whole arrays of candidate tiles in one call, so that no Python object exists
for a tile. A kind from outside this package is found through the entry point group `accel_sim.components`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from accel_sim.config.errors import did_you_mean
from accel_sim.technology.cost import Certainty
from accel_sim.workload.formats import NumberFormat
from accel_sim.workload.operators import Operator

if TYPE_CHECKING:
    from accel_sim.hardware.dram.patterns import Channels
    from accel_sim.hardware.pim.device import PimDevice

Int64Array = NDArray[np.int64]
Float64Array = NDArray[np.float64]
ENTRY_POINTS = "accel_sim.components"


class ComponentSpec(BaseModel):
    """Base of every component's parameters: immutable, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    type: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a component needs to know of the chip it is on.

    Attributes:
        node_nm: technology node of the logic.
        voltage_v: supply, or None for the node's nominal one.
        clock_hz: the chip's clock.
    """

    node_nm: float
    voltage_v: float | None
    clock_hz: float


@dataclass(frozen=True, slots=True)
class ComponentCost:
    """What a component charges.

    Attributes:
        energy_j: dynamic energy of one event, by event name (`macs`, `read_bytes`, `exp`, ...).
        area_mm2: area of each part on the chip's die; parts outside the die are not listed.
        leakage_w: power that flows whether it works or not.
        sources: where the figures come from, `assumed` included.
        certainty: of the least certain of the figures, as in `technology.Cost`.
        notes: where the figures leave the range of their sources, in words.
        leakage_parts_w: what `leakage_w` is made of, by name; empty where it is of one kind.
    """

    energy_j: Mapping[str, float]
    area_mm2: Mapping[str, float] = field(default_factory=dict)
    leakage_w: float = 0.0
    sources: tuple[str, ...] = ()
    certainty: Certainty = "assumed"
    notes: tuple[str, ...] = ()
    leakage_parts_w: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GemmTiles:
    """Candidate tiles of a batched GEMM: `g` products of m x k and k x n each. int64[t] arrays."""

    g: Int64Array
    m: Int64Array
    n: Int64Array
    k: Int64Array


@dataclass(frozen=True, slots=True)
class GemmPrice:
    """What candidate tiles cost on a matrix unit; int64[t] arrays.

    Attributes:
        interval: cycles from the start of a tile until the unit can take the next one.
        result: cycles from the start of a tile until its last result can be read.
        a_reads, b_reads: operand words read from the buffer (left, right operand).
        partial_reads, partial_writes: words of partial sums and results read from and written to the
            accumulators.
    """

    interval: Int64Array
    result: Int64Array
    a_reads: Int64Array
    b_reads: Int64Array
    partial_reads: Int64Array
    partial_writes: Int64Array


@dataclass(frozen=True, slots=True)
class MatrixModel:
    """A unit that multiplies matrices.

    Attributes:
        price: cycles and accesses of candidate tiles.
        granule: (m, n, k) sizes in whose multiples a tile fills the unit.
        peak_macs_per_cycle: multiply-accumulates it can finish in a cycle.
        refuses: why it cannot take operands of these formats (left, right), or None.
        formats: (left, right, accumulator) formats its own arithmetic has.
        cost: energy by event (`macs`), area, leakage.
        scales: field of the spec by which a chip has more of the unit, such as `count`; None if it has none.
    """

    price: Callable[[Any, GemmTiles], GemmPrice]
    granule: Callable[[Any], tuple[int, int, int]]
    peak_macs_per_cycle: Callable[[Any], float]
    refuses: Callable[[Any, NumberFormat, NumberFormat], str | None]
    formats: Callable[[Any], tuple[NumberFormat, NumberFormat, NumberFormat]]
    cost: Callable[[Any, Surroundings], ComponentCost]
    scales: str | None = None


@dataclass(frozen=True, slots=True)
class VectorModel:
    """A unit of lanes that computes element by element.

    Attributes:
        cycles: cycles of `elements` (int64[t]) results that take the given primitive operations each.
        least_cycles: lower bound on the cycles of so many operations of each primitive.
        cost: energy by event (one for each of PRIMITIVES), area, leakage.
    """

    cycles: Callable[[Any, Mapping[str, float], Int64Array], Int64Array]
    least_cycles: Callable[[Any, Mapping[str, float]], float]
    cost: Callable[[Any, Surroundings], ComponentCost]


@dataclass(frozen=True, slots=True)
class BufferModel:
    """An on-chip memory; its spec has `capacity`, `holds`, `read_bytes_per_cycle`, `write_bytes_per_cycle`."""

    cost: Callable[[Any, Surroundings], ComponentCost]


@dataclass(frozen=True, slots=True)
class ChannelModel:
    """A memory or link behind a bandwidth.

    Attributes:
        bandwidth_bytes_per_s: that it sustains.
        latency_s: from the end of a transfer's service to its arrival.
        quantum_bytes: what it moves before it turns to another request.
        cost: energy by event (`read_bytes`, `write_bytes`), area on the die, leakage.
    """

    bandwidth_bytes_per_s: Callable[[Any], float]
    latency_s: Callable[[Any], float]
    quantum_bytes: Callable[[Any], int]
    cost: Callable[[Any, Surroundings], ComponentCost]


def _as_fast_as_streaming(spec: Any, run: int, stride: int, write: bool) -> float:
    return 1.0


@dataclass(frozen=True, slots=True)
class MemoryModel(ChannelModel):
    """Off-chip memory that holds weights, KV cache and what does not fit on chip.

    Attributes:
        slowdown: by how much a transfer in pieces of so many contiguous bytes, so many from start to start (0:
            at places that are not known), reading or writing, is slower than one that streams; at least 1.
        channels: what the command-level model simulates; where it cannot, raises a ValueError that begins with
            the field to change. None for a kind without commands.
    """

    slowdown: Callable[[Any, int, int, bool], float] = _as_fast_as_streaming
    channels: Callable[[Any], Channels] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PimModel(MemoryModel):
    """Off-chip memory whose banks multiply matrices that lie in them with vectors from the chip.

    Attributes:
        device: the memory as kernels see it.
        peak_macs_per_s: multiply-accumulates per second with all units busy, by number format.
    """

    device: Callable[[Any], PimDevice]
    peak_macs_per_s: Callable[[Any], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class LinkModel(ChannelModel):
    """A link to the host, over which the model's inputs and outputs pass."""


@dataclass(frozen=True, slots=True)
class OperatorPrices:
    """What operators cost on a whole machine, each executed once and alone; float64[o] arrays.

    Attributes:
        executed_macs: multiply-accumulates performed, those a mask throws away included.
        read_bytes, write_bytes: traffic to its memory.
        kernels: programs launched.
        compute_s, memory_s: time of the arithmetic and of the traffic, which overlap.
        overhead_s: time beside them in which neither goes on.
    """

    executed_macs: Float64Array
    read_bytes: Float64Array
    write_bytes: Float64Array
    kernels: Float64Array
    compute_s: Float64Array
    memory_s: Float64Array
    overhead_s: Float64Array

    @property
    def busy_s(self) -> Float64Array:
        """Time in which the machine computes or moves data."""
        return np.maximum(self.compute_s, self.memory_s)

    @property
    def latency_s(self) -> Float64Array:
        """Time from the start of an operator to the start of the next."""
        return self.busy_s + self.overhead_s


@dataclass(frozen=True, slots=True)
class MachineModel:
    """A whole machine, units and memory, known by its bounds: it runs operator after operator, unmapped.

    Its spec has `capacity`, the bytes of its memory.

    Attributes:
        price: cost of operators; ValueError for one that it cannot compute.
        peak_macs_per_s: multiply-accumulates per second by number format.
        operand_peak_macs_per_s: the same for operands of two formats; None where it cannot compute them.
        bandwidth_bytes_per_s: that its memory sustains.
        cost: energy of a second in which it works (`busy_s`), power that flows even if not (as leakage).
    """

    price: Callable[[Any, Sequence[Operator]], OperatorPrices]
    peak_macs_per_s: Callable[[Any], Mapping[str, float]]
    operand_peak_macs_per_s: Callable[[Any, NumberFormat, NumberFormat], float | None]
    bandwidth_bytes_per_s: Callable[[Any], float]
    cost: Callable[[Any, Surroundings], ComponentCost]


Model = MatrixModel | VectorModel | BufferModel | MemoryModel | LinkModel | MachineModel
Spec = TypeVar("Spec", bound=ComponentSpec)


@dataclass(frozen=True, slots=True)
class Kind:
    """A registered component kind."""

    name: str
    spec: type[ComponentSpec]
    model: Model

    @property
    def summary(self) -> str:
        """First line of the spec's docstring."""
        return (self.spec.__doc__ or "").strip().splitlines()[0]


_KINDS: dict[str, Kind] = {}


def component(name: str, model: Model) -> Callable[[type[Spec]], type[Spec]]:
    """Register the decorated spec class as component kind `name`."""

    def register(spec: type[Spec]) -> type[Spec]:
        _KINDS[name] = Kind(name, spec, model)
        return spec

    return register


def kind_names() -> list[str]:
    """Return the names of all component kinds, ours and installed ones, loading every one of them."""
    package = importlib.import_module("accel_sim.hardware.components")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    for entry in entry_points(group=ENTRY_POINTS):
        entry.load()
    return sorted(_KINDS)


def find_kind(name: str) -> Kind:
    """Return the component kind called `name`, importing only its own file when it is one of ours.

    Raises:
        ValueError: no such kind, with the nearest name.
    """
    if name not in _KINDS and name.isidentifier():
        try:
            importlib.import_module(f"accel_sim.hardware.components.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"accel_sim.hardware.components.{name}":
                raise
            for entry in entry_points(group=ENTRY_POINTS, name=name):
                entry.load()
    if name not in _KINDS:
        raise ValueError(f"unknown component type{did_you_mean(name, kind_names())}")
    return _KINDS[name]
