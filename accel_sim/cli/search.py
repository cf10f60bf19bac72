"""`accel-sim search`: live progress, and the front with the baselines at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer

from accel_sim.cli.output import Column, heading, line, print_json, remark, table
from accel_sim.cli.places import Where
from accel_sim.cli.progress import Shown, shown
from accel_sim.explore.search import agreement
from accel_sim.explore.search.baselines import Verdict, verdict
from accel_sim.explore.search.outcome import SearchResult, varied
from accel_sim.explore.search.search import search as run_search
from accel_sim.explore.search.trials import SearchProgress, Trial
from accel_sim.explore.search.wording import format_value, short_names
from accel_sim.results.wording import format_metric

MOST_ROWS = 20


def search(file: str, where: Where, budget: int | None, seed: int | None, as_json: bool) -> None:
    """Run a search; the exit code is 1 when not one design has a result."""
    with shown(_shown) as progress:
        result = run_search(
            file,
            workers=where.workers,
            output=where.output,
            restart=where.restart,
            budget=budget,
            seed=seed,
            progress=progress,
            opener=where.opener(),
        )
    report(result, as_json)


def report(result: SearchResult, as_json: bool) -> None:
    """Print a search; the exit code is 1 when not one design has a result."""
    if as_json:
        print_json(_as_data(result))
    else:
        _print(result)
    failed = [trial for trial in result.trials if trial.status == "failed"]
    if failed:
        remark(f"{result.count()['failed']} designs failed, the first with {failed[0].error}")
    if all(trial.score is None for trial in result.trials):
        raise typer.Exit(1)


def _shown(progress: SearchProgress) -> Shown:
    rate = progress.distinct / progress.seconds if progress.seconds else 0.0
    left = f", {(progress.budget - progress.distinct) / rate:.0f} s left" if rate else ""
    told = _told(progress)
    whole = f"{progress.distinct} of {progress.budget} designs, {told}{left}"
    return Shown(progress.distinct, progress.budget, told, whole)


def _told(progress: SearchProgress) -> str:
    rate = progress.distinct / progress.seconds if progress.seconds else 0.0
    counts = (
        (progress.screened, "held back"),
        (progress.duplicates, "repeated"),
        (progress.illegal, "illegal"),
        (progress.failed, "failed"),
    )
    others = "".join(f", {count} {name}" for count, name in counts if count)
    return (
        f"{progress.feasible} feasible{others}, front {progress.front}, "
        f"hypervolume {progress.hypervolume:.4g}, {rate:.3g} designs/s"
    )


def _as_data(result: SearchResult) -> dict[str, Any]:
    rows = {row["trial"]: row for row in result.rows}
    return {
        "name": result.name,
        "folder": str(result.folder),
        "sampler": result.sampler,
        **result.count(),
        "computed": result.computed,
        "hypervolume": result.hypervolume,
        "reference_point": result.reference,
        "columns": list(result.columns),
        "front": [rows[trial.number] for trial in result.front],
        "fidelities": agreement.in_manifest(result),
        "baselines": [
            {
                **rows[trial.number],
                "beaten_by": [better.number for better in found.beaten_by],
                **_closest(result, found),
            }
            for trial in result.baselines
            for found in (verdict(result, trial),)
        ],
    }


def _print(result: SearchResult) -> None:
    counts = result.count()
    others = "".join(
        f", {counts[name]} {said}"
        for name, said in (("duplicates", "proposed again"), ("illegal", "illegal"), ("failed", "failed"))
        if counts[name]
    )
    screened = f" of {counts['screened']} screened" if "screened" in counts else ""
    line(
        f"{result.name}: {counts['distinct']} designs{screened} by {result.sampler}{others}; "
        f"{counts['feasible']} within the limits, {result.computed} simulations now"
    )
    front = list(result.front)
    shown = front
    if len(front) > MOST_ROWS:
        shown = [front[i * (len(front) - 1) // (MOST_ROWS - 1)] for i in range(MOST_ROWS)]
    some = f", {len(shown)} of them here" if len(shown) < len(front) else ""
    heading(f"front: {len(front)} designs{some}")
    paths = varied([*shown, *result.baselines], result.searched)
    _table(result, shown, paths, lambda trial: trial.name)
    if result.baselines:
        heading("baselines")
        _table(result, list(result.baselines), paths, lambda trial: trial.name)
        for trial in result.baselines:
            line(f"{trial.name}: {result.verdict(trial)}")
    if len(result.fidelities) > 1:
        heading("fidelities")
        for text in agreement.in_words(result):
            line(text)
    line("")
    for name in ("table.csv", "best", "pareto.png", "manifest.json"):
        if (result.folder / name).exists():
            line(str(result.folder / name))
    line(f"accel-sim report {result.folder}: all of it as one page")


def _closest(result: SearchResult, found: Verdict) -> dict[str, Any]:
    """Return which design of the front is nearest to a baseline, its objectives as shares of the baseline's."""
    if found.closest is None:
        return {}
    ratios = dict(zip(result.goals.names, found.ratios, strict=True))
    return {"closest": {"trial": found.closest.number, "ratios": ratios, "worse_by": found.miss}}


def _table(result: SearchResult, trials: list[Trial], paths: list[str], name: Callable[[Trial], str]) -> None:
    goals = (*result.goals.names, *(limit.name for limit in result.goals.limits))
    goals = tuple(dict.fromkeys(goals))
    columns = [Column("trial"), Column("baseline"), *(Column(name) for name in short_names(paths))]
    columns += [Column(goal, number=True) for goal in goals]
    rows = []
    for trial in trials:
        values: dict[str, float] = {}
        if trial.score is not None:
            values = dict(zip((limit.name for limit in result.goals.limits), trial.score.limited, strict=True))
            values |= dict(zip(result.goals.names, trial.score.values, strict=True))
        rows.append(
            [
                str(trial.number),
                name(trial),
                *(format_value(trial.values.get(path), result.parameters[path]) for path in paths),
                *(format_metric(goal, values[goal]) if goal in values else "" for goal in goals),
            ]
        )
    table(columns, rows)
