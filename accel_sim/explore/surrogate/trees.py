"""Sums of regression trees as arrays: extra trees, forests and boosted trees, fitted by scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

TREES = 100
BOOSTED = 300
# Of boosted trees; the usual ones, not tuned on any table.
RATE, DEPTH, SHARE = 0.1, 4, 0.7


@dataclass(frozen=True, slots=True)
class Trees:
    """A sum of trees over a row of features.

    Attributes:
        offset: added to the sum.
        roots: int64[trees]: node each tree begins with.
        feature: int64[nodes]: what a node compares; -1 in a leaf.
        threshold: float64[nodes]: a value up to it goes left.
        left, right: int64[nodes]: nodes that follow.
        value: float64[nodes]: what a leaf adds.
    """

    offset: float
    roots: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray


@njit(cache=True)
def _sums(
    x: np.ndarray,
    offset: float,
    roots: np.ndarray,
    feature: np.ndarray,
    threshold: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    value: np.ndarray,
) -> np.ndarray:
    """Return float64[n]: the sum of the leaves that rows fall into.

    x: float32[n, f] features, the precision that the trees were grown in; the others as in `Trees`.
    """
    out = np.full(x.shape[0], offset)
    for row in range(x.shape[0]):
        for root in roots:
            node = root
            while feature[node] >= 0:
                node = left[node] if x[row, feature[node]] <= threshold[node] else right[node]
            out[row] += value[node]
    return out


def predict_trees(trees: Trees, x: np.ndarray) -> np.ndarray:
    """Return float64[n], for float64[n, f]."""
    t = trees
    return _sums(x.astype(np.float32), t.offset, t.roots, t.feature, t.threshold, t.left, t.right, t.value)


def extra_trees(x: np.ndarray, y: np.ndarray, groups: np.ndarray, seed: int) -> Trees:
    """Return extremely randomized trees (Geurts et al. 2006) for float64[n, f] and float64[n]."""
    from sklearn.ensemble import ExtraTreesRegressor

    model = ExtraTreesRegressor(TREES, random_state=seed).fit(x, y)
    return _flat([tree.tree_ for tree in model.estimators_], 0.0, 1.0 / TREES)


def random_forest(x: np.ndarray, y: np.ndarray, groups: np.ndarray, seed: int) -> Trees:
    """Return a random forest (Breiman 2001), for float64[n, f] and float64[n]."""
    from sklearn.ensemble import RandomForestRegressor

    model = RandomForestRegressor(TREES, random_state=seed).fit(x, y)
    return _flat([tree.tree_ for tree in model.estimators_], 0.0, 1.0 / TREES)


def boosted_trees(x: np.ndarray, y: np.ndarray, groups: np.ndarray, seed: int) -> Trees:
    """Return gradient-boosted trees (Friedman 2002) for float64[n, f] and float64[n]."""
    from sklearn.ensemble import GradientBoostingRegressor

    model = GradientBoostingRegressor(
        n_estimators=BOOSTED, learning_rate=RATE, max_depth=DEPTH, subsample=SHARE, random_state=seed
    ).fit(x, y)
    return _flat([tree.tree_ for tree in model.estimators_[:, 0]], float(y.mean()), RATE)


def _flat(trees: list[Any], offset: float, scale: float) -> Trees:
    """Return the trees of scikit-learn one after another, with their leaves scaled."""
    counts = [tree.node_count for tree in trees]
    roots = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    shift = np.repeat(roots, counts)
    feature = np.concatenate([tree.feature for tree in trees]).astype(np.int64)
    return Trees(
        offset=offset,
        roots=roots,
        feature=np.maximum(feature, -1),
        threshold=np.concatenate([tree.threshold for tree in trees]),
        left=np.concatenate([tree.children_left for tree in trees]).astype(np.int64) + shift,
        right=np.concatenate([tree.children_right for tree in trees]).astype(np.int64) + shift,
        value=scale * np.concatenate([tree.value[:, 0, 0] for tree in trees]),
    )
