"""Several fidelities: who is promoted, what is counted, how far they agree, what a confirmation changes."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace

import pytest
import search_problems
from hypothesis import given
from hypothesis import strategies as st
from search_problems import CHIP, CHIP_PROBLEM, Stopped, chip, run, told

from accel_sim import search
from accel_sim.config import InputError
from accel_sim.explore.search.agreement import rank_correlations, taken_off
from accel_sim.explore.search.goals import Score
from accel_sim.explore.search.ladder import Ladder, promotion_order
from accel_sim.explore.search.pareto import constrained_dominates, dominates
from accel_sim.explore.search.problem import FunctionProblem
from accel_sim.explore.search.trials import SCREENED, Start, front_of

SIZE = CHIP.size


def rough(values):
    """Return what a quick model sees of the toy chip: no cache misses, and any cache works."""
    metrics = chip({**values, "ways": 1})
    return {**metrics, "time": 100 / (values["rows"] * values["columns"] * (1 + (values["kind"] == "fast")))}


def upside_down(values):
    """Return the toy chip with quick and slow exchanged."""
    metrics = chip(values)
    return {**metrics, "time": 1 / metrics["time"]}


ROUGH = FunctionProblem("rough", CHIP_PROBLEM.metrics, rough)
UPSIDE_DOWN = FunctionProblem("upside down", CHIP_PROBLEM.metrics, upside_down)


def result_of(trials, confirmed=None, **uses):
    used = {use: uses[use] for use in ("screen", "search", "confirm") if use in uses}
    return replace(search_problems.result_of(trials, "grid"), fidelities=used, confirmed=confirmed or {})


def evaluated(trials):
    return {t.key for t in trials if t.status not in ("illegal", SCREENED)}


def test_a_screening_that_is_right_loses_nothing_of_the_front(tmp_path):
    whole = run(tmp_path / "whole", "grid", budget=SIZE, batch=SIZE)
    ladder = Ladder(CHIP_PROBLEM, screen=CHIP_PROBLEM, share=0.5)
    trials = run(tmp_path / "half", "grid", budget=SIZE, batch=SIZE, problem=ladder)
    assert [t.score.costs for t in front_of(trials, 2)] == [t.score.costs for t in front_of(whole, 2)]
    # What fails in the screening is a candidate like others, and is not promoted.
    failed = sum(t.status == "failed" for t in trials)
    assert len(evaluated(trials)) - failed == math.ceil(SIZE / 2)


@pytest.mark.parametrize("share", [0.1, 0.25, 1.0])
def test_of_every_batch_the_best_share_is_promoted_rounded_up(tmp_path, share):
    trials = run(
        tmp_path, "random", budget=30, batch=7, problem=Ladder(CHIP_PROBLEM, screen=ROUGH, share=share)
    )
    for batch, group in itertools.groupby(trials, key=lambda t: t.batch):
        new = [t for t in group if not t.repeated]
        promoted = [t for t in new if t.status != SCREENED]
        held = [t for t in new if t.status == SCREENED]
        # The budget may cut the last batch.
        assert len(promoted) == math.ceil(share * len(new)) or batch == trials[-1].batch
        for up, down in itertools.product(promoted, held):
            one, other = up.screening, down.screening
            assert not constrained_dominates(other.costs, other.violation, one.costs, one.violation)
        assert all(t.score is None and t.metrics == {} and 0 < t.violation <= 1 for t in held)


def test_the_budget_counts_what_the_fidelity_of_the_search_evaluates(tmp_path):
    start = Start("small", CHIP.values((0, 0, 0, None, 1)), (0, 0, 0, None, 1))
    ladder = Ladder(CHIP_PROBLEM, screen=ROUGH, share=0.3)
    trials = run(tmp_path, "nsga2", budget=17, problem=ladder, starts=(start,))
    counts = result_of(trials, screen="roofline", search="tile").count()
    assert len(evaluated(trials) - {trials[0].key}) == 17 == counts["distinct"]
    assert counts["screened"] > 17
    assert trials[0].status == "ok" and trials[0].screening is not None


def test_what_is_held_back_is_not_evaluated_and_what_is_proposed_again_stays_held_back(tmp_path):
    seen = tmp_path / "seen"

    def spy(values):
        with seen.open("a") as file:
            file.write(repr(sorted(values.items())) + "\n")
        return chip(values)

    spied = FunctionProblem("spy", CHIP_PROBLEM.metrics, spy)
    trials = run(tmp_path / "out", "nsga2", budget=40, problem=Ladder(spied, screen=ROUGH, share=0.5))
    lines = seen.read_text().splitlines()
    wanted = {repr(sorted(t.values.items())) for t in trials if t.key in evaluated(trials)}
    assert len(lines) == len(set(lines)) and set(lines) == wanted
    again = [t for t in trials if t.repeated and t.status != "illegal"]
    assert any(t.status == SCREENED for t in again)
    assert all(t.status == trials[t.first].status and t.violation == trials[t.first].violation for t in again)


@pytest.mark.parametrize(("sampler", "in_flight"), [("nsga2", 1), ("nsga2", 2), ("random", 2)])
def test_a_screened_search_stopped_after_every_batch_is_the_search_that_was_not(tmp_path, sampler, in_flight):
    ladder = Ladder(CHIP_PROBLEM, screen=ROUGH, confirm=UPSIDE_DOWN, share=0.4)
    case = {"budget": 15, "in_flight": in_flight, "problem": ladder}
    if sampler == "nsga2":
        case["settings"] = {"population_size": 8}
    whole = run(tmp_path / "whole", sampler, **case)
    for _ in range(60):
        try:
            resumed = run(tmp_path / "parts", sampler, stop_after=1, **case)
            break
        except Stopped:
            continue
    assert told(resumed) == told(whole)


def test_the_number_of_workers_changes_nothing_of_a_screened_search(tmp_path):
    ladder = Ladder(CHIP_PROBLEM, screen=ROUGH, confirm=UPSIDE_DOWN, share=0.4)
    one, two = (
        run(tmp_path / str(n), "nsga2", budget=15, problem=ladder, workers=n, in_flight=2) for n in (1, 2)
    )
    assert told(one) == told(two)


def test_a_larger_budget_goes_on_with_a_screening_too(tmp_path):
    case = {"problem": Ladder(CHIP_PROBLEM, screen=ROUGH, share=0.5), "settings": {"population_size": 8}}
    run(tmp_path / "a", "nsga2", budget=11, **case)
    longer = run(tmp_path / "a", "nsga2", budget=30, **case)
    assert told(longer) == told(run(tmp_path / "b", "nsga2", budget=30, **case))


costs = st.tuples(st.integers(0, 4), st.integers(0, 4))


@given(st.lists(st.tuples(costs, st.sampled_from([0.0, 0.5, 1.0])), max_size=12))
def test_nothing_is_promoted_before_what_beats_it(drawn):
    scores = [Score(tuple(map(float, c)), c, (0.0,), (violation,)) for c, violation in drawn]
    order = promotion_order(scores)
    assert sorted(order) == list(range(len(scores)))
    for place, number in enumerate(order):
        for later in order[place + 1 :]:
            better, worse = scores[later], scores[number]
            assert not constrained_dominates(better.costs, better.violation, worse.costs, worse.violation)


def test_the_ends_of_a_front_are_promoted_first():
    scores = [Score((float(x), float(-x)), (x, -x), (), ()) for x in (0, 1, 2, 6, 9)]
    assert set(promotion_order(scores)[:2]) == {0, 4}
    assert promotion_order(scores)[2] == 3


def test_fidelities_that_rank_alike_correlate_by_one_and_opposite_ones_by_minus_one(tmp_path):
    for screen, sign in ((CHIP_PROBLEM, 1.0), (UPSIDE_DOWN, -1.0)):
        ladder = Ladder(CHIP_PROBLEM, screen=screen, share=1.0)
        trials = run(tmp_path / str(sign), "grid", budget=SIZE, problem=ladder)
        time, area = rank_correlations(result_of(trials, screen="roofline", search="tile"))
        assert time.designs == area.designs == sum(t.score is not None for t in trials)
        assert (time.spearman, time.kendall) == (pytest.approx(sign), pytest.approx(sign))
        assert (area.spearman, area.kendall) == (pytest.approx(1), pytest.approx(1))


def test_a_confirmation_takes_off_the_front_what_others_of_it_beat(tmp_path):
    ladder = Ladder(CHIP_PROBLEM, confirm=UPSIDE_DOWN)
    trials, confirmed = run(tmp_path, "grid", budget=SIZE, problem=ladder, with_confirmed=True)
    front = front_of(trials, 2)
    result = result_of(trials, confirmed, search="tile", confirm="cycle")
    # Upside down, the smallest chip of a front is also the quickest, and beats all the others.
    assert len(front) > 2
    smallest = min(front, key=lambda t: t.metrics["area"])
    left = taken_off(result)
    assert {one.trial for one in left} == {t.number for t in front} - {smallest.number}
    for one in left:
        beater = int(one.why.removeprefix("dominated by trial "))
        assert dominates(confirmed[beater].costs, confirmed[one.trial].costs)


SHIPPED = {
    "name": "rungs",
    "design": "edge_npu",
    "workloads": [{"workload": "llama3_2_1b", "phase": {"phase": "decode", "context": 64}}],
    "space": {"npu.rows, npu.columns": {"pow2": [16, 128]}, "dram.channels": [2, 4, 8]},
    "baselines": {"shipped": "edge_npu", "tpu": "tpu_v1"},
    "objectives": {"latency_s": "min", "area_mm2": "min"},
    "fidelity": {"screen": "roofline", "search": "tile", "promote": 0.5},
    "output": {"plots": False},
}


def test_the_table_has_the_objectives_at_every_fidelity_and_the_manifest_how_they_agree(tmp_path):
    result = search(SHIPPED, workers=1, output=tmp_path)
    assert result.count()["screened"] == 12 - 1 and result.count()["distinct"] == 6
    for row in result.rows:
        held_back = row["status"] == SCREENED
        assert (row["latency_s"] is None) == (held_back or row["status"] == "failed")
        if row["status"] == "ok":
            # The roofline knows nothing that could be slower than it.
            assert row["latency_s @ roofline"] <= row["latency_s"] * (1 + 1e-9)
            assert row["area_mm2 @ roofline"] == row["area_mm2"]
    fidelities = json.loads((tmp_path / "manifest.json").read_text())["fidelities"]
    assert fidelities["used"] == {"screen": "roofline", "search": "tile"}
    assert [one["objective"] for one in fidelities["rank_correlations"]] == ["latency_s", "area_mm2"]
    assert search(SHIPPED, workers=1, output=tmp_path).computed == 0


@pytest.mark.parametrize(
    ("fidelity", "message"),
    [
        (["roofline", "tile"], "a list is [screen, search, confirm]"),
        ({"screen": "rooflin"}, "did you mean 'roofline'"),
        ({"screen": "tile"}, "tile is there to screen and to search"),
        ({"screen": "roofline", "promote": 0}, "fidelity.promote"),
        ({"scren": "roofline"}, "unknown key"),
    ],
)
def test_fidelities_that_make_no_sense_are_one_line(tmp_path, fidelity, message):
    with pytest.raises(InputError) as caught:
        search({**SHIPPED, "fidelity": fidelity}, output=tmp_path)
    assert message in str(caught.value) and "\n" not in str(caught.value)
