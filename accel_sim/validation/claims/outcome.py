"""Running claims: our figures beside the published ones, and what follows from both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from accel_sim.config import AccelSimError
from accel_sim.simulation import simulate
from accel_sim.validation.claims.figures import our_figures, published_figures
from accel_sim.validation.claims.reading import HIGH, LOW, NOMINAL, ClaimFile, needed_by
from accel_sim.validation.claims.spec import Claim

REPRODUCED, MISSED, SHOWN = "reproduced", "not reproduced", "shown only"
NEEDS, ABSENT, UNMEASURED, FAILED = "needs design", "no independent baseline", "not measured", "cannot run"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One published figure and ours.

    Attributes:
        figure: what it is of: `least`, `most`, an aggregate or a workload.
        ours, published: in SI units.
        low, high: ours over the range of settings that are not known better; None without one.
    """

    figure: str
    ours: float
    published: float
    low: float | None = None
    high: float | None = None

    @property
    def ratio(self) -> float:
        """Ours over published."""
        return self.ours / self.published


@dataclass(frozen=True, slots=True)
class Outcome:
    """A claim against one of its baselines.

    Attributes:
        claim, baseline: of the file; None where the claim has none.
        verdict: one of the constants of this module.
        reason: the verdict in words.
        comparisons: empty where nothing ran.
        by_workload: our value of each workload.
    """

    claim: Claim
    baseline: str | None
    verdict: str
    reason: str = ""
    comparisons: tuple[Comparison, ...] = ()
    by_workload: Mapping[str, float] = field(default_factory=dict)

    @property
    def gates(self) -> bool:
        """Whether a miss is a failure: the claim is gated, and this is its first baseline, or it has none."""
        return self.claim.gated and (self.baseline is None or self.baseline == self.claim.baselines[0])

    @property
    def failed(self) -> bool:
        """Whether it is a gated claim that ran and missed, or that could not run for another reason than a
        design that is not there."""
        return self.gates and self.verdict in (MISSED, FAILED, ABSENT)


def reproduce(file: ClaimFile, claims: tuple[Claim, ...] | None = None) -> list[Outcome]:
    """Return the outcome of every claim against each of its baselines, in the order of the file.

    file: from `read_paper`. claims: only these of its claims.
    """
    values: _Values = {}
    return [
        _outcome(file, claim, baseline, values)
        for claim in (file.paper.claims if claims is None else claims)
        for baseline in claim.baselines or (None,)
    ]


_Values = dict[tuple[str, str, str], dict[str, float]]
"""Metrics of what was simulated, by design, end of its range and workload."""


def _outcome(file: ClaimFile, claim: Claim, baseline: str | None, values: _Values) -> Outcome:
    if claim.unmeasured:
        return Outcome(claim, baseline, UNMEASURED, claim.unmeasured)
    for name in (claim.design, baseline):
        absent = file.paper.designs[name].absent if name else ""
        if absent:
            return Outcome(claim, baseline, ABSENT, absent)
    missing = needed_by(file, claim) or file.needs.get(baseline or "", "")
    if missing:
        return Outcome(claim, baseline, NEEDS, missing)
    try:
        by_workload = _by_workload(file, claim, baseline, values, NOMINAL)
        ends = [_by_workload(file, claim, baseline, values, end) for end in _ends(file, claim, baseline)]
    except AccelSimError as error:
        return Outcome(claim, baseline, FAILED, str(error))
    comparisons = _comparisons(claim, by_workload, ends)
    verdict, reason = _verdict(claim, comparisons)
    return Outcome(claim, baseline, verdict, reason, comparisons, by_workload)


def _ends(file: ClaimFile, claim: Claim, baseline: str | None) -> tuple[str, ...]:
    ranged = any((name, LOW) in file.designs for name in (claim.design, baseline) if name)
    return (LOW, HIGH) if ranged else ()


def _by_workload(
    file: ClaimFile, claim: Claim, baseline: str | None, values: _Values, end: str
) -> dict[str, float]:
    """Return the metric of each workload, or its ratio to the baseline's or of that to it."""
    found = {}
    assert claim.design is not None
    for workload in claim.workloads:
        ours = _value(file, claim, claim.design, workload, values, end)
        if baseline is not None:
            theirs = _value(file, claim, baseline, workload, values, end)
            ours = theirs / ours if claim.compare == "baseline_over_design" else ours / theirs
        found[workload] = ours
    return found


def _value(file: ClaimFile, claim: Claim, design: str, workload: str, values: _Values, end: str) -> float:
    end = end if (design, end) in file.designs else NOMINAL
    key = (design, end, workload)
    if key not in values:
        result = simulate(
            file.designs[design, end], file.workloads[design, workload], fidelity=file.paper.fidelity
        )
        values[key] = result.metrics()
    assert claim.metric is not None
    return values[key][claim.metric]


def _comparisons(
    claim: Claim, by_workload: Mapping[str, float], ends: list[dict[str, float]]
) -> tuple[Comparison, ...]:
    ours = our_figures(claim, by_workload)
    at_ends = [our_figures(claim, values) for values in ends]
    compared = []
    for figure, published in published_figures(claim).items():
        spread = [values[figure] for values in at_ends]
        low, high = (min(spread), max(spread)) if spread else (None, None)
        compared.append(Comparison(figure, ours[figure], published, low, high))
    return tuple(compared)


def _verdict(claim: Claim, comparisons: tuple[Comparison, ...]) -> tuple[str, str]:
    if claim.tolerance is None:
        return SHOWN, "from memory" if claim.certainty == "memory" else ""
    furthest = max(abs(comparison.ratio - 1) for comparison in comparisons)
    if furthest <= claim.tolerance:
        return REPRODUCED, f"within {furthest:.1%} (allowed {claim.tolerance:.0%})"
    return MISSED, f"off by {furthest:.0%} (allowed {claim.tolerance:.0%})"


def as_data(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as plain data for JSON."""
    claim = outcome.claim
    return {
        **claim.model_dump(mode="json", by_alias=True),
        "baseline": outcome.baseline,
        "verdict": outcome.verdict,
        "reason": outcome.reason,
        "gates": outcome.gates,
        "failed": outcome.failed,
        "figures": [
            {
                "figure": c.figure,
                "ours": c.ours,
                "published": c.published,
                "ratio": c.ratio,
                "low": c.low,
                "high": c.high,
            }
            for c in outcome.comparisons
        ],
        "ours_by_workload": dict(outcome.by_workload),
    }
