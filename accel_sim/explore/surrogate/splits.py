"""Ways of not having seen a design: it came later, another sampler met it, it is better than all seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from accel_sim.explore.plots import rank
from accel_sim.explore.surrogate.designs import LEAST_DESIGNS, Designs

# What a search has visited when its second half is predicted.
FIRST_PART = 0.5
BEST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Split:
    """Designs to fit on and designs to predict.

    Attributes:
        name: what is special about those to predict.
        train, test: int64 arrays of numbers of designs, without a common one.
    """

    name: str
    train: np.ndarray
    test: np.ndarray


def trajectories(designs: Designs) -> Iterator[Split]:
    """Yield what a search allows: its second half from its first, and what each sampler did not meet."""
    count = len(designs)
    if designs.order is not None:
        middle = round(FIRST_PART * count)
        yield from _enough(Split("later half", np.arange(middle), np.arange(middle, count)))
    names = sorted(set().union(*designs.met_by)) if designs.met_by else []
    for name in names if len(names) > 1 else ():
        inside = np.array([name in met for met in designs.met_by])
        yield from _enough(Split(f"not met by {name}", np.flatnonzero(inside), np.flatnonzero(~inside)))


def best_left_out(designs: Designs, metric: str) -> Iterator[Split]:
    """Yield the best tenth of a metric, to be predicted from the rest as a search would have to."""
    values = np.array([rank(metric, value) for value in designs.metrics[metric]])
    if np.ptp(values) == 0:
        return
    order = np.argsort(values, kind="stable")
    best = max(2, round(BEST_SHARE * len(designs)))
    yield from _enough(Split("best tenth", np.sort(order[best:]), np.sort(order[:best])))


def missing(designs: Designs) -> tuple[str, ...]:
    """Return a sentence for each kind of trajectory that the table does not allow."""
    notes = []
    if designs.order is None:
        notes.append("no column gives the order of the designs (such as 'trial'): none is later than another")
    if designs.sampler is None:
        notes.append("no column 'sampler': what one sampler met cannot be told from the rest")
    return tuple(notes)


def _enough(split: Split) -> Iterator[Split]:
    """Yield the split where both sides are large enough to say something."""
    if len(split.train) >= LEAST_DESIGNS // 2 and len(split.test) >= 2:
        yield split
