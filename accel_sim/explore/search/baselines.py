"""What a front is worth against the baselines: which it dominates, and by how much it misses the others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from accel_sim.explore.search.goals import Objective, Score
from accel_sim.explore.search.outcome import SearchResult
from accel_sim.explore.search.trials import Trial


@dataclass(frozen=True, slots=True)
class Verdict:
    """A baseline against the front.

    Attributes:
        trial: the baseline.
        beaten_by: designs of the front that dominate it.
        on_front: whether it is on the front itself.
        closest: the design of the front that comes nearest to dominating it, or dominates it most; None where
            there is no result or no other design on the front.
        ratios: value of each objective of the closest over that of the baseline; nan where that is 0.
        miss: by which factor the closest is worse in the objective where it is worst; 1 or less where it
            dominates the baseline or equals it.
    """

    trial: Trial
    beaten_by: tuple[Trial, ...]
    on_front: bool
    closest: Trial | None
    ratios: tuple[float, ...]
    miss: float


def verdict(result: SearchResult, baseline: Trial) -> Verdict:
    """Return how a baseline compares with the front."""
    objectives = result.goals.objectives
    front = [trial for trial in result.front if trial.key != baseline.key]
    on_front = len(front) < len(result.front)
    score = baseline.score
    if score is None or not front:
        return Verdict(baseline, (), on_front, None, (), math.nan)
    misses = [_miss(objectives, trial.score, score) for trial in front]
    number = min(range(len(front)), key=misses.__getitem__)
    closest = front[number]
    assert closest.score is not None
    ratios = tuple(
        mine / other if other else math.nan
        for mine, other in zip(closest.score.values, score.values, strict=True)
    )
    return Verdict(baseline, result.beaten_by(baseline), on_front, closest, ratios, misses[number])


def _miss(objectives: Sequence[Objective], mine: Score | None, other: Score) -> float:
    """Return the largest factor by which costs are worse: the factor epsilon of Zitzler et al., 2003."""
    assert mine is not None
    return max(
        worse_by(a, b, objective.maximise)
        for a, b, objective in zip(mine.values, other.values, objectives, strict=True)
    )


def worse_by(mine: float, other: float, maximise: bool) -> float:
    """Return the factor by which a value is worse than another, below 1 where it is better.

    Where signs make a factor meaningless it is 1 for what is no worse, and infinite for what is.
    """
    if mine > 0 and other > 0:
        return other / mine if maximise else mine / other
    return 1.0 if (mine >= other if maximise else mine <= other) else math.inf


def in_words(result: SearchResult, found: Verdict) -> str:
    """Return a verdict as a sentence."""
    trial = found.trial
    if trial.score is None:
        return f"no result: {trial.error}"
    outside = "" if trial.feasible else f"beyond the limits ({_broken(result, trial.score)}); "
    if found.on_front:
        return f"{outside}on the front"
    if found.closest is None:
        return f"{outside}not dominated: the front is empty"
    names = result.goals.names
    ratios = ", ".join(f"{ratio:.3g}x {name}" for ratio, name in zip(found.ratios, names, strict=True))
    if found.beaten_by:
        many = len(found.beaten_by)
        designs = f"{many} designs" if many > 1 else "1 design"
        return f"{outside}dominated by {designs} of the front, most by trial {found.closest.number}: {ratios}"
    by = f"by {100 * (found.miss - 1):.2g} %" if math.isfinite(found.miss) else ""
    return f"{outside}not dominated; trial {found.closest.number} misses it {by}".rstrip() + f": {ratios}"


def _broken(result: SearchResult, score: Score) -> str:
    limits = zip(result.goals.limits, score.limited, score.violations, strict=True)
    return ", ".join(f"{limit.name} = {value:.4g}" for limit, value, broken in limits if broken > 0)
