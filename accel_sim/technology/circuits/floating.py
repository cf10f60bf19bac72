"""Floating-point units: multiplier, adder, multiply-accumulate, conversions between formats.

The forms are textbook single-path ones (Muller et al., Handbook of Floating-Point Arithmetic, 2nd ed., ch. 8):
a multiplier multiplies significands, adds exponents, normalizes by one place and rounds; an adder compares
exponents, swaps, aligns, adds, counts leading zeros, normalizes and rounds. Left out: subnormals, exceptions,
more than one rounding mode.
"""

from __future__ import annotations

from functools import lru_cache

from accel_sim.technology.circuits.blocks import selector, shifter
from accel_sim.technology.circuits.circuit import NOTHING, Circuit, cells
from accel_sim.technology.circuits.encoders import leading_zero_counter
from accel_sim.technology.circuits.integer import (
    Carry,
    adder,
    comparator,
    incrementer,
    multiplier,
    subtractor,
)
from accel_sim.workload.formats import NumberFormat

GUARD_BITS = 3  # guard, round and sticky


def significand_bits(fmt: NumberFormat) -> int:
    """Return the bits that are multiplied: of a float with its hidden bit, of an integer all."""
    return fmt.mantissa_bits + 1 if fmt.kind == "float" else fmt.bits


@lru_cache(maxsize=1024)
def float_product(a: NumberFormat, b: NumberFormat, carry: Carry = "ripple") -> Circuit:
    """Return the exact product of two values, one of them a float: neither normalized nor rounded."""
    significands = multiplier(significand_bits(a), significand_bits(b), carry, signed=False)
    exponent = max(a.exponent_bits, b.exponent_bits)
    both = min(a.exponent_bits, b.exponent_bits) > 0
    exponents = adder(exponent, carry).times(2) if both else NOTHING  # the sum, less the bias
    return significands + exponents + cells({"xor2": 1}, xor2=1)


@lru_cache(maxsize=1024)
def float_multiplier(a: NumberFormat, b: NumberFormat, carry: Carry = "ripple") -> Circuit:
    """Return the product of two values, one of them a float, rounded to the wider significand."""
    kept = max(significand_bits(a), significand_bits(b))
    exponent = max(a.exponent_bits, b.exponent_bits)
    normalize = selector(2, kept + GUARD_BITS) + incrementer(exponent)
    return float_product(a, b, carry).then(normalize).then(incrementer(kept))


@lru_cache(maxsize=1024)
def float_adder(fmt: NumberFormat, carry: Carry = "ripple") -> Circuit:
    """Return the sum of two floats."""
    significand, exponent = significand_bits(fmt), fmt.exponent_bits
    wide = significand + GUARD_BITS
    order = subtractor(exponent, carry) + comparator(significand)
    swap = selector(2, significand).times(2) + selector(2, exponent)
    align = shifter(wide, wide)
    add = subtractor(wide + 1, carry)
    normalize = leading_zero_counter(wide).then(shifter(wide, wide)) + subtractor(exponent, carry)
    round_ = incrementer(significand) + incrementer(exponent)
    return order.then(swap).then(align).then(add).then(normalize).then(round_)


@lru_cache(maxsize=1024)
def float_multiply_accumulate(
    a: NumberFormat, b: NumberFormat, accumulator: NumberFormat, carry: Carry = "ripple"
) -> Circuit:
    """Return a x b + sum in the accumulator's float format; the product enters the adder unrounded."""
    return float_product(a, b, carry).then(float_adder(accumulator, carry))


@lru_cache(maxsize=1024)
def converter(source: NumberFormat, target: NumberFormat) -> Circuit:
    """Return the conversion of a value to another format.

    An integer becomes a float by its leading zero and a shift, a float an integer by a shift; both round. A
    float becomes a narrower one by rounding, and a bias is added where the exponents differ in width; an
    integer of another width is only wires.
    """
    if source.kind == "float" and target.kind == "float":
        narrower = target.mantissa_bits < source.mantissa_bits
        rebias = adder(target.exponent_bits) if target.exponent_bits != source.exponent_bits else NOTHING
        return (incrementer(target.mantissa_bits + 1) if narrower else NOTHING) + rebias
    if source.kind != "float" and target.kind != "float":
        return NOTHING
    integer = source if target.kind == "float" else target
    float_ = target if target.kind == "float" else source
    sign = cells({"xor2": 1}, xor2=integer.bits).then(incrementer(integer.bits))
    wide = max(integer.bits, significand_bits(float_))
    count = leading_zero_counter(wide) if source is integer else adder(float_.exponent_bits)
    return sign.then(count).then(shifter(wide, wide)).then(incrementer(significand_bits(float_)))
