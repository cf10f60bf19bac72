"""What a search leaves in its folder is the search."""

from __future__ import annotations

import json
import shutil

import pytest
from search_problems import CHIP, space_of

from accel_sim import InputError, load_search, search
from accel_sim.explore.search.agreement import in_words
from accel_sim.explore.search.space_data import space_from_data, space_to_data

SPACES = {
    "chip": CHIP,
    "all kinds": space_of(
        {
            "a, b": [["x", 1], ["8", 2]],
            "c": ["1", "2", True],
            "d": {"int": [3, 99, 4]},
            "e": {"float": [0.5, 8.0], "log": True, "when": "d > 3"},
            "f": {"derive": "2 * d"},
            "g": {"pow2": [1, 64]},
        },
        ("d <= 8 KiB",),
    ),
}


@pytest.mark.parametrize("name", SPACES)
def test_a_space_comes_back_from_json(name):
    space = SPACES[name]
    again = space_from_data(json.loads(json.dumps(space_to_data(space))))
    assert again == space
    if space.finite:
        assert list(again.enumerate()) == list(space.enumerate())


def test_a_search_is_read_back_as_it_was_found(small_search):
    again = load_search(small_search.folder)
    assert again.columns == small_search.columns
    assert again.rows == small_search.rows
    assert [t.codes for t in again.trials] == [t.codes for t in small_search.trials]
    assert [t.score for t in again.trials] == [t.score for t in small_search.trials]
    assert again.space == small_search.space
    assert again.count() == small_search.count()
    assert (again.rules, again.sampler) == (small_search.rules, small_search.sampler)
    assert [t.number for t in again.front] == [t.number for t in small_search.front]
    assert [again.verdict(t) for t in again.baselines] == [
        small_search.verdict(t) for t in small_search.baselines
    ]
    assert (again.hypervolume, again.reference) == (small_search.hypervolume, small_search.reference)


def test_what_other_fidelities_said_is_read_back_too(tmp_path):
    found = search(
        {
            "name": "climbing",
            "design": "os_16x16",
            "workloads": ["gemm_sweep"],
            "space": {"npu.rows": [8, 16, 32], "npu.columns": [8, 16, 32], "dram.channels": [1, 2]},
            "baselines": {"shipped": "os_16x16"},
            "objectives": {"latency_s": "min", "energy_j": "min"},
            "limits": {"area_mm2": {"max": 40}},
            "fidelity": {"screen": "roofline", "search": "tile", "confirm": "cycle", "promote": 0.5},
            "search": {"sampler": "random", "budget": 6, "seed": 1, "batch": 6},
        },
        workers=1,
        output=tmp_path,
    )
    again = load_search(tmp_path)
    assert again.fidelities == found.fidelities
    assert [t.screening for t in again.trials] == [t.screening for t in found.trials]
    assert any(t.screening for t in found.trials) and any(t.status == "screened" for t in found.trials)
    assert again.confirmed == found.confirmed and found.confirmed
    assert in_words(again) == in_words(found)
    assert again.rows == found.rows


def test_the_small_search_has_something_of_everything(small_search):
    counts = small_search.count()
    assert counts["distinct"] == 45
    assert all(counts[name] > 0 for name in ("illegal", "failed", "feasible"))
    assert 2 <= counts["front"] < counts["feasible"] < counts["distinct"]
    assert any("vector.lanes" not in t.values for t in small_search.trials if t.codes)


def test_a_folder_that_is_none_is_one_line(small_search, tmp_path):
    with pytest.raises(InputError, match="nowhere: no such folder"):
        load_search(tmp_path / "nowhere")
    with pytest.raises(InputError, match="is not a folder of results: no manifest"):
        load_search(tmp_path)
    (tmp_path / "points.sqlite").touch()
    with pytest.raises(InputError, match="start the search again"):
        load_search(tmp_path)
    for name in ("manifest.json", "table.csv"):
        shutil.copy(small_search.folder / name, tmp_path / name)
    assert load_search(tmp_path).count() == small_search.count()
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps({"search": manifest["search"]}))
    with pytest.raises(InputError, match="not written by this version"):
        load_search(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        load_search(tmp_path)
