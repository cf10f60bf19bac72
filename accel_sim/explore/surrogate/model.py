"""`fit(table)`: a model that predicts the metrics of designs like those of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from accel_sim.config import InputError
from accel_sim.explore.design_table import Table, make_table, read_table
from accel_sim.explore.surrogate.choice import (
    FOLDS,
    MetricModel,
    best,
    candidates,
    fit_metric,
    folds,
    losses,
    out_of_fold,
    predict_metric,
)
from accel_sim.explore.surrogate.designs import Designs, distinct_designs, some
from accel_sim.explore.surrogate.features import Encoding, encode

# Designs on which kinds are compared, a random part of larger tables; the fit itself takes all.
COMPARED = 2_000


@dataclass(frozen=True)
class Surrogate:
    """Models of several metrics over the same inputs; holds arrays only, and does not change.

    Attributes:
        inputs: what a design must say; inputs that did not vary need not be given, and are not looked at.
        code: how designs become arrays.
        models: by metric.
        losses: by metric and kind, what the choice was made by (see `choice`).
        designs: distinct designs it was fitted to.
    """

    inputs: tuple[str, ...]
    code: Encoding
    models: Mapping[str, MetricModel]
    losses: Mapping[str, Mapping[str, float]]
    designs: int

    @property
    def metrics(self) -> tuple[str, ...]:
        """What it predicts."""
        return tuple(self.models)

    def predict(self, designs: Any) -> dict[str, np.ndarray]:
        """Return float64[n] for each metric, in the unit of its name.

        Args:
            designs: n designs: a pandas frame, a mapping of inputs to n values each, or a sequence of dicts.

        Raises:
            InputError: an input is missing, or has a value that cannot be encoded.
        """
        return self.predict_encoded(encode(self.code, _columns(designs, self.inputs)))

    def predict_encoded(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Return the same for designs that `features.encode` has turned into float64[n, f]."""
        return {name: predict_metric(model, x) for name, model in self.models.items()}


def fit(
    table: Any,
    *,
    inputs: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    kinds: Sequence[str] | None = None,
    seed: int = 0,
) -> Surrogate:
    """Return a model of a table's metrics; the same table and seed always give the same.

    Args:
        table: a results folder, a CSV file, a `Table`, a pandas frame or a mapping of columns.
        inputs: columns to predict from, where `design_table` would not tell them as wanted.
        metrics: columns to predict; all metrics by default.
        kinds: of regression to choose from, `extra_trees`, `boosted_trees`, `gaussian_process`,
            `random_forest`; by default the first three, as far as the table is small enough for them.
        seed: of everything random.

    Raises:
        InputError: no table, no such column or kind, nothing that varies, or too few designs.
    """
    if isinstance(table, str | Path):
        table = read_table(table, inputs=inputs, metrics=metrics)
    elif not isinstance(table, Table):
        table = make_table(table, inputs=inputs, metrics=metrics)
    return fit_designs(distinct_designs(table, metrics), kinds=kinds, seed=seed)


@dataclass(frozen=True)
class Comparison:
    """How the kinds of models did on designs that they had not seen.

    Attributes:
        designs: the compared ones, in their order; a random part of larger tables.
        part: int64[n]: the fold that each is in.
        predictions: float64[n] by metric and kind; the kind of a constant metric is `constant`.
    """

    designs: Designs
    part: np.ndarray
    predictions: Mapping[str, Mapping[str, np.ndarray]]


def compare(designs: Designs, *, kinds: Sequence[str] | None = None, seed: int = 0) -> Comparison:
    """Return every candidate's predictions of every metric, by models that had not seen the design."""
    allowed = candidates(kinds, len(designs))
    own = designs
    if len(designs) > COMPARED:
        own = some(designs, np.sort(np.random.default_rng(seed).permutation(len(designs))[:COMPARED]))
    part = folds(len(own), FOLDS, seed)
    return Comparison(
        own,
        part,
        {
            name: out_of_fold(
                allowed if np.ptp(y) > 0 else ("constant",), own.x, y, own.code.groups, part, seed
            )
            for name, y in own.metrics.items()
        },
    )


def fit_designs(
    designs: Designs, *, kinds: Sequence[str] | None = None, seed: int = 0, comparison: Comparison | None = None
) -> Surrogate:
    """Return a model of distinct designs; see `fit`. A comparison of the same kinds saves making one."""
    allowed = candidates(kinds, len(designs))
    if comparison is None and len(allowed) > 1:
        comparison = compare(designs, kinds=kinds, seed=seed)
    models, found = {}, {}
    for name, y in designs.metrics.items():
        found[name] = (
            losses(comparison.predictions[name], comparison.designs.metrics[name]) if comparison else {}
        )
        kind = best(found[name]) if found[name] else allowed[0]
        models[name] = fit_metric(kind, designs.x, y, designs.code.groups, seed)
    inputs = tuple(feature.name for feature in designs.code.features)
    return Surrogate(inputs, designs.code, models, found, len(designs))


def _columns(designs: Any, inputs: Sequence[str]) -> Mapping[str, Sequence[Any]]:
    """Return designs as columns of Python's own values."""
    if hasattr(designs, "keys"):
        columns = {str(name): _values(designs[name]) for name in tuple(designs.keys()) if name in inputs}
    else:
        for row in designs:
            if missing := [name for name in inputs if name not in row]:
                raise InputError(f"a design does not say its '{missing[0]}'")
        columns = {name: [row[name] for row in designs] for name in inputs}
    if len({len(values) for values in columns.values()}) > 1:
        raise InputError("the columns of the designs are not of the same length")
    return columns


def _values(column: Any) -> list[Any]:
    values = column.tolist() if hasattr(column, "tolist") else list(column)
    return [None if isinstance(v, float) and v != v else v for v in values]  # noqa: PLR0124 (not a number)
