"""What a parameter may be: a list of values, whole numbers, powers of two, or real numbers between bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accel_sim.config.errors import did_you_mean, shortened

Code = int | float
Convert = Callable[[Any], Any]
GENERATORS = ("choice", "int", "pow2", "float")
# More steps than this are better a `float`.
MOST_STEPS = 1 << 20


@dataclass(frozen=True, slots=True)
class Finite:
    """Values that can be counted; a code is the number of one.

    Attributes:
        values: one for each step.
        ordered: whether neighbours are alike, as numbers are and names are not.
    """

    values: Sequence[Any]
    ordered: bool

    def decode(self, code: Code) -> Any:
        """Return the value of a code."""
        return self.values[int(code)]

    def encode(self, value: Any) -> int | None:
        """Return the code of a value, None where it is not in the domain."""
        for code, own in enumerate(self.values):
            if own == value and isinstance(own, bool) == isinstance(value, bool):
                return code
        return None

    def at(self, share: float) -> int:
        """Return the code at a share of the way from the first to the last, 0 <= share < 1."""
        return min(int(share * len(self.values)), len(self.values) - 1)


@dataclass(frozen=True, slots=True)
class Real:
    """Real numbers between bounds; a code is the number itself."""

    low: float
    high: float
    log: bool

    def decode(self, code: Code) -> float:
        """Return the value of a code."""
        return float(code)

    def encode(self, value: Any) -> float | None:
        """Return the code of a value, None where it is not in the domain."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return float(value) if self.low <= value <= self.high else None

    def at(self, share: float) -> float:
        """Return the number at a share of the way from lowest to highest, of logarithms where `log`."""
        if self.log:
            value = self.low * math.exp(share * math.log(self.high / self.low))
            return min(max(value, self.low), self.high)
        return min(self.low + share * (self.high - self.low), self.high)


Domain = Finite | Real


def read_domain(given: object, *converts: Convert) -> Domain:
    """Return the domain that a file declares.

    Args:
        given: a list of values, or a mapping with one of GENERATORS.
        converts: for each path that moves together what turns a value as written, such as `8 MiB`, into the
            one in the SI unit, or raises ValueError. With several a value may be a list with one item for each;
            one value for all of them is read by the first.

    Raises:
        ValueError: anything that is not as it must be, in words.
    """
    if isinstance(given, list):
        given = {"choice": given}
    if not isinstance(given, Mapping):
        raise ValueError("must be a list of values, or a mapping with one of " + ", ".join(GENERATORS))
    named = [key for key in given if key in GENERATORS]
    if len(named) != 1:
        wrong = next((str(key) for key in given if key not in (*GENERATORS, "log")), "")
        raise ValueError(
            f"needs one of {', '.join(GENERATORS)}{did_you_mean(wrong, GENERATORS) if wrong else ''}"
        )
    (kind,) = named
    for key in given:
        if key != kind and (key != "log" or kind != "float"):
            raise ValueError(f"'{key}' does not go with {kind}")
    try:
        return _READERS[kind](given, converts)
    except ValueError as error:
        raise ValueError(f"{kind}: {error}") from None


def _choice(given: Mapping[str, Any], converts: Sequence[Convert]) -> Finite:
    listed = given["choice"]
    if not isinstance(listed, list) or not listed:
        raise ValueError("must be a list of values")
    values = []
    for item in listed:
        if len(converts) > 1 and isinstance(item, list):
            if len(item) != len(converts):
                raise ValueError(
                    f"{shortened(item)} has {len(item)} values for {len(converts)} paths that move together"
                )
            values.append(tuple(convert(part) for convert, part in zip(converts, item, strict=True)))
        elif isinstance(item, list | dict):
            raise ValueError(f"{shortened(item)} is not one value")
        else:
            values.append(converts[0](item))
    for number, value in enumerate(values):
        if value in values[:number]:
            raise ValueError(f"{shortened(listed[number])} is given twice")
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return Finite(tuple(values), ordered=numbers and values == sorted(values))


def _bounds(given: object, convert: Convert, allowed: tuple[int, ...]) -> list[Any]:
    if not isinstance(given, list) or len(given) not in allowed:
        raise ValueError("must be [low, high]" + (" or [low, high, step]" if 3 in allowed else ""))
    numbers = [convert(item) for item in given]
    for item, number in zip(given, numbers, strict=True):
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise ValueError(f"{shortened(item)} is not a number")
    if numbers[0] > numbers[1]:
        raise ValueError(f"low = {shortened(given[0])} is above high = {shortened(given[1])}")
    return numbers


def _whole(given: Mapping[str, Any], converts: Sequence[Convert]) -> Finite:
    numbers = _bounds(given["int"], converts[0], (2, 3))
    if any(number != int(number) for number in numbers):
        raise ValueError("must be whole numbers")
    low, high, step = int(numbers[0]), int(numbers[1]), int(numbers[2]) if numbers[2:] else 1
    if step < 1:
        raise ValueError(f"step = {step}: must be at least 1")
    if (high - low) // step >= MOST_STEPS:
        raise ValueError(f"has more than {MOST_STEPS:,} steps; give a step, or use float")
    return Finite(range(low, high + 1, step), ordered=True)


def _powers(given: Mapping[str, Any], converts: Sequence[Convert]) -> Finite:
    numbers = _bounds(given["pow2"], converts[0], (2,))
    low, high = numbers
    if low <= 0 or low != int(low) or high > 2**62:
        raise ValueError("must be [low, high] with whole 0 < low <= high")
    low, high = int(low), int(high)
    return Finite(tuple(low << i for i in range((high // low).bit_length())), ordered=True)


def _real(given: Mapping[str, Any], converts: Sequence[Convert]) -> Real:
    low, high = _bounds(given["float"], converts[0], (2,))
    log = given.get("log", False)
    if not isinstance(log, bool):
        raise ValueError(f"log = {shortened(log)}: must be true or false")
    if log and low <= 0:
        raise ValueError("log: needs low > 0")
    return Real(float(low), float(high), log)


_READERS: dict[str, Callable[[Mapping[str, Any], Sequence[Convert]], Domain]] = {
    "choice": _choice,
    "int": _whole,
    "pow2": _powers,
    "float": _real,
}
