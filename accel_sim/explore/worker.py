"""Simulating points, in this process or in one of a pool."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any

from accel_sim.config import AccelSimError, Document
from accel_sim.config.errors import one_line
from accel_sim.explore.store import FAILED, FINISHED, Outcome
from accel_sim.hardware.design import build_design
from accel_sim.simulation import simulate
from accel_sim.workload import Workload

# A batch ends when it has taken this long, so that its points reach the disk.
BATCH_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Task:
    """A point to simulate: its key, and what to build it from."""

    key: str
    design: int
    overrides: Mapping[str, Any]
    workload: int


@dataclass(frozen=True, slots=True)
class Shared:
    """What all tasks refer to by number; sent to a worker once, so that no file is read there."""

    designs: tuple[Document, ...]
    workloads: tuple[Workload, ...]
    fidelity: str


def evaluate(task: Task, shared: Shared) -> Outcome:
    """Return what becomes of a point; its errors are an outcome too."""
    start = time.perf_counter()
    metrics: dict[str, float] = {}
    error = None
    try:
        design = build_design(shared.designs[task.design], task.overrides)
        result = simulate(design, shared.workloads[task.workload], fidelity=shared.fidelity)
        metrics = {name: float(value) for name, value in result.metrics().items()}
    except AccelSimError as problem:
        error = f"{type(problem).__name__}: {problem}"
    except Exception as problem:
        error = one_line(f"{type(problem).__name__}: {problem}")
    return Outcome(
        task.key, FAILED if error else FINISHED, {} if error else metrics, error, time.perf_counter() - start
    )


def evaluate_batch(tasks: Sequence[Task], shared: Shared) -> list[Outcome]:
    """Return the outcomes of the first tasks, as many as BATCH_SECONDS have room for, at least one."""
    outcomes = []
    until = time.perf_counter() + BATCH_SECONDS
    for task in tasks:
        outcomes.append(evaluate(task, shared))
        if time.perf_counter() >= until:
            break
    return outcomes


_shared: Shared | None = None


def start(shared: Shared) -> None:
    """Prepare a worker process: Ctrl-C is its parent's business, and it does not outlive its parent."""
    global _shared  # noqa: PLW0603 (a worker process has one sweep)
    _shared = shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        sentinel = parent.sentinel
        threading.Thread(target=lambda: (wait([sentinel]), os._exit(1)), daemon=True).start()


def ready() -> bool:
    """Tell that the worker has started."""
    return _shared is not None


def work(tasks: Sequence[Task]) -> list[Outcome]:
    """Return the outcomes of a batch, in a worker; see `evaluate_batch`."""
    assert _shared is not None
    return evaluate_batch(tasks, _shared)
