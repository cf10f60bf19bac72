"""`study(table)`: how far a surrogate of a table is to be trusted, and whether it is worth its while."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from accel_sim.explore.design_table import read_table
from accel_sim.explore.surrogate.choice import (
    FOLDS,
    best,
    candidates,
    choose,
    fit_metric,
    losses,
    predict_metric,
)
from accel_sim.explore.surrogate.designs import LEAST_DESIGNS, Designs, distinct_designs
from accel_sim.explore.surrogate.errors import errors
from accel_sim.explore.surrogate.model import Comparison, Surrogate, compare, fit_designs
from accel_sim.explore.surrogate.speed import Speed, measure
from accel_sim.explore.surrogate.splits import Split, best_left_out, missing, trajectories

CROSS = "cross-validation"
REPEATS = 5
HELD_OUT = 0.2


@dataclass(frozen=True)
class Study:
    """What was found about the surrogate of a table.

    Attributes:
        source: the table.
        model: fitted to all of it.
        designs, rows, incomplete, disagreement_pct: as of `Designs`.
        studied: distinct designs on which errors were measured.
        errors: a dict for each way of not having seen a design, metric and kind of model: `split`, `metric`,
            `model`, `chosen`, `train` and `test` (designs), and the figures of `Errors`.
        curve: a dict for each metric, training size and random subset: `metric`, `model`, `train`, `repeat`,
            `rmse_pct`, `mape_pct`.
        speed: of predictions beside evaluations.
        notes: what could not be measured, and why.
    """

    source: str
    model: Surrogate
    designs: int
    rows: int
    incomplete: int
    disagreement_pct: float
    studied: int
    errors: tuple[dict[str, Any], ...]
    curve: tuple[dict[str, Any], ...]
    speed: Speed
    notes: tuple[str, ...]


def study(
    path: str | Path,
    *,
    inputs: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    order: str | None = None,
    kinds: Sequence[str] | None = None,
    seed: int = 0,
    repeats: int = REPEATS,
) -> Study:
    """Return the errors, the learning curve and the speed of surrogates of a table.

    Args:
        path: a results folder or a CSV file.
        inputs: columns to predict from, where `design_table` would not tell them as wanted.
        metrics: columns to predict; all metrics by default.
        order: column that tells when a design was met; see `distinct_designs`.
        kinds: of models to choose from; see `fit`.
        seed: of everything random.
        repeats: random subsets for each size of the learning curve.

    Raises:
        InputError: no table, no such column or kind, nothing that varies, or too few designs.
    """
    path = Path(path)
    table = read_table(path, inputs=inputs, metrics=metrics)
    designs = distinct_designs(table, metrics, order)
    begin = time.perf_counter()
    comparison = compare(designs, kinds=kinds, seed=seed)
    model = fit_designs(designs, kinds=kinds, seed=seed, comparison=comparison)
    fit_s = time.perf_counter() - begin
    part = comparison.designs
    rows = [row for metric in part.metrics for row in _errors(comparison, metric, kinds, seed)]
    curve = [
        row for metric in part.metrics for row in _curve(part, metric, model.models[metric].kind, seed, repeats)
    ]
    return Study(
        source=designs.source,
        model=model,
        designs=len(designs),
        rows=designs.rows,
        incomplete=designs.incomplete,
        disagreement_pct=designs.disagreement_pct,
        studied=len(part),
        errors=tuple(rows),
        curve=tuple(curve),
        speed=measure(model, table, path if path.is_dir() else None, fit_s),
        notes=missing(designs),
    )


def _errors(
    comparison: Comparison, metric: str, kinds: Sequence[str] | None, seed: int
) -> Iterator[dict[str, Any]]:
    """Yield the errors of a metric: of choice and candidates in cross-validation, then of the splits."""
    designs, part = comparison.designs, comparison.part
    y, found = designs.metrics[metric], comparison.predictions[metric]
    sizes = len(y) - len(y) // FOLDS, len(y)
    yield _row(CROSS, metric, "chosen", sizes, _choice_by_other_folds(found, y, part), y)
    for kind, predicted in found.items():
        yield _row(CROSS, metric, kind, sizes, predicted, y)
    for split in (*trajectories(designs), *best_left_out(designs, metric)):
        yield _split_row(designs, metric, split, kinds, seed)


def _choice_by_other_folds(found: Mapping[str, np.ndarray], y: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Return float64[n]: predictions of each fold by the kind that was best on the others.

    Taking the best of several kinds and then quoting its error on the same designs would flatter it.
    """
    chosen = np.empty(len(y))
    for fold in range(int(part.max()) + 1):
        inside = part != fold
        kind = best(losses({name: p[inside] for name, p in found.items()}, y[inside]))
        chosen[~inside] = found[kind][~inside]
    return chosen


def _split_row(
    designs: Designs, metric: str, split: Split, kinds: Sequence[str] | None, seed: int
) -> dict[str, Any]:
    """Return the error of a split; the kind is chosen on its training designs alone."""
    y, groups = designs.metrics[metric], designs.code.groups
    x, known = designs.x[split.train], y[split.train]
    kind, _ = choose(candidates(kinds, len(known)), x, known, groups, seed)
    model = fit_metric(kind, x, known, groups, seed)
    predicted = predict_metric(model, designs.x[split.test])
    return _row(split.name, metric, model.kind, (len(split.train), len(split.test)), predicted, y[split.test])


def _row(
    split: str, metric: str, kind: str, sizes: tuple[int, int], predicted: np.ndarray, true: np.ndarray
) -> dict[str, Any]:
    figures = asdict(errors(predicted, true))
    return {"split": split, "metric": metric, "model": kind, "train": sizes[0], "test": sizes[1], **figures}


def _curve(designs: Designs, metric: str, kind: str, seed: int, repeats: int) -> Iterator[dict[str, Any]]:
    """Yield errors over training size: random subsets, tested on a fifth that none of them has seen."""
    y, groups = designs.metrics[metric], designs.code.groups
    if kind == "constant":
        return
    for repeat in range(repeats):
        order = np.random.default_rng((seed, repeat)).permutation(len(y))
        held = max(2, round(HELD_OUT * len(y)))
        test, rest = order[:held], order[held:]
        for size in training_sizes(len(rest)):
            model = fit_metric(kind, designs.x[rest[:size]], y[rest[:size]], groups, seed)
            found = errors(predict_metric(model, designs.x[test]), y[test])
            yield {
                "metric": metric,
                "model": kind,
                "train": size,
                "repeat": repeat,
                "rmse_pct": found.rmse_pct,
                "mape_pct": found.mape_pct,
            }


def training_sizes(most: int, count: int = 5) -> list[int]:
    """Return up to `count` sizes, each about half of the next, the largest `most`."""
    sizes = [round(most / 2**step) for step in range(count)]
    return sorted(size for size in sizes if size >= LEAST_DESIGNS // 2)
