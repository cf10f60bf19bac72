"""From a lottery file to contests and contestants: everything resolved and checked before anything runs."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from accel_sim.config import Document, InputError, check, zoo
from accel_sim.explore.fingerprint import model_text
from accel_sim.explore.lottery.spec import LotterySpec
from accel_sim.explore.lottery.tables import TableProblem, table_problem
from accel_sim.explore.search.goals import Goals
from accel_sim.explore.search.plan import plan_search
from accel_sim.explore.search.problem import Problem
from accel_sim.explore.search.samplers import default_batch, make_sampler, seed_of
from accel_sim.explore.search.space import Space
from accel_sim.explore.search.spec import SearchSpec, read_search


@dataclass(frozen=True)
class Contest:
    """A problem that all contestants search in the same space.

    Attributes:
        name: of the problem.
        problem, space, goals: as of a search.
        table: where it is from, None for simulated designs, whose outcomes all contestants share.
    """

    name: str
    problem: Problem
    space: Space
    goals: Goals
    table: TableProblem | None = None

    @property
    def limits(self) -> tuple[str, ...]:
        """Names of the limits."""
        return tuple(limit.name for limit in self.goals.limits)


@dataclass(frozen=True, slots=True)
class Contestant:
    """A sampler with settings.

    Attributes:
        label: how it is called.
        sampler, settings, batch: as of a search.
    """

    label: str
    sampler: str
    settings: Mapping[str, Any]
    batch: int


@dataclass(frozen=True)
class LotteryPlan:
    """All that a lottery consists of; `files` are those that were read."""

    spec: LotterySpec
    contests: tuple[Contest, ...]
    contestants: tuple[Contestant, ...]
    files: tuple[Path, ...]


def plan_lottery(spec: LotterySpec, document: Document, file: Path | None) -> LotteryPlan:
    """Return the plan of what `read_lottery` has read.

    Raises:
        InputError: files, names, metrics or settings that do not exist, a sampler that cannot search one of the
            problems, or one that has fewer designs than the budget; with their line.
    """
    files = [] if file is None else [file]
    contestants = _contestants(spec, document)
    contests = [_contest(name, spec, document, file, files) for name in spec.problems]
    for contest in contests:
        size = contest.space.size
        if size is not None and size < spec.budget:
            raise document.error(
                ("budget",), f"{spec.budget} is more than the {size} designs of problem '{contest.name}'"
            )
        for entry, contestant in contestants:
            try:
                sampler_of(contest, contestant, 0)
            except InputError as error:
                message = f"problem '{contest.name}': {error}"
                raise document.error(("contestants", entry), message) from None
    return LotteryPlan(spec, tuple(contests), tuple(own for _, own in contestants), tuple(dict.fromkeys(files)))


def sampler_of(contest: Contest, contestant: Contestant, seed: int) -> Any:
    """Return a contestant's sampler for a contest."""
    objectives = len(contest.goals.objectives)
    return make_sampler(
        contestant.sampler, contestant.settings, contest.space, objectives, contest.limits, seed
    )


def seed_for(contestant: Contestant, seed: int) -> int:
    """Return the seed of a contestant's run, so that no two contestants begin with the same designs.

    Optuna's samplers draw the same first designs from the same seed; their luck would be one and the same.
    """
    return seed_of(seed, int.from_bytes(hashlib.sha256(contestant.label.encode()).digest()[:8], "big"))


def run_key(contest: Contest, contestant: Contestant, seed: int, budget: int) -> str:
    """Return a hash of all that decides what a run finds."""
    parts: list[Any] = [
        model_text(),
        [version(name) for name in ("optuna", "cmaes", "scipy", "numpy")],
        contest.problem.identity,
        [[p.name, repr(p.domain), str(p.when), str(p.derive)] for p in contest.space.parameters],
        [c.text for c in contest.space.constraints],
        sorted(map(repr, contest.space.constants.items())),
        [[o.name, o.maximise] for o in contest.goals.objectives],
        [[limit.name, limit.bound.min, limit.bound.max] for limit in contest.goals.limits],
        [contestant.sampler, contestant.settings, contestant.batch, seed_for(contestant, seed), budget],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _contestants(spec: LotterySpec, document: Document) -> list[tuple[int, Contestant]]:
    """Return each contestant behind the number of its entry."""
    found: list[tuple[int, Contestant]] = []
    for number, entry in enumerate(spec.contestants):
        axes = [
            [(name, one) for one in (value if isinstance(value, list) else [value])]
            for name, value in entry.settings.items()
        ]
        for chosen in itertools.product(*axes):
            settings = dict(chosen)
            label = ", ".join([entry.sampler, *(f"{k} {_word(v)}" for k, v in settings.items())])
            if entry.batch:
                label += f", batch {entry.batch}"
            if any(own.label == label for _, own in found):
                raise document.error(("contestants", number), f"'{label}' is there twice")
            batch = entry.batch or default_batch(entry.sampler, settings)
            found.append((number, Contestant(label, entry.sampler, settings, batch)))
    return found


def _word(value: Any) -> str:
    return "default" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _contest(name: str, spec: LotterySpec, document: Document, file: Path | None, files: list[Path]) -> Contest:
    entry = spec.problems[name]
    place = ("problems", name)
    if entry.search is not None:
        searched, own, path = _search(entry.search, name, document, file)
        plan = plan_search(searched, own, path or file)
        files.extend(plan.files)
        return Contest(name, plan.problem, plan.space, plan.goals)
    table = table_problem(entry, document, place, file)
    files.append(table.file)
    return Contest(name, table.problem, table.space, table.goals, table)


def _search(
    given: str | dict[str, Any], name: str, document: Document, file: Path | None
) -> tuple[SearchSpec, Document, Path | None]:
    """Return a search that a lottery names or holds."""
    place = ("problems", name, "search")
    if isinstance(given, str):
        try:
            return read_search(zoo.locate("searches", given, file))
        except InputError as error:
            raise document.error(place, str(error)) from None
    own = document.part(place)
    own = own.with_data({"name": "searched", **own.data})
    return check(SearchSpec, own), own, None
