"""`accel-sim show`: a design's blocks and bounds, or a workload's counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from accel_sim.cli.options import PhaseOptions, parse_settings
from accel_sim.config import InputError, did_you_mean, load_document, zoo


def show(name: str, options: PhaseOptions, settings: list[str], as_json: bool) -> None:
    """Print what a name or file stands for.

    Raises:
        InputError: it is neither a design nor a workload, or a name of both.
    """
    values = parse_settings(settings)
    if kind_of(name) == "designs":
        if options.given:
            raise InputError(f"--{next(iter(options.given))}: {name} is a design; phases belong to workloads")
        from accel_sim.cli.show_design import show_design

        show_design(name, values, as_json)
    else:
        from accel_sim.cli.show_workload import show_workload

        show_workload(name, options, _without_prefix(values), as_json)


def kind_of(name: str) -> str:
    """Return `designs` or `workloads`: what a name or the content of a file says it is."""
    path = Path(name)
    if path.is_file():
        return _kind_of_file(path)
    zoos = {kind: zoo.entries(kind) for kind in ("designs", "workloads")}
    found = [kind for kind, entries in zoos.items() if name in entries]
    if len(found) == 2:
        files = " or ".join(str(zoos[kind][name]) for kind in found)
        raise InputError(f"{name}: is the name of a design and of a workload; give the file: {files}")
    if not found:
        known = [*zoos["designs"], *zoos["workloads"]]
        if path.is_dir():
            raise InputError(f"{name}: is a folder, not a file")
        hint = did_you_mean(path.stem, known)
        raise InputError(f"{name}: no such file, and no shipped design or workload of that name{hint}")
    return found[0]


def _kind_of_file(path: Path) -> str:
    if path.suffix in (".csv", ".json"):
        return "workloads"
    data = load_document(path).data
    looks_like_design = isinstance(data, dict) and (
        "technology" in data or any(isinstance(part, dict) and "type" in part for part in data.values())
    )
    return "designs" if looks_like_design else "workloads"


def _without_prefix(values: dict[str, Any]) -> dict[str, Any]:
    """Return settings of a workload by their path in its own file; here the prefix `workload.` is optional."""
    return {path.removeprefix("workload."): value for path, value in values.items()}
