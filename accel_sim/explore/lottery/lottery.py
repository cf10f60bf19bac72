"""`lottery(file)`: samplers with their settings and seeds against each other, under equal budgets.

    from accel_sim.explore.lottery.lottery import lottery

    result = lottery("lottery")
    result.contestant_rows, result.folder

All contestants search the same spaces, and each run ends after the same number of distinct designs. A design
that is simulated is simulated once for all of them. The folder holds `curves.csv`, `contestants.csv`,
`comparison.csv`, `ranking.csv`, `base_rates.csv`, pictures, `verdict.txt` and `manifest.json`, and the finished
runs and points from which a lottery that is started again goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from accel_sim.config import InputError, RunError
from accel_sim.explore.crew import Crew
from accel_sim.explore.lottery.base import base_of, known_costs, table_base
from accel_sim.explore.lottery.contest import Contest, LotteryPlan, plan_lottery, run_key
from accel_sim.explore.lottery.losses import curve, yardstick
from accel_sim.explore.lottery.outcome import ContestResult, LotteryResult
from accel_sim.explore.lottery.runs import Record, Run, RunFile, Runner
from accel_sim.explore.lottery.spec import read_lottery
from accel_sim.explore.lottery.write import write
from accel_sim.explore.manifest import now
from accel_sim.explore.pool import Opener, local_pool
from accel_sim.explore.store import FINISHED, forget
from accel_sim.explore.sweep import check_workers, make_folder

POINTS, RUNS = "points.sqlite", "runs.sqlite"


@dataclass(frozen=True, slots=True)
class LotteryProgress:
    """How far a lottery is.

    Attributes:
        stage: `base rate of NAME` or `runs`.
        done, total: random designs or runs; the total of designs is the most there may be.
        seconds: since this process began.
    """

    stage: str
    done: int
    total: int
    seconds: float


def lottery(
    file: str | Path | Mapping[str, Any],
    *,
    workers: int | None = None,
    output: str | Path | None = None,
    restart: bool = False,
    progress: Callable[[LotteryProgress], None] | None = None,
    opener: Opener = local_pool,
) -> LotteryResult:
    """Return what a lottery found, making the runs that are not in its folder yet.

    Args:
        file: a lottery file, the name of a shipped one, or its content as a dict.
        workers: processes; 1 stays in this process; by default one for each core, when the work is worth it.
            A script that lets it start processes must call it under `if __name__ == "__main__":`.
        output: folder of the results, in place of the file's.
        restart: forget finished runs and points.
        progress: called after every few runs.
        opener: of the place where contestants run, on this machine: they share files.

    Raises:
        InputError: anything wrong with the file, before anything runs.
        RunError: the folder cannot be used, worker processes do not start, or a run fails.
    """
    check_workers(workers, "lottery()")
    started, begin = now(), time.perf_counter()
    spec, document, path = read_lottery(file)
    plan = plan_lottery(spec, document, path)
    folder = Path(output) if output is not None else spec.folder
    make_folder(folder)
    if restart:
        forget(folder / POINTS)
        forget(folder / RUNS)

    def tell(stage: str, done: int, total: int) -> None:
        if progress is not None:
            progress(LotteryProgress(stage, done, total, time.perf_counter() - begin))

    try:
        bases = [
            base_of(
                contest,
                spec.base,
                folder / POINTS,
                workers,
                partial(_tell_base, tell, contest.name, min(spec.base, contest.space.size or spec.base)),
            )
            for contest in plan.contests
        ]
    except InputError as error:
        raise InputError(f"{document.source}: {error}") from None
    records, computed = _records(plan, folder, workers, lambda done, total: tell("runs", done, total), opener)
    contests = []
    for number, (contest, base) in enumerate(zip(plan.contests, bases, strict=True)):
        own = records[number]
        yard = yardstick(base, [record for runs in own for record in runs], known_costs(contest))
        losses = np.array([[curve(yard, record.costs) for record in runs] for runs in own])
        rows = table_base(contest) if contest.table is not None else None
        contests.append(ContestResult(contest, base, rows, yard, losses, own))
    result = LotteryResult(plan, folder, tuple(contests), computed)
    write(result, started, time.perf_counter() - begin)
    return result


def _tell_base(tell: Callable[[str, int, int], None], name: str, total: int, done: int) -> None:
    tell(f"base rate of {name}", done, total)


def _records(
    plan: LotteryPlan,
    folder: Path,
    workers: int | None,
    tell: Callable[[int, int], None],
    opener: Opener,
) -> tuple[list[tuple[tuple[Record, ...], ...]], int]:
    """Return the record of every contest, contestant and seed, and how many were made just now."""
    runs = [
        Run(run_key(contest, contestant, seed, plan.spec.budget), i, j, seed)
        for seed in range(plan.spec.seeds)
        for i, contest in enumerate(plan.contests)
        for j, contestant in enumerate(plan.contestants)
    ]
    with RunFile(folder / RUNS) as file:
        found = file.read(run.key for run in runs)
        missing = [run for run in runs if run.key not in found]
        tell(len(found), len(runs))
        _run(plan, folder, missing, workers, lambda done: tell(len(found) + done, len(runs)), opener)
        found |= file.read(run.key for run in missing)
    by_place = {(run.contest, run.contestant, run.seed): found[run.key] for run in runs}
    seeds, contestants = range(plan.spec.seeds), range(len(plan.contestants))
    return [
        tuple(tuple(by_place[i, j, seed] for seed in seeds) for j in contestants)
        for i in range(len(plan.contests))
    ], len(missing)


def _run(
    plan: LotteryPlan,
    folder: Path,
    missing: list[Run],
    workers: int | None,
    tell: Callable[[int], None],
    opener: Opener,
) -> None:
    """Make runs; each is on disk when it is finished."""
    runner = Runner(plan.contests, plan.contestants, plan.spec.budget, folder / POINTS, folder / RUNS)
    by_key = {run.key: run for run in missing}
    done = 0
    with Crew(runner, workers, opener) as crew:
        crew.add(missing)
        while crew.busy:
            for outcome in crew.next():
                done += 1
                if outcome.status != FINISHED:
                    run = by_key[outcome.key]
                    contest: Contest = plan.contests[run.contest]
                    label = plan.contestants[run.contestant].label
                    raise RunError(f"{contest.name}, {label}, seed {run.seed}: {outcome.error}")
            tell(done)
