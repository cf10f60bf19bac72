"""Physical quantities: `32 MiB`, `1.2 TB/s` and `940 MHz` in files, SI numbers inside.

This is the one module that converts units. A bare number is taken to be in the SI unit of its field.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field

_DECIMAL = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}
_SMALL = {"": 1.0, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15}

_BYTES = {f"{prefix}B": scale for prefix, scale in (_DECIMAL | _BINARY).items()}
_BITS = {
    f"{prefix}{unit}": scale / 8 for prefix, scale in (_DECIMAL | _BINARY).items() for unit in ("bit", "b")
}

# A multiply-accumulate is two operations.
_OPERATIONS = {
    f"{prefix}{unit}/s": scale * count
    for unit, count in (("OP", 1.0), ("FLOP", 1.0), ("MAC", 2.0))
    for prefix, scale in _DECIMAL.items()
}

UNITS: dict[str, dict[str, float]] = {
    "bytes": _BYTES | _BITS,
    "bytes per second": {f"{unit}/s": scale for unit, scale in (_BYTES | _BITS).items()},
    "operations per second": _OPERATIONS,
    "hertz": {f"{prefix}Hz": scale for prefix, scale in _DECIMAL.items()},
    "seconds": {f"{prefix}s": scale for prefix, scale in _SMALL.items()},
    "watts": {f"{prefix}W": scale for prefix, scale in (_SMALL | {"k": 1e3}).items()},
    "metres": {"m": 1.0, "mm": 1e-3, "um": 1e-6, "µm": 1e-6},
    "nanometres": {"nm": 1.0, "um": 1e3},
    "volts": {"V": 1.0, "mV": 1e-3},
}


@dataclass(frozen=True, slots=True)
class Dimension:
    """What a number of a pydantic model measures, as a mark in its annotation: one of the keys of `UNITS`."""

    name: str


_QUANTITY = re.compile(r"\s*([-+]?(?:\d[\d_]*\.?[\d_]*|\.\d+)(?:[eE][-+]?\d+)?)\s*([^\d\s].*?)?\s*\Z")


def parse_quantity(value: object, dimension: str) -> float:
    """Return `value` in the SI unit of `dimension`, one of the keys of `UNITS`.

    Raises:
        ValueError: not a finite number, or a unit of another dimension; the text lists what is allowed.
    """
    units = UNITS[dimension]
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _no_quantity(dimension)
    if isinstance(value, str):
        match = _QUANTITY.match(value)
        if match is None:
            raise _no_quantity(dimension)
        unit = match[2]
        if unit is not None and unit not in units:
            raise ValueError(f"unit '{unit}' is not one of {dimension} (allowed: {', '.join(units)})")
        number = float(match[1].replace("_", "")) * (units[unit] if unit else 1.0)
    else:
        number = float(value) if abs(value) < 1e300 else math.inf
    if not math.isfinite(number):
        raise ValueError(f"must be a finite number of {dimension}")
    return number


def _no_quantity(dimension: str) -> ValueError:
    example = next(unit for unit in UNITS[dimension] if unit)
    return ValueError(f"must be a number of {dimension}, such as '4 {example}'")


def _quantity(dimension: str) -> tuple[Dimension, BeforeValidator]:
    return Dimension(dimension), BeforeValidator(lambda value: parse_quantity(value, dimension))


def _whole_bytes(value: object) -> int:
    number = parse_quantity(value, "bytes")
    if number != int(number):
        raise ValueError("must be a whole number of bytes")
    return int(number)


# Sizes beyond these bounds are typing mistakes; they also keep every later product inside int64.
ByteCount = Annotated[int, Dimension("bytes"), BeforeValidator(_whole_bytes), Field(gt=0, le=2**50)]
BytesPerSecond = Annotated[float, *_quantity("bytes per second"), Field(gt=0, le=1e18)]
OperationsPerSecond = Annotated[float, *_quantity("operations per second"), Field(gt=0, le=1e20)]
Hertz = Annotated[float, *_quantity("hertz"), Field(gt=0, le=1e12)]
Seconds = Annotated[float, *_quantity("seconds"), Field(ge=0, le=1e6)]
Watts = Annotated[float, *_quantity("watts"), Field(ge=0, le=1e6)]
Nanometres = Annotated[float, *_quantity("nanometres"), Field(gt=0, le=1e4)]
Volts = Annotated[float, *_quantity("volts"), Field(gt=0, le=10)]
Count = Annotated[int, Field(gt=0, le=2**40, strict=True)]


def format_bytes(count: float) -> str:
    """Return a byte count for people, in binary units."""
    for prefix in ("", "Ki", "Mi", "Gi", "Ti"):
        if abs(count) < 1024 or prefix == "Ti":
            return f"{count:.4g} {prefix}B"
        count /= 1024
    raise AssertionError("unreachable")


def format_quantity(value: float, dimension: str | None) -> str:
    """Return a number as a design file would give it: whole bytes exactly, the rest with seven digits."""
    if dimension is None:
        return f"{value:.7g}" if isinstance(value, float) else str(value)
    if dimension == "bytes" and value == int(value):
        prefix = next(prefix for prefix in (*reversed(_BINARY), "") if value % _BINARY.get(prefix, 1.0) == 0)
        return f"{int(value / _BINARY.get(prefix, 1.0))} {prefix}B"
    unit = next(unit for unit, scale in UNITS[dimension].items() if unit and scale == 1)
    return format_si(value, unit, digits=7)


def format_si(value: float, unit: str, digits: int = 4) -> str:
    """Return a number with the SI prefix that keeps one to three digits before the point."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}"
    for scale, prefix in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")):
        if abs(value) >= scale:
            return f"{value / scale:.{digits}g} {prefix}{unit}"
    for scale, prefix in ((1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p")):
        if abs(value) >= scale:
            return f"{value / scale:.{digits}g} {prefix}{unit}"
    return f"{value / 1e-15:.{digits}g} f{unit}"
