"""Formulas over timing parameters, such as `RL + BL / 2 + 2 - WL`, evaluated exactly and without `eval`."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from fractions import Fraction

from accel_sim.config.errors import did_you_mean, shortened

Formula = int | str
Number = Fraction

LONGEST = 300

_OPERATORS: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
}
_FUNCTIONS: dict[str, Callable[..., Number]] = {
    "max": max,
    "min": min,
    "ceil": lambda a: Fraction(math.ceil(a)),
    "floor": lambda a: Fraction(math.floor(a)),
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Number, Number], bool]] = {
    ast.GtE: lambda a, b: a >= b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.Lt: lambda a, b: a < b,
    ast.Eq: lambda a, b: a == b,
}


def evaluate(formula: Formula, values: Mapping[str, Number | int]) -> int:
    """Return a formula's value, a whole number of clocks.

    Numbers, names, `+ - * /`, `max`, `min`, `ceil` and `floor` are allowed; arithmetic is exact.

    Raises:
        ValueError: not such a formula, an unknown name, a division by zero, or a value that is not whole.
    """
    if isinstance(formula, int):
        return formula
    value = _value(_parse(formula).body, values)
    if value.denominator != 1:
        raise ValueError(f"'{formula}' is {float(value):g}, not a whole number of clocks (ceil or floor it)")
    return int(value)


def holds(condition: str, values: Mapping[str, Number | int]) -> bool:
    """Return whether a condition such as `tRC >= tRAS + tRP` is true.

    Raises:
        ValueError: as `evaluate`, or not one comparison.
    """
    node = _parse(condition).body
    if not isinstance(node, ast.Compare) or len(node.ops) != 1 or type(node.ops[0]) not in _COMPARISONS:
        raise ValueError(f"'{condition}' is not one comparison of two formulas")
    left, right = _value(node.left, values), _value(node.comparators[0], values)
    return _COMPARISONS[type(node.ops[0])](left, right)


def names_in(formula: Formula) -> set[str]:
    """Return the parameters that a formula or condition uses.

    Raises:
        ValueError: it is not one.
    """
    if isinstance(formula, int):
        return set()
    nodes = ast.walk(_parse(formula))
    return {node.id for node in nodes if isinstance(node, ast.Name)} - set(_FUNCTIONS)


def _parse(formula: str) -> ast.Expression:
    if len(formula) > LONGEST:
        raise ValueError(f"a formula may have {LONGEST} characters, this has {len(formula)}")
    try:
        return ast.parse(formula.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"'{shortened(formula)}' is not a formula") from None


def _value(node: ast.expr, values: Mapping[str, Number | int]) -> Number:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return Fraction(str(node.value))
    if isinstance(node, ast.Name):
        if node.id not in values:
            raise ValueError(f"unknown parameter '{node.id}'{did_you_mean(node.id, values)}")
        return Fraction(values[node.id])
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, values)
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left, values), _value(node.right, values)
        if isinstance(node.op, ast.Div):
            if right == 0:
                raise ValueError("division by zero")
            return left / right
        if type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](left, right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        function = node.func.id
        count = len(node.args)
        if function in _FUNCTIONS and (count == 1 if function in ("ceil", "floor") else count >= 2):
            return _FUNCTIONS[function](*(_value(argument, values) for argument in node.args))
    raise ValueError(
        f"'{shortened(ast.unparse(node))}' is not allowed in a formula (+ - * / max min ceil floor)"
    )
