"""From the inputs of designs to arrays of numbers: logarithms, quantities with units, categories."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from accel_sim.config import InputError, did_you_mean
from accel_sim.config.units import UNITS, parse_quantity
from accel_sim.explore.design_table import hashable

# A positive column whose largest value is this many times its smallest enters as its logarithm.
WIDE = 8.0


@dataclass(frozen=True, slots=True)
class Feature:
    """How one input becomes columns of an array.

    A number becomes one column of mean 0 and deviation 1, with one more that tells where it is missing if it is
    anywhere; a category becomes a column of 0 and 1 for each level.

    Attributes:
        name: of the input.
        dimension: of a number with units, such as `bytes`; None of plain ones.
        levels: of a category; empty for a number.
        log: whether the number enters as its logarithm to base 2.
        mean, deviation: of the number, after the logarithm.
        optional: whether the number may be missing.
    """

    name: str
    dimension: str | None = None
    levels: tuple[Any, ...] = ()
    log: bool = False
    mean: float = 0.0
    deviation: float = 1.0
    optional: bool = False

    @property
    def width(self) -> int:
        """Columns it takes."""
        return len(self.levels) or 1 + self.optional


@dataclass(frozen=True, slots=True)
class Encoding:
    """How designs become rows of an array; inputs that never vary are left out.

    Attributes:
        features: in the order of their columns.
        ignored: inputs without a feature.
    """

    features: tuple[Feature, ...]
    ignored: tuple[str, ...]

    @property
    def groups(self) -> np.ndarray:
        """int64[columns]: the number of the feature that each column belongs to."""
        return np.repeat(np.arange(len(self.features)), [f.width for f in self.features])


def encoding(columns: Mapping[str, Sequence[Any]], inputs: Sequence[str]) -> Encoding:
    """Return how to encode designs like the given ones.

    Args:
        columns: values by name.
        inputs: names of those that say what a design is.
    """
    varied = [name for name in inputs if len({hashable(v) for v in columns[name]}) > 1]
    return Encoding(
        tuple(_feature(name, columns[name]) for name in varied),
        tuple(name for name in inputs if name not in varied),
    )


def encode(code: Encoding, columns: Mapping[str, Sequence[Any]]) -> np.ndarray:
    """Return float64[designs, columns].

    Raises:
        InputError: an input is missing, is no number where it must be, or is a level that was not met before.
    """
    blocks = []
    for feature in code.features:
        if feature.name not in columns:
            raise InputError(
                f"the designs do not say their '{feature.name}'{did_you_mean(feature.name, columns)}"
            )
        values = columns[feature.name]
        blocks.append(_levels(feature, values) if feature.levels else _numbers(feature, values))
    return np.ascontiguousarray(np.hstack(blocks))


def _feature(name: str, values: Sequence[Any]) -> Feature:
    present = [v for v in values if v is not None]
    dimension = None
    if any(isinstance(v, str) for v in present):
        dimension = _common_dimension(present)
    if (dimension is None and not all(isinstance(v, int | float) for v in present)) or not present:
        return Feature(name, levels=tuple(sorted({hashable(v) for v in values}, key=str)))
    numbers = np.array([_number(v, dimension) for v in present])
    log = bool(numbers.min() > 0 and numbers.max() >= WIDE * numbers.min())
    numbers = np.log2(numbers) if log else numbers
    deviation = float(numbers.std())
    return Feature(
        name, dimension, (), log, float(numbers.mean()), deviation or 1.0, len(present) < len(values)
    )


def _common_dimension(values: Sequence[Any]) -> str | None:
    """Return the dimension that all values are quantities of, or None."""
    for dimension in UNITS:
        try:
            for value in values:
                parse_quantity(value, dimension)
        except (ValueError, TypeError):
            continue
        return dimension
    return None


def _number(value: Any, dimension: str | None) -> float:
    return float(value) if dimension is None else parse_quantity(value, dimension)


def _numbers(feature: Feature, values: Sequence[Any]) -> np.ndarray:
    out = np.zeros((len(values), feature.width))
    for row, value in enumerate(values):
        if value is None and feature.optional:
            out[row, 1] = 1.0
            continue
        try:
            number = _number(value, feature.dimension)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number) or (feature.log and number <= 0):
            allowed = "a number above 0" if feature.log else "a number"
            raise InputError(f"{feature.name} = {value}: must be {allowed}")
        out[row, 0] = ((math.log2(number) if feature.log else number) - feature.mean) / feature.deviation
    return out


def _levels(feature: Feature, values: Sequence[Any]) -> np.ndarray:
    place = {level: i for i, level in enumerate(feature.levels)}
    out = np.zeros((len(values), feature.width))
    for row, value in enumerate(values):
        level = place.get(hashable(value))
        if level is None:
            raise InputError(
                f"{feature.name} = {value}: is not known{did_you_mean(str(value), map(str, place))}"
            )
        out[row, level] = 1.0
    return out
