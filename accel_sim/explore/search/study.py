"""A search as an Optuna study, which optuna-dashboard and Optuna's own analyses open."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accel_sim.config import InputError
from accel_sim.explore.search.domains import Domain, Finite
from accel_sim.explore.search.outcome import SearchResult
from accel_sim.explore.search.trials import ILLEGAL, OK, Trial

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.storages import BaseStorage

JOURNAL, SQLITE = "journal:", "sqlite:///"


def export_study(result: SearchResult, storage: str, name: str | None = None) -> optuna.Study:
    """Return the study that a search becomes in a storage of Optuna's.

    Every distinct design that was evaluated is a trial: complete with the objectives' values, or failed. What
    broke a constraint of the space was not evaluated and is left out. Parameters have their values in SI units;
    steps that are not even become a range that holds them. Limits are constraints. The metrics of the mix,
    the content hash (`key`), the number of the trial in the table and a baseline's name are user attributes; a
    baseline outside the space has no parameters.

    Args:
        result: the search.
        storage: `sqlite:///FILE` or `journal:FILE`.
        name: of the study, in place of the search's.

    Raises:
        InputError: another kind of storage, or a study of that name is in it already.
    """
    with warnings.catch_warnings():
        # In a notebook without ipywidgets: Optuna's progress bar, which nothing here shows.
        warnings.filterwarnings("ignore", message="IProgress not found")
        import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Journals are experimental in Optuna's words.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study = optuna.create_study(
                study_name=name or result.name,
                storage=_storage(storage),
                directions=["maximize" if o.maximise else "minimize" for o in result.goals.objectives],
            )
            study.set_metric_names(list(result.goals.names))
            study.set_user_attr("baselines", [trial.name for trial in result.baselines])
            for trial in result.trials:
                if trial.status != ILLEGAL and not trial.repeated:
                    study.add_trial(_frozen(result, trial))
    except optuna.exceptions.DuplicatedStudyError:
        raise InputError(
            f"{storage}: has a study '{name or result.name}' already; give another file or name"
        ) from None
    except (optuna.exceptions.StorageInternalError, OSError) as error:
        raise InputError(f"{storage}: cannot be written: {error}") from None
    finally:
        optuna.logging.set_verbosity(before)
    return study


def _storage(text: str) -> BaseStorage:
    kind = next((kind for kind in (JOURNAL, SQLITE) if text.startswith(kind) and text != kind), None)
    if kind is None:
        raise InputError(f"--storage {text}: must be sqlite:///FILE or journal:FILE")
    folder = Path(text.removeprefix(kind)).parent
    if not folder.is_dir():
        raise InputError(f"--storage {text}: no such folder '{folder}'")
    if kind == SQLITE:
        return _sqlite(text)
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(text.removeprefix(JOURNAL)))


def _sqlite(url: str) -> BaseStorage:
    """Return a storage that leaves flushing to the system: what it holds can be exported again."""
    import sqlalchemy
    from optuna.storages import RDBStorage

    def quick(connection: Any, _: Any) -> None:
        connection.execute("pragma synchronous = off")
        connection.execute("pragma journal_mode = memory")

    sqlalchemy.event.listen(sqlalchemy.pool.Pool, "connect", quick)
    try:
        storage = RDBStorage(url)
    finally:
        sqlalchemy.event.remove(sqlalchemy.pool.Pool, "connect", quick)
    sqlalchemy.event.listen(storage.engine, "connect", quick)
    return storage


def _frozen(result: SearchResult, trial: Trial) -> optuna.trial.FrozenTrial:
    from optuna.trial import TrialState, create_trial

    parameters: dict[str, Any] = {}
    distributions: dict[str, BaseDistribution] = {}
    searched = zip(result.space.searched, result.space.domains, trial.codes or (), strict=False)
    for parameter, domain, code in searched:
        if code is not None:
            label = ", ".join(result.parameters[path] for path in parameter.paths)
            distributions[label] = distribution(domain)
            parameters[label] = plain(domain.decode(code))
    # Those of each workload would make three times as many rows of a database; the table has them.
    metrics = {name: value for name, value in trial.metrics.items() if "." not in name}
    attributes = {"trial": trial.number, "key": trial.key, "kind": trial.kind, **metrics}
    if trial.name:
        attributes["baseline"] = trial.name
    if trial.codes is None:
        attributes["values"] = {path: plain(value) for path, value in trial.values.items()}
    if trial.status != OK or trial.score is None:
        return create_trial(
            state=TrialState.FAIL,
            params=parameters,
            distributions=distributions,
            user_attrs={**attributes, "error": trial.error},
        )
    limits = (limit.name for limit in result.goals.limits)
    return create_trial(
        state=TrialState.COMPLETE,
        values=list(trial.score.values),
        params=parameters,
        distributions=distributions,
        user_attrs=attributes,
        constraints=dict(zip(limits, trial.score.violations, strict=True)),
    )


def distribution(domain: Domain) -> BaseDistribution:
    """Return the distribution of a domain's values; numbers stay numbers, words become categories."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not isinstance(domain, Finite):
        return FloatDistribution(domain.low, domain.high, log=domain.log)
    values = domain.values
    if not domain.ordered or len(values) < 2:
        return CategoricalDistribution(list(dict.fromkeys(plain(value) for value in values)))
    low, high = values[0], values[-1]
    doubling = low > 0 and high >= 8 * low and not isinstance(values, range)
    if any(isinstance(value, float) for value in values):
        return FloatDistribution(low, high, log=doubling)
    step = values[1] - low
    if all(value == low + step * place for place, value in enumerate(values)):
        return IntDistribution(low, high, step=step)
    return IntDistribution(low, high, log=doubling)


def plain(value: Any) -> Any:
    """Return a value as Optuna's storages take it; values that move together become one text."""
    if isinstance(value, tuple):
        return ", ".join(str(part) for part in value)
    return value if isinstance(value, bool | int | float | str | None) else str(value)
