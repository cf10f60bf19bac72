"""What is said of baselines: which are dominated, and by how much the front misses the others."""

from __future__ import annotations

import math

import pytest
import search_problems

from accel_sim.explore.search.baselines import in_words, verdict, worse_by
from accel_sim.explore.search.trials import BASELINE, Trial

GOALS = search_problems.goals_of({"latency_s": "min", "tokens_per_s": "max"}, {"area_mm2": {"max": 100}})


def result_of(*points):
    """Return a result of trials (name, latency, rate, area); those with a name are baselines."""
    trials = []
    for number, (name, latency, rate, area) in enumerate(points):
        metrics = {"latency_s": latency, "tokens_per_s": rate, "area_mm2": area}
        score = GOALS.score(metrics)
        kind = BASELINE if name else "sampled"
        trials.append(
            Trial(number, 0, kind, name, {}, None, f"key {number}", number, "ok", None, metrics, score)
        )
    return search_problems.result_of(trials, "grid", goals=GOALS)


def test_a_baseline_knows_what_beats_it_and_by_how_much():
    result = result_of(("old", 4.0, 10.0, 50.0), ("", 2.0, 20.0, 50.0), ("", 1.0, 10.0, 50.0))
    found = verdict(result, result.baselines[0])
    assert {t.number for t in found.beaten_by} == {1, 2}
    # Trial 2 is better in one objective only.
    assert found.closest.number == 1 and found.miss == 0.5 and found.ratios == (0.5, 2.0)
    assert in_words(result, found).startswith("dominated by 2 designs of the front, most by trial 1: 0.5x lat")


def test_a_baseline_that_is_not_dominated_is_missed_by_a_factor():
    result = result_of(("small", 1.0, 10.0, 120.0), ("", 1.1, 50.0, 50.0), ("", 0.2, 4.0, 50.0))
    found = verdict(result, result.baselines[0])
    assert found.beaten_by == () and not found.on_front
    assert found.closest.number == 1 and found.miss == pytest.approx(1.1)
    words = in_words(result, found)
    assert words.startswith("beyond the limits (area_mm2 = 120); not dominated; trial 1 misses it by 10 %")


def test_a_baseline_on_the_front_is_said_to_be_there():
    result = result_of(("best", 1.0, 10.0, 50.0), ("", 2.0, 20.0, 50.0))
    assert in_words(result, verdict(result, result.baselines[0])) == "on the front"
    alone = result_of(("best", 1.0, 10.0, 120.0))
    assert in_words(alone, verdict(alone, alone.baselines[0])).endswith("not dominated: the front is empty")


@pytest.mark.parametrize(
    ("mine", "other", "maximise", "factor"),
    [(2, 4, False, 0.5), (2, 4, True, 2), (0, 4, False, 1), (-1, -2, False, math.inf), (-1, -2, True, 1)],
)
def test_a_factor_is_above_one_exactly_where_a_value_is_worse(mine, other, maximise, factor):
    assert worse_by(mine, other, maximise) == factor
