"""`result.plot`: pictures of a search; each method returns matplotlib Axes.

With `ax` given a picture is drawn there, else on a figure of its own.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from accel_sim.config import InputError, did_you_mean
from accel_sim.explore.search.outcome import SearchResult
from accel_sim.explore.table import write_if_changed

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True)
class SearchPlots:
    """Pictures of one search. Objectives and parameters are named as in the search file."""

    result: SearchResult

    def pareto(self, x: str | None = None, y: str | None = None, *, ax: Axes | None = None) -> Axes:
        """Two objectives, by default the first two: the front, what it dominates, the baselines.

        With one objective, its best value so far.
        """
        from accel_sim.explore.search.pareto_plot import pareto

        if len(self.result.goals.objectives) == 1:
            return self.best(ax=ax)
        return pareto(self.result, self._objective(x, 0), self._objective(y, 1), ax)

    def hypervolume(self, *, ax: Axes | None = None) -> Axes:
        """What the front dominates, against the designs evaluated."""
        from accel_sim.explore.search.convergence_plot import hypervolume_plot

        return hypervolume_plot(self.result, ax)

    def best(self, objective: str | None = None, *, ax: Axes | None = None) -> Axes:
        """The best feasible value of an objective, against the designs evaluated."""
        from accel_sim.explore.search.convergence_plot import best_so_far

        return best_so_far(self.result, self._objective(objective, 0), ax)

    def importance(self, objective: str | None = None, *, ax: Axes | None = None) -> Axes:
        """How much each parameter matters to an objective; see `importance` for the method and its limits."""
        from accel_sim.explore.search.parameter_plots import importance_plot

        return importance_plot(self.result, self._objective(objective, 0), ax)

    def slice(self, parameter: str, objective: str | None = None, *, ax: Axes | None = None) -> Axes:
        """An objective over the values of one parameter, of all feasible designs."""
        from accel_sim.explore.search.parameter_plots import slice_plot

        names = [one.name for one in self.result.space.searched]
        if parameter not in names:
            raise InputError(f"no parameter '{parameter}'{did_you_mean(parameter, names)}")
        return slice_plot(self.result, names.index(parameter), self._objective(objective, 0), ax)

    def parallel(self, *, ax: Axes | None = None) -> Axes:
        """All feasible designs as lines over their parameters and objectives."""
        from accel_sim.explore.search.parameter_plots import parallel

        return parallel(self.result, ax)

    def _objective(self, name: str | None, otherwise: int) -> int:
        names = self.result.goals.names
        if name is None:
            return otherwise
        if name not in names:
            raise InputError(f"no objective '{name}'{did_you_mean(name, names)}")
        return names.index(name)


def draw_pareto(result: SearchResult, path: Path) -> bool:
    """Write the picture of the objectives, a panel for each pair; False where no trial has a result."""
    from matplotlib.figure import Figure

    from accel_sim.explore.search.convergence_plot import best_so_far
    from accel_sim.explore.search.pareto_plot import panels, pareto

    if all(trial.score is None for trial in result.trials):
        return False
    pairs = panels(result)
    figure = Figure(figsize=(6.4 * max(1, len(pairs)), 4.8), layout="constrained")
    for number, (x, y) in enumerate(pairs):
        pareto(result, x, y, figure.add_subplot(1, len(pairs), number + 1))
    if not pairs:
        best_so_far(result, 0, figure.add_subplot())
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=120, metadata={"Software": None})
    write_if_changed(path, data.getvalue())
    return True
