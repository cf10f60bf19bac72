"""Axes in the look that all plots share, and axes with SI prefixes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from accel_sim.config.units import format_si
from accel_sim.results.bottleneck import BANDWIDTH, COMPUTE, HIDDEN, LATENCY, MAPPING, OVERHEAD

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

# Tol's bright and muted schemes, which people with colour blindness can tell apart.
PALETTE = (
    "#4477AA",
    "#EE8866",
    "#228833",
    "#CCBB44",
    "#AA3377",
    "#66CCEE",
    "#EE6677",
    "#999933",
    "#332288",
    "#882255",
)
GREY, LIGHT, DARK = "#BBBBBB", "#E6E6E6", "#444444"
LIMIT_COLORS = {
    COMPUTE: PALETTE[0],
    BANDWIDTH: PALETTE[1],
    MAPPING: PALETTE[4],
    LATENCY: PALETTE[3],
    OVERHEAD: PALETTE[5],
    HIDDEN: GREY,
}


def canvas(ax: Axes | None, width: float, height: float) -> Axes:
    """Return the axes given, or new ones of a figure of so many inches."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def tidy(ax: Axes, title: str, subtitle: str, grid: str) -> None:
    """Set the titles, drop the frame, and put a light grid behind the data: `x`, `y` or `both`."""
    ax.set_title(title, loc="left", fontsize=11, fontweight="bold", color=DARK, pad=22)
    ax.annotate(subtitle, (0, 1), (0, 8), "axes fraction", "offset points", size=9, color=DARK)
    ax.spines[["top", "right"]].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(GREY)
    ax.tick_params(color=GREY, labelcolor=DARK, labelsize=9)
    ax.set_axisbelow(True)
    ax.grid(axis=grid, color=LIGHT, linewidth=0.8)  # type: ignore[arg-type]


def si_axis(axis: Axis, quantity: str, unit: str, largest: float) -> None:
    """Label an axis of SI values in the prefix that suits the largest of them."""
    from matplotlib.ticker import FuncFormatter

    exponent = 3 * math.floor(math.log10(largest) / 3 + 1e-9) if largest > 0 else 0
    scale = float(f"1e{min(max(exponent, -15), 15)}")
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / scale:.6g}"))
    axis.set_label_text(f"{quantity} ({format_si(scale, unit).removeprefix('1 ')})", color=DARK)


def colors(names: Sequence[str]) -> dict[str, str]:
    """Return a colour for each name, in turn; leakage is grey."""
    others = [name for name in names if name != "leakage"]
    chosen = {name: PALETTE[index % len(PALETTE)] for index, name in enumerate(others)}
    return chosen | ({"leakage": GREY} if "leakage" in names else {})
