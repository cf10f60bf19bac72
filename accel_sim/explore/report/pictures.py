"""Matplotlib figures as SVG that stands inside a page and takes its colours."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from accel_sim.explore.search.outcome import SearchResult
from accel_sim.explore.search.pareto_plot import panels, pareto
from accel_sim.results.canvas import DARK, GREY, LIGHT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Colours of ours that the page gives, as they differ between light and dark.
THEMED = {
    DARK: "var(--ink)",
    "#000000": "var(--ink)",
    GREY: "var(--grey)",
    LIGHT: "var(--grid)",
    "#ffffff": "var(--paper)",
}
_ID = re.compile(r'(\bid="|\bxlink:href="#|url\(#)')
_FONT = re.compile(r"(font: [^'\";]*?)'DejaVu Sans'[^;\"]*")
MOST_PANELS = 6
SLICES_IN_A_ROW = 4


def search_pictures(result: SearchResult) -> dict[str, list[str]]:
    """Return the SVG of each picture of a search under the section it belongs to."""
    objectives = range(len(result.goals.objectives))
    plots, names = result.plot, result.goals.names
    pairs = panels(result)[:MOST_PANELS]

    def one(name: str, width: float, height: float, draw: Callable[[Any], Any]) -> str:
        return drawn(name, width, height, lambda figure: draw(figure.add_subplot()))

    def two(x: int, y: int) -> Callable[[Any], Any]:
        return lambda ax: pareto(result, x, y, ax)

    def best(name: str) -> Callable[[Any], Any]:
        return lambda ax: plots.best(name, ax=ax)

    def matters(name: str) -> Callable[[Any], Any]:
        return lambda ax: plots.importance(name, ax=ax)

    searched = len(result.space.searched)
    return {
        "front": [one(f"pareto{x}{y}", 7.2, 4.8, two(x, y)) for x, y in pairs],
        "progress": [
            one("hypervolume", 6.4, 3.2, lambda ax: plots.hypervolume(ax=ax)),
            *(one(f"best{i}", 6.4, 3.2, best(names[i])) for i in objectives),
        ],
        "importance": [
            one(f"importance{i}", 6.4, 1.6 + 0.26 * searched, matters(names[i])) for i in objectives
        ],
        "parallel": [
            one("parallel", 2.0 + 1.05 * (searched + len(names)), 4.6, lambda ax: plots.parallel(ax=ax))
        ],
        "slices": [_slices(result, i) for i in objectives],
    }


def _slices(result: SearchResult, objective: int) -> str:
    searched = result.space.searched
    columns = min(SLICES_IN_A_ROW, len(searched))
    rows = -(-len(searched) // columns)

    def draw(figure: Figure) -> None:
        for place, parameter in enumerate(searched):
            axes = figure.add_subplot(rows, columns, place + 1)
            result.plot.slice(parameter.name, result.goals.names[objective], ax=axes)
            if place % columns:
                axes.set_ylabel("")

    return drawn(f"slices{objective}", 3.3 * columns, 2.7 * rows, draw)


def drawn(name: str, width: float, height: float, draw: Callable[[Figure], Any]) -> str:
    """Return a figure of so many inches as SVG; `name` keeps its identifiers apart from those of others."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "text.color": DARK, "savefig.dpi": 110}):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    return _for_page(text.getvalue(), name)


def _for_page(svg: str, name: str) -> str:
    """Return SVG without its headers, in the page's colours, its identifiers behind the picture's name."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\sxmlns(:\w+)?=\"[^\"]*\"", "", svg)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r'\1 role="img"', svg, count=1)
    svg = _ID.sub(rf"\1{name}-", svg)
    # Verdana has the widths of DejaVu Sans, with which the labels were laid out.
    svg = _FONT.sub(r"\1'DejaVu Sans', Verdana, sans-serif", svg)
    for color, variable in THEMED.items():
        svg = re.sub(re.escape(color), variable, svg, flags=re.IGNORECASE)
    return svg
