"""Figures of a sweep, one function each; drawn without a display."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accel_sim.explore.spec import SweepSpec
from accel_sim.explore.table import SweepResult, write_if_changed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LINES = 8
MOST_BARS = 20
UNITS = {"latency_s": "s", "energy_j": "J", "power_w": "W"}


def draw(spec: SweepSpec, result: SweepResult, folder: Path) -> list[Path]:
    """Write the figures of a sweep, and return their files."""
    from matplotlib.figure import Figure

    groups = by_workload(result)
    if not groups:
        return []
    folder.mkdir(exist_ok=True)
    written = []
    columns = min(3, len(groups))
    rows = -(-len(groups) // columns)
    figure = Figure(figsize=(5.2 * columns, 4.2 * rows), layout="constrained")
    for number, (title, members) in enumerate(groups.items()):
        energy_latency(figure.add_subplot(rows, columns, number + 1), spec, result, title, members)
    written.append(_save(figure, folder / "latency_energy.png"))
    for title, members in groups.items():
        figure = Figure(figsize=(7.5, 5.0), layout="constrained")
        metric_by_inputs(figure.add_subplot(), result, title, members, spec.metrics[0])
        written.append(_save(figure, folder / f"{_file_name(title)}.png"))
    return written


def by_workload(result: SweepResult) -> dict[str, list[int]]:
    """Return the numbers of the rows that have a result, by workload and phase."""
    groups: dict[str, list[int]] = {}
    for number, (row, metrics) in enumerate(zip(result.rows, result.metrics, strict=True)):
        if metrics:
            groups.setdefault(f"{row['workload']} {row.get('phase') or ''}".strip(), []).append(number)
    return groups


def energy_latency(
    axes: Axes, spec: SweepSpec, result: SweepResult, title: str, members: Sequence[int]
) -> Axes:
    """Draw energy against latency: a colour for each design, crosses for what violates a constraint."""
    designs = list(dict.fromkeys(row["design"] for row in result.rows))
    for number, design in enumerate(designs):
        own = [m for m in members if result.rows[m]["design"] == design]
        for feasible in (True, False):
            chosen = [m for m in own if (result.rows[m].get("feasible") is not False) == feasible]
            if chosen:
                axes.scatter(
                    [result.metrics[m]["latency_s"] for m in chosen],
                    [result.metrics[m]["energy_j"] for m in chosen],
                    color=f"C{number % 10}",
                    marker="o" if feasible else "x",
                    s=28,
                    label=design if feasible else f"{design}, infeasible",
                )
    for name, line in (("latency_s", axes.axvline), ("energy_j", axes.axhline)):
        bound = spec.constraints.get(name)
        for value in (bound.min, bound.max) if bound else ():
            if value is not None:
                line(value, color="0.5", linestyle="--", linewidth=1)
    spread_scale(axes, "x", [result.metrics[m]["latency_s"] for m in members], "s")
    spread_scale(axes, "y", [result.metrics[m]["energy_j"] for m in members], "J")
    axes.set(xlabel="latency", ylabel="energy", title=title)
    axes.legend(fontsize="x-small")
    return axes


def metric_by_inputs(axes: Axes, result: SweepResult, title: str, members: Sequence[int], metric: str) -> Axes:
    """Draw a metric over the numeric input with most values, a line for each combination of the others.

    Without such an input, or with too many lines, the best points are bars.
    """
    along = _longest_axis(result, members)
    told_by = _varied(result, members, without=along)
    lines: dict[str, list[tuple[float, float]]] = {}
    for m in members:
        row = result.rows[m]
        name = _describe(row, told_by)
        lines.setdefault(name, []).append((row[along] if along else 0, result.metrics[m][metric]))
    if along is None or len(lines) > MOST_LINES:
        return _bars(axes, result, title, members, metric)
    for name, points in lines.items():
        points.sort()
        axes.plot([x for x, _ in points], [y for _, y in points], marker="o", label=name)
    spread_scale(axes, "x", [x for points in lines.values() for x, _ in points], "")
    spread_scale(axes, "y", [y for points in lines.values() for _, y in points], UNITS.get(metric))
    axes.set(xlabel=along, ylabel=metric, title=title)
    axes.legend(fontsize="x-small")
    return axes


def _bars(axes: Axes, result: SweepResult, title: str, members: Sequence[int], metric: str) -> Axes:
    from matplotlib.ticker import EngFormatter

    shown = sorted(members, key=lambda m: rank(metric, result.metrics[m][metric]))[:MOST_BARS]
    told_by = _varied(result, members)
    names = [_describe(result.rows[m], told_by) for m in shown]
    axes.barh(range(len(shown)), [result.metrics[m][metric] for m in shown])
    axes.set_yticks(range(len(shown)), names, fontsize="x-small")
    axes.invert_yaxis()
    if metric in UNITS:
        axes.xaxis.set_major_formatter(EngFormatter(UNITS[metric]))
    axes.set(xlabel=metric, title=f"{title}: best {len(shown)} of {len(members)}")
    return axes


def rank(metric: str, value: float) -> float:
    """Return a number that is smaller for a better value of a metric."""
    better_when_larger = metric.startswith(("utilization", "tokens", "tops"))
    return -value if better_when_larger else value


def _longest_axis(result: SweepResult, members: Sequence[int]) -> str | None:
    """Return the numeric input with most values, at least three, or None."""
    counts = {}
    for name in result.inputs:
        values = [result.rows[m].get(name) for m in members]
        if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
            counts[name] = len(set(values))
    best = max(counts, key=lambda name: counts[name], default=None)
    return best if best is not None and counts[best] >= 3 else None


def _varied(result: SweepResult, members: Sequence[int], without: str | None = None) -> list[str]:
    """Return the inputs that tell the members apart: the design, and those with more than one value."""
    return [
        name
        for name in result.inputs
        if name not in ("workload", without)
        and (name == "design" or len({str(result.rows[m].get(name)) for m in members}) > 1)
    ]


def _describe(row: dict[str, Any], inputs: Sequence[str]) -> str:
    """Return the given inputs of a row in words."""
    return ", ".join(
        str(row[name]) if name == "design" else f"{name.rpartition('.')[2]} {row[name]}"
        for name in inputs
        if row.get(name) is not None
    )


def spread_scale(axes: Axes, which: str, values: Sequence[float], unit: str | None = None) -> None:
    """Make an axis logarithmic when its values are positive and span more than a factor of ten."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    axis = axes.xaxis if which == "x" else axes.yaxis
    if values and min(values) > 0 and max(values) / min(values) > 10:
        (axes.set_xscale if which == "x" else axes.set_yscale)("log")
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_minor_formatter(NullFormatter())
    if unit is not None:
        axis.set_major_formatter(EngFormatter(unit))


def _file_name(title: str) -> str:
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in title)


def _save(figure: Any, path: Path) -> Path:
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=120, metadata={"Software": None})
    write_if_changed(path, data.getvalue())
    return path
