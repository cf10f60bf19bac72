"""`search(file)`: the best designs of a space, in a budget of distinct evaluations.

    result = search("search_npu")
    result.front, result.frame, result.folder

The folder holds `table.csv`, `best/`, `pareto.png`, `manifest.json` and `points.sqlite`, from which a search
that is started again goes on.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from accel_sim.config import InputError
from accel_sim.explore.crew import Crew
from accel_sim.explore.manifest import PACKAGES, circumstances, inputs, now
from accel_sim.explore.pool import Opener, local_pool
from accel_sim.explore.search.agreement import in_manifest
from accel_sim.explore.search.best import write_best
from accel_sim.explore.search.driver import Search
from accel_sim.explore.search.log import TrialLog
from accel_sim.explore.search.outcome import SearchResult
from accel_sim.explore.search.plan import SearchPlan, identity, plan_search
from accel_sim.explore.search.reading import DESIGN, dimension_of
from accel_sim.explore.search.samplers import BLIND, RULE, make_sampler
from accel_sim.explore.search.space_data import space_to_data
from accel_sim.explore.search.spec import read_search
from accel_sim.explore.search.trials import SearchProgress
from accel_sim.explore.store import Store, forget
from accel_sim.explore.sweep import POINTS, check_workers, make_folder
from accel_sim.explore.table import to_csv, write_if_changed
from accel_sim.explore.worker import Evaluate, Task
from accel_sim.hardware.design import build_design


def search(
    file: str | Path | Mapping[str, Any],
    *,
    workers: int | None = None,
    output: str | Path | None = None,
    restart: bool = False,
    budget: int | None = None,
    seed: int | None = None,
    progress: Callable[[SearchProgress], None] | None = None,
    opener: Opener = local_pool,
) -> SearchResult:
    """Return what a search found, evaluating what is not in its folder yet.

    The same file, seed and budget give the same trials, whatever the number of workers and however often the
    search was interrupted.

    Args:
        file: a search file, the name of a shipped one, or its content as a dict.
        workers: processes; 1 stays in this process; by default one for each core, when the work is worth it.
            A script that lets it start processes must call it under `if __name__ == "__main__":`.
        output: folder of the results, in place of the file's.
        restart: forget what was found.
        budget: distinct designs, in place of the file's.
        seed: in place of the file's.
        progress: called after every few evaluations.
        opener: of the place where designs are evaluated; see `accel_sim.explore.pool`.

    Raises:
        InputError: anything wrong with the file, before anything runs. A design that cannot be simulated is a
            row with an error instead.
        RunError: the folder cannot be used, or worker processes do not start.
    """
    check_workers(workers, "search()")
    for name, value, least in (("budget", budget, 1), ("seed", seed, 0)):
        if value is not None and value < least:
            raise InputError(f"{name} = {value}: must be at least {least}")
    started = now()
    spec, document, path = read_search(file)
    plan = plan_search(spec, document, path, budget, seed)
    folder = Path(output) if output is not None else spec.folder
    make_folder(folder)
    if restart:
        forget(folder / POINTS)
        shutil.rmtree(folder / "best", ignore_errors=True)
    try:
        result = run_plan(plan, folder, workers, progress or (lambda _: None), opener)
    except InputError as error:
        raise InputError(f"{document.source}: {error}") from None
    write_search(plan, result, started)
    return result


def run_plan(
    plan: SearchPlan,
    folder: Path,
    workers: int | None,
    progress: Callable[[SearchProgress], None],
    opener: Opener = local_pool,
    evaluate: Evaluate | None = None,
) -> SearchResult:
    """Return what the search of a plan finds; its points and batches are kept in the folder.

    evaluate: in place of the problem's.
    """
    points = folder / POINTS
    with (
        Store(points) as store,
        TrialLog(points, identity(plan)) as log,
        Crew(evaluate or plan.ladder.evaluate, workers, opener) as crew,
    ):
        driver = _driver(plan, store, log, crew, progress)
        trials = driver.run()
    costs = [t.score.costs for t in trials if t.feasible and t.score is not None]
    reference = driver.front.reference
    return SearchResult(
        name=plan.spec.name,
        folder=folder,
        sampler=plan.sampler,
        settings=plan.spec.search.settings,
        rules=plan.rules,
        space=plan.space,
        goals=plan.goals,
        trials=tuple(trials),
        parameters=parameter_columns(plan),
        metrics=plan.simulated.metrics if len(plan.simulated.workloads) > 1 else plan.simulated.mix_metrics,
        hypervolume=driver.front.hypervolume if costs and reference else 0.0,
        reference=reference,
        computed=driver.computed,
        spent=driver.spent,
        fidelities=plan.spec.fidelity.names,
        confirmed=driver.confirmed,
    )


def _driver(
    plan: SearchPlan,
    store: Store,
    log: TrialLog,
    crew: Crew,
    progress: Callable[[SearchProgress], None] = lambda _: None,
) -> Search:
    limits = [limit.name for limit in plan.goals.limits]
    sampler = make_sampler(
        plan.sampler,
        plan.spec.search.settings,
        plan.space,
        len(plan.goals.objectives),
        limits,
        plan.rules.seed,
    )
    return Search(
        plan.ladder, plan.space, plan.goals, sampler, plan.rules, plan.starts, store, log, crew, progress
    )


def foreseen(plan: SearchPlan) -> list[Task]:
    """Return everything that a search will evaluate, each task once, before anything is evaluated.

    Raises:
        InputError: its sampler learns from results, or what is evaluated hangs on results of other fidelities.
    """
    if not plan.ladder.single:
        raise InputError(
            "fidelity: shards cannot part a search that screens or confirms at another fidelity; name one "
            "fidelity, or take workers of a --cluster"
        )
    if plan.sampler not in BLIND:
        meant = (
            f"{plan.spec.search.sampler}, here {plan.sampler}," if plan.spec.search.sampler == "auto" else ""
        )
        raise InputError(
            f"search.sampler = {meant or plan.sampler} learns from results, so shards cannot part the work; "
            f"take {', '.join(BLIND[:-1])} or {BLIND[-1]}, or workers of a --cluster"
        )
    nowhere = Path(":memory:")
    with (
        Store(nowhere) as store,
        TrialLog(nowhere, "") as log,
        Crew(plan.ladder.evaluate) as crew,
    ):
        return _driver(plan, store, log, crew).foresee()


def parameter_columns(plan: SearchPlan) -> dict[str, str]:
    """Return the columns of the parameters: their path, with the unit behind it where they have one."""
    designs = [build_design(chip.document, chip.settings) for chip in plan.simulated.chips]
    columns = {}
    for parameter in plan.space.parameters:
        for path in parameter.paths:
            dimension = next((d for d in (dimension_of(design, path) for design in designs) if d), None)
            columns[path] = f"{path} [{dimension}]" if dimension else path
    # Baselines name their design, also where the search has one only.
    if any(DESIGN in start.values for start in plan.starts):
        columns = {DESIGN: DESIGN, **columns}
    return columns


def write_search(plan: SearchPlan, result: SearchResult, started: str) -> None:
    """Write the files of a search to its folder."""
    folder = result.folder
    write_if_changed(folder / "table.csv", to_csv(result.columns, result.rows))
    write_best(plan.simulated, result, folder / "best")
    if plan.spec.output.plots:
        from accel_sim.explore.search.plots import draw_pareto

        draw_pareto(result, folder / "pareto.png")
    text = json.dumps(_manifest(plan, result, started), indent=2, ensure_ascii=False, default=str)
    write_if_changed(folder / "manifest.json", text + "\n")


def _manifest(plan: SearchPlan, result: SearchResult, started: str) -> dict[str, Any]:
    return {
        **circumstances(plan.spec.name, (*PACKAGES, "optuna", "moocore", "scipy", "cmaes")),
        "search": plan.spec.model_dump(mode="json", by_alias=True),
        "sampler": {"name": plan.sampler, "auto_means": RULE, **asdict(plan.rules)},
        "space": {
            "candidates": plan.space.size,
            "combinations": plan.space.most,
            **space_to_data(plan.space),
        },
        "parameter_columns": dict(result.parameters),
        "inputs": inputs(plan.files),
        "columns": {
            "inputs": list(result.parameters.values()),
            "metrics": result.measured,
            "simulated": result.metrics,
        },
        "counts": {**result.count(), "computed_by_this_run": result.computed},
        "hypervolume": result.hypervolume,
        "reference_point": result.reference,
        "fidelities": in_manifest(result),
        "baselines": {trial.name: result.verdict(trial) for trial in result.baselines},
        "seconds": {**asdict(result.spent), "own": result.spent.own},
        "started": started,
        "finished": now(),
    }
