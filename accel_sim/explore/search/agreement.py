"""Whether fidelities agree: rank correlations of the objectives, and what is left of a front once confirmed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from accel_sim.explore.search.goals import Score
from accel_sim.explore.search.outcome import SearchResult
from accel_sim.explore.search.pareto import dominates


@dataclass(frozen=True, slots=True)
class RankCorrelation:
    """How alike two fidelities rank the designs that both have evaluated.

    They are designs that somebody chose: those that were promoted, or the front. Over all designs fidelities
    agree better than over these, which are near each other.

    Attributes:
        lower, higher: fidelities.
        objective: which is ranked.
        designs: how many, baselines and designs beyond the limits included.
        spearman, kendall: rho and tau-b; None for fewer than three designs, or where one has no order.
    """

    lower: str
    higher: str
    objective: str
    designs: int
    spearman: float | None
    kendall: float | None


def rank_correlations(result: SearchResult) -> tuple[RankCorrelation, ...]:
    """Return the correlations of each pair of fidelities in each objective; none with one fidelity."""
    found = []
    for lower, higher in combinations(result.fidelities, 2):
        one, other = scores_at(result, lower), scores_at(result, higher)
        both = [number for number in one if number in other]
        for place, name in enumerate(result.goals.names):
            x = [one[number].values[place] for number in both]
            y = [other[number].values[place] for number in both]
            labels = result.fidelities[lower], result.fidelities[higher]
            found.append(RankCorrelation(*labels, name, len(both), *_correlated(x, y)))
    return tuple(found)


def _correlated(x: list[float], y: list[float]) -> tuple[float | None, float | None]:
    if len(x) < 3 or len(set(x)) < 2 or len(set(y)) < 2:
        return None, None
    from scipy.stats import kendalltau, spearmanr

    values = float(spearmanr(x, y).statistic), float(kendalltau(x, y).statistic)
    return values if all(map(math.isfinite, values)) else (None, None)


def scores_at(result: SearchResult, use: str) -> Mapping[int, Score]:
    """Return the scores that `screen`, `search` or `confirm` gave, by trial, each design once."""
    if use == "confirm":
        return {number: score for number, score in result.confirmed.items() if isinstance(score, Score)}
    first = [trial for trial in result.trials if not trial.repeated]
    pairs = ((t.number, t.screening if use == "screen" else t.score) for t in first)
    return {number: score for number, score in pairs if score is not None}


@dataclass(frozen=True, slots=True)
class Left:
    """A design that the confirmation takes off the front, and why."""

    trial: int
    why: str


def taken_off(result: SearchResult) -> tuple[Left, ...]:
    """Return the designs of the front that fail, break a limit or are dominated once confirmed."""
    if "confirm" not in result.fidelities:
        return ()
    good: dict[int, Score] = {}
    left: dict[int, str] = {}
    for trial in result.front:
        score = result.confirmed[trial.number]
        if isinstance(score, str):
            left[trial.number] = score
        elif score.violation > 0:
            broken = [x.name for x, by in zip(result.goals.limits, score.violations, strict=True) if by > 0]
            left[trial.number] = f"beyond the limit of {', '.join(broken)}"
        else:
            good[trial.number] = score
    for number, score in good.items():
        better = [other for other, its in good.items() if dominates(its.costs, score.costs)]
        if better:
            left[number] = f"dominated by trial {better[0]}"
    return tuple(Left(trial.number, left[trial.number]) for trial in result.front if trial.number in left)


def in_manifest(result: SearchResult) -> dict[str, Any]:
    """Return what the fidelities of a search were used for, and how they agree."""
    data: dict[str, Any] = {"used": dict(result.fidelities)}
    if len(result.fidelities) > 1:
        data["rank_correlations"] = [
            {name: getattr(one, name) for name in RankCorrelation.__slots__}
            for one in rank_correlations(result)
        ]
    if "confirm" in result.fidelities:
        data["not_confirmed"] = {n: error for n, error in result.confirmed.items() if isinstance(error, str)}
        data["taken_off_the_front"] = [{"trial": one.trial, "why": one.why} for one in taken_off(result)]
    return data


def in_words(result: SearchResult) -> list[str]:
    """Return lines on how the fidelities agree, none where there is one."""
    lines = []
    correlations = rank_correlations(result)
    for lower, higher in dict.fromkeys((one.lower, one.higher) for one in correlations):
        own = [one for one in correlations if (one.lower, one.higher) == (lower, higher)]
        parts = [f"{one.objective} {_shown(one.spearman)} / {_shown(one.kendall)}" for one in own]
        lines.append(
            f"ranks at {lower} and {higher} ({own[0].designs} designs, Spearman / Kendall): {', '.join(parts)}"
        )
    if "confirm" in result.fidelities:
        left = taken_off(result)
        stay = len(result.front) - len(left)
        reasons = "".join(f"; trial {one.trial} leaves: {one.why}" for one in left)
        name = result.fidelities["confirm"]
        lines.append(f"confirmed at {name}: {stay} of {len(result.front)} designs stay on the front{reasons}")
    return lines


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
