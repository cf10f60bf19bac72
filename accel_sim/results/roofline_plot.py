"""Operators under the ceilings of the matrix unit and of the off-chip memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accel_sim.config.units import format_si
from accel_sim.results.bottleneck import LIMITS, limit
from accel_sim.results.canvas import DARK, GREY, LIMIT_COLORS, canvas, tidy
from accel_sim.results.result import Result
from accel_sim.results.summary import title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LABELS = 8
LINE = 0.055  # of the height of the axes, for a line of text


@dataclass(slots=True)
class Point:
    """An operator over all stages of a phase; sums over their occurrences, and what limits the longest."""

    name: str
    operations: float = 0.0
    memory_bytes: float = 0.0
    active_s: float = 0.0
    latency_s: float = 0.0
    limited_by: str = ""
    longest_s: float = -1.0

    @property
    def intensity(self) -> float:
        """Operations for each byte moved to or from the memory."""
        return self.operations / self.memory_bytes if self.memory_bytes else np.inf

    @property
    def performance(self) -> float:
        """Operations per second while it was active."""
        return self.operations / self.active_s


def points(result: Result) -> list[Point]:
    """Return the operators that multiply and accumulate, by phase; a MAC is two operations.

    The time of an operator is its latency, or what its busiest resource took where it overlaps others, so no
    point is above the ceilings.
    """
    found: dict[tuple[str, str], Point] = {}
    phases = {_phase(stage.name) for stage in result.stages}
    for stage in result.stages:
        for record in stage.records:
            if not record.macs:
                continue
            phase = _phase(stage.name)
            name = f"{phase}: {record.name}" if len(phases) > 1 else record.name
            point = found.setdefault((phase, record.name), Point(name))
            point.operations += 2 * stage.weight * record.macs
            point.memory_bytes += stage.weight * record.memory_bytes
            point.active_s += stage.weight * record.active_s
            point.latency_s += stage.weight * record.latency_s
            if stage.weight * record.active_s > point.longest_s:
                point.longest_s = stage.weight * record.active_s
                point.limited_by = limit(record, result.design).kind
    return [point for point in found.values() if point.active_s > 0]


def _phase(stage: str) -> str:
    """Return what a stage is of: `decode` for `decode at 1024`."""
    return stage.partition(" ")[0]


def roofline_plot(result: Result, ax: Axes | None) -> Axes:
    """Draw operators over their operational intensity, in a size that shows their share of the latency."""
    ax = canvas(ax, 9.5, 5.0)
    bandwidth, peak = result.design.memory_bandwidth_bytes_per_s, 2 * result.peak_macs_per_s
    shown = sorted(points(result), key=lambda point: -point.latency_s)
    finite = [point.intensity for point in shown if np.isfinite(point.intensity)]
    ridge = peak / bandwidth if peak else 1.0
    low, high = min([*finite, ridge]) / 4, max([*finite, ridge]) * 6
    # What never touches the memory stands at the right edge.
    x = np.array([min(point.intensity, high / 1.5) for point in shown])
    y = np.array([point.performance for point in shown])
    shares = np.array([max(point.latency_s, 0.0) for point in shown]) / (result.latency_s or 1.0)
    for kind in LIMITS:
        chosen = [index for index, point in enumerate(shown) if point.limited_by == kind]
        if chosen:
            ax.scatter(
                x[chosen],
                y[chosen],
                s=24 + 900 * shares[chosen],
                color=LIMIT_COLORS[kind],
                alpha=0.75,
                edgecolor="white",
                linewidth=0.8,
                label=kind,
                zorder=3,
            )
    ax.set(xscale="log", yscale="log", xlim=(low, high))
    _ceilings(ax, (low, ridge, high), bandwidth, peak)
    bottom = min([*y.tolist(), bandwidth * low]) / 2
    ax.set_ylim(bottom, max(peak, bandwidth * ridge) * 3)
    tidy(ax, "Roofline", f"{title(result)}; the size of a point is its share of the latency", "both")
    ax.set_xlabel("operational intensity (operations per byte of off-chip traffic)", color=DARK)
    ax.set_ylabel("performance (operations per second)", color=DARK)
    ax.yaxis.set_major_formatter(lambda value, _: format_si(float(f"{value:.3g}"), "OP/s"))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    _labels(ax, shown[:LABELS], x, y, shares)
    if shown:
        legend = ax.legend(
            title="limited by", frameon=False, loc="upper left", fontsize=8.5, title_fontsize=8.5
        )
        for handle in legend.legend_handles:
            handle.set_sizes([40])  # type: ignore[union-attr]
    return ax


def _ceilings(ax: Axes, span: tuple[float, float, float], bandwidth: float, peak: float) -> None:
    low, ridge, high = span
    corner = ridge if peak else high
    ax.plot([low, corner], [bandwidth * low, bandwidth * corner], color=DARK, lw=1.6, label="_memory", zorder=2)
    ax.annotate(
        f"memory {format_si(bandwidth, 'B/s')}",
        (low * 1.15, bandwidth * low * 1.15),
        xytext=(0, 5),
        textcoords="offset points",
        rotation=np.degrees(np.arctan(1.0)),
        rotation_mode="anchor",
        transform_rotates_text=True,
        size=8.5,
        color=DARK,
    )
    if peak:
        ax.plot([ridge, high], [peak, peak], color=DARK, lw=1.6, label="_matrix", zorder=2)
        ax.annotate(
            f"matrix peak {format_si(peak, 'OP/s')}",
            (high, peak),
            xytext=(-4, 5),
            textcoords="offset points",
            ha="right",
            size=8.5,
            color=DARK,
        )


def _labels(ax: Axes, named: Sequence[Point], x: np.ndarray, y: np.ndarray, shares: np.ndarray) -> None:
    """Write names in a column to the right, each as near to its point's height as the others allow."""
    if not named:
        return
    places = ax.transAxes.inverted().transform(ax.transData.transform(np.stack((x, y), axis=1)))[: len(named)]
    order = np.lexsort((-shares[: len(named)], -places[:, 1].round(2))).tolist()
    heights: list[float] = []
    for index in order:
        heights.append(min([float(places[index, 1]), *(height - LINE for height in heights[-1:])]))
    lift = max(0.0, -heights[-1])
    for index, height in zip(order, heights, strict=True):
        ax.annotate(
            f"{named[index].name}  {shares[index]:.1%}",
            (x[index], y[index]),
            (1.03, height + lift),
            textcoords="axes fraction",
            va="center",
            size=8.5,
            color=DARK,
            arrowprops={"arrowstyle": "-", "color": GREY, "lw": 0.7, "relpos": (0, 0.5), "shrinkB": 0},
            zorder=2.5,
            annotation_clip=False,
        )
