"""Curves, base rates and importances against brute force and closed forms."""

from __future__ import annotations

import hashlib

import pytest
from search_problems import CHIP, ONE, TWO, chip, goals_of, result_of, run, space_of

from accel_sim.explore.search.convergence import WITHIN, best_curve, chance, hypervolume_curve
from accel_sim.explore.search.importance import LEAST_DESIGNS, TRUSTED
from accel_sim.explore.search.problem import FunctionProblem


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return result_of(run(tmp_path_factory.mktemp("toy"), "random", budget=40), "random")


def area_below(points, reference):
    """Return the area that points (both to be minimised) dominate, as a sum of strips."""
    total, ceiling = 0.0, reference[1]
    for x, y in sorted(points):
        if x < reference[0] and y < ceiling:
            total += (reference[0] - x) * (ceiling - y)
            ceiling = y
    return total


def distinct(result):
    return [t for t in result.trials if t.status != "illegal" and not t.repeated]


def test_the_hypervolume_curve_is_the_dominated_area_after_each_design(toy):
    curve = hypervolume_curve(toy)
    seen, at = [], dict(zip(curve.evaluations, curve.values, strict=True))
    last = 0.0
    for number, trial in enumerate(distinct(toy), 1):
        seen += [trial.score.costs] if trial.feasible else []
        last = at.get(number, last)
        assert last == pytest.approx(area_below(seen, toy.reference))
    assert curve.evaluations[-1] == toy.count()["distinct"]
    assert curve.values[-1] == pytest.approx(toy.hypervolume)


def test_the_best_curve_is_the_running_minimum(toy):
    for objective in (0, 1):
        curve = best_curve(toy, objective)
        costs = [t.score.costs[objective] if t.feasible else float("inf") for t in distinct(toy)]
        at = dict(zip(curve.evaluations, curve.values, strict=True))
        last = float("inf")
        for number in range(1, len(costs) + 1):
            last = at.get(number, last)
            assert last == min(costs[:number])


def test_the_base_rate_counts_random_designs_near_the_best(toy):
    found = chance(toy)
    assert found is not None and not found.everything
    assert found.drawn == len(distinct(toy))
    for place, rate in enumerate(found.rates):
        costs = [t.score.costs[place] for t in distinct(toy) if t.feasible]
        assert rate.best == min(costs)
        assert rate.within == tuple(sum(c <= min(costs) * (1 + share) for c in costs) for share in WITHIN)
        assert 1 <= rate.within[0] <= rate.within[-1] < found.feasible <= found.drawn


def test_every_design_of_a_small_space_gives_the_exact_base_rate(tmp_path):
    result = result_of(run(tmp_path, "grid", budget=500), "grid")
    found = chance(result)
    assert found is not None and found.everything
    legal = set(CHIP.enumerate())
    assert found.drawn == len(legal)
    times = []
    for codes in legal:
        values = CHIP.values(codes)
        if not (values.get("ways") == 2 and values["cache"] % 2) and chip(values)["heat"] <= 20:
            times.append(chip(values)["time"])
    assert found.feasible == len(times)
    assert found.rates[0].within == tuple(sum(t <= min(times) * (1 + s) for t in times) for s in WITHIN)


def test_a_search_that_learns_from_the_start_has_no_base_rate(tmp_path):
    assert chance(result_of(run(tmp_path, "grid", budget=10), "grid")) is None
    learnt = result_of(run(tmp_path / "b", "nsga2", budget=60, settings={"population_size": 8}), "nsga2")
    # The sampler's settings are those that the result names: by default a population of 50.
    found = chance(learnt)
    assert found is not None and found.drawn < len(distinct(learnt))


GRID = space_of(
    {"large": {"int": [0, 4]}, "small": {"int": [0, 4]}, "word": ["b", "c", "a"], "nothing": {"int": [0, 4]}}
)
WORDS = {"a": 0.0, "b": 3.0, "c": 1.0}


def additive(values):
    return {"y": 4.0 * values["large"] + 1.0 * values["small"] + 2.0 * WORDS[values["word"]] - 30}


def noise(values):
    digest = hashlib.sha256(repr(sorted(values.items())).encode()).digest()
    return {"y": digest[0] / 255 - 0.5}


def searched(folder, function, goals):
    problem = FunctionProblem(function.__name__, ("y",), function)
    trials = run(folder, "grid", budget=375, space=GRID, problem=problem, goals=goals)
    return result_of(trials, "grid", space=GRID, goals=goals)


def test_importance_of_a_sum_is_twice_the_share_of_each_term(tmp_path):
    (found,) = searched(tmp_path, additive, goals_of({"y": "min"})).importances
    # Shuffling a term of variance v adds the difference of two independent draws of it, 2 v.
    variances = {"large": 16 * 2.0, "small": 2.0, "word": 4 * (14 / 9), "nothing": 0.0}
    assert found.parameters == ("large", "word", "small", "nothing")
    assert found.trusted and found.r2 > 0.95 and not found.logarithm and found.designs == 375
    for name, lost in zip(found.parameters, found.lost, strict=True):
        assert lost == pytest.approx(2 * variances[name] / sum(variances.values()), abs=0.12)


def test_importance_of_noise_is_not_trusted(tmp_path):
    (found,) = searched(tmp_path, noise, goals_of({"y": "max"})).importances
    assert not found.trusted and found.r2 < 0.1 < TRUSTED
    assert max(found.lost) < 0.2


def test_too_few_designs_have_no_importance(tmp_path):
    result = result_of(run(tmp_path, "random", budget=LEAST_DESIGNS // 2), "random")
    assert result.importances == ()
    assert "not known" in " ".join(t.get_text() for t in result.plot.importance().texts)


@pytest.mark.parametrize("goals", [ONE, TWO], ids=["one objective", "two"])
def test_every_picture_shows_the_designs_it_is_about(goals, tmp_path):
    result = result_of(run(tmp_path, "random", budget=60, goals=goals), "random", goals=goals)
    plot = result.plot
    assert plot.hypervolume().lines[0].get_xdata()[-1] == result.count()["distinct"]
    assert plot.best(goals.names[0]).lines[0].get_ydata()[-1] == min(t.score.values[0] for t in result.front)
    assert len(plot.importance().patches) == 5
    inside = [t for t in result.trials if t.feasible and not t.repeated]
    shown = plot.slice("rows").collections
    behind = len(inside) - len(result.front)
    assert [len(points.get_offsets()) for points in shown] == [behind, len(result.front)]
    lines = plot.parallel()
    assert len(lines.collections[0].get_segments()) == behind
    front = plot.pareto()
    if goals is TWO:
        (points,) = [c for c in front.collections if c.get_gid() == "front-0-1"]
        assert points.get_offsets().tolist() == [list(t.score.values) for t in result.front]
