"""`write_report(folder)`: one HTML file about a search or a sweep, from the files in its folder.

The page asks for nothing from outside, and its content security policy forbids it to.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from accel_sim.config import InputError
from accel_sim.explore.search.loading import load_search, read_manifest
from accel_sim.explore.table import write_if_changed

NAME = "report.html"


def write_report(folder: str | Path, output: str | Path | None = None) -> Path:
    """Write the page about a folder of results, and return its file: `report.html` in the folder by default.

    Raises:
        InputError: no such folder, not one of results, or no design of the search is within the limits.
        OSError: the file cannot be written.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    path = Path(output) if output is not None else folder / NAME
    if "search" in manifest:
        from accel_sim.explore.report.of_search import search_page

        result = load_search(folder)
        if not result.front:
            raise InputError(f"{folder}: no design is within the limits yet{_why(result)}")
        text = render("search.html.jinja", search_page(result, manifest, path))
    else:
        from accel_sim.explore.report.of_sweep import sweep_page

        text = render("sweep.html.jinja", sweep_page(folder, manifest))
    write_if_changed(path, text)
    return path


def render(template: str, content: dict[str, Any]) -> str:
    """Return a template of this package filled in; what it is given is escaped unless it is `Markup`."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("accel_sim.explore.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(content)


def _why(result: Any) -> str:
    """Return what most designs fail at, as an addition to a message."""
    from accel_sim.explore.report.of_search import reasons

    found = reasons(result)
    return f", of {len(result.trials)} tried; most often: {found[0][0]} ({found[0][1]})" if found else ""
