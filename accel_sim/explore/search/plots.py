"""Figures of a search, drawn without a display."""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accel_sim.explore.plots import spread_scale
from accel_sim.explore.search.outcome import SearchResult
from accel_sim.explore.search.trials import Trial
from accel_sim.explore.table import write_if_changed

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_pareto(result: SearchResult, path: Path) -> bool:
    """Write the picture of the objectives, a panel for each pair; False where no trial has a result."""
    from matplotlib.figure import Figure

    if all(trial.score is None for trial in result.trials):
        return False
    pairs = list(itertools.combinations(range(len(result.goals.objectives)), 2)) or [(0, 0)]
    figure = Figure(figsize=(6.4 * len(pairs), 4.8), layout="constrained")
    for number, (x, y) in enumerate(pairs):
        axes = figure.add_subplot(1, len(pairs), number + 1)
        if x == y:
            best_so_far(axes, result)
        else:
            pareto(axes, result, x, y)
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=120, metadata={"Software": None})
    write_if_changed(path, data.getvalue())
    return True


def pareto(axes: Axes, result: SearchResult, x: int, y: int) -> Axes:
    """Draw two objectives: feasible trials grey, others as crosses, the front blue, baselines as stars."""
    first = [t for t in result.trials if t.score is not None and not t.repeated]
    groups: tuple[tuple[str, list[Trial], dict[str, Any]], ...] = (
        ("beyond the limits", [t for t in first if not t.feasible], {"marker": "x", "color": "0.8", "s": 12}),
        ("feasible", [t for t in first if t.feasible], {"marker": "o", "color": "0.6", "s": 10}),
        ("front", list(result.front), {"marker": "o", "color": "C0", "s": 24}),
    )
    seen: tuple[list[float], list[float]] = ([], [])
    for label, trials, style in groups:
        xs = [t.score.values[x] for t in trials if t.score]
        ys = [t.score.values[y] for t in trials if t.score]
        if xs:
            axes.scatter(xs, ys, label=label, **style)
        if label != "beyond the limits":
            seen[0].extend(xs)
            seen[1].extend(ys)
    for number, trial in enumerate(t for t in result.baselines if t.score is not None):
        assert trial.score is not None
        point = trial.score.values[x], trial.score.values[y]
        feasible = "" if trial.feasible else ", beyond the limits"
        axes.scatter(
            *point, marker="*", s=140, color=f"C{1 + number % 9}", edgecolor="k", label=trial.name + feasible
        )
        seen[0].append(point[0])
        seen[1].append(point[1])
    for which, values in zip("xy", seen, strict=True):
        spread_scale(axes, which, values)
    names = result.goals.names
    axes.set(xlabel=names[x], ylabel=names[y], title=result.name)
    axes.legend(fontsize="x-small")
    return axes


def best_so_far(axes: Axes, result: SearchResult) -> Axes:
    """Draw the best feasible value of a single objective over the distinct designs, baselines as lines."""
    best: list[float] = []
    lowest = None
    for trial in result.trials:
        if trial.feasible and trial.score is not None and not trial.repeated:
            if lowest is None or trial.score.costs[0] < lowest.costs[0]:
                lowest = trial.score
            best.append(lowest.values[0])
    axes.step(range(1, len(best) + 1), best, where="post", label="best so far")
    for number, trial in enumerate(t for t in result.baselines if t.score is not None):
        assert trial.score is not None
        axes.axhline(trial.score.values[0], color=f"C{1 + number % 9}", linestyle="--", label=trial.name)
    axes.set(xlabel="feasible designs", ylabel=result.goals.names[0], title=result.name)
    axes.legend(fontsize="x-small")
    return axes
