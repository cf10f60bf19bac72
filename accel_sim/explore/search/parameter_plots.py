"""Pictures of parameters: which matter, what each value leads to, what the designs of a front share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from accel_sim.explore.plots import spread_scale
from accel_sim.explore.search.domains import Domain, Finite
from accel_sim.explore.search.importance import LEAST_DESIGNS, Importance
from accel_sim.explore.search.outcome import SearchResult
from accel_sim.explore.search.pareto_plot import FAINT
from accel_sim.explore.search.trials import Trial
from accel_sim.explore.search.wording import format_value
from accel_sim.results.canvas import DARK, GREY, PALETTE, canvas, tidy
from accel_sim.results.wording import format_metric, unit_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_TICKS = 6
# More lines than this are smaller as pixels.
MOST_LINES = 1000


def importance_plot(result: SearchResult, objective: int = 0, ax: Axes | None = None) -> Axes:
    """Draw how much each parameter matters to an objective; pale and named a hint where the model is poor."""
    name = result.goals.names[objective]
    found = next((one for one in result.importances if one.objective == name), None)
    ax = canvas(ax, 7.0, 1.5 + 0.3 * len(found.parameters) if found else 2.0)
    if found is None:
        ax.set_axis_off()
        tidy(ax, f"What matters to {name}", f"not known: fewer than {LEAST_DESIGNS} designs, or no change", "x")
        return ax
    places = np.arange(len(found.parameters))
    color = PALETTE[0] if found.trusted else GREY
    ax.barh(places, found.lost, xerr=found.spread, height=0.66, color=color, ecolor=DARK, error_kw={"lw": 0.8})
    ax.set_yticks(places, found.parameters)
    ax.invert_yaxis()
    ax.set_xlim(left=min(0.0, *found.lost))
    title = f"What matters to {name}" if found.trusted else f"What may matter to {name}: no more than a hint"
    tidy(ax, title, model_words(found), "x")
    ax.set_xlabel("share of the variance lost when shuffled, of unseen designs", color=DARK)
    return ax


def model_words(found: Importance) -> str:
    """Return in words how good the model behind importances is."""
    of = "logarithm of " if found.logarithm else ""
    return f"R² {found.r2:.2f} for the {of}unseen designs, learnt from {found.designs}"


def slice_plot(result: SearchResult, parameter: int, objective: int = 0, ax: Axes | None = None) -> Axes:
    """Draw an objective over a parameter, given by its number among those searched; the front is blue."""
    ax = canvas(ax, 4.2, 3.2)
    own, domain = result.space.searched[parameter], result.space.domains[parameter]
    front = {t.number for t in result.front}
    feasible = [t for t in _inside(result) if t.codes and t.codes[parameter] is not None]
    values: list[float] = []
    for on_front, style in (
        (False, {"color": FAINT, "alpha": 0.6, "s": 9}),
        (True, {"color": PALETTE[0], "s": 24}),
    ):
        chosen = [t for t in feasible if (t.number in front) == on_front]
        xs: list[Any] = [t.codes[parameter] for t in chosen if t.codes]
        ys = [t.score.values[objective] for t in chosen if t.score]
        options: Any = {"linewidths": 0, "zorder": 2 + on_front, **style}
        ax.scatter(xs, ys, **options).set_rasterized(not on_front)
        values.extend(ys)
    name = result.goals.names[objective]
    spread_scale(ax, "y", values, unit_of(name))
    ticks = _ticks(domain)
    labels = [_label(result, own.paths, domain.decode(code)) for code in ticks]
    turned: Any = {"rotation": 20, "ha": "right"} if max(map(len, labels)) > 9 else {}
    ax.set_xticks(ticks, labels, **turned)
    ax.set_ylabel(name, color=DARK)
    tidy(ax, own.name, "", "y")
    return ax


def parallel(result: SearchResult, ax: Axes | None = None) -> Axes:
    """Draw each feasible design as a line over the parameters that vary and the objectives; the front is blue.

    Parameters go from their first value at the bottom to their last; objectives from the least to the largest.
    """
    trials = sorted(_inside(result), key=lambda t: t.number in {f.number for f in result.front})
    codes = [t.codes for t in trials if t.codes]
    varied = [i for i in range(len(result.space.domains)) if len({candidate[i] for candidate in codes}) > 1]
    ax = canvas(ax, 2.0 + 1.05 * (len(varied) + len(result.goals.objectives)), 4.6)
    heights = [[_height(result.space.domains[i], candidate[i]) for candidate in codes] for i in varied]
    labels = [_ends(result, i) for i in varied]
    names = [result.space.searched[i].name.replace(", ", ",\n") for i in varied]
    for place, name in enumerate(result.goals.names):
        values = np.array([t.score.values[place] for t in trials if t.score])
        heights.append(_relative(values))
        ends = (values.min(), values.max()) if len(values) else (0.0, 0.0)
        labels.append([(0.0, format_metric(name, ends[0])), (1.0, format_metric(name, ends[1]))])
        names.append(name)
    _lines(ax, result, trials, np.array(heights, float).T)
    for place, ticks in enumerate(labels):
        ax.axvline(place, color=GREY, lw=0.8, zorder=1)
        for height, text in ticks:
            behind: Any = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.5}
            style: Any = {"size": 7, "color": DARK, "va": "center", "bbox": behind, "zorder": 5}
            ax.annotate(text, (place, height), (3, 0), textcoords="offset points", **style)
    ax.set_xticks(range(len(names)), names, rotation=25, ha="right")
    tidy(
        ax,
        "What the designs of the front have in common",
        f"{result.name}: {len(trials)} feasible designs",
        "x",
    )
    ax.set(ylim=(-0.06, 1.06), xlim=(-0.2, len(names) - 0.3))
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    return ax


def _lines(ax: Axes, result: SearchResult, trials: Sequence[Trial], heights: np.ndarray) -> None:
    from matplotlib.collections import LineCollection

    front = {t.number for t in result.front}
    others = []
    for trial, line in zip(trials, heights, strict=True):
        if trial.number in front:
            ax.plot(line, color=PALETTE[0], lw=1.5, alpha=0.85, zorder=3)
        elif trial.name:
            ax.plot(line, color=PALETTE[1], lw=1.5, ls="--", zorder=4, label=trial.name)
        else:
            others.append(np.stack([np.arange(len(line)), line], axis=1))
    many = len(others) > MOST_LINES
    lines = LineCollection(others, colors=GREY, linewidths=0.5, alpha=0.3, zorder=2, rasterized=many)
    ax.add_collection(lines)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False, fontsize=8.5, labelcolor=DARK, loc="upper left", bbox_to_anchor=(0.6, 1.13))


def _inside(result: SearchResult) -> list[Trial]:
    return [t for t in result.trials if t.feasible and t.codes is not None and not t.repeated]


def _ticks(domain: Domain) -> list[Any]:
    """Return codes of a domain to write at an axis."""
    if isinstance(domain, Finite):
        last = len(domain.values) - 1
        if last < MOST_TICKS:
            return list(range(last + 1))
        return sorted({round(last * i / (MOST_TICKS - 1)) for i in range(MOST_TICKS)})
    return [domain.at(share) for share in (0.0, 0.5, 1.0)]


def _ends(result: SearchResult, place: int) -> list[tuple[float, str]]:
    parameter, domain = result.space.searched[place], result.space.domains[place]
    codes = _ticks(domain)
    return [(_height(domain, code), _label(result, parameter.paths, domain.decode(code))) for code in codes]


def _label(result: SearchResult, paths: Sequence[str], value: Any) -> str:
    parts = value if isinstance(value, tuple) else (value,)
    texts = [format_value(part, result.parameters[path]) for part, path in zip(parts, paths, strict=False)]
    return ",\n".join(dict.fromkeys(texts))


def _height(domain: Domain, code: Any) -> float:
    """Return where a code lies between the first and the last, nan for none."""
    if code is None:
        return float("nan")
    if isinstance(domain, Finite):
        return code / max(1, len(domain.values) - 1)
    if domain.log:
        return float(np.log(code / domain.low) / np.log(domain.high / domain.low))
    return (code - domain.low) / (domain.high - domain.low) if domain.high > domain.low else 0.0


def _relative(values: np.ndarray) -> list[float]:
    if not len(values):
        return []
    scaled = np.log(values) if (values > 0).all() and values.max() > 10 * values.min() else values
    spread = scaled.max() - scaled.min()
    return [float(v) for v in (scaled - scaled.min()) / (spread or 1.0)]
