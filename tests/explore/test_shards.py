"""Shards of a sweep or search, and what becomes of them when they are merged."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweep_files import small

from accel_sim import search, sweep
from accel_sim.cli import main
from accel_sim.config import InputError, RunError
from accel_sim.explore import merge as merging
from accel_sim.explore.merge import merge
from accel_sim.explore.search.log import TrialLog
from accel_sim.explore.shards import Conditions, Shard, search_shard, sweep_shard
from accel_sim.explore.store import Outcome, Store
from accel_sim.explore.sweep import POINTS


@dataclass(frozen=True)
class Keyed:
    key: str


@settings(max_examples=40)
@given(st.sets(st.text(min_size=1)), st.integers(1, 9))
def test_shards_hold_every_task_once_and_none_has_two_more_than_another(keys, of):
    tasks = [Keyed(key) for key in keys]
    parts = [Shard(number, of).part(tasks) for number in range(1, of + 1)]
    assert sorted(task.key for part in parts for task in part) == sorted(keys)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/3", "1/3/5", ""])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(InputError, match=r"^--shard .*: must be a part of several"):
        Shard.parse(text)


def sweep_of(folder: Path) -> dict:
    """Return a sweep with a point that is refused, points that are the same, and points beyond a limit."""
    return small(
        folder,
        grid={"npu.rows": [0, 8, 16, 24], "dram.channels": [1, 2], "name": ["a", "b"]},
        constraints={"area_mm2": {"max": 2.0}},
        output={"folder": str(folder / "out"), "plots": True},
    )


def test_merged_shards_of_a_sweep_are_the_sweep(tmp_path):
    content = sweep_of(tmp_path)
    whole = sweep(content, workers=1, output=tmp_path / "whole")
    computed = 0
    for number in (3, 1, 2):
        done = sweep_shard(content, Shard(number, 3), Conditions(workers=1, output=tmp_path / "shared"))
        computed += done.computed
        assert not (tmp_path / "shared" / "table.csv").exists()
    merged = merge([tmp_path / "shared"])
    assert computed == whole.computed == 6
    assert merged.rows == whole.rows
    assert (merged.folder / "table.csv").read_bytes() == (whole.folder / "table.csv").read_bytes()
    pictures = {file.name for file in (whole.folder / "plots").iterdir()}
    assert {file.name for file in (merged.folder / "plots").iterdir()} == pictures
    one, other = (json.loads((r.folder / "manifest.json").read_text()) for r in (whole, merged))
    for key in ("sweep", "inputs", "points", "model_sha256", "name"):
        assert one[key] == other[key]
    # It is a sweep like any other now.
    assert sweep(content, workers=1, output=merged.folder).computed == 0


def search_of(folder: Path, sampler: str, budget: int = 20) -> dict:
    small(folder)
    return {
        "name": "few",
        "design": "os_16x16",
        "workloads": [str(folder / "small.yaml")],
        "space": {"npu.rows": {"int": [4, 12]}, "dram.channels": {"int": [1, 4]}, "npu.columns": [0, 16]},
        "constraints": ["npu.rows * dram.channels <= 40"],
        "objectives": {"latency_s": "min", "area_mm2": "min"},
        "baselines": {"shipped": "os_16x16"},
        "search": {"sampler": sampler, "budget": budget, "batch": 7, "in_flight": 2},
        "output": {"plots": False},
    }


@pytest.mark.parametrize("sampler", ["random", "qmc", "grid"])
def test_merged_shards_of_a_search_are_the_search(tmp_path, sampler):
    content = search_of(tmp_path, sampler)
    whole = search(content, workers=1, output=tmp_path / "whole", seed=4)
    folders = [tmp_path / str(number) for number in (1, 2)]
    done = [
        search_shard(content, Shard(number, 2), Conditions(workers=1, output=folder), seed=4)
        for number, folder in enumerate(folders, 1)
    ]
    assert sum(one.computed for one in done) == done[0].total == whole.computed
    merged = merge(folders, output=tmp_path / "merged")
    assert (merged.folder / "table.csv").read_bytes() == (whole.folder / "table.csv").read_bytes()
    best = [{file.name: file.read_text() for file in (r.folder / "best").iterdir()} for r in (whole, merged)]
    assert best[0] == best[1]
    assert len(best[0]) == len(whole.front) > 0


def test_a_search_that_learns_cannot_be_parted_and_says_so(tmp_path):
    with pytest.raises(InputError, match=r"search.sampler = nsga2 learns .*; take random, qmc or grid"):
        search_shard(search_of(tmp_path, "nsga2"), Shard(1, 2), Conditions(output=tmp_path / "out"))
    with pytest.raises(InputError, match=r"search.sampler = auto, here tpe, learns"):
        search_shard(search_of(tmp_path, "auto"), Shard(1, 2), Conditions(output=tmp_path / "out"))
    content = search_of(tmp_path, "auto", budget=1000)
    assert search_shard(content, Shard(1, 2), Conditions(1, tmp_path / "out")).points > 10


@pytest.mark.parametrize("other", [{"screen": "roofline"}, {"confirm": "cycle"}])
def test_a_search_at_several_fidelities_cannot_be_parted_and_says_so(tmp_path, other):
    content = {**search_of(tmp_path, "random"), "fidelity": {"search": "tile", **other}}
    with pytest.raises(InputError, match=r"fidelity: shards cannot part a search that screens or confirms"):
        search_shard(content, Shard(1, 2), Conditions(1, tmp_path / "out"))


def test_a_search_looks_at_nothing_on_disk_when_it_is_parted(tmp_path, monkeypatch):
    opened = []
    with monkeypatch.context() as patch:
        write = TrialLog.write
        patch.setattr(TrialLog, "write", lambda self, *a: (opened.append(a), write(self, *a)))
        search_shard(search_of(tmp_path, "random"), Shard(1, 2), Conditions(1, tmp_path / "out"))
    assert opened == []
    assert {file.name for file in (tmp_path / "out").iterdir()} == {Shard(1, 2).points, Shard(1, 2).manifest}


def test_a_shard_that_is_started_again_goes_on(tmp_path):
    content, there = small(tmp_path), Conditions(workers=1)
    assert sweep_shard(content, Shard(1, 2), there).computed == 2
    again = sweep_shard(content, Shard(1, 2), there)
    assert (again.computed, again.points) == (0, 2)
    assert sweep_shard(content, Shard(1, 2), Conditions(workers=1, restart=True)).computed == 2


def test_a_shard_that_is_missing_is_named(tmp_path):
    for number in (1, 3):
        sweep_shard(small(tmp_path), Shard(number, 4), Conditions(workers=1))
    with pytest.raises(RunError, match=r"of 4 shards, 2, 4 did not finish"):
        merge([tmp_path / "out"])
    with pytest.raises(InputError, match=r"holds no finished shards"):
        merge([tmp_path])


def test_shards_of_different_things_are_not_merged(tmp_path):
    sweep_shard(small(tmp_path), Shard(1, 2), Conditions(1, tmp_path / "a"))
    sweep_shard(small(tmp_path), Shard(1, 3), Conditions(1, tmp_path / "b"))
    sweep_shard(small(tmp_path, fidelity="roofline"), Shard(2, 2), Conditions(1, tmp_path / "c"))
    with pytest.raises(InputError, match=r"the number of shards is 3, and 2 in"):
        merge([tmp_path / "a", tmp_path / "b"])
    with pytest.raises(InputError, match=r"the file is "):
        merge([tmp_path / "a", tmp_path / "c"])


def test_shards_of_other_code_or_of_changed_files_are_not_merged(tmp_path, monkeypatch):
    sweep_shard(small(tmp_path), Shard(1, 1), Conditions(workers=1))
    with monkeypatch.context() as patch:
        patch.setattr(merging, "model_text", lambda: "other")
        with pytest.raises(RunError, match=r"was simulated by other code \(accel_sim 0"):
            merge([tmp_path / "out"])
    workload = tmp_path / "small.yaml"
    workload.write_text(workload.read_text().replace("k: 64", "k: 65"))
    with pytest.raises(RunError, match=r"small.yaml changed since it ran"):
        merge([tmp_path / "out"])


def test_a_point_whose_worker_died_stays_so_and_is_not_tried_while_merging(tmp_path):
    content = small(tmp_path)
    sweep_shard(content, Shard(1, 1), Conditions(workers=1))
    whole = merge([tmp_path / "out"], output=tmp_path / "whole")
    with Store(tmp_path / "out" / Shard(1, 1).points, "delete") as store:
        key = next(iter(store.read_all()))
        store.add([Outcome(key, "killed", {}, "WorkerKilled: its worker process died twice", 0.0)])
    merged = merge([tmp_path / "out"])
    assert sorted(str(row["error"]) for row in merged.rows) == [
        *["None"] * 3,
        "WorkerKilled: its worker process died twice",
    ]
    assert whole.failed == 0
    with Store(tmp_path / "out" / POINTS) as store:
        assert len(store.read_all()) == 3


def test_the_command_line_parts_and_merges(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(json.dumps(small(tmp_path)))
    for number in (1, 2):
        assert main(["sweep", "s.yaml", "--shard", f"{number}/2", "--workers", "1"]) == 0
    told = capsys.readouterr().out
    assert "small: shard 2 of 2, 2 of 4 simulations, 2 now" in told
    assert f"accel-sim merge {tmp_path / 'out'}" in told
    # The sweep has moved meanwhile.
    (tmp_path / "s.yaml").rename(tmp_path / "t.yaml")
    assert main(["merge", str(tmp_path / "out")]) == 2
    assert "s.yaml" in capsys.readouterr().err
    assert main(["merge", str(tmp_path / "out"), "--file", "t.yaml"]) == 0
    assert "small: 4 points" in capsys.readouterr().out
    assert main(["sweep", "t.yaml", "--shard", "3/2"]) == 2
