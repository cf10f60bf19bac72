"""Shards: a part of a sweep or search on a machine of its own, which writes to a file of its own.

    sweep_shard("quickstart", Shard(3, 8))      # on any machine, in any order
    merge([folder])                             # accel_sim.explore.merge, when all eight are there

Shards know nothing of each other. They may share a folder on a network disk, or have one each.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from accel_sim.config import InputError
from accel_sim.config.errors import shortened
from accel_sim.explore.crew import complete
from accel_sim.explore.manifest import PACKAGES, circumstances, inputs, now
from accel_sim.explore.plan import plan_sweep
from accel_sim.explore.pool import Opener, local_pool
from accel_sim.explore.search.plan import plan_search
from accel_sim.explore.search.search import foreseen
from accel_sim.explore.search.spec import read_search
from accel_sim.explore.spec import read_sweep
from accel_sim.explore.store import FINISHED, Outcome, Store, forget
from accel_sim.explore.sweep import Progress, check_workers, make_folder, simulator
from accel_sim.explore.table import write_if_changed
from accel_sim.explore.worker import Evaluate, Task

SWEEP, SEARCH = "sweep", "search"
MANIFESTS = "manifest.shard-*-of-*.json"
AnyTask = TypeVar("AnyTask", bound=Task)


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several parts; the first has number 1."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Return what `3/8` means.

        Raises:
            InputError: it means nothing.
        """
        number, slash, of = text.partition("/")
        if not (slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
            raise InputError(f"--shard {shortened(text)}: must be a part of several, from 1/8 to 8/8")
        return cls(int(number), int(of))

    def __str__(self) -> str:
        return f"{self.number} of {self.of}"

    def part(self, tasks: Sequence[AnyTask]) -> list[AnyTask]:
        """Return the tasks of this shard: every task is in one of them, and none has two more than another.

        They are dealt in the order of their hashes, so that the large values of an axis do not all go to one.
        """
        return sorted(tasks, key=lambda task: task.key)[self.number - 1 :: self.of]

    @property
    def points(self) -> str:
        """Name of its store."""
        return f"points.shard-{self.number}-of-{self.of}.sqlite"

    @property
    def manifest(self) -> str:
        """Name of its record, which is there when it has finished."""
        return f"manifest.shard-{self.number}-of-{self.of}.json"


@dataclass(frozen=True, slots=True)
class ShardResult:
    """What a shard did.

    Attributes:
        name: of the sweep or search.
        folder: where its files are.
        shard: which it was.
        total: simulations of all shards.
        points, failed: of this one, those found in its store included.
        computed: simulations of this call.
        first_error: of a failed point.
    """

    name: str
    folder: Path
    shard: Shard
    total: int
    points: int
    failed: int
    computed: int
    first_error: str | None


@dataclass(frozen=True, slots=True)
class Conditions:
    """Where and how a shard runs; see `sweep`."""

    workers: int | None = None
    output: str | Path | None = None
    restart: bool = False
    progress: Callable[[Progress], None] = lambda _: None
    opener: Opener = local_pool


def sweep_shard(
    file: str | Path | Mapping[str, Any], shard: Shard, conditions: Conditions = Conditions()
) -> ShardResult:
    """Simulate the points of a sweep that belong to a shard.

    Raises:
        InputError, RunError: as of `sweep`.
    """
    spec, document, path = read_sweep(file)
    plan = plan_sweep(spec, document, path)
    tasks = list({point.key: point for point in plan.simulations()}.values())
    record = {"kind": SWEEP, "file": _recorded(file), "inputs": inputs(plan.files)}
    return _run(spec.name, spec.folder, tasks, simulator(plan), shard, conditions, record)


def search_shard(
    file: str | Path | Mapping[str, Any],
    shard: Shard,
    conditions: Conditions = Conditions(),
    budget: int | None = None,
    seed: int | None = None,
) -> ShardResult:
    """Evaluate the designs that a search will try and that belong to a shard.

    Raises:
        InputError, RunError: as of `search`; its sampler learns from results.
    """
    spec, document, path = read_search(file)
    plan = plan_search(spec, document, path, budget, seed)
    try:
        tasks = foreseen(plan)
    except InputError as error:
        raise InputError(f"{document.source}: {error}") from None
    given = {"budget": budget, "seed": seed}
    record = {"kind": SEARCH, "file": _recorded(file), **given, "inputs": inputs(plan.files)}
    return _run(spec.name, spec.folder, tasks, plan.problem.evaluate, shard, conditions, record)


def _recorded(file: str | Path | Mapping[str, Any]) -> str | dict[str, Any]:
    return dict(file) if isinstance(file, Mapping) else str(file)


def _run(
    name: str,
    folder_of_file: Path,
    tasks: Sequence[Task],
    evaluate: Evaluate,
    shard: Shard,
    conditions: Conditions,
    record: Mapping[str, Any],
) -> ShardResult:
    check_workers(conditions.workers, "a shard")
    started = now()
    folder = Path(conditions.output) if conditions.output is not None else folder_of_file
    make_folder(folder)
    if conditions.restart:
        forget(folder / shard.points)
    own = {task.key: task for task in shard.part(tasks)}
    begin = time.perf_counter()

    def tell(outcomes: Mapping[str, Outcome], computed: int) -> None:
        failed = sum(outcome.status != FINISHED for outcome in outcomes.values())
        seconds = time.perf_counter() - begin
        conditions.progress(Progress(len(outcomes), len(own), failed, computed, seconds))

    with Store(folder / shard.points, "delete") as store:
        outcomes, computed = complete(own, evaluate, store, conditions.workers, conditions.opener, tell)
    errors = [outcome.error for outcome in outcomes.values() if outcome.status != FINISHED]
    result = ShardResult(
        name, folder, shard, len(tasks), len(own), len(errors), computed, errors[0] if errors else None
    )
    _write(result, record, started)
    return result


def _write(result: ShardResult, record: Mapping[str, Any], started: str) -> None:
    manifest = {
        **circumstances(result.name, PACKAGES),
        **record,
        "shard": [result.shard.number, result.shard.of],
        "points": {
            "all": result.total,
            "of_this_shard": result.points,
            "failed": result.failed,
            "computed_by_this_run": result.computed,
        },
        "started": started,
        "finished": now(),
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False, default=str)
    write_if_changed(result.folder / result.shard.manifest, text + "\n")
