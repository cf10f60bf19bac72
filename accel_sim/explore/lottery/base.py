"""What a random design is worth: the rate that every comparison of samplers has to be held against."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from accel_sim.config import InputError
from accel_sim.explore.crew import Crew
from accel_sim.explore.lottery.contest import Contest
from accel_sim.explore.search.expressions import ExpressionError
from accel_sim.explore.search.problem import Question
from accel_sim.explore.search.samplers import seed_of
from accel_sim.explore.store import FINISHED, Outcome, Store

# Of the random designs; the runs of contestants have seeds of their own.
SEED = 0x6C6F7474
SHARES = (0.01, 0.05)


@dataclass(frozen=True)
class Base:
    """Designs drawn at random, or every design of a space that has few.

    Attributes:
        costs: float64[n, objectives] of those that are feasible, all to be minimised.
        designs: how many were evaluated.
        whole: whether they are every design of the space.
    """

    costs: np.ndarray
    designs: int
    whole: bool


def base_of(
    contest: Contest,
    most: int,
    points: Path,
    workers: int | None,
    tell: Callable[[int], None] = lambda _: None,
) -> Base:
    """Return the random designs of a contest, at most `most`; simulated ones stay in the store of points.

    Raises:
        InputError: not one of them is feasible.
    """
    size = contest.space.size
    whole = size is not None and size <= most
    questions = _drawn(contest, None if whole else most)
    tasks = {task.key: task for q in questions if q.error is None for task in q.tasks}
    outcomes: dict[str, Outcome] = {}
    with Store(points if contest.table is None else Path(":memory:")) as store:
        outcomes |= store.read(tasks)
        # A table answers at once, and a worker would need longer to start.
        with Crew(contest.problem.evaluate, workers if contest.table is None else 1) as crew:
            crew.add(task for key, task in tasks.items() if key not in outcomes)
            while crew.busy:
                found = crew.next()
                store.add(found)
                outcomes |= {outcome.key: outcome for outcome in found}
                tell(len(outcomes))
    costs = [own for question in questions if (own := _costs(contest, question, outcomes)) is not None]
    if not costs:
        raise InputError(f"problem '{contest.name}': not one of {len(questions)} random designs is feasible")
    return Base(np.array(costs), len(questions), whole)


def _drawn(contest: Contest, count: int | None) -> list[Question]:
    """Return so many distinct random designs; None for all that there are."""
    space = contest.space
    if count is None:
        drawn = (contest.problem.question(space.values(codes)) for codes in space.enumerate())
        return list({question.key: question for question in drawn}.values())
    generator = random.Random(seed_of(SEED, 0))
    found: dict[str, Question] = {}
    for _ in range(100 * count):
        question = contest.problem.question(space.values(space.sample(generator)))
        found[question.key] = question
        if len(found) == count:
            break
    return list(found.values())


def _costs(contest: Contest, question: Question, outcomes: dict[str, Outcome]) -> tuple[float, ...] | None:
    own = [outcomes[task.key] for task in question.tasks]
    if question.error is not None or any(outcome.status != FINISHED for outcome in own):
        return None
    try:
        score = contest.goals.score(contest.problem.combine(question, own))
    except ExpressionError:
        return None
    return score.costs if score.violation == 0 else None


def table_base(contest: Contest) -> Base:
    """Return the rows of the table that a contest is from, as random designs."""
    assert contest.table is not None
    designs = contest.table.designs
    scores = [contest.goals.score(designs.evaluate(design)) for design in designs.candidates]
    costs = [score.costs for score in scores if score.violation == 0]
    return Base(np.array(costs).reshape(-1, len(contest.goals.objectives)), len(scores), True)


def known_costs(contest: Contest) -> np.ndarray:
    """Return float64[n, objectives]: costs of the rows of a contest's table as contestants would meet them.

    A model need not return what it was fitted to. Extra trees do, and the mean of leaves is never below all of
    them, so that the least row is the true optimum of such a problem.
    """
    if contest.table is None:
        return np.zeros((0, len(contest.goals.objectives)))
    scores = [
        contest.goals.score(contest.table.problem.function(design))
        for design in contest.table.designs.candidates
    ]
    return np.array([s.costs for s in scores if s.violation == 0]).reshape(-1, len(contest.goals.objectives))


def near(costs: np.ndarray, front: np.ndarray, share: float) -> np.ndarray:
    """Return bool[n]: rows that no row of the front beats by more than a share of its value in every objective.

    With one objective these are the costs within a share of the best one.
    """
    moved = front + share * np.abs(front)
    close = np.ones(len(costs), dtype=bool)
    for row in moved:
        close &= ~np.all(row < costs, axis=1)
    return close


def expected_evaluations(designs: int, hits: int, whole: bool) -> float:
    """Return the mean number of random designs until the first hit.

    Of all the designs of a space, drawn without one coming twice, (designs + 1) / (hits + 1); of a sample that
    stands for a large space, designs / hits. Infinite where there is no hit.
    """
    if not hits:
        return math.inf
    return (designs + 1) / (hits + 1) if whole else designs / hits


def chance_of_none(designs: int, hits: int, whole: bool, draws: int) -> float:
    """Return the probability that so many distinct random designs hold no hit."""
    if not whole:
        return (1 - hits / designs) ** draws
    if draws > designs - hits:
        return 0.0
    return math.exp(_log_choose(designs - hits, draws) - _log_choose(designs, draws))


def expected_best(losses: Sequence[float] | np.ndarray, draws: int) -> float:
    """Return the mean of the least of so many losses drawn at random, none twice.

    The i-th least of n (from 0) is the least drawn with probability C(n-i-1, draws-1) / C(n, draws).
    """
    ordered = np.sort(np.asarray(losses, dtype=float))
    n = len(ordered)
    draws = min(draws, n)
    total = 0.0
    for i in range(n - draws + 1):
        total += ordered[i] * math.exp(_log_choose(n - i - 1, draws - 1) - _log_choose(n, draws))
    return total


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
