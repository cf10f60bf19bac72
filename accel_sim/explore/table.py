"""The table of a sweep: a row for each point in the order of the grid, inputs first."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accel_sim.explore.plan import Plan
from accel_sim.explore.store import FINISHED, Outcome

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class SweepResult:
    """What a sweep found.

    Attributes:
        name: of the sweep.
        folder: where its files are.
        columns: inputs, metrics with their units, `feasible` (only where there are constraints), `error`.
        rows: a dict for each point with all of `columns`; None where there is no value.
        metrics: every metric of each point, also those that are not columns; empty for failed points.
        inputs: names of the input columns.
        computed: simulations that this call ran; the others were there already.
    """

    name: str
    folder: Path
    columns: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    metrics: tuple[Mapping[str, float], ...]
    inputs: tuple[str, ...]
    computed: int

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The table as a pandas frame."""
        import pandas as pd

        return pd.DataFrame(list(self.rows), columns=list(self.columns))

    @property
    def failed(self) -> int:
        """Points without a result."""
        return sum(row["error"] is not None for row in self.rows)

    @property
    def infeasible(self) -> int:
        """Points outside the constraints."""
        return sum(row.get("feasible") is False for row in self.rows)


def tabulate(plan: Plan, outcomes: Mapping[str, Outcome], computed: int, folder: Path) -> SweepResult:
    """Return the table of a sweep whose points have all been tried."""
    spec = plan.spec
    names = tuple(dict.fromkeys((*spec.metrics, *spec.constraints)))
    feasible = ("feasible",) if spec.constraints else ()
    columns = (*plan.columns, *names, *feasible, "error")
    rows, metrics = [], []
    for point in plan.points:
        outcome = outcomes.get(point.key)
        known: Mapping[str, float] = outcome.metrics if outcome and outcome.status == FINISHED else {}
        row: dict[str, Any] = dict.fromkeys(columns)
        row |= point.inputs
        row |= {name: known.get(name) for name in names}
        if known and spec.constraints:
            row["feasible"] = all(bound.holds(known[name]) for name, bound in spec.constraints.items())
        row["error"] = point.error if outcome is None else outcome.error
        rows.append(row)
        metrics.append(known)
    return SweepResult(spec.name, folder, columns, tuple(rows), tuple(metrics), plan.columns, computed)


def to_csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as CSV text; the same rows are always the same text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row[name]) for name in columns] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


def write_if_changed(path: Path, content: str | bytes) -> None:
    """Write a file in one step, and not at all when it has that content."""
    data = content.encode() if isinstance(content, str) else content
    if path.is_file() and path.read_bytes() == data:
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(data)
    temporary.replace(path)
