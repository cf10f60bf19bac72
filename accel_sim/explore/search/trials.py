"""The record of a search: what was proposed, what became of it, what it took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from accel_sim.explore.search.goals import Score
from accel_sim.explore.search.pareto import as_rows, nondominated
from accel_sim.explore.search.space import Codes

# Whose proposals a batch holds: the file's, the sampler's, or random ones after a sampler proposed nothing new.
BASELINE, SAMPLED, FRESH = "baseline", "sampled", "fresh"
OK, FAILED, ILLEGAL, SCREENED = "ok", "failed", "illegal", "screened"


@dataclass(frozen=True, slots=True)
class Start:
    """A baseline: evaluated before anything else.

    Attributes:
        name: as in the file.
        values: by path.
        codes: its candidate, None where it lies outside the space; the sampler is told of it only if inside.
    """

    name: str
    values: dict[str, Any]
    codes: Codes | None


@dataclass(frozen=True, slots=True)
class Trial:
    """A proposal and what became of it.

    Attributes:
        number, batch: its places; both from 0.
        kind: BASELINE, SAMPLED or FRESH.
        name: of a baseline, empty otherwise.
        values: by path.
        codes: its candidate; None outside the space.
        key: content hash.
        first: number of the first trial of the same design, its own where it is the first.
        status: OK, FAILED, ILLEGAL: it breaks a constraint and was not evaluated, or SCREENED: others of its
            batch looked better in the screening.
        error: why there is no result.
        metrics: all of them; empty without a result.
        score: None without a result.
        violation: of constraints where ILLEGAL, of limits where OK; where SCREENED, its place among the designs
            of its batch, from 0 for the best to 1.
        screening: its score in the screening, where there is one.
    """

    number: int
    batch: int
    kind: str
    name: str
    values: dict[str, Any]
    codes: Codes | None
    key: str
    first: int
    status: str
    error: str | None
    metrics: dict[str, float] = field(default_factory=dict)
    score: Score | None = None
    violation: float = 0.0
    screening: Score | None = None

    @property
    def feasible(self) -> bool:
        """Whether it has a result within the limits."""
        return self.score is not None and self.score.violation == 0

    @property
    def repeated(self) -> bool:
        """Whether the same design was there before."""
        return self.first != self.number


@dataclass(frozen=True, slots=True)
class SearchProgress:
    """How far a search is.

    Attributes:
        trials: proposals so far, baselines included.
        distinct, budget: designs that are evaluated, without baselines, and how many there may be.
        duplicates, illegal, failed, feasible: of the trials.
        front: designs on the front.
        hypervolume: that they dominate; 0 before there is a feasible one.
        computed: tasks evaluated by this process; the others were in the store.
        seconds: since this process began.
        screened: trials that the screening held back.
    """

    trials: int
    distinct: int
    budget: int
    duplicates: int
    illegal: int
    failed: int
    feasible: int
    front: int
    hypervolume: float
    computed: int
    seconds: float
    screened: int = 0


@dataclass(slots=True)
class Spent:
    """Seconds of the driver: in the sampler, waiting for evaluations, writing to disk, and in all."""

    sampler: float = 0.0
    waiting: float = 0.0
    storing: float = 0.0
    total: float = 0.0

    @property
    def own(self) -> float:
        """What is neither the sampler's nor the evaluations'."""
        return self.total - self.sampler - self.waiting


@dataclass(frozen=True, slots=True)
class Rules:
    """What a search may do: distinct designs, its seed, candidates of a batch, batches under way at once."""

    budget: int
    seed: int
    batch: int
    in_flight: int = 1


def front_of(trials: Sequence[Trial], objectives: int) -> tuple[Trial, ...]:
    """Return the feasible trials that no other one beats, each design once, by the first objective."""
    found = [trial for trial in trials if trial.feasible and not trial.repeated]
    costs = as_rows([t.score.costs for t in found if t.score is not None], objectives)
    kept = [trial for trial, stays in zip(found, nondominated(costs), strict=True) if stays]
    return tuple(sorted(kept, key=lambda t: (t.score.costs if t.score else (), t.number)))
