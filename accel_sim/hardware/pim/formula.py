"""Arithmetic formulas of named figures, as protocols use them for latencies and energies."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from accel_sim.config.errors import did_you_mean

Formula = int | str


def evaluate(formula: Formula, names: Mapping[str, float]) -> float:
    """Return the value of an arithmetic formula of names: `+ - * /`, `max`, `min`, parentheses.

    Raises:
        ValueError: anything else, or an unknown name.
    """
    if isinstance(formula, int):
        return formula
    try:
        tree = ast.parse(formula, mode="eval").body
    except SyntaxError:
        raise ValueError("is not a formula") from None
    return _value(tree, names)


def _value(node: Any, names: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.Name(id=name):
            if name not in names:
                raise ValueError(f"unknown name '{name}'{did_you_mean(name, names)}")
            return names[name]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _value(left, names) + _value(right, names)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return _value(left, names) - _value(right, names)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _value(left, names) * _value(right, names)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _value(left, names) / _value(right, names)
        case ast.Call(func=ast.Name(id="max"), args=args) if args:
            return max(_value(arg, names) for arg in args)
        case ast.Call(func=ast.Name(id="min"), args=args) if args:
            return min(_value(arg, names) for arg in args)
    raise ValueError("is not a formula of + - * / max min")
