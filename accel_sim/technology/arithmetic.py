"""Energy, area and leakage of arithmetic units, from the cells they are made of.

A unit's cells follow from its number formats (`circuits`), their price from the node (`pricing`). Calibrated on
two published adders (int8 and int32, Horowitz ISSCC 2014, energy only) and one flip-flop; every other figure is
a prediction, and `accel-sim validate arithmetic` sets all of them beside what is published.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from typing import Literal, get_args

from accel_sim.config.errors import did_you_mean
from accel_sim.technology.cells import DEFAULT_ACTIVITY
from accel_sim.technology.circuits import blocks, floating, integer
from accel_sim.technology.circuits.circuit import Circuit
from accel_sim.technology.circuits.floating import significand_bits
from accel_sim.technology.circuits.functions import ITERATIONS, iterate, product, total
from accel_sim.technology.circuits.integer import Carry
from accel_sim.technology.cost import Cost, weakest
from accel_sim.technology.pricing import built_for, built_in, price, stages_for
from accel_sim.workload.formats import NumberFormat

Operation = Literal["add", "multiply", "max", "exp", "rsqrt", "divide", "register"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)


def operation(
    kind: Operation,
    fmt: NumberFormat,
    node_nm: float,
    voltage_v: float | None = None,
    clock_hz: float | None = None,
    activity: float = DEFAULT_ACTIVITY,
) -> Cost:
    """Return the cost of one operation on values of a format.

    `add`, `multiply`, `divide` and `max` take two operands; `register` stores one value in flip-flops.

    clock_hz: the unit is built to take an operation each cycle (exp, rsqrt and divide: a step of their
        iteration); None leaves it as small as it can be.
    activity: see `pricing.price`.

    Raises:
        ValueError: an unknown kind, or a node, supply or activity that is not covered.
    """
    stages = _operation_stages(kind, fmt, node_nm, voltage_v, clock_hz)
    return _operation(kind, fmt, stages, node_nm, voltage_v, activity)


@lru_cache(maxsize=4096)
def _operation(
    kind: Operation, fmt: NumberFormat, stages: int, node_nm: float, voltage_v: float | None, activity: float
) -> Cost:
    circuit = built_in(stages, fmt.bits, partial(_unit, kind, fmt))
    cost = price(circuit, node_nm, voltage_v, activity)
    if kind in ITERATIONS:
        source = f"{cost.source}; {ITERATIONS[kind].method}"
        return replace(cost, source=source, certainty=weakest("assumed", cost.certainty))
    return cost


def multiply_accumulate(
    a: NumberFormat,
    b: NumberFormat,
    accumulator: NumberFormat,
    node_nm: float,
    voltage_v: float | None = None,
    clock_hz: float | None = None,
    activity: float = DEFAULT_ACTIVITY,
) -> Cost:
    """Return the cost of multiplying values of formats a and b and adding the product to an accumulator.

    No registers but those of a pipeline are included. Any mix of integers and floats is priced; a product that
    is not of the accumulator's kind is converted.

    Raises:
        ValueError: a node, supply or activity that is not covered.
    """
    stages = stages_for(clock_hz, node_nm, voltage_v, partial(_fused, a, b, accumulator))
    return _multiply_accumulate(a, b, accumulator, stages, node_nm, voltage_v, activity)


@lru_cache(maxsize=4096)
def _multiply_accumulate(
    a: NumberFormat,
    b: NumberFormat,
    accumulator: NumberFormat,
    stages: int,
    node_nm: float,
    voltage_v: float | None,
    activity: float,
) -> Cost:
    circuit = built_in(stages, accumulator.bits, partial(_fused, a, b, accumulator))
    return price(circuit, node_nm, voltage_v, activity)


def operation_circuit(
    kind: Operation, fmt: NumberFormat, node_nm: float, voltage_v: float | None, clock_hz: float | None
) -> Circuit:
    """Return the cells of the unit that `operation` prices."""
    stages = _operation_stages(kind, fmt, node_nm, voltage_v, clock_hz)
    return built_in(stages, fmt.bits, partial(_unit, kind, fmt))


def multiply_accumulate_circuit(
    a: NumberFormat,
    b: NumberFormat,
    accumulator: NumberFormat,
    node_nm: float,
    voltage_v: float | None,
    clock_hz: float | None,
) -> Circuit:
    """Return the cells of the unit that `multiply_accumulate` prices."""
    return built_for(clock_hz, node_nm, voltage_v, accumulator.bits, partial(_fused, a, b, accumulator))


def _operation_stages(
    kind: Operation, fmt: NumberFormat, node_nm: float, voltage_v: float | None, clock_hz: float | None
) -> int:
    # A register is fast enough for every clock.
    return 0 if kind == "register" else stages_for(clock_hz, node_nm, voltage_v, partial(_unit, kind, fmt))


@lru_cache(maxsize=1024)
def _unit(kind: Operation, fmt: NumberFormat, carry: Carry) -> Circuit:
    if kind == "register":
        return blocks.register(fmt.bits)
    if kind == "add":
        return total(fmt, carry)
    if kind == "multiply":
        return product(fmt, carry)
    if kind == "max":
        return integer.maximum(fmt.bits)
    if kind in ITERATIONS:
        return iterate(kind, fmt, carry)
    raise ValueError(f"unknown operation '{kind}'{did_you_mean(kind, OPERATIONS)}")


@lru_cache(maxsize=1024)
def _fused(a: NumberFormat, b: NumberFormat, accumulator: NumberFormat, carry: Carry) -> Circuit:
    floats = "float" in (a.kind, b.kind)
    signed = "int" in (a.kind, b.kind)
    if not floats and accumulator.kind != "float":
        return integer.multiply_accumulate(a.bits, b.bits, accumulator.bits, carry, signed=signed)
    if floats and accumulator.kind == "float":
        return floating.float_multiply_accumulate(a, b, accumulator, carry)
    if floats:
        converted = floating.float_product(a, b, carry).then(floating.converter(_exact(a, b), accumulator))
        return converted.then(integer.adder(accumulator.bits, carry))
    multiplied = integer.multiplier(a.bits, b.bits, carry, signed=signed)
    converted = multiplied.then(floating.converter(_exact(a, b), accumulator))
    return converted.then(floating.float_adder(accumulator, carry))


def _exact(a: NumberFormat, b: NumberFormat) -> NumberFormat:
    """Return the format that holds the exact product of two values."""
    significand, exponent = significand_bits(a) + significand_bits(b), max(a.exponent_bits, b.exponent_bits)
    kind = "float" if exponent else "int"
    return NumberFormat("product", kind, significand + exponent, exponent, significand - 1 if exponent else 0)
