"""Small spaces with known answers, for the tests of the search."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from accel_sim.explore.crew import Crew
from accel_sim.explore.pool import Opener, local_pool
from accel_sim.explore.search.domains import read_domain
from accel_sim.explore.search.driver import Search
from accel_sim.explore.search.expressions import parse_expression
from accel_sim.explore.search.goals import Goals, Limit, Objective
from accel_sim.explore.search.ladder import Ladder
from accel_sim.explore.search.log import TrialLog
from accel_sim.explore.search.outcome import SearchResult
from accel_sim.explore.search.pareto import Front
from accel_sim.explore.search.problem import FunctionProblem
from accel_sim.explore.search.samplers import make_sampler
from accel_sim.explore.search.space import Parameter, Space
from accel_sim.explore.search.trials import Rules, SearchProgress, Spent, Start, Trial
from accel_sim.explore.spec import Bound
from accel_sim.explore.store import Store


def space_of(parameters: Mapping[str, Any], constraints: tuple[str, ...] = ()) -> Space:
    """Return a space of parameters as a file declares them."""
    made = []
    for name, given in parameters.items():
        paths = tuple(path.strip() for path in name.split(","))
        rest = dict(given) if isinstance(given, dict) else {"choice": given}
        when, derive = (parse_expression(rest.pop(key)) if key in rest else None for key in ("when", "derive"))
        domain = None if derive else read_domain(rest, *[lambda value: value] * len(paths))
        made.append(Parameter(name, paths, domain, when, derive))
    return Space(tuple(made), tuple(map(parse_expression, constraints)))


def ordered_space() -> Space:
    """Return a space of numbers, 5 x 5 x 4."""
    return space_of({"rows": {"pow2": [1, 16]}, "columns": {"pow2": [1, 16]}, "cache": {"int": [0, 3]}})


def goals_of(objectives: Mapping[str, str], limits: Mapping[str, Mapping[str, float]] | None = None) -> Goals:
    """Return goals as a file declares them."""
    return Goals(
        tuple(Objective(parse_expression(text), way == "max") for text, way in objectives.items()),
        tuple(Limit(parse_expression(text), Bound(**bound)) for text, bound in (limits or {}).items()),
    )


CHIP = space_of(
    {
        "rows": {"pow2": [1, 4]},
        "columns": {"pow2": [1, 4]},
        "cache": {"int": [0, 2]},
        "ways": {"choice": [1, 2], "when": "cache > 0"},
        "kind": ["fast", "small"],
    },
    ("rows * columns <= 8",),
)


def chip(values: Mapping[str, Any]) -> dict[str, float]:
    """Return time, area and heat of a toy chip; odd caches with two ways do not work."""
    if values.get("ways") == 2 and values["cache"] % 2:
        raise ValueError("two ways need an even cache")
    units = values["rows"] * values["columns"]
    quick = 2.0 if values["kind"] == "fast" else 1.0
    misses = 1 / (1 + values["cache"] * values.get("ways", 1))
    skew = 1 + 0.1 * abs(math.log2(values["rows"] / values["columns"]))
    return {
        "time": skew * (100 / (units * quick) + 20 * misses),
        "area": units * quick + 3 * values["cache"] * values.get("ways", 1),
        "heat": units * quick**2,
    }


CHIP_PROBLEM = FunctionProblem("chip", ("time", "area", "heat"), chip)


def slow_chip(values: Mapping[str, Any]) -> dict[str, float]:
    """Return what `chip` does, later."""
    time.sleep(0.02)
    return chip(values)


def deadly_chip(values: Mapping[str, Any]) -> dict[str, float]:
    """Return what `chip` does; one design takes the worker process with it."""
    if values["rows"] == values["columns"] == 2 and values["kind"] == "fast" and values["cache"] == 0:
        assert multiprocessing.parent_process() is not None
        os.kill(os.getpid(), signal.SIGKILL)
    return chip(values)


TWO = goals_of({"time": "min", "area": "min"}, {"heat": {"max": 20}})
ONE = goals_of({"time * area": "min"}, {"heat": {"max": 20}})


def run(
    folder: Path,
    sampler: str,
    *,
    budget: int,
    space: Space = CHIP,
    problem: FunctionProblem | Ladder = CHIP_PROBLEM,
    goals: Goals = TWO,
    settings: Mapping[str, Any] | None = None,
    seed: int = 1,
    batch: int = 8,
    in_flight: int = 1,
    workers: int | None = 1,
    opener: Opener = local_pool,
    progress: Callable[[SearchProgress], None] = lambda _: None,
    starts: tuple[Start, ...] = (),
    stop_after: int | None = None,
    with_confirmed: bool = False,
) -> Any:
    """Return the trials of a search, and what was confirmed of them where that is wanted.

    It ends as if killed after `stop_after` batches are logged.
    """
    limits = [limit.name for limit in goals.limits]
    made = make_sampler(sampler, settings or {}, space, len(goals.objectives), limits, seed)
    folder.mkdir(exist_ok=True)
    points = folder / "points.sqlite"
    with (
        Store(points) as store,
        _StoppingLog(points, f"{sampler} {seed} {batch} {in_flight}", stop_after) as log,
        Crew(problem.evaluate, workers, opener) as crew,
    ):
        rules = Rules(budget, seed, batch, in_flight)
        driver = Search(problem, space, goals, made, rules, starts, store, log, crew, progress)
        trials = driver.run()
        return (trials, driver.confirmed) if with_confirmed else trials


def result_of(
    trials: list[Trial], sampler: str, *, space: Space = CHIP, goals: Goals = TWO, budget: int = 0
) -> SearchResult:
    """Return the result of a search that `run` made."""
    front = Front(len(goals.objectives))
    for batch in sorted({t.batch for t in trials}):
        front.add([t.score.costs for t in trials if t.batch == batch and t.feasible and t.score])
    return SearchResult(
        name="toy",
        folder=Path(),
        sampler=sampler,
        settings={},
        rules=Rules(budget, 1, 8),
        space=space,
        goals=goals,
        trials=tuple(trials),
        parameters={path: path for parameter in space.parameters for path in parameter.paths},
        metrics=(),
        hypervolume=front.hypervolume,
        reference=front.reference,
        computed=len(trials),
        spent=Spent(),
    )


class Stopped(BaseException):
    """The search was stopped."""


class _StoppingLog(TrialLog):
    def __init__(self, path: Path, identity: str, stop_after: int | None) -> None:
        super().__init__(path, identity)
        self._left = stop_after

    def write(self, *arguments: Any) -> None:
        super().write(*arguments)
        if self._left is not None:
            self._left -= 1
            if self._left <= 0:
                raise Stopped


def told(trials: list[Trial]) -> list[tuple[Any, ...]]:
    """Return what must be the same in equal searches."""
    return [(t.number, t.batch, t.kind, t.name, t.codes, t.key, t.first, t.status, t.metrics) for t in trials]
