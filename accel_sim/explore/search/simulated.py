"""Simulated designs as a problem: values by path become a design and its workloads."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from accel_sim.config import Document, InputError
from accel_sim.explore.entries import PREFIX, WorkloadRow, bare
from accel_sim.explore.fingerprint import key_of, text_of_data, text_of_workload
from accel_sim.explore.search.mix import mixed
from accel_sim.explore.search.problem import Question, Values
from accel_sim.explore.search.reading import DESIGN, dimension_of
from accel_sim.explore.store import Outcome
from accel_sim.explore.worker import Evaluate, Point, Simulator
from accel_sim.hardware.design import build_design
from accel_sim.hardware.parameters import find_parameter
from accel_sim.results.result import Result
from accel_sim.workload import Workload, load_workload


@dataclass(frozen=True)
class Chip:
    """A design that candidates are made from.

    Attributes:
        label: what it is called.
        document: its file.
        settings: values that hold for all candidates.
    """

    label: str
    document: Document
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SimulatedProblem:
    """Designs with workloads, evaluated by `simulate`.

    Attributes:
        chips: designs; those of baselines included, after the ones that are searched.
        workloads: every candidate runs all of them.
        weights: how often each runs in the mix.
        fidelity: as of `simulate`.
    """

    chips: tuple[Chip, ...]
    workloads: tuple[WorkloadRow, ...]
    weights: tuple[float, ...]
    fidelity: str
    _variants: dict[tuple[int, str], tuple[Workload, str] | str] = field(default_factory=dict, repr=False)
    _written: dict[tuple[int, str], tuple[Any, Any]] = field(default_factory=dict, repr=False)

    def at(self, fidelity: str) -> SimulatedProblem:
        """Return the same at another fidelity."""
        return replace(self, fidelity=fidelity)

    @property
    def identity(self) -> str:
        """Text of the designs, the workloads and the fidelity."""
        designs = [text_of_data({**chip.document.data, "": chip.settings}) for chip in self.chips]
        workloads = [text_of_workload(row.workload) for row in self.workloads]
        return "\n".join((self.fidelity, *designs, *workloads, repr(self.weights)))

    @property
    def evaluate(self) -> Evaluate:
        """What is done with a task."""
        return Simulator(tuple(chip.document for chip in self.chips), self.fidelity)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Metrics of the mix, and those of each workload behind its name and a point."""
        names = self.mix_metrics
        return (*names, *(f"{row.label}.{name}" for row in self.workloads for name in names))

    @property
    def mix_metrics(self) -> tuple[str, ...]:
        """Names of the metrics that the mix has."""
        row = self.workloads[0]
        chip = self.chips[0]
        design = build_design(chip.document, chip.settings)
        return tuple(Result(design, row.workload, "tile", stages=(), tokens=0).metrics())

    def question(self, values: Values) -> Question:
        """Return a task for each workload."""
        chip, on_design, on_workload = self.split(values)
        try:
            text = text_of_data(patched(self.chips[chip].document.data, on_design))
        except (KeyError, IndexError, TypeError, ValueError):
            return _refused(values, self._refusal(chip, on_design))
        points = []
        for number in range(len(self.workloads)):
            variant = self._variant(number, on_workload)
            if isinstance(variant, str):
                return _refused(values, variant)
            workload, described = variant
            points.append(Point(key_of(text, described, self.fidelity), chip, on_design, workload))
        joined = "\n".join(point.key for point in points)
        key = points[0].key if len(points) == 1 else hashlib.sha256(joined.encode()).hexdigest()
        return Question(key, tuple(points))

    def combine(self, question: Question, outcomes: Sequence[Outcome]) -> Mapping[str, float]:
        """Return the metrics of the mix, and those of each workload."""
        result = mixed([outcome.metrics for outcome in outcomes], self.weights)
        for row, outcome in zip(self.workloads, outcomes, strict=True):
            for name, value in outcome.metrics.items():
                result[f"{row.label}.{name}"] = value
        return result

    def split(self, values: Values) -> tuple[int, dict[str, Any], dict[str, Any]]:
        """Return the number of the design, its settings, and those of the workloads by path in their file."""
        label = values.get(DESIGN)
        chip = next((i for i, c in enumerate(self.chips) if c.label == label), 0) if label is not None else 0
        on_design = dict(self.chips[chip].settings)
        on_workload = {}
        for path, value in values.items():
            if path.startswith(PREFIX):
                on_workload[path] = value
            elif path != DESIGN:
                on_design[path] = self.as_written(chip, path, value)
        return chip, on_design, bare(on_workload)

    def as_written(self, chip: int, path: str, value: Any) -> Any:
        """Return a value as the design's file has it where that is the same, so that a chip has one key."""
        known = self._written.get((chip, path))
        if known is None:
            known = self._own(chip, path)
            self._written[chip, path] = known
        number, raw = known
        return (
            raw
            if number is not None and number == value and isinstance(number, bool) == isinstance(value, bool)
            else value
        )

    def _own(self, chip: int, path: str) -> tuple[Any, Any]:
        """Return the value of a path in a design's file, in SI units and as it is written."""
        node: Any = self.chips[chip].document.data
        for key in path.split("."):
            node = node.get(key) if isinstance(node, Mapping) else None
        if not isinstance(node, str):
            return node, node
        design = build_design(self.chips[chip].document)
        if dimension_of(design, path) is None:
            return node, node
        return find_parameter(design, path).value, node

    def own_value(self, chip: int, path: str) -> Any:
        """Return the value of a path in a design, settings included, in SI units; None where it has none."""
        design = build_design(self.chips[chip].document, self.chips[chip].settings)
        try:
            return find_parameter(design, path).value
        except InputError:
            return self.chips[chip].settings.get(path, self._own(chip, path)[0])

    def _variant(self, number: int, settings: Mapping[str, Any]) -> tuple[Workload, str] | str:
        """Return a workload with settings and its text, or what is wrong with them."""
        key = (number, repr(sorted(settings.items())))
        if key not in self._variants:
            row = self.workloads[number]
            try:
                loaded = (
                    load_workload(row.path, overrides={**row.settings, **settings})
                    if settings
                    else row.workload
                )
                self._variants[key] = loaded, text_of_workload(loaded)
            except InputError as error:
                self._variants[key] = f"InputError: {error}"
        return self._variants[key]

    def _refusal(self, chip: int, settings: Mapping[str, Any]) -> str:
        try:
            build_design(self.chips[chip].document, settings)
        except InputError as error:
            return f"InputError: {error}"
        return "InputError: a path does not exist"


def _refused(values: Values, error: str) -> Question:
    return Question(hashlib.sha256(repr(sorted(values.items())).encode()).hexdigest(), (), error)


def patched(data: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a design's data with settings by dotted path; what they do not touch is shared with `data`.

    It is the data of `build_design(document, settings)`, without the check.

    Raises:
        KeyError, IndexError, TypeError, ValueError: a path that does not exist.
    """
    result: dict[str, Any] = {"mapping": {}, **data}
    copied: set[int] = set()
    for path, value in settings.items():
        node: Any = result
        keys = path.split(".")
        for key in keys[:-1]:
            place: Any = int(key) if isinstance(node, list) else key
            child = node[place]
            if id(child) not in copied:
                child = child.copy()
                copied.add(id(child))
                node[place] = child
            node = child
        if isinstance(node, list):
            node[int(keys[-1])] = value
        else:
            node[keys[-1]] = value
    return result
