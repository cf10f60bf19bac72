"""`sweep(file)`: every point of a grid, once, however often it is killed on the way.

    result = sweep("quickstart")
    result.frame, result.folder

The folder holds `table.csv`, `manifest.json`, `plots/` and `points.sqlite`, from which a sweep that is started
again takes the points that are finished.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel_sim.config import InputError, RunError
from accel_sim.explore.crew import complete
from accel_sim.explore.manifest import manifest, now
from accel_sim.explore.plan import Plan, plan_sweep
from accel_sim.explore.pool import Opener, local_pool
from accel_sim.explore.spec import read_sweep
from accel_sim.explore.store import FINISHED, Outcome, Store, forget
from accel_sim.explore.table import SweepResult, tabulate, to_csv, write_if_changed
from accel_sim.explore.worker import Evaluate, Simulator

POINTS = "points.sqlite"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a sweep is.

    Attributes:
        done: points that have an outcome, those found in the store included.
        total: points in all.
        failed: of `done`, those without a result.
        computed: simulations of this run.
        seconds: since this run began to simulate.
    """

    done: int
    total: int
    failed: int
    computed: int
    seconds: float


def sweep(
    file: str | Path | Mapping[str, Any],
    *,
    workers: int | None = None,
    output: str | Path | None = None,
    restart: bool = False,
    progress: Callable[[Progress], None] | None = None,
    opener: Opener = local_pool,
) -> SweepResult:
    """Return the table of a sweep, simulating the points that are not in its folder yet.

    Args:
        file: a sweep file, the name of a shipped one, or its content as a dict.
        workers: processes; 1 stays in this process; by default one for each core, when the work is worth it.
            A script that lets it start processes must call it under `if __name__ == "__main__":`.
        output: folder of the results, in place of the file's.
        restart: forget the points that are finished.
        progress: called a few times a second.
        opener: of the place where points are simulated; see `accel_sim.explore.pool`.

    Raises:
        InputError: anything wrong with the file, before anything runs. A value that a design refuses, or a
            point that cannot be simulated, is a row with an error instead.
        RunError: the folder cannot be used, or worker processes do not start.
    """
    check_workers(workers, "sweep()")
    started = now()
    spec, document, path = read_sweep(file)
    plan = plan_sweep(spec, document, path)
    folder = Path(output) if output is not None else spec.folder
    make_folder(folder)
    if restart:
        forget(folder / POINTS)
    return run_sweep(plan, folder, simulator(plan), workers, opener, progress or (lambda _: None), started)


def simulator(plan: Plan) -> Evaluate:
    """Return what is done with the points of a plan."""
    return Simulator(plan.designs, plan.spec.fidelity)


def run_sweep(
    plan: Plan,
    folder: Path,
    evaluate: Evaluate,
    workers: int | None,
    opener: Opener,
    progress: Callable[[Progress], None],
    started: str,
) -> SweepResult:
    """Return the table of a plan and write its files, evaluating the points that are not in the folder."""
    tasks = {point.key: point for point in plan.simulations()}
    hopeless = sum(point.error is not None for point in plan.points)
    repeated = len(plan.points) - hopeless - len(tasks)
    begin = time.perf_counter()

    def tell(outcomes: Mapping[str, Outcome], computed: int) -> None:
        failed = hopeless + sum(outcome.status != FINISHED for outcome in outcomes.values())
        done = hopeless + len(outcomes) + (repeated if len(outcomes) == len(tasks) else 0)
        progress(Progress(done, len(plan.points), failed, computed, time.perf_counter() - begin))

    with Store(folder / POINTS) as store:
        outcomes, computed = complete(tasks, evaluate, store, workers, opener, tell)
    result = tabulate(plan, outcomes, computed, folder)
    _write(plan, result, started)
    return result


def check_workers(workers: int | None, call: str) -> None:
    """Refuse a number of workers that is none, and a script that would start itself again and again."""
    if workers is not None and workers < 1:
        raise InputError(f"workers = {workers}: must be at least 1")
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise RunError(f"a script calls {call} under if __name__ == '__main__', or with workers=1")


def make_folder(folder: Path) -> None:
    """Make a folder of results.

    Raises:
        InputError: it cannot be one.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be a folder of results: {error.strerror}") from None


def _write(plan: Plan, result: SweepResult, started: str) -> None:
    write_if_changed(result.folder / "table.csv", to_csv(result.columns, result.rows))
    if plan.spec.output.plots:
        from accel_sim.explore.plots import draw

        draw(plan.spec, result, result.folder / "plots")
    text = json.dumps(manifest(plan, result, started), indent=2, ensure_ascii=False, default=str)
    write_if_changed(result.folder / "manifest.json", text + "\n")
