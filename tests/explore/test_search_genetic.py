"""The genetic samplers: whose children they propose."""

from __future__ import annotations

import pytest
from search_problems import CHIP_PROBLEM, ordered_space, run, told

from accel_sim.explore.search.samplers import Told, make_sampler

COPIES = {"population_size": 4, "crossover_prob": 0.0, "mutation_prob": 0.0}
SPACE = ordered_space()


def made(name, **settings):
    return make_sampler(name, {**COPIES, **settings}, SPACE, 2, ["area"], seed=3)


def results(proposals, cost, violation=0.0):
    return [Told(codes, (cost, cost), {"area": violation}) for codes in proposals]


@pytest.mark.parametrize("name", ["nsga2", "nsga3"])
def test_a_batch_that_is_told_late_still_has_children(name):
    sampler = made(name)
    first, second = sampler.ask(0, 4), sampler.ask(1, 4)
    sampler.tell(0, results(first, cost=2.0))
    assert set(sampler.ask(2, 8)) <= set(first)
    sampler.tell(1, results(second, cost=1.0))
    assert set(sampler.ask(3, 8)) <= set(second)


@pytest.mark.parametrize("name", ["nsga2", "nsga3"])
def test_what_keeps_the_limits_has_children_before_what_costs_less(name):
    sampler = made(name)
    cheap, legal = sampler.ask(0, 4), sampler.ask(1, 4)
    sampler.tell(0, results(cheap, cost=1.0, violation=0.5))
    sampler.tell(1, results(legal, cost=9.0))
    assert set(sampler.ask(2, 8)) <= set(legal)


def test_candidates_from_elsewhere_have_children():
    sampler = made("nsga2")
    given = [(1, 1, 1)] * 4
    sampler.offer(0, given)
    sampler.tell(0, results(given, cost=1.0))
    assert set(sampler.ask(1, 8)) == {(1, 1, 1)}


def test_mutations_reach_values_that_no_parent_has():
    sampler = made("nsga2", mutation_prob=0.5)
    sampler.offer(0, [(0, 0, 0)] * 4)
    sampler.tell(0, results([(0, 0, 0)] * 4, cost=1.0))
    proposals = sampler.ask(1, 200)
    for place, domain in enumerate(SPACE.domains):
        assert {codes[place] for codes in proposals} == set(range(len(domain.values)))


def test_a_population_that_is_no_multiple_of_the_batch_resumes_too(tmp_path):
    case = {"budget": 30, "settings": {"population_size": 7}, "batch": 5, "problem": CHIP_PROBLEM}
    run(tmp_path / "a", "nsga2", **{**case, "budget": 12})
    assert told(run(tmp_path / "a", "nsga2", **case)) == told(run(tmp_path / "b", "nsga2", **case))
