"""Tables of results as something to search.

A table that has every combination of its inputs' values is looked up. One that has not is no space of its own:
a model fitted to it answers for every combination, as in the surrogate benchmarks of Eggensperger et al. (AAAI
2015). What samplers are compared on is then the model: how well it ranks designs that it has not seen is told
beside the outcome, and so is how well the nearest known design would have done in its place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from accel_sim.config import Document, InputError, did_you_mean
from accel_sim.explore.design_table import Table, hashable, read_table, take
from accel_sim.explore.lottery.spec import ProblemEntry
from accel_sim.explore.search.domains import Finite
from accel_sim.explore.search.goals import Goals, read_goals
from accel_sim.explore.search.problem import FunctionProblem, Values
from accel_sim.explore.search.space import Parameter, Space
from accel_sim.explore.tabulated import TabulatedDesigns, tabulated_designs

# Tables that come with the package.
SHIPPED = {"dramgym": Path(__file__).parents[2] / "validation" / "data" / "dramgym.csv"}


@dataclass(frozen=True)
class Trust:
    """How well a model, and the nearest known design, rank designs that they have not seen.

    Attributes:
        metric: that is predicted.
        kind: of the model.
        correlation, error_pct: Spearman's coefficient and mean relative error of five-fold cross-validation.
        nearest_correlation, nearest_error_pct: those of the nearest other design of the table, by the sum over
            inputs of the difference as a share of the range, 0 or 1 for words.
    """

    metric: str
    kind: str
    correlation: float
    error_pct: float
    nearest_correlation: float
    nearest_error_pct: float


@dataclass(frozen=True)
class TableProblem:
    """A table as a problem.

    Attributes:
        problem, space, goals: as of a search; metrics that the goals do not use are left out.
        designs: the rows.
        trust: of the model's metrics; empty where the table is whole.
        file: that was read.
    """

    problem: FunctionProblem
    space: Space
    goals: Goals
    designs: TabulatedDesigns
    trust: tuple[Trust, ...]
    file: Path


@dataclass(frozen=True, slots=True)
class LookedUp:
    """Metrics of designs that are in a table."""

    designs: TabulatedDesigns

    def __call__(self, values: Values) -> Mapping[str, float]:
        """Return the metrics of a design."""
        return self.designs.evaluate(values)


@dataclass(frozen=True, slots=True)
class Predicted:
    """Metrics by a `Surrogate`."""

    model: Any

    def __call__(self, values: Values) -> Mapping[str, float]:
        """Return the metrics of a design."""
        return {name: float(found[0]) for name, found in self.model.predict([values]).items()}


def table_problem(
    entry: ProblemEntry, document: Document, place: tuple[str, str], lottery_file: Path | None
) -> TableProblem:
    """Return the table of an entry as a problem.

    Raises:
        InputError: no such table, column, row or kind of model; combinations are missing and no model is named.
    """
    file = _file(str(entry.table), document, place, lottery_file)
    try:
        table = _chosen(read_table(file, inputs=entry.inputs, metrics=entry.metrics), entry.where)
    except InputError as error:
        raise document.error(place, str(error)) from None
    goals = read_goals(document.part(place), entry.objectives, entry.limits, table.metrics)
    expressions = [own.expression for own in goals.objectives] + [own.expression for own in goals.limits]
    used = {name for expression in expressions for name in expression.names}
    try:
        kept = tuple(name for name in table.metrics if name in used)
        designs = tabulated_designs(replace(table, metrics=kept or table.metrics))
    except InputError as error:
        raise document.error(place, str(error)) from None
    space = space_of(designs.table)
    combinations = space.most or 0
    rows = [[*map(repr, design.values())] for design in designs.candidates]
    known = [designs.table.columns[name] for name in designs.table.metrics]
    source = json.dumps([designs.table.inputs, designs.table.metrics, rows, known])
    if len(designs.candidates) == combinations:
        problem = FunctionProblem(source, designs.table.metrics, LookedUp(designs))
        return TableProblem(problem, space, goals, designs, (), file)
    if entry.model is None:
        raise document.error(
            place,
            f"the table has {len(designs.candidates):,} of {combinations:,} combinations; "
            "'model', such as extra_trees, is needed to answer for the others",
        )
    try:
        model, trust = _fitted(designs.table, entry.model)
    except InputError as error:
        raise document.error(place, str(error)) from None
    import sklearn

    identity = f"{entry.model} {sklearn.__version__} {source}"
    problem = FunctionProblem(identity, designs.table.metrics, Predicted(model))
    return TableProblem(problem, space, goals, designs, trust, file)


def _file(name: str, document: Document, place: tuple[str, str], lottery_file: Path | None) -> Path:
    """Return what a table's name stands for: from the working directory, beside the file, or shipped."""
    beside = lottery_file.parent / name if lottery_file else Path(name)
    for path in (Path(name), beside):
        if path.exists():
            return path
    if name in SHIPPED:
        return SHIPPED[name]
    hint = did_you_mean(name, SHIPPED)
    raise document.error((*place, "table"), f"{name}: no such file, and no shipped table of that name{hint}")


def _chosen(table: Table, where: Mapping[str, Any]) -> Table:
    """Return the rows that have the wanted values; their columns are inputs no longer."""
    for column, wanted in where.items():
        if column not in table.columns:
            raise InputError(f"{table.source}: no column '{column}'{did_you_mean(column, table.columns)}")
        rows = [row for row, value in enumerate(table.columns[column]) if value == wanted]
        if not rows:
            known = {str(value) for value in table.columns[column]}
            raise InputError(
                f"{table.source}: no row has {column} = {wanted}{did_you_mean(str(wanted), known)}"
            )
        table = take(table, rows)
    return replace(table, inputs=tuple(name for name in table.inputs if name not in where))


def space_of(table: Table) -> Space:
    """Return every combination of the values that the inputs of a table have."""
    parameters = []
    for name in table.inputs:
        values = list({hashable(value): value for value in table.columns[name]}.values())
        ordered = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
        parameters.append(
            Parameter(name, (name,), Finite(tuple(sorted(values) if ordered else values), ordered))
        )
    return Space(tuple(parameters))


def _fitted(table: Table, kind: str) -> tuple[Any, tuple[Trust, ...]]:
    """Return a model of a table, and how far it is to be trusted."""
    from accel_sim.explore.surrogate import fit
    from accel_sim.explore.surrogate.choice import FOLDS, folds, out_of_fold
    from accel_sim.explore.surrogate.designs import distinct_designs

    model = fit(table, kinds=[kind])
    designs = distinct_designs(table)
    part = folds(len(designs), FOLDS, 0)
    nearest = _nearest(table)
    trust = []
    for metric, y in designs.metrics.items():
        if np.ptp(y) == 0:
            continue
        unseen = out_of_fold([kind], designs.x, y, designs.code.groups, part, 0)[kind]
        own = np.array(table.columns[metric], dtype=float)
        trust.append(Trust(metric, kind, *_agreement(unseen, y), *_agreement(own[nearest], own)))
    return model, tuple(trust)


def _agreement(found: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    from scipy.stats import spearmanr

    error = np.mean(np.abs(found - true) / np.maximum(np.abs(true), 1e-300))
    return float(spearmanr(found, true).statistic), 100 * float(error)


def _nearest(table: Table) -> np.ndarray:
    """Return int64[rows]: for each row the nearest other one."""
    away = np.zeros((len(table), len(table)))
    for name, domain in zip(table.inputs, space_of(table).domains, strict=True):
        column = table.columns[name]
        if isinstance(domain, Finite) and domain.ordered:
            numbers = np.array(column, dtype=float)
            away += np.abs(numbers[:, None] - numbers) / (np.ptp(numbers) or 1.0)
        else:
            place = {level: i for i, level in enumerate({hashable(v) for v in column})}
            levels = np.array([place[hashable(value)] for value in column])
            away += levels[:, None] != levels
    np.fill_diagonal(away, np.inf)
    return away.argmin(axis=1)
