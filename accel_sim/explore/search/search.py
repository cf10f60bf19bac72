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
from accel_sim.explore.search.baselines import in_words, verdict
from accel_sim.explore.search.best import write_best
from accel_sim.explore.search.driver import Search
from accel_sim.explore.search.log import TrialLog
from accel_sim.explore.search.outcome import SearchResult
from accel_sim.explore.search.plan import SearchPlan, identity, plan_search
from accel_sim.explore.search.reading import DESIGN, dimension_of
from accel_sim.explore.search.samplers import RULE, make_sampler
from accel_sim.explore.search.spec import read_search
from accel_sim.explore.search.trials import SearchProgress
from accel_sim.explore.store import Store, forget
from accel_sim.explore.sweep import check_workers, make_folder
from accel_sim.explore.table import to_csv, write_if_changed
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
        forget(folder / "points.sqlite")
        shutil.rmtree(folder / "best", ignore_errors=True)
    try:
        result = run_plan(plan, folder, workers, progress or (lambda _: None), opener)
    except InputError as error:
        raise InputError(f"{document.source}: {error}") from None
    _write(plan, result, started)
    return result


def run_plan(
    plan: SearchPlan,
    folder: Path,
    workers: int | None,
    progress: Callable[[SearchProgress], None],
    opener: Opener = local_pool,
) -> SearchResult:
    """Return what the search of a plan finds; its points and batches are kept in the folder."""
    limits = [limit.name for limit in plan.goals.limits]
    sampler = make_sampler(
        plan.sampler,
        plan.spec.search.settings,
        plan.space,
        len(plan.goals.objectives),
        limits,
        plan.rules.seed,
    )
    points = folder / "points.sqlite"
    with (
        Store(points) as store,
        TrialLog(points, identity(plan)) as log,
        Crew(plan.ladder.evaluate, workers, opener) as crew,
    ):
        driver = Search(
            plan.ladder, plan.space, plan.goals, sampler, plan.rules, plan.starts, store, log, crew, progress
        )
        trials = driver.run()
    costs = [t.score.costs for t in trials if t.feasible and t.score is not None]
    reference = driver.front.reference
    return SearchResult(
        name=plan.spec.name,
        folder=folder,
        sampler=plan.sampler,
        goals=plan.goals,
        trials=tuple(trials),
        parameters=parameter_columns(plan),
        searched=tuple(path for parameter in plan.space.searched for path in parameter.paths),
        metrics=plan.simulated.metrics if len(plan.simulated.workloads) > 1 else plan.simulated.mix_metrics,
        hypervolume=driver.front.hypervolume if costs and reference else 0.0,
        reference=reference,
        computed=driver.computed,
        spent=driver.spent,
        fidelities=plan.spec.fidelity.names,
        confirmed=driver.confirmed,
    )


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


def _write(plan: SearchPlan, result: SearchResult, started: str) -> None:
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
        "space": {"candidates": plan.space.size, "combinations": plan.space.most},
        "inputs": inputs(plan.files),
        "counts": {**result.count(), "computed_by_this_run": result.computed},
        "hypervolume": result.hypervolume,
        "reference_point": result.reference,
        "fidelities": in_manifest(result),
        "baselines": {trial.name: in_words(result, verdict(result, trial)) for trial in result.baselines},
        "seconds": {**asdict(result.spent), "own": result.spent.own},
        "started": started,
        "finished": now(),
    }
