"""`load_search(folder)`: what a search found, from the files it left.

    result = load_search("results/search_npu")
    result.front, result.frame, result.plot.pareto()

Only `table.csv` and `manifest.json` are read, so that a folder can be looked at later and on another machine.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from accel_sim.config import InputError
from accel_sim.explore.search.domains import Finite
from accel_sim.explore.search.expressions import parse_expression
from accel_sim.explore.search.goals import Goals, Limit, Objective, Score, excess
from accel_sim.explore.search.outcome import SearchResult
from accel_sim.explore.search.space import Space
from accel_sim.explore.search.space_data import space_from_data
from accel_sim.explore.search.trials import BASELINE, OK, Rules, Spent, Trial
from accel_sim.explore.spec import Bound


def load_search(folder: str | Path) -> SearchResult:
    """Return what a search found, as `search` returned it.

    `trial.metrics` holds the metrics that are columns of the table.

    Raises:
        InputError: no such folder, none of a search, or of one that has not ended.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    if "search" not in manifest:
        raise InputError(f"{folder}: is the folder of a sweep, not of a search")
    try:
        return _result(folder, manifest)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            f"{folder}: not written by this version of accel_sim ({type(error).__name__}: {error}); "
            "run the search again, which computes nothing twice"
        ) from None


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a folder of results.

    Raises:
        InputError: there is no such folder, or it is not one of results.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    if not ((folder / "manifest.json").is_file() and (folder / "table.csv").is_file()):
        if (folder / "points.sqlite").is_file():
            raise InputError(f"{folder}: has no table yet; start the search again, and it goes on to its end")
        raise InputError(f"{folder}: is not a folder of results: no manifest.json and table.csv")
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / 'manifest.json'}: cannot be read: {error}") from None
    if not isinstance(manifest, dict) or not {"search", "sweep"} & manifest.keys():
        raise InputError(f"{folder}: is not a folder of results: its manifest names no search and no sweep")
    return manifest


def read_rows(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a folder's table, all cells as text."""
    with (folder / "table.csv").open(encoding="utf-8", newline="") as text:
        yield from csv.DictReader(text, strict=True)


def _result(folder: Path, manifest: Mapping[str, Any]) -> SearchResult:
    spec, sampler = manifest["search"], manifest["sampler"]
    space = space_from_data(manifest["space"])
    goals = Goals(
        tuple(Objective(parse_expression(text), way == "max") for text, way in spec["objectives"].items()),
        tuple(Limit(parse_expression(text), Bound(**bound)) for text, bound in spec["limits"].items()),
    )
    reader = _Reader(space, goals, manifest["parameter_columns"], tuple(manifest["columns"]["simulated"]))
    reference = manifest["reference_point"]
    found = SearchResult(
        name=manifest["name"],
        folder=folder,
        sampler=sampler["name"],
        settings=spec["search"]["settings"],
        rules=Rules(sampler["budget"], sampler["seed"], sampler["batch"], sampler["in_flight"]),
        space=space,
        goals=goals,
        trials=(),
        parameters=manifest["parameter_columns"],
        metrics=reader.metrics,
        hypervolume=manifest["hypervolume"],
        reference=None if reference is None else tuple(reference),
        computed=manifest["counts"]["computed_by_this_run"],
        spent=Spent(**{name: manifest["seconds"][name] for name in Spent.__slots__}),
        fidelities=manifest["fidelities"]["used"],
    )
    rows = list(read_rows(folder))
    trials = [reader.trial(row) for row in rows]
    if "screen" in found.fidelities:
        screened = [reader.score(row, partial(found.column_at, use="screen")) for row in rows]
        trials = [replace(trial, screening=score) for trial, score in zip(trials, screened, strict=True)]
    confirmed: dict[int, Score | str] = {}
    if "confirm" in found.fidelities:
        scores = {int(row["trial"]): reader.score(row, partial(found.column_at, use="confirm")) for row in rows}
        errors = manifest["fidelities"]["not_confirmed"]
        confirmed |= {number: score for number, score in scores.items() if score is not None}
        confirmed |= {int(number): error for number, error in errors.items()}
    return replace(found, trials=tuple(trials), confirmed=confirmed)


class _Reader:
    """From rows of a table to trials."""

    def __init__(
        self, space: Space, goals: Goals, parameters: Mapping[str, str], metrics: tuple[str, ...]
    ) -> None:
        self.space, self.goals, self.parameters, self.metrics = space, goals, parameters, metrics
        self._words = _words(space)

    def trial(self, row: Mapping[str, str]) -> Trial:
        """Return the trial of a row."""
        number, kind = int(row["trial"]), row["kind"]
        values = {
            path: self._words.get(path, {}).get(row[column]) or _value(row[column])
            for path, column in self.parameters.items()
            if row[column]
        }
        status = row["status"]
        score = self.score(row) if status == OK else None
        # A baseline of another design has values by chance only, which are no candidate.
        codes = self.space.encode(values)
        return Trial(
            number=number,
            batch=int(row["batch"]),
            kind=kind,
            name=row["name"] if kind == BASELINE else "",
            values=values,
            codes=codes,
            key=row["key"],
            first=int(row["same_as_trial"] or number),
            status=status,
            error=row["error"] or None,
            metrics={name: float(row[name]) for name in self.metrics if row[name]},
            score=score,
            violation=float(row["violation"]),
        )

    def score(self, row: Mapping[str, str], column: Callable[[str], str] = str) -> Score | None:
        """Return the score in the columns that `column` names for objectives and limits, None where empty."""
        if not row[column(self.goals.names[0])]:
            return None
        values = tuple(float(row[column(name)]) for name in self.goals.names)
        limited = tuple(float(row[column(limit.name)]) for limit in self.goals.limits)
        return Score(
            costs=tuple(-v if o.maximise else v for v, o in zip(values, self.goals.objectives, strict=True)),
            values=values,
            limited=limited,
            violations=tuple(
                excess(limit.bound, v) for limit, v in zip(self.goals.limits, limited, strict=True)
            ),
        )


def _words(space: Space) -> dict[str, dict[str, Any]]:
    """Return the values of each path by their text, so that a word that looks like a number stays a word."""
    words: dict[str, dict[str, Any]] = {}
    for parameter, domain in zip(space.searched, space.domains, strict=True):
        if isinstance(domain, Finite) and not isinstance(domain.values, range):
            for value in domain.values:
                parts = value if isinstance(value, tuple) else (value,) * len(parameter.paths)
                for path, part in zip(parameter.paths, parts, strict=True):
                    words.setdefault(path, {})[_cell(part)] = part
    return words


def _cell(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value(cell: str) -> Any:
    """Return what a cell stands for."""
    if cell in ("true", "false"):
        return cell == "true"
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            continue
    return cell
