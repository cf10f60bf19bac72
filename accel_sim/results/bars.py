"""Stacked bars of latency, energy and area; the bars add up to the result's figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from accel_sim.config.units import format_si
from accel_sim.hardware.events import event_costs
from accel_sim.results.bottleneck import LIMITS, limit
from accel_sim.results.canvas import DARK, LIMIT_COLORS, canvas, colors, si_axis, tidy
from accel_sim.results.ranking import GROUPINGS, Group, check_choice, group, largest
from accel_sim.results.record import OperatorRecord
from accel_sim.results.result import Result, Stage
from accel_sim.results.summary import title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BARS = 12
COMPONENT = "component"


def latency_bars(result: Result, by: str, ax: Axes | None) -> Axes:
    """Draw a bar for each group of operators, coloured by what limits them."""
    check_choice("by", by, GROUPINGS)

    def parts(stage: Stage, record: OperatorRecord) -> dict[str, float]:
        return {limit(record, result.design).kind: record.latency_s}

    groups = largest(group(result, by, parts), BARS)
    headings = f"Latency by {by}: {format_si(result.latency_s, 's')}", title(result)
    return stacked_bars(ax, groups, LIMIT_COLORS, LIMITS, "latency", "s", headings, legend="limited by")


def energy_bars(result: Result, by: str, ax: Axes | None) -> Axes:
    """Draw a bar for each component (dynamic, leakage), or for each group of operators (component, leakage)."""
    check_choice("by", by, (COMPONENT, *GROUPINGS))
    if by == COMPONENT:
        order: tuple[str, ...] = ("dynamic", "leakage")
        groups = [Group(name, parts) for name, parts in result.energy_breakdown().items()]
    else:
        order = (*result.design.components, "leakage")
        groups = group(result, by, _energies(result))
    headings = f"Energy by {by}: {format_si(result.energy_j, 'J')}", title(result)
    return stacked_bars(ax, largest(groups, BARS), colors(order), order, "energy", "J", headings)


def _energies(result: Result) -> Callable[[Stage, OperatorRecord], dict[str, float]]:
    """Return the function that gives an operator's joules: dynamic by component, and its leakage."""
    costs = event_costs(result.design)
    energies_j = np.array([cost.energy_j for cost in costs])

    def parts(stage: Stage, record: OperatorRecord) -> dict[str, float]:
        joules = {"leakage": result.design.leakage_w * record.latency_s}
        for cost, energy_j in zip(costs, (record.events * energies_j).tolist(), strict=True):
            if cost.component is not None:
                joules[cost.component] = joules.get(cost.component, 0.0) + energy_j
        return joules

    return parts


def area_bars(result: Result, ax: Axes | None) -> Axes:
    """Draw a bar for each component, stacked by its parts."""
    groups = [Group(name, parts) for name, parts in result.area_breakdown().items() if parts]
    order = tuple(dict.fromkeys(part for one in groups for part in one.parts))
    headings = f"Area by component: {result.area_mm2:.4g} mm²", result.design.name
    return stacked_bars(ax, largest(groups, BARS), colors(order), order, "area", "mm²", headings)


def stacked_bars(
    ax: Axes | None,
    groups: Sequence[Group],
    palette: Mapping[str, str],
    order: Sequence[str],
    quantity: str,
    unit: str,
    headings: tuple[str, str],
    legend: str | None = None,
) -> Axes:
    """Draw horizontal bars, the first on top, with total and share behind each."""
    ax = canvas(ax, 9.5, 1.4 + 0.32 * len(groups))
    places = np.arange(len(groups))
    left = np.zeros(len(groups))
    for part in order:
        values = np.array([one.parts.get(part, 0.0) for one in groups])
        if not values.any():
            continue
        ax.barh(
            places, values, left=left, height=0.72, color=palette[part], label=part, edgecolor="white", lw=0.4
        )
        left += values
    total = float(left.sum())
    longest = float(left.max(initial=0.0))
    for place, value in zip(places.tolist(), left.tolist(), strict=True):
        share = value / total if total else 0.0
        amount = f"{value:.3g} {unit}" if unit == "mm²" else format_si(float(f"{value:.3g}"), unit)
        ax.text(
            max(value, 0.0) + 0.012 * longest,
            place,
            f"{amount}  {share:.1%}",
            va="center",
            size=8.5,
            color=DARK,
        )
    ax.set_yticks(places, [one.label for one in groups])
    ax.invert_yaxis()
    ax.set_xlim(min(0.0, float(left.min(initial=0.0))), 1.2 * longest or 1.0)
    tidy(ax, *headings, "x")
    ax.tick_params(axis="y", length=0)
    if unit == "mm²":
        ax.set_xlabel("area (mm²)", color=DARK)
    else:
        si_axis(ax.xaxis, quantity, unit, longest)
    if ax.get_legend_handles_labels()[0]:
        beside: Any = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
        ax.legend(title=legend, frameon=False, fontsize=8.5, title_fontsize=8.5, alignment="left", **beside)
    return ax
