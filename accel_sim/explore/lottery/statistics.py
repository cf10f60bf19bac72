"""Comparisons of runs by their losses, of which less is better.

All but the variance shares are textbook tests: Mann and Whitney (1947), Holm (1979), Vargha and Delaney (2000),
Friedman (1937) with Nemenyi's critical difference (Demsar, JMLR 2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SHUFFLES = 500
SIGNIFICANT = 0.05


def superiority(own: np.ndarray, other: np.ndarray) -> float:
    """Return the probability that a run of one beats a run of another, ties counting half (A12).

    A half means no difference; 0.56, 0.64 and 0.71 are called small, medium and large.
    """
    wins = np.sum(own[:, None] < other) + 0.5 * np.sum(own[:, None] == other)
    return float(wins / (len(own) * len(other)))


def mann_whitney(own: np.ndarray, other: np.ndarray) -> float:
    """Return the two-sided p-value that two samples are of one distribution; 1 where all values are equal."""
    from scipy.stats import mannwhitneyu

    if np.ptp(np.concatenate((own, other))) == 0:
        return 1.0
    return float(mannwhitneyu(own, other, alternative="two-sided").pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values as they are after Holm's correction for their number."""
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


@dataclass(frozen=True, slots=True)
class Ranking:
    """How contestants rank over blocks.

    Attributes:
        ranks: mean rank of each, 1 is best.
        p: of Friedman's test that all are alike; None where fewer than three are compared or all tie.
        critical: two mean ranks that differ by more are different at SIGNIFICANT (Nemenyi).
        blocks: over which the means are.
    """

    ranks: tuple[float, ...]
    p: float | None
    critical: float
    blocks: int


def ranking(losses: np.ndarray) -> Ranking:
    """Return how the columns of float64[blocks, contestants] rank."""
    from scipy.stats import friedmanchisquare, rankdata, studentized_range

    blocks, count = losses.shape
    ranks = rankdata(losses, axis=1)
    p = None
    if count > 2 and np.any(np.ptp(losses, axis=1) > 0):
        p = float(friedmanchisquare(*losses.T).pvalue)
    q = float(studentized_range.ppf(1 - SIGNIFICANT, count, np.inf)) / np.sqrt(2)
    critical = float(q * np.sqrt(count * (count + 1) / (6 * blocks)))
    return Ranking(tuple(float(r) for r in ranks.mean(axis=0)), p, critical, blocks)


@dataclass(frozen=True, slots=True)
class Shares:
    """Of the variance of ranks of runs, how much each choice explains beyond what luck would.

    Attributes:
        sampler: share of the choice of sampler.
        settings: share of the choice of settings within samplers.
        seed: the rest.
        sampler_p, settings_p: of F tests against the spread over seeds.
    """

    sampler: float
    settings: float
    seed: float
    sampler_p: float
    settings_p: float


def variance_shares(losses: np.ndarray, samplers: Sequence[str]) -> Shares | None:
    """Return the shares for float64[contestants, seeds], with the sampler of each; None where all tie.

    A nested analysis of variance of the ranks of all runs, with omega squared as the share: the sum of squares
    less what as many groups of runs drawn at random would have. What is compared are these samplers with these
    settings, not samplers in general.
    """
    from scipy.stats import f, rankdata

    count, seeds = losses.shape
    ranks = rankdata(losses).reshape(losses.shape)
    total = float(np.sum((ranks - ranks.mean()) ** 2))
    names = list(dict.fromkeys(samplers))
    if total == 0:
        return None
    of_contestant = ranks.mean(axis=1)
    of_sampler = {
        name: float(np.mean([m for m, s in zip(of_contestant, samplers, strict=True) if s == name]))
        for name in names
    }
    above = np.array([of_sampler[name] for name in samplers])
    between = seeds * float(np.sum((above - ranks.mean()) ** 2))
    within = seeds * float(np.sum((of_contestant - above) ** 2))
    rest = float(np.sum((ranks - of_contestant[:, None]) ** 2))
    freedom = count * (seeds - 1)
    noise = rest / freedom

    def explained(squares: float, degrees: int) -> tuple[float, float]:
        share = max(0.0, (squares - degrees * noise) / (total + noise))
        if degrees == 0:
            return 0.0, 1.0
        if noise == 0:
            return share, 0.0 if squares > 0 else 1.0
        return share, float(f.sf(squares / degrees / noise, degrees, freedom))

    sampler, sampler_p = explained(between, len(names) - 1)
    settings, settings_p = explained(within, count - len(names))
    return Shares(sampler, settings, 1 - sampler - settings, sampler_p, settings_p)


@dataclass(frozen=True, slots=True)
class Spread:
    """How far apart the best and the worst settings of a sampler are.

    Attributes:
        best, worst: least and greatest median loss among the settings.
        chance: the difference there would be if the settings did nothing: mean over shuffles of the runs.
        p: share of shuffles with a difference as large.
    """

    best: float
    worst: float
    chance: float
    p: float

    @property
    def width(self) -> float:
        """Difference of the medians."""
        return self.worst - self.best


def spread(losses: np.ndarray) -> Spread:
    """Return the spread over the rows of float64[settings, seeds]; two best of many differ by luck alone."""
    medians = np.median(losses, axis=1)
    generator = np.random.default_rng(0)
    runs = np.tile(losses.reshape(-1), (SHUFFLES, 1))
    shuffled = np.ptp(
        np.median(generator.permuted(runs, axis=1).reshape(SHUFFLES, *losses.shape), axis=2), axis=1
    )
    reached = np.sum(shuffled >= np.ptp(medians) * (1 - 1e-12))
    return Spread(
        float(medians.min()),
        float(medians.max()),
        float(shuffled.mean()),
        float((1 + reached) / (1 + SHUFFLES)),
    )
