"""Number formats of tensors: integers and floats of any width, with optional group scales."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from accel_sim.config.errors import did_you_mean


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """How one value is encoded.

    Attributes:
        name: canonical spelling, such as `int8` or `bf16`.
        kind: `int`, `uint` or `float`.
        bits: total width of an encoded value.
        exponent_bits, mantissa_bits: of a float (mantissa without the hidden bit); 0 for integers.
    """

    name: str
    kind: str
    bits: int
    exponent_bits: int = 0
    mantissa_bits: int = 0

    def holds(self, other: NumberFormat) -> bool:
        """Tell whether every value of another format is one of this format too."""
        if self.kind == "float":
            if other.kind == "float":
                return self.exponent_bits >= other.exponent_bits and self.mantissa_bits >= other.mantissa_bits
            return self.mantissa_bits + 1 >= other.bits - (other.kind == "int")
        if other.kind == "float":
            return False
        return self.bits >= other.bits + (self.kind == "int" and other.kind == "uint")


_NAMED = {
    # IEEE 754-2019, table 3.5; bfloat16 and TF32 after their vendors; FP8 after OCP OFP8 1.0; FP4 and FP6
    # after OCP MX 1.0.
    "fp64": (64, 11, 52),
    "fp32": (32, 8, 23),
    "tf32": (19, 8, 10),
    "fp16": (16, 5, 10),
    "bf16": (16, 8, 7),
    "fp8_e4m3": (8, 4, 3),
    "fp8_e5m2": (8, 5, 2),
    "fp6_e3m2": (6, 3, 2),
    "fp6_e2m3": (6, 2, 3),
    "fp4_e2m1": (4, 2, 1),
    "e8m0": (8, 8, 0),
}
_ALIASES = {"fp8": "fp8_e4m3", "fp4": "fp4_e2m1", "float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}


@cache
def number_format(name: str) -> NumberFormat:
    """Return the format of a name: `int4`, `uint8`, `bf16`, `fp16`, `fp8_e4m3`, ...

    Raises:
        ValueError: an unknown name; integers have 1 to 64 bits.
    """
    name = _ALIASES.get(name, name)
    if name in _NAMED:
        bits, exponent, mantissa = _NAMED[name]
        return NumberFormat(name, "float", bits, exponent, mantissa)
    match = re.fullmatch(r"(u?int)([1-9][0-9]?)", name)
    if match and int(match[2]) <= 64:
        return NumberFormat(name, match[1], int(match[2]))
    known = [*_NAMED, *_ALIASES, "int4", "int8", "int16", "int32", "uint8"]
    raise ValueError(f"unknown number format{did_you_mean(name, known)}")


@dataclass(frozen=True, slots=True)
class TensorFormat:
    """Format of a tensor's elements and, optionally, of a scale shared by each group of elements.

    Attributes:
        element: format of one element.
        group: elements that share one scale; 0 when there is none.
        scale: format of the scale; None when `group` is 0.
    """

    element: NumberFormat
    group: int = 0
    scale: NumberFormat | None = None

    @property
    def name(self) -> str:
        """The spelling `tensor_format` reads back, such as `int4/g128:fp16`."""
        return f"{self.element.name}/g{self.group}:{self.scale.name}" if self.scale else self.element.name

    @property
    def bits(self) -> float:
        """Bits an element occupies in memory, its share of the scale included."""
        return self.element.bits + (self.scale.bits / self.group if self.scale else 0.0)

    def bytes(self, elements: int) -> int:
        """Return the bytes of `elements` values packed without padding, rounded up to whole bytes."""
        bits = self.element.bits * elements
        if self.scale:
            bits += self.scale.bits * math.ceil(elements / self.group)
        return -(-bits // 8)


@cache
def tensor_format(text: str) -> TensorFormat:
    """Return the format written as `int8`, or as `int4/g128:fp16` for groups of 128 with an fp16 scale."""
    element, _, grouping = text.partition("/")
    if not grouping:
        return TensorFormat(number_format(element))
    match = re.fullmatch(r"g([1-9]\d{0,8})(?::(\w+))?", grouping)
    if match is None:
        raise ValueError("a group scale is written as FORMAT/gSIZE:SCALE, such as int4/g128:fp16")
    return TensorFormat(number_format(element), int(match[1]), number_format(match[2] or "fp16"))


def _to_tensor_format(value: Any) -> Any:
    return tensor_format(value) if isinstance(value, str) else value


def _to_number_format(value: Any) -> Any:
    return number_format(value) if isinstance(value, str) else value


# Fields of pydantic models that read a format from its name.
TensorFormatField = Annotated[
    TensorFormat, BeforeValidator(_to_tensor_format), PlainSerializer(lambda f: f.name)
]
NumberFormatField = Annotated[
    NumberFormat, BeforeValidator(_to_number_format), PlainSerializer(lambda f: f.name)
]
