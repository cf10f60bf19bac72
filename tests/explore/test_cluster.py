"""A real dask scheduler with workers as processes of their own, on loopback."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from processes import PATIENCE_SECONDS, below, is_running, wait_until
from search_problems import CHIP_PROBLEM, chip, deadly_chip, run, slow_chip, told
from sweep_files import small

from accel_sim import search, sweep
from accel_sim.config import InputError, RunError
from accel_sim.explore import cluster
from accel_sim.explore.cluster import dask_cluster
from accel_sim.explore.search.problem import FunctionProblem
from accel_sim.explore.store import KILLED

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = os.environ | {
    "PYTHONPATH": os.pathsep.join(
        (str(ROOT), str(ROOT / "tests" / "explore"), os.environ.get("PYTHONPATH", ""))
    )
}
POPULATION = {"population_size": 8}


def start(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", *arguments, "--no-dashboard"],
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@contextmanager
def scheduler_with(workers: int, folder: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Give the address of a scheduler, and the processes: the scheduler first, then its workers."""
    from distributed import Client

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    processes = [start("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port))]
    try:
        for _ in range(workers):
            options = ("--nthreads", "1", "--no-nanny", "--local-directory", str(folder))
            processes.append(start("distributed.cli.dask_worker", address, *options))
        with Client(address, timeout=60, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=60)
        yield address, processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def search_file(folder: Path, budget: int) -> Path:
    """Return a search of small designs, a few milliseconds each."""
    small(folder)
    content = {
        "name": "gemms",
        "design": "os_16x16",
        "workloads": [str(folder / "small.yaml")],
        "space": {
            "npu.rows": {"int": [4, 64]},
            "npu.columns": {"int": [4, 64]},
            "dram.channels": {"int": [1, 4]},
            "scratchpad.capacity": ["64 KiB", "128 KiB", "256 KiB"],
        },
        "objectives": {"latency_s": "min", "area_mm2": "min"},
        "baselines": {"shipped": "os_16x16"},
        "search": {"sampler": "nsga2", "settings": {"population_size": 20}, "budget": budget, "seed": 5},
        "output": {"plots": False},
    }
    file = folder / "gemms.yaml"
    file.write_text(json.dumps(content))
    return file


def points_in(folder: Path) -> int:
    try:
        with sqlite3.connect(folder / "points.sqlite") as connection:
            return connection.execute("select count(*) from points").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


@pytest.mark.slow
def test_a_search_whose_worker_is_killed_is_the_search_of_one_process(tmp_path):
    file = search_file(tmp_path, 240)
    # This also leaves compiled kernels for the workers.
    here = search(file, workers=1, output=tmp_path / "here")
    with scheduler_with(2, tmp_path) as (address, processes):
        command = [sys.executable, "-m", "accel_sim", "search", str(file), "--cluster", address, "--json"]
        searching = subprocess.Popen(
            [*command, "--output", str(tmp_path / "there")],
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_until(lambda: points_in(tmp_path / "there") >= 40 or searching.poll() is not None)
        assert searching.poll() is None, searching.communicate()
        processes[1].send_signal(signal.SIGKILL)
        before = points_in(tmp_path / "there")
        out, err = searching.communicate(timeout=PATIENCE_SECONDS)
        # The cluster goes on without us.
        assert [process.poll() for process in processes] == [None, -signal.SIGKILL, None]
    assert searching.returncode == 0, err
    assert before < 200, "the search was over before the worker was killed"
    # Nothing but progress, every few seconds.
    assert all(" designs, " in line for line in err.splitlines()), err
    assert (tmp_path / "there" / "table.csv").read_bytes() == (here.folder / "table.csv").read_bytes()
    found = json.loads(out)
    assert found["computed"] == here.computed == points_in(tmp_path / "there")
    assert [row["trial"] for row in found["front"]] == [trial.number for trial in here.front]


@pytest.mark.slow
def test_workers_that_join_and_go_change_nothing_and_a_scheduler_that_goes_is_one_line(tmp_path, monkeypatch):
    problem = FunctionProblem("chip", CHIP_PROBLEM.metrics, slow_chip)
    case = {"budget": 60, "settings": POPULATION, "workers": None}
    from distributed import Client

    with scheduler_with(1, tmp_path) as (address, processes):
        seen = []

        def change(progress) -> None:
            seen.append(progress.computed)
            if progress.computed >= 10 and len(processes) == 2:
                options = ("--nthreads", "1", "--no-nanny", "--local-directory", str(tmp_path))
                processes.append(start("distributed.cli.dask_worker", address, *options))
                processes[1].kill()

        opener = dask_cluster(address)
        there = run(tmp_path / "there", "nsga2", problem=problem, opener=opener, progress=change, **case)
        assert len(processes) == 3, "no worker was killed"
        here = run(tmp_path / "here", "nsga2", problem=CHIP_PROBLEM, budget=60, settings=POPULATION)
        assert told(there) == told(here)
        assert seen[-1] == points_in(tmp_path / "there") == points_in(tmp_path / "here")

        # Code that would give other results is refused: at once, and by a worker that nobody has asked before.
        with monkeypatch.context() as patch:
            patch.setattr(cluster, "model_text", lambda: "0" * 64)
            with pytest.raises(RunError, match=r"^worker tcp://.* runs accel_sim .* install the same version"):
                run(tmp_path / "no", "nsga2", problem=problem, opener=opener, **case)
            patch.setattr(cluster, "_check_code", lambda client: None)
            with pytest.raises(RunError, match=r"^a worker runs accel_sim .* results would differ"):
                run(tmp_path / "no", "nsga2", problem=problem, opener=opener, **case)
        assert points_in(tmp_path / "no") == 0

        # A scheduler loads nothing of ours.
        with Client(address, set_as_default=False) as client:
            modules = client.run_on_scheduler(eval, "list(__import__('sys').modules)")
        assert not [name for name in modules if name.startswith("accel_sim")]

        def lose(progress) -> None:
            if progress.computed >= 10:
                processes[0].kill()

        monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1.0)
        with pytest.raises(RunError, match=rf"^no dask scheduler answers at {address}"):
            run(tmp_path / "lost", "nsga2", problem=problem, opener=opener, progress=lose, **case)
        kept = points_in(tmp_path / "lost")
        assert kept >= 10
        assert told(run(tmp_path / "lost", "nsga2", budget=60, settings=POPULATION)) == told(here)


@pytest.mark.slow
def test_a_local_cluster_gives_up_what_kills_workers_and_leaves_no_process(tmp_path, capfd):
    problem = FunctionProblem("chip", CHIP_PROBLEM.metrics, deadly_chip)
    before = below(os.getpid())
    trials = run(
        tmp_path, "grid", budget=60, problem=problem, workers=None, opener=dask_cluster("local", workers=1)
    )
    killed = [trial for trial in trials if trial.error == "WorkerKilled: its worker process died twice"]
    with sqlite3.connect(tmp_path / "points.sqlite") as connection:
        rows = connection.execute("select count(*) from points where status = ?", (KILLED,)).fetchone()
    assert rows == (len(killed),) == (1,)
    assert all(t.metrics == chip(t.values) for t in trials if t.status == "ok")
    assert sum(t.status == "ok" for t in trials) > 40
    end = time.monotonic() + 10
    while below(os.getpid()) - before and time.monotonic() < end:
        time.sleep(0.05)
    left = {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in below(os.getpid()) - before}
    assert not [command for command in left.values() if "resource_tracker" not in command]
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_ctrl_c_ends_a_local_cluster_quietly_and_keeps_what_is_finished(tmp_path):
    file, folder = search_file(tmp_path, 5000), tmp_path / "out"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "accel_sim", "search", str(file), "--output", str(folder)),
            *("--cluster", "local", "--workers", "1"),
        ],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    wait_until(lambda: points_in(folder) >= 10 or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    workers = below(process.pid)
    # As a terminal does: to the process and its workers alike.
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert out == ""
    assert all(" designs, " in line for line in err.splitlines()), err
    wait_until(lambda: not any(map(is_running, workers)))
    assert points_in(folder) >= 10


@pytest.mark.parametrize("address", ["", "host", "tcp://host", "host:port", "a b:1"])
def test_what_is_no_address_is_an_input_error(address):
    with pytest.raises(InputError, match=r"^cluster = .*: must be 'local' or the address of a scheduler"):
        dask_cluster(address)


def test_an_address_where_nothing_listens_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.2)
    with pytest.raises(RunError, match=r"^no dask scheduler answers at tcp://127.0.0.1:9: .*$"):
        sweep(small(tmp_path), opener=dask_cluster("tcp://127.0.0.1:9"))


def test_without_dask_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install 'accel_sim\[cluster\]'"):
        dask_cluster("local")
