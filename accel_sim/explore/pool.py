"""A process pool that survives its workers: what a dead worker had in hand is done again.

Whose point killed it nobody can say, so all that was in flight goes through a pool of one worker, point by
point; a point that is alone when its worker dies has killed it twice, and is given up.
"""

from __future__ import annotations

import math
import multiprocessing
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from accel_sim.config import RunError
from accel_sim.explore.store import KILLED, Outcome
from accel_sim.explore.worker import BATCH_SECONDS, Shared, Task, ready, start, work

LARGEST_BATCH = 256


def cores() -> int:
    """Return the processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def evaluate_in_pool(tasks: Sequence[Task], shared: Shared, workers: int) -> Iterator[list[Outcome]]:
    """Yield the outcomes of all tasks, a batch at a time, in no particular order.

    Raises:
        RunError: worker processes cannot be started.
    """
    todo = deque(tasks)
    while todo:
        suspects: list[Task] = []
        with _pool(shared, workers) as pool:
            yield from _together(pool, todo, workers, suspects)
        while suspects:
            with _pool(shared, 1) as pool:
                yield from _alone(pool, suspects)


@contextmanager
def _pool(shared: Shared, workers: int) -> Iterator[ProcessPoolExecutor]:
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=start, initargs=(shared,)
    )
    processes: list[multiprocessing.process.BaseProcess] = []
    try:
        try:
            pool.submit(ready).result()
        except BrokenProcessPool:
            raise RunError(
                "worker processes do not start; a script calls sweep() under if __name__ == '__main__', "
                "or with workers=1"
            ) from None
        yield pool
        processes = []
    except BaseException:
        # Ctrl-C, or nobody reads on: what the workers have in hand is of no use.
        processes = list((getattr(pool, "_processes", None) or {}).values())
        raise
    finally:
        for process in processes:
            process.kill()
        pool.shutdown(wait=True, cancel_futures=True)


def _together(
    pool: ProcessPoolExecutor, todo: deque[Task], workers: int, suspects: list[Task]
) -> Iterator[list[Outcome]]:
    """Yield outcomes until all is done or the pool is broken; then `suspects` are what was in flight."""
    running: dict[Future[list[Outcome]], list[Task]] = {}
    done_points, seconds = 0, 0.0
    while todo or running:
        while todo and len(running) < 2 * workers and not suspects:
            size = _batch_size(len(todo), workers, seconds / done_points if done_points else None)
            batch = [todo.popleft() for _ in range(size)]
            try:
                running[pool.submit(work, batch)] = batch
            except BrokenProcessPool:
                suspects += batch
        if not running:
            return
        finished, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in finished:
            batch = running.pop(future)
            try:
                outcomes = future.result()
            except BrokenProcessPool:
                suspects += batch
                continue
            # A batch stops when its time is up; the rest takes its place at the front.
            todo.extendleft(reversed(batch[len(outcomes) :]))
            done_points += len(outcomes)
            seconds += sum(outcome.seconds for outcome in outcomes)
            yield outcomes


def _batch_size(left: int, workers: int, seconds: float | None) -> int:
    """Return how many points to send: half a second of them, fewer towards the end so that all stay busy."""
    share = math.ceil(left / (2 * workers))
    wanted = 4 if seconds is None else math.ceil(BATCH_SECONDS / max(seconds, 1e-6))
    return max(1, min(wanted, share, LARGEST_BATCH))


def _alone(pool: ProcessPoolExecutor, suspects: list[Task]) -> Iterator[list[Outcome]]:
    """Yield outcomes point by point; one that breaks the pool is recorded as killed, and ends it."""
    while suspects:
        task = suspects[0]
        try:
            outcomes = pool.submit(work, [task]).result()
        except BrokenProcessPool:
            suspects.pop(0)
            yield [Outcome(task.key, KILLED, {}, "WorkerKilled: its worker process died twice", 0.0)]
            return
        suspects.pop(0)
        yield outcomes
