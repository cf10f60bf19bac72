"""`accel-sim sweep`: a grid with progress, and the best rows at the end."""

from __future__ import annotations

from typing import Any

import typer

from accel_sim.cli.output import Column, heading, line, print_json, remark, table
from accel_sim.cli.places import Where
from accel_sim.cli.progress import Shown, shown
from accel_sim.explore import sweep as explore
from accel_sim.explore.plots import by_workload, rank
from accel_sim.explore.table import SweepResult
from accel_sim.results.wording import format_metric

TOP_ROWS = 5


def sweep(file: str, where: Where, as_json: bool) -> None:
    """Run a sweep; the exit code is 1 when not one point has a result."""
    with shown(points_shown) as progress:
        result = explore.sweep(
            file,
            workers=where.workers,
            output=where.output,
            restart=where.restart,
            progress=progress,
            opener=where.opener(),
        )
    report(result, as_json)


def report(result: SweepResult, as_json: bool) -> None:
    """Print a sweep; the exit code is 1 when not one point has a result."""
    if as_json:
        print_json(_as_data(result))
    else:
        _print(result)
    if result.failed:
        first = next(row["error"] for row in result.rows if row["error"] is not None)
        remark(f"{result.failed} of {len(result.rows)} points failed, the first with {first}")
    if result.failed == len(result.rows):
        raise typer.Exit(1)


def points_shown(progress: explore.Progress) -> Shown:
    """Return what is shown of a sweep's progress."""
    rate = _rate(progress)
    return Shown(progress.done, progress.total, rate, f"{progress.done} of {progress.total} points, {rate}")


def _rate(progress: explore.Progress) -> str:
    rate = progress.computed / progress.seconds if progress.seconds else 0.0
    failed = f", {progress.failed} failed" if progress.failed else ""
    return f"{rate:.3g} points/s{failed}"


def _as_data(result: SweepResult) -> dict[str, Any]:
    return {
        "name": result.name,
        "folder": str(result.folder),
        "points": len(result.rows),
        "computed": result.computed,
        "failed": result.failed,
        "infeasible": result.infeasible,
        "columns": list(result.columns),
        "rows": list(result.rows),
    }


def _print(result: SweepResult) -> None:
    metrics = [name for name in result.columns if name not in (*result.inputs, "feasible", "error")]
    known = len(result.rows) - result.failed - result.computed
    there = f", {known} there already" if known > 0 else ""
    line(f"{result.name}: {len(result.rows)} points, {result.computed} simulated now{there}")
    for title, members in by_workload(result).items():
        feasible = [m for m in members if result.rows[m].get("feasible") is not False]
        what = "points" if len(feasible) == len(members) else "feasible points"
        heading(f"{title}: best {metrics[0]} of {len(feasible)} {what}")
        best = sorted(feasible, key=lambda m: rank(metrics[0], result.metrics[m][metrics[0]]))[:TOP_ROWS]
        inputs = [
            name
            for name in result.inputs
            if name not in ("workload", "phase") and _varies(result, members, name)
        ]
        columns = [Column(name) for name in inputs] + [Column(name, number=True) for name in metrics]
        rows = [
            [
                *("" if result.rows[m][name] is None else str(result.rows[m][name]) for name in inputs),
                *(format_metric(name, result.metrics[m][name]) for name in metrics),
            ]
            for m in best
        ]
        table(columns, rows)
    line("")
    for name in ("table.csv", "manifest.json", "plots"):
        if (result.folder / name).exists():
            line(str(result.folder / name))


def _varies(result: SweepResult, members: list[int], name: str) -> bool:
    return len({str(result.rows[m][name]) for m in members}) > 1
