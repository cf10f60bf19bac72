"""What a lottery found: curves, base rates and comparisons as rows of tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from accel_sim.explore.lottery.base import (
    SHARES,
    Base,
    chance_of_none,
    expected_best,
    expected_evaluations,
    near,
)
from accel_sim.explore.lottery.contest import Contest, LotteryPlan
from accel_sim.explore.lottery.losses import Yardstick, loss_of_cost
from accel_sim.explore.lottery.runs import Record
from accel_sim.explore.lottery.spec import RANDOM
from accel_sim.explore.lottery.statistics import (
    Ranking,
    Shares,
    Spread,
    holm,
    mann_whitney,
    ranking,
    spread,
    superiority,
    variance_shares,
)

QUARTILES = (0, 25, 50, 75, 100)
BANDS = ("min", "lower_quartile", "median", "upper_quartile", "max")
EXPECTED = "random (expected)"
# Where random search is near the best by the first checkpoint with this chance, a problem tells nothing.
EASY = 0.95


@dataclass(frozen=True)
class ContestResult:
    """What the contestants found on one problem.

    Attributes:
        contest: the problem.
        base: random designs; `rows` those of the table that it is from.
        yard: what losses are measured by.
        losses: float64[contestants, seeds, budget], after each distinct design.
        records: of each contestant, of each seed.
    """

    contest: Contest
    base: Base
    rows: Base | None
    yard: Yardstick
    losses: np.ndarray
    records: tuple[tuple[Record, ...], ...]

    def hits(self, base: Base, share: float) -> int:
        """Return how many designs are within a share of the best; rows of a table, of the best row."""
        front = self.yard.front
        if base is self.rows and self.yard.single:
            front = base.costs.min(axis=0, keepdims=True)
        return int(near(base.costs, front, share).sum())

    def expected(self, draws: int) -> float | None:
        """Return the mean loss of random search after so many designs; None for several objectives."""
        if not self.yard.single:
            return None
        losses = loss_of_cost(self.yard, self.base.costs[:, 0])
        missing = self.base.designs - len(losses)
        worst = loss_of_cost(self.yard, np.array(self.yard.worst))
        return expected_best(np.append(losses, np.full(missing, worst)), draws)


@dataclass(frozen=True)
class LotteryResult:
    """What a lottery found.

    Attributes:
        plan: the lottery.
        folder: where its files are.
        contests: by problem.
        computed: runs that this call made; the others were there already.
    """

    plan: LotteryPlan
    folder: Path
    contests: tuple[ContestResult, ...]
    computed: int

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the contestants."""
        return tuple(own.label for own in self.plan.contestants)

    @property
    def samplers(self) -> tuple[str, ...]:
        """The sampler of each contestant."""
        return tuple(own.sampler for own in self.plan.contestants)

    @property
    def random(self) -> int:
        """The number of the contestant that the others are compared with."""
        return self.samplers.index(RANDOM)

    def at(self, found: ContestResult, mark: int) -> np.ndarray:
        """Return float64[contestants, seeds]: the losses that are compared after so many designs.

        Those within the tolerance are all the same: nobody would choose a design for less.
        """
        return np.maximum(found.losses[:, :, mark - 1], self.plan.spec.tolerance)

    def easy(self, found: ContestResult) -> bool:
        """Tell whether random search is near the best by the first checkpoint, so that all samplers tie."""
        first = self.plan.spec.marks[0]
        if not found.yard.single:
            reached = found.losses[self.random, :, first - 1] <= self.plan.spec.tolerance
            return bool(reached.mean() >= EASY)
        base = found.base
        hits = found.hits(base, self.plan.spec.tolerance)
        return chance_of_none(base.designs, hits, base.whole, first) <= 1 - EASY

    @cached_property
    def base_rows(self) -> tuple[dict[str, Any], ...]:
        """The base rates: a row for each problem, and one for the rows that a model was fitted to."""
        rows = []
        for found in self.contests:
            table = found.contest.table
            what = "simulated" if table is None else f"model {table.trust[0].kind}" if table.trust else "table"
            rows.append(self._base_row(found, found.base, what))
            if table is not None and table.trust and found.rows is not None:
                rows.append(self._base_row(found, found.rows, "rows of the table"))
        return tuple(rows)

    def _base_row(self, found: ContestResult, base: Base, what: str) -> dict[str, Any]:
        row = {
            "problem": found.contest.name,
            "designs_of": what,
            "designs": base.designs,
            "every_design": base.whole and base is not found.rows,
            "feasible": len(base.costs),
        }
        for share in SHARES:
            hits = found.hits(base, share)
            row[f"within_{share:.0%}"] = hits / base.designs
            row[f"evaluations_to_{share:.0%}"] = expected_evaluations(base.designs, hits, base.whole)
        return row

    def curve_rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each problem, contestant and number of designs: the band of losses over seeds."""
        for found in self.contests:
            for label, losses in zip(self.labels, found.losses, strict=True):
                bands = np.percentile(losses, QUARTILES, axis=0)
                for number, band in enumerate(bands.T.tolist(), 1):
                    yield self._curve_row(found, label, number, band)
            if found.yard.single:
                for number in range(1, self.plan.spec.budget + 1):
                    mean = found.expected(number)
                    row = dict.fromkeys(self.curve_columns) | {"mean": mean}
                    yield row | {"problem": found.contest.name, "contestant": EXPECTED, "evaluations": number}

    @property
    def curve_columns(self) -> tuple[str, ...]:
        """Columns of the curves; `best_` is the objective itself where there is one."""
        return ("problem", "contestant", "evaluations", *BANDS, "mean", "median_objective")

    def _curve_row(
        self, found: ContestResult, label: str, number: int, band: Sequence[float]
    ) -> dict[str, Any]:
        row: dict[str, Any] = {"problem": found.contest.name, "contestant": label, "evaluations": number}
        row |= dict(zip(BANDS, band, strict=True))
        return row | {"mean": None, "median_objective": objective_of(found, band[2])}

    @cached_property
    def contestant_rows(self) -> tuple[dict[str, Any], ...]:
        """A row for each problem, checkpoint and contestant, with its comparison with random search."""
        return tuple(
            row
            for found in self.contests
            for mark in self.plan.spec.marks
            for row in self._contestant_rows(found, mark)
        )

    def _contestant_rows(self, found: ContestResult, mark: int) -> Iterator[dict[str, Any]]:
        compared = self.at(found, mark)
        others = [i for i in range(len(self.labels)) if i != self.random]
        p_values = [mann_whitney(compared[i], compared[self.random]) for i in others]
        corrected = dict(zip(others, zip(p_values, holm(p_values), strict=True), strict=True))
        for i, contestant in enumerate(self.plan.contestants):
            raw = found.losses[i, :, mark - 1]
            records = found.records[i]
            row: dict[str, Any] = {
                "problem": found.contest.name,
                "evaluations": mark,
                "contestant": contestant.label,
                "sampler": contestant.sampler,
                "settings": dict(contestant.settings),
                "batch": contestant.batch,
            }
            row |= dict(zip(BANDS, np.percentile(raw, QUARTILES).tolist(), strict=True))
            row["median_objective"] = objective_of(found, row["median"])
            row["within_tolerance"] = float(np.mean(raw <= self.plan.spec.tolerance))
            p, p_holm = corrected.get(i, (None, None))
            row["a12_against_random"] = (
                superiority(compared[i], compared[self.random]) if i in corrected else None
            )
            row |= {"p": p, "p_holm": p_holm}
            row["distinct"] = self.plan.spec.budget
            row["proposed"] = float(np.median([r.proposed for r in records]))
            row["illegal"] = float(np.median([r.illegal for r in records]))
            row["fresh"] = float(np.median([r.fresh for r in records]))
            seconds = float(np.median([r.sampler_s / r.proposed for r in records]))
            yield row | {"sampler_ms_per_proposal": 1e3 * seconds}

    def shares(self, found: ContestResult, mark: int) -> Shares | None:
        """Return what sampler, settings and luck explain of the ranks of runs on a problem."""
        return variance_shares(self.at(found, mark), self.samplers)

    def spreads(self, found: ContestResult, mark: int) -> dict[str, Spread]:
        """Return how far the settings of each sampler with several are apart."""
        losses = found.losses[:, :, mark - 1]
        own = {name: [i for i, s in enumerate(self.samplers) if s == name] for name in self.samplers}
        return {name: spread(losses[members]) for name, members in own.items() if len(members) > 1}

    def between(self, found: ContestResult, mark: int) -> tuple[float, float]:
        """Return how far samplers are apart: the medians of their mean, and of their best, settings."""
        medians = np.median(found.losses[:, :, mark - 1], axis=1)
        own = [[m for m, s in zip(medians, self.samplers, strict=True) if s == n] for n in set(self.samplers)]
        return float(np.ptp([np.mean(m) for m in own])), float(np.ptp([min(m) for m in own]))

    @cached_property
    def comparison_rows(self) -> tuple[dict[str, Any], ...]:
        """A row for each problem and checkpoint: what the choice of sampler and of settings is worth."""
        rows = []
        for found in self.contests:
            for mark in self.plan.spec.marks:
                shares, spreads = self.shares(found, mark), self.spreads(found, mark)
                widest = max(spreads, key=lambda name: spreads[name].width, default=None)
                mean, tuned = self.between(found, mark)
                row: dict[str, Any] = {"problem": found.contest.name, "evaluations": mark}
                row["tells_nothing"] = self.easy(found)
                for name in ("sampler", "settings", "seed", "sampler_p", "settings_p"):
                    row[f"share_{name}" if "_p" not in name else name] = getattr(shares, name, None)
                row |= {"spread_of_samplers": mean, "spread_of_tuned_samplers": tuned}
                for name in ("width", "chance", "p"):
                    row[f"widest_settings_{name}"] = getattr(spreads[widest], name) if widest else None
                rows.append(row | {"widest_settings_of": widest})
        return tuple(rows)

    def overall(self, mark: int) -> Ranking | None:
        """Return how contestants rank over the seeds of all problems that tell something; None without any."""
        blocks = [self.at(found, mark).T for found in self.contests if not self.easy(found)]
        return ranking(np.concatenate(blocks)) if blocks else None

    @cached_property
    def ranking_rows(self) -> tuple[dict[str, Any], ...]:
        """A row for each checkpoint and contestant: its mean rank, best first."""
        rows = []
        for mark in self.plan.spec.marks:
            found = self.overall(mark)
            if found is None:
                continue
            for rank, label in sorted(zip(found.ranks, self.labels, strict=True)):
                rows.append(
                    {
                        "evaluations": mark,
                        "contestant": label,
                        "mean_rank": rank,
                        "blocks": found.blocks,
                        "friedman_p": found.p,
                        "nemenyi_difference": found.critical,
                    }
                )
        return tuple(rows)


def objective_of(found: ContestResult, loss: float) -> float | None:
    """Return the value of the objective at a loss; None where there are several."""
    if not found.yard.single:
        return None
    best = float(found.yard.front[0, 0])
    cost = best + loss * (abs(best) or 1.0)
    return -cost if found.contest.goals.objectives[0].maximise else cost
