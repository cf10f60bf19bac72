"""Traces are valid, their tracks do not overlap, and they hold the time that the timeline has."""

from __future__ import annotations

import gzip
import itertools
import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_sim.config.errors import InputError
from accel_sim.results import Result
from accel_sim.results.timeline import Occupancy, union
from accel_sim.results.trace import write_trace
from accel_sim.simulation import simulate

PICOSECOND_US = 1e-6


def read(path: Path) -> dict[str, Any]:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return json.loads(text)


def tracks(trace: dict[str, Any]) -> dict[str, list[tuple[float, float, str]]]:
    """(start, end, name) of the slices of each track, in microseconds, in the file's order."""
    events = trace["traceEvents"]
    names = {e["tid"]: e["args"]["name"] for e in events if e["ph"] == "M" and e["name"] == "thread_name"}
    found = defaultdict(list)
    for e in events:
        if e["ph"] == "X":
            found[names[e["tid"]]].append((e["ts"], e["ts"] + e["dur"], e["name"]))
    return found


def busy_us(intervals: list[tuple[float, float, str]]) -> float:
    """Length of the union of slices, in microseconds, to the picosecond."""
    ticks = np.array([(round(a / PICOSECOND_US), round(b / PICOSECOND_US)) for a, b, _ in intervals])
    return float(np.diff(union(ticks.reshape(-1, 2)), axis=1).sum()) * PICOSECOND_US


@pytest.fixture(scope="module")
def small() -> Result:
    return simulate("tpu_v1", "gemm_sweep")


@pytest.fixture(scope="module")
def trace(small: Result, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("trace") / "sweep.json"
    small.trace(path)
    return read(path)


def test_slices_of_a_track_are_in_order_and_do_not_overlap(trace: dict[str, Any]) -> None:
    for name, slices in tracks(trace).items():
        for (_, end, _), (start, _, _) in itertools.pairwise(slices):
            assert end <= start + PICOSECOND_US / 2, name


def test_a_viewer_that_cuts_times_to_nanoseconds_sees_no_overlap(trace: dict[str, Any]) -> None:
    slices = [e for e in trace["traceEvents"] if e["ph"] == "X"]
    ends: dict[int, int] = {}
    for e in slices:
        start = int(e["ts"] * 1000)
        assert ends.get(e["tid"], 0) <= start
        ends[e["tid"]] = start + int(e["dur"] * 1000)


def test_the_busy_time_of_each_resource_is_that_of_the_timeline(small: Result, trace: dict[str, Any]) -> None:
    by_resource = defaultdict(list)
    for name, slices in tracks(trace).items():
        by_resource[name.partition(":")[0]] += slices
    for resource in small.stages[0].resources:
        busy_s = sum(record.busy_s.get(resource, 0.0) for record in small.stages[0].records)
        assert busy_us(by_resource[resource]) == pytest.approx(busy_s * 1e6, rel=1e-6), resource


def test_slices_carry_the_operators_names_and_end_with_the_result(small: Result, trace: dict[str, Any]) -> None:
    found = tracks(trace)
    stages = found.pop("stages")
    operators = {record.name for record in small.stages[0].records}
    assert {name for slices in found.values() for _, _, name in slices} == operators
    assert [name for _, _, name in stages] == ["inference"]
    assert stages[0][1] == pytest.approx(small.latency_s * 1e6, abs=2 * PICOSECOND_US)


def test_counters_hold_the_transferred_part_of_the_time(small: Result, trace: dict[str, Any]) -> None:
    counters = defaultdict(list)
    for e in trace["traceEvents"]:
        if e["ph"] == "C":
            counters[e["name"].split()[0]].append((e["ts"], e["args"]["%"]))
    assert set(counters) == {"dram", "host"}
    for resource, samples in counters.items():
        times, percent = np.array(samples).T
        assert (np.diff(times) > 0).all()
        assert ((percent >= 0) & (percent <= 100)).all()
        busy_s = sum(record.busy_s.get(resource, 0.0) for record in small.stages[0].records)
        held = float((np.diff(times) * percent[:-1]).sum()) / 100
        assert held == pytest.approx(busy_s * 1e6, rel=1e-3)


def test_metadata_say_what_was_run(small: Result, trace: dict[str, Any]) -> None:
    data = trace["otherData"]
    assert (data["design"], data["workload"]) == ("tpu_v1", "gemm_sweep")
    assert data["tick_s"] == small.stages[0].tick_s
    assert "note" not in data


def test_gzip_by_suffix_and_equal_traces_are_equal_files(small: Result, tmp_path: Path, trace: Any) -> None:
    first, second = tmp_path / "a.json.gz", tmp_path / "b.json.gz"
    count = write_trace(small, first)
    assert count == write_trace(small, second)
    assert first.read_bytes() == second.read_bytes()
    assert read(first) == trace
    assert count == sum(e["ph"] in "XC" for e in trace["traceEvents"])


@pytest.mark.parametrize("limit", [1, 2, 50, 1000])
def test_a_limit_bounds_the_events_and_is_noted(small: Result, tmp_path: Path, limit: int) -> None:
    path = tmp_path / "short.json"
    count = small.trace(path, limit=limit)
    trace = read(path)
    assert count == sum(e["ph"] in "XC" for e in trace["traceEvents"])
    assert limit / 2 < count <= limit
    assert f"stopped at {limit} events" in trace["otherData"]["note"]


def test_a_window_has_the_slices_that_overlap_it(small: Result, tmp_path: Path, trace: Any) -> None:
    path = tmp_path / "window.json"
    small.trace(path, window_s=(1e-3, 2e-3))
    whole, part = tracks(trace), tracks(read(path))
    for name, slices in part.items():
        assert slices == [one for one in whole[name] if one[1] > 1000 and one[0] < 2000 + PICOSECOND_US / 2]


def test_stages_follow_each_other_once(generate: Result, tmp_path: Path) -> None:
    path = tmp_path / "generate.json"
    generate.trace(path)
    found = tracks(read(path))
    stages = found.pop("stages")
    assert [name for _, _, name in stages] == [stage.name for stage in generate.stages]
    assert stages[0][0] < 1
    for (_, end, _), (start, _, _) in itertools.pairwise(stages):
        assert start == pytest.approx(end, abs=PICOSECOND_US)
    assert stages[-1][1] == pytest.approx(sum(stage.latency_s for stage in generate.stages) * 1e6, rel=1e-9)
    last = max(end for slices in found.values() for _, end, _ in slices)
    assert last <= stages[-1][1] + PICOSECOND_US


def test_a_window_leaves_out_whole_stages(generate: Result, tmp_path: Path) -> None:
    path = tmp_path / "second.json"
    first = generate.stages[0].latency_s
    generate.trace(path, window_s=(1.0001 * first, first + 0.5 * generate.stages[1].latency_s))
    assert [name for _, _, name in tracks(read(path))["stages"]] == [generate.stages[1].name]


def test_streams_are_named_where_the_stage_names_them(small: Result, tmp_path: Path) -> None:
    stage = replace(small.stages[0], streams=("load", "matrix", "vector", "store"))
    path = tmp_path / "named.json"
    replace(small, stages=(stage,)).trace(path)
    assert {"dram: load", "npu: matrix", "host: store"} <= set(tracks(read(path)))


def test_names_are_escaped(small: Result, tmp_path: Path) -> None:
    name = 'a "quoted" \\ name\n'
    records = tuple(replace(record, name=name) for record in small.stages[0].records)
    path = tmp_path / "escaped.json"
    replace(small, stages=(replace(small.stages[0], records=records),)).trace(path, limit=10)
    assert all(one[2] == name for key, track in tracks(read(path)).items() if key != "stages" for one in track)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"path": "trace.txt"}, "trace.txt: is not the name of a trace"),
        ({"limit": 0}, "limit = 0: must be at least 1"),
        ({"window_s": (2e-3, 1e-3)}, "window_s = 0.002, 0.001: is empty"),
        ({"window_s": (1.0, 2.0)}, "window_s = 1, 2: is empty"),
        ({"path": "missing/trace.json"}, "cannot be written"),
    ],
)
def test_errors_say_what_is_wrong(small: Result, tmp_path: Path, arguments: dict[str, Any], words: str) -> None:
    path = tmp_path / arguments.pop("path", "trace.json")
    with pytest.raises(InputError, match=words):
        small.trace(path, **arguments)
    assert not list(tmp_path.iterdir())


def test_a_roofline_has_no_timeline(tmp_path: Path) -> None:
    result = simulate("tpu_v1", "gemm_sweep", fidelity="roofline")
    with pytest.raises(InputError, match="fidelity = roofline: has no timeline"):
        result.trace(tmp_path / "trace.json")


def test_a_failing_write_leaves_the_old_file(small: Result, tmp_path: Path) -> None:
    def failing() -> Any:
        raise RuntimeError("stopped")
        yield

    path = tmp_path / "trace.json"
    path.write_text("old")
    broken = replace(small, stages=(replace(small.stages[0], intervals=failing),))
    with pytest.raises(RuntimeError):
        broken.trace(path)
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["trace.json"]


INTERVALS = st.lists(st.tuples(st.integers(0, 200), st.integers(1, 30)), max_size=40)


@given(INTERVALS, st.integers(1, 13), st.integers(1, 40))
def test_occupancy_is_that_of_a_drawn_line(pairs: list[tuple[int, int]], bins: int, cut: int) -> None:
    intervals = np.array([(start, start + length) for start, length in pairs], dtype=np.int64).reshape(-1, 2)
    intervals = intervals[np.argsort(intervals[:, 1], kind="stable")]
    line = np.zeros(240)
    for start, end in intervals:
        line[start:end] = 1
    edges = np.linspace(0, 240, bins + 1)
    occupancy = Occupancy(edges)
    for first in range(0, len(intervals), cut):
        occupancy.add(intervals[first : first + cut])
    drawn = np.diff(np.interp(edges, np.arange(241), np.concatenate(([0], np.cumsum(line)))))
    np.testing.assert_allclose(occupancy.busy_ticks, drawn, atol=1e-9)
