"""What a search found: its trials as a table, the front, the baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accel_sim.explore.search.goals import Goals, Score
from accel_sim.explore.search.pareto import dominates
from accel_sim.explore.search.space import Space
from accel_sim.explore.search.trials import (
    BASELINE,
    FAILED,
    ILLEGAL,
    SCREENED,
    Rules,
    Spent,
    Trial,
    front_of,
)

if TYPE_CHECKING:
    import pandas as pd

    from accel_sim.explore.search.importance import Importance
    from accel_sim.explore.search.plots import SearchPlots


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        name: of the search.
        folder: where its files are.
        sampler: that proposed, `auto` resolved.
        settings: of the sampler, as in the file.
        rules: budget, seed and batch.
        space: what was searched.
        goals: what it was after.
        trials: every proposal in order, baselines first.
        parameters: columns of the parameters, by path.
        metrics: metrics that are columns of the table.
        hypervolume, reference: what the front dominates, and below which point, all costs to be minimised; None
            where nothing is feasible.
        computed: tasks that this call evaluated; the others were there already.
        spent: seconds of the driver.
        fidelities: by what they were used for: `screen`, `search` and `confirm`, in this order.
        confirmed: scores, or errors, of the front and the baselines in the confirmation, by number of trial.
    """

    name: str
    folder: Path
    sampler: str
    settings: Mapping[str, Any]
    rules: Rules
    space: Space
    goals: Goals
    trials: tuple[Trial, ...]
    parameters: Mapping[str, str]
    metrics: tuple[str, ...]
    hypervolume: float
    reference: tuple[float, ...] | None
    computed: int
    spent: Spent
    fidelities: Mapping[str, str] = field(default_factory=lambda: {"search": "tile"})
    confirmed: Mapping[int, Score | str] = field(default_factory=dict)

    @property
    def searched(self) -> tuple[str, ...]:
        """Paths that samplers choose; the other parameters follow from them."""
        return tuple(path for parameter in self.space.searched for path in parameter.paths)

    @cached_property
    def front(self) -> tuple[Trial, ...]:
        """Feasible trials that no other one beats, each design once, by the first objective."""
        return front_of(self.trials, len(self.goals.objectives))

    @property
    def baselines(self) -> tuple[Trial, ...]:
        """The baselines, in the order of the file."""
        return tuple(trial for trial in self.trials if trial.kind == BASELINE)

    def beaten_by(self, baseline: Trial) -> tuple[Trial, ...]:
        """Return the designs of the front that are nowhere worse than a baseline and somewhere better."""
        if baseline.score is None:
            return ()
        own = baseline.score.costs
        return tuple(t for t in self.front if t.score is not None and dominates(t.score.costs, own))

    def verdict(self, baseline: Trial) -> str:
        """Return in words how a baseline compares with the front; see `accel_sim.explore.search.baselines`."""
        from accel_sim.explore.search.baselines import in_words, verdict

        return in_words(self, verdict(self, baseline))

    @cached_property
    def importances(self) -> tuple[Importance, ...]:
        """How much each parameter matters to each objective, with the error of the model that says so.

        See `accel_sim.explore.search.importance`.
        """
        from accel_sim.explore.search.importance import importances

        return importances(self)

    @property
    def plot(self) -> SearchPlots:
        """Pictures: `plot.pareto()`, `plot.importance()` and others; see `SearchPlots`."""
        from accel_sim.explore.search.plots import SearchPlots

        return SearchPlots(self)

    def count(self) -> dict[str, int]:
        """Return how many trials there are of each sort.

        `distinct` counts designs evaluated at the fidelity of the search, `screened` those evaluated by the
        screening, both without baselines.
        """
        legal = [t for t in self.trials if t.status != ILLEGAL]
        baselines = {t.key for t in self.baselines}
        screens = "screen" in self.fidelities
        judged = [t for t in legal if t.status != SCREENED and (t.screening is not None or not screens)]
        counts = {"screened": len({t.key for t in legal} - baselines)} if screens else {}
        own = {t.key for t in judged} - baselines
        return {
            **counts,
            "trials": len(self.trials),
            "distinct": len(own),
            "duplicates": sum(t.repeated and t.status != ILLEGAL for t in self.trials),
            "illegal": sum(t.status == ILLEGAL for t in self.trials),
            "failed": sum(t.status == FAILED and not t.repeated for t in self.trials),
            "feasible": sum(t.feasible and not t.repeated for t in self.trials),
            "front": len(self.front),
        }

    @property
    def measured(self) -> tuple[str, ...]:
        """Columns of what was found out: objectives, limits, metrics, objectives and limits elsewhere."""
        goals = (*self.goals.names, *(limit.name for limit in self.goals.limits))
        elsewhere = (self.column_at(name, use) for use in self._others for name in goals)
        return tuple(dict.fromkeys((*goals, *self.metrics, *elsewhere)))

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the table."""
        return tuple(
            dict.fromkeys(
                (
                    *("trial", "batch", "kind", "name"),
                    *self.parameters.values(),
                    *self.measured,
                    *("status", "feasible", "front", "violation", "same_as_trial", "key", "error"),
                )
            )
        )

    @property
    def _others(self) -> list[str]:
        """Uses of fidelities other than that of the search."""
        return [use for use in self.fidelities if use != "search"]

    def column_at(self, name: str, use: str) -> str:
        """Return the column of an objective or a limit at the fidelity of `screen` or `confirm`."""
        return f"{name} @ {self.fidelities[use]}"

    @cached_property
    def rows(self) -> tuple[dict[str, Any], ...]:
        """A dict for each trial with all of `columns`; None where there is no value."""
        front = {trial.number for trial in self.front}
        return tuple(self._row(trial, front) for trial in self.trials)

    def _row(self, trial: Trial, front: set[int]) -> dict[str, Any]:
        row: dict[str, Any] = dict.fromkeys(self.columns)
        row |= {"trial": trial.number, "batch": trial.batch, "kind": trial.kind, "name": trial.name or None}
        row |= {column: trial.values.get(path) for path, column in self.parameters.items()}
        row |= {name: trial.metrics.get(name) for name in self.metrics}
        if trial.score is not None:
            row |= dict(zip(self.goals.names, trial.score.values, strict=True))
            row |= dict(zip((limit.name for limit in self.goals.limits), trial.score.limited, strict=True))
            row |= {"feasible": trial.feasible, "front": trial.number in front}
        for use in self._others:
            score = trial.screening if use == "screen" else self.confirmed.get(trial.number)
            if isinstance(score, Score):
                values = (*score.values, *score.limited)
                names = (*self.goals.names, *(limit.name for limit in self.goals.limits))
                row |= {self.column_at(n, use): v for n, v in zip(names, values, strict=True)}
        row |= {"status": trial.status, "violation": trial.violation, "error": trial.error}
        row |= {"same_as_trial": trial.first if trial.repeated else None, "key": trial.key}
        return row

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The table as a pandas frame."""
        import pandas as pd

        return pd.DataFrame(list(self.rows), columns=list(self.columns))


def varied(trials: Sequence[Trial], paths: Sequence[str]) -> list[str]:
    """Return the paths that tell trials apart."""
    return [path for path in paths if len({str(trial.values.get(path)) for trial in trials}) > 1]
