"""Named components of a design, and what is remembered of those that were seen before.

A search changes a few parameters at a time, so most components of a design are those of the one before. A spec
is validated once for the same text of parameters, and charged once for the same chip around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from accel_sim.config import Document
from accel_sim.config.checking import check_once
from accel_sim.config.identity import Same
from accel_sim.hardware.component import ComponentCost, ComponentSpec, Kind, Surroundings


@dataclass(frozen=True)
class Component:
    """A named component of a design: its kind and its parameters."""

    name: str
    kind: Kind
    spec: ComponentSpec

    @cached_property
    def part(self) -> Part:
        """What the component is, whatever its name."""
        return Part(self.kind, self.spec)

    def cost(self, chip: Surroundings) -> ComponentCost:
        """Return what the component charges on a chip."""
        return _cost(self.part, chip)


class Part:
    """A kind with its parameters as a key of tables: equal for equal parameters, whatever their types."""

    __slots__ = ("kind", "spec", "text")

    def __init__(self, kind: Kind, spec: ComponentSpec) -> None:
        self.kind, self.spec, self.text = kind, spec, spec.model_dump_json()

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Part) and self.kind is other.kind and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


@lru_cache(maxsize=4096)
def _cost(part: Part, chip: Surroundings) -> ComponentCost:
    return part.kind.model.cost(part.spec, chip)


def component_of(name: str, kind: Kind, document: Document, key: Any) -> Component:
    """Return the component that stands at a key of a document.

    Raises:
        InputError: a violation with its line.
    """
    return _component(name, Same(kind), Same(check_once(kind.spec, document, (key,))))


@lru_cache(maxsize=1024)
def _component(name: str, kind: Same[Kind], spec: Same[ComponentSpec]) -> Component:
    return Component(name, kind.value, spec.value)
