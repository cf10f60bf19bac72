"""The designs of a front as files that `accel-sim run` takes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accel_sim.config.units import format_quantity
from accel_sim.explore.search.outcome import SearchResult
from accel_sim.explore.search.reading import dimension_of
from accel_sim.explore.search.simulated import SimulatedProblem, patched
from accel_sim.explore.search.trials import Trial
from accel_sim.explore.table import write_if_changed
from accel_sim.hardware.design import build_design


def write_best(problem: SimulatedProblem, result: SearchResult, folder: Path) -> list[Path]:
    """Write the front, best in the first objective first, and return its files; others in the folder go."""
    folder.mkdir(parents=True, exist_ok=True)
    digits = max(2, len(str(len(result.front))))
    written = []
    for place, trial in enumerate(result.front, 1):
        name = f"{result.name}_{place:0{digits}}"
        path = folder / f"{name}.yaml"
        write_if_changed(path, design_text(problem, result, trial, name))
        written.append(path)
    for old in folder.glob("*.yaml"):
        if old not in written:
            old.unlink()
    return written


def design_text(problem: SimulatedProblem, result: SearchResult, trial: Trial, name: str) -> str:
    """Return a trial's design as YAML, with its figures above."""
    from ruamel.yaml import YAML

    chip, on_design, on_workload = problem.split(trial.values)
    assert trial.score is not None
    figures = zip(
        (*result.goals.names, *(limit.name for limit in result.goals.limits)),
        (*trial.score.values, *trial.score.limited),
        strict=True,
    )
    comments = [
        f"# Trial {trial.number} of the search {result.name}"
        + (f", the baseline {trial.name}" if trial.name else "")
        + f", at {problem.fidelity} fidelity:",
        *(f"# {label} = {value:.6g}" for label, value in dict(figures).items()),
        *(f"# with workload.{path} = {value}" for path, value in on_workload.items()),
    ]
    document = problem.chips[chip].document
    readable = {path: _readable(document, path, value) for path, value in on_design.items()}
    data = patched(document.data, readable)
    if not data["mapping"]:
        del data["mapping"]
    data |= {
        "name": name,
        "description": f"Design {trial.number} of the search {result.name}",
        "source": f"search {result.name}, from {document.source}",
    }
    text = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(_plain(data), text)
    return "\n".join((*comments, text.getvalue()))


def _readable(document: Any, path: str, value: Any) -> Any:
    """Return bytes with their unit, and anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    return format_quantity(value, "bytes") if dimension_of(build_design(document), path) == "bytes" else value


def _plain(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {key: _plain(value) for key, value in node.items()}
    return [_plain(item) for item in node] if isinstance(node, list | tuple) else node
