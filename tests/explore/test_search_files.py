"""Search files: what they say becomes designs; what is wrong in them is one line."""

from __future__ import annotations

import copy
import json

import pytest
from ruamel.yaml import YAML

from accel_sim import search, simulate
from accel_sim.cli import main
from accel_sim.config import InputError, zoo
from accel_sim.explore.search.plan import plan_search
from accel_sim.explore.search.spec import read_search
from accel_sim.hardware.design import build_design, load_design

SMALL = {
    "name": "small",
    "design": "edge_npu",
    "workloads": [
        {"workload": "gemm_sweep", "name": "gemms"},
        {"workload": "llama3_2_1b", "name": "decode", "phase": {"phase": "decode", "context": 64}, "weight": 3},
    ],
    "space": {
        "npu.rows, npu.columns": {"pow2": [32, 128]},
        "scratchpad.capacity": ["1 MiB", "2 MiB"],
        "accumulator.width": {"derive": "4 * npu.columns"},
    },
    "constraints": ["npu.rows * scratchpad.capacity <= 128 * 1 MiB"],
    "baselines": {"shipped": "edge_npu", "wide": {"set": {"npu.rows": 32}}, "tpu": "tpu_v1"},
    "objectives": {"latency_s": "min", "decode.energy_j / decode.latency_s": "min"},
    "limits": {"area_mm2": {"max": 7}},
    "output": {"plots": False},
}


def changed(**parts):
    return {**copy.deepcopy(SMALL), **parts}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return search(SMALL, workers=1, output=tmp_path_factory.mktemp("search"))


def test_auto_tries_every_candidate_of_a_space_within_the_budget(found):
    assert found.sampler == "grid"
    # Three widths by two capacities, less (128, 2 MiB); the shipped design is one of the five.
    own = {
        (t.values["npu.rows"], t.values["scratchpad.capacity"]) for t in found.trials if t.kind != "baseline"
    }
    assert own == {(32, 2**20), (32, 2**21), (64, 2**20), (64, 2**21), (128, 2**20)}
    assert found.count()["distinct"] == 4
    assert found.count()["duplicates"] == 1


def test_a_baseline_in_the_space_is_a_candidate_and_others_are_designs_of_their_own(found):
    shipped, wide, tpu = found.baselines
    assert [t.name for t in found.baselines] == ["shipped", "wide", "tpu"]
    assert shipped.values["npu.rows"] == 64 and shipped.codes is not None
    assert wide.codes is None and wide.values == {"npu.rows": 32}
    assert tpu.codes is None and tpu.status == "failed" and "int8" in tpu.error


def test_metrics_are_those_of_simulate_and_the_mix_is_their_weighted_sum(found):
    trial = next(t for t in found.trials if t.values.get("npu.rows") == 32 and t.kind != "baseline")
    settings = dict(trial.values)
    gemms = simulate("edge_npu", "gemm_sweep", overrides=settings)
    phase = {"workload.phase.phase": "decode", "workload.phase.context": 64}
    decode = simulate("edge_npu", "llama3_2_1b", overrides=settings | phase)
    assert trial.metrics["gemms.latency_s"] == gemms.latency_s
    assert trial.metrics["decode.energy_j"] == decode.energy_j
    assert trial.metrics["latency_s"] == pytest.approx(gemms.latency_s + 3 * decode.latency_s)
    energy = gemms.energy_j + 3 * decode.energy_j
    assert trial.metrics["power_w"] == pytest.approx(energy / trial.metrics["latency_s"])
    assert trial.metrics["area_mm2"] == gemms.area_mm2
    tokens = gemms.tokens_per_s * gemms.latency_s + 3 * decode.tokens_per_s * decode.latency_s
    assert trial.metrics["tokens_per_s"] == pytest.approx(tokens / trial.metrics["latency_s"])
    assert trial.score.values[1] == pytest.approx(decode.power_w)


def test_the_best_designs_are_files_that_simulate_as_the_search_did(found):
    files = sorted((found.folder / "best").iterdir())
    assert len(files) == len(found.front) > 0
    for file, trial in zip(files, found.front, strict=True):
        assert YAML(typ="safe").load(file)["name"] == file.stem
        assert simulate(file, "gemm_sweep").latency_s == trial.metrics["gemms.latency_s"]


def test_the_table_names_units_and_says_what_every_trial_was(found):
    assert "scratchpad.capacity [bytes]" in found.columns
    lines = (found.folder / "table.csv").read_text().splitlines()
    assert len(lines) == 1 + len(found.trials)
    assert list(found.frame.columns) == list(found.columns)
    assert [row["front"] for row in found.rows].count(True) == len(found.front)


def test_a_search_that_is_done_evaluates_nothing_again(found):
    again = search(SMALL, workers=1, output=found.folder)
    assert again.computed == 0
    assert again.rows == found.rows


def test_a_design_may_be_a_choice_with_parameters_of_its_own(tmp_path):
    several = changed(
        design=None,
        designs=["edge_npu", "os_16x16"],
        space={
            "npu.rows": [16, 32],
            "dram.channels": {"choice": [2, 4], "when": "design == 'edge_npu'"},
        },
        constraints=[],
        baselines={},
    )
    trials = search({k: v for k, v in several.items() if v is not None}, workers=1, output=tmp_path).trials
    found = {(t.values["design"], t.values["npu.rows"], t.values.get("dram.channels")) for t in trials}
    assert found == {
        *(("edge_npu", rows, channels) for rows in (16, 32) for channels in (2, 4)),
        *(("os_16x16", rows, None) for rows in (16, 32)),
    }


def test_workload_parameters_are_searched_too(tmp_path):
    batches = changed(
        workloads=[{"workload": "llama3_2_1b", "phase": {"phase": "decode", "context": 64}}],
        space={"workload.phase.batch": [1, 4]},
        constraints=[],
        baselines={},
        objectives={"tokens_per_s": "max"},
    )
    result = search(batches, workers=1, output=tmp_path)
    assert [trial.values["workload.phase.batch"] for trial in result.front] == [4]


def test_paths_that_move_together_have_each_its_own_unit():
    paths = "dram.standard, dram.channel_bandwidth, dram.capacity"
    linked = {paths: [["lpddr5", "12.8 GB/s", "32 GiB"], ["gddr6", "28 GB/s", "4 GiB"]]}
    plan = plan_search(*read_search(changed(space=linked, constraints=[], baselines={"shipped": "edge_npu"})))
    assert plan.space.values((1,)) == {
        "dram.standard": "gddr6",
        "dram.channel_bandwidth": 28e9,
        "dram.capacity": 4 * 2**30,
    }
    assert plan.starts[0].codes == (0,)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"space": {"npu.rosw": [1]}}, "unknown path 'npu.rosw' in edge_npu.yaml (did you mean 'npu.rows'?)"),
        ({"space": {"npu.rows": {"pow3": [1, 2]}}}, "did you mean 'pow2'"),
        ({"space": {"scratchpad.capacity": ["1 MHz"]}}, "unit 'MHz' is not one of bytes"),
        ({"space": {"npu.rows": [1], "npu.rows, npu.columns": [2]}}, "'npu.rows' is given twice"),
        ({"space": {"npu.rows, workload.phase.batch": [2]}}, "cannot move together"),
        ({"space": {"npu.rows": {"int": [1, 2], "when": "npu.clumns > 1"}}}, "'npu.clumns' is not a parameter"),
        ({"space": {"npu.rows": {"derive": "1", "int": [1, 2]}}}, "has no values of its own"),
        ({"space": {"npu.rows": {"derive": "npu.rows"}}}, "npu.rows -> npu.rows"),
        ({"constraints": ["npu.rows <"]}, "constraints.0: 'npu.rows <' is not an expression"),
        ({"constraints": ["npu.rws < 3"]}, "did you mean 'npu.rows'"),
        ({"objectives": {"latncy_s": "min"}}, "'latncy_s' is not a metric (did you mean 'latency_s'"),
        ({"objectives": {"latency_s": "minimum"}}, "objectives.latency_s = minimum"),
        ({"limits": {"area_mm2": {"maximum": 3}}}, "unknown key"),
        ({"search": {"sampler": "ngsa2"}}, "did you mean 'nsga2'"),
        ({"search": {"budget": 0}}, "must be at least 1"),
        ({"search": {"sampler": "nsga2", "settings": {"size": 1}}}, "search.settings.size"),
        ({"baselines": {"a": "edge_nqu"}}, "did you mean 'edge_npu'"),
        ({"baselines": {"a": {"set": {"npu.rosw": 3}}}}, "npu.rosw: unknown key (did you mean 'rows'?)"),
        ({"fidelity": "tiles"}, "did you mean 'tile'"),
        ({"workloads": [{"workload": "llama3_2_1b", "weigth": 2}]}, "unknown key"),
        ({"workloads": ["llama3_2_1b", "llama3_2_1b"]}, "is there twice"),
        (
            {"workloads": [{"workload": "llama3_2_1b", "grid": {"workload.phase.batch": [1]}}]},
            "belongs to a sweep",
        ),
        ({"designs": ["edge_npu"]}, "needs 'design' or 'designs'"),
    ],
)
def test_what_is_wrong_in_a_file_is_one_line_that_says_where(tmp_path, parts, message):
    with pytest.raises(InputError) as caught:
        search(changed(**parts), output=tmp_path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_error_names_the_line_of_the_file(tmp_path, capsys):
    file = tmp_path / "bad.yaml"
    data = changed(space={"npu.rows": [8, 8]})
    with file.open("w") as stream:
        YAML(typ="safe").dump(data, stream)
    line = next(n for n, text in enumerate(file.read_text().splitlines(), 1) if "npu.rows: [" in text)
    assert main(["search", str(file), "-o", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith(f"{file}:{line}: space.npu.rows: choice: 8 is given twice")


def test_the_command_prints_the_front_and_what_became_of_the_baselines(found, tmp_path, capsys):
    file = tmp_path / "small.yaml"
    file.write_text(json.dumps(SMALL))
    folder = str(found.folder)
    assert main(["search", str(file), "-o", folder]) == 0
    printed = capsys.readouterr().out
    assert "small: 4 designs by grid" in printed and "tpu: no result" in printed and "shipped" in printed
    assert main(["search", str(file), "-o", folder, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["distinct"] == 4 and len(data["front"]) == len(found.front)
    assert [baseline["name"] for baseline in data["baselines"]] == ["shipped", "wide", "tpu"]


@pytest.mark.parametrize("name", sorted(zoo.entries("searches")))
def test_a_shipped_search_is_named_after_its_file_and_can_be_planned(name):
    spec, document, path = read_search(name)
    assert spec.name == name
    plan = plan_search(spec, document, path)
    # The design that is searched is itself a candidate, so that the search starts from it.
    assert any(start.codes is not None for start in plan.starts)
    for start in plan.starts:
        assert plan.problem.question(start.values).error is None


def test_a_key_does_not_depend_on_how_a_value_is_written():
    spec, document, path = read_search("search_npu")
    plan = plan_search(spec, document, path)
    start = next(s for s in plan.starts if s.codes is not None)
    point = plan.problem.question(start.values).tasks[0]
    built = build_design(plan.simulated.chips[0].document, point.overrides)
    assert built.document.data == build_design(load_design("npu_128x128_hbm").document).document.data
