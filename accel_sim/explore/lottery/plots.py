"""Figures of a lottery, drawn without a display."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from accel_sim.explore.lottery.outcome import ContestResult, LotteryResult
from accel_sim.explore.table import write_if_changed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_COLUMNS = 3
LINES = ("-", "--", ":", "-.")
# Losses below this are drawn at it.
LEAST = 1e-4


def draw(result: LotteryResult) -> list[Path]:
    """Write `curves.png` and `boxes.png`, and return them."""
    from matplotlib.figure import Figure

    columns = min(MOST_COLUMNS, len(result.contests))
    rows = -(-len(result.contests) // columns)
    figure = Figure(figsize=(5.6 * columns, 4.2 * rows + 0.25 * len(result.labels)), layout="constrained")
    axes: Any = None
    for number, found in enumerate(result.contests):
        axes = curves(figure.add_subplot(rows, columns, number + 1), result, found)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize="small")
    written = [_save(figure, result.folder / "curves.png")]
    marks = result.plan.spec.marks
    height = 1.0 + 0.25 * len(result.labels)
    figure = Figure(figsize=(4.2 * len(marks) + 1.5, height * len(result.contests)), layout="constrained")
    panels = figure.subplots(len(result.contests), len(marks), squeeze=False, sharey=True, sharex="row")
    for row, found in zip(panels, result.contests, strict=True):
        for axes, mark in zip(row, marks, strict=True):
            boxes(axes, result, found, mark)
    return [*written, _save(figure, result.folder / "boxes.png")]


def curves(axes: Axes, result: LotteryResult, found: ContestResult) -> Axes:
    """Draw the median loss of each contestant, random search with its quartiles and its expectation.

    A sampler has a colour, its settings have lines of their own.
    """
    samplers = list(dict.fromkeys(result.samplers))
    count = np.arange(1, found.losses.shape[2] + 1)
    seen: dict[str, int] = {}
    for label, sampler, losses in zip(result.labels, result.samplers, found.losses, strict=True):
        lower, median, upper = np.maximum(np.percentile(losses, (25, 50, 75), axis=0), LEAST)
        number = seen.get(sampler, 0)
        seen[sampler] = number + 1
        colour = "k" if sampler == "random" else f"C{samplers.index(sampler)}"
        axes.plot(
            count,
            median,
            LINES[number % len(LINES)],
            color=colour,
            alpha=1.0 - 0.6 * (number // len(LINES) > 0),
            label=label,
        )
        if sampler == "random":
            axes.fill_between(count, lower, upper, color="0.85", label="random, quartiles")
    if found.yard.single:
        mean = [max(found.expected(int(n)) or 0.0, LEAST) for n in count]
        axes.plot(count, mean, color="0.5", linewidth=3, alpha=0.5, label="random, expected mean")
    for mark in result.plan.spec.marks:
        axes.axvline(mark, color="0.9", zorder=0)
    axes.axhline(result.plan.spec.tolerance or LEAST, color="0.7", linewidth=1, zorder=0)
    what = "beyond the best known" if found.yard.single else "hypervolume missing"
    axes.set(xscale="log", yscale="log", xlabel="distinct designs", ylabel=f"{what}, share")
    nothing = " (says nothing)" if result.easy(found) else ""
    axes.set_title(found.contest.name + nothing, fontsize="medium")
    return axes


def boxes(axes: Axes, result: LotteryResult, found: ContestResult, mark: int) -> Axes:
    """Draw the losses of the runs of each contestant after so many designs."""
    losses = [np.maximum(own, LEAST) for own in found.losses[:, :, mark - 1]]
    axes.boxplot(losses, orientation="horizontal", whis=(0, 100), tick_labels=list(result.labels))
    axes.axvline(result.plan.spec.tolerance or LEAST, color="0.7", linewidth=1, zorder=0)
    axes.set(xscale="log")
    axes.tick_params(axis="y", labelsize="x-small")
    axes.set_title(f"{found.contest.name} after {mark}", fontsize="small")
    if not axes.yaxis_inverted():
        axes.invert_yaxis()
    return axes


def _save(figure: Any, path: Path) -> Path:
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=120, metadata={"Software": None})
    write_if_changed(path, data.getvalue())
    return path
