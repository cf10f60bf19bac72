"""Arithmetic of named values, as conditions, constraints, derived values and objectives of a search file.

An expression is read by Python's grammar and turned into closures over a list of allowed forms: numbers, words
in quotes, dotted names, arithmetic, comparisons, `and`, `or`, `not`, `in`, `a if b else c` and a few functions.
Nothing is ever executed that is not on the list.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from accel_sim.config import did_you_mean
from accel_sim.config.units import UNITS

Names = Mapping[str, Any]
Closure = Callable[[Names], Any]

LONGEST = 1000
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "ceil": math.ceil,
    "floor": math.floor,
    "log": math.log,
    "log2": math.log2,
    "max": max,
    "min": min,
    "sqrt": math.sqrt,
}
# A constraint that is broken by nothing that can be measured, such as `a != b`, is broken by this much.
BROKEN = 1.0
LEAST_BROKEN = 1e-12
_UNITS = UNITS["bytes"] | {unit: scale for unit, scale in UNITS["hertz"].items() if unit}
_QUANTITY = re.compile(
    rf"(?<![\w.])(\d[\d_]*\.?\d*(?:[eE][-+]?\d+)?)\s*({'|'.join(sorted(_UNITS, key=len, reverse=True))})(?!\w)"
)


def _power(base: Any, exponent: Any) -> Any:
    """Return a power as a float where the integer would be too long to be meant."""
    return base**exponent if abs(exponent) <= 64 and abs(base) <= 2**53 else float(base) ** float(exponent)


_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda value, values: value in values,
    ast.NotIn: lambda value, values: value not in values,
}


class ExpressionError(ValueError):
    """An expression that cannot be read, or has no value for what it was given."""


class AbsentError(ExpressionError):
    """An expression over a name that has no value, such as a parameter whose condition does not hold."""


@dataclass(frozen=True, slots=True)
class Expression:
    """What a piece of text stands for.

    Attributes:
        text: as it was written.
        names: that it refers to.
    """

    text: str
    names: frozenset[str]
    _value: Closure = field(repr=False, compare=False)
    _violation: Closure = field(repr=False, compare=False)

    def __reduce__(self) -> tuple[Callable[[object], Expression], tuple[str]]:
        """Pickle the text: closures cannot be sent to another process."""
        return parse_expression, (self.text,)

    def value(self, names: Names) -> Any:
        """Return the value for the given names.

        Raises:
            AbsentError: a name without a value.
            ExpressionError: division by zero, a comparison of a word with a number, and the like.
        """
        return _evaluated(self._value, self.text, names)

    def violation(self, names: Names) -> float:
        """Return 0 where the expression is true, else by how much it is not, as a share of what it compares.

        Raises:
            AbsentError, ExpressionError: as of `value`.
        """
        return float(_evaluated(self._violation, self.text, names))

    def check_names(self, known: Collection[str], what: str) -> None:
        """Refuse a name that is not known.

        Raises:
            ExpressionError: with the nearest name that is.
        """
        for name in sorted(self.names):
            if name not in known:
                raise ExpressionError(f"'{name}' is not {what}{did_you_mean(name, known)}")


def parse_expression(text: object) -> Expression:
    """Return the expression that a value of a file stands for; a number stands for itself.

    Raises:
        ExpressionError: not an expression, or a form that is not allowed.
    """
    if isinstance(text, bool | int | float):
        text = repr(text)
    if not isinstance(text, str) or not text.strip():
        raise ExpressionError("must be an expression, such as 'npu.rows * npu.columns <= 65536'")
    if len(text) > LONGEST:
        raise ExpressionError(f"has {len(text)} characters (at most {LONGEST})")
    plain = _QUANTITY.sub(lambda match: repr(float(match[1].replace("_", "")) * _UNITS[match[2]]), text)
    try:
        tree = ast.parse(plain.strip(), mode="eval").body
        names = frozenset(_names(tree))
        return Expression(text, names, _closure(tree), _violation(tree))
    except SyntaxError:
        raise ExpressionError(f"'{text}' is not an expression") from None
    except (RecursionError, MemoryError, OverflowError, ValueError) as error:
        if isinstance(error, ExpressionError):
            raise
        raise ExpressionError(f"'{text[:40]}' cannot be read: {type(error).__name__}") from None


def _evaluated(closure: Closure, text: str, names: Names) -> Any:
    try:
        return closure(names)
    except KeyError as error:
        raise AbsentError(f"'{text}': {error.args[0]} has no value") from None
    except (ArithmeticError, TypeError, ValueError) as error:
        raise ExpressionError(f"'{text}': {error}") from None


def _dotted(node: ast.expr) -> str | None:
    """Return a chain of attributes as a dotted name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        start = _dotted(node.value)
        return None if start is None else f"{start}.{node.attr}"
    return None


def _names(node: ast.expr) -> set[str]:
    name = _dotted(node)
    if name is not None:
        return {name}
    parts = node.args if isinstance(node, ast.Call) else ast.iter_child_nodes(node)
    return {name for part in parts if isinstance(part, ast.expr) for name in _names(part)}


def _closure(node: ast.expr) -> Closure:
    """Return a function of names that computes the value of a node."""
    name = _dotted(node)
    if name is not None:
        return operator.itemgetter(name)
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float | str):
        constant = node.value
        return lambda names: constant
    if isinstance(node, ast.Tuple | ast.List):
        items = [_closure(item) for item in node.elts]
        return lambda names: [item(names) for item in items]
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        calculate, left, right = _ARITHMETIC[type(node.op)], _number(node.left), _number(node.right)
        return lambda names: calculate(left(names), right(names))
    if isinstance(node, ast.UnaryOp):
        return _unary(node)
    if isinstance(node, ast.BoolOp):
        parts = [_closure(part) for part in node.values]
        decide = all if isinstance(node.op, ast.And) else any
        return lambda names: decide(part(names) for part in parts)
    if isinstance(node, ast.Compare):
        return _chain(node)
    if isinstance(node, ast.IfExp):
        test, then, otherwise = _closure(node.test), _closure(node.body), _closure(node.orelse)
        return lambda names: then(names) if test(names) else otherwise(names)
    if isinstance(node, ast.Call):
        return _call(node)
    raise ExpressionError(f"'{ast.unparse(node)}' is not allowed in an expression")


def _number(node: ast.expr) -> Closure:
    """Return the closure of an operand of arithmetic: a word in quotes is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        raise ExpressionError(f"'{node.value}' is a word, and cannot be calculated with")
    value = _closure(node)

    def number(names: Names) -> Any:
        found = value(names)
        if isinstance(found, int | float):
            return found
        raise TypeError(f"{ast.unparse(node)} = {found!r} is not a number")

    return number


def _unary(node: ast.UnaryOp) -> Closure:
    if isinstance(node.op, ast.Not):
        inner = _closure(node.operand)
        return lambda names: not inner(names)
    number = _number(node.operand)
    if isinstance(node.op, ast.USub):
        return lambda names: -number(names)
    if isinstance(node.op, ast.UAdd):
        return number
    raise ExpressionError(f"'{ast.unparse(node)}' is not allowed in an expression")


def _pairs(node: ast.Compare) -> list[tuple[Callable[[Any, Any], bool], Closure, Closure, ast.cmpop]]:
    """Return the comparisons of a chain, each with its two sides."""
    sides = [_closure(side) for side in (node.left, *node.comparators)]
    pairs = []
    for op, left, right in zip(node.ops, sides[:-1], sides[1:], strict=True):
        if type(op) not in _COMPARISONS:
            raise ExpressionError(f"'{ast.unparse(node)}' is not allowed in an expression")
        pairs.append((_COMPARISONS[type(op)], left, right, op))
    return pairs


def _chain(node: ast.Compare) -> Closure:
    pairs = _pairs(node)
    return lambda names: all(compare(left(names), right(names)) for compare, left, right, _ in pairs)


def _call(node: ast.Call) -> Closure:
    name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
    if name not in FUNCTIONS:
        raise ExpressionError(f"'{name}' is not a function{did_you_mean(name, FUNCTIONS)}")
    if node.keywords or not node.args or any(isinstance(item, ast.Starred) for item in node.args):
        raise ExpressionError(f"'{ast.unparse(node)}': a function takes values only")
    function, arguments = FUNCTIONS[name], [_number(argument) for argument in node.args]
    return lambda names: function(*(argument(names) for argument in arguments))


def _violation(node: ast.expr) -> Closure:
    """Return a function of names that says how far a node is from being true."""
    if isinstance(node, ast.BoolOp):
        parts = [_violation(part) for part in node.values]
        joined = sum if isinstance(node.op, ast.And) else min
        return lambda names: joined(part(names) for part in parts)
    if isinstance(node, ast.Compare):
        pairs = _pairs(node)
        return lambda names: sum(
            0.0 if compare(a := left(names), b := right(names)) else _distance(a, b, op)
            for compare, left, right, op in pairs
        )
    value = _closure(node)
    return lambda names: 0.0 if value(names) else BROKEN


def _distance(left: Any, right: Any, op: ast.cmpop) -> float:
    """Return how far two sides are apart, as a share of the greater one."""
    if isinstance(op, ast.NotEq | ast.In | ast.NotIn):
        return BROKEN
    if not (isinstance(left, int | float) and isinstance(right, int | float)):
        return BROKEN
    scale = max(abs(left), abs(right))
    return max(abs(left - right) / scale, LEAST_BROKEN) if scale else LEAST_BROKEN
