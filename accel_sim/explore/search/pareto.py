"""Which candidates no other one beats, and how much of the objective space they dominate.

All objectives are costs, to be minimised. The counting is moocore's (Fonseca, Lopez-Ibanez and others).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# How far beyond the worst value the reference point lies, as a share of the range of values (of the value
# itself where there is no range), so that the ends of a front count.
MARGIN = 0.1


def as_rows(costs: Sequence[Sequence[float]], objectives: int) -> np.ndarray:
    """Return costs as float64[n, objectives], also when there are none."""
    return np.asarray(costs, dtype=np.float64).reshape(-1, objectives)


def nondominated(costs: np.ndarray) -> np.ndarray:
    """Return bool[n], the rows of float64[n, objectives] that no other row beats; of equal rows the first."""
    import moocore

    if costs.shape[1] == 1:
        best = np.zeros(len(costs), dtype=bool)
        if len(costs):
            best[int(np.argmin(costs[:, 0]))] = True
        return best
    return np.asarray(moocore.is_nondominated(costs), dtype=bool) if len(costs) else np.zeros(0, dtype=bool)


def hypervolume(costs: np.ndarray, reference: Sequence[float]) -> float:
    """Return the volume that rows dominate below a reference point, in the product of the objectives' units.

    With one objective it is how far the best row is below the reference. Rows beyond the point count nothing.
    """
    import moocore

    if not len(costs):
        return 0.0
    if costs.shape[1] == 1:
        return max(0.0, float(reference[0] - costs[:, 0].min()))
    return float(moocore.hypervolume(costs, ref=np.asarray(reference, dtype=np.float64)))


def reference_point(costs: np.ndarray) -> tuple[float, ...]:
    """Return the point beyond the worst value of each objective by MARGIN of its range."""
    low, high = costs.min(axis=0), costs.max(axis=0)
    spread = np.where(high > low, high - low, np.where(high != 0, np.abs(high), 1.0))
    return tuple(float(value) for value in high + MARGIN * spread)


def dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    """Tell whether costs are nowhere worse than others and somewhere better."""
    return all(a <= b for a, b in zip(one, other, strict=True)) and tuple(one) != tuple(other)


def constrained_dominates(
    one: Sequence[float], one_violation: float, other: Sequence[float], other_violation: float
) -> bool:
    """Tell whether a candidate beats another where limits count first (Deb et al., 2002).

    A feasible one beats an infeasible one, the less infeasible one the more infeasible one, and of two feasible
    ones the one that dominates.
    """
    if one_violation > 0 or other_violation > 0:
        return one_violation < other_violation
    return dominates(one, other)


class Front:
    """The front as it grows, and its hypervolume below a reference point fixed when it first has rows."""

    def __init__(self, objectives: int) -> None:
        self.reference: tuple[float, ...] | None = None
        self.hypervolume = 0.0
        self._rows = np.zeros((0, objectives))

    @property
    def size(self) -> int:
        """Distinct rows on the front."""
        return len(self._rows)

    def add(self, costs: Sequence[Sequence[float]]) -> None:
        """Take the costs of feasible candidates; the first ones that come set the reference point."""
        if not costs:
            return
        rows = as_rows(costs, self._rows.shape[1])
        if self.reference is None:
            self.reference = reference_point(rows)
        both = np.concatenate((self._rows, rows))
        self._rows = both[nondominated(both)]
        self.hypervolume = hypervolume(self._rows, self.reference)
