"""Searches of DRAMGym's table of DRAM controllers, whose best designs are known since all of it is."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from search_problems import goals_of, run, space_of

import accel_sim
from accel_sim.explore.search.problem import FunctionProblem
from accel_sim.explore.search.trials import front_of

TABLE = Path(accel_sim.__file__).parent / "validation" / "data" / "dramgym.csv"
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("accel_sim.explore.tabulated") is None or not TABLE.is_file(),
    reason="no tables as problems here",
)
METRICS = ("energy_pJ", "total_time_ns")
GOALS = goals_of(dict.fromkeys(METRICS, "min"))


def tabulated(trace):
    from accel_sim.explore.design_table import read_table
    from accel_sim.explore.tabulated import split_table, tabulated_designs

    inputs = TABLE.read_text().splitlines()[0].split(",")[:11]
    return tabulated_designs(split_table(read_table(TABLE, inputs=inputs, metrics=METRICS), "trace")[trace])


@pytest.mark.parametrize("trace", ["random.stl", "stream.stl", "cloud-1.stl", "cloud-2.stl"])
@pytest.mark.parametrize("sampler", ["nsga2", "random"])
def test_a_search_that_may_try_the_whole_table_finds_its_front(tmp_path, trace, sampler):
    known = tabulated(trace)
    space = space_of({"design": {"int": [0, len(known.candidates) - 1]}})
    problem = FunctionProblem(trace, METRICS, lambda values: known.evaluate(known.candidates[values["design"]]))
    budget = len(known.candidates)
    trials = run(tmp_path, sampler, budget=budget, space=space, problem=problem, goals=GOALS, batch=50)
    rows = {tuple(known.evaluate(candidate)[name] for name in METRICS) for candidate in known.candidates}
    assert {trial.score.costs for trial in trials} == rows
    beaten = {a for a in rows if any(b != a and b[0] <= a[0] and b[1] <= a[1] for b in rows)}
    assert {trial.score.costs for trial in front_of(trials, 2)} == rows - beaten
