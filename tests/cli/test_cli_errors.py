"""Every mistake gets one line on the standard error, and the exit code that belongs to it."""

from __future__ import annotations

import pytest

from accel_sim.cli import main
from accel_sim.config import InputError, zoo

PREFILL_TAKES = "phase 'prefill' takes --batch, --sequence"
COMPARE = ["compare", "edge_npu", "os_16x16", "-w", "gemm_sweep"]

MISTAKES = [
    (
        ["run", "npu_128x128", "llama3_8b"],
        "npu_128x128: no such file, and no shipped design",
        "npu_128x128_hbm",
    ),
    (["run", "edge_npu", "llama3_8"], "no shipped workload", "llama3_8b"),
    (["run", "edge_npu"], "Missing argument", "'workload'"),
    (["rum", "a", "b"], "No such command", "run"),
    (["run", "a", "b", "--phse", "x"], "No such option", "--phase"),
    (["run", "edge_npu", "llama3_8b", "--batch", "x"], "--batch", "valid integer"),
    (["run", "edge_npu", "llama3_8b", "--batch", "0"], "phase.batch = 0", "at least 1"),
    (["run", "edge_npu", "llama3_8b", "--context", "8"], PREFILL_TAKES, "--phase decode"),
    (
        ["run", "edge_npu", "llama3_8b", "--phase", "prefill", "--output", "8"],
        PREFILL_TAKES,
        "--phase generate",
    ),
    (["run", "edge_npu", "llama3_8b", "--phase", "decod"], "unknown phase", "decode"),
    (["run", "edge_npu", "resnet50", "--phase", "decode"], "has no phase 'decode'", "inference"),
    (["run", "edge_npu", "llama3_8b", "--set", "npu.rows"], "must be path=value", "npu.rows=256"),
    (["run", "edge_npu", "llama3_8b", "--set", "=5"], "must be path=value", ""),
    (["run", "edge_npu", "llama3_8b", "--set", "npu.rws=5"], "npu.rws: unknown key", "rows"),
    (["run", "edge_npu", "llama3_8b", "--set", "nup.rows=5"], "unknown path 'nup.rows'", "npu"),
    (["run", "edge_npu", "llama3_8b", "--set", "npu.rows=0"], "overridden: npu.rows = 0", "at least 1"),
    (["run", "edge_npu", "llama3_8b", "--set", "npu.rows=[1"], "not valid YAML", ""),
    (["run", "edge_npu", "llama3_8b", "--set", "npu.rows=1", "--set", "npu.rows=2"], "npu.rows", "twice"),
    (["run", "edge_npu", "llama3_8b", "--set", "a\nb=1"], r"a\nb", ""),
    (
        ["run", "edge_npu", "llama3_8b", "--batch", "2", "--set", "workload.phase.batch=3"],
        "--batch",
        "--set workload.phase.batch",
    ),
    (["run", "edge_npu", "llama3_8b", "--fidelity", "tiles"], "fidelity = tiles", "tile"),
    (["run", "edge_npu", "llama3_8b", "--json", "/nowhere/x.json"], "no such folder", "/nowhere"),
    (["run", "edge_npu", "llama3_8b", "--csv", "."], "is a folder", ""),
    (["run", "edge_npu", "llama3_8b", "--trace", "x.txt"], "--trace x.txt", "*.json.gz"),
    (["run", "edge_npu", "llama3_8b", "--trace", "x.json", "--fidelity", "roofline"], "no timeline", "tile"),
    (["run", "tpu_v1", "llama3_8b"], "int8", ""),
    (["compare", "edge_npu", "-w", "llama3_8b"], "at least two designs", ""),
    (["compare", "edge_npu", "os_16x16"], "Missing option", "--workload"),
    ([*COMPARE, "--iso", "aera"], "--iso aera: is not known", "area"),
    ([*COMPARE, "--iso", "x"], "--iso x", "allowed: area, peak, power"),
    ([*COMPARE, "--iso", "area", "--scale", "npu.cuont"], "unknown path 'npu.cuont'", "npu.count"),
    (
        [*COMPARE, "--iso", "area", "--scale", "npu.dataflow"],
        "npu.dataflow = output_stationary",
        "not a number",
    ),
    ([*COMPARE, "--iso", "area", "--scale", "os_16x16=npu.dataflow"], "npu.dataflow", "not a number"),
    ([*COMPARE, "--iso", "area", "--scale", "edge_npu=npu.rows"], "'edge_npu' is not", "os_16x16"),
    ([*COMPARE, "--iso", "area", "--scale", "=npu.rows"], "--scale =npu.rows", "DESIGN=PATH"),
    ([*COMPARE, "--iso", "area", "--scale", "os_16x16="], "--scale os_16x16=", "DESIGN=PATH"),
    ([*COMPARE, "--iso", "area", "--scale", "npu.rows", "--scale", "npu.columns"], "npu.columns", "twice"),
    ([*COMPARE, "--scale", "npu.count"], "--scale npu.count: needs --iso", "area, power or peak"),
    (
        ["compare", "os_16x16", "edge_npu", "-w", "gemm_sweep", "--iso", "peak"],
        "from 1 to 4096",
        "edge_npu.yaml:8",
    ),
    ([*COMPARE, "--iso", "peak", "--scale", "dram.capacity"], "os_16x16.yaml:", "as everywhere"),
    (["show", "edge_np"], "no shipped design or workload", "edge_npu"),
    (["show", "llama3_8"], "no shipped design or workload", "llama3_8b"),
    (["show", "edge_npu", "--batch", "2"], "edge_npu is a design", "phases"),
    (["list", "design"], "list design", "designs"),
    (["validate", "systolc"], "unknown suite", "systolic"),
    (["validate", "systolic", "--reference", "nowhere.csv"], "nowhere.csv: no such file", ""),
    (["sweep", "quickstrat"], "no shipped sweep", "quickstart"),
    (["sweep", "quickstart", "--workers", "0"], "--workers", ""),
]


@pytest.mark.parametrize(
    ("arguments", "message", "hint"), MISTAKES, ids=lambda v: " ".join(v) if isinstance(v, list) else None
)
def test_a_mistake_is_explained_in_one_line(capsys, arguments, message, hint):
    assert main(arguments) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err.count("\n") == 1
    assert message in streams.err
    assert hint in streams.err


def test_a_buffer_that_is_too_small_is_a_failed_run(capsys):
    tiny = [f"scratchpad.{name}" for name in ("capacity=8 B", "width=1", "banks=1")]
    assert main(["run", "os_16x16", "gemm_sweep", *(part for value in tiny for part in ("--set", value))]) == 1
    streams = capsys.readouterr()
    assert "no tile of" in streams.err
    assert streams.err.count("\n") == 1


def test_a_name_of_both_kinds_asks_for_the_file(capsys, monkeypatch):
    path = zoo.entries("designs")["edge_npu"]
    monkeypatch.setattr(zoo, "entries", lambda kind: {"twin": path})
    assert main(["show", "twin"]) == 2
    assert "a design and of a workload; give the file" in capsys.readouterr().err


def test_a_file_of_nonsense_is_explained(capsys, tmp_path):
    file = tmp_path / "x.yaml"
    for text in ("", "3", "[]", "name: x", "a: 1\na: 2", "name: x\nclock: 1 GHz\ntechnology: {node: 7 nm}\n"):
        file.write_text(text)
        for arguments in (
            ["run", str(file), "llama3_8b"],
            ["run", "edge_npu", str(file)],
            ["sweep", str(file)],
        ):
            assert main(arguments) == 2
            assert capsys.readouterr().err.count("\n") == 1


def test_a_failed_validation_exits_with_1(capsys, monkeypatch):
    from accel_sim.cli import validate
    from accel_sim.validation.report import Report

    report = Report("models", "x.csv", ("a",), ({"a": 1.5},), passed=False, summary=("1 of 1 is wrong.",))
    monkeypatch.setattr(validate, "run_suite", lambda name, reference: report)
    assert main(["validate", "models"]) == 1
    assert capsys.readouterr().out.rstrip().endswith("FAILED")


@pytest.mark.parametrize("place", [0, 1, 3])
def test_debug_adds_the_traceback_wherever_it_stands(capsys, place):
    arguments = ["show", "nothing", "--json"]
    arguments.insert(place, "--debug")
    assert main(arguments) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ValueError("a\nb"), 1, r"internal error: ValueError: a\nb"),
        (PermissionError(13, "Permission denied", "f.csv"), 1, "f.csv: Permission denied"),
        (InputError("wrong"), 2, "wrong"),
    ],
)
def test_an_error_nobody_foresaw_is_one_line_too(capsys, monkeypatch, error, code, message):
    from accel_sim.cli import listing

    def fail(kind: str, as_json: bool) -> None:
        raise error

    monkeypatch.setattr(listing, "list_kind", fail)
    assert main(["list", "designs"]) == code
    streams = capsys.readouterr()
    assert message in streams.err
    assert streams.err.count("\n") == 1


def test_ctrl_c_ends_quietly(capsys, monkeypatch):
    from accel_sim.cli import listing

    def interrupt(kind: str, as_json: bool) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(listing, "list_kind", interrupt)
    assert main(["list", "designs"]) == 130
    assert capsys.readouterr().err == ""
