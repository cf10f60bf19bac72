"""Designs looked up in a table: an evaluator for trying out searches, without a simulator.

by_trace = split_table(read_table("designs.csv"), "trace")
known = tabulated_designs(by_trace["random.stl"])
known.evaluate(known.candidates[0])                 # metrics by name
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from accel_sim.config import InputError, did_you_mean
from accel_sim.config.errors import shortened
from accel_sim.explore.design_table import Table, hashable, is_complete, take


@dataclass(frozen=True)
class TabulatedDesigns:
    """An evaluator that knows the designs of a table and no others.

    Attributes:
        table: where they are from; its inputs are the parameters.
        candidates: every design once, in the order of the table; a dict of parameters each.
    """

    table: Table
    candidates: tuple[dict[str, Any], ...]

    @cached_property
    def _rows(self) -> dict[tuple[Any, ...], int]:
        return _first_rows(self.table)

    def evaluate(self, candidate: Mapping[str, Any]) -> dict[str, float]:
        """Return the metrics of a design by name.

        Raises:
            InputError: a parameter is missing or unknown, or the table does not have the design.
        """
        names = self.table.inputs
        for name in candidate:
            if name not in names:
                raise InputError(f"{self.table.source}: no parameter '{name}'{did_you_mean(name, names)}")
        for name in names:
            if name not in candidate:
                raise InputError(f"{self.table.source}: the design does not say its '{name}'")
        row = self._rows.get(tuple(hashable(candidate[name]) for name in names))
        if row is None:
            given = ", ".join(f"{name} {candidate[name]}" for name in names)
            raise InputError(f"{self.table.source}: no such design: {shortened(given, 200)}")
        return {name: float(self.table.columns[name][row]) for name in self.table.metrics}


def tabulated_designs(table: Table) -> TabulatedDesigns:
    """Return the designs of a table as an evaluator; rows that lack a metric are left out.

    Raises:
        InputError: two rows of the same design that do not agree, or no complete row.
    """
    whole = take(table, [r for r in range(len(table)) if is_complete(table, r)])
    if not len(whole):
        raise InputError(f"{table.source}: no row has all of {', '.join(table.metrics)}")
    first = _first_rows(whole)
    for row in range(len(whole)):
        other = first[_key(whole, row)]
        if any(whole.columns[name][row] != whole.columns[name][other] for name in whole.metrics):
            raise InputError(
                f"{whole.source}:{whole.lines[row]}: the design of line {whole.lines[other]} with other metrics"
            )
    return TabulatedDesigns(whole, tuple(whole.design(row) for row in first.values()))


def split_table(table: Table, column: str) -> dict[str, Table]:
    """Return a table for each value of a column, which is an input no longer.

    Raises:
        InputError: there is no such column.
    """
    if column not in table.columns:
        raise InputError(f"{table.source}: no column '{column}'{did_you_mean(column, table.columns)}")
    rows: dict[str, list[int]] = {}
    for row, value in enumerate(table.columns[column]):
        rows.setdefault(str(value), []).append(row)
    inputs = tuple(name for name in table.inputs if name != column)
    return {value: replace(take(table, members), inputs=inputs) for value, members in rows.items()}


def _key(table: Table, row: int) -> tuple[Any, ...]:
    return tuple(hashable(table.columns[name][row]) for name in table.inputs)


def _first_rows(table: Table) -> dict[tuple[Any, ...], int]:
    """Return the first row of each design, by its inputs."""
    first: dict[tuple[Any, ...], int] = {}
    for row in range(len(table)):
        first.setdefault(_key(table, row), row)
    return first
