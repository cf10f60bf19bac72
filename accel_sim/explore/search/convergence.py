"""How a search got on: hypervolume and best values by evaluations, and what chance alone would have found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from accel_sim.explore.search.outcome import SearchResult
from accel_sim.explore.search.pareto import Front
from accel_sim.explore.search.samplers import blind_proposals
from accel_sim.explore.search.trials import BASELINE, ILLEGAL, SAMPLED, Trial

WITHIN = (0.01, 0.05, 0.2)


@dataclass(frozen=True)
class Curve:
    """A value that changes as designs are evaluated.

    Attributes:
        evaluations: distinct designs beside the baselines, at which `values` begin to hold; 0 for baselines.
        values: by evaluation; the last one is repeated at the last evaluation.
    """

    evaluations: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class BaseRate:
    """How good designs are that were drawn at random.

    Attributes:
        objective: its name.
        best: feasible value that the search found.
        within: of the random designs within the limits, how many come within each share of WITHIN of `best`.
    """

    objective: str
    best: float
    within: tuple[int, ...]


@dataclass(frozen=True)
class Chance:
    """What chance alone finds.

    Attributes:
        drawn: distinct legal designs that were drawn at random, or all there are.
        feasible: of them within the limits.
        everything: whether they are all legal designs of the space.
        rates: for each objective.
    """

    drawn: int
    feasible: int
    everything: bool
    rates: tuple[BaseRate, ...]


def hypervolume_curve(result: SearchResult) -> Curve:
    """Return the hypervolume of the front below the result's reference point, in the unit of the objectives."""
    front = Front(len(result.goals.objectives))
    front.reference = result.reference
    evaluations: list[int] = []
    values: list[float] = []
    last = 0
    for last, trial in _counted(result):
        if not trial.feasible or trial.score is None:
            continue
        before = front.hypervolume
        front.add([trial.score.costs])
        if front.hypervolume != before or not values:
            evaluations.append(last)
            values.append(front.hypervolume)
    return _to_the_end(evaluations, values, last)


def best_curve(result: SearchResult, objective: int) -> Curve:
    """Return the best feasible value of an objective so far."""
    evaluations: list[int] = []
    values: list[float] = []
    lowest = None
    last = 0
    for last, trial in _counted(result):
        if trial.feasible and trial.score and (lowest is None or trial.score.costs[objective] < lowest):
            lowest = trial.score.costs[objective]
            evaluations.append(last)
            values.append(trial.score.values[objective])
    return _to_the_end(evaluations, values, last)


def chance(result: SearchResult) -> Chance | None:
    """Return what random designs of the search say about its space; None where it drew none."""
    everything = result.space.size is not None and result.sampler == "grid"
    found = [t for t in result.trials if t.status != ILLEGAL and t.codes is not None and not t.repeated]
    if everything and len(found) < (result.space.size or 0):
        return None
    drawn = found if everything else [t for t in found if _is_random(result, t)]
    if not drawn or not result.front:
        return None
    feasible = [t for t in drawn if t.feasible and t.score is not None]
    rates = []
    for place, objective in enumerate(result.goals.names):
        costs = [t.score.costs[place] for t in feasible if t.score is not None]
        best = min((t.score for t in result.front if t.score), key=lambda score: score.costs[place])
        limits = [best.costs[place] + share * abs(best.costs[place]) for share in WITHIN]
        within = tuple(sum(cost <= limit for cost in costs) for limit in limits)
        rates.append(BaseRate(objective, best.values[place], within))
    return Chance(len(drawn), len(feasible), everything, tuple(rates))


def _is_random(result: SearchResult, trial: Trial) -> bool:
    # FRESH ones are drawn from what was not tried yet, hence not from the whole space.
    blind = blind_proposals(result.sampler, result.settings)
    return trial.kind == SAMPLED and (blind is None or trial.number < blind)


def _counted(result: SearchResult) -> Iterator[tuple[int, Trial]]:
    """Yield each distinct design that was evaluated once, with how many there were, itself included."""
    count = 0
    for trial in result.trials:
        if trial.status == ILLEGAL or trial.repeated:
            continue
        count += trial.kind != BASELINE
        yield count, trial


def _to_the_end(evaluations: list[int], values: list[float], last: int) -> Curve:
    if values and evaluations[-1] != last:
        evaluations.append(last)
        values.append(values[-1])
    return Curve(tuple(evaluations), tuple(values))
