"""Encoders: of digits for multipliers, of leading zeros, of one in many."""

from __future__ import annotations

from accel_sim.technology.circuits.circuit import NOTHING, Circuit, cells


def booth_digits(bits: int, signed: bool) -> int:
    """Return the radix-4 Booth digits of an operand: one for two bits, and one more when it has no sign."""
    return (bits + 1) // 2 if signed else bits // 2 + 1


def booth_encoder(digits: int) -> Circuit:
    """Return the recoding of overlapping triples of bits into `digits` radix-4 digits in {-2 ... 2}.

    A digit's three control lines (one, two, negative) take an XOR, an XNOR and an AND-OR each.
    """
    return cells({"xor2": 1, "and_or22": 1}, xor2=2 * digits, and_or22=digits)


def ent_encoder(bits: int) -> Circuit:
    """Return the recoding of a `bits`-bit magnitude into radix-4 digits in {-1, 0, 1, 2} with a carry between.

    EN-T (arXiv 2404.11887) adds the carry of the digit before to two bits and gives a carry on when the sum is
    three or more; a digit is coded in two bits. Two half adders and an OR a digit (assumed: no netlist is
    published).
    """
    digits = (bits + 1) // 2
    return cells({"half_adder": 2, "and2": digits}, half_adder=2 * digits, and2=digits)


def leading_zero_counter(bits: int) -> Circuit:
    """Return the count of zeros before the first one, as a tree (Oklobdzija, 1994).

    Halves are counted, then chosen. Joining two counts of k bits takes k selectors, and an AND and an OR for
    "all zero" and the new high bit.
    """
    if bits <= 1:
        return NOTHING
    circuit, groups, count_bits = NOTHING, bits, 0
    while groups > 1:
        groups = (groups + 1) // 2
        joint = cells({"mux2": 1}, mux2=count_bits, and2=2)
        circuit = circuit.then(joint.times(groups))
        count_bits += 1
    return circuit
