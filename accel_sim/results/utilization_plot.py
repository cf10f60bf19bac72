"""How busy each resource is over time, from the timeline's intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accel_sim.config.errors import InputError
from accel_sim.results.canvas import DARK, GREY, LIGHT, canvas, colors, si_axis, tidy
from accel_sim.results.result import Result
from accel_sim.results.summary import title
from accel_sim.results.timeline import (
    END,
    START,
    Occupancy,
    chunks,
    resources_of,
    stage_spans,
    window_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STAGE_NAMED = 0.12  # of the width, which the name of a stage needs
ROW_HEIGHT = 0.82  # of a full bar, rows being 1 apart


def busy_by_bin(
    result: Result, bins: int, window_s: tuple[float, float] | None = None
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return float64[bins + 1] seconds, and by resource float64[bins], the part of each bin it is busy in.

    Stages follow each other, each in one occurrence. A unit is busy while tiles hold it, however few of its PEs
    they fill; a pipe is busy while it transfers.

    Raises:
        InputError: no timeline, no bins, an empty window.
    """
    if bins < 1:
        raise InputError(f"bins = {bins}: must be at least 1")
    spans = stage_spans(result)
    window = window_ticks(spans, window_s)
    edges = np.linspace(*window, bins + 1)
    names = spans[0].stage.resources if spans else ()
    occupancy = [Occupancy(edges) for _ in names]
    for span, rows in chunks(spans, window):
        resources = resources_of(span, rows)
        for number, one in enumerate(occupancy):
            one.add(rows[resources == number][:, (START, END)])
    tick_s = spans[0].stage.tick_s if spans else 1.0
    width = np.diff(edges)
    return edges * tick_s, {name: one.busy_ticks / width for name, one in zip(names, occupancy, strict=True)}


def utilization_plot(result: Result, bins: int, window_s: tuple[float, float] | None, ax: Axes | None) -> Axes:
    """Draw a row for each resource, filled to the part of the time in which it is busy."""
    edges, busy = busy_by_bin(result, bins, window_s)
    ax = canvas(ax, 9, 1.5 + 0.75 * len(busy))
    palette = colors(list(busy))
    for row, (name, parts) in enumerate(busy.items()):
        base = len(busy) - 1 - row
        ax.stairs(
            base + ROW_HEIGHT * parts,
            edges,
            baseline=base,
            fill=True,
            color=palette[name],
            alpha=0.85,
            label=name,
        )
        ax.hlines([base, base + ROW_HEIGHT], edges[0], edges[-1], colors=[GREY, LIGHT], lw=0.8, zorder=0)
        ax.text(
            1.01,
            base + ROW_HEIGHT / 2,
            f"{parts.mean():.0%}",
            transform=ax.get_yaxis_transform(),
            va="center",
            color=DARK,
        )
    _stages(ax, result, edges, len(busy))
    once = "; each stage once" if len(result.stages) > 1 else ""
    tidy(ax, "Busy over time", title(result) + once, "x")
    ax.spines["left"].set_visible(False)
    ax.set(xlim=(edges[0], edges[-1]), ylim=(-0.08, len(busy)))
    ax.set_yticks([base + ROW_HEIGHT / 2 for base in reversed(range(len(busy)))], list(busy))
    ax.tick_params(axis="y", length=0)
    ax.set_ylabel("busy (0 to 100 % of the time)", color=DARK, size=9, labelpad=8)
    si_axis(ax.xaxis, "time", "s", float(edges[-1]))
    return ax


def _stages(ax: Axes, result: Result, edges: np.ndarray, rows: int) -> None:
    """Mark where one stage ends and the next begins, and name those that have room for it."""
    if len(result.stages) < 2:
        return
    starts = np.cumsum([0.0, *(stage.latency_s for stage in result.stages)])
    for stage, start in zip(result.stages, starts.tolist(), strict=False):
        if edges[0] < start < edges[-1]:
            ax.axvline(start, color=DARK, lw=0.7, ls=(0, (3, 3)))
        shown = max(start, float(edges[0])), min(start + stage.latency_s, float(edges[-1]))
        if shown[1] - shown[0] > STAGE_NAMED * (edges[-1] - edges[0]):
            ax.text(shown[0], rows - 0.14, f" {stage.name}", size=8, color=DARK, va="bottom")
