"""A space as plain data, so that a folder of results can be understood without the files it came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accel_sim.explore.search.domains import Domain, Finite, Real
from accel_sim.explore.search.expressions import Expression, parse_expression
from accel_sim.explore.search.space import Parameter, Space


def space_to_data(space: Space) -> dict[str, Any]:
    """Return what JSON can hold of a space, in SI units; `space_from_data` is its inverse."""
    return {
        "parameters": [
            {
                "name": parameter.name,
                "paths": list(parameter.paths),
                "domain": None if parameter.domain is None else _domain_data(parameter.domain),
                "when": _text(parameter.when),
                "derive": _text(parameter.derive),
            }
            for parameter in space.parameters
        ],
        "constraints": [constraint.text for constraint in space.constraints],
        "constants": dict(space.constants),
    }


def space_from_data(data: Mapping[str, Any]) -> Space:
    """Return the space of `space_to_data`.

    Raises:
        KeyError, TypeError, ValueError: data that is none.
    """
    parameters = tuple(
        Parameter(
            one["name"],
            tuple(one["paths"]),
            None if one["domain"] is None else _domain(one["domain"]),
            _expression(one["when"]),
            _expression(one["derive"]),
        )
        for one in data["parameters"]
    )
    constraints = tuple(parse_expression(text) for text in data["constraints"])
    return Space(parameters, constraints, data["constants"])


def _domain_data(domain: Domain) -> dict[str, Any]:
    if isinstance(domain, Real):
        return {"float": [domain.low, domain.high], "log": domain.log}
    if isinstance(domain.values, range):
        return {"range": [domain.values.start, domain.values.stop, domain.values.step]}
    return {"values": list(domain.values), "ordered": domain.ordered}


def _domain(data: Mapping[str, Any]) -> Domain:
    if "float" in data:
        low, high = data["float"]
        return Real(low, high, data["log"])
    if "range" in data:
        return Finite(range(*data["range"]), ordered=True)
    # JSON has no tuples; a list is the values of several paths that move together.
    values = tuple(tuple(value) if isinstance(value, list) else value for value in data["values"])
    return Finite(values, data["ordered"])


def _text(expression: Expression | None) -> str | None:
    return None if expression is None else expression.text


def _expression(text: str | None) -> Expression | None:
    return None if text is None else parse_expression(text)
