"""Samplers propose candidates: the interface, the rule of `auto`, and those that look at no result.

Everything random in a batch comes from a generator seeded by the seed of the search and the number of the
batch. So a search that goes on after an interruption proposes what it would have proposed without.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from accel_sim.config import InputError, did_you_mean
from accel_sim.explore.search.domains import Code
from accel_sim.explore.search.space import Codes, Space

# Up to this many evaluations TPE's better use of each is worth its slower proposals.
MOST_FOR_TPE = 300
POPULATION = 50
# Those that look at no result, so that all they will propose is known beforehand.
BLIND = ("random", "qmc", "grid")
RULE = (
    f"grid where the space has no more candidates than the budget, tpe for budgets up to {MOST_FOR_TPE}, "
    "nsga2 beyond"
)


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a proposal.

    Attributes:
        codes: as proposed; a parameter that the candidate does not have may still have a code.
        costs: to be minimised; None where there is no result.
        violations: of each limit, of the constraints (`illegal`), and 1 for what failed; 0 where all is well.
    """

    codes: Codes
    costs: tuple[float, ...] | None
    violations: Mapping[str, float]

    @property
    def violation(self) -> float:
        """The sum of all violations."""
        return sum(self.violations.values())


class Sampler(Protocol):
    """Proposes batches, and is told every one of them once, in order."""

    def ask(self, batch: int, count: int) -> list[tuple[Code, ...]]:
        """Return at most `count` proposals for a batch; fewer means that there are no more."""

    def offer(self, batch: int, candidates: Sequence[Codes]) -> None:
        """Take candidates from elsewhere as the proposals of a batch."""

    def tell(self, batch: int, told: Sequence[Told]) -> str:
        """Take the results of a batch; return what `replay` needs to know of it beside them."""

    def replay_ask(self, batch: int, candidates: Sequence[Codes], note: str, offered: bool) -> None:
        """Take the proposals of a batch of an earlier process: as `ask` or `offer`, without the work."""

    def replay_tell(self, batch: int, told: Sequence[Told], note: str) -> None:
        """Take its results: as `tell`."""


def seed_of(seed: int, batch: int) -> int:
    """Return the seed of a batch: 32 bits."""
    return int.from_bytes(hashlib.sha256(f"{seed} {batch}".encode()).digest()[:4], "big")


def chosen(sampler: str, space: Space, budget: int) -> str:
    """Return the sampler that a name stands for; `auto` chooses by RULE."""
    if sampler != "auto":
        return sampler
    if space.size is not None and space.size <= budget:
        return "grid"
    return "tpe" if budget <= MOST_FOR_TPE else "nsga2"


def default_batch(sampler: str, settings: Mapping[str, Any]) -> int:
    """Return how many candidates a sampler proposes at once: a generation, or a few where each counts."""
    if sampler in ("nsga2", "nsga3"):
        return int(settings.get("population_size", POPULATION))
    return {"tpe": 10, "gp": 4, "cmaes": 10}.get(sampler, POPULATION)


def blind_proposals(sampler: str, settings: Mapping[str, Any]) -> int | None:
    """Return how many proposals a sampler draws at random before it looks at results; None where all are."""
    if sampler in ("random", "qmc"):
        return None
    if sampler in ("nsga2", "nsga3"):
        return int(settings.get("population_size", POPULATION))
    return int(settings.get("n_startup_trials", 10)) if sampler in ("tpe", "gp") else 0


def make_sampler(
    name: str, settings: Mapping[str, Any], space: Space, objectives: int, limits: Sequence[str], seed: int
) -> Sampler:
    """Return a sampler by name (not `auto`).

    Raises:
        InputError: a setting it does not have, or a space or objectives that it cannot search.
    """
    if name in BLIND:
        check_settings(name, settings, ())
        blind: dict[str, Callable[[Space, int], Sampler]] = {
            "random": RandomSampler,
            "qmc": QmcSampler,
            "grid": GridSampler,
        }
        return blind[name](space, seed)
    if name in ("nsga2", "nsga3"):
        from accel_sim.explore.search.genetic_sampler import GeneticSampler

        return GeneticSampler(name, settings, space, objectives, limits, seed)
    from accel_sim.explore.search.optuna_sampler import OptunaSampler

    return OptunaSampler(name, settings, space, objectives, limits, seed)


def check_settings(name: str, settings: Mapping[str, Any], allowed: Sequence[str]) -> None:
    """Refuse settings that a sampler does not have."""
    for setting in settings:
        if setting not in allowed:
            hint = did_you_mean(setting, allowed) if allowed else " (it has none)"
            raise InputError(f"search.settings.{setting}: is not a setting of {name}{hint}")


class _Blind:
    """The part of a sampler that does not learn."""

    def __init__(self, space: Space, seed: int) -> None:
        self.space = space
        self.seed = seed

    def offer(self, batch: int, candidates: Sequence[Codes]) -> None:
        """Do nothing."""

    def tell(self, batch: int, told: Sequence[Told]) -> str:
        """Learn nothing."""
        return ""

    def replay_tell(self, batch: int, told: Sequence[Told], note: str) -> None:
        """Learn nothing."""


class RandomSampler(_Blind):
    """Legal candidates, uniform in each parameter."""

    def ask(self, batch: int, count: int) -> list[tuple[Code, ...]]:
        """Return candidates drawn by the generator of the batch."""
        generator = random.Random(seed_of(self.seed, batch))
        return [filled(self.space, self.space.sample(generator)) for _ in range(count)]

    def replay_ask(self, batch: int, candidates: Sequence[Codes], note: str, offered: bool) -> None:
        """Do nothing: batches do not depend on each other."""


class QmcSampler(_Blind):
    """The points of a scrambled Sobol sequence, illegal ones included."""

    def __init__(self, space: Space, seed: int) -> None:
        super().__init__(space, seed)
        from scipy.stats.qmc import Sobol

        self._sequence = Sobol(len(space.domains), scramble=True, rng=seed_of(seed, 0))

    def ask(self, batch: int, count: int) -> list[tuple[Code, ...]]:
        """Return the next points."""
        return [self.space.at(point) for point in self._points(count)]

    def _points(self, count: int) -> Any:
        import warnings

        with warnings.catch_warnings():
            # Of lengths that are no power of two: the whole sequence counts, not one call.
            warnings.simplefilter("ignore", UserWarning)
            return self._sequence.random(count).tolist()

    def replay_ask(self, batch: int, candidates: Sequence[Codes], note: str, offered: bool) -> None:
        """Pass over the points."""
        if not offered:
            self._points(len(candidates))


class GridSampler(_Blind):
    """Every legal candidate once, in the order of the space."""

    def __init__(self, space: Space, seed: int) -> None:
        super().__init__(space, seed)
        if not space.finite:
            next(space.enumerate())  # says which parameter is not finite
        self._left: Iterator[Codes] = space.enumerate()

    def ask(self, batch: int, count: int) -> list[tuple[Code, ...]]:
        """Return the next candidates."""
        return [filled(self.space, codes) for codes in itertools.islice(self._left, count)]

    def replay_ask(self, batch: int, candidates: Sequence[Codes], note: str, offered: bool) -> None:
        """Pass over the candidates."""
        if not offered:
            self.ask(batch, len(candidates))


def filled(space: Space, codes: Codes) -> tuple[Code, ...]:
    """Return codes with some value for the parameters that the candidate does not have."""
    return tuple(
        domain.at(0.5) if code is None else code for code, domain in zip(codes, space.domains, strict=True)
    )
