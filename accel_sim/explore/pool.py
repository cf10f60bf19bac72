"""Places where batches of tasks are evaluated: worker processes on this machine, and any other executor."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from accel_sim.config import RunError
from accel_sim.explore.store import Outcome
from accel_sim.explore.worker import Evaluate, Task, evaluate_batch, ready, start, work


class PlaceLost(BrokenExecutor):
    """Nothing in flight will come back, through no fault of a task; the place must be opened again."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where batches are evaluated.

    Attributes:
        submit: takes a batch; the future's result are the outcomes of its first tasks, at least one. A future
            or submission that raises `concurrent.futures.BrokenExecutor` says that workers died over the batch.
        width: how many batches are evaluated at once, as of now; more may be sent.
        mends: whether it goes on by itself after a worker died; otherwise nothing in flight will come back.
    """

    submit: Callable[[Sequence[Task]], Future[list[Outcome]]]
    width: Callable[[], int]
    mends: bool = False


# Opens a place for at most so many batches at once.
Opener = Callable[[Evaluate, int], AbstractContextManager[Place]]


def cores() -> int:
    """Return the processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """Start processes and threads in here that never see Ctrl-C, from their first instruction on.

    A terminal sends it to a whole group of processes, and one that still imports what it needs would answer
    with a traceback. Here it waits until this ends. Where there are no signal masks, nothing is held back.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker  # not where there are no masks

    # Started along with the first process, it would leave Ctrl-C unmasked.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def local_pool(evaluate: Evaluate, workers: int) -> Iterator[Place]:
    """Open a pool of processes of our own, which end with this one.

    Raises:
        RunError: they cannot be started.
    """
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=start, initargs=(evaluate,)
    )
    processes: list[multiprocessing.process.BaseProcess] = []

    def submit(call: Callable[..., Any], *given: Any) -> Future[Any]:
        with deaf_to_ctrl_c():  # a submission starts a process as long as there are fewer than workers
            return pool.submit(call, *given)

    try:
        try:
            submit(ready).result()
        except BrokenProcessPool:
            raise RunError(
                "worker processes do not start; a script calls this under if __name__ == '__main__', "
                "or with workers=1"
            ) from None
        yield Place(lambda batch: submit(work, batch), lambda: workers)
        processes = []
    except BaseException:
        # Ctrl-C, or nobody reads on: what the workers have in hand is of no use.
        processes = list((getattr(pool, "_processes", None) or {}).values())
        raise
    finally:
        for process in processes:
            process.kill()
        pool.shutdown(wait=True, cancel_futures=True)


def on_executor(executor: Executor, workers: int | None = None) -> Opener:
    """Return what opens an executor that is there already, whatever its workers; they need this package.

    The executor is not shut down. When it breaks, as a `ProcessPoolExecutor` does when a worker is killed, that
    is the end of the run; what is finished is kept.

    Args:
        executor: of `concurrent.futures`, or with its `submit`.
        workers: batches that it evaluates at once; its own number where it has one, as the executors of
            `concurrent.futures` do.
    """
    own = workers or getattr(executor, "_max_workers", None) or cores()

    @contextmanager
    def opened(evaluate: Evaluate, most: int) -> Iterator[Place]:
        sent: list[Future[list[Outcome]]] = []

        def submit(batch: Sequence[Task]) -> Future[list[Outcome]]:
            sent[:] = [future for future in sent if not future.done()]
            try:
                sent.append(executor.submit(evaluate_batch, evaluate, batch))
            except BrokenExecutor as error:
                raise RunError(f"the executor is broken: {error}") from None
            return sent[-1]

        try:
            yield Place(submit, lambda: min(own, most))
        finally:
            for future in sent:
                future.cancel()

    return opened
