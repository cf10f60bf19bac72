"""The entries of a sweep file: designs and workloads with their files, settings and axes, checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel_sim.config import Document, InputError, UnknownKeyError, did_you_mean, load_document, zoo
from accel_sim.config.document import Key
from accel_sim.explore.grid import Axis, read_axes
from accel_sim.explore.spec import DesignEntry, WorkloadEntry
from accel_sim.hardware.design import build_design
from accel_sim.workload import Workload, load_workload

PREFIX = "workload."


@dataclass(frozen=True, slots=True)
class DesignRow:
    """A design entry with its axes, the common ones included."""

    label: str
    document: Document
    settings: Mapping[str, Any]
    axes: tuple[Axis, ...]


@dataclass(frozen=True, slots=True)
class WorkloadRow:
    """A workload entry with its axes, the common ones included; `settings` hold its phase too."""

    label: str
    path: Path
    settings: Mapping[str, Any]
    axes: tuple[Axis, ...]
    workload: Workload


def design_row(
    entry: DesignEntry,
    place: tuple[Key, ...],
    document: Document,
    sweep_file: Path | None,
    common: tuple[Axis, ...],
    files: list[Path],
) -> DesignRow:
    """Return what a design entry stands for; every file that is read is added to `files`.

    place: of the entry in the document.
    """
    path = _located(document, "designs", (*place, "design"), entry.design, sweep_file)
    files.append(path)
    own = load_document(path)
    for name in (*entry.settings, *entry.grid):
        if name.startswith(PREFIX):
            raise document.error(place, f"'{name}' is a path of a workload, and stands under a design")
    design = _blamed(document, (*place, "set"), lambda: build_design(own, entry.settings), entry.settings)
    axes = _joined(document, common, read_axes(document, entry.grid, (*place, "grid")), entry.settings)
    for axis in axes:
        check_paths(document, axis, own.data, lambda values: build_design(own, {**entry.settings, **values}))
    return DesignRow(entry.name or design.name, own, entry.settings, axes)


def workload_row(
    entry: WorkloadEntry,
    place: tuple[Key, ...],
    document: Document,
    sweep_file: Path | None,
    common: tuple[Axis, ...],
    files: list[Path],
) -> WorkloadRow:
    """Return what a workload entry stands for; every file that is read is added to `files`.

    place: of the entry in the document.
    """
    path = _located(document, "workloads", (*place, "workload"), entry.workload, sweep_file)
    files.append(path)
    for name in (*entry.settings, *entry.grid):
        if not all(part.strip().startswith(PREFIX) for part in name.split(",")):
            raise document.error(place, f"'{name}' stands under a workload, and does not begin with '{PREFIX}'")
    settings = {name.removeprefix(PREFIX): value for name, value in entry.settings.items()}
    phase = {f"phase.{name}": value for name, value in entry.phase.items()}
    _blamed(document, (*place, "phase"), lambda: load_workload(path, overrides=phase), phase)
    settings = phase | settings
    workload = _blamed(document, (*place, "set"), lambda: load_workload(path, overrides=settings), settings)
    axes = _joined(document, common, read_axes(document, entry.grid, (*place, "grid")), entry.settings)
    data = {"workload": load_document(path).data if path.suffix != ".csv" else {}}
    for axis in axes:
        check_paths(document, axis, data, lambda values: load_workload(path, overrides=settings | bare(values)))
    return WorkloadRow(entry.name or workload.name, path, settings, axes, workload)


def _located(document: Document, kind: str, place: tuple[Key, ...], name: str, sweep_file: Path | None) -> Path:
    try:
        return zoo.locate(kind, name, sweep_file)
    except InputError as error:
        raise InputError(f"{document.place(place)}: {error}") from None


def _blamed(document: Document, place: tuple[Key, ...], build: Any, settings: Mapping[str, Any]) -> Any:
    """Return what `build` returns; its errors name the sweep file too, where that has settings of its own."""
    try:
        return build()
    except InputError as error:
        where = f"{document.place(place)}: " if settings else ""
        raise InputError(f"{where}{error}") from None


def _joined(
    document: Document, common: tuple[Axis, ...], own: tuple[Axis, ...], settings: Mapping[str, Any]
) -> tuple[Axis, ...]:
    """Return the axes of an entry: the common ones, then its own."""
    taken = {path for axis in common for path in axis.paths} | set(settings)
    for axis in own:
        for path in axis.paths:
            if path in taken:
                raise document.error(axis.place, f"'{path}' is given twice")
    for axis in common:
        for path in axis.paths:
            if path in settings:
                raise document.error(axis.place, f"'{path}' is also under 'set'")
    return (*common, *own)


def bare(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings of a workload by their path in its own file."""
    return {path.removeprefix(PREFIX): value for path, value in values.items()}


def check_paths(document: Document, axis: Axis, data: Any, build: Any) -> None:
    """Refuse an axis with a path that does not exist, whatever its values; wrong values are for the points."""
    try:
        build(next(axis.steps()))
    except UnknownKeyError as error:
        unknown = next((path for path in axis.paths if _is_unknown(build, path, axis)), axis.paths[0])
        known = [*dotted(data), *(f"{unknown.rpartition('.')[0]}.{name}" for name in _quoted(str(error)))]
        raise InputError(
            f"{document.place(axis.place)}: unknown path '{unknown}' in {_source(str(error))}"
            f"{did_you_mean(unknown, known)}"
        ) from None
    except InputError:
        return


def _is_unknown(build: Any, path: str, axis: Axis) -> bool:
    try:
        build({path: next(axis.steps())[path]})
    except UnknownKeyError:
        return True
    except InputError:
        pass
    return False


def _quoted(message: str) -> list[str]:
    """Return the name that a message suggests."""
    _, found, rest = message.partition("did you mean '")
    return [rest.partition("'")[0]] if found else []


def _source(message: str) -> str:
    """Return the file that a message begins with."""
    return message.partition(":")[0].partition(",")[0]


def dotted(data: Any) -> Iterable[str]:
    """Yield the dotted path of every key of nested mappings."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield str(key)
            yield from (f"{key}.{path}" for path in dotted(value))
