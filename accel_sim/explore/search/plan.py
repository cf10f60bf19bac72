"""From a search file to what the driver needs: everything resolved and checked before anything runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from accel_sim.config import Document, InputError, did_you_mean, load_document, override, zoo
from accel_sim.explore.entries import design_row, workload_row
from accel_sim.explore.fingerprint import model_text
from accel_sim.explore.search.expressions import ExpressionError
from accel_sim.explore.search.goals import Goals, read_goals
from accel_sim.explore.search.ladder import Ladder
from accel_sim.explore.search.problem import Problem
from accel_sim.explore.search.reading import DESIGN, read_space
from accel_sim.explore.search.samplers import chosen, default_batch
from accel_sim.explore.search.simulated import Chip, SimulatedProblem
from accel_sim.explore.search.space import Space
from accel_sim.explore.search.spec import Baseline, SearchSpec
from accel_sim.explore.search.trials import Rules, Start
from accel_sim.hardware.design import build_design
from accel_sim.simulation import FIDELITIES
from accel_sim.workload import Workload
from accel_sim.workload.formats import TensorFormat


@dataclass(frozen=True)
class SearchPlan:
    """All that a search consists of.

    Attributes:
        spec: the search file.
        problem: what evaluates candidates; `simulated` is the same, and makes designs of them.
        space, goals, starts, rules: as of the driver.
        sampler: its name, `auto` resolved.
        files: every file that was read.
    """

    spec: SearchSpec
    simulated: SimulatedProblem
    space: Space
    goals: Goals
    starts: tuple[Start, ...]
    sampler: str
    rules: Rules
    files: tuple[Path, ...]

    @property
    def problem(self) -> Problem:
        """What evaluates candidates."""
        return self.simulated

    @cached_property
    def ladder(self) -> Ladder:
        """The problem at all fidelities of the search."""
        use = self.spec.fidelity

        def at(fidelity: str | None) -> Problem | None:
            return None if fidelity is None else self.simulated.at(fidelity)

        return Ladder(self.problem, at(use.screen), at(use.confirm), use.promote)


def plan_search(
    spec: SearchSpec,
    document: Document,
    search_file: Path | None,
    budget: int | None = None,
    seed: int | None = None,
) -> SearchPlan:
    """Return the plan of what `read_search` has read; `budget` and `seed` take the place of the file's.

    Raises:
        InputError: files, names, paths, expressions or metrics that do not exist, with their line.
    """
    _check_fidelities(spec, document)
    files = [] if search_file is None else [search_file]
    single = spec.design is not None
    designs = [
        design_row(entry, ("design",) if single else ("designs", i), document, search_file, (), files)
        for i, entry in enumerate(spec.all_designs)
    ]
    workloads = [
        workload_row(w.entry, ("workloads", i), document, search_file, (), files)
        for i, w in enumerate(spec.workloads)
    ]
    for kind, labels in (("designs", [d.label for d in designs]), ("workloads", [w.label for w in workloads])):
        for i, label in enumerate(labels):
            if label in labels[:i]:
                raise document.error((kind, i), f"'{label}' is there twice; give one a 'name'")
    space = read_space(spec, document, designs, workloads)
    chips = [Chip(row.label, row.document, row.settings) for row in designs]
    searched = len(chips)
    _add_baselines(spec, document, search_file, chips, files)
    problem = SimulatedProblem(
        tuple(chips), tuple(workloads), tuple(w.weight for w in spec.workloads), spec.fidelity.search
    )
    goals = read_goals(document, spec.objectives, spec.limits, problem.metrics)
    starts = _starts(spec, document, space, problem, searched)
    options = spec.search
    wanted = options.budget if budget is None else budget
    sampler = chosen(options.sampler, space, wanted)
    batch = options.batch or default_batch(sampler, options.settings)
    return SearchPlan(
        spec=spec,
        simulated=problem,
        space=space,
        goals=goals,
        starts=tuple(starts),
        sampler=sampler,
        rules=Rules(wanted, options.seed if seed is None else seed, batch, options.in_flight),
        files=tuple(dict.fromkeys(files)),
    )


def _check_fidelities(spec: SearchSpec, document: Document) -> None:
    used: dict[str, str] = {}
    for use, name in spec.fidelity.names.items():
        if name not in FIDELITIES:
            raise document.error(("fidelity",), f"'{name}' is not known{did_you_mean(name, FIDELITIES)}")
        if name in used:
            raise document.error(("fidelity",), f"{name} is there to {used[name]} and to {use}")
        used[name] = use


def identity(plan: SearchPlan) -> str:
    """Return a hash of all that decides which candidates are tried in which order; the budget does not."""
    parts: list[Any] = [
        model_text(),
        plan.problem.identity,
        [[p.name, repr(p.domain), str(p.when), str(p.derive)] for p in plan.space.parameters],
        [c.text for c in plan.space.constraints],
        sorted(map(repr, plan.space.constants.items())),
        [[o.name, o.maximise] for o in plan.goals.objectives],
        [[limit.name, limit.bound.min, limit.bound.max] for limit in plan.goals.limits],
        [[start.name, repr(sorted(start.values.items()))] for start in plan.starts],
        [plan.sampler, plan.spec.search.settings, plan.rules.seed, plan.rules.batch, plan.rules.in_flight],
        [plan.spec.fidelity.screen, plan.spec.fidelity.promote] if plan.spec.fidelity.screen else None,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _add_baselines(
    spec: SearchSpec, document: Document, search_file: Path | None, chips: list[Chip], files: list[Path]
) -> None:
    """Add a design for each baseline that is one of its own."""
    for name, baseline in spec.baselines.items():
        place = ("baselines", name)
        if baseline.design is None:
            if len(spec.all_designs) > 1 and DESIGN not in baseline.settings:
                raise document.error(place, "needs 'design', as the search has several")
            continue
        try:
            path = zoo.locate("designs", baseline.design, search_file)
            own = load_document(path)
            build_design(own, baseline.settings)
        except InputError as error:
            raise InputError(f"{document.place(place)}: {error}") from None
        files.append(path)
        chips.append(Chip(_label(name, chips), own, baseline.settings))


def _label(name: str, chips: Sequence[Chip]) -> str:
    """Return how to call the design of a baseline, other than those that are searched."""
    return f"baseline {name}" if any(chip.label == name for chip in chips) else name


def _starts(
    spec: SearchSpec, document: Document, space: Space, problem: SimulatedProblem, searched: int
) -> list[Start]:
    starts = []
    for name, baseline in spec.baselines.items():
        labels = (name, f"baseline {name}")
        chip = next((i for i, c in enumerate(problem.chips[searched:], searched) if c.label in labels), None)
        if chip is None:
            starts.append(_of_own_design(document, name, baseline, space, problem))
            continue
        twin = next(
            (
                i
                for i, c in enumerate(problem.chips[:searched])
                if c.document.data == problem.chips[chip].document.data
            ),
            None,
        )
        codes = None if twin is None else _inside(space, problem, twin, problem.chips[chip].settings)
        values = {DESIGN: problem.chips[chip].label} if codes is None else space.values(codes)
        starts.append(Start(name, values, codes))
    return starts


def _of_own_design(
    document: Document, name: str, baseline: Baseline, space: Space, problem: SimulatedProblem
) -> Start:
    """Return a baseline that is the design of the search with some values."""
    place = ("baselines", name, "set")
    chip = problem.chips[0]
    plain = {path: value for path, value in baseline.settings.items() if not path.startswith("workload.")}
    try:
        build_design(
            override(chip.document, {**chip.settings, **{k: v for k, v in plain.items() if k != DESIGN}})
        )
    except InputError as error:
        raise InputError(f"{document.place(place)}: {error}") from None
    number = next((i for i, c in enumerate(problem.chips) if c.label == baseline.settings.get(DESIGN)), 0)
    codes = _inside(space, problem, number, baseline.settings)
    values = dict(baseline.settings) if codes is None else space.values(codes)
    return Start(name, values, codes)


def _of_workload(workload: Workload, path: str) -> Any:
    """Return the value of a path in a workload as a file would have it, None where it has none."""
    value: Any = workload
    for key in path.split(".")[1:]:
        value = getattr(value, key, None)
    return value.name if isinstance(value, TensorFormat) else value


def _inside(space: Space, problem: SimulatedProblem, chip: int, settings: Any) -> tuple[Any, ...] | None:
    """Return the candidate that is a design with settings, None where it lies outside the space."""
    document = problem.chips[chip].document
    on_design = {k: v for k, v in settings.items() if not k.startswith("workload.") and k != DESIGN}
    changed = SimulatedProblem(
        (Chip("", document, {**problem.chips[chip].settings, **on_design}),),
        problem.workloads,
        (),
        problem.fidelity,
    )
    built = override(document, changed.chips[0].settings)
    own = SimulatedProblem((Chip("", built),), problem.workloads, (), problem.fidelity)
    values: dict[str, Any] = {DESIGN: problem.chips[chip].label}
    for parameter in space.parameters:
        for path in parameter.paths:
            if path.startswith("workload."):
                values[path] = settings.get(path, _of_workload(problem.workloads[0].workload, path))
            elif path != DESIGN:
                values[path] = own.own_value(0, path)
    elsewhere = [path for path in settings if path not in values]
    codes = None if elsewhere else space.encode({k: v for k, v in values.items() if v is not None})
    if codes is None:
        return None
    try:
        return codes if space.violation(space.values(codes)) == 0 else None
    except ExpressionError:
        return None
