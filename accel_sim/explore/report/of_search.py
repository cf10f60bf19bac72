"""What the page about a search says, as plain data for its template."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from accel_sim.explore.report.pictures import search_pictures
from accel_sim.explore.report.tables import Cell, number_cell, provenance, text_cell
from accel_sim.explore.search import agreement
from accel_sim.explore.search.convergence import WITHIN, chance
from accel_sim.explore.search.domains import Finite
from accel_sim.explore.search.goals import Limit
from accel_sim.explore.search.outcome import SearchResult, varied
from accel_sim.explore.search.space import Parameter, Space
from accel_sim.explore.search.trials import FAILED, ILLEGAL, OK, Trial
from accel_sim.explore.search.wording import format_value, short_names
from accel_sim.results.wording import format_metric

MOST_REASONS = 8
MOST_VALUES = 12


def search_page(result: SearchResult, manifest: Mapping[str, Any], page: Path) -> dict[str, Any]:
    """Return the content of the page, which will stand at `page`."""
    from markupsafe import Markup

    pictures = {name: [Markup(svg) for svg in svgs] for name, svgs in search_pictures(result).items()}
    columns, rows = _designs(result, result.front, page)
    return {
        "name": result.name,
        "description": manifest["search"]["description"],
        "counts": result.count(),
        "pictures": pictures,
        "columns": columns,
        "front": rows,
        "baseline_columns": [*columns[:2], "against the front", *columns[2:]],
        "baselines": [
            [*cells[:2], text_cell(result.verdict(trial)), *cells[2:]]
            for cells, trial in zip(_designs(result, result.baselines, page)[1], result.baselines, strict=True)
        ],
        "parameters": [_parameter(result, p) for p in result.space.parameters],
        "constraints": [constraint.text for constraint in result.space.constraints],
        "objectives": [
            (o.name, "more is better" if o.maximise else "less is better") for o in result.goals.objectives
        ],
        "limits": [_limit(limit) for limit in result.goals.limits],
        "workloads": [_workload(entry) for entry in manifest["search"]["workloads"]],
        "designs": [_design(entry) for entry in _all_designs(manifest["search"])],
        "fidelity": ", ".join(f"{name} ({use})" for use, name in result.fidelities.items()),
        "agreement": agreement.in_words(result),
        "sampler": _sampler(result, manifest),
        "candidates": manifest["space"]["candidates"],
        "reasons": reasons(result)[:MOST_REASONS],
        "chance": chance(result),
        "within": WITHIN,
        "importances": result.importances,
        "hypervolume": f"{result.hypervolume:.6g}",
        "reference": _reference(result),
        "times": _times(result),
        "provenance": provenance(manifest),
        "format_metric": format_metric,
    }


def reasons(result: SearchResult) -> list[tuple[str, int]]:
    """Return why designs are illegal, failed or beyond the limits, with how many of them, commonest first."""
    found: Counter[str] = Counter()
    for trial in result.trials:
        if trial.repeated:
            continue
        if trial.status == ILLEGAL:
            found.update(f"illegal: breaks {text}" for text in _broken(result.space, trial))
        elif trial.status == FAILED:
            found[f"failed: {trial.error}"] += 1
        elif trial.score is not None:
            found.update(
                f"beyond the limit: {_limit(limit)}"
                for limit, excess in zip(result.goals.limits, trial.score.violations, strict=True)
                if excess > 0
            )
    return found.most_common()


def _broken(space: Space, trial: Trial) -> list[str]:
    broken = [c.text for c in space.constraints if Space((), (c,), space.constants).violation(trial.values) > 0]
    return broken or [trial.error or "a constraint"]


def _designs(result: SearchResult, trials: Sequence[Trial], page: Path) -> tuple[list[str], list[list[Cell]]]:
    """Return the columns of a table of designs, and a row of cells for each."""
    paths = varied([*result.front, *result.baselines], result.searched)
    goals = list(dict.fromkeys((*result.goals.names, *(limit.name for limit in result.goals.limits))))
    others = [name for name in result.metrics if name not in goals]
    rows = []
    for place, trial in enumerate(trials, 1):
        known = dict(trial.metrics)
        if trial.score is not None:
            known |= dict(zip((limit.name for limit in result.goals.limits), trial.score.limited, strict=True))
            known |= dict(zip(result.goals.names, trial.score.values, strict=True))
        file = _file(result, trial, place, len(trials), page)
        rows.append(
            [
                number_cell(trial.number, str(trial.number)),
                text_cell(trial.name or (Path(file).name if file else ""), file),
                *(_value_cell(trial.values.get(path), result.parameters[path]) for path in paths),
                *(
                    number_cell(known[n], format_metric(n, known[n])) if n in known else text_cell("")
                    for n in (*goals, *others)
                ),
            ]
        )
    return ["trial", "design", *short_names(paths), *goals, *others], rows


def _file(result: SearchResult, trial: Trial, place: int, count: int, page: Path) -> str | None:
    """Return the file of a design of the front, from where the page stands; None for others."""
    if all(trial is not other for other in result.front):
        return None
    digits = max(2, len(str(count)))
    file = result.folder / "best" / f"{result.name}_{place:0{digits}}.yaml"
    return os.path.relpath(file, page.parent) if file.is_file() else None


def _value_cell(value: Any, column: str) -> Cell:
    shown = format_value(value, column)
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return number_cell(value, shown) if plain else text_cell(shown)


def _parameter(result: SearchResult, parameter: Parameter) -> tuple[str, str, str]:
    """Return a parameter's name, its values, and its condition."""
    column = result.parameters[parameter.paths[0]]
    when = f"where {parameter.when.text}" if parameter.when is not None else ""
    domain = parameter.domain
    if domain is None:
        return parameter.name, f"= {parameter.derive.text if parameter.derive else ''}", when
    if not isinstance(domain, Finite):
        scale = ", logarithmic" if domain.log else ""
        low, high = (format_value(value, column) for value in (domain.low, domain.high))
        return parameter.name, f"{low} to {high}{scale}", when
    shown = [_words(value, column) for value in list(domain.values)[:MOST_VALUES]]
    if len(domain.values) > MOST_VALUES:
        shown = [*shown[:3], "…", _words(domain.values[-1], column)]
    return parameter.name, "; ".join(shown) if any("," in s for s in shown) else ", ".join(shown), when


def _words(value: Any, column: str) -> str:
    if isinstance(value, tuple):
        return ", ".join(dict.fromkeys(str(part) for part in value))
    return format_value(value, column)


def _limit(limit: Limit) -> str:
    """Return a limit in words, such as `area_mm2 at most 100 mm²`."""
    bounds = ((limit.bound.min, "at least"), (limit.bound.max, "at most"))
    parts = [f"{word} {format_metric(limit.name, bound)}" for bound, word in bounds if bound is not None]
    return f"{limit.name} {' and '.join(parts)}"


def _workload(entry: Mapping[str, Any]) -> str:
    own = entry["entry"]
    phase = ", ".join(f"{k} {v}" for k, v in (own["phase"] or {}).items() if k != "phase")
    kind = (own["phase"] or {}).get("phase", "")
    detail = f" ({phase})" if phase else ""
    name = f"{own['name']}: " if own["name"] else ""
    weight = f", {entry['weight']:g} times" if entry["weight"] != 1 else ""
    return f"{name}{own['workload']} {kind}{detail}{weight}".replace("  ", " ").strip()


def _all_designs(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [spec["design"]] if spec["design"] is not None else list(spec["designs"])


def _design(entry: Mapping[str, Any]) -> str:
    settings = ", ".join(f"{path} = {value}" for path, value in entry["set"].items())
    return f"{Path(entry['design']).name}{f' with {settings}' if settings else ''}"


def _sampler(result: SearchResult, manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    asked = manifest["search"]["search"]["sampler"]
    rows = [("sampler", result.sampler if asked == result.sampler else f"{result.sampler} ({asked})")]
    rows += [(name, str(value)) for name, value in result.settings.items()]
    rules = result.rules
    return [
        *rows,
        ("budget", f"{rules.budget} distinct designs"),
        ("seed", str(rules.seed)),
        ("batch", f"{rules.batch}" + (f", {rules.in_flight} in flight" if rules.in_flight > 1 else "")),
    ]


def _reference(result: SearchResult) -> str:
    values = zip(result.goals.names, result.goals.objectives, result.reference or (), strict=False)
    return ", ".join(format_metric(name, -cost if o.maximise else cost) for name, o, cost in values)


def _times(result: SearchResult) -> list[tuple[str, str]]:
    """Return the seconds of the last run by what they were spent on, and those of all evaluations."""
    spent = result.spent
    own = spent.total - spent.sampler - spent.waiting
    designs = max(1, sum(t.status == OK and not t.repeated for t in result.trials))
    rows = [
        ("sampler", f"{spent.sampler:.3g} s"),
        ("waiting for evaluations", f"{spent.waiting:.3g} s"),
        ("accel_sim's own", f"{own:.3g} s"),
        ("in all", f"{spent.total:.3g} s for {result.computed} simulations"),
    ]
    measured = _evaluation_seconds(result.folder / "points.sqlite")
    if measured is not None:
        rows.append(
            (
                "simulations of all runs, on their workers",
                f"{measured:.3g} s, {1e3 * measured / designs:.3g} ms a design",
            )
        )
    return rows


def _evaluation_seconds(store: Path) -> float | None:
    """Return the seconds that all points of a store took; None where there is no store to read."""
    if not store.is_file():
        return None
    try:
        with closing(sqlite3.connect(f"{store.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            row = connection.execute("select total(seconds) from points").fetchone()
    except sqlite3.Error:
        return None
    return float(row[0])
