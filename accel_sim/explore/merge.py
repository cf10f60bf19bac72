"""`merge(folders)`: the table, pictures and manifest of a sweep or search whose shards have run.

The points come from the shards' stores; all the rest is done as in one run, which finds every outcome there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel_sim.config import InputError, RunError
from accel_sim.explore.fingerprint import model_text
from accel_sim.explore.manifest import inputs, now
from accel_sim.explore.plan import plan_sweep
from accel_sim.explore.pool import local_pool
from accel_sim.explore.search.outcome import SearchResult
from accel_sim.explore.search.plan import plan_search
from accel_sim.explore.search.search import foreseen, run_plan, write_search
from accel_sim.explore.search.spec import read_search
from accel_sim.explore.shards import MANIFESTS, SWEEP, Shard
from accel_sim.explore.spec import read_sweep
from accel_sim.explore.store import Outcome, stored
from accel_sim.explore.sweep import make_folder, run_sweep
from accel_sim.explore.table import SweepResult
from accel_sim.explore.worker import Task

# What shards must have in common, and what to call it.
COMMON = {
    "kind": "the kind",
    "name": "the name",
    "file": "the file",
    "budget": "the budget",
    "seed": "the seed",
}


@dataclass(frozen=True, slots=True)
class _Found:
    """A shard on disk."""

    shard: Shard
    path: Path
    record: Mapping[str, Any]

    @property
    def points(self) -> Path:
        return self.path.with_name(self.shard.points)


@dataclass(frozen=True, slots=True)
class Recorded:
    """Evaluates tasks by looking up what became of them."""

    outcomes: Mapping[str, Outcome]

    def __call__(self, task: Task) -> Outcome:
        """Return the outcome of a task."""
        return self.outcomes[task.key]


def merge(
    folders: Sequence[str | Path], *, file: str | Path | None = None, output: str | Path | None = None
) -> SweepResult | SearchResult:
    """Return what a sweep or search gives whose shards are in some folders, and write it as one run would.

    Args:
        folders: with the files of all shards.
        file: the sweep or search file, where it is no longer where the shards found it.
        output: folder of the results; by default the first of `folders`.

    Raises:
        InputError: no shards there, shards of different things, or the file is not found.
        RunError: some have not finished; they ran other code, or files that have changed since.
    """
    started = now()
    found = _found([Path(folder) for folder in folders])
    first = found[0].record
    source = file if file is not None else first["file"]
    folder = Path(output) if output is not None else Path(folders[0])
    if first["kind"] == SWEEP:
        spec, document, path = read_sweep(source)
        plan = plan_sweep(spec, document, path)
        outcomes = _outcomes(found, plan.files, plan.simulations())
        make_folder(folder)
        return run_sweep(plan, folder, Recorded(outcomes), 1, local_pool, lambda _: None, started)
    search_spec, document, path = read_search(source)
    search_plan = plan_search(search_spec, document, path, first["budget"], first["seed"])
    outcomes = _outcomes(found, search_plan.files, foreseen(search_plan))
    make_folder(folder)
    result = run_plan(search_plan, folder, 1, lambda _: None, evaluate=Recorded(outcomes))
    write_search(search_plan, result, started)
    return result


def _found(folders: Sequence[Path]) -> list[_Found]:
    """Return the shards of one sweep or search, all of them."""
    found = [_read(path) for folder in folders for path in sorted(folder.glob(MANIFESTS))]
    if not found:
        where = ", ".join(map(str, folders))
        raise InputError(f"{where}: holds no finished shards ({MANIFESTS})")
    first = found[0]
    for other in found[1:]:
        _check_same(first, other)
    there = {one.shard.number for one in found}
    missing = [str(number) for number in range(1, first.shard.of + 1) if number not in there]
    if missing:
        raise RunError(f"{first.path.parent}: of {first.shard.of} shards, {', '.join(missing)} did not finish")
    return found


def _read(path: Path) -> _Found:
    try:
        record = json.loads(path.read_text())
        return _Found(Shard(*record["shard"]), path, record)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: is not the record of a shard ({type(error).__name__}: {error})") from None


def _check_same(one: _Found, other: _Found) -> None:
    ways = [(label, one.record.get(key), other.record.get(key)) for key, label in COMMON.items()]
    for label, mine, others in (("the number of shards", one.shard.of, other.shard.of), *ways):
        if mine != others:
            raise InputError(f"{other.path}: {label} is {others}, and {mine} in {one.path}; remove what is old")


def _outcomes(found: Sequence[_Found], files: Sequence[Path], tasks: Iterable[Task]) -> dict[str, Outcome]:
    """Return the outcomes of all shards, if that is all there is to know."""
    hashes = [entry["sha256"] for entry in inputs(files)]
    outcomes: dict[str, Outcome] = {}
    for one in found:
        if one.record["model_sha256"] != model_text():
            raise RunError(
                f"{one.path}: was simulated by other code (accel_sim {one.record['accel_sim']}); "
                "merge with that, or run the shard again"
            )
        before = [entry["sha256"] for entry in one.record["inputs"]]
        if before != hashes:
            changed = [str(file) for file, old, new in zip(files, before, hashes, strict=False) if old != new]
            raise RunError(f"{one.path}: {', '.join(changed) or 'the list of files'} changed since it ran")
        outcomes |= stored(one.points)
    missing = [task.key for task in tasks if task.key not in outcomes]
    if missing:
        raise RunError(f"{found[0].path.parent}: {len(missing)} points are in no store of the shards")
    return outcomes
