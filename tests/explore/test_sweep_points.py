"""The points of a sweep: grids, linked paths, restrictions, constraints, failures, and the files written."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import pytest
from sweep_files import GEMMS, small

from accel_sim import simulate, sweep
from accel_sim.config import InputError, RunError, load_document, zoo
from accel_sim.explore.plan import plan_sweep
from accel_sim.explore.spec import read_sweep


def test_every_combination_is_a_row_with_the_figures_of_simulate(tmp_path):
    result = sweep(small(tmp_path), workers=1)
    inputs = [(row["npu.rows"], row["dram.channels"]) for row in result.rows]
    assert inputs == [(8, 1), (8, 2), (16, 1), (16, 2)]
    for row in result.rows:
        settings = {path: row[path] for path in ("npu.rows", "dram.channels")}
        metrics = simulate("os_16x16", tmp_path / "small.yaml", overrides=settings).metrics()
        assert {name: row[name] for name in ("latency_s", "energy_j", "area_mm2")} == {
            name: metrics[name] for name in ("latency_s", "energy_j", "area_mm2")
        }
    assert result.computed == 4
    assert result.failed == 0


def test_inputs_come_first_then_metrics_then_the_verdict(tmp_path):
    result = sweep(small(tmp_path, constraints={"power_w": {"max": 1e9}}), workers=1)
    assert result.columns == (
        *("design", "workload", "phase", "batch", "npu.rows", "dram.channels"),
        *("latency_s", "energy_j", "area_mm2", "power_w", "feasible", "error"),
    )
    assert list(result.frame.columns) == list(result.columns)
    assert len(result.frame) == 4
    with (result.folder / "table.csv").open() as file:
        assert tuple(next(csv.reader(file))) == result.columns


def test_linked_paths_move_together(tmp_path):
    grid = {"npu.rows, npu.columns": [8, [16, 32]]}
    rows = sweep(small(tmp_path, grid=grid), workers=1).rows
    assert [(row["npu.rows"], row["npu.columns"]) for row in rows] == [(8, 8), (16, 32)]


@pytest.mark.parametrize(
    ("given", "values"),
    [({"pow2": [4, 33]}, [4, 8, 16, 32]), ({"range": [1, 3]}, [1, 2, 3]), ({"range": [1, 6, 2]}, [1, 3, 5])],
)
def test_values_can_be_described(tmp_path, given, values):
    rows = sweep(small(tmp_path, grid={"npu.rows": given}, fidelity="roofline"), workers=1).rows
    assert [row["npu.rows"] for row in rows] == values


def test_an_entry_has_settings_and_axes_of_its_own(tmp_path):
    designs = [
        {"design": "os_16x16", "set": {"npu.rows": 8}},
        {"design": "os_16x16", "name": "wide", "grid": {"npu.columns": [32, 64]}},
    ]
    file = str(tmp_path / "small.yaml")
    workloads = [
        {"workload": file, "set": {"workload.formats.weights": "int8"}},
        {"workload": file, "name": "more", "grid": {"workload.gemms.0.m": [8, 16]}},
    ]
    result = sweep(small(tmp_path, designs=designs, workloads=workloads, grid={}), workers=1)
    rows = [(r["design"], r["workload"], r["npu.columns"], r["workload.gemms.0.m"]) for r in result.rows]
    assert rows == [
        ("os_16x16", "small", None, None),
        ("os_16x16", "more", None, 8),
        ("os_16x16", "more", None, 16),
        ("wide", "small", 32, None),
        ("wide", "small", 64, None),
        ("wide", "more", 32, 8),
        ("wide", "more", 32, 16),
        ("wide", "more", 64, 8),
        ("wide", "more", 64, 16),
    ]
    assert not result.failed


def test_phases_are_columns_unless_the_grid_has_them(tmp_path):
    workloads = [
        {"workload": "gpt2", "phase": {"phase": "decode", "context": 64}},
        {"workload": "gpt2", "phase": {"phase": "prefill", "sequence": 32}},
    ]
    grid = {"workload.phase.batch": [1, 2]}
    result = sweep(small(tmp_path, workloads=workloads, grid=grid, fidelity="roofline"), workers=1)
    assert result.inputs == ("design", "workload", "phase", "sequence", "context", "workload.phase.batch")
    assert [(r["phase"], r["workload.phase.batch"], r["context"]) for r in result.rows] == [
        ("decode", 1, 64),
        ("decode", 2, 64),
        ("prefill", 1, None),
        ("prefill", 2, None),
    ]


def test_constraints_say_which_points_are_feasible(tmp_path):
    areas = [row["area_mm2"] for row in sweep(small(tmp_path), workers=1).rows]
    bound = sorted(areas)[1]
    result = sweep(small(tmp_path, constraints={"area_mm2": {"max": bound}}), workers=1)
    assert [row["feasible"] for row in result.rows] == [area <= bound for area in areas]
    assert result.infeasible == 2
    assert result.computed == 0, "constraints and columns are no reason to simulate again"


def test_a_point_that_fails_is_recorded_and_the_rest_goes_on(tmp_path):
    tiny = {
        "scratchpad.width, scratchpad.banks": [1],
        "scratchpad.capacity": ["256 KiB", "8 B"],
        "npu.rows": [0, 8],
    }
    result = sweep(small(tmp_path, grid=tiny), workers=1)
    errors = [row["error"] for row in result.rows]
    assert errors[0].startswith("InputError: os_16x16.yaml, overridden: npu.rows = 0: must be at least 1")
    assert errors[1] is None
    assert errors[2].startswith("InputError")
    assert errors[3].startswith("RunError: ")
    assert "no tile of 'first' fits" in errors[3]
    assert result.failed == 3
    assert result.rows[3]["latency_s"] is None
    counts = json.loads((result.folder / "manifest.json").read_text())["points"]
    assert (counts["all"], counts["ok"], counts["failed"]) == (4, 1, 3)


def test_an_exception_nobody_foresaw_is_an_outcome_too(tmp_path, monkeypatch):
    from accel_sim.explore import worker

    def fail(design: object, workload: object, fidelity: str) -> None:
        raise ZeroDivisionError("a\nb")

    monkeypatch.setattr(worker, "simulate", fail)
    result = sweep(small(tmp_path), workers=1)
    assert {row["error"] for row in result.rows} == {r"ZeroDivisionError: a\nb"}


def test_points_that_are_the_same_are_simulated_once(tmp_path):
    result = sweep(small(tmp_path, grid={"npu.rows": [8, 8, 16]}), workers=1)
    assert len(result.rows) == 3
    assert result.computed == 2


def test_what_a_thing_is_called_does_not_matter_to_its_key(tmp_path):
    sweep(small(tmp_path), workers=1)
    design = tmp_path / "renamed.yaml"
    text = zoo.entries("designs")["os_16x16"].read_text()
    design.write_text(
        text.replace("name: os_16x16", "name: renamed").replace("description: One", "description: A")
    )
    assert sweep(small(tmp_path, designs=[str(design)]), workers=1).computed == 0
    design.write_text(text.replace("clock: 500 MHz", "clock: 501 MHz"))
    assert sweep(small(tmp_path, designs=[str(design)]), workers=1).computed == 4


def test_other_code_means_other_keys(tmp_path, monkeypatch):
    from accel_sim.explore import fingerprint

    spec, document, path = read_sweep(small(tmp_path))
    before = {point.key for point in plan_sweep(spec, document, path).points}
    monkeypatch.setattr(fingerprint, "model_text", lambda: "other")
    assert not before & {point.key for point in plan_sweep(spec, document, path).points}


def test_files_of_a_sweep(tmp_path):
    file = tmp_path / "s.yaml"
    (tmp_path / "small.yaml").write_text(GEMMS)
    file.write_text(
        "name: s\ndesigns: [os_16x16]\nworkloads: [small.yaml]\ngrid: {npu.rows: [8, 16, 32]}\n"
        f"constraints: {{latency_s: {{max: 1}}}}\noutput: {{folder: {tmp_path}/out}}\n"
    )
    result = sweep(file, workers=1)
    assert {path.name for path in (result.folder / "plots").iterdir()} == {
        "latency_energy.png",
        "small_inference.png",
    }
    manifest = json.loads((result.folder / "manifest.json").read_text())
    hashes = {Path(entry["file"]).name: entry["sha256"] for entry in manifest["inputs"]}
    assert set(hashes) == {"s.yaml", "os_16x16.yaml", "small.yaml"}
    assert hashes["s.yaml"] == hashlib.sha256(file.read_bytes()).hexdigest()
    for key in (
        "schema_version",
        "accel_sim",
        "python",
        "packages",
        "command_line",
        "started",
        "finished",
        "sweep",
    ):
        assert manifest[key], key


def test_results_that_do_not_change_are_not_written_again(tmp_path):
    folder = sweep(small(tmp_path), workers=1).folder
    table = folder / "table.csv"
    before = table.read_bytes(), table.stat().st_mtime_ns
    assert sweep(small(tmp_path), workers=1, restart=True).computed == 4
    assert (table.read_bytes(), table.stat().st_mtime_ns) == before


def test_a_store_that_is_no_database_is_a_clear_error(tmp_path):
    content = small(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "points.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(RunError, match="--restart starts it anew"):
        sweep(content, workers=1)
    assert sweep(content, workers=1, restart=True).computed == 4


MISTAKES = [
    (
        "grid: {npu.dataflw: [1]}",
        "f.yaml:9: unknown path 'npu.dataflw' in os_16x16.yaml (did you mean 'npu.dataflow'?)",
    ),
    ("grid: {nup.rows: [1]}", "f.yaml:9: unknown path 'nup.rows' in os_16x16.yaml (did you mean 'npu.rows'?)"),
    ("grid: {workload.phase.context: [1]}", "unknown path 'workload.phase.context'"),
    ("grid: {workload.model.layers: [1]}", "unknown path 'workload.model.layers'"),
    ("grid: {workload.gemms.0.mm: [1]}", "unknown path 'workload.gemms.0.mm'"),
    ("grid: {npu.rows: []}", "f.yaml:9: grid.npu.rows: must be a list of values"),
    ("grid: {npu.rows: 8}", "must be a list of values"),
    ("grid: {npu.rows: {pow3: [1, 2]}}", "or one of pow2, range"),
    ("grid: {npu.rows: {pow2: [0, 2]}}", "pow2: must be"),
    ("grid: {npu.rows: {range: [1, 100000000]}}", "more than 1,000,000 values"),
    ("grid: {npu.rows: {range: [1, 2000]}, npu.columns: {range: [1, 2000]}}", "has 4,000,000 points"),
    ("grid: {'npu.rows, npu.columns': [[1, 2, 3]]}", "3 values for 2 paths that move together"),
    ("grid: {'npu.rows, npu.rows': [1]}", "'npu.rows' is given twice"),
    ("grid: {'npu.rows,': [1]}", "a path is empty"),
    ("grid: {'npu.rows, workload.phase.batch': [1]}", "cannot move together"),
    ("metrics: [latency]", "f.yaml:9: metrics.0: 'latency' is not a metric (did you mean 'latency_s'?)"),
    ("metrics: []", "f.yaml:9: metrics"),
    ("constraints: {aera_mm2: {max: 1}}", "'aera_mm2' is not a metric (did you mean 'area_mm2'?)"),
    ("constraints: {area_mm2: {mx: 1}}", "constraints.area_mm2.mx: unknown key (did you mean 'max'?)"),
    ("constraints: {area_mm2: {}}", "needs 'min' or 'max'"),
    ("constraints: {area_mm2: {min: 2, max: 1}}", "min = 2 is above max = 1"),
    ("fidelity: tiles", "f.yaml:9: fidelity: 'tiles' is not known (did you mean 'tile'?)"),
    ("gird: {}", "f.yaml:9: gird: unknown key (did you mean 'grid'?)"),
    ("output: {foldr: x}", "output.foldr: unknown key (did you mean 'folder'?)"),
    ("name: ../x", "f.yaml:9: name = ../x"),
    ("designs: []", "designs"),
    (
        "designs: [os_16]",
        "f.yaml:9: os_16: no such file, and no shipped design of that name (did you mean 'os_16x16'?)",
    ),
    ("designs: [os_16x16, os_16x16]", "'os_16x16' is there twice; give one a 'name'"),
    (
        "designs: [{design: os_16x16, set: {npu.rws: 1}}]",
        "f.yaml:9: os_16x16.yaml, overridden: npu.rws: unknown key",
    ),
    ("designs: [{design: os_16x16, grid: {workload.phase.batch: [1]}}]", "is a path of a workload"),
    (
        "designs: [{design: os_16x16, set: {npu.rows: 8}}]\ngrid: {npu.rows: [1]}",
        "'npu.rows' is also under 'set'",
    ),
    ("workloads: [{workload: gpt2, phase: decod}]", "unknown phase (did you mean 'decode'?)"),
    ("workloads: [{workload: gpt2, phase: {phase: decode, contxt: 1}}]", "(did you mean 'context'?)"),
    ("workloads: [{workload: gpt2, grid: {phase.batch: [1]}}]", "does not begin with 'workload.'"),
    ("workloads: [gpt2, gpt2]", "'gpt2' is there twice; give one a 'name'"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_a_mistake_in_the_file_is_named_before_anything_runs(tmp_path, text, message):
    (tmp_path / "small.yaml").write_text(GEMMS)
    keys = {line.partition(":")[0] for line in text.splitlines()}
    rest = {"name": "x", "designs": "[os_16x16]", "workloads": "[small.yaml]", "grid": "{npu.rows: [8]}"}
    kept = [f"{key}: {value}" for key, value in rest.items() if key not in keys]
    file = tmp_path / "f.yaml"
    file.write_text("\n".join([*["#"] * (8 - len(kept)), *kept, text]))
    with pytest.raises(InputError) as error:
        sweep(file, output=tmp_path / "out")
    assert message in str(error.value).replace(str(file), "f.yaml")
    assert str(error.value).isprintable()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", zoo.entries("sweeps"))
def test_a_shipped_sweep_is_named_after_its_file_and_can_be_planned(name):
    path = zoo.entries("sweeps")[name]
    spec, document, _ = read_sweep(path)
    assert spec.name == name
    assert spec.description
    plan = plan_sweep(spec, document, path)
    assert not [point.error for point in plan.points if point.error]
    assert name in (path.parent / "README.md").read_text()


@pytest.mark.parametrize("name", zoo.entries("designs"))
def test_a_shipped_design_is_in_the_list(name):
    data = load_document(zoo.entries("designs")[name]).data
    readme = (zoo.folder("designs") / "README.md").read_text()
    assert f"[{name}]({name}.yaml)" in readme
    assert data["description"]
