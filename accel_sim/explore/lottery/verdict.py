"""What the figures of a lottery say, in words that follow from them."""

from __future__ import annotations

import math

import numpy as np

from accel_sim.explore.lottery.base import expected_evaluations
from accel_sim.explore.lottery.outcome import ContestResult, LotteryResult
from accel_sim.explore.lottery.statistics import SIGNIFICANT, Ranking, Shares


def verdict(result: LotteryResult) -> list[str]:
    """Return sentences: on each problem, and on all of them."""
    said = [sentence for found in result.contests for sentence in on_problem(result, found)]
    return [*said, *on_all(result)]


def on_problem(result: LotteryResult, found: ContestResult) -> list[str]:
    """Return what one problem says."""
    name, spec = found.contest.name, result.plan.spec
    rate = _base_rate(result, found)
    if result.easy(found):
        tied = (
            f"Random search is there by the first checkpoint, {spec.marks[0]}: that samplers tie says nothing"
        )
        return [f"{name}: {rate} {tied} about them, and it is left out of the ranking."]
    return [f"{name}: {rate}", *_against_random(result, found), _lottery(result, found)]


def _base_rate(result: LotteryResult, found: ContestResult) -> str:
    tolerance = result.plan.spec.tolerance
    base = found.base
    hits = found.hits(base, tolerance)
    near = "the best known" if found.yard.single else "the best known front"
    whose = "all" if base.whole else "random"
    needed = expected_evaluations(base.designs, hits, base.whole)
    if math.isinf(needed):
        return f"none of {base.designs:,} {whose} designs is within {100 * tolerance:.3g} % of {near}."
    return (
        f"{100 * hits / base.designs:.3g} % of {whose} designs are within {100 * tolerance:.3g} % of {near}, "
        f"so that random search meets one after {needed:.3g} on average."
    )


def _against_random(result: LotteryResult, found: ContestResult) -> list[str]:
    mark = result.plan.spec.marks[-1]
    rows = [
        row
        for row in result.contestant_rows
        if row["problem"] == found.contest.name and row["evaluations"] == mark and row["p_holm"] is not None
    ]
    better = [r["contestant"] for r in rows if r["p_holm"] < SIGNIFICANT and r["a12_against_random"] > 0.5]
    worse = [r["contestant"] for r in rows if r["p_holm"] < SIGNIFICANT and r["a12_against_random"] < 0.5]
    if not better and not worse:
        return [f"After {mark} designs none of {len(rows)} contestants can be told from random search."]
    parts = [
        f"{len(names)} of {len(rows)} are {word} than random search ({'; '.join(names)})"
        for names, word in ((better, "better"), (worse, "worse"))
        if names
    ]
    return [f"After {mark} designs {' and '.join(parts)}; the others cannot be told from it."]


def _lottery(result: LotteryResult, found: ContestResult) -> str:
    """Return whether the choice of settings is worth more than the choice of sampler."""
    marks = result.plan.spec.marks
    known = [(mark, result.shares(found, mark)) for mark in marks]
    if all(own is None for _, own in known):
        return f"All runs tie within {100 * result.plan.spec.tolerance:.3g} % at every checkpoint."
    listed = "; ".join(
        f"after {mark} all tie"
        if own is None
        else f"after {mark} sampler {100 * own.sampler:.0f} %, settings {100 * own.settings:.0f} %, "
        f"luck {100 * own.seed:.0f} %"
        for mark, own in known
    )
    mark, last = known[-1]
    if last is None:
        return f"Of the ranks of runs, {listed}: after {mark} no choice is worth anything."
    return f"Of the ranks of runs, {listed}: after {mark}, {_judged(result, found, mark, last)}."


def _judged(result: LotteryResult, found: ContestResult, mark: int, shares: Shares) -> str:
    real = {
        "sampler": shares.sampler_p < SIGNIFICANT,
        "settings": shares.settings_p < SIGNIFICANT,
    }
    spreads = result.spreads(found, mark)
    if not spreads:
        return "no contestant has settings to choose"
    widest = max(spreads, key=lambda name: spreads[name].width)
    own = spreads[widest]
    measured = (
        f"the best and the worst settings of {widest} are {100 * own.width:.2g} % apart "
        f"({100 * own.chance:.2g} % by chance alone), the samplers {100 * result.between(found, mark)[0]:.2g} %"
    )
    if not any(real.values()):
        return f"neither choice can be told from luck ({measured})"
    if real["settings"] and shares.settings > shares.sampler:
        tail = "" if real["sampler"] else ", which cannot be told from luck"
        return f"the choice of settings is worth more than the choice of sampler{tail} ({measured})"
    if real["sampler"] and shares.sampler > shares.settings:
        tail = "" if real["settings"] else ", which cannot be told from luck"
        return f"the choice of sampler is worth more than the choice of settings{tail} ({measured})"
    return f"both choices are worth the same ({measured})"


def on_all(result: LotteryResult) -> list[str]:
    """Return what all problems that tell something say together."""
    telling = [found for found in result.contests if not result.easy(found)]
    mark = result.plan.spec.marks[-1]
    found = result.overall(mark)
    if found is None:
        return ["No problem tells samplers apart: random search solves all of them."]
    said = [_ranked(result, found, len(telling))]
    shares = [own for f in telling if (own := result.shares(f, mark)) is not None]
    settings = sum(s.settings_p < SIGNIFICANT and s.settings > s.sampler for s in shares)
    sampler = sum(s.sampler_p < SIGNIFICANT and s.sampler > s.settings for s in shares)
    said.append(
        f"After {mark} designs settings matter more than the sampler on {settings} of {len(telling)} problems, "
        f"the sampler more than settings on {sampler}."
    )
    return said


def _ranked(result: LotteryResult, found: Ranking, problems: int) -> str:
    """Return who is ahead over all problems, and whether that is more than luck."""
    mark = result.plan.spec.marks[-1]
    over = f"Over {found.blocks} runs on {problems} problem{'s' if problems > 1 else ''}"
    if found.p is None or found.p >= SIGNIFICANT:
        return f"{over} the contestants cannot be told apart after {mark} designs (Friedman)."
    best = int(np.argmin(found.ranks))
    alike = sum(rank - found.ranks[best] <= found.critical for rank in found.ranks) - 1
    apart = found.ranks[result.random] - found.ranks[best] > found.critical
    return (
        f"{over} {result.labels[best]} has the best mean rank after {mark} designs, {found.ranks[best]:.2f} of "
        f"{len(result.labels)}; {alike} others are within the critical difference of {found.critical:.2f}, and "
        f"random search is {'' if apart else 'not '}beyond it."
    )
