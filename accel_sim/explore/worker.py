"""Evaluating tasks, in this process or in one of a pool."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from multiprocessing.connection import wait
from typing import Any, Protocol

from accel_sim.config import AccelSimError, Document
from accel_sim.config.errors import one_line
from accel_sim.explore.store import FAILED, FINISHED, Outcome
from accel_sim.hardware.design import build_design
from accel_sim.simulation import simulate
from accel_sim.workload import Workload

# A batch ends when it has taken this long, so that its points reach the disk.
BATCH_SECONDS = 0.5


class Task(Protocol):
    """Something to evaluate, whatever it is; its key is that of its outcome."""

    @property
    def key(self) -> str:
        """Content hash: tasks with the same key have the same outcome."""


# What is done with a task. It is sent to worker processes once, so it must pickle.
Evaluate = Callable[[Any], Outcome]


@dataclass(frozen=True, slots=True)
class Point:
    """A design with a workload: a task for `Simulator`.

    Attributes:
        key: content hash.
        design: number of the document that the design is built from.
        overrides: of the design.
        workload: what runs on it.
    """

    key: str
    design: int
    overrides: Mapping[str, Any]
    workload: Workload


@dataclass(frozen=True, slots=True)
class Simulator:
    """Simulates points; it holds what they refer to by number, so that no file is read in a worker."""

    designs: tuple[Document, ...]
    fidelity: str

    def __call__(self, point: Point) -> Outcome:
        """Return what becomes of a point; its errors are an outcome too."""
        return outcome_of(point.key, lambda: self._metrics(point))

    def _metrics(self, point: Point) -> Mapping[str, float]:
        design = build_design(self.designs[point.design], point.overrides)
        return simulate(design, _one_of(point.workload), fidelity=self.fidelity).metrics()


@lru_cache(maxsize=64)
def _one_of(workload: Workload) -> Workload:
    """Return one object for all workloads that are equal.

    Every batch brings copies of its own, but what is remembered of a workload is remembered of an object.
    """
    return workload


def outcome_of(key: str, metrics_of: Callable[[], Mapping[str, float]]) -> Outcome:
    """Return the outcome of a calculation of metrics, its error or its time included."""
    start = time.perf_counter()
    metrics: dict[str, float] = {}
    error = None
    try:
        metrics = {name: float(value) for name, value in metrics_of().items()}
    except AccelSimError as problem:
        error = f"{type(problem).__name__}: {problem}"
    except Exception as problem:
        error = one_line(f"{type(problem).__name__}: {problem}")
    return Outcome(
        key, FAILED if error else FINISHED, {} if error else metrics, error, time.perf_counter() - start
    )


def evaluate_batch(evaluate: Evaluate, tasks: Sequence[Task]) -> list[Outcome]:
    """Return the outcomes of the first tasks, as many as BATCH_SECONDS have room for, at least one.

    This is what is submitted to an executor that has no workers of ours.
    """
    outcomes = []
    until = time.perf_counter() + BATCH_SECONDS
    for task in tasks:
        outcomes.append(evaluate(task))
        if time.perf_counter() >= until:
            break
    return outcomes


_evaluate: Evaluate | None = None


def start(evaluate: Evaluate) -> None:
    """Prepare a worker process: Ctrl-C is its parent's business, and it does not outlive its parent."""
    global _evaluate  # noqa: PLW0603 (a worker process does one thing)
    _evaluate = evaluate
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        sentinel = parent.sentinel
        threading.Thread(target=lambda: (wait([sentinel]), os._exit(1)), daemon=True).start()


def ready() -> bool:
    """Tell that the worker has started."""
    return _evaluate is not None


def work(tasks: Sequence[Task]) -> list[Outcome]:
    """Return the outcomes of a batch, in a worker; see `evaluate_batch`."""
    assert _evaluate is not None
    outcomes = evaluate_batch(_evaluate, tasks)
    _settle()
    return outcomes


@cache
def _settle() -> None:
    """Take what the first batch has loaded out of the garbage collector's rounds: it stays as long as we do."""
    gc.collect()
    gc.freeze()
