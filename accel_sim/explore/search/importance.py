"""How much each parameter matters to each objective, and how far to believe it.

Method: extremely randomized trees (Geurts, Ernst and Wehenkel, 2006) learn an objective from the parameters of
four fifths of the designs and predict the last fifth, five times over. The importance of a parameter is the
share of the variance that the predictions lose when its values are shuffled among designs they have not seen
(permutation importance: Breiman, 2001). It is not Optuna's `get_param_importances`, as neither fANOVA nor
PED-ANOVA there says how good the model behind it is; here R2 on unseen designs does, and below TRUSTED an
importance is no more than a hint.

What it leaves out: designs are those the search proposed, most of them near its front, and not a fair sample of
the space; shuffling also makes combinations that constraints forbid, where the model guesses; of two parameters
that moved together either may get the credit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accel_sim.explore.search.domains import Finite, Real
from accel_sim.explore.search.space import Codes, Space

if TYPE_CHECKING:
    from accel_sim.explore.search.outcome import SearchResult

FOLDS, TREES, SHUFFLES = 5, 50, 5
# Fewer designs than this say nothing.
LEAST_DESIGNS = 30
# A model that explains less than half of the variance of unseen designs is not shown as a fact (assumed).
TRUSTED = 0.5


@dataclass(frozen=True)
class Importance:
    """How much parameters matter to one objective.

    Attributes:
        objective: its name.
        parameters: names of the parameters that are searched and varied, the most important first.
        lost: share of the objective's variance that predictions of unseen designs lose when the parameter is
            shuffled; about 0 for one that does not matter. They need not add up to anything.
        spread: standard deviation of `lost` over the folds.
        r2: of the model on unseen designs; 1 is perfect, 0 no better than the mean.
        designs: it was learnt from.
        logarithm: whether the objective's logarithm was learnt, as where all its values are positive.
    """

    objective: str
    parameters: tuple[str, ...]
    lost: tuple[float, ...]
    spread: tuple[float, ...]
    r2: float
    designs: int
    logarithm: bool

    @property
    def trusted(self) -> bool:
        """Whether the model predicts unseen designs well enough for this to be more than a hint."""
        return self.r2 >= TRUSTED


def importances(result: SearchResult) -> tuple[Importance, ...]:
    """Return the importances for each objective; none with fewer than LEAST_DESIGNS designs to learn from.

    Every design of the space that has a result counts once, also beyond the limits.
    """
    trials = [t for t in result.trials if t.score is not None and t.codes is not None and not t.repeated]
    if len(trials) < LEAST_DESIGNS:
        return ()
    codes = [trial.codes for trial in trials if trial.codes is not None]
    values = np.array([trial.score.values for trial in trials if trial.score is not None])
    names, columns = features(result.space, codes)
    if not names:
        return ()
    return tuple(
        _importance(objective, names, columns, values[:, place])
        for place, objective in enumerate(result.goals.names)
    )


def features(space: Space, codes: Sequence[Codes]) -> tuple[list[str], list[np.ndarray]]:
    """Return the names of parameters that vary, and float64[n, k] of each.

    Ordered values are their rank, real numbers themselves or their logarithm, words a column each; a parameter
    that a candidate does not have is below all ranks and no word.
    """
    names, columns = [], []
    for place, (parameter, domain) in enumerate(zip(space.searched, space.domains, strict=True)):
        own = [candidate[place] for candidate in codes]
        if len(set(own)) < 2:
            continue
        names.append(parameter.name)
        if isinstance(domain, Finite) and not domain.ordered:
            columns.append(np.array([[code == k for k in range(len(domain.values))] for code in own], float))
            continue
        lowest = domain.low if isinstance(domain, Real) else 0
        numbers = np.array([lowest - 1 if code is None else code for code in own], float)
        if isinstance(domain, Real) and domain.log:
            numbers = np.log([domain.low / 2 if code is None else code for code in own])
        columns.append(numbers[:, None])
    return names, columns


def _importance(
    objective: str, names: Sequence[str], columns: Sequence[np.ndarray], values: np.ndarray
) -> Importance:
    from sklearn.ensemble import ExtraTreesRegressor
    from sklearn.model_selection import KFold

    logarithm = bool((values > 0).all())
    target = np.log(values) if logarithm else values
    variance = float(target.var())
    if variance == 0:
        nothing = (0.0,) * len(names)
        return Importance(objective, tuple(names), nothing, nothing, 0.0, len(values), logarithm)
    inputs = np.concatenate(columns, axis=1)
    ends = np.cumsum([column.shape[1] for column in columns])
    slices = [slice(end - column.shape[1], end) for end, column in zip(ends, columns, strict=True)]
    generator = np.random.default_rng(0)
    errors, lost = [], []
    for learnt, unseen in KFold(FOLDS, shuffle=True, random_state=0).split(inputs):
        model = ExtraTreesRegressor(TREES, min_samples_leaf=2, random_state=0)
        model.fit(inputs[learnt], target[learnt])
        asked = [inputs[unseen]]
        for own in slices:
            for _ in range(SHUFFLES):
                changed = inputs[unseen].copy()
                changed[:, own] = changed[generator.permutation(len(unseen)), own]
                asked.append(changed)
        # One call for all of them: a call costs more than its rows.
        predicted = model.predict(np.concatenate(asked)).reshape(len(asked), len(unseen))
        squares = ((predicted - target[unseen]) ** 2).mean(axis=1)
        errors.append(squares[0] * len(unseen))
        lost.append((squares[1:].reshape(len(names), SHUFFLES).mean(axis=1) - squares[0]) / variance)
    mean, spread = np.mean(lost, axis=0), np.std(lost, axis=0)
    order = np.argsort(-mean, kind="stable")
    return Importance(
        objective,
        tuple(names[i] for i in order),
        tuple(float(mean[i]) for i in order),
        tuple(float(spread[i]) for i in order),
        float(1 - sum(errors) / len(values) / variance),
        len(values),
        logarithm,
    )
