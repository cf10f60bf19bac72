"""Fidelities of a search: a quick one that screens, the one it is about, a slow one that confirms.

The rule: every candidate of a batch that was not there before is evaluated by the screening; the best share
goes on to the fidelity of the search, the only one in which objectives are compared and reported. What is held
back stays held back: the sampler is told that it broke a limit, by its place, so that nothing that was
evaluated loses against a quick estimate. When the search is over, its front and the baselines are evaluated
once more, by the confirmation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from accel_sim.explore.search.goals import Score
from accel_sim.explore.search.pareto import as_rows, nondominated
from accel_sim.explore.search.problem import Problem, Question, Values
from accel_sim.explore.store import Outcome
from accel_sim.explore.worker import Evaluate, Task

SCREEN, SEARCH, CONFIRM = range(3)
SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Step:
    """A task at one of several fidelities."""

    key: str
    level: int
    task: Task


@dataclass(frozen=True, slots=True)
class Climb:
    """Evaluates steps, each as its level does."""

    levels: tuple[Evaluate | None, ...]

    def __call__(self, step: Step) -> Outcome:
        """Return what becomes of a step."""
        evaluate = self.levels[step.level]
        assert evaluate is not None
        return evaluate(step.task)


@dataclass(frozen=True)
class Ladder:
    """The problem of a search, and the same at other fidelities.

    Attributes:
        search: what the search is about.
        screen: what decides who is evaluated; None evaluates everybody.
        confirm: what the front is evaluated by at the end, if anything.
        share: of the new candidates of a batch that are promoted, rounded up.
    """

    search: Problem
    screen: Problem | None = None
    confirm: Problem | None = None
    share: float = SHARE
    _levels: tuple[Problem | None, ...] = field(init=False, repr=False, default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "_levels", (self.screen, self.search, self.confirm))

    @property
    def single(self) -> bool:
        """Whether there is one fidelity only."""
        return self.screen is None and self.confirm is None

    @property
    def evaluate(self) -> Evaluate:
        """What is done with the tasks of any level."""
        if self.single:
            return self.search.evaluate
        return Climb(tuple(None if problem is None else problem.evaluate for problem in self._levels))

    def question(self, level: int, values: Values) -> Question:
        """Return what to evaluate for a candidate at a level, which must be there."""
        problem = self._levels[level]
        assert problem is not None
        question = problem.question(values)
        if self.single:
            return question
        return Question(
            question.key, tuple(Step(task.key, level, task) for task in question.tasks), question.error
        )

    def problem(self, level: int) -> Problem:
        """Return the problem of a level that is there."""
        problem = self._levels[level]
        assert problem is not None
        return problem

    def quota(self, candidates: int) -> int:
        """Return how many of so many new candidates are promoted."""
        return math.ceil(self.share * candidates) if self.screen is not None else candidates


def promotion_order(scores: Sequence[Score]) -> list[int]:
    """Return the numbers of scores, best first.

    Those that break limits least come first; among equal ones the front comes before the front of the rest,
    and so on; within a front those with the emptiest surroundings (crowding distance: Deb et al., 2002), then
    in order.
    """
    if not scores:
        return []
    costs = as_rows([score.costs for score in scores], len(scores[0].costs))
    order: list[int] = []
    for violation in sorted({score.violation for score in scores}):
        left = np.array([i for i, score in enumerate(scores) if score.violation == violation])
        while len(left):
            stays = nondominated(costs[left])
            front = left[stays]
            order += [int(i) for i in front[np.argsort(-crowding(costs[front]), kind="stable")]]
            left = left[~stays]
    return order


def crowding(costs: np.ndarray) -> np.ndarray:
    """Return float64[n], how far apart the neighbours of each row of a front are, as a share of its extent.

    costs: float64[n, objectives]. The ends of the front have no neighbour beyond them: infinity.
    """
    distance = np.zeros(len(costs))
    for column in costs.T:
        order = np.argsort(column, kind="stable")
        ranked = column[order]
        extent = ranked[-1] - ranked[0]
        gaps = np.full(len(column), np.inf)
        gaps[1:-1] = (ranked[2:] - ranked[:-2]) / (extent or 1.0)
        distance[order] += gaps
    return distance
