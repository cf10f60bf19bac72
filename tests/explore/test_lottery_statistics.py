"""The arithmetic of lotteries: tests against scipy and published tables, base rates by counting."""

from __future__ import annotations

import itertools
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import f_oneway, friedmanchisquare, mannwhitneyu, rankdata

from accel_sim.explore.lottery.base import (
    Base,
    chance_of_none,
    expected_best,
    expected_evaluations,
    near,
)
from accel_sim.explore.lottery.losses import curve, yardstick
from accel_sim.explore.lottery.runs import Record
from accel_sim.explore.lottery.statistics import (
    holm,
    mann_whitney,
    ranking,
    spread,
    superiority,
    variance_shares,
)
from accel_sim.explore.search.expressions import parse_expression
from accel_sim.validation.dramgym import read_designs

few = st.lists(st.integers(0, 9).map(float), min_size=1, max_size=8)


@given(few, few)
@settings(max_examples=50, deadline=None)
def test_superiority_counts_the_pairs_that_are_won_and_half_of_the_ties(own, other):
    pairs = [(a < b) + 0.5 * (a == b) for a, b in itertools.product(own, other)]
    found = superiority(np.array(own), np.array(other))
    assert found == pytest.approx(sum(pairs) / len(pairs))
    assert found + superiority(np.array(other), np.array(own)) == pytest.approx(1)


def test_two_samples_without_overlap_have_the_p_value_of_their_counting():
    # Of the C(8, 4) ways to choose the four least of eight, two are as extreme.
    assert mann_whitney(np.arange(4.0), np.arange(4.0) + 10) == pytest.approx(2 / math.comb(8, 4))
    assert mann_whitney(np.ones(5), np.ones(5)) == 1
    own, other = np.array([1.0, 2, 2, 5]), np.array([2.0, 3, 4, 6])
    assert mann_whitney(own, other) == mannwhitneyu(own, other, alternative="two-sided").pvalue


def test_holm_multiplies_the_least_by_all_and_never_falls():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(("count", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)])
def test_critical_differences_are_those_of_demsar(count, q):
    """Table 5(a) of Demsar (JMLR 2006)."""
    found = ranking(np.random.default_rng(0).random((14, count)))
    assert found.critical == pytest.approx(q * math.sqrt(count * (count + 1) / (6 * 14)), rel=1e-3)


def test_mean_ranks_and_friedman_are_those_of_scipy():
    losses = np.random.default_rng(1).integers(0, 5, (9, 4)).astype(float)
    found = ranking(losses)
    assert found.p == pytest.approx(friedmanchisquare(*losses.T).pvalue)
    assert found.ranks == pytest.approx(rankdata(losses, axis=1).mean(axis=0))
    assert sum(found.ranks) == pytest.approx(4 * 5 / 2)
    assert ranking(np.ones((3, 4))).p is None


def test_the_variance_goes_to_the_choice_that_makes_the_difference():
    noise = np.random.default_rng(2).random((6, 8))
    samplers = ["a", "a", "a", "b", "b", "b"]
    by_sampler = variance_shares(noise + 10 * np.array([0, 0, 0, 1, 1, 1])[:, None], samplers)
    by_settings = variance_shares(noise + 10 * np.array([0, 1, 2, 0, 1, 2])[:, None], samplers)
    by_luck = variance_shares(noise, samplers)
    assert by_sampler.sampler > 0.7 and by_sampler.sampler_p < 1e-6 and by_sampler.settings < 0.02
    assert by_settings.settings > 0.7 and by_settings.settings_p < 1e-6 and by_settings.sampler < 0.02
    assert by_luck.seed > 0.7 and by_luck.settings_p > 0.01 and by_luck.sampler_p > 0.01
    assert variance_shares(np.ones((6, 8)), samplers) is None


def test_with_one_sampler_the_test_of_settings_is_an_analysis_of_variance_of_ranks():
    losses = np.random.default_rng(3).random((4, 7)) + 0.1 * np.arange(4)[:, None]
    found = variance_shares(losses, ["a"] * 4)
    ranks = rankdata(losses).reshape(losses.shape)
    assert found.settings_p == pytest.approx(f_oneway(*ranks).pvalue)
    assert found.sampler == 0
    assert found.sampler + found.settings + found.seed == pytest.approx(1)


def test_settings_that_do_nothing_are_apart_by_as_much_as_chance():
    generator = np.random.default_rng(4)
    found = [spread(generator.random((5, 6))) for _ in range(60)]
    assert np.mean([s.width for s in found]) == pytest.approx(np.mean([s.chance for s in found]), rel=0.15)
    assert 0 < sum(s.p <= 0.2 for s in found) < 30
    apart = spread(generator.random((3, 6)) + 5 * np.arange(3)[:, None])
    assert apart.width > 2 * apart.chance and apart.p < 0.01


def test_expectations_of_random_search_are_means_over_all_orders():
    losses = [0.0, 0.5, 0.5, 2.0, 7.0]
    orders = list(itertools.permutations(losses))
    for draws in range(1, 6):
        true = np.mean([min(order[:draws]) for order in orders])
        assert expected_best(losses, draws) == pytest.approx(true)
        missed = np.mean([min(order[:draws]) > 0.6 for order in orders])
        assert chance_of_none(5, 3, True, draws) == pytest.approx(missed)
    first = np.mean([1 + next(i for i, loss in enumerate(order) if loss <= 0.6) for order in orders])
    assert expected_evaluations(5, 3, True) == pytest.approx(first)
    assert expected_evaluations(200, 4, False) == 50
    assert expected_evaluations(200, 0, False) == math.inf
    assert chance_of_none(200, 20, False, 3) == pytest.approx(0.9**3)


@pytest.mark.parametrize(
    ("trace", "within_1", "within_5"),
    [
        ("random.stl", 0.015, 0.078),
        ("cloud-1.stl", 0.022, 0.072),
        ("cloud-2.stl", 0.020, 0.072),
        ("stream.stl", 0.408, 0.68),
    ],
)
def test_base_rates_of_the_shipped_table_are_the_published_ones(trace, within_1, within_5):
    times = np.array(read_designs()[trace].columns["total_time_ns"])[:, None]
    best = times.min(axis=0, keepdims=True)
    # Published to a tenth of a percent; one design of 400 is a quarter of one.
    assert near(times, best, 0.01).mean() == pytest.approx(within_1, abs=5.01e-4)
    assert near(times, best, 0.05).mean() == pytest.approx(within_5, abs=5.01e-4)


def test_near_a_front_is_what_no_point_of_it_beats_by_more_in_every_objective():
    front = np.array([[1.0, 4.0], [2.0, 2.0]])
    costs = np.array([[1.0, 4.0], [2.1, 2.05], [2.3, 2.3], [0.5, 90.0], [2.3, 1.9]])
    assert near(costs, front, 0.1).tolist() == [True, True, False, True, True]
    # To be maximised: -100 is the best, and -90 within a tenth of it.
    assert near(np.array([[-100.0], [-90.0], [-89.0]]), np.array([[-100.0]]), 0.1).tolist() == [
        True,
        True,
        False,
    ]


def recorded(*costs):
    return Record(tuple(costs), len(costs), 0, 0, 0.0)


def test_the_loss_of_a_front_is_the_volume_that_it_lacks():
    # The front, (0, 3) and (3, 0), puts the reference point at (3.3, 3.3); each dominates 0.3 * 3.3 below it.
    base = Base(np.array([[0.0, 10.0], [10.0, 0.0], [0.0, 3.0], [3.0, 0.0]]), 4, True)
    run = recorded(None, (10.0, 10.0), (3.0, 0.0), (9.0, 9.0), (0.0, 3.0))
    yard = yardstick(base, [run])
    assert yard.reference == pytest.approx((3.3, 3.3))
    assert yard.volume == pytest.approx(2 * 0.99 - 0.09)
    assert curve(yard, run.costs) == pytest.approx([1, 1, 1 - 0.99 / 1.89, 1 - 0.99 / 1.89, 0])


def test_the_loss_of_one_objective_is_relative_to_the_best_and_begins_with_the_worst():
    base = Base(np.array([[5.0], [20.0], [8.0]]), 3, False)
    run = recorded(None, (10.0,), (12.0,), (6.0,))
    assert curve(yardstick(base, [run]), run.costs) == pytest.approx([3, 1, 1, 0.2])
    better = recorded((4.0,))
    assert curve(yardstick(base, [run, better]), run.costs) == pytest.approx([4, 1.5, 1.5, 0.5])
    known = np.array([[2.0]])
    assert curve(yardstick(base, [run], known), run.costs)[-1] == pytest.approx(2)


@given(st.lists(st.one_of(st.none(), st.tuples(st.integers(0, 9), st.integers(0, 9))), min_size=1, max_size=12))
@settings(max_examples=50, deadline=None)
def test_a_loss_never_rises_and_ends_at_nothing_when_the_run_found_the_best_front(costs):
    found = [c for c in costs if c is not None]
    base = Base(np.array([[9.0, 0.0], [0.0, 9.0], *found], dtype=float), len(found) + 2, True)
    run = recorded(*(None if c is None else tuple(map(float, c)) for c in costs), (9.0, 0.0), (0.0, 9.0))
    losses = curve(yardstick(base, [run]), run.costs)
    assert np.all(np.diff(losses) <= 0)
    assert losses[-1] == pytest.approx(0, abs=1e-12)


def test_an_expression_survives_the_way_to_another_process():
    sent = pickle.loads(pickle.dumps(parse_expression("rows * columns <= 4 KiB")))
    assert sent.text == "rows * columns <= 4 KiB"
    assert sent.value({"rows": 64, "columns": 64}) and not sent.value({"rows": 64, "columns": 65})
