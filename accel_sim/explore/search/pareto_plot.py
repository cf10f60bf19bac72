"""The picture of a front: two objectives, what was tried, what nothing beats, and the baselines."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from accel_sim.explore.plots import spread_scale
from accel_sim.explore.search.outcome import SearchResult
from accel_sim.explore.search.trials import Trial
from accel_sim.results.canvas import DARK, PALETTE, canvas, tidy
from accel_sim.results.wording import unit_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The first colours are those of the front and of what follows from it.
BASELINE_COLORS = PALETTE[1:]
# Of what is drawn as pixels, which cannot follow a page from light to dark.
FAINT = "#8A8A8A"


def panels(result: SearchResult) -> list[tuple[int, int]]:
    """Return the pairs of objectives, one picture each."""
    return list(itertools.combinations(range(len(result.goals.objectives)), 2))


def pareto(result: SearchResult, x: int = 0, y: int = 1, ax: Axes | None = None) -> Axes:
    """Draw two objectives: feasible trials grey, others as crosses, the front blue, baselines as stars.

    Of a front of two objectives the line is drawn below which nothing was found. Points of the front are the
    collection with the gid `front-x-y`, in the order of `result.front`.
    """
    ax = canvas(ax, 7.0, 4.8)
    tried = [t for t in result.trials if t.score is not None and not t.repeated]
    on_front = {t.number for t in result.front}
    outside = [t for t in tried if not t.feasible]
    behind = [t for t in tried if t.feasible and t.number not in on_front]
    _points(
        ax,
        outside,
        x,
        y,
        "beyond the limits",
        marker="x",
        color=FAINT,
        alpha=0.35,
        s=14,
        linewidths=1,
        zorder=1,
    )
    _points(ax, behind, x, y, "dominated", marker="o", color=FAINT, alpha=0.6, s=12, linewidths=0, zorder=2)
    _front(ax, result, x, y)
    _baselines(ax, result, x, y)
    for which, objective in (("x", x), ("y", y)):
        _scale(ax, which, result, objective, tried)
    headings = f"{len(result.front)} designs that no other one beats", _subtitle(result)
    tidy(ax, *headings, "both")
    ax.legend(frameon=False, fontsize=8.5, labelcolor=DARK)
    return ax


def _front(ax: Axes, result: SearchResult, x: int, y: int) -> None:
    front = _points(
        ax, result.front, x, y, "front", marker="o", color=PALETTE[0], s=34, edgecolor="white", lw=0.5, zorder=4
    )
    if front is not None:
        front.set_gid(f"front-{x}-{y}")
    if len(result.goals.objectives) == 2 and len(result.front) > 1:
        points = sorted((t.score.values[x], t.score.values[y]) for t in result.front if t.score)
        where: Any = "pre" if result.goals.objectives[x].maximise else "post"
        xs, ys = zip(*points, strict=True)
        ax.step(xs, ys, where=where, color=PALETTE[0], lw=1, alpha=0.6, zorder=3)


def _baselines(ax: Axes, result: SearchResult, x: int, y: int) -> None:
    known = [t for t in result.baselines if t.score is not None]
    for number, trial in enumerate(known):
        label = trial.name + ("" if trial.feasible else ", beyond the limits")
        color = BASELINE_COLORS[number % len(BASELINE_COLORS)]
        _points(ax, [trial], x, y, label, marker="*", s=150, color=color, edgecolor=DARK, lw=0.6, zorder=5)


def _points(ax: Axes, trials: Any, x: int, y: int, label: str, zorder: int, **style: Any) -> Any:
    scores = [t.score.values for t in trials if t.score is not None]
    if not scores:
        return None
    points = ax.scatter([s[x] for s in scores], [s[y] for s in scores], label=label, zorder=zorder, **style)
    # Pictures in a page stay small that way; there may be thousands.
    points.set_rasterized(zorder < 4)
    return points


def _scale(ax: Axes, which: str, result: SearchResult, objective: int, tried: list[Trial]) -> None:
    shown = [*(t for t in tried if t.feasible), *result.baselines]
    values = [t.score.values[objective] for t in shown if t.score is not None]
    name = result.goals.names[objective]
    spread_scale(ax, which, values, unit_of(name))
    label = f"{name}, more is better" if result.goals.objectives[objective].maximise else name
    (ax.set_xlabel if which == "x" else ax.set_ylabel)(label, color=DARK)


def _subtitle(result: SearchResult) -> str:
    counts = result.count()
    return f"{result.name}: {counts['feasible']} of {counts['distinct']} designs within the limits"
