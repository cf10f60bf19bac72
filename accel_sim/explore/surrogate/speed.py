"""What a prediction takes, beside what an evaluation took, and when fitting has paid for itself."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from accel_sim.explore.design_table import TIMES, Table
from accel_sim.explore.surrogate.features import encode
from accel_sim.explore.surrogate.model import Surrogate

BATCH = 10_000
SINGLE = 200


@dataclass(frozen=True, slots=True)
class Speed:
    """Times of one design; None where the table does not tell what an evaluation took.

    Attributes:
        evaluation_s: median time of an evaluation, all metrics.
        evaluation_from: where that is from.
        fit_s: to choose and fit the models of all metrics.
        single_s: to predict one design, encoding included, all metrics.
        batched_s: the same for each of BATCH designs in one call.
        encoded_s: the same without encoding, from arrays.
        speedup_single, speedup_batched, speedup_encoded: evaluation over prediction.
        break_even: predictions in batches after which fitting has paid for itself.
        break_even_with_table: the same, with the evaluations counted that were made for the table alone.
    """

    evaluation_s: float | None
    evaluation_from: str
    fit_s: float
    single_s: float
    batched_s: float
    encoded_s: float
    speedup_single: float | None
    speedup_batched: float | None
    speedup_encoded: float | None
    break_even: float | None
    break_even_with_table: float | None


def measure(model: Surrogate, table: Table, folder: Path | None, fit_s: float) -> Speed:
    """Return the times of a model on the designs of the table it was fitted to.

    Args:
        model: fitted.
        table: its designs are predicted, over and over.
        folder: of the results, whose store knows what evaluations took; None for a plain table.
        fit_s: what fitting took.
    """
    columns = {n: [table.columns[n][i % len(table)] for i in range(BATCH)] for n in model.inputs}
    single = [{n: [values[i]] for n, values in columns.items()} for i in range(SINGLE)]
    model.predict(single[0])  # kernels are compiled, or read from their cache
    single_s = _best(lambda: [model.predict(design) for design in single]) / SINGLE
    batched_s = _best(lambda: model.predict(columns)) / BATCH
    x = encode(model.code, columns)
    encoded_s = _best(lambda: model.predict_encoded(x)) / BATCH
    found = _evaluation_s(table, folder)
    if found is None:
        return Speed(None, "", fit_s, single_s, batched_s, encoded_s, None, None, None, None, None)
    evaluation_s, source = found
    saved = evaluation_s - batched_s
    return Speed(
        evaluation_s,
        source,
        fit_s,
        single_s,
        batched_s,
        encoded_s,
        evaluation_s / single_s,
        evaluation_s / batched_s,
        evaluation_s / encoded_s,
        fit_s / saved if saved > 0 else None,
        (fit_s + model.designs * evaluation_s) / saved if saved > 0 else None,
    )


def _best(work: Callable[[], Any], times: int = 3) -> float:
    took = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    return min(took)


def _evaluation_s(table: Table, folder: Path | None) -> tuple[float, str] | None:
    """Return the median time of an evaluation and where it is from: the store, else a column of the table."""
    stored = [] if folder is None else _stored_seconds(folder / "points.sqlite")
    if stored:
        return float(np.median(stored)), "points.sqlite"
    for name in TIMES:
        values = [v for v in table.columns.get(name, ()) if isinstance(v, int | float) and v > 0]
        if values and name not in table.inputs:
            return float(np.median(values)), f"column '{name}'"
    return None


def _stored_seconds(path: Path) -> list[float]:
    """Return the times of the finished points of a store; none where there is no store that can be read."""
    if not path.is_file():
        return []
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            rows = connection.execute("select seconds from points where status = 'ok'").fetchall()
        finally:
            connection.close()
    except sqlite3.Error:
        return []
    return [float(row[0]) for row in rows if row[0]]
