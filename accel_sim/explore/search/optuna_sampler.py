"""Optuna's samplers behind the interface of `samplers`; the genetic ones are in `genetic_sampler`.

The study is in memory: a search has its own store, and Optuna's cost more than an evaluation. Each batch gets a
sampler of its own, seeded for it; what a sampler remembers is then all in the attributes of study and trials,
which are handed to the store and put back by `replay_ask` and `replay_tell`.
"""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from accel_sim.config import InputError
from accel_sim.explore.search.domains import Code, Finite
from accel_sim.explore.search.samplers import Told, check_settings, filled, seed_of
from accel_sim.explore.search.space import Codes, Space

with warnings.catch_warnings():
    # In a notebook without ipywidgets: Optuna's progress bar, which nothing here shows.
    warnings.filterwarnings("ignore", message="IProgress not found")
    import optuna
    from optuna.trial import TrialState

_CLASSES: dict[str, Callable[..., optuna.samplers.BaseSampler]] = {
    "tpe": optuna.samplers.TPESampler,
    "cmaes": optuna.samplers.CmaEsSampler,
    "gp": optuna.samplers.GPSampler,
}
_OURS = ("seed", "constraints_func")
# Attributes of a trial that hold its constraints.
CONSTRAINT = "constraints:"


class OptunaSampler:
    """One of Optuna's samplers; see `samplers.Sampler`."""

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
        if name == "gp" and find_spec("torch") is None:
            raise InputError("search.sampler = gp: needs torch (pip install 'accel_sim[gp]')")
        if name == "cmaes":
            _check_cmaes(space, objectives)
        self._make = lambda batch: make(**settings, seed=seed_of(seed, batch))
        self._costs = Costs(objectives, ignores_limits=name == "cmaes")
        self._space = space
        self._names = [parameter.name for parameter in space.searched]
        self._distributions = space.distributions()
        self._keys = ("illegal", "failed", *limits)
        self._pending: dict[int, list[optuna.Trial]] = {}
        self._replayed: dict[int, list[optuna.trial.FrozenTrial]] = {}
        self._attributes: dict[int, dict[str, Any]] = {}
        self._known: dict[str, Any] = {}
        with quiet():
            try:
                self._make(0)
            except (TypeError, ValueError) as error:
                raise InputError(f"search.settings: {name}: {error}") from None
            self._study = optuna.create_study(directions=["minimize"] * objectives, sampler=self._make(0))

    def ask(self, batch: int, count: int) -> list[tuple[Code, ...]]:
        """Return the proposals of a sampler made for the batch."""
        with quiet():
            self._study.sampler = self._make(batch)
            trials = [self._study.ask(self._distributions) for _ in range(count)]
        self._pending[batch] = trials
        self._attributes[batch] = self._new_attributes()
        return [self._codes(trial.params) for trial in trials]

    def offer(self, batch: int, candidates: Sequence[Codes]) -> None:
        """Take candidates as the proposals of a batch."""
        for codes in candidates:
            self._study.enqueue_trial(dict(zip(self._names, filled(self._space, codes), strict=True)))
        self.ask(batch, len(candidates))

    def tell(self, batch: int, told: Sequence[Told]) -> str:
        """Tell the study; return the attributes that the sampler gave to study and trials."""
        attributes = []
        with quiet():
            for trial, result in zip(self._pending.pop(batch), told, strict=False):
                for key in self._keys:
                    trial.set_constraint(key, result.violations.get(key, 0.0))
                frozen = self._study.tell(trial, self._costs.of(result))
                attributes.append(frozen.system_attrs)
        return json.dumps({"study": self._attributes.pop(batch), "trials": attributes})

    def replay_ask(self, batch: int, candidates: Sequence[Codes], note: str, offered: bool) -> None:
        """Put back trials that are under way, with the attributes that they had then."""
        kept = json.loads(note)
        study = self._study
        for key, value in kept["study"].items():
            study._storage.set_study_system_attr(study._study_id, key, value)
        self._new_attributes()
        first = len(study.get_trials(deepcopy=False))
        with quiet():
            for codes, attributes in zip(candidates, kept["trials"], strict=True):
                parameters = dict(zip(self._names, filled(self._space, codes), strict=True))
                study.add_trial(
                    optuna.trial.create_trial(
                        state=TrialState.RUNNING,
                        params=parameters,
                        distributions=self._distributions,
                        system_attrs={k: v for k, v in attributes.items() if not k.startswith(CONSTRAINT)},
                    )
                )
        self._replayed[batch] = study.get_trials(deepcopy=False)[first:]

    def replay_tell(self, batch: int, told: Sequence[Told], note: str) -> None:
        """End the trials of a batch."""
        study = self._study
        attributes = json.loads(note)["trials"]
        for trial, result, kept in zip(self._replayed.pop(batch), told, attributes, strict=True):
            for key, value in kept.items():
                if key.startswith(CONSTRAINT):
                    study._storage.set_trial_system_attr(trial._trial_id, key, value)
            study._storage.set_trial_state_values(trial._trial_id, TrialState.COMPLETE, self._costs.of(result))

    def _codes(self, parameters: Mapping[str, Any]) -> tuple[Code, ...]:
        return tuple(parameters[name] for name in self._names)

    def _new_attributes(self) -> dict[str, Any]:
        """Return the attributes of the study that were not there when this was last asked."""
        now = self._study._storage.get_study_system_attrs(self._study._study_id)
        new = {key: value for key, value in now.items() if self._known.get(key) != value}
        self._known |= new
        return new


class Costs:
    """What a sampler is told: where there is no result, the worst costs so far.

    A sampler that does not know of limits is told worse than the worst, by how much they are broken.
    """

    def __init__(self, objectives: int, ignores_limits: bool = False) -> None:
        self._objectives = objectives
        self._ignores_limits = ignores_limits
        self._worst: list[float] | None = None

    def of(self, result: Told) -> tuple[float, ...]:
        """Return the costs of a result; results must come in order."""
        if result.costs is not None:
            self._worst = [max(pair) for pair in zip(self._worst or result.costs, result.costs, strict=True)]
        worst = self._worst or [1.0] * self._objectives
        if self._ignores_limits and result.violation > 0:
            return tuple(cost + (abs(cost) or 1.0) * result.violation for cost in worst)
        return tuple(result.costs if result.costs is not None else worst)


def plain_settings(make: Callable[..., Any]) -> list[str]:
    """Return the arguments of a sampler that a file can give."""
    return [
        parameter.name
        for parameter in inspect.signature(make).parameters.values()
        if parameter.name not in _OURS and isinstance(parameter.default, bool | int | float | str | None)
    ]


def _check_cmaes(space: Space, objectives: int) -> None:
    if objectives > 1:
        raise InputError(f"search.sampler = cmaes: has one objective, not {objectives}; use nsga2 or tpe")
    for parameter, domain in zip(space.searched, space.domains, strict=True):
        if isinstance(domain, Finite) and not domain.ordered:
            raise InputError(
                f"search.sampler = cmaes: cannot search '{parameter.name}', whose values have no order; "
                "use nsga2 or tpe"
            )


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna from talking about its experimental parts."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(before)
