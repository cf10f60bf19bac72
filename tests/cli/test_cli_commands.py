"""What the commands print for people and for programs."""

from __future__ import annotations

import csv
import json
import re

import pytest

from accel_sim import __version__, load_design, simulate
from accel_sim.cli import main
from accel_sim.config import zoo

DESIGN = zoo.folder("designs") / "os_16x16.yaml"
GEMMS = """\
name: small
gemms:
  - {name: first, m: 64, n: 64, k: 64}
  - {name: second, m: 32, n: 64, k: 64}
"""


@pytest.fixture
def gemms(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(GEMMS)
    return str(path)


def printed(capsys, *arguments: str, code: int = 0) -> str:
    assert main(arguments) == code
    return capsys.readouterr().out


def test_help_reads_like_a_table_of_contents(capsys):
    text = printed(capsys, "--help")
    for command in ("run", "compare", "sweep", "show", "list", "validate"):
        assert re.search(rf"^[│ ]*{command} ", text, re.MULTILINE)


@pytest.mark.parametrize("command", ["run", "compare", "sweep", "show", "list", "validate"])
def test_every_command_explains_itself(capsys, command):
    assert "Usage: accel-sim" in printed(capsys, command, "--help")


def test_version(capsys):
    assert printed(capsys, "--version") == f"accel-sim {__version__}\n"


def test_run_prints_the_figures_of_simulate(capsys, gemms):
    text = printed(capsys, "run", "os_16x16", gemms)
    result = simulate("os_16x16", gemms)
    assert f"{result.cycles:,.0f} cycles" in text
    for word in (
        "latency",
        "energy",
        "area",
        "utilization",
        "npu",
        "dram",
        "first",
        "second",
        "simulating took",
    ):
        assert word in text


def test_run_as_json_prints_nothing_else(capsys, gemms):
    data = json.loads(printed(capsys, "run", "os_16x16", gemms, "--json", "-"))
    result = simulate("os_16x16", gemms)
    assert data["metrics"]["latency_s"] == result.latency_s
    assert data["metrics"]["energy_j"] == result.energy_j
    assert len(data["operators"]) == 2
    assert data["timing"]["simulating_s"] > 0


def test_run_writes_the_files_asked_for(capsys, gemms, tmp_path):
    names = {"json": "figures.json", "csv": "operators.csv", "trace": "trace.json.gz"}
    files = {kind: tmp_path / name for kind, name in names.items()}
    options = [part for kind, file in files.items() for part in (f"--{kind}", str(file))]
    printed(capsys, "run", "os_16x16", gemms, *options)
    assert json.loads(files["json"].read_text())["design"] == "os_16x16"
    with files["csv"].open() as text:
        assert [row["operator"] for row in csv.DictReader(text)] == ["first", "second"]
    assert files["trace"].stat().st_size > 0


def test_settings_and_phase_options_reach_the_simulation(capsys):
    options = ["--phase", "decode", "--batch", "2", "--context", "64", "--fidelity", "roofline"]
    options += ["--set", "npu.rows=32", "--set", "workload.formats.weights=int8", "--json", "-"]
    data = json.loads(printed(capsys, "run", "os_16x16", "gpt2", *options))
    expected = simulate(
        "os_16x16",
        "gpt2",
        overrides={
            "npu.rows": 32,
            "workload.formats.weights": "int8",
            "workload.phase.phase": "decode",
            "workload.phase.batch": 2,
            "workload.phase.context": 64,
        },
        fidelity="roofline",
    )
    assert data["phase"] == {"phase": "decode", "batch": 2, "context": 64}
    assert data["metrics"] == expected.metrics()


def test_compare_prints_ratios_to_the_first(capsys, gemms):
    text = printed(capsys, "compare", "os_16x16", "edge_npu", "--workload", gemms)
    assert re.search(r"^macs .*\(1\)$", text, re.MULTILINE)
    data = json.loads(printed(capsys, "compare", "os_16x16", "edge_npu", "--workload", gemms, "--json"))
    first, second = (entry["metrics"]["latency_s"] for entry in data)
    assert data[1]["ratio"]["latency_s"] == second / first
    assert set(data[0]["ratio"].values()) <= {1.0, None}


def test_compare_at_equal_area_says_what_it_scaled(capsys):
    files = [str(zoo.folder("designs") / f"{name}.yaml") for name in ("npu_128x128_hbm", "edge_npu")]
    workload = str(zoo.folder("workloads") / "llama3_8b.yaml")
    arguments = ["compare", *files, "--workload", workload, "--phase", "decode", "--iso", "area"]
    text = printed(capsys, *arguments)
    assert re.search(rf"^{re.escape(files[1])} +npu.count +1 +\d+ ", text, re.MULTILINE)
    first, second = json.loads(printed(capsys, *arguments, "--json"))
    scaled = second["scaled"]
    assert first["scaled"] is None
    assert (scaled["quantity"], scaled["parameter"], scaled["before"]) == ("area_mm2", "npu.count", 1)
    assert scaled["target"] == first["metrics"]["area_mm2"]
    assert scaled["quantity_after"] == second["metrics"]["area_mm2"]
    assert scaled["residual"] == pytest.approx(second["ratio"]["area_mm2"] - 1)
    assert second["settings"]["npu.count"] == scaled["after"]
    area = {n: load_design("edge_npu", {"npu.count": scaled["after"] + n}).area_mm2 for n in (-1, 0, 1)}
    assert min(area, key=lambda n: abs(area[n] - scaled["target"])) == 0


def test_compare_at_equal_peak_and_power(capsys, gemms):
    arguments = ["compare", "edge_npu", "os_16x16", "edge_npu", "-w", gemms, "--json", "--iso"]
    first, small, same = json.loads(printed(capsys, *arguments, "peak"))
    assert (small["scaled"]["after"], small["scaled"]["residual"]) == (64 * 64 * 2 // (16 * 16), 0)
    assert (same["scaled"]["after"], same["metrics"]["power_w"]) == (1, first["metrics"]["power_w"])
    first, small, same = json.loads(printed(capsys, *arguments, "power", "--scale", "os_16x16=clock"))
    assert small["scaled"]["quantity_after"] == small["metrics"]["power_w"]
    assert small["ratio"]["power_w"] == pytest.approx(1, abs=1e-5)
    assert same["scaled"]["parameter"] == "npu.count"
    assert same["metrics"] == first["metrics"]


def test_scaling_starts_from_the_settings_and_applies_to_every_design_but_the_first(capsys, gemms):
    arguments = ["compare", "edge_npu", "os_16x16", "os_16x16", "-w", gemms, "--json", "--iso", "peak"]
    first, *others = json.loads(printed(capsys, *arguments, "--set", "npu.rows=8", "--scale", "npu.rows"))
    assert first["settings"] == {"npu.rows": 8}
    for other in others:
        assert (other["scaled"]["before"], other["scaled"]["after"]) == (8, 8 * 64 * 2 // 16)


def test_compare_warns_where_steps_are_coarse(capsys, gemms, tmp_path):
    file = tmp_path / "first.yaml"
    file.write_text(DESIGN.read_text().replace("clock: 500 MHz", "clock: 700 MHz"))
    for options in ([], ["--json"]):
        assert main(["compare", str(file), "os_16x16", "-w", gemms, "--iso", "peak", *options]) == 0
        warning = capsys.readouterr().err
        assert "os_16x16: peak_macs_per_s is 28.6% below that of" in warning
        assert warning.count("\n") == 1


def test_show_of_a_design(capsys):
    text = printed(capsys, "show", "edge_npu")
    for word in ("clock", "peak", "bandwidth", "ridge point", "area", "leakage", "systolic_array", "2 MiB"):
        assert word in text
    data = json.loads(printed(capsys, "show", "edge_npu", "--json", "--set", "npu.rows=32"))
    assert data["components"]["npu"]["rows"] == 32
    assert data["peak_macs_per_s"] == 32 * 64 * 1e9
    assert data["total_area_mm2"] == pytest.approx(sum(sum(a.values()) for a in data["area_mm2"].values()))


def test_show_prints_a_tree_of_the_area_the_largest_first_and_numbers_the_sources(capsys):
    design = load_design("npu_128x128_hbm")
    text = printed(capsys, "show", "npu_128x128_hbm")
    tree = text[text.index("Area and leakage\n") :]
    rows = re.findall(
        r"^( *)(\w+) +([\d.]+) mm² +([\d.]+)%(?: +[\d.]+ \S*W)? *(\w*) *([\d ]*)$", tree, re.MULTILINE
    )
    _, *components = [row for row in rows if len(row[0]) < 4]
    assert [name for _, name, *_ in components] == sorted(
        design.costs, key=lambda name: -sum(design.costs[name].area_mm2.values())
    )
    assert sum(float(share) for *_, share, _, _ in components) == pytest.approx(100, abs=0.3)
    several = [cost.area_mm2 for cost in design.costs.values() if len(cost.area_mm2) > 1]
    assert {name for indent, name, *_ in rows if len(indent) == 4} == {
        part for cost in several for part in cost
    }
    notes = dict(re.findall(r"^ +(\d+)  (.*)$", tree, re.MULTILINE))
    for _, name, _, _, certainty, numbers in components:
        cost = design.costs[name]
        assert certainty == cost.certainty
        listed = [notes[number] for number in numbers.split()]
        given = "; ".join(cost.sources)
        assert all(note in given for note in listed)
        assert all(part in "; ".join(listed) for part in given.split("; "))


def test_show_as_json_has_the_same_tree(capsys):
    design = load_design("tpu_v1")
    data = json.loads(printed(capsys, "show", "tpu_v1", "--json"))
    for parts in data["area_mm2"].values():
        assert list(parts.values()) == sorted(parts.values(), reverse=True)
    totals = [sum(parts.values()) for parts in data["area_mm2"].values()]
    assert totals == sorted(totals, reverse=True)
    assert sum(data["area_share"].values()) == pytest.approx(1)
    for name, cost in design.costs.items():
        assert data["area_share"][name] == pytest.approx(sum(cost.area_mm2.values()) / design.area_mm2)
        assert data["leakage_w"][name] == cost.leakage_w
        assert (data["certainty"][name], data["sources"][name]) == (cost.certainty, list(cost.sources))


def test_show_of_a_workload(capsys):
    text = printed(capsys, "show", "llama3_8b")
    for word in (
        "8,030,261,248",
        "prefill (batch 1, sequence 2048)",
        "decode (batch 1, context 2048)",
        "128 KiB",
    ):
        assert word in text
    data = json.loads(printed(capsys, "show", "llama3_8b", "--phase", "decode", "--context", "9", "--json"))
    assert list(data["phases"]) == ["decode (batch 1, context 9)"]
    assert data["parameters"] == data["published"]["parameters"]


def test_show_says_why_a_count_differs_from_the_published_one(capsys):
    different = [n for n in zoo.entries("workloads") if "note:" in zoo.entries("workloads")[n].read_text()]
    assert different
    data = json.loads(printed(capsys, "show", different[0], "--json"))
    assert data["published"]["note"]


def test_show_takes_files_of_either_kind(capsys, gemms):
    assert "small" in printed(capsys, "show", gemms)
    assert "ridge point" in printed(capsys, "show", str(DESIGN))


@pytest.mark.parametrize("kind", ["designs", "workloads", "sweeps", "components", "suites"])
def test_list_has_a_description_of_everything(capsys, kind):
    entries = json.loads(printed(capsys, "list", kind, "--json"))
    assert entries
    assert all(entry["description"] for entry in entries)
    text = printed(capsys, "list", kind)
    assert all(entry["name"] in text for entry in entries)


def test_validate_prints_the_table_and_the_verdict(capsys):
    text = printed(capsys, "validate", "models")
    assert text.rstrip().endswith("passed")
    data = json.loads(printed(capsys, "validate", "models", "--json"))
    assert data["passed"] is True
    assert set(data["columns"]) <= set(data["rows"][0])


def test_a_table_for_a_pipe_is_plain_and_aligned(capsys):
    lines = printed(capsys, "list", "suites").splitlines()
    assert lines[0].split() == ["name", "description"]
    starts = {line.index(line.split(maxsplit=1)[1]) for line in lines}
    assert len(starts) == 1


@pytest.mark.parametrize("width", ["40", "80", "300"])
def test_no_value_is_cut_on_a_terminal_of_any_width(capsys, monkeypatch, gemms, width):
    plain = printed(capsys, "show", "edge_npu") + printed(capsys, "run", "os_16x16", gemms)
    monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    terminal = printed(capsys, "show", "edge_npu") + printed(capsys, "run", "os_16x16", gemms)
    values = re.findall(r"[\d.]+ (?:mm²|[munµ]?[JsW])\b", plain.partition("simulating took")[0])
    assert len(values) > 30
    joined = " ".join(terminal.split())
    assert not [value for value in values if value not in joined]
