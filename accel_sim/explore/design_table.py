"""Tables of designs from CSV files, and which of their columns are inputs and which are metrics.

    table = read_table("results/quickstart")            # or any CSV file

The caller says what a column is; else `columns` of the `manifest.json` beside the table does, by `inputs` and
`metrics`; else its name and place do: a metric ends in a unit (`_s`, `_ns`, `_cycles`, `_pj`, `_mm2`) or is
a rate such as `tokens_per_s`, inputs stand before the first metric, and columns of the record (`trial`,
`sampler`, `seed`, `error` and such) are neither. `batch` is that of a workload, except in a table of trials.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from accel_sim.config import InputError, did_you_mean

TABLE, MANIFEST = "table.csv", "manifest.json"
# Columns of the record of a search, neither inputs nor metrics unless the caller or the manifest says so.
ORDERS = ("trial", "number", "evaluation", "step", "generation", "iteration")
SAMPLERS = ("sampler", "algorithm", "agent")
TIMES = ("seconds", "cpu_s", "wall_s")
OUTCOMES = ("status", "state", "error", "feasible", "front", "violation", "same_as_trial")
RECORD = frozenset({*ORDERS, *SAMPLERS, *TIMES, *OUTCOMES, "kind", "name", "seed", "run", "key", "id", "index"})
UNITS = ("s", "ms", "us", "ns", "ps", "cycles", "j", "mj", "uj", "nj", "pj", "w", "mw", "mm2", "um2")
UNITLESS = frozenset({"utilization", "edp"})


@dataclass(frozen=True)
class Table:
    """Rows of designs with what they cost.

    Attributes:
        source: the file, as it was given.
        inputs: names of the columns that say what a design is.
        metrics: names of the columns that say what it costs.
        columns: the values of every column by name, all of the same length: numbers, truth values, text, None
            where a cell is empty.
        lines: the line of the file of each row.
    """

    source: str
    inputs: tuple[str, ...]
    metrics: tuple[str, ...]
    columns: Mapping[str, tuple[Any, ...]]
    lines: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.lines)

    def design(self, row: int) -> dict[str, Any]:
        """Return the inputs of a row by name."""
        return {name: self.columns[name][row] for name in self.inputs}

    def first(self, names: Sequence[str]) -> str | None:
        """Return the first of the names that is a column and not an input, or None."""
        return next((name for name in names if name in self.columns and name not in self.inputs), None)


def take(table: Table, rows: Sequence[int]) -> Table:
    """Return the given rows of a table, in that order."""
    columns = {name: tuple(values[r] for r in rows) for name, values in table.columns.items()}
    return replace(table, columns=columns, lines=tuple(table.lines[r] for r in rows))


def is_complete(table: Table, row: int) -> bool:
    """Tell whether a row has a finite number for every metric."""
    return all(_is_number(table.columns[name][row]) for name in table.metrics)


def hashable(value: Any) -> Any:
    """Return a value that equals another one exactly when both stand for the same cell of a table."""
    if isinstance(value, bool):
        return ("truth", value)
    return json.dumps(value) if isinstance(value, list | dict) else value


def read_table(
    path: str | Path, *, inputs: Sequence[str] | None = None, metrics: Sequence[str] | None = None
) -> Table:
    """Return the table of a results folder or of a CSV file with a header.

    Args:
        path: a folder with `table.csv`, or the file.
        inputs: columns that say what a design is, where manifest and names do not tell, or not as wanted.
        metrics: columns that say what it costs, likewise.

    Raises:
        InputError: there is no table, a row has another width than the header, a column does not exist, or
            there is no input or no metric.
    """
    path = Path(path)
    file = path / TABLE if path.is_dir() else path
    if not file.is_file():
        wanted = f"has no {TABLE}" if path.is_dir() else "no such file or folder"
        raise InputError(f"{path}: {wanted}")
    header, lines = _cells(file)
    columns = {name: tuple(_value(cells[i]) for _, cells in lines) for i, name in enumerate(header)}
    return make_table(
        columns,
        source=str(file),
        inputs=inputs,
        metrics=metrics,
        roles=_manifest_roles(file.with_name(MANIFEST)) if file.name == TABLE else {},
        lines=[line for line, _ in lines],
    )


def make_table(
    columns: Mapping[str, Sequence[Any]],
    *,
    source: str = "table",
    inputs: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    roles: Mapping[str, Sequence[str]] | None = None,
    lines: Sequence[int] | None = None,
) -> Table:
    """Return a table from columns that are in memory, with the roles told as by `read_table`.

    Args:
        columns: values by name; a pandas frame will do.
        source: what to call it in messages.
        inputs: as of `read_table`.
        metrics: as of `read_table`.
        roles: `inputs` and `metrics` as a manifest has them.
        lines: of the rows, for messages; counted from 1 where not given.
    """
    values = {str(name): tuple(_plain(v) for v in columns[name]) for name in columns}
    count = len(next(iter(values.values()), ()))
    roles = {role: [n for n in names if n in values] for role, names in (roles or {}).items()}
    for name in (*(inputs or ()), *(metrics or ())):
        if name not in values:
            raise InputError(f"{source}: no column '{name}'{did_you_mean(name, values)}")
    known = [*roles.get("metrics", ()), *_metrics_by_name(values)]
    found = tuple(dict.fromkeys(metrics or roles.get("metrics") or known))
    if not found:
        raise InputError(f"{source}: no column is a metric: none has a unit at its end, such as latency_s")
    for name in found:
        if not any(_is_number(value) for value in values[name]):
            raise InputError(f"{source}: column '{name}' has no number, and cannot be a metric")
    told = inputs or roles.get("inputs") or _inputs_by_place(values, [*found, *known])
    own = tuple(name for name in told if name not in found)
    if not own:
        raise InputError(f"{source}: no column is an input: none stands before the first metric")
    return Table(source, own, found, values, tuple(lines or range(1, count + 1)))


def _metrics_by_name(values: Mapping[str, Sequence[Any]]) -> list[str]:
    return [
        name
        for name, column in values.items()
        if _names_a_metric(name) and all(v is None or _is_number(v) for v in column)
    ]


def _names_a_metric(name: str) -> bool:
    """Tell whether a name ends in a unit or is a rate."""
    stem, _, unit = name.lower().rpartition("_")
    return name not in RECORD and (
        (stem != "" and unit in UNITS) or "_per_" in name.lower() or name in UNITLESS
    )


def _inputs_by_place(values: Mapping[str, Sequence[Any]], metrics: Sequence[str]) -> list[str]:
    names = list(values)
    before = names[: min(names.index(name) for name in metrics)]
    of_trials = {"batch"} if "trial" in names else set()
    return [name for name in before if name not in RECORD | of_trials]


def _manifest_roles(path: Path) -> dict[str, list[str]]:
    """Return the columns that a manifest names by role; nothing where there is none that can be read."""
    try:
        roles = json.loads(path.read_text(encoding="utf-8")).get("columns", {})
        return {role: [str(name) for name in roles.get(role, [])] for role in ("inputs", "metrics")}
    except (OSError, ValueError, AttributeError):
        return {}


def _cells(file: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header and the rows that are not blank, each with its line."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text, strict=True)
            rows = [(reader.line_num, [c.strip() for c in cells]) for cells in reader if any(cells)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: cannot be read: {error}") from None
    if len(rows) < 2:
        raise InputError(f"{file}: has no rows")
    (_, header), *lines = rows
    for name in header:
        if not name or header.count(name) > 1:
            raise InputError(f"{file}:1: column '{name}' has no name or is there twice")
    for line, cells in lines:
        if len(cells) != len(header):
            raise InputError(f"{file}:{line}: has {len(cells)} cells: must be {len(header)}, as in the header")
    return header, lines


def _value(cell: str) -> Any:
    """Return what a cell of a CSV file stands for."""
    if not cell:
        return None
    if cell in ("true", "false", "True", "False"):
        return cell.lower() == "true"
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            continue
    return cell


def _plain(value: Any) -> Any:
    """Return a value as Python's own; None for what is no number."""
    item = getattr(value, "item", None)
    value = item() if callable(item) else value
    return None if isinstance(value, float) and math.isnan(value) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
