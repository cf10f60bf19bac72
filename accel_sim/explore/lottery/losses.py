"""How far a run is from the best that is known, after every distinct design.

With one objective the loss is how much the best feasible design so far costs beyond the best known one, as a
share of it. With several it is the share that the hypervolume of the front so far lacks of that of the best
known front, below one reference point for all runs. Nothing is rewarded for being near a target.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from accel_sim.explore.lottery.base import Base
from accel_sim.explore.lottery.runs import Record
from accel_sim.explore.search.pareto import as_rows, hypervolume, nondominated, reference_point


@dataclass(frozen=True)
class Yardstick:
    """What the runs of a contest are measured by.

    Attributes:
        front: float64[k, objectives], the best that is known from random designs, all runs, and the rows of a
            table; one row where there is one objective.
        reference: point below which hypervolume counts: the worst of the front, moved outwards by a tenth of
            its range. Farther away the first designs would be nearly all of the volume.
        volume: hypervolume of the front; 0 where there is one objective.
        worst: greatest cost of a random design with one objective; counts where a run has nothing feasible yet.
    """

    front: np.ndarray
    reference: tuple[float, ...]
    volume: float
    worst: float

    @property
    def single(self) -> bool:
        """Whether there is one objective."""
        return self.front.shape[1] == 1


def yardstick(base: Base, records: Iterable[Record], known: np.ndarray | None = None) -> Yardstick:
    """Return the yardstick of a contest; `known` are costs float64[n, objectives] of further designs."""
    objectives = base.costs.shape[1]
    found = [costs for record in records for costs in record.costs if costs is not None]
    rows = np.concatenate((base.costs, as_rows(found, objectives), *(() if known is None else (known,))))
    front = rows[nondominated(rows)]
    reference = reference_point(front)
    volume = hypervolume(front, reference) if objectives > 1 else 0.0
    return Yardstick(front, reference, volume, float(base.costs[:, 0].max()))


def loss_of_cost(yard: Yardstick, cost: np.ndarray) -> np.ndarray:
    """Return the losses of costs of a single objective."""
    best = float(yard.front[0, 0])
    return np.asarray((cost - best) / (abs(best) or 1.0))


def curve(yard: Yardstick, costs: Sequence[tuple[float, ...] | None]) -> np.ndarray:
    """Return float64[n]: the loss after each distinct design; it never rises."""
    if yard.single:
        # Until something is feasible a run is as bad as the worst random design.
        best = np.minimum.accumulate([yard.worst if one is None else one[0] for one in costs])
        return loss_of_cost(yard, best)
    losses = np.ones(len(costs))
    kept = np.zeros((0, yard.front.shape[1]))
    loss = 1.0
    for number, one in enumerate(costs):
        if one is not None:
            rows = np.concatenate((kept, [one]))
            kept = rows[nondominated(rows)]
            loss = 1.0 - hypervolume(kept, yard.reference) / yard.volume if yard.volume else 0.0
        losses[number] = loss
    return np.maximum(np.minimum.accumulate(losses), 0.0)
