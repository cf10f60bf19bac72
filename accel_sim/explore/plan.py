"""From a sweep file to its points: everything resolved and checked before anything runs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accel_sim.config import Document, InputError, did_you_mean
from accel_sim.config.document import Key
from accel_sim.explore.entries import PREFIX, DesignRow, WorkloadRow, bare, design_row, workload_row
from accel_sim.explore.fingerprint import key_of, text_of_data, text_of_workload
from accel_sim.explore.grid import Axis, check_size, combinations, read_axes
from accel_sim.explore.spec import SweepSpec
from accel_sim.explore.worker import Point
from accel_sim.hardware.design import Design, build_design
from accel_sim.results.result import Result
from accel_sim.simulation import FIDELITIES
from accel_sim.workload import Workload, load_workload

PHASE_COLUMNS = ("phase", "batch", "sequence", "context", "prompt", "output")


@dataclass(frozen=True, slots=True)
class Row:
    """A design with a workload.

    Attributes:
        inputs: its columns of the table.
        key: content hash; points with the same key are the same simulation. Empty where there is an error.
        design: number of its document in the plan.
        overrides: of the design.
        workload: number of the workload in the plan.
        error: why it cannot be simulated, when that is known beforehand.
    """

    inputs: Mapping[str, Any]
    key: str = ""
    design: int = 0
    overrides: Mapping[str, Any] = field(default_factory=dict)
    workload: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """All there is to do.

    Attributes:
        spec: the sweep file.
        points: in the order of the table.
        designs: documents that points refer to.
        workloads: that points refer to.
        files: every file that was read.
        columns: names of the input columns.
    """

    spec: SweepSpec
    points: tuple[Row, ...]
    designs: tuple[Document, ...]
    workloads: tuple[Workload, ...]
    files: tuple[Path, ...]
    columns: tuple[str, ...]

    def simulations(self) -> Iterator[Point]:
        """Yield what there is to simulate."""
        for row in self.points:
            if row.error is None:
                yield Point(row.key, row.design, row.overrides, self.workloads[row.workload])


def plan_sweep(spec: SweepSpec, document: Document, sweep_file: Path | None) -> Plan:
    """Return the points of a sweep.

    A value that a design refuses makes that point an error; a path that does not exist stops everything.

    Raises:
        InputError: files, names, paths, metrics or fidelities that do not exist, with their line.
    """
    if spec.fidelity not in FIDELITIES:
        raise document.error(
            ("fidelity",), f"'{spec.fidelity}' is not known{did_you_mean(spec.fidelity, FIDELITIES)}"
        )
    axes = read_axes(document, spec.grid, ("grid",))
    on_design = tuple(axis for axis in axes if not _is_of_workload(document, axis))
    on_workload = tuple(axis for axis in axes if axis not in on_design)
    files = [] if sweep_file is None else [sweep_file]
    designs = [
        design_row(e, ("designs", i), document, sweep_file, on_design, files)
        for i, e in enumerate(spec.designs)
    ]
    workloads = [
        workload_row(e, ("workloads", i), document, sweep_file, on_workload, files)
        for i, e in enumerate(spec.workloads)
    ]
    _check_labels(document, designs, workloads)
    check_size(document, [(*d.axes, *w.axes) for d in designs for w in workloads])
    names = _metric_names(designs[0], workloads[0])
    for index, name in enumerate(spec.metrics):
        _check_metric(document, ("metrics", index), name, names)
    for name in spec.constraints:
        _check_metric(document, ("constraints", name), name, names)
    points, resolved = _points(spec, designs, workloads)
    met = {column for point in points for column in point.inputs}
    first = ("design", "workload", *PHASE_COLUMNS)
    return Plan(
        spec=spec,
        points=points,
        designs=tuple(row.document for row in designs),
        workloads=resolved,
        files=tuple(dict.fromkeys(files)),
        columns=(
            *(column for column in first if column in met),
            *(column for column in _grid_columns(axes, designs, workloads) if column not in first),
        ),
    )


def _check_metric(document: Document, place: tuple[Key, ...], name: str, names: tuple[str, ...]) -> None:
    if name not in names:
        raise document.error(place, f"'{name}' is not a metric{did_you_mean(name, names)}")


def _grid_columns(
    axes: tuple[Axis, ...], designs: list[DesignRow], workloads: list[WorkloadRow]
) -> tuple[str, ...]:
    """Return the paths of all axes: the common ones in the order of the file, then those of the entries."""
    own = [*(row.axes for row in designs), *(row.axes for row in workloads)]
    return tuple(dict.fromkeys(path for group in (axes, *own) for axis in group for path in axis.paths))


def _is_of_workload(document: Document, axis: Axis) -> bool:
    of_workload = {path.startswith(PREFIX) for path in axis.paths}
    if len(of_workload) > 1:
        raise document.error(axis.place, "paths of a design and of a workload cannot move together")
    return of_workload.pop()


def _check_labels(document: Document, designs: list[DesignRow], workloads: list[WorkloadRow]) -> None:
    """Refuse rows of a table that could not be told apart."""
    seen: set[str] = set()
    for index, design in enumerate(designs):
        if design.label in seen:
            raise document.error(("designs", index), f"'{design.label}' is there twice; give one a 'name'")
        seen.add(design.label)
    phases = set()
    for index, row in enumerate(workloads):
        label = (row.label, row.workload.phase)
        if label in phases:
            raise document.error(("workloads", index), f"'{row.label}' is there twice; give one a 'name'")
        phases.add(label)


def _metric_names(design: DesignRow, workload: WorkloadRow) -> tuple[str, ...]:
    empty = Result(build_design(design.document), workload.workload, "tile", stages=(), tokens=0)
    return tuple(empty.metrics())


def _points(
    spec: SweepSpec, designs: list[DesignRow], workloads: list[WorkloadRow]
) -> tuple[tuple[Row, ...], tuple[Workload, ...]]:
    """Return every point, and the workloads they refer to, each once."""
    resolved: dict[Workload, int] = {}
    texts: dict[int, str] = {}
    by_row = [[_variant(row, values, resolved) for values in combinations(row.axes)] for row in workloads]
    points = []
    for number, design in enumerate(designs):
        chips = [_chip(design, values) for values in combinations(design.axes)]
        for (row, variants), chip in itertools.product(zip(workloads, by_row, strict=True), chips):
            on_design, data_text, problem = chip
            for on_workload, phase, index, fault in variants:
                axes = on_design | on_workload
                covered = {path.removeprefix(f"{PREFIX}phase.") for path in axes}
                inputs = {
                    "design": design.label,
                    "workload": row.label,
                    **{name: value for name, value in phase.items() if name not in covered},
                    **axes,
                }
                error = problem or fault
                if error is not None:
                    points.append(Row(inputs, error=error))
                    continue
                if index not in texts:
                    texts[index] = text_of_workload(next(w for w, i in resolved.items() if i == index))
                key = key_of(data_text, texts[index], spec.fidelity)
                points.append(Row(inputs, key, number, {**design.settings, **on_design}, index))
    return tuple(points), tuple(resolved)


def _chip(row: DesignRow, values: dict[str, Any]) -> tuple[dict[str, Any], str, str | None]:
    """Return the values, the text to hash, and what is wrong with them."""
    try:
        design: Design = build_design(row.document, {**row.settings, **values})
    except InputError as error:
        return values, "", f"InputError: {error}"
    return values, text_of_data(design.document.data), None


def _variant(
    row: WorkloadRow, values: dict[str, Any], resolved: dict[Workload, int]
) -> tuple[dict[str, Any], dict[str, Any], int, str | None]:
    """Return the values, the phase, the workload's number, and what is wrong."""
    workload = row.workload
    if values:
        try:
            workload = load_workload(row.path, overrides={**row.settings, **bare(values)})
        except InputError as error:
            return values, row.workload.phase.model_dump(exclude_none=True), 0, f"InputError: {error}"
    index = resolved.setdefault(workload, len(resolved))
    return values, workload.phase.model_dump(exclude_none=True), index, None
