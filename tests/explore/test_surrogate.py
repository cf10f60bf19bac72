"""Surrogates: what is predicted, what must not leak, and what the reports say."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from surrogate_tables import columns

from accel_sim.config import InputError
from accel_sim.explore.design_table import make_table
from accel_sim.explore.surrogate import errors, fit, study
from accel_sim.explore.surrogate import gaussian as gaussian_
from accel_sim.explore.surrogate.choice import KINDS, fit_metric, predict_metric
from accel_sim.explore.surrogate.designs import distinct_designs, some
from accel_sim.explore.surrogate.splits import best_left_out, trajectories
from accel_sim.explore.surrogate.study import training_sizes
from accel_sim.explore.surrogate.write import write
from accel_sim.explore.table import to_csv

METRICS = ("latency_s", "energy_j", "area_mm2")
INPUTS = ("npu.rows", "share", "policy", "fast")


def as_csv(folder, values, name="designs.csv"):
    rows = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    path = folder / name
    path.write_text(to_csv(tuple(values), rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_predicted_as_its_designs_are_one_by_one(kind):
    model = fit(columns(60), kinds=[kind])
    new = columns(40, seed=1)
    together = model.predict(new)
    for row in range(40):
        alone = model.predict([{name: new[name][row] for name in INPUTS}])
        assert all(alone[metric][0] == together[metric][row] for metric in METRICS)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("extra_trees", "ExtraTreesRegressor"),
        ("random_forest", "RandomForestRegressor"),
        ("boosted_trees", "GradientBoostingRegressor"),
    ],
)
def test_trees_as_arrays_predict_what_scikit_learn_predicts(kind, name):
    import sklearn.ensemble

    options = {"n_estimators": 100}
    if kind == "boosted_trees":
        options = {"n_estimators": 300, "learning_rate": 0.1, "max_depth": 4, "subsample": 0.7}
    designs = distinct_designs(make_table(columns(80)))
    other = some(designs, np.arange(40))
    y = designs.metrics["energy_j"] - 40.0
    model = fit_metric(kind, designs.x, y, designs.code.groups, 3)
    twin = getattr(sklearn.ensemble, name)(random_state=3, **options).fit(designs.x, y)
    moved = other.x + 0.01
    assert predict_metric(model, moved) == pytest.approx(twin.predict(moved), rel=1e-12)


def test_a_gaussian_process_predicts_what_scikit_learn_predicts_with_its_parameters():
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    random = np.random.default_rng(0)
    x, groups = random.normal(size=(50, 3)), np.array([0, 1, 1])
    y = np.sin(x[:, 0]) + x[:, 1] * x[:, 2] + 0.1 * random.normal(size=50)
    own = gaussian_.gaussian_process(x, y, groups, 0)
    assert own.lengths[1] == own.lengths[2]
    # The noise is what the weights leave of the target.
    kernel = ConstantKernel(own.variance) * Matern(own.lengths, nu=2.5)
    left = (y - own.mean) / own.deviation - kernel(x) @ own.weights
    noise = float((left @ own.weights) / (own.weights @ own.weights))
    twin = GaussianProcessRegressor(kernel + WhiteKernel(noise), optimizer=None, alpha=0.0)
    twin.fit(x, (y - own.mean) / own.deviation)
    new = random.normal(size=(20, 3))
    assert gaussian_.predict_gaussian(own, new) == pytest.approx(
        own.mean + own.deviation * twin.predict(new), rel=1e-6, abs=1e-8
    )


def test_the_gradient_of_the_likelihood_is_its_slope():
    random = np.random.default_rng(1)
    x, groups = random.normal(size=(15, 4)), np.array([0, 1, 1, 2])
    target = random.normal(size=15)
    squares = gaussian_._squares(x, groups)
    at = np.array([0.2, 0.5, -0.3, 0.1, -2.0])
    _, gradient = gaussian_._unlikeliness(at, squares, target)
    for i in range(len(at)):
        step = np.zeros(5)
        step[i] = 1e-6
        above, below = (gaussian_._unlikeliness(at + s, squares, target)[0] for s in (step, -step))
        assert gradient[i] == pytest.approx((above - below) / 2e-6, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_metric_that_never_changes_is_predicted_exactly(kind):
    model = fit(columns(30), kinds=[kind])
    assert set(model.predict(columns(50, seed=5))["area_mm2"]) == {12.5}


def test_a_power_law_is_learnt_and_the_rule_takes_what_has_the_least_loss():
    model = fit(columns(150), metrics=["latency_s"])
    new = columns(100, seed=9)
    found = errors(model.predict(new)["latency_s"], np.array(new["latency_s"]))
    assert found.mape_pct < 5 and found.r2 > 0.98 and found.rank_correlation > 0.99
    losses = model.losses["latency_s"]
    assert set(losses) == {"extra_trees", "boosted_trees", "gaussian_process"}
    assert losses[model.models["latency_s"].kind] == min(losses.values())


def test_rows_that_are_there_twice_change_no_error(tmp_path):
    values = columns(40)
    twice = {name: column + column[:35] * 2 for name, column in values.items()}
    options = {"kinds": ["extra_trees"], "metrics": ["latency_s"], "repeats": 1}
    once = study(as_csv(tmp_path, values), **options)
    again = study(as_csv(tmp_path, twice, "twice.csv"), **options)
    assert once.errors == again.errors and once.curve == again.curve
    assert (once.designs, once.rows, again.designs, again.rows) == (40, 40, 40, 110)


def test_a_metric_without_any_pattern_is_not_predicted_however_often_its_rows_are_repeated():
    values = columns(60)
    noise = np.random.default_rng(3).lognormal(size=60)
    values = {name: values[name] * 5 for name in INPUTS} | {"latency_s": noise.tolist() * 5}
    designs = distinct_designs(make_table(values))
    model = fit_metric("extra_trees", designs.x[:40], designs.metrics["latency_s"][:40], designs.code.groups, 0)
    found = errors(predict_metric(model, designs.x[40:]), designs.metrics["latency_s"][40:])
    assert len(designs) == 60 and found.r2 < 0.5


def test_rows_that_disagree_are_averaged_and_the_disagreement_is_told():
    values = {"rows": [*range(1, 21), 1], "latency_s": [1.0] * 20 + [3.0]}
    designs = distinct_designs(make_table(values))
    assert designs.metrics["latency_s"][0] == 2.0
    assert designs.disagreement_pct == 100.0


def test_more_designs_make_the_error_smaller(tmp_path):
    found = study(as_csv(tmp_path, columns(160)), metrics=["latency_s"], kinds=["gaussian_process"], repeats=3)
    sizes = sorted({row["train"] for row in found.curve})
    assert sizes == training_sizes(128) == [8, 16, 32, 64, 128]
    means = [np.mean([row["rmse_pct"] for row in found.curve if row["train"] == size]) for size in sizes]
    assert means[-1] < 0.5 * means[0]
    assert len(found.curve) == 3 * len(sizes)


def test_the_same_seed_finds_the_same_and_another_one_something_else(tmp_path):
    path = as_csv(tmp_path, columns(40))
    first, same, other = (
        study(path, metrics=["latency_s"], kinds=["gaussian_process"], seed=seed, repeats=1)
        for seed in (1, 1, 2)
    )
    assert first.errors == same.errors and first.curve == same.curve
    assert first.errors != other.errors


def test_the_errors_of_a_perfect_and_of_a_known_prediction():
    true = np.array([1.0, 2.0, 4.0, 5.0])
    perfect = errors(true, true)
    assert (perfect.rmse_pct, perfect.mape_pct, perfect.worst_pct, perfect.r2) == (0, 0, 0, 1)
    assert perfect.rank_correlation == pytest.approx(1)
    known = errors(np.array([1.0, 2.0, 4.0, 2.0]), true)
    assert known.rmse_pct == pytest.approx(50) and known.worst_pct == pytest.approx(60)
    assert known.mape_pct == pytest.approx(15) and known.r2 == pytest.approx(0.1)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=3, max_size=20))
def test_rank_correlation_is_that_of_scipy(pairs):
    from scipy.stats import spearmanr

    predicted, true = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))
    own = errors(predicted, true).rank_correlation
    if np.ptp(predicted) == 0 or np.ptp(true) == 0:
        assert own is None
    else:
        assert own == pytest.approx(spearmanr(predicted, true).statistic, abs=1e-12)


def test_a_trajectory_is_predicted_from_its_first_half_and_a_sampler_from_outside_it():
    values = columns(40)
    values = {"trial": list(range(39, -1, -1)), "sampler": ["tpe"] * 30 + ["random"] * 10, **values}
    designs = distinct_designs(make_table(values))
    assert designs.metrics["latency_s"][0] == values["latency_s"][39]
    later, *others = trajectories(designs)
    assert later.name == "later half" and later.train.max() < later.test.min()
    assert {(s.name, len(s.train), len(s.test)) for s in others} == {
        ("not met by random", 10, 30),
        ("not met by tpe", 30, 10),
    }
    for split in (later, *others, *best_left_out(designs, "latency_s")):
        assert not set(split.train) & set(split.test)


def test_the_best_tenth_is_better_than_all_it_is_predicted_from():
    designs = distinct_designs(make_table(columns(50)))
    (split,) = best_left_out(designs, "latency_s")
    y = designs.metrics["latency_s"]
    assert len(split.test) == 5 and y[split.test].max() <= y[split.train].min()
    assert not list(best_left_out(designs, "area_mm2"))


def test_what_a_table_does_not_tell_is_said(tmp_path):
    found = study(as_csv(tmp_path, columns(20)), metrics=["area_mm2"], repeats=1)
    assert len(found.notes) == 2 and "trial" in found.notes[0] and "sampler" in found.notes[1]
    assert found.speed.evaluation_s is None and found.speed.break_even is None
    (row, *_) = found.errors
    assert (row["rmse_pct"], row["r2"]) == (0, None) and found.curve == ()


def test_the_break_even_pays_for_the_fit(tmp_path):
    values = columns(20) | {"seconds": [2.0] * 20}
    speed = study(as_csv(tmp_path, values), metrics=["area_mm2"], repeats=1).speed
    assert speed.evaluation_s == 2.0
    assert speed.break_even * (2.0 - speed.batched_s) == pytest.approx(speed.fit_s)
    assert speed.break_even_with_table == pytest.approx(speed.break_even + 20 * 2.0 / (2.0 - speed.batched_s))


def test_missing_numbers_units_and_unknown_words_are_told_apart():
    values = {
        "size": ["1 MiB", "512 KiB", 2**18, "2 MiB"] * 5,
        "context": [None, 128, 256, 128] * 5,
        "step.up": list(range(20)),
        "latency_s": [float(i + 1) for i in range(20)],
    }
    designs = distinct_designs(make_table(values))
    size, context, _ = designs.code.features
    assert (size.dimension, size.log, size.width) == ("bytes", True, 1)
    assert (context.optional, context.width) == (True, 2)
    model = fit(values, kinds=["extra_trees"])
    design = {"size": "1024 KiB", "context": None, "step.up": 0}
    assert model.predict([design])["latency_s"] == model.predict([design | {"size": 2**20}])["latency_s"]
    with pytest.raises(InputError, match="size = big: must be a number above 0"):
        model.predict([design | {"size": "big"}])
    with pytest.raises(InputError, match="does not say its 'context'"):
        model.predict([{"size": 1, "step.up": 1}])
    words = fit(columns(20), kinds=["extra_trees"])
    with pytest.raises(InputError, match=r"policy = opne: is not known .did you mean 'open'"):
        words.predict(columns(20) | {"policy": ["opne"] * 20})


def test_a_frame_is_predicted_like_a_mapping():
    import pandas as pd

    model = fit(pd.DataFrame(columns(30)), kinds=["extra_trees"])
    values = columns(10, seed=2)
    assert (model.predict(pd.DataFrame(values))["latency_s"] == model.predict(values)["latency_s"]).all()


def test_the_files_of_a_study_hold_what_it_found(tmp_path):
    found = study(as_csv(tmp_path, columns(20)), kinds=["gaussian_process"], repeats=1)
    files = write(found, tmp_path / "report")
    assert [file.name for file in files] == [
        "report.json",
        "errors.csv",
        "learning_curve.csv",
        "learning_curve.png",
    ]
    report = json.loads(files[0].read_text())
    assert report["designs"] == 20 and report["models"]["latency_s"] == "gaussian_process"
    with files[1].open() as file:
        assert len(list(csv.DictReader(file))) == len(found.errors)
    assert files[3].read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"metrics": ["latency"]}, "no column 'latency' (did you mean 'latency_s'?)"),
        ({}, {"metrics": ["latency_s"], "inputs": ["npu.row"]}, "did you mean 'npu.rows'"),
        ({}, {"order": "trail"}, "no column 'trail'"),
        ({}, {"order": "policy"}, "'policy' is an order, and must hold numbers only"),
        ({}, {"kinds": ["extra_tree"]}, "did you mean 'extra_trees'"),
        (
            {"npu.rows": [1] * 20, "share": [1] * 20, "policy": ["a"] * 20, "fast": [True] * 20},
            {},
            "has 1 distinct designs with all metrics: must be at least 10",
        ),
    ],
)
def test_what_cannot_be_studied_is_one_error(tmp_path, change, options, message):
    path = as_csv(tmp_path, columns(20) | change)
    with pytest.raises(InputError) as caught:
        study(path, **options)
    assert message in str(caught.value) and "\n" not in str(caught.value)
