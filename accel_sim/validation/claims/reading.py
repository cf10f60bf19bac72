"""Reading a paper's file: every name, path and value in it is resolved before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from accel_sim.config import Document, InputError, check, did_you_mean, load_document, zoo
from accel_sim.config.document import Key
from accel_sim.hardware.design import Design, load_design
from accel_sim.results.result import Result
from accel_sim.simulation import FIDELITIES, split_overrides
from accel_sim.validation.claims.spec import Claim, DesignEntry, Paper
from accel_sim.workload import Workload, load_workload

Built = TypeVar("Built")
# The settings of a design as they are, and with its range at the lower and at the upper end.
NOMINAL, LOW, HIGH = "nominal", "low", "high"


@dataclass(frozen=True)
class ClaimFile:
    """A paper with what its names stand for.

    Attributes:
        name: of the file, without its suffix.
        paper: as read.
        document: where it was read from.
        designs: by name and by NOMINAL, LOW or HIGH; a design without a range has only the first.
        workloads: by the name of a design, whose settings may change it, and its own.
        needs: names of designs that are not there, in words.
    """

    name: str
    paper: Paper
    document: Document
    designs: Mapping[tuple[str, str], Design]
    workloads: Mapping[tuple[str, str], Workload]
    needs: Mapping[str, str]


def read_paper(paper: str | Path) -> ClaimFile:
    """Return a shipped paper by name, or the paper of a file.

    A design that is not there is no error: claims that need it cannot run yet.

    Raises:
        InputError: no such file, or anything in it that is wrong, with its line.
    """
    path = zoo.find("papers", paper)
    document = load_document(path)
    if not isinstance(document.data, dict):
        raise document.error((), "must be a mapping of keys to values")
    spec = check(Paper, document)
    if spec.fidelity not in FIDELITIES:
        hint = did_you_mean(spec.fidelity, FIDELITIES)
        raise document.error(("fidelity",), f"'{spec.fidelity}' is not known{hint}")
    designs, needs = _designs(spec, document, path)
    _check_names(spec, document)
    workloads = _workloads(spec, document, path)
    _check_metrics(spec, document, designs, workloads)
    return ClaimFile(path.stem, spec, document, designs, workloads, needs)


def _designs(
    spec: Paper, document: Document, path: Path
) -> tuple[dict[tuple[str, str], Design], dict[str, str]]:
    built: dict[tuple[str, str], Design] = {}
    needs: dict[str, str] = {}
    for name, entry in spec.designs.items():
        if entry.design is None:
            continue
        try:
            file = zoo.locate("designs", entry.design, path)
        except InputError:
            near = did_you_mean(entry.design, zoo.entries("designs"))
            hint = near if near.startswith(" (did you mean") else ""
            needs[name] = f"needs design {entry.design}, which is not there{hint}"
            continue
        for end, settings in _ends(entry).items():
            place = ("designs", name, "set" if end == NOMINAL else "range")
            built[name, end] = _blamed(document, place, settings, load_design, file)
    return built, needs


def _ends(entry: DesignEntry) -> dict[str, dict[str, Any]]:
    """Return the design's own settings by NOMINAL, LOW and HIGH."""
    own, _ = split_overrides(entry.settings)
    ends = {NOMINAL: own}
    if entry.range:
        for end, index in ((LOW, 0), (HIGH, 1)):
            ends[end] = own | {path: values[index] for path, values in entry.range.items()}
    return ends


def _blamed(
    document: Document,
    place: tuple[Key, ...],
    settings: Mapping[str, Any],
    load: Callable[..., Built],
    file: Path,
) -> Built:
    """Return what is loaded; errors of its settings name the paper's file too."""
    try:
        return load(file, overrides=settings)
    except InputError as error:
        raise InputError(f"{document.place(place)}: {'.'.join(map(str, place))}: {error}") from None


def _workloads(spec: Paper, document: Document, path: Path) -> dict[tuple[str, str], Workload]:
    """Return the workloads of every design that meets them in a claim."""
    built: dict[tuple[str, str], Workload] = {}
    for claim in spec.claims:
        for design in (*([claim.design] if claim.design else []), *claim.baselines):
            for name in claim.workloads:
                if (design, name) not in built:
                    built[design, name] = _workload(spec, document, path, design, name)
    return built


def _workload(spec: Paper, document: Document, path: Path, design: str, name: str) -> Workload:
    entry = spec.workloads[name]
    place: tuple[Key, ...] = ("workloads", name)
    try:
        file = zoo.locate("workloads", entry.workload, path)
    except InputError as error:
        raise InputError(f"{document.place((*place, 'workload'))}: {error}") from None
    phase = {f"phase.{key}": value for key, value in entry.phase.items()}
    _, own = split_overrides(spec.designs[design].settings)
    _blamed(document, (*place, "set"), phase | entry.settings, load_workload, file)
    return _blamed(document, ("designs", design, "set"), phase | entry.settings | own, load_workload, file)


def _check_names(spec: Paper, document: Document) -> None:
    """Refuse names of designs and workloads that the file does not have, and claims that share an id."""
    seen: set[str] = set()
    for index, claim in enumerate(spec.claims):
        place: tuple[Key, ...] = ("claims", index)
        if claim.id in seen:
            raise document.error((*place, "id"), f"'{claim.id}' is there twice")
        seen.add(claim.id)
        designs = {"design": [claim.design] if claim.design else [], "baselines": list(claim.baselines)}
        for key, names in designs.items():
            _check_known(document, (*place, key), names, spec.designs, "designs")
        _check_known(document, (*place, "workloads"), claim.workloads, spec.workloads, "workloads")


def _check_known(document: Document, place: tuple[Key, ...], names: Any, known: Any, what: str) -> None:
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known)
            raise document.error(place, f"'{name}' is not among the {what} of this file{hint}")


def _check_metrics(
    spec: Paper,
    document: Document,
    designs: Mapping[tuple[str, str], Design],
    workloads: Mapping[tuple[str, str], Workload],
) -> None:
    if not designs or not workloads:
        return
    design, workload = next(iter(designs.values())), next(iter(workloads.values()))
    names = Result(design, workload, spec.fidelity, stages=(), tokens=0).metrics()
    for index, claim in enumerate(spec.claims):
        if claim.metric is not None and claim.metric not in names:
            hint = did_you_mean(claim.metric, names)
            raise document.error(("claims", index, "metric"), f"'{claim.metric}' is not a metric{hint}")


def needed_by(file: ClaimFile, claim: Claim) -> str:
    """Return in words which design of a claim itself (not of its baselines) is not there; empty if none."""
    return file.needs.get(claim.design or "", "")
