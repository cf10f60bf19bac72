"""From the values of several workloads to the figures that are published, and which figures those are."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from accel_sim.validation.claims.spec import Claim


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _geomean(values: Sequence[float]) -> float:
    return math.exp(_mean([math.log(value) for value in values]))


AGGREGATES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "min": min,
    "max": max,
    "mean": _mean,
    "geomean": _geomean,
}
LEAST, MOST = "least", "most"


def published_figures(claim: Claim) -> dict[str, float]:
    """Return the published figures by what they are of: `least` and `most`, an aggregate, or a workload."""
    published = claim.published
    assert not isinstance(published, str)
    if isinstance(published, dict):
        return dict(published)
    if isinstance(published, tuple):
        return {LEAST: published[0], MOST: published[1]}
    return {claim.over or claim.workloads[0]: published}


def our_figures(claim: Claim, values: Mapping[str, float]) -> dict[str, float]:
    """Return our figures under the same names, from one value of each workload."""
    published = claim.published
    if isinstance(published, dict):
        return {name: values[name] for name in published}
    if isinstance(published, tuple):
        return {LEAST: min(values.values()), MOST: max(values.values())}
    if claim.over is None:
        return dict(values)
    return {claim.over: AGGREGATES[claim.over](list(values.values()))}
