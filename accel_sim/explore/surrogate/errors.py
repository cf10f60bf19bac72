"""How far predictions are from what they predict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Errors:
    """Errors of predictions; None where a figure has no meaning.

    Attributes:
        rmse_pct: root of the mean squared error over the mean of the true values' size.
        mape_pct: mean of the errors, each relative to its true value; None where one is 0.
        worst_pct: largest of those.
        r2: share of the variance that is explained; None for a constant.
        rank_correlation: Spearman's; None where either side is constant.
    """

    rmse_pct: float | None
    mape_pct: float | None
    worst_pct: float | None
    r2: float | None
    rank_correlation: float | None


def errors(predicted: np.ndarray, true: np.ndarray) -> Errors:
    """Return the errors of float64[n] predictions of float64[n] true values, n at least 1."""
    off = predicted - true
    mean = float(np.abs(true).mean())
    relative = np.abs(off / true) if np.all(true != 0) else None
    spread = float(((true - true.mean()) ** 2).sum())
    varies = np.ptp(true) > 0
    return Errors(
        rmse_pct=100.0 * float(np.sqrt((off**2).mean())) / mean if mean else None,
        mape_pct=None if relative is None else 100.0 * float(relative.mean()),
        worst_pct=None if relative is None else 100.0 * float(relative.max()),
        r2=1.0 - float((off**2).sum()) / spread if varies and spread else None,
        rank_correlation=_correlation(_ranks(predicted), _ranks(true)) if varies else None,
    )


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return float64[n]: the rank of each value, equal values with the mean of their ranks."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2.0)[place]


def _correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size else None
