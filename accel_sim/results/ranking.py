"""The largest of many parts, with the rest as one, so that they still add up."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from accel_sim.config.errors import InputError, did_you_mean
from accel_sim.results.record import OperatorRecord
from accel_sim.results.result import Result, Stage

Key = TypeVar("Key", bound=Hashable)
Parts = dict[str, float]
GROUPINGS: Mapping[str, Callable[[Stage, OperatorRecord], str]] = {
    "operator": lambda stage, record: record.name,
    "kind": lambda stage, record: record.kind,
    "block": lambda stage, record: record.block,
    "stage": lambda stage, record: stage.name,
}


@dataclass(frozen=True, slots=True)
class Group:
    """Operators that are shown as one: a label, and the share of each part of their total."""

    label: str
    parts: Parts

    @property
    def total(self) -> float:
        """Sum of the parts."""
        return sum(self.parts.values())


def check_choice(name: str, given: str, allowed: Iterable[str]) -> None:
    """Raise InputError unless a choice is one of those allowed."""
    if given not in set(allowed):
        raise InputError(f"{name} = {given}: is not known{did_you_mean(given, allowed)}")


def group(
    result: Result, by: str, parts_of: Callable[[Stage, OperatorRecord], Mapping[str, float]]
) -> list[Group]:
    """Return the parts of all operators, weighted by stage, added up by one of GROUPINGS in program order."""
    sums: dict[str, Parts] = {}
    repeats: dict[str, int] = {}
    for stage in result.stages:
        for record in stage.records:
            label = GROUPINGS[by](stage, record)
            into = sums.setdefault(label, {})
            for part, value in parts_of(stage, record).items():
                into[part] = into.get(part, 0.0) + stage.weight * value
            if by == "operator":
                repeats[label] = record.repeat
    return [
        Group(f"{label} ×{repeats[label]}" if repeats.get(label, 1) > 1 else label, parts)
        for label, parts in sums.items()
    ]


def largest(groups: Iterable[Group], count: int) -> list[Group]:
    """Return the `count` largest groups, largest first, and one with all the others if there are any."""
    ranked = sorted(groups, key=lambda one: -one.total)
    if len(ranked) <= count + 1:
        return ranked
    others: Parts = {}
    for one in ranked[count:]:
        for part, value in one.parts.items():
            others[part] = others.get(part, 0.0) + value
    return [*ranked[:count], Group(f"other ({len(ranked) - count})", others)]
