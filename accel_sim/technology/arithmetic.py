"""Energy, area and leakage of arithmetic units, from Horowitz's 45 nm table (ISSCC 2014) and scaling laws.

The rows of `data/arithmetic.csv` are reproduced exactly at 45 nm. Between and beyond them:

- an integer adder is linear in its width, an integer multiplier in the product of its operands' widths;
- a float multiplier is an integer multiplier of the significands, an adder of the exponents, and a rest
  (normalise, round) that is a power of the significand's width fixed by the fp16 and fp32 rows; operands of
  different width enter the rest by their geometric mean; an integer is a significand without exponent;
- a float adder is an integer adder of the significands, one of the exponents (it compares), and a rest
  (align, normalise) found in the same way;
- a comparator is linear in the width, for floats too: sign and magnitude order like integers;
- exp, rsqrt and divide iterate over one multiplier and one adder, as often as `_ITERATIVE` says;
- leakage goes with area, at the density of one published multiplier.

Left out: pipeline registers (charge `register`), conversions between formats, place and route, clock tree,
timing (one row serves every clock) and operand activity.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

from accel_sim.config.errors import did_you_mean
from accel_sim.technology.cost import Cost, combine
from accel_sim.technology.nodes import node_factors
from accel_sim.technology.tables import Points, from_origin, read_table
from accel_sim.workload.formats import NumberFormat, number_format

Operation = Literal["add", "multiply", "max", "exp", "rsqrt", "divide", "register"]
_Column = Literal["energy_pj", "area_um2"]

# Multiplications and additions one result takes; the seed of a Newton iteration is free (assumed).
_ITERATIVE = {
    "exp": (6, 6, "six chained multiply-accumulates of a Taylor series (FuseMax)"),
    "rsqrt": (6, 2, "two Newton steps of 3 multiplications and 1 addition (assumed)"),
    "divide": (5, 2, "two Newton steps of 2 multiplications and 1 addition, then a multiplication (assumed)"),
}


@lru_cache(maxsize=4096)
def operation(kind: Operation, fmt: NumberFormat, node_nm: float, voltage_v: float | None = None) -> Cost:
    """Return the cost of one operation on values of a format.

    `add`, `multiply`, `divide` and `max` take two operands; `register` stores one value in flip-flops.

    Raises:
        ValueError: an unknown kind, or a node or supply outside what `node_factors` covers.
    """
    if kind == "add":
        cost = _add(fmt)
    elif kind == "multiply":
        cost = _multiply(fmt, fmt)
    elif kind in ("max", "register"):
        cost = _per_bit(kind, fmt.bits)
    elif kind in _ITERATIVE:
        cost = _iterative(kind, fmt)
    else:
        kinds = ("add", "multiply", "max", "register", *_ITERATIVE)
        raise ValueError(f"unknown operation '{kind}'{did_you_mean(kind, kinds)}")
    return _at_node(cost, node_nm, voltage_v)


@lru_cache(maxsize=4096)
def multiply_accumulate(
    a: NumberFormat,
    b: NumberFormat,
    accumulator: NumberFormat,
    node_nm: float,
    voltage_v: float | None = None,
) -> Cost:
    """Return the cost of a multiplier of formats a and b followed by an adder of the accumulator's format.

    No registers are included. Any mix of integers and floats is priced; bringing the product into an
    accumulator of the other kind is not.

    Raises:
        ValueError: a node or supply outside what `node_factors` covers.
    """
    return _at_node(combine((1, _multiply(a, b)), (1, _add(accumulator))), node_nm, voltage_v)


def _at_node(cost: Cost, node_nm: float, voltage_v: float | None) -> Cost:
    factors = node_factors(node_nm, voltage_v)
    return cost.scaled(factors.energy, factors.area, factors.leakage)


def _add(fmt: NumberFormat) -> Cost:
    return _unit("add", _add_figure("energy_pj", fmt), _add_figure("area_um2", fmt), (fmt,))


def _multiply(a: NumberFormat, b: NumberFormat) -> Cost:
    return _unit("multiply", _multiply_figure("energy_pj", a, b), _multiply_figure("area_um2", a, b), (a, b))


def _iterative(kind: str, fmt: NumberFormat) -> Cost:
    multiplications, additions, method = _ITERATIVE[kind]
    multiply, add = _multiply(fmt, fmt), _add(fmt)
    return Cost(
        energy_j=multiplications * multiply.energy_j + additions * add.energy_j,
        area_mm2=multiply.area_mm2 + add.area_mm2,
        leakage_w=multiply.leakage_w + add.leakage_w,
        source=f"{multiply.source}; {method}",
        certainty="assumed",
    )


def _per_bit(kind: str, bits: int) -> Cost:
    row = _rows()[kind]
    (fmt, figures), *_ = row.items()
    cost = Cost(
        energy_j=float(figures["energy_pj"]) * 1e-12,
        area_mm2=float(figures["area_um2"]) * 1e-6,
        leakage_w=float(figures["leakage_mw"]) * 1e-3,
        source=figures["source"],
        certainty="sourced",
    )
    scale = bits / number_format(fmt).bits
    return cost.scaled(scale, scale, scale)


def _unit(name: str, energy_pj: float, area_um2: float, operands: tuple[NumberFormat, ...]) -> Cost:
    row, leakage = _rows()[name], _rows()["leakage"]["int32"]
    names = {fmt.name.removeprefix("u") for fmt in operands}
    return Cost(
        energy_j=energy_pj * 1e-12,
        area_mm2=area_um2 * 1e-6,
        leakage_w=area_um2 * float(leakage["leakage_mw"]) / float(leakage["area_um2"]) * 1e-3,
        source=f"{row['fp32']['source']}; leakage: {leakage['source']}",
        certainty="sourced" if len(names) == 1 and names <= row.keys() else "scaled",
    )


def _add_figure(column: _Column, fmt: NumberFormat) -> float:
    if fmt.kind != "float":
        return _integer_add(column, fmt.bits)
    significand = _significand(fmt)
    return _add_core(column, significand, fmt.exponent_bits) + _rest("add", column, significand)


def _multiply_figure(column: _Column, a: NumberFormat, b: NumberFormat) -> float:
    product = _significand(a) * _significand(b)
    if "float" not in (a.kind, b.kind):
        return _integer_multiply(column, product)
    core = _multiply_core(column, product, max(a.exponent_bits, b.exponent_bits))
    return core + _rest("multiply", column, math.sqrt(product))


def _add_core(column: _Column, significand: int, exponent: int) -> float:
    return _integer_add(column, significand) + _integer_add(column, exponent)


def _multiply_core(column: _Column, product: int, exponent: int) -> float:
    return _integer_multiply(column, product) + _integer_add(column, exponent)


def _rest(name: str, column: _Column, significand: float) -> float:
    narrow, at_narrow, power = _rest_law(name, column)
    return at_narrow * (significand / narrow) ** power


@lru_cache(maxsize=8)
def _rest_law(name: str, column: _Column) -> tuple[int, float, float]:
    """Return fp16's significand, its rest, and the power that leads to the rest of fp32."""
    points = []
    for fmt in (number_format("fp16"), number_format("fp32")):
        bits = _significand(fmt)
        core = _multiply_core(column, bits * bits, fmt.exponent_bits)
        if name == "add":
            core = _add_core(column, bits, fmt.exponent_bits)
        points.append((bits, float(_rows()[name][fmt.name][column]) - core))
    (narrow, at_narrow), (wide, at_wide) = points
    return narrow, at_narrow, math.log(at_wide / at_narrow) / math.log(wide / narrow)


def _significand(fmt: NumberFormat) -> int:
    return fmt.mantissa_bits + 1 if fmt.kind == "float" else fmt.bits


def _integer_add(column: _Column, bits: int) -> float:
    return from_origin(_integer_points("add", column, 1), bits)


def _integer_multiply(column: _Column, product: int) -> float:
    return from_origin(_integer_points("multiply", column, 2), product)


@lru_cache(maxsize=8)
def _integer_points(name: str, column: _Column, power: int) -> Points:
    rows = ((number_format(fmt), row) for fmt, row in _rows()[name].items())
    return tuple((float(fmt.bits**power), float(row[column])) for fmt, row in rows if fmt.kind == "int")


@lru_cache(maxsize=1)
def _rows() -> dict[str, dict[str, dict[str, str]]]:
    rows: dict[str, dict[str, dict[str, str]]] = {}
    for row in read_table("arithmetic"):
        rows.setdefault(row["operation"], {})[row["format"]] = row
    return rows
