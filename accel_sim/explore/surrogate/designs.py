"""What a surrogate is fitted to: every distinct design of a table once, with its metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from accel_sim.config import InputError, did_you_mean
from accel_sim.explore.design_table import ORDERS, SAMPLERS, Table, hashable, is_complete
from accel_sim.explore.surrogate.features import Encoding, encode, encoding

LEAST_DESIGNS = 10


@dataclass(frozen=True)
class Designs:
    """Distinct designs in the order in which they first appear.

    Rows of the same design are one, so that no split can put them on both of its sides. Where they do not
    agree, something that the inputs do not tell decides, and no model of the inputs can be better than that.

    Attributes:
        source: the file.
        code: of the inputs.
        x: float64[n, f]: their features.
        metrics: float64[n] by name: means over the rows of a design.
        rows: of the table that have all metrics.
        incomplete: rows that lack a metric, and were left out.
        disagreement_pct: largest spread of a metric over the rows of one design, relative to its mean.
        order: column that tells when a design was met, or None; with it, designs are sorted by it.
        sampler: column that tells what asked for a design, or None.
        met_by: for each design, the samplers that asked for it; empty without such a column.
    """

    source: str
    code: Encoding
    x: np.ndarray
    metrics: dict[str, np.ndarray]
    rows: int
    incomplete: int
    disagreement_pct: float
    order: str | None
    sampler: str | None
    met_by: tuple[frozenset[str], ...]

    def __len__(self) -> int:
        return len(self.x)


def distinct_designs(table: Table, metrics: Sequence[str] | None = None, order: str | None = None) -> Designs:
    """Return the distinct designs of a table.

    Args:
        table: with its roles.
        metrics: those wanted; all by default.
        order: column by which designs are sorted; by default the first of `trial`, `number`, `evaluation`,
            `step`, `generation`, `iteration` that is there and not an input.

    Raises:
        InputError: an unknown column, no input that varies, or fewer than LEAST_DESIGNS distinct designs.
    """
    table = _with_metrics(table, metrics)
    if order is not None and order not in table.columns:
        raise InputError(f"{table.source}: no column '{order}'{did_you_mean(order, table.columns)}")
    order = order or table.first(ORDERS)
    if order is not None:
        table = replace(table, inputs=tuple(name for name in table.inputs if name != order))
    sampler = table.first(SAMPLERS)
    whole = [row for row in range(len(table)) if is_complete(table, row)]
    if order is not None:
        when = table.columns[order]
        if not all(isinstance(when[row], int | float) for row in whole):
            raise InputError(f"{table.source}: column '{order}' is an order, and must hold numbers only")
        whole.sort(key=lambda row: when[row])
    members: dict[tuple[object, ...], list[int]] = {}
    for row in whole:
        members.setdefault(tuple(hashable(table.columns[n][row]) for n in table.inputs), []).append(row)
    if len(members) < LEAST_DESIGNS:
        raise InputError(
            f"{table.source}: has {len(members)} distinct designs with all metrics: "
            f"must be at least {LEAST_DESIGNS}"
        )
    first = [rows[0] for rows in members.values()]
    columns = {name: [table.columns[name][row] for row in first] for name in table.inputs}
    code = encoding(columns, table.inputs)
    if not code.features:
        raise InputError(f"{table.source}: no input varies (inputs: {', '.join(table.inputs)})")
    values = {
        name: [np.array([float(table.columns[name][r]) for r in rows]) for rows in members.values()]
        for name in table.metrics
    }
    return Designs(
        source=table.source,
        code=code,
        x=encode(code, columns),
        metrics={name: np.array([_mean(group) for group in groups]) for name, groups in values.items()},
        rows=len(whole),
        incomplete=len(table) - len(whole),
        disagreement_pct=max(_spread_pct(group) for groups in values.values() for group in groups),
        order=order,
        sampler=sampler,
        met_by=()
        if sampler is None
        else tuple(frozenset(str(table.columns[sampler][r]) for r in rows) for rows in members.values()),
    )


def some(designs: Designs, keep: np.ndarray) -> Designs:
    """Return the designs with the given numbers, in that order."""
    return replace(
        designs,
        x=designs.x[keep],
        metrics={name: values[keep] for name, values in designs.metrics.items()},
        met_by=tuple(designs.met_by[i] for i in keep) if designs.met_by else (),
    )


def _with_metrics(table: Table, metrics: Sequence[str] | None) -> Table:
    """Return the table with only the metrics that are wanted."""
    for name in metrics or ():
        if name not in table.metrics:
            raise InputError(f"{table.source}: '{name}' is not a metric{did_you_mean(name, table.metrics)}")
    return replace(table, metrics=tuple(metrics or table.metrics))


def _mean(values: np.ndarray) -> float:
    return float(values[0]) if np.all(values == values[0]) else float(values.mean())


def _spread_pct(values: np.ndarray) -> float:
    size = float(np.abs(values).mean())
    return 100.0 * float(np.ptp(values)) / size if size else 0.0
