"""`accel-sim surrogate`: how well a model predicts what a sweep or a search has evaluated, and how fast."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel_sim.cli.output import Column, heading, line, print_json, remark, table, waiting
from accel_sim.config.units import format_si

FIGURES = {
    "rmse_pct": "RMSE/mean %",
    "mape_pct": "MAPE %",
    "worst_pct": "worst %",
    "r2": "R²",
    "rank_correlation": "rank corr.",
}


@dataclass(frozen=True, slots=True)
class Roles:
    """What columns are, as far as the options say: `design_table.read_table` has the rest."""

    inputs: tuple[str, ...]
    metrics: tuple[str, ...]
    order: str | None


def surrogate(
    path: Path, roles: Roles, kinds: tuple[str, ...], seed: int, output: Path | None, as_json: bool
) -> None:
    """Study a table, write the report beside it, and print it."""
    from accel_sim.explore.surrogate.study import study
    from accel_sim.explore.surrogate.write import as_data, write

    with waiting("fitting models"):
        found = study(
            path,
            inputs=roles.inputs or None,
            metrics=roles.metrics or None,
            order=roles.order,
            kinds=kinds or None,
            seed=seed,
        )
    folder = output or (path if path.is_dir() else path.parent) / "surrogate"
    files = write(found, folder)
    data = as_data(found)
    if as_json:
        print_json(data)
    else:
        _print(data)
        line("")
        for file in files:
            line(str(file))
    for note in data["notes"]:
        remark(note)


def _print(data: dict[str, Any]) -> None:
    line(f"{data['source']}: {data['designs']} distinct designs in {data['rows']} rows")
    if data["incomplete"]:
        line(f"{data['incomplete']} rows lack a metric and were left out")
    if data["studied"] < data["designs"]:
        line(f"errors are those of {data['studied']} designs chosen at random")
    if data["disagreement_pct"]:
        line(f"rows of one design differ by up to {data['disagreement_pct']:.3g} %, which no model can tell")
    line(f"inputs: {', '.join(data['inputs'])}")
    for metric, kind in data["models"].items():
        heading(f"{metric}: {kind}")
        rows = [row for row in data["errors"] if row["metric"] == metric]
        table(
            [
                Column("not seen"),
                Column("model"),
                Column("fitted on", number=True),
                Column("predicted", number=True),
                *(Column(title, number=True) for title in FIGURES.values()),
            ],
            [
                [
                    *(str(row[name]) for name in ("split", "model", "train", "test")),
                    *("" if row[name] is None else f"{row[name]:.3g}" for name in FIGURES),
                ]
                for row in rows
            ],
        )
    heading("speed")
    _print_speed(data["speed"])


def _print_speed(speed: dict[str, Any]) -> None:
    rows = [
        ("one at a time", speed["single_s"], speed["speedup_single"]),
        ("in batches", speed["batched_s"], speed["speedup_batched"]),
        ("in batches, encoded before", speed["encoded_s"], speed["speedup_encoded"]),
    ]
    table(
        [
            Column("prediction"),
            Column("a design", number=True),
            Column("designs/s", number=True),
            Column("over evaluation", number=True),
        ],
        [
            [what, format_si(took, "s", 3), f"{1 / took:,.0f}", "" if ratio is None else f"{ratio:,.3g}x"]
            for what, took, ratio in rows
        ],
    )
    line(f"fitting, all metrics: {format_si(speed['fit_s'], 's', 3)}")
    if speed["evaluation_s"] is None:
        line("what an evaluation takes is not known: neither points.sqlite nor a column 'seconds'")
        return
    line(f"an evaluation: {format_si(speed['evaluation_s'], 's', 3)} (median, {speed['evaluation_from']})")
    if speed["break_even"] is None:
        line("a prediction takes longer than an evaluation: the model never pays for itself")
    else:
        line(
            f"fitting has paid for itself after {speed['break_even']:,.0f} predictions, "
            f"after {speed['break_even_with_table']:,.0f} with the table's evaluations made for it alone"
        )
