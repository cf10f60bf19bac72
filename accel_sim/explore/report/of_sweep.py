"""What the page about a sweep says, as plain data for its template."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accel_sim.explore.report.tables import Cell, number_cell, provenance, text_cell
from accel_sim.explore.search.loading import read_rows
from accel_sim.results.wording import format_metric


def sweep_page(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of the page; the pictures are those in `plots/`."""
    spec = manifest["sweep"]
    metrics = {*spec["metrics"], *spec["constraints"]}
    rows = list(read_rows(folder))
    return {
        "name": manifest["name"],
        "points": manifest["points"],
        "columns": list(rows[0]) if rows else [],
        "rows": [[_cell(name, text, metrics) for name, text in row.items()] for row in rows],
        "pictures": [(path.stem, _inline(path)) for path in sorted((folder / "plots").glob("*.png"))],
        "provenance": provenance(manifest),
    }


def _cell(name: str, text: str, metrics: set[str]) -> Cell:
    try:
        number = float(text)
    except ValueError:
        return text_cell(text)
    return number_cell(number, format_metric(name, number) if name in metrics else text)


def _inline(picture: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode('ascii')}"
