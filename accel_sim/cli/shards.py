"""`--shard` of `accel-sim sweep` and `accel-sim search`, and `accel-sim merge`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import typer

from accel_sim.cli import search as search_cli
from accel_sim.cli import sweep as sweep_cli
from accel_sim.cli.output import line, print_json, remark
from accel_sim.cli.places import Where
from accel_sim.cli.progress import shown
from accel_sim.explore import merge as merging
from accel_sim.explore.shards import Conditions, Shard, ShardResult, search_shard, sweep_shard
from accel_sim.explore.sweep import Progress
from accel_sim.explore.table import SweepResult


def sweep(file: str, shard: str, where: Where, as_json: bool) -> None:
    """Run a shard of a sweep."""
    part = Shard.parse(shard)
    with shown(sweep_cli.points_shown) as progress:
        result = sweep_shard(file, part, _conditions(where, progress))
    _report(result, as_json)


def search(file: str, shard: str, where: Where, budget: int | None, seed: int | None, as_json: bool) -> None:
    """Run a shard of a search."""
    part = Shard.parse(shard)
    with shown(sweep_cli.points_shown) as progress:
        result = search_shard(file, part, _conditions(where, progress), budget, seed)
    _report(result, as_json)


def merge(folders: Sequence[str], file: str | None, output: Path | None, as_json: bool) -> None:
    """Merge shards and print what a run without shards prints."""
    result = merging.merge(folders, file=file, output=output)
    if isinstance(result, SweepResult):
        sweep_cli.report(result, as_json)
    else:
        search_cli.report(result, as_json)


def _conditions(where: Where, progress: Callable[[Progress], None]) -> Conditions:
    return Conditions(where.workers, where.output, where.restart, progress, where.opener())


def _report(result: ShardResult, as_json: bool) -> None:
    """Print what a shard did; the exit code is 1 when not one point of it has a result."""
    if as_json:
        print_json({**asdict(result), "shard": str(result.shard)})
    else:
        there = result.points - result.computed
        line(
            f"{result.name}: shard {result.shard}, {result.points} of {result.total} simulations, "
            f"{result.computed} now" + (f", {there} there already" if there else "")
        )
        line(f"when all have finished: accel-sim merge {result.folder}")
    if result.failed:
        remark(f"{result.failed} of {result.points} failed, the first with {result.first_error}")
        if result.failed == result.points:
            raise typer.Exit(1)
