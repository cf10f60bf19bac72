"""Designs: a chip as a tree of named components, a technology, a clock and a mapping policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from accel_sim.config import Document, InputError, did_you_mean, load_document, override, zoo
from accel_sim.config.checking import check_once
from accel_sim.config.units import Hertz, Nanometres, Volts
from accel_sim.hardware.component import (
    BufferModel,
    ComponentCost,
    LinkModel,
    MachineModel,
    MatrixModel,
    MemoryModel,
    PimModel,
    Surroundings,
    VectorModel,
    find_kind,
)
from accel_sim.hardware.parts import Component, component_of
from accel_sim.workload.model import Formats


class Technology(BaseModel):
    """Process the logic and the SRAM are made in."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    node: Nanometres
    voltage: Volts | None = None

    @field_validator("node")
    @classmethod
    def _covered(cls, value: float) -> float:
        from accel_sim.technology import node_factors

        node_factors(value)
        return value

    @model_validator(mode="after")
    def _runs_at(self) -> Technology:
        from accel_sim.technology import node_factors

        node_factors(self.node, self.voltage)
        return self


class MappingPolicy(BaseModel):
    """What the mapping may do on this chip.

    Attributes:
        attention: `fused` keeps the scores on chip (online softmax), `split` runs score product, softmax and
            value product one after the other, `auto` takes the faster.
        elementwise: elementwise operators and sums run in the `banks` of a memory that computes, where it has a
            kernel for them, or on the `chip`; `auto` takes the faster.
        fuse_epilogues: whether bias, activation, residual and requantization run on results as they leave the
            matrix unit.
        resident_fraction: most of the scratchpad that activations may keep between operators.
        output_fraction: part of the scratchpad that holds partial sums when no buffer is there for them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    attention: Literal["auto", "fused", "split"] = "auto"
    elementwise: Literal["auto", "banks", "chip"] = "auto"
    fuse_epilogues: bool = True
    resident_fraction: Annotated[float, Field(ge=0, le=0.9)] = 0.5
    output_fraction: Annotated[float, Field(gt=0, le=0.9)] = 0.25


class _Head(BaseModel):
    """The keys of a design file that are not components."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    description: str = ""
    source: str = ""
    clock: Hertz
    technology: Technology
    mapping: MappingPolicy = MappingPolicy()


@dataclass(frozen=True)
class Design:
    """A validated chip. The properties find components by what they do."""

    name: str
    description: str
    clock_hz: float
    technology: Technology
    mapping: MappingPolicy
    components: Mapping[str, Component]
    document: Document

    @property
    def surroundings(self) -> Surroundings:
        """What the components know of the chip."""
        return Surroundings(self.technology.node, self.technology.voltage, self.clock_hz)

    def _only(self, model: type, holds: str | None = None) -> Component | None:
        for component in self.components.values():
            if isinstance(component.kind.model, model):
                if holds and getattr(component.spec, "holds", holds) != holds:
                    continue
                return component
        return None

    @cached_property
    def machine(self) -> Component | None:
        """The whole machine, where the design is one and has no other component."""
        return self._only(MachineModel)

    @cached_property
    def matrix(self) -> Component | None:
        """The unit that multiplies matrices."""
        return self._only(MatrixModel)

    @cached_property
    def vector(self) -> Component | None:
        """The unit for everything else."""
        return self._only(VectorModel)

    @cached_property
    def scratchpad(self) -> Component:
        """The buffer of tiles and activations."""
        return _present(self._only(BufferModel, "tiles"))

    @cached_property
    def accumulator(self) -> Component | None:
        """The buffer of partial sums, if the scratchpad does not hold them."""
        return self._only(BufferModel, "partial_sums")

    @cached_property
    def memory(self) -> Component:
        """The off-chip memory, or the whole machine that contains it."""
        return _present(self.machine or self._only(MemoryModel))

    @cached_property
    def link(self) -> Component | None:
        """The host link, if inputs and outputs do not go through the memory."""
        return self._only(LinkModel)

    @cached_property
    def costs(self) -> Mapping[str, ComponentCost]:
        """Charges of every component."""
        chip = self.surroundings
        return {name: component.cost(chip) for name, component in self.components.items()}

    @property
    def notes(self) -> tuple[str, ...]:
        """Where energy and area leave the range of their sources: the components it holds for, and in words."""
        parts: dict[str, list[str]] = {}
        for name, cost in self.costs.items():
            for note in cost.notes:
                parts.setdefault(note, []).append(name)
        return tuple(f"{', '.join(names)}: {note}" for note, names in parts.items())

    @property
    def area_mm2(self) -> float:
        """Area of all components on the die, without wiring between them."""
        return sum(sum(cost.area_mm2.values()) for cost in self.costs.values())

    @property
    def leakage_w(self) -> float:
        """Power that flows whether anything runs or not, memory background included."""
        return sum(cost.leakage_w for cost in self.costs.values())

    @property
    def computes_in_memory(self) -> bool:
        """Whether the banks of the memory multiply matrices."""
        return isinstance(self.memory.kind.model, PimModel)

    @property
    def peaks_macs_per_s(self) -> Mapping[str, float]:
        """Multiply-accumulates per second with every PE busy, by the number formats of the operands."""
        if self.machine is not None:
            model = self.machine.kind.model
            assert isinstance(model, MachineModel)
            return model.peak_macs_per_s(self.machine.spec)
        peaks: dict[str, float] = {}
        if self.matrix is not None:
            model = self.matrix.kind.model
            assert isinstance(model, MatrixModel)
            left, right, _ = model.formats(self.matrix.spec)
            name = left.name if left == right else f"{left.name} x {right.name}"
            peaks[name] = model.peak_macs_per_cycle(self.matrix.spec) * self.clock_hz
        memory = self.memory.kind.model
        if isinstance(memory, PimModel):
            for name, peak in memory.peak_macs_per_s(self.memory.spec).items():
                peaks[name] = peaks.get(name, 0.0) + peak
        return peaks

    @property
    def peak_macs_per_s(self) -> float:
        """The peak in the fastest of its formats; 0 without a matrix unit."""
        return max(self.peaks_macs_per_s.values(), default=0.0)

    def peak_macs_per_s_in(self, formats: Formats) -> float:
        """Return the peak in the fastest product of a model's tensors; 0 where it can compute none of them.

        A matrix unit and the banks of a memory add up, whatever their formats: they work side by side.
        """
        if self.machine is None:
            return sum(self.peaks_macs_per_s.values())
        model = self.machine.kind.model
        assert isinstance(model, MachineModel)
        left = formats.activations.element
        others = (formats.weights, formats.activations, formats.kv_cache, formats.embedding_table)
        peaks = (model.operand_peak_macs_per_s(self.machine.spec, left, right.element) for right in others)
        return max((peak for peak in peaks if peak is not None), default=0.0)

    @property
    def memory_bandwidth_bytes_per_s(self) -> float:
        """What the memory sustains."""
        model = self.memory.kind.model
        assert isinstance(model, MemoryModel | MachineModel)
        return model.bandwidth_bytes_per_s(self.memory.spec)


def _present(component: Component | None) -> Component:
    assert component is not None  # build_design has checked
    return component


def load_design(name: str | Path, overrides: Mapping[str, Any] | None = None) -> Design:
    """Return the design of a YAML file, or of a shipped one by name, with values replaced by dotted path.

    Raises:
        InputError: no such file, or a violation with its line.
    """
    path = zoo.find("designs", name)
    return build_design(load_document(path, str(name) if Path(name).exists() else path.name), overrides)


def build_design(document: Document, overrides: Mapping[str, Any] | None = None) -> Design:
    """Return the validated design of a parsed document; see `load_design`."""
    if not isinstance(document.data, dict):
        raise document.error((), "a design is a mapping of keys to values")
    # The policy may be left out of a file and still be overridden.
    document = override(document.with_data({"mapping": {}, **document.data}), overrides or {})
    data = document.data
    head_keys = [key for key in data if key in _Head.model_fields or not isinstance(data[key], dict)]
    head = check_once(_Head, document.with_data({key: data[key] for key in head_keys}))
    components = {str(key): _component(document, key) for key in data if key not in head_keys}
    design = Design(
        name=head.name,
        description=head.description,
        clock_hz=head.clock,
        technology=head.technology,
        mapping=head.mapping,
        components=components,
        document=document,
    )
    _check_parts(design)
    return design


def _component(document: Document, key: str) -> Component:
    type_name = document.data[key].get("type")
    if not isinstance(type_name, str):
        head = list(_Head.model_fields)
        raise document.error(
            (key,), f"is not a known key{did_you_mean(str(key), head)}; a component needs a 'type'"
        )
    try:
        kind = find_kind(type_name)
    except ValueError as error:
        raise InputError(f"{document.place((key, 'type'))}: {key}.type = {type_name}: {error}") from None
    return component_of(str(key), kind, document, key)


def _check_parts(design: Design) -> None:
    if design.machine is not None:
        for other in design.components.values():
            if other is not design.machine:
                raise design.document.error(
                    (other.name,),
                    f"a design with a whole machine ({design.machine.name}) has no other component",
                )
        return
    wanted: tuple[tuple[type, str | None, int, str], ...] = (
        (MatrixModel, None, 0, "matrix units"),
        (VectorModel, None, 0, "vector units"),
        (BufferModel, "tiles", 1, "buffers that hold tiles"),
        (BufferModel, "partial_sums", 0, "buffers that hold partial sums"),
        (MemoryModel, None, 1, "off-chip memories"),
        (LinkModel, None, 0, "host links"),
    )
    for model, holds, least, what in wanted:
        found = [
            c.name
            for c in design.components.values()
            if isinstance(c.kind.model, model) and (holds is None or getattr(c.spec, "holds", holds) == holds)
        ]
        if not least <= len(found) <= 1:
            given = ", ".join(found) or "none"
            raise design.document.error(
                (), f"a design has {'one' if least else 'at most one'} of its {what}: {given}"
            )
    if design.mapping.elementwise == "banks" and not design.computes_in_memory:
        raise design.document.error(
            ("mapping", "elementwise"),
            f"banks: {design.memory.name} ({design.memory.kind.name}) does not compute (allowed: auto, chip)",
        )
    if design.matrix is None and design.vector is None and not design.computes_in_memory:
        raise design.document.error((), "a design needs a matrix unit, a vector unit or a memory that computes")
