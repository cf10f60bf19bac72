"""The files of a lottery."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from accel_sim.explore.lottery.base import SEED
from accel_sim.explore.lottery.outcome import LotteryResult
from accel_sim.explore.lottery.verdict import verdict
from accel_sim.explore.manifest import PACKAGES, circumstances, inputs, now
from accel_sim.explore.table import to_csv, write_if_changed


def write(result: LotteryResult, started: str, seconds: float) -> None:
    """Write tables, pictures, verdict and manifest into the folder of a lottery."""
    folder = result.folder
    write_if_changed(folder / "curves.csv", to_csv(result.curve_columns, list(result.curve_rows())))
    for name, rows in (
        ("contestants", result.contestant_rows),
        ("comparison", result.comparison_rows),
        ("ranking", result.ranking_rows),
        ("base_rates", result.base_rows),
    ):
        if rows:
            write_if_changed(folder / f"{name}.csv", to_csv(tuple(rows[0]), rows))
    write_if_changed(folder / "verdict.txt", "\n".join(verdict(result)) + "\n")
    if result.plan.spec.output.plots:
        from accel_sim.explore.lottery.plots import draw

        draw(result)
    text = json.dumps(_manifest(result, started, seconds), indent=2, ensure_ascii=False, default=str)
    write_if_changed(folder / "manifest.json", text + "\n")


def _manifest(result: LotteryResult, started: str, seconds: float) -> dict[str, Any]:
    plan = result.plan
    runs = len(plan.contests) * len(plan.contestants) * plan.spec.seeds
    return {
        **circumstances(plan.spec.name, (*PACKAGES, "optuna", "moocore", "scipy", "cmaes", "scikit-learn")),
        "lottery": plan.spec.model_dump(mode="json", by_alias=True),
        "inputs": inputs(plan.files),
        "problems": {
            found.contest.name: {
                "combinations": found.contest.space.most,
                "objectives": found.contest.goals.names,
                "limits": found.contest.limits,
                "best_known_costs": found.yard.front.tolist(),
                "reference_point": None if found.yard.single else found.yard.reference,
                "hypervolume": None if found.yard.single else found.yard.volume,
                "model": [asdict(own) for own in found.contest.table.trust] if found.contest.table else [],
            }
            for found in result.contests
        },
        "contestants": [
            {"label": c.label, "sampler": c.sampler, "settings": dict(c.settings), "batch": c.batch}
            for c in plan.contestants
        ],
        "seed_of_random_designs": SEED,
        "runs": {"all": runs, "computed_by_this_run": result.computed},
        "base_rates": result.base_rows,
        "seconds": seconds,
        "started": started,
        "finished": now(),
    }
