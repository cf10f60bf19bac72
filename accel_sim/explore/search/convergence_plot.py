"""Pictures of how a search got on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accel_sim.explore.plots import spread_scale
from accel_sim.explore.search.convergence import best_curve, hypervolume_curve
from accel_sim.explore.search.outcome import SearchResult
from accel_sim.explore.search.pareto_plot import BASELINE_COLORS
from accel_sim.results.canvas import DARK, PALETTE, canvas, tidy
from accel_sim.results.wording import format_metric, unit_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EARLY = 0.02
X_LABEL = "distinct designs evaluated, after the baselines"


def hypervolume_plot(result: SearchResult, ax: Axes | None = None) -> Axes:
    """Draw what the front dominates below the reference point, as a share of what it does in the end.

    The axis begins at the share after EARLY of the evaluations, as the first designs bring most of it.
    """
    ax = canvas(ax, 7.0, 3.4)
    curve = hypervolume_curve(result)
    last = curve.values[-1] if curve.values else 0.0
    shares = [100 * value / last if last else 0.0 for value in curve.values]
    ax.step(curve.evaluations, shares, where="post", color=PALETTE[0], lw=1.6)
    if shares:
        early = EARLY * curve.evaluations[-1]
        bottom = max(
            share
            for at, share in zip(curve.evaluations, shares, strict=True)
            if at <= early or at == curve.evaluations[0]
        )
        ax.set_ylim(bottom - 0.05 * (100 - bottom or 1), 100 + 0.05 * (100 - bottom or 1))
    ax.set_ylabel("% of the last value", color=DARK)
    ax.set_xlabel(X_LABEL, color=DARK)
    tidy(ax, f"Hypervolume: {last:.5g}", f"{result.name}, in the product of the objectives' units", "both")
    return ax


def best_so_far(result: SearchResult, objective: int = 0, ax: Axes | None = None) -> Axes:
    """Draw the best feasible value of an objective so far; baselines are lines, dotted beyond the limits."""
    ax = canvas(ax, 7.0, 3.4)
    name = result.goals.names[objective]
    curve = best_curve(result, objective)
    ax.step(curve.evaluations, curve.values, where="post", color=PALETTE[0], lw=1.6)
    values = list(curve.values)
    for number, trial in enumerate(t for t in result.baselines if t.score is not None):
        assert trial.score is not None
        value = trial.score.values[objective]
        color = BASELINE_COLORS[number % len(BASELINE_COLORS)]
        ax.axhline(value, color=color, ls="--" if trial.feasible else ":", lw=1.2, label=trial.name)
        values.append(value)
    spread_scale(ax, "y", values, unit_of(name))
    ax.set_ylabel(name, color=DARK)
    ax.set_xlabel(X_LABEL, color=DARK)
    best = format_metric(name, curve.values[-1]) if curve.values else "none within the limits"
    tidy(ax, f"Best {name} so far: {best}", result.name, "both")
    if result.baselines:
        ax.legend(frameon=False, fontsize=8.5, labelcolor=DARK)
    return ax
