"""Gaussian-process regression with a length for every input, for small tables (Rasmussen and Williams 2006)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

# Rows that the lengths are fitted on: a step costs their cube. All rows enter the prediction.
ROWS_FOR_LENGTHS = 200
STEPS = 60
# Logarithms of variance, lengths and noise are kept within these; features have deviation 1.
LARGEST, NOISE = 6.0, (-16.0, 1.0)


@dataclass(frozen=True, slots=True)
class Gaussian:
    """The mean of a Gaussian process, as a sum over the rows it was fitted to.

    Attributes:
        mean, deviation: of the target, by which the process is shifted and scaled.
        variance: of the process.
        lengths: float64[f]: by which features are divided.
        rows: float64[n, f]: features of the rows, divided by the lengths.
        weights: float64[n]: of the rows.
    """

    mean: float
    deviation: float
    variance: float
    lengths: np.ndarray
    rows: np.ndarray
    weights: np.ndarray


@njit(cache=True)
def _means(x: np.ndarray, rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return float64[n]: the weighted sum of the kernel (Matern, nu 5/2, variance 1) between x and the rows.

    x: float64[n, f], rows: float64[m, f], both divided by the lengths; weights: float64[m].
    """
    out = np.zeros(x.shape[0])
    for i in range(x.shape[0]):
        for j in range(rows.shape[0]):
            square = 0.0
            for f in range(x.shape[1]):
                square += (x[i, f] - rows[j, f]) ** 2
            distance = math.sqrt(5.0 * square)
            out[i] += weights[j] * (1.0 + distance + distance * distance / 3.0) * math.exp(-distance)
    return out


def predict_gaussian(model: Gaussian, x: np.ndarray) -> np.ndarray:
    """Return float64[n], for float64[n, f]."""
    sums = _means(x / model.lengths, model.rows, model.weights)
    return model.mean + model.deviation * model.variance * sums


def gaussian_process(x: np.ndarray, y: np.ndarray, groups: np.ndarray, seed: int) -> Gaussian:
    """Return the process whose variance, lengths and noise make the rows likeliest.

    Args:
        x: float64[n, f] features.
        y: float64[n] target.
        groups: int64[f]: features of the same group share a length.
        seed: of the choice of rows for the lengths.
    """
    from threadpoolctl import threadpool_limits

    # Matrices this small gain nothing from threads, and sums do not depend on how many there are.
    with threadpool_limits(1):
        return _fitted(x, y, groups, seed)


def _fitted(x: np.ndarray, y: np.ndarray, groups: np.ndarray, seed: int) -> Gaussian:
    from scipy.linalg import cho_factor, cho_solve
    from scipy.optimize import minimize

    mean, deviation = float(y.mean()), float(y.std()) or 1.0
    target = (y - mean) / deviation
    some = np.random.default_rng(seed).permutation(len(y))[:ROWS_FOR_LENGTHS]
    squares = _squares(x[some], groups)
    count = len(squares)
    start = np.concatenate([[0.0], np.full(count, math.log(2.0)), [-6.0]])
    bounds = [(-LARGEST, LARGEST)] * (count + 1) + [NOISE]
    found = minimize(
        _unlikeliness,
        start,
        (squares, target[some]),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": STEPS},
    ).x
    variance, noise = math.exp(found[0]), math.exp(found[-1])
    lengths = np.exp(found[1:-1])[groups]
    rows = x / lengths
    whole = variance * _matern(_squares(rows, np.zeros(x.shape[1], dtype=np.int64))[0])[0]
    whole[np.diag_indices_from(whole)] += noise
    weights = cho_solve(cho_factor(whole, lower=True), target)
    return Gaussian(mean, deviation, variance, lengths, rows, weights)


def _squares(x: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return float64[groups, n, n]: squared distances of the rows within each group of features."""
    out = np.zeros((int(groups.max()) + 1, len(x), len(x)))
    for f, group in enumerate(groups):
        out[group] += (x[:, None, f] - x[None, :, f]) ** 2
    return out


def _matern(square: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the kernel over squared distances, and minus twice its derivative by them."""
    distance = np.sqrt(5.0 * square)
    decay = np.exp(-distance)
    return (1.0 + distance + distance**2 / 3.0) * decay, 5.0 / 3.0 * (1.0 + distance) * decay


def _unlikeliness(logs: np.ndarray, squares: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    """Return minus the logarithm of the likelihood, and its gradient by the logarithms of the parameters."""
    from scipy.linalg import cho_factor, cho_solve

    variance, inverse, noise = math.exp(logs[0]), np.exp(-2.0 * logs[1:-1]), math.exp(logs[-1])
    kernel, slope = _matern(np.tensordot(inverse, squares, 1))
    whole = variance * kernel
    whole[np.diag_indices_from(whole)] += noise + 1e-10
    factor = cho_factor(whole, lower=True)
    weights = cho_solve(factor, target)
    likelihood = (
        -0.5 * target @ weights - np.log(np.diag(factor[0])).sum() - 0.5 * len(target) * math.log(2.0 * math.pi)
    )
    inner = np.outer(weights, weights) - cho_solve(factor, np.eye(len(target)))
    by_lengths = variance * inverse * np.tensordot(squares, inner * slope, 2)
    gradient = 0.5 * np.concatenate(
        [[variance * (inner * kernel).sum()], by_lengths, [noise * np.trace(inner)]]
    )
    return -likelihood, -gradient
