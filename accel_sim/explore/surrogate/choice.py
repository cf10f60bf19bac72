"""Which kind of regression predicts a metric: the candidates, and the rule that chooses.

Every candidate is fitted on four fifths of the designs and asked for the last fifth, five times. The one with
the least root-mean-square error is taken, the earlier in `KINDS` when equal. The error is in the space that is
fitted: of a positive metric the logarithm, so that it is relative.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from accel_sim.config import InputError, did_you_mean
from accel_sim.explore.surrogate.gaussian import Gaussian, gaussian_process, predict_gaussian
from accel_sim.explore.surrogate.trees import (
    Trees,
    boosted_trees,
    extra_trees,
    predict_trees,
    random_forest,
)

FOLDS = 5
Regression = Trees | Gaussian


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to fit.

    Attributes:
        fit: from features, target, groups of features and a seed.
        most_rows: designs beyond which it is no candidate, because it would be slow.
        chosen: whether it is a candidate when the caller does not say.
    """

    fit: Callable[[np.ndarray, np.ndarray, np.ndarray, int], Regression]
    most_rows: int
    chosen: bool = True


KINDS: dict[str, Kind] = {
    "extra_trees": Kind(extra_trees, 1_000_000),
    "boosted_trees": Kind(boosted_trees, 20_000),
    "gaussian_process": Kind(gaussian_process, 1_000),
    "random_forest": Kind(random_forest, 1_000_000, chosen=False),
}


@dataclass(frozen=True, slots=True)
class MetricModel:
    """A model of one metric.

    Attributes:
        kind: of the regression; `constant` where the metric has one value.
        log: whether the regression is of the logarithm.
        regression: None for a constant.
        constant: the value of a constant metric.
    """

    kind: str
    log: bool
    regression: Regression | None
    constant: float = 0.0


def fit_metric(kind: str, x: np.ndarray, y: np.ndarray, groups: np.ndarray, seed: int) -> MetricModel:
    """Return a model of the metric float64[n] y of the designs float64[n, f] x, of a kind."""
    if np.ptp(y) == 0:
        return MetricModel("constant", False, None, float(y[0]))
    log = bool(y.min() > 0)
    return MetricModel(kind, log, KINDS[kind].fit(x, np.log(y) if log else y, groups, seed))


def predict_metric(model: MetricModel, x: np.ndarray) -> np.ndarray:
    """Return float64[n]: the metric of the designs float64[n, f]."""
    if model.regression is None:
        return np.full(len(x), model.constant)
    own = model.regression
    values = predict_trees(own, x) if isinstance(own, Trees) else predict_gaussian(own, x)
    return np.exp(values) if model.log else values


def candidates(kinds: Sequence[str] | None, rows: int) -> tuple[str, ...]:
    """Return the kinds to choose from, for a number of designs.

    Raises:
        InputError: a kind that there is not.
    """
    for name in kinds or ():
        if name not in KINDS:
            raise InputError(f"'{name}' is not a kind of model{did_you_mean(name, KINDS)}")
    if kinds:
        return tuple(kinds)
    return tuple(name for name, kind in KINDS.items() if kind.chosen and rows <= kind.most_rows)


def folds(count: int, parts: int, seed: int) -> np.ndarray:
    """Return int64[count]: the part that each design is in, all parts of one size up to one."""
    part = np.arange(count) % parts
    return np.random.default_rng(seed).permutation(part)


def out_of_fold(
    kinds: Sequence[str], x: np.ndarray, y: np.ndarray, groups: np.ndarray, part: np.ndarray, seed: int
) -> dict[str, np.ndarray]:
    """Return, for each kind, float64[n]: predictions of each design by a model that has not seen its part."""
    found = {kind: np.empty(len(y)) for kind in kinds}
    for fold in range(int(part.max()) + 1):
        inside, outside = part != fold, part == fold
        for kind in kinds:
            model = fit_metric(kind, x[inside], y[inside], groups, seed)
            found[kind][outside] = predict_metric(model, x[outside])
    return found


def losses(predictions: Mapping[str, np.ndarray], y: np.ndarray) -> dict[str, float]:
    """Return the root-mean-square error of each kind, in logarithms where all values are positive."""
    log = y.min() > 0
    return {
        kind: float(np.sqrt(np.mean((np.log(np.maximum(p, 1e-300) / y) if log else p - y) ** 2)))
        for kind, p in predictions.items()
    }


def choose(
    kinds: Sequence[str], x: np.ndarray, y: np.ndarray, groups: np.ndarray, seed: int
) -> tuple[str, dict[str, float]]:
    """Return the kind that the rule takes, and the loss of each candidate, none where there is no choice."""
    if len(kinds) == 1 or np.ptp(y) == 0:
        return kinds[0], {}
    part = folds(len(y), FOLDS, seed)
    found = losses(out_of_fold(kinds, x, y, groups, part, seed), y)
    return best(found), found


def best(found: Mapping[str, float]) -> str:
    """Return the kind with the least loss, the earlier one when equal."""
    return min(found, key=lambda kind: found[kind])
