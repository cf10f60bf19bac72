"""Lotteries on problems whose answer is known, interrupted, in several processes, and wrong ones."""

from __future__ import annotations

import copy
import itertools
import json
import multiprocessing
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from accel_sim.cli import main
from accel_sim.config import InputError, zoo
from accel_sim.explore import worker
from accel_sim.explore.lottery.contest import plan_lottery
from accel_sim.explore.lottery.lottery import lottery
from accel_sim.explore.lottery.shared import Once
from accel_sim.explore.lottery.spec import read_lottery
from accel_sim.explore.lottery.verdict import verdict
from accel_sim.explore.search.problem import Call, Calls

ROWS, COLUMNS, KINDS = range(1, 9), range(1, 6), ("a", "b", "c")
SIZE = len(ROWS) * len(COLUMNS) * len(KINDS)


def time_ns(rows, columns, kind):
    """Return a time whose only least value, 100, is that of the first combination of all."""
    return 100 + 10 * (rows - 1) + 7 * (columns - 1) ** 2 + 25 * KINDS.index(kind)


def written(folder: Path, cost=time_ns, keep=lambda *_: True) -> Path:
    lines = ["rows,columns,word,time_ns,area_mm2"]
    lines += [
        f"{r},{c},{k},{cost(r, c, k)},{10 + r * c}"
        for r, c, k in itertools.product(ROWS, COLUMNS, KINDS)
        if keep(r, c, k)
    ]
    path = folder / "designs.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def small(table: Path, **parts):
    file = {
        "name": "small",
        "problems": {"time": {"table": str(table), "objectives": {"time_ns": "min"}}},
        "contestants": ["random", "qmc", {"sampler": "nsga2", "settings": {"population_size": [4, 8]}}],
        "seeds": 3,
        "budget": 24,
        "checkpoints": [6, 24],
        "output": {"plots": False},
    }
    return {**copy.deepcopy(file), **parts}


def untimed(rows):
    return [{k: v for k, v in row.items() if k != "sampler_ms_per_proposal"} for row in rows]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lottery")
    two = {"table": "designs.csv", "objectives": {"time_ns": "min", "area_mm2": "min"}, "limits": {}}
    file = small(written(folder))
    file["problems"]["both"] = {**two, "table": str(folder / "designs.csv")}
    return lottery(file, workers=1, output=folder / "out")


def test_every_run_has_the_same_number_of_distinct_designs(found):
    records = [record for contest in found.contests for own in contest.records for record in own]
    assert len(records) == found.computed == 2 * 4 * 3
    assert {len(record.costs) for record in records} == {24}
    assert all(record.proposed >= 24 for record in records)
    assert all(contest.losses.shape == (4, 3, 24) for contest in found.contests)


def test_a_table_with_every_combination_is_looked_up_and_its_best_is_the_best(found):
    single, both = found.contests
    assert single.base.whole and single.base.designs == SIZE and not single.contest.table.trust
    assert single.yard.front.tolist() == [[100.0]]
    every = [(time_ns(r, c, k), 10 + r * c) for r, c, k in itertools.product(ROWS, COLUMNS, KINDS)]
    front = {a for a in every if not any(b[0] <= a[0] and b[1] <= a[1] and a != b for b in every)}
    assert set(map(tuple, both.yard.front.tolist())) == front


def test_curves_never_rise_and_agree_with_the_tables(found):
    for contest in found.contests:
        assert np.all(np.diff(contest.losses, axis=2) <= 0)
        assert contest.losses.min() >= 0
    rows = {(r["problem"], r["contestant"], r["evaluations"]): r for r in found.contestant_rows}
    curves = {(r["problem"], r["contestant"], r["evaluations"]): r for r in found.curve_rows()}
    for key, row in rows.items():
        assert all(row[name] == curves[key][name] for name in ("min", "median", "max"))
    own = rows["time", "qmc", 24]
    assert own["median_objective"] == pytest.approx(100 * (1 + own["median"]))


def test_base_rates_of_a_whole_space_are_counted(found):
    row = found.base_rows[0]
    times = [time_ns(r, c, k) for r, c, k in itertools.product(ROWS, COLUMNS, KINDS)]
    assert row["within_1%"] == 1 / SIZE and row["evaluations_to_1%"] == (SIZE + 1) / 2
    assert row["within_5%"] == sum(t <= 105 for t in times) / SIZE
    assert found.contests[0].expected(1) == pytest.approx(np.mean(times) / 100 - 1)
    assert found.contests[0].expected(SIZE) == pytest.approx(0)


def test_files_hold_the_rows_that_are_printed(found):
    names = {path.name for path in found.folder.iterdir()}
    assert {"curves.csv", "contestants.csv", "comparison.csv", "ranking.csv", "manifest.json"} <= names
    manifest = json.loads((found.folder / "manifest.json").read_text())
    assert manifest["runs"] == {"all": 24, "computed_by_this_run": 24}
    assert manifest["problems"]["both"]["hypervolume"] > 0
    lines = (found.folder / "contestants.csv").read_text().splitlines()
    assert len(lines) == 1 + 2 * 4 * 2


def test_a_contestant_that_tries_the_best_first_is_better_and_luck_is_called_luck(tmp_path):
    contestants = [{"sampler": "random", "batch": 5}, {"sampler": "random", "batch": 7}, "grid"]
    file = small(written(tmp_path), contestants=contestants, seeds=8, checkpoints=[3, 12], budget=12)
    result = lottery(file, workers=1, output=tmp_path / "out")
    grid, other = (
        next(r for r in result.contestant_rows if r["contestant"] == name and r["evaluations"] == 12)
        for name in ("grid", "random, batch 7")
    )
    met = result.contests[0].losses[0, :, -1] == 0  # runs of random search that found it too
    assert grid["median"] == 0 and grid["p_holm"] < 0.01
    assert grid["a12_against_random"] == pytest.approx(1 - met.mean() / 2)
    assert other["p_holm"] > 0.05
    text = " ".join(verdict(result))
    assert "1 of 2 are better than random search (grid)" in text
    assert "the choice of sampler is worth more than the choice of settings" in text


def test_where_most_designs_are_the_best_the_report_says_that_ties_say_nothing(tmp_path):
    table = written(tmp_path, cost=lambda r, c, k: 100 if (r + c) % 2 else 100.5 + r)
    result = lottery(small(table), workers=1, output=tmp_path / "out")
    assert result.base_rows[0]["within_1%"] >= 0.5
    assert result.easy(result.contests[0]) and not result.ranking_rows
    said = verdict(result)
    assert "that samplers tie says nothing" in said[0]
    assert said[-1] == "No problem tells samplers apart: random search solves all of them."
    assert all(row["p_holm"] in (None, 1.0) for row in result.contestant_rows if row["evaluations"] == 24)


def test_who_may_try_everything_finds_the_best(tmp_path):
    contestants = ["random", "qmc", {"sampler": "nsga2", "settings": {"population_size": 8}}]
    file = small(written(tmp_path), budget=SIZE, checkpoints=[], seeds=2, contestants=contestants)
    result = lottery(file, workers=1, output=tmp_path / "out")
    assert np.all(result.contests[0].losses[:, :, -1] == 0)


class StoppedError(Exception):
    pass


def test_a_lottery_that_was_stopped_goes_on_to_the_same_figures(tmp_path, found, monkeypatch):
    # One run a batch, so that some are left however quick the machine is.
    monkeypatch.setattr(worker, "BATCH_SECONDS", 0.0)
    file = small(written(tmp_path))
    seen = []

    def stop(progress):
        seen.append(progress.done)
        if progress.stage == "runs" and progress.done >= 5:
            raise StoppedError

    with pytest.raises(StoppedError):
        lottery(file, workers=1, output=tmp_path / "out", progress=stop)
    rest = lottery(file, workers=1, output=tmp_path / "out")
    assert 0 < rest.computed < 12
    assert lottery(file, workers=1, output=tmp_path / "out").computed == 0
    whole = [row for row in found.contestant_rows if row["problem"] == "time"]
    assert untimed(rest.contestant_rows) == untimed(whole)
    assert (
        lottery(small(tmp_path / "designs.csv", budget=25), workers=1, output=tmp_path / "out").computed == 12
    )


def test_workers_do_not_change_the_figures(tmp_path, found):
    result = lottery(small(written(tmp_path)), workers=2, output=tmp_path / "out")
    whole = [row for row in found.contestant_rows if row["problem"] == "time"]
    assert untimed(result.contestant_rows) == untimed(whole)


def counted(values):
    with Path(values["log"]).open("a") as log:
        log.write(f"{values['number']}\n")
    return {"square": values["number"] ** 2}


def evaluate_all(folder: str, order: list[int]) -> None:
    with Once(Calls(counted), Path(folder) / "points.sqlite") as once:
        for number in order:
            key = f"{number:064x}"[::-1]
            outcome = once(Call(key, {"number": number, "log": f"{folder}/log"}))
            assert outcome.metrics == {"square": number**2}


def test_processes_that_want_the_same_designs_evaluate_each_once(tmp_path):
    context = multiprocessing.get_context("fork")
    orders = [list(range(60)), list(range(60))[::-1], list(range(60))]
    processes = [context.Process(target=evaluate_all, args=(str(tmp_path), order)) for order in orders]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert sorted(map(int, (tmp_path / "log").read_text().split())) == list(range(60))


def test_a_simulated_design_is_simulated_once_for_all_contestants(tmp_path):
    (tmp_path / "gemm.yaml").write_text("name: gemm\ngemms:\n  - {name: first, m: 64, n: 64, k: 64}\n")
    search = {
        "design": "os_16x16",
        "workloads": [str(tmp_path / "gemm.yaml")],
        "space": {"npu.rows": {"pow2": [4, 16]}, "npu.columns": [8, 16], "dram.channels": [1, 2]},
        "objectives": {"latency_s": "min", "energy_j": "min"},
    }
    parts = {"budget": 12, "checkpoints": [4, 12], "seeds": 2, "base": 10}
    file = small(tmp_path, problems={"npu": {"search": search}}, **parts)
    result = lottery(file, workers=1, output=tmp_path / "out")
    with sqlite3.connect(tmp_path / "out" / "points.sqlite") as store:
        runs = [run for (run,) in store.execute("select run from points")]
    # Ten are the random designs, which no contestant evaluates again; one of them does the rest.
    assert len(runs) == 12 and runs.count(1) == 10
    contest = result.contests[0]
    assert not contest.base.whole and contest.base.designs == 10
    assert result.base_rows[0]["designs_of"] == "simulated"
    assert np.all(contest.losses[:, :, -1] == 0)


def test_a_table_with_gaps_is_answered_for_by_a_model_that_says_how_well(tmp_path):
    table = written(tmp_path, keep=lambda r, c, k: (r + 2 * c + KINDS.index(k)) % 3)
    problem = {"table": str(table), "objectives": {"time_ns": "min"}, "model": "extra_trees"}
    result = lottery(small(table, problems={"gaps": problem}, base=50), workers=1, output=tmp_path / "out")
    contest = result.contests[0]
    (trust,) = contest.contest.table.trust
    assert 0.8 < trust.correlation <= 1 and trust.correlation > trust.nearest_correlation
    assert [row["designs_of"] for row in result.base_rows] == ["model extra_trees", "rows of the table"]
    # The mean of leaves is never below the least row, which is in the space.
    rows = contest.contest.table.designs.table.columns["time_ns"]
    assert contest.yard.front.tolist() == [[pytest.approx(min(rows))]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"contestants": ["qmc", "nsga2"]}, "contestants: needs 'random'"),
        ({"contestants": ["random", "randon"]}, "sampler 'randon' is not known (did you mean 'random'?)"),
        ({"contestants": ["random", "random"]}, "contestants.1: 'random' is there twice"),
        (
            {"contestants": ["random", {"sampler": "nsga2", "settings": {"population": 4}}]},
            "problem 'time': search.settings.population: is not a setting of nsga2",
        ),
        ({"contestants": ["random", "cmaes"]}, "cmaes: cannot search 'word'"),
        ({"budget": 500, "checkpoints": []}, "budget: 500 is more than the 120 designs of problem 'time'"),
        ({"checkpoints": [10, 5]}, "checkpoints: must rise from 1 to at most the budget, 24"),
        ({"checkpoints": [10, 25]}, "checkpoints: must rise from 1 to at most the budget, 24"),
        ({"problems": {"x": {"objectives": {"time_ns": "min"}}}}, "problems.x: needs 'search' or 'table'"),
        ({"problems": {"x": {"table": "TABLE"}}}, "problems.x: a table needs 'objectives'"),
        ({"problems": {"x": {"search": "search_npu", "model": "forest"}}}, "'model' belongs to a table"),
        ({"problems": {"x": {"search": "search_npus"}}}, "did you mean 'search_npu'?"),
        (
            {"problems": {"x": {"table": "dramgyms", "objectives": {"a": "min"}}}},
            "no such file, and no shipped table of that name (did you mean 'dramgym'?)",
        ),
        (
            {"problems": {"x": {"table": "TABLE", "objectives": {"time": "min"}}}},
            "'time' is not a metric (did you mean 'time_ns'?)",
        ),
        (
            {"problems": {"x": {"table": "TABLE", "where": {"word": "d"}, "objectives": {"rows": "min"}}}},
            "no row has word = d",
        ),
        (
            {"problems": {"x": {"table": "dramgym", "objectives": {"energy_pJ": "min"}}}},
            "combinations; 'model', such as extra_trees, is needed",
        ),
        (
            {"problems": {"x": {"search": {"design": "os_16x16", "workloads": ["bert_base"], "space": {}}}}},
            "space",
        ),
    ],
)
def test_what_is_wrong_in_a_lottery_is_one_line(tmp_path, change, message):
    table = written(tmp_path)
    text = json.dumps(small(table, **change)).replace('"TABLE"', json.dumps(str(table)))
    with pytest.raises(InputError) as error:
        plan_lottery(*read_lottery(json.loads(text)))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_an_error_in_a_search_within_a_lottery_has_its_line(tmp_path):
    file = tmp_path / "lottery.yaml"
    file.write_text(
        "name: lines\nproblems:\n  npu:\n    search:\n      design: os_16x16\n"
        "      workloads: [gemm_sweep]\n      space:\n        npu.rowz: [8, 16]\n"
        "      objectives: {latency_s: min}\ncontestants: [random, qmc]\n"
    )
    with pytest.raises(InputError, match=r"lottery.yaml:8: .*npu\.rowz"):
        plan_lottery(*read_lottery(file))


def test_the_command_prints_tables_and_a_verdict_and_json_when_asked(tmp_path, capsys):
    file = tmp_path / "lottery.json"
    parts = {"output": {"plots": True}, "seeds": 2, "contestants": ["random", "qmc"]}
    file.write_text(json.dumps(small(written(tmp_path), **parts)))
    arguments = ["lottery", str(file), "--workers", "1", "-o", str(tmp_path / "out")]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    for words in ("base rate", "beats random", "what explains the ranks", "what this says", "boxes.png"):
        assert words in printed
    assert (tmp_path / "out" / "curves.png").stat().st_size > 10_000
    assert main([*arguments, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["comparison"]) == 2


def test_the_shipped_lottery_is_listed_and_sound(capsys):
    assert list(zoo.entries("lotteries")) == ["lottery"]
    assert "lottery" not in zoo.entries("sweeps") and "lottery" not in zoo.entries("searches")
    assert main(["list", "lotteries"]) == 0
    spec, _, _ = read_lottery("lottery")
    assert spec.description in " ".join(capsys.readouterr().out.split())
    assert {"random.stl", "cloud-1.stl", "cloud-2.stl", "stream.stl", "npu"} == set(spec.problems)
