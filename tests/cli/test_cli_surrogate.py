"""`accel-sim surrogate` on a folder of results and on a table, and its errors."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from accel_sim import sweep
from accel_sim.cli import main


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("swept")
    workload = folder / "gemm.yaml"
    workload.write_text("name: gemm\ngemms:\n  - {name: first, m: 64, n: 64, k: 64}\n")
    grid = {"npu.rows": {"pow2": [4, 64]}, "dram.channels": [1, 2, 4], "npu.columns": [8, 16]}
    file = {
        "name": "swept",
        "designs": ["os_16x16"],
        "workloads": [str(workload)],
        "grid": grid,
        "metrics": ["latency_s", "area_mm2"],
        "output": {"folder": str(folder / "out"), "plots": False},
    }
    return sweep(file, workers=1).folder


def test_a_folder_of_results_is_studied_and_the_store_tells_the_time(swept, capsys):
    assert main(["surrogate", str(swept), "--model", "extra_trees", "--metric", "latency_s"]) == 0
    printed = capsys.readouterr()
    for word in ("latency_s: extra_trees", "cross-validation", "best tenth", "30 distinct designs"):
        assert word in printed.out
    assert "points.sqlite" in printed.out and "no column" in printed.err
    report = json.loads((swept / "surrogate" / "report.json").read_text())
    assert report["speed"]["evaluation_s"] > 0
    assert (swept / "surrogate" / "learning_curve.png").is_file()


def test_a_table_is_studied_as_json(swept, tmp_path, capsys):
    arguments = ["--model", "gaussian_process", "--json", "-o", str(tmp_path / "out")]
    assert main(["surrogate", str(swept / "table.csv"), *arguments]) == 0
    data = json.loads(capsys.readouterr().out)
    assert set(data["models"]) == {"latency_s", "area_mm2"}
    assert data["inputs"] == ["npu.rows", "dram.channels", "npu.columns"]
    assert (tmp_path / "out" / "errors.csv").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: no such file or folder"),
        (["."], ".: has no table.csv"),
        (["FOLDER", "--metric", "latency_z"], "no column 'latency_z' (did you mean 'latency_s'?)"),
        (["FOLDER", "--model", "forest"], "'forest' is not a kind of model (did you mean 'random_forest'?)"),
        (["FOLDER", "--order", "design"], "'design' is an order, and must hold numbers only"),
        (["FOLDER", "--input", "batch"], "has 1 distinct designs"),
    ],
)
def test_what_cannot_be_studied_is_one_line(swept, arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["surrogate", *(str(swept) if a == "FOLDER" else a for a in arguments)]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_help_loads_no_model():
    code = """
import sys
from accel_sim.cli import main
assert main(["--help"]) == 0 and main(["surrogate", "--help"]) == 0
loaded = [name for name in ("sklearn", "scipy", "numpy", "numba") if name in sys.modules]
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
