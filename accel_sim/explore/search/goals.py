"""What a search is after: objectives to minimise or maximise, limits to keep."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from accel_sim.config import Document
from accel_sim.config.document import Key
from accel_sim.explore.search.expressions import Expression, ExpressionError, parse_expression
from accel_sim.explore.spec import Bound


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric, or an expression of metrics, to be made small or large."""

    expression: Expression
    maximise: bool

    @property
    def name(self) -> str:
        """As in the file."""
        return self.expression.text


@dataclass(frozen=True, slots=True)
class Limit:
    """Bounds within which a metric, or an expression of metrics, must stay."""

    expression: Expression
    bound: Bound

    @property
    def name(self) -> str:
        """As in the file."""
        return self.expression.text


@dataclass(frozen=True, slots=True)
class Score:
    """How good a candidate is.

    Attributes:
        costs: one for each objective, all to be minimised: those to be maximised have their sign changed.
        values: the objectives as they are.
        limited: value of each limit's expression.
        violation: by how much the limits are broken in all, as a share of each; 0 where it is feasible.
        violations: the parts of it, by limit.
    """

    costs: tuple[float, ...]
    values: tuple[float, ...]
    limited: tuple[float, ...]
    violations: tuple[float, ...]

    @property
    def violation(self) -> float:
        """By how much the limits are broken in all; 0 where they hold."""
        return sum(self.violations)


@dataclass(frozen=True, slots=True)
class Goals:
    """Objectives and limits, in the order of the file."""

    objectives: tuple[Objective, ...]
    limits: tuple[Limit, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the objectives."""
        return tuple(objective.name for objective in self.objectives)

    def score(self, metrics: Mapping[str, float]) -> Score:
        """Return how good metrics are.

        Raises:
            ExpressionError: a value that cannot be computed, or is not finite.
        """
        values = tuple(_finite(o.expression, metrics) for o in self.objectives)
        limited = tuple(_finite(limit.expression, metrics) for limit in self.limits)
        return Score(
            costs=tuple(-v if o.maximise else v for v, o in zip(values, self.objectives, strict=True)),
            values=values,
            limited=limited,
            violations=tuple(excess(limit.bound, v) for limit, v in zip(self.limits, limited, strict=True)),
        )


def _finite(expression: Expression, metrics: Mapping[str, float]) -> float:
    value = float(expression.value(metrics))
    if not math.isfinite(value):
        raise ExpressionError(f"'{expression.text}' is {value}")
    return value


def excess(bound: Bound, value: float) -> float:
    """Return by how much a value is out of bounds, as a share of the bound it breaks."""
    for limit, over in ((bound.max, 1), (bound.min, -1)):
        if limit is not None and (value - limit) * over > 0:
            return abs(value - limit) / (abs(limit) or 1.0)
    return 0.0


def read_goals(
    document: Document,
    objectives: Mapping[str, str],
    limits: Mapping[str, Bound],
    metrics: Collection[str],
) -> Goals:
    """Return the goals of a search file, whose expressions are of `metrics`.

    Raises:
        InputError: an expression that is none, or a metric that does not exist, with the nearest one.
    """
    return Goals(
        tuple(
            Objective(_read(document, ("objectives", text), text, metrics), direction == "max")
            for text, direction in objectives.items()
        ),
        tuple(Limit(_read(document, ("limits", text), text, metrics), bound) for text, bound in limits.items()),
    )


def _read(document: Document, place: tuple[Key, ...], text: str, known: Collection[str]) -> Expression:
    try:
        expression = parse_expression(text)
        expression.check_names(known, "a metric")
    except ExpressionError as error:
        raise document.error(place, str(error)) from None
    return expression
