"""Surrogates of DRAM controllers: the errors of a random forest, and what dropping a unit does to them.

The table is 400 designs of ArchGym's DRAM space on four traces (`data/dramgym.md`). The protocol is that of an
independent measurement on the same table: 100 trees, 320 designs to fit on, 80 to predict, mean of five splits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from accel_sim.config import InputError
from accel_sim.explore.design_table import Table, make_table
from accel_sim.explore.surrogate.errors import Errors, errors
from accel_sim.explore.surrogate.features import encode, encoding
from accel_sim.explore.surrogate.trees import predict_trees, random_forest
from accel_sim.explore.tabulated import split_table
from accel_sim.validation.reference import Parser, ReferenceRow, one_of, positive, read_reference, text
from accel_sim.validation.report import Report

REFERENCE = Path(__file__).parent / "data" / "dramgym.csv"
PUBLISHED = Path(__file__).parent / "data" / "dramgym_forest.csv"
METRICS = ("energy_pJ", "power_mW", "total_time_ns")
# The time as a reader gets it who takes the number that was printed and leaves its unit.
UNITLESS = "unitless_time"
SPLITS = 5
TRAIN_SHARE = 0.8
# Of two means of SPLITS random splits each, by how many deviations of their difference they may differ.
DEVIATIONS = 3.0
# RMSE of ArchGym's proxy models (Krishnan et al., ISCA 2023, abstract), over a far larger table.
CLAIMED_PCT = 0.61
# Error that dropping the unit leaves at least; the independent measurement has 55 to 154 %.
RUINED_PCT = 50.0

# ArchGym's space of DRAM controllers: names that a parameter may have, or its least and greatest whole number.
SPACE: Mapping[str, tuple[str, ...] | tuple[int, int]] = {
    "PagePolicy": ("Open", "OpenAdaptive", "Closed", "ClosedAdaptive"),
    "Scheduler": ("Fifo", "FrFcfsGrp", "FrFcfs"),
    "SchedulerBuffer": ("Bankwise", "ReadWrite", "Shared"),
    "RequestBufferSize": (1, 8),
    "RespQueue": ("Fifo", "Reorder"),
    "RefreshPolicy": ("NoRefresh", "AllBank"),
    "RefreshMaxPostponed": (1, 8),
    "RefreshMaxPulledin": (1, 8),
    "Arbiter": ("Simple", "Fifo", "Reorder"),
    "MaxActiveTransactions": (1, 128),
}


def _within(bounds: tuple[Any, ...]) -> Parser:
    """Return a parser of the values of one parameter."""
    if isinstance(bounds[0], str):
        return one_of(bounds)

    def parse(cell: str) -> int:
        least, greatest = bounds
        if not cell.isdecimal() or not least <= int(cell) <= greatest:
            raise ValueError(f"must be a whole number from {least} to {greatest}")
        return int(cell)

    return parse


def _printed(cell: str) -> float:
    """Return the number of a time as it was printed, such as `50468750 ps`, without its unit."""
    return positive(cell.partition(" ")[0])


_COLUMNS: dict[str, Parser] = {
    **{name: _within(bounds) for name, bounds in SPACE.items()},
    "trace": text,
    **dict.fromkeys(METRICS, positive),
}


def read_designs(path: Path | None = None) -> dict[str, Table]:
    """Return the designs of each trace, with their metrics; None for the shipped table.

    Raises:
        InputError: the file cannot be read, or a value lies outside SPACE.
    """
    rows = read_reference(path or REFERENCE, _COLUMNS, {"total_time_printed": _printed, "cpu_s": positive})
    names = {"total_time_printed": UNITLESS}
    columns = {names.get(name, name): [row[name] for row in rows] for name in rows[0].values}
    table = make_table(
        columns,
        source=str(path or REFERENCE.name),
        inputs=(*SPACE, "trace"),
        metrics=METRICS,
        lines=[row.line for row in rows],
    )
    return split_table(table, "trace")


def validate(reference: Path | None = None) -> Report:
    """Return a forest's errors for each trace and metric beside the independent ones.

    Fails when one differs by more than two means of five random splits may, or when dropping the unit does not
    leave an error of half the mean or more.

    Args:
        reference: a CSV file with the columns of `dramgym.md`; None for the shipped one.

    Raises:
        InputError: the file cannot be read, or a trace has fewer than ten designs.
    """
    rows = read_reference(
        PUBLISHED, {"trace": text, "metric": text, "rmse_pct": positive, "mape_pct": positive}
    )
    published = {(row["trace"], row["metric"]): row for row in rows}
    lines = [
        _line(trace, metric, forest_errors(table, metric), published if reference is None else {})
        for trace, table in read_designs(reference).items()
        for metric in (*METRICS, UNITLESS)
        if metric in table.columns
    ]
    compared = [line for line in lines if line["holds"] is not None]
    holding = sum(line["holds"] for line in compared)
    dropped = [line for line in lines if line["metric"] == UNITLESS]
    return Report(
        suite="dramgym",
        reference=str(reference) if reference else REFERENCE.name,
        columns=tuple(lines[0]),
        rows=tuple(lines),
        passed=holding == len(compared) and all(line["rmse_pct"] > RUINED_PCT for line in dropped if compared),
        summary=_summary(lines, dropped, holding, len(compared)),
    )


def forest_errors(table: Table, metric: str) -> list[Errors]:
    """Return the errors of each split of a trace's designs; the forest is of the metric, not its logarithm."""
    if len(table) < 10:
        raise InputError(f"{table.source}: a trace with {len(table)} designs: must have at least 10")
    code = encoding(table.columns, table.inputs)
    x = encode(code, table.columns)
    y = np.array(table.columns[metric], dtype=float)
    train = round(TRAIN_SHARE * len(y))
    found = []
    for seed in range(SPLITS):
        order = np.random.default_rng(seed).permutation(len(y))
        inside, outside = order[:train], order[train:]
        forest = random_forest(x[inside], y[inside], code.groups, seed)
        found.append(errors(predict_trees(forest, x[outside]), y[outside]))
    return found


def _line(
    trace: str, metric: str, found: list[Errors], published: Mapping[tuple[str, str], ReferenceRow]
) -> dict[str, Any]:
    rmse = np.array([e.rmse_pct for e in found], dtype=float)
    mape = np.array([e.mape_pct for e in found], dtype=float)
    theirs = published.get((trace, metric))
    room = DEVIATIONS * float(rmse.std(ddof=1)) * math.sqrt(2 / SPLITS)
    return {
        "trace": trace,
        "metric": metric,
        "rmse_pct": float(rmse.mean()),
        "least": float(rmse.min()),
        "most": float(rmse.max()),
        "published_rmse_pct": theirs["rmse_pct"] if theirs else None,
        "mape_pct": float(mape.mean()),
        "published_mape_pct": theirs["mape_pct"] if theirs else None,
        "holds": abs(float(rmse.mean()) - theirs["rmse_pct"]) <= room if theirs else None,
    }


def _summary(
    lines: list[dict[str, Any]], dropped: list[dict[str, Any]], holding: int, compared: int
) -> tuple[str, ...]:
    ranges = [
        f"{metric} {min(own):.1f} to {max(own):.1f} %"
        for metric in METRICS
        if (own := [line["rmse_pct"] for line in lines if line["metric"] == metric])
    ]
    kept = [line["rmse_pct"] for line in lines if line["metric"] != UNITLESS]
    without = [line["rmse_pct"] for line in dropped]
    said = f"; without the unit {min(without):.0f} to {max(without):.0f} %" if without else ""
    ruined = sum(error > RUINED_PCT for error in without)
    agree = f"{holding} of {compared} errors agree with the independent ones within the spread of the splits."
    return (
        agree if compared else "A table without independent errors to compare with.",
        f"Without the unit of the time, as ArchGym reads it, {ruined} of {len(without)} traces have an error "
        f"above {RUINED_PCT:g} % of the mean; its {CLAIMED_PCT} % are reached by "
        f"{sum(error <= CLAIMED_PCT for error in kept)} of {len(kept)} metrics.",
        f"RMSE over mean: {', '.join(ranges)}{said}.",
    )
