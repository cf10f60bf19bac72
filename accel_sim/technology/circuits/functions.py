"""Functions of a vector lane that iterate on one multiplier and one adder: exp, reciprocal root, divide."""

from __future__ import annotations

from dataclasses import dataclass

from accel_sim.technology.circuits.circuit import Circuit
from accel_sim.technology.circuits.floating import float_adder, float_multiplier, significand_bits
from accel_sim.technology.circuits.integer import Carry, adder, multiplier
from accel_sim.workload.formats import NumberFormat


@dataclass(frozen=True, slots=True)
class Iteration:
    """How a function is made of multiplications and additions.

    Attributes:
        multiplications, additions: for one result; the seed of a Newton iteration is free (assumed).
        method: in words, with its source.
    """

    multiplications: int
    additions: int
    method: str


ITERATIONS = {
    "exp": Iteration(6, 6, "six chained multiply-accumulates of a Taylor series (FuseMax)"),
    "rsqrt": Iteration(6, 2, "two Newton steps of 3 multiplications and 1 addition (assumed)"),
    "divide": Iteration(
        5, 2, "two Newton steps of 2 multiplications and 1 addition, then a multiplication (assumed)"
    ),
}


def product(fmt: NumberFormat, carry: Carry = "ripple") -> Circuit:
    """Return the product of two values of a format."""
    if fmt.kind == "float":
        return float_multiplier(fmt, fmt, carry)
    return multiplier(significand_bits(fmt), significand_bits(fmt), carry, signed=fmt.kind == "int")


def total(fmt: NumberFormat, carry: Carry = "ripple") -> Circuit:
    """Return the sum of two values of a format."""
    return float_adder(fmt, carry) if fmt.kind == "float" else adder(fmt.bits, carry)


def iterate(name: str, fmt: NumberFormat, carry: Carry = "ripple") -> Circuit:
    """Return the unit of a function in ITERATIONS: one multiplier and one adder, each used several times.

    Its depth is that of one use of both, since an iteration takes cycles.
    """
    steps = ITERATIONS[name]
    multiply, add = product(fmt, carry), total(fmt, carry)
    used = multiply.used(steps.multiplications) + add.used(steps.additions)
    return Circuit(used.cells, used.uses, multiply.then(add).depth_fo4)
