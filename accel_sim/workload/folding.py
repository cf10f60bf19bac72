"""Folding: a sequence of layers as repeated groups, in execution order."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Generic, NamedTuple, TypeVar

Item = TypeVar("Item", bound=Hashable)


class Group(NamedTuple, Generic[Item]):
    """Items `first` to `first + len(unit) * repeat - 1` of a sequence: `unit`, `repeat` times over."""

    first: int
    unit: tuple[Item, ...]
    repeat: int


def fold(items: Sequence[Item]) -> list[Group[Item]]:
    """Return groups whose concatenation is `items`.

    Each group is the one that covers most items by repetition, with the shortest unit among equals: five
    local layers and a global one, repeated, become a unit of six, and what is left over a group of its own.
    An item that does not repeat is a group by itself.
    """
    numbers: dict[Item, int] = {}
    codes = [numbers.setdefault(item, len(numbers)) for item in items]
    groups: list[Group[Item]] = []
    start = 0
    while start < len(items):
        best = Group(start, (items[start],), 1)
        for period in range(1, (len(items) - start) // 2 + 1):
            repeat = _repetitions(codes, start, period)
            if repeat > 1 and repeat * period > best.repeat * len(best.unit):
                best = Group(start, tuple(items[start : start + period]), repeat)
        groups.append(best)
        start += len(best.unit) * best.repeat
    return groups


def _repetitions(codes: Sequence[int], start: int, period: int) -> int:
    end = start + period
    while end < len(codes) and codes[end] == codes[end - period]:
        end += 1
    return (end - start) // period
