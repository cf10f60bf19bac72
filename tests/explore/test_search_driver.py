"""The search loop: it finds known fronts, and is the same however it is run."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from processes import PATIENCE_SECONDS, wait_until
from search_problems import CHIP, CHIP_PROBLEM, ONE, TWO, Stopped, chip, ordered_space, run, space_of, told

from accel_sim.config import InputError
from accel_sim.explore.search.pareto import dominates
from accel_sim.explore.search.problem import FunctionProblem
from accel_sim.explore.search.trials import FAILED, ILLEGAL, Start

MULTI = ("random", "qmc", "grid", "nsga2", "nsga3", "tpe", "gp")
ORDERED = ordered_space()
SETTINGS = {"nsga2": {"population_size": 8}, "nsga3": {"population_size": 8}, "tpe": {"n_startup_trials": 8}}
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="gp needs torch")


def ordered(values):
    return chip({**values, "kind": "small"})


ORDERED_PROBLEM = FunctionProblem("ordered", CHIP_PROBLEM.metrics, ordered)


def true_front():
    """Return the costs of the front of CHIP by brute force over the product of all values."""
    found = set()
    for rows, columns, cache, ways, kind in itertools.product(
        (1, 2, 4), (1, 2, 4), range(3), (1, 2), ("fast", "small")
    ):
        values = {"rows": rows, "columns": columns, "cache": cache, "kind": kind}
        if cache:
            values["ways"] = ways
        if rows * columns > 8 or (cache % 2 and ways == 2):
            continue
        metrics = chip(values)
        if metrics["heat"] <= 20:
            found.add((metrics["time"], metrics["area"]))
    return {one for one in found if not any(dominates(other, one) for other in found)}


def front_of(trials):
    costs = {t.score.costs for t in trials if t.feasible}
    return {one for one in costs if not any(dominates(other, one) for other in costs)}


@pytest.mark.parametrize("sampler", [s for s in MULTI if s != "gp"])
def test_a_sampler_that_may_try_everything_finds_the_true_front(tmp_path, sampler):
    trials = run(tmp_path, sampler, budget=CHIP.size, settings=SETTINGS.get(sampler), batch=16)
    assert len({t.key for t in trials if t.status != ILLEGAL}) == CHIP.size
    assert front_of(trials) == true_front()


@needs_torch
def test_gp_finds_the_best_of_a_small_space(tmp_path):
    space = space_of({"rows": {"pow2": [1, 8]}, "cache": {"int": [0, 3]}, "columns": [4]})
    trials = run(tmp_path, "gp", budget=space.size, space=space, problem=ORDERED_PROBLEM, goals=ONE, batch=4)
    values = [space.values(codes) for codes in space.enumerate()]
    assert min(t.score.costs[0] for t in trials if t.feasible) == min(
        m["time"] * m["area"] for m in map(ordered, values) if m["heat"] <= 20
    )


def test_cmaes_finds_the_best_of_a_space_of_numbers(tmp_path):
    trials = run(tmp_path, "cmaes", budget=ORDERED.size, space=ORDERED, problem=ORDERED_PROBLEM, goals=ONE)
    best = min(
        m["time"] * m["area"]
        for m in (ordered(ORDERED.values(codes)) for codes in ORDERED.enumerate())
        if m["heat"] <= 20
    )
    assert min(t.score.costs[0] for t in trials if t.feasible) == best


@pytest.mark.parametrize("in_flight", [1, 2])
@pytest.mark.parametrize("sampler", [*MULTI[:-1], "cmaes", pytest.param("gp", marks=needs_torch)])
def test_a_search_stopped_after_every_batch_and_resumed_is_the_search_that_was_not(
    tmp_path, sampler, in_flight
):
    budget = 20 if sampler == "gp" else 36
    case = {"budget": budget, "settings": SETTINGS.get(sampler), "in_flight": in_flight}
    if sampler == "gp":
        case |= {"batch": 5, "settings": {"n_startup_trials": 5}}
    if sampler == "cmaes":
        case |= {"space": ORDERED, "problem": ORDERED_PROBLEM, "goals": ONE}
    starts = (Start("first", (case.get("space") or CHIP).values((1, 1, 1, 0, 0)), (1, 1, 1, 0, 0)),)
    if sampler == "cmaes":
        starts = (Start("first", ORDERED.values((1, 1, 1)), (1, 1, 1)),)
    whole = run(tmp_path / "whole", sampler, starts=starts, **case)
    for _ in range(40):
        try:
            resumed = run(tmp_path / "parts", sampler, starts=starts, stop_after=1, **case)
            break
        except Stopped:
            continue
    assert told(resumed) == told(whole)


@pytest.mark.parametrize("sampler", ["nsga2", "tpe"])
def test_the_number_of_workers_changes_nothing(tmp_path, sampler):
    one, two = (
        run(tmp_path / str(n), sampler, budget=30, settings=SETTINGS[sampler], workers=n, in_flight=2)
        for n in (1, 2)
    )
    assert told(one) == told(two)


def test_another_seed_is_another_search(tmp_path):
    one, two = (run(tmp_path / str(seed), "nsga2", budget=30, seed=seed) for seed in (1, 2))
    assert told(one) != told(two)


def test_a_larger_budget_goes_on_where_the_smaller_one_ended(tmp_path):
    run(tmp_path / "a", "nsga2", budget=21, settings=SETTINGS["nsga2"])
    assert told(run(tmp_path / "a", "nsga2", budget=50, settings=SETTINGS["nsga2"])) == told(
        run(tmp_path / "b", "nsga2", budget=50, settings=SETTINGS["nsga2"])
    )


def test_the_budget_counts_distinct_legal_candidates_without_baselines(tmp_path):
    start = Start("small", CHIP.values((0, 0, 0, None, 1)), (0, 0, 0, None, 1))
    trials = run(tmp_path, "nsga2", budget=40, settings=SETTINGS["nsga2"], starts=(start,))
    assert trials[0].name == "small"
    own = {t.key for t in trials if t.status != ILLEGAL} - {trials[0].key}
    assert len(own) == 40


def test_illegal_candidates_are_listed_and_never_evaluated(tmp_path):
    seen = tmp_path / "seen"
    seen.mkdir()

    def spy(values):
        (seen / f"{values['rows']}x{values['columns']}").touch()
        return chip(values)

    trials = run(tmp_path, "qmc", budget=100, problem=FunctionProblem("spy", CHIP_PROBLEM.metrics, spy))
    illegal = [t for t in trials if t.status == ILLEGAL]
    assert illegal
    assert all(t.values["rows"] * t.values["columns"] > 8 and t.violation > 0 for t in illegal)
    assert all(int(r) * int(c) <= 8 for r, c in (f.name.split("x") for f in seen.iterdir()))


def test_what_fails_is_a_trial_with_its_error_and_the_search_goes_on(tmp_path):
    trials = run(tmp_path, "grid", budget=CHIP.size)
    failed = [t for t in trials if t.status == FAILED]
    assert {t.error for t in failed} == {"ValueError: two ways need an even cache"}
    assert all(t.values["ways"] == 2 and t.values["cache"] == 1 for t in failed)


def test_a_repeated_candidate_is_not_evaluated_again(tmp_path):
    calls = tmp_path / "calls"

    def counted(values):
        with calls.open("a") as file:
            file.write("x")
        return chip(values)

    trials = run(tmp_path, "nsga2", budget=50, problem=FunctionProblem("calls", CHIP_PROBLEM.metrics, counted))
    assert any(t.repeated for t in trials)
    assert len(calls.read_text()) == len({t.key for t in trials if t.status != ILLEGAL})


def test_a_killed_process_loses_and_repeats_nothing(tmp_path):
    script = tmp_path / "slow.py"
    script.write_text(
        """
import sys, time
from pathlib import Path
from accel_sim.explore.search.problem import FunctionProblem
from accel_sim.explore.search.trials import FAILED, ILLEGAL, Start
from search_problems import CHIP_PROBLEM, chip, run

folder = Path(sys.argv[1])

def slow(values):
    with (folder / "calls").open("a") as file:
        file.write(repr(sorted(values.items())) + "\\n")
    time.sleep(0.005)
    return chip(values)

if __name__ == "__main__":
    run(folder, "nsga2", budget=70, problem=FunctionProblem("slow", CHIP_PROBLEM.metrics, slow), batch=4,
        settings={"population_size": 12})
"""
    )
    folder = tmp_path / "out"
    folder.mkdir()
    calls = folder / "calls"
    here = Path(__file__).resolve().parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(here.parents[1]), str(here)))}
    process = subprocess.Popen([sys.executable, str(script), str(folder)], env=environment)
    wait_until(lambda: (calls.exists() and calls.read_text().count("\n") > 30) or process.poll() is not None)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = calls.read_text().count("\n")
    subprocess.run(
        [sys.executable, str(script), str(folder)], env=environment, check=True, timeout=PATIENCE_SECONDS
    )
    lines = calls.read_text().splitlines()
    assert before < len(lines)
    # Only what the killed process had in hand, one batch at most, may be there twice.
    assert len(lines) - len(set(lines)) <= 4
    problem = FunctionProblem("slow", CHIP_PROBLEM.metrics, chip)
    case = {"budget": 70, "problem": problem, "batch": 4, "settings": {"population_size": 12}}
    assert told(run(folder, "nsga2", **case)) == told(run(tmp_path / "other", "nsga2", **case))


def test_cmaes_says_what_it_cannot_search(tmp_path):
    with pytest.raises(InputError, match=r"has one objective, not 2; use nsga2 or tpe"):
        run(tmp_path, "cmaes", budget=5, space=ORDERED, goals=TWO)
    with pytest.raises(InputError, match=r"cannot search 'kind', whose values have no order"):
        run(tmp_path, "cmaes", budget=5, goals=ONE)


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is there")
def test_gp_without_torch_says_what_to_install(tmp_path):
    with pytest.raises(InputError, match=r"search.sampler = gp: needs torch"):
        run(tmp_path, "gp", budget=5)


def test_a_setting_that_a_sampler_does_not_have_is_named(tmp_path):
    with pytest.raises(InputError, match=r"did you mean 'population_size'"):
        run(tmp_path, "nsga2", budget=5, settings={"populatoin_size": 5})
    with pytest.raises(InputError, match=r"search.settings.n: is not a setting of random"):
        run(tmp_path, "random", budget=5, settings={"n": 5})
