"""NSGA-II and NSGA-III: Optuna's crossover, mutation and selection in a loop of our own.

Optuna's samplers keep the population in the trials of a study, and look through all of them for every proposal.
Here it is a list, so that the time of a proposal does not grow, and a batch that is told after the next one was
asked (`in_flight` of 2) still takes part in the selection that follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from accel_sim.config import InputError
from accel_sim.explore.search.domains import Code
from accel_sim.explore.search.optuna_sampler import CONSTRAINT, Costs, plain_settings, quiet
from accel_sim.explore.search.samplers import POPULATION, Told, check_settings, filled, seed_of
from accel_sim.explore.search.space import Codes, Space

_CLASSES = {"nsga2": optuna.samplers.NSGAIISampler, "nsga3": optuna.samplers.NSGAIIISampler}


class GeneticSampler:
    """A genetic algorithm; see `samplers.Sampler`.

    Parents are chosen anew, from the old ones and all that was told since, as soon as a population has been
    told. Until the first choice proposals are uniform in each parameter, and so is what a mutation puts in.
    """

    def __init__(
        self,
        name: str,
        settings: Mapping[str, Any],
        space: Space,
        objectives: int,
        limits: Sequence[str],
        seed: int,
    ) -> None:
        make = _CLASSES[name]
        check_settings(name, settings, plain_settings(make))
        settings = {"population_size": POPULATION, **settings}
        self._make = lambda batch: make(**settings, seed=seed_of(seed, batch))
        self._space = space
        self._names = [parameter.name for parameter in space.searched]
        distributions = space.distributions()
        self._distributions = distributions
        # Optuna's crossover knows no parameter that has one value.
        self._crossed = {key: one for key, one in distributions.items() if not one.single()}
        self._costs = Costs(objectives)
        with quiet():
            try:
                self._population_size = int(self._make(0).population_size)
            except (TypeError, ValueError) as error:
                raise InputError(f"search.settings: {name}: {error}") from None
            self._study = optuna.create_study(directions=["minimize"] * objectives)
        self._parents: list[FrozenTrial] = []
        self._newcomers: list[FrozenTrial] = []
        self._count = 0

    def ask(self, batch: int, count: int) -> list[tuple[Code, ...]]:
        """Return the children of the parents, or anything before there are parents."""
        with quiet():
            sampler = self._make(batch)
            self._select(sampler)
            return [self._child(sampler) for _ in range(count)]

    def offer(self, batch: int, candidates: Sequence[Codes]) -> None:
        """Choose parents; what is proposed comes from elsewhere."""
        with quiet():
            self._select(self._make(batch))

    def tell(self, batch: int, told: Sequence[Told]) -> str:
        """Take the results as newcomers of the population."""
        self._newcomers += [self._individual(one) for one in told]
        return ""

    def replay_ask(self, batch: int, candidates: Sequence[Codes], note: str, offered: bool) -> None:
        """Choose parents, as `ask` did."""
        self.offer(batch, candidates)

    def replay_tell(self, batch: int, told: Sequence[Told], note: str) -> None:
        """Take the results, as `tell` did."""
        self.tell(batch, told)

    def _select(self, sampler: Any) -> None:
        if len(self._newcomers) >= self._population_size:
            everybody = [*self._parents, *self._newcomers]
            self._parents = sampler._elite_population_selection_strategy(self._study, everybody)
            self._newcomers = []

    def _child(self, sampler: Any) -> tuple[Code, ...]:
        found: dict[str, Any] = {}
        if self._parents and self._crossed:
            found = sampler._child_generation_strategy(self._study, self._crossed, self._parents)
        draw = sampler._rng.rng.rand
        return tuple(
            found[name] if name in found else domain.at(draw())
            for name, domain in zip(self._names, self._space.domains, strict=True)
        )

    def _individual(self, told: Told) -> FrozenTrial:
        """Return a result as Optuna's operators want it; numbers tell individuals apart."""
        self._count += 1
        return FrozenTrial(
            number=self._count,
            trial_id=self._count,
            state=TrialState.COMPLETE,
            value=None,
            values=list(self._costs.of(told)),
            params=dict(zip(self._names, filled(self._space, told.codes), strict=True)),
            distributions=self._distributions,
            user_attrs={},
            system_attrs={f"{CONSTRAINT}all": told.violation},
            intermediate_values={},
            datetime_start=None,
            datetime_complete=None,
        )
