"""Integer units: adders, multipliers, multiply-accumulates, adder trees, shift-and-add.

Two kinds of adder stand for the ends of the trade between area and delay: a ripple adder (one full adder a bit)
and a Sklansky prefix adder ("Conditional-sum addition logic", 1960). Products are partial products (an AND
array, or Booth's radix-4 recoding), reduced by Dadda's scheme, and one carry-propagate adder; an accumulator
enters the reduction as one more row, as synthesis merges it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from accel_sim.technology.circuits.circuit import NOTHING, Circuit, area_um2, cells
from accel_sim.technology.circuits.encoders import booth_digits, booth_encoder
from accel_sim.technology.circuits.reduction import Columns, reduce_columns, row, stack

Carry = Literal["ripple", "prefix"]
Recoding = Literal["none", "booth"]


@lru_cache(maxsize=4096)
def adder(bits: int, carry: Carry = "ripple") -> Circuit:
    """Return the sum of two `bits`-bit integers."""
    if bits <= 0:
        return NOTHING
    if carry == "ripple":
        return cells({"full_adder": 1, "carry_merge": bits - 1}, full_adder=bits)
    merges = sum(i.bit_count() for i in range(bits))
    levels = (bits - 1).bit_length()
    return cells(
        {"half_adder": 1, "carry_merge": levels, "xor2": 1}, half_adder=bits, carry_merge=merges, xor2=bits
    )


def subtractor(bits: int, carry: Carry = "ripple") -> Circuit:
    """Return the sum or, with the second operand inverted, the difference of two integers."""
    return cells({"xor2": 1}, xor2=bits).then(adder(bits, carry))


def incrementer(bits: int) -> Circuit:
    """Return the addition of one bit to an integer, as rounding takes."""
    return cells({"half_adder": 1, "and2": max(0, bits - 1)}, half_adder=bits)


def comparator(bits: int) -> Circuit:
    """Return which of two integers is larger: the carry of their difference, without its sum."""
    return cells({"inverter": 1, "carry_merge": bits}, inverter=bits, carry_merge=bits, and2=bits)


def maximum(bits: int) -> Circuit:
    """Return the larger of two integers, or of two floats as sign and magnitude."""
    return comparator(bits).then(cells({"mux2": 1}, mux2=bits))


@lru_cache(maxsize=4096)
def partial_products(a_bits: int, b_bits: int, recoding: Recoding, signed: bool) -> tuple[Circuit, Columns]:
    """Return the circuit that makes the partial products of a x b, and their columns of dots.

    `none` ANDs every bit of a with every bit of b (Baugh and Wooley's form for signed ones has as many dots,
    and two constants, which cost nothing here). `booth` recodes b into radix-4 digits, one for two bits (and
    one more for an unsigned b), and selects 0, a or 2a, negated or not: a row has one more bit than a, one that
    completes the negation, and one that stands for its sign.
    """
    if recoding == "none":
        columns = stack(*(row(a_bits, offset) for offset in range(b_bits)))
        return cells({"and2": 1}, and2=a_bits * b_bits), columns
    digits = booth_digits(b_bits, signed)
    select = cells({"booth_select": 1}, booth_select=(a_bits + 1) * digits)
    rows = [row(a_bits + 2, 2 * i) for i in range(digits)]
    completions = [row(1, 2 * i) for i in range(digits)]
    return booth_encoder(digits).then(select), stack(*rows, *completions)


@lru_cache(maxsize=4096)
def multiplier(
    a_bits: int, b_bits: int, carry: Carry = "ripple", recoding: Recoding | None = None, signed: bool = True
) -> Circuit:
    """Return the full product of two integers; without `recoding`, the smaller of the two forms."""
    return _sum_of_products(a_bits, b_bits, 1, 0, a_bits + b_bits, carry, recoding, signed)


@lru_cache(maxsize=4096)
def multiply_accumulate(
    a_bits: int,
    b_bits: int,
    sum_bits: int,
    carry: Carry = "ripple",
    recoding: Recoding | None = None,
    signed: bool = True,
) -> Circuit:
    """Return a x b + sum, the sum being a row of the reduction; its width is at least the product's."""
    width = max(sum_bits, a_bits + b_bits)
    return _sum_of_products(a_bits, b_bits, 1, width, width, carry, recoding, signed)


@lru_cache(maxsize=4096)
def dot_product(
    a_bits: int,
    b_bits: int,
    terms: int,
    sum_bits: int,
    carry: Carry = "ripple",
    recoding: Recoding | None = None,
    signed: bool = True,
) -> Circuit:
    """Return the sum of `terms` products and of an accumulator of `sum_bits` (0: none), reduced together."""
    width = max(sum_bits, a_bits + b_bits + (terms - 1).bit_length())
    return _sum_of_products(a_bits, b_bits, terms, width if sum_bits else 0, width, carry, recoding, signed)


def _sum_of_products(
    a_bits: int,
    b_bits: int,
    terms: int,
    sum_bits: int,
    width: int,
    carry: Carry,
    recoding: Recoding | None,
    signed: bool,
) -> Circuit:
    if recoding is None:
        # Booth's digits come from the narrower operand, so that there are fewer rows.
        wide, narrow = max(a_bits, b_bits), min(a_bits, b_bits)
        forms = [_sum_of_products(wide, narrow, terms, sum_bits, width, carry, form, signed) for form in _FORMS]
        return min(forms, key=area_um2)
    circuit, columns = partial_products(a_bits, b_bits, recoding, signed)
    reduced = reduce_columns(stack([terms * dots for dots in columns], row(sum_bits)), width)
    return circuit.times(terms).then(reduced.circuit).then(_last_adder(reduced.columns, carry))


_FORMS: tuple[Recoding, ...] = ("none", "booth")


def carry_save_accumulate(a_bits: int, b_bits: int, sum_bits: int) -> Circuit:
    """Return a x b added to a sum kept as two rows of `sum_bits`, Booth recoded; no carry is propagated."""
    products, columns = partial_products(a_bits, b_bits, "booth", True)
    reduced = reduce_columns(stack(columns, row(sum_bits), row(sum_bits)), sum_bits)
    return products.then(reduced.circuit)


@lru_cache(maxsize=4096)
def adder_tree(inputs: int, bits: int, carry: Carry = "ripple") -> Circuit:
    """Return the sum of `inputs` integers of `bits` bits, reduced in carry-save form."""
    width = bits + (inputs - 1).bit_length()
    reduced = reduce_columns([inputs] * bits, width)
    return reduced.circuit.then(_last_adder(reduced.columns, carry))


def shift_and_add(a_bits: int, sum_bits: int, carry: Carry = "ripple") -> Circuit:
    """Return one step of a bit-serial product: a, or zero, added to a sum that shifts by one place."""
    return cells({"and2": 1}, and2=a_bits).then(adder(sum_bits, carry))


def _last_adder(columns: Columns, carry: Carry) -> Circuit:
    """Return the carry-propagate adder of two rows: from the first column with two dots to the last."""
    lowest = next((i for i, dots in enumerate(columns) if dots > 1), len(columns))
    return adder(len(columns) - lowest, carry)
