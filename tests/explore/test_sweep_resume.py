"""Sweeps that are killed, or whose workers are."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NoReturn

import pytest
from processes import PATIENCE_SECONDS, below, is_running, wait_until
from sweep_files import small

from accel_sim import sweep
from accel_sim.config import InputError, RunError
from accel_sim.explore import worker
from accel_sim.explore.crew import Crew
from accel_sim.explore.store import Outcome, Store
from accel_sim.explore.worker import Simulator

LONG = """\
name: long
designs: [os_16x16]
workloads:
  - {workload: llama3_2_1b, phase: {phase: decode, batch: 2, context: 256}}
grid:
  npu.rows: {range: [8, 27]}
  npu.columns: {range: [8, 27]}
metrics: [latency_s, energy_j, utilization]
constraints: {latency_s: {max: 0.1}}
output: {plots: false}
"""
POINTS = 400


def command(file: Path, folder: Path, workers: int) -> list[str]:
    return [
        *(sys.executable, "-m", "accel_sim", "sweep", str(file), "--output", str(folder)),
        *("--workers", str(workers)),
    ]


def rows_by_run(folder: Path) -> Counter[int]:
    with sqlite3.connect(folder / "points.sqlite") as connection:
        return Counter(run for (run,) in connection.execute("select run from points"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    """Return the table of the long sweep when nothing disturbs it."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "long.yaml").write_text(LONG)
    result = sweep(folder / "long.yaml", output=folder / "out", workers=1)
    assert result.failed == 0
    assert len(result.rows) == POINTS
    return (result.folder / "table.csv").read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds children through /proc")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_sweep_that_is_killed_goes_on_where_it_was(tmp_path, whole, workers):
    file, folder = tmp_path / "long.yaml", tmp_path / "killed"
    file.write_text(LONG)
    process = subprocess.Popen(
        command(file, folder, workers), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def some_are_done() -> bool:
        try:
            return rows_by_run(folder).total() > 10
        except sqlite3.OperationalError:
            return False

    wait_until(some_are_done)
    started = below(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    # Workers do not outlive the process they work for.
    wait_until(lambda: not any(map(is_running, started)))
    first = rows_by_run(folder)[1]
    assert 10 < first < POINTS, "the sweep was over before it was killed"

    again = subprocess.run(command(file, folder, workers), capture_output=True, text=True, check=True)
    assert rows_by_run(folder) == {1: first, 2: POINTS - first}
    assert f"{POINTS - first} simulated now" in again.stdout
    assert (folder / "table.csv").read_bytes() == whole


def test_one_process_and_two_make_the_same_table(tmp_path):
    one = sweep(small(tmp_path), workers=1, output=tmp_path / "one")
    two = sweep(small(tmp_path), workers=2, output=tmp_path / "two")
    assert (one.folder / "table.csv").read_bytes() == (two.folder / "table.csv").read_bytes()
    assert two.computed == 4


def test_finished_points_are_on_disk_before_the_sweep_is_over(tmp_path):
    seen = []

    def look(progress) -> None:
        if progress.computed:
            seen.append(rows_by_run(tmp_path / "out").total() - progress.computed)

    sweep(small(tmp_path), workers=1, progress=look)
    assert seen
    assert set(seen) == {0}


def test_what_was_interrupted_is_kept(tmp_path, monkeypatch):
    evaluate = Simulator.__call__
    left = iter(range(3))

    def interrupted(self, point):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return evaluate(self, point)

    with monkeypatch.context() as patch:
        patch.setattr(Simulator, "__call__", interrupted)
        patch.setattr(worker, "BATCH_SECONDS", 0.0)
        with pytest.raises(KeyboardInterrupt):
            sweep(small(tmp_path), workers=1)
    assert sweep(small(tmp_path), workers=1).computed == 1


def test_restart_forgets(tmp_path):
    assert sweep(small(tmp_path), workers=1).computed == 4
    assert sweep(small(tmp_path), workers=1).computed == 0
    assert sweep(small(tmp_path), workers=1, restart=True).computed == 4


def test_a_store_keeps_numbers_to_the_last_bit(tmp_path):
    value = 0.1 + 0.2
    outcomes = [Outcome("a", "ok", {"x": value}, None, 1.0), Outcome("b", "failed", {}, "RunError: no", 1.0)]
    with Store(tmp_path / "p.sqlite") as store:
        store.add([*outcomes, Outcome("c", "killed", {}, "WorkerKilled", 0.0)])
    with Store(tmp_path / "p.sqlite") as store:
        assert store.run == 2
        # A point whose worker died is tried again.
        assert store.read("abc") == {outcome.key: outcome for outcome in outcomes}


DEADLY = """\
import multiprocessing
import os
from typing import Literal

from accel_sim.config.units import ByteCount
from accel_sim.hardware.component import BufferModel, component
from accel_sim.hardware.components.sram import Sram, cost


def deadly(spec, chip):
    if multiprocessing.parent_process() is not None and spec.banks == 13:
        os._exit(9)
    return cost(spec, chip)


@component("deadly_sram", BufferModel(cost=deadly))
class DeadlySram(Sram):
    '''SRAM of thirteen banks that takes its process with it.'''

    type: Literal["deadly_sram"] = "deadly_sram"
"""


@pytest.fixture
def deadly(tmp_path, monkeypatch):
    """Return a design with a component from an installed package, which kills workers when it has 13 banks."""
    package = tmp_path / "site"
    (package / "deadly-1.dist-info").mkdir(parents=True)
    (package / "deadly_part.py").write_text(DEADLY)
    (package / "deadly-1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: deadly\nVersion: 1\n"
    )
    (package / "deadly-1.dist-info" / "entry_points.txt").write_text(
        "[accel_sim.components]\ndeadly_sram = deadly_part\n"
    )
    monkeypatch.syspath_prepend(str(package))
    monkeypatch.setenv("PYTHONPATH", str(package) + os.pathsep + os.environ.get("PYTHONPATH", ""))
    from accel_sim.config import zoo

    text = zoo.entries("designs")["os_16x16"].read_text()
    design = tmp_path / "deadly.yaml"
    design.write_text(text.replace("scratchpad:\n  type: sram", "scratchpad:\n  type: deadly_sram"))
    return str(design)


@pytest.mark.slow
def test_a_point_that_kills_its_worker_twice_is_given_up_and_the_rest_goes_on(tmp_path, deadly):
    content = small(tmp_path, designs=[deadly], grid={"scratchpad.banks": {"range": [1, 24]}})
    result = sweep(content, workers=2)
    errors = {row["scratchpad.banks"]: row["error"] for row in result.rows}
    assert errors.pop(13) == "WorkerKilled: its worker process died twice"
    assert set(errors.values()) == {None}
    # In this process it is harmless, and it is tried again.
    again = sweep(content, workers=1)
    assert (again.computed, again.failed) == (1, 0)


@pytest.mark.slow
def test_a_script_without_a_main_guard_is_told_so(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"import accel_sim\naccel_sim.sweep({small(tmp_path)!r}, workers=2)\n")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert done.returncode == 1
    assert (
        done.stderr.rstrip()
        .splitlines()[-1]
        .startswith("accel_sim.config.errors.RunError: worker processes do not")
    )


def test_no_worker_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="workers = 0: must be at least 1"):
        sweep(small(tmp_path), workers=0)


def test_a_folder_that_cannot_be_is_an_input_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be a folder of results"):
        sweep(small(tmp_path), output=tmp_path / "file")
    with pytest.raises(InputError, match="cannot be a folder of results"):
        sweep(small(tmp_path), output=tmp_path / "file" / "below")


def test_nothing_to_do_needs_no_pool():
    def never(*_: object) -> NoReturn:
        raise AssertionError

    with Crew(never, workers=2, opener=never) as crew:
        assert not crew.busy


def test_a_worker_that_bootstraps_does_not_sweep(tmp_path, monkeypatch):
    import multiprocessing

    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    with pytest.raises(RunError, match="__main__"):
        sweep(small(tmp_path), workers=1)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_keeps_what_is_finished_and_ends_quietly(tmp_path, workers):
    file, folder = tmp_path / "long.yaml", tmp_path / "out"
    file.write_text(LONG)
    process = subprocess.Popen(
        command(file, folder, workers),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )

    def some_are_done() -> bool:
        try:
            return rows_by_run(folder).total() > 10
        except sqlite3.OperationalError:
            return False

    wait_until(some_are_done)
    # As a terminal does: to the process and its workers alike.
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130, "the sweep was over before it was interrupted"
    assert "Traceback" not in err
    assert out == ""
