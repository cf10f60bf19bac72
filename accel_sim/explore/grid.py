"""Axes of a grid and their product: every combination of values, the last axis fastest."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from accel_sim.config import Document, InputError
from accel_sim.config.document import Key
from accel_sim.config.errors import shortened

# More points than this would take days and a table nobody opens; it is a mistake in the grid.
LARGEST_SWEEP = 1_000_000
GENERATORS = ("pow2", "range")


@dataclass(frozen=True, slots=True)
class Axis:
    """Values of one path, or of several that move together.

    Attributes:
        paths: dotted paths.
        values: one tuple for each step, with a value for each path.
        place: key path in the sweep file, for errors.
    """

    paths: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]
    place: tuple[Key, ...]

    def steps(self) -> Iterator[dict[str, Any]]:
        """Yield the settings of each step."""
        for value in self.values:
            yield dict(zip(self.paths, value, strict=True))


def read_axes(document: Document, grid: Mapping[str, Any], place: tuple[Key, ...]) -> tuple[Axis, ...]:
    """Return the axes of a grid section.

    Raises:
        InputError: no values, a path given twice, values that do not fit the paths.
    """
    axes = []
    seen: set[str] = set()
    for key, given in grid.items():
        here = (*place, key)
        paths = tuple(path.strip() for path in str(key).split(","))
        for path in paths:
            if not path:
                raise document.error(here, "a path is empty")
            if path in seen:
                raise document.error(here, f"'{path}' is given twice")
            seen.add(path)
        values = _values(document, given, here)
        axes.append(Axis(paths, tuple(_step(document, value, paths, here) for value in values), here))
    return tuple(axes)


def _values(document: Document, given: Any, here: tuple[Key, ...]) -> list[Any]:
    """Return the values of an axis: as listed, or from `{pow2: [8, 256]}` or `{range: [1, 9, 2]}`."""
    if isinstance(given, dict):
        return _generated(document, given, here)
    if not isinstance(given, list) or not given:
        raise document.error(
            here, "must be a list of values, {pow2: [low, high]} or {range: [low, high, step]}"
        )
    return given


def _generated(document: Document, given: dict[Any, Any], here: tuple[Key, ...]) -> list[Any]:
    name, bounds = next(iter(given.items())) if len(given) == 1 else (None, None)
    if name not in GENERATORS:
        raise document.error(here, f"must be a list of values, or one of {', '.join(GENERATORS)}")
    whole = isinstance(bounds, list) and all(type(bound) is int for bound in bounds)
    numbers: list[int] = bounds if isinstance(bounds, list) and whole else []
    if name == "pow2":
        if len(numbers) != 2 or not 0 < numbers[0] <= numbers[1] <= 2**62:
            raise document.error(here, "pow2: must be [low, high] with 0 < low <= high")
        return [numbers[0] << i for i in range((numbers[1] // numbers[0]).bit_length())]
    if len(numbers) not in (2, 3) or numbers[0] > numbers[1] or (numbers[2:] and numbers[2] < 1):
        raise document.error(here, "range: must be [low, high] or [low, high, step], both ends included")
    steps = range(numbers[0], numbers[1] + 1, *numbers[2:])
    if steps[-1] - steps[0] > LARGEST_SWEEP * steps.step:
        raise document.error(here, f"range: has more than {LARGEST_SWEEP:,} values")
    return list(steps)


def _step(document: Document, value: Any, paths: tuple[str, ...], here: tuple[Key, ...]) -> tuple[Any, ...]:
    if len(paths) == 1:
        return (value,)
    if not isinstance(value, list):
        return (value,) * len(paths)
    if len(value) != len(paths):
        message = f"{shortened(value)} has {len(value)} values for {len(paths)} paths that move together"
        raise document.error(here, message)
    return tuple(value)


def check_size(document: Document, grids: Sequence[Sequence[Axis]]) -> None:
    """Refuse more points than anyone wants.

    Raises:
        InputError: the grids have more than LARGEST_SWEEP points in all.
    """
    count = sum(prod(len(axis.values) for axis in axes) for axes in grids)
    if count > LARGEST_SWEEP:
        raise InputError(f"{document.place(('grid',))}: grid: has {count:,} points (at most {LARGEST_SWEEP:,})")


def combinations(axes: Sequence[Axis]) -> Iterator[dict[str, Any]]:
    """Yield the settings of every combination, the last axis fastest."""
    for steps in itertools.product(*(tuple(axis.steps()) for axis in axes)):
        merged: dict[str, Any] = {}
        for step in steps:
            merged |= step
        yield merged
