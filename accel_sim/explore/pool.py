"""Worker processes on this machine, and any other executor, as places where batches of tasks are evaluated."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager

from accel_sim.config import RunError
from accel_sim.explore.store import Outcome
from accel_sim.explore.worker import Evaluate, Task, evaluate_batch, ready, start, work

# Takes a batch; the future's result are the outcomes of its first tasks, at least one. A future or a submission
# that raises `concurrent.futures.BrokenExecutor` means that nothing in flight will come back.
Submit = Callable[[Sequence[Task]], "Future[list[Outcome]]"]
# Opens a place with so many workers.
Opener = Callable[[Evaluate, int], AbstractContextManager[Submit]]


def cores() -> int:
    """Return the processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def local_pool(evaluate: Evaluate, workers: int) -> Iterator[Submit]:
    """Open a pool of processes of our own, which end with this one.

    Raises:
        RunError: they cannot be started.
    """
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=start, initargs=(evaluate,)
    )
    processes: list[multiprocessing.process.BaseProcess] = []
    try:
        try:
            pool.submit(ready).result()
        except BrokenProcessPool:
            raise RunError(
                "worker processes do not start; a script calls this under if __name__ == '__main__', "
                "or with workers=1"
            ) from None
        yield lambda batch: pool.submit(work, batch)
        processes = []
    except BaseException:
        # Ctrl-C, or nobody reads on: what the workers have in hand is of no use.
        processes = list((getattr(pool, "_processes", None) or {}).values())
        raise
    finally:
        for process in processes:
            process.kill()
        pool.shutdown(wait=True, cancel_futures=True)


def on_executor(executor: Executor) -> Opener:
    """Return what opens an executor that is there already, such as one of a cluster, whatever its workers.

    The executor is not shut down; its workers need this package.
    """

    @contextmanager
    def opened(evaluate: Evaluate, workers: int) -> Iterator[Submit]:
        yield lambda batch: executor.submit(evaluate_batch, evaluate, batch)

    return opened
