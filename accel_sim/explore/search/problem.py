"""What a search needs to know of that which it searches: how values become tasks, and outcomes metrics.

A simulated design, a table of results and a surrogate are problems alike.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from accel_sim.explore.store import Outcome
from accel_sim.explore.worker import Evaluate, Task, outcome_of

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """A candidate as something to evaluate.

    Attributes:
        key: content hash; candidates with the same key are the same design.
        tasks: to be evaluated; tasks with the same key have the same outcome.
        error: why it cannot be evaluated, when that is known beforehand.
    """

    key: str
    tasks: tuple[Task, ...] = ()
    error: str | None = None


class Problem(Protocol):
    """Something to search.

    Attributes:
        identity: text that differs where the outcome of the same values may differ.
        metrics: names that objectives and limits may use.
        evaluate: what is done with a task; it pickles.
    """

    @property
    def identity(self) -> str: ...  # noqa: D102
    @property
    def metrics(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def evaluate(self) -> Evaluate: ...  # noqa: D102

    def question(self, values: Values) -> Question:
        """Return what to evaluate for the values of a candidate, by path."""

    def combine(self, question: Question, outcomes: Sequence[Outcome]) -> Mapping[str, float]:
        """Return the metrics of a candidate from the finished outcomes of its tasks, in their order."""


@dataclass(frozen=True, slots=True)
class Call:
    """A task for `Calls`: the values of a candidate."""

    key: str
    values: Values


@dataclass(frozen=True, slots=True)
class Calls:
    """Evaluates candidates with a function of their values."""

    function: Callable[[Values], Mapping[str, float]]

    def __call__(self, call: Call) -> Outcome:
        """Return what becomes of a candidate."""
        return outcome_of(call.key, lambda: self.function(call.values))


@dataclass(frozen=True, slots=True)
class FunctionProblem:
    """A problem whose metrics are a function of the values: a formula, a table, a model that was trained.

    Attributes:
        identity: text that stands for the function in keys.
        metrics: names of what the function returns.
        function: from values by path to metrics by name; it pickles where worker processes are wanted. What it
            raises is the candidate's error.
    """

    identity: str
    metrics: tuple[str, ...]
    function: Callable[[Values], Mapping[str, float]]

    @property
    def evaluate(self) -> Evaluate:
        """What is done with a task."""
        return Calls(self.function)

    def question(self, values: Values) -> Question:
        """Return the one task of a candidate."""
        text = json.dumps([self.identity, values], sort_keys=True, default=str)
        key = hashlib.sha256(text.encode()).hexdigest()
        return Question(key, (Call(key, dict(values)),))

    def combine(self, question: Question, outcomes: Sequence[Outcome]) -> Mapping[str, float]:
        """Return the metrics as they are."""
        return outcomes[0].metrics
