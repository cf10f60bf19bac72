"""A crew evaluates tasks: in this process while that is quick, in a pool when the work is worth one.

A place survives its workers: what a dead worker had in hand is done again. Whose task killed it nobody can say,
so all that went down with it is evaluated task by task, with nothing else in flight; a task that is alone when
its worker dies has killed it twice, and is given up.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import ExitStack
from types import TracebackType

from accel_sim.config import RunError
from accel_sim.explore.pool import Opener, Place, PlaceLost, cores, local_pool
from accel_sim.explore.store import KILLED, Outcome, Store
from accel_sim.explore.worker import BATCH_SECONDS, Evaluate, Task, evaluate_batch

LARGEST_BATCH = 256
# A worker needs about this long before its first point: imports, and kernels from numba's cache.
WORKER_START_SECONDS = 1.5
# A place that is lost so often in a row, with no outcome in between, does not work.
MOST_LOSSES = 5
# As many as a place has.
ALL = 1_000_000


class Crew:
    """Evaluates tasks; outcomes come back in no particular order.

        with Crew(evaluate, workers) as crew:
            crew.add(tasks)
            while crew.busy:
                outcomes = crew.next()

    Args:
        evaluate: what is done with a task.
        workers: 1 stays in this process; by default one for each core, when the work is worth it. Of another
            place than the local pool: the most batches at once; by default as many as it has workers.
        opener: of the place. One that is not the local pool was asked for, and is used however little there is
            to do.
    """

    def __init__(self, evaluate: Evaluate, workers: int | None = None, opener: Opener = local_pool) -> None:
        self._evaluate = evaluate
        self._opener = opener
        self._asked = workers
        self._local = opener is local_pool
        self._most = workers or (cores() if self._local else ALL)
        self._todo: deque[Task] = deque()
        self._running: dict[Future[list[Outcome]], list[Task]] = {}
        self._suspects: list[Task] = []
        self._stack = ExitStack()
        self._place: Place | None = None
        self._asked_width = 1
        self._lost = False
        self._losses = 0
        # Whether the place was opened for a suspect, so that it is in order and nothing else has used it.
        self._for_one = False
        self._done, self._seconds = 0, 0.0
        self._warm = False

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @property
    def busy(self) -> bool:
        """Whether there are outcomes to come."""
        return bool(self._todo or self._running or self._suspects)

    def add(self, tasks: Iterable[Task]) -> None:
        """Take tasks; a pool that is open begins with them at once."""
        self._todo.extend(tasks)
        if self._place is not None and not self._suspects:
            self._fill()

    def next(self, expected: int = 0) -> list[Outcome]:
        """Return some outcomes, at least one; there must be tasks.

        Args:
            expected: tasks that will be added later, for the question whether a pool is worth while.

        Raises:
            RunError: worker processes cannot be started, or are lost again and again.
        """
        if self._place is None and not self._suspects:
            width = min(self._most, len(self._todo) + expected)
            if not self._worth_a_pool(width, len(self._todo) + expected):
                return self._here()
            self._open(width)
        while True:
            if not self._suspects:
                self._fill()
            if self._running:
                outcomes = self._finished()
            elif self._lost:
                self._open_again()
                continue
            else:
                outcomes = self._alone()
            if outcomes:
                self._losses = 0
                return outcomes

    def _worth_a_pool(self, width: int, left: int) -> bool:
        if not self._local:
            return True
        if width <= 1:
            return False
        if self._asked is not None:
            return True
        return self._done > 0 and self._mean * left * (1 - 1 / width) > WORKER_START_SECONDS

    @property
    def _mean(self) -> float:
        """Seconds of a task."""
        return self._seconds / self._done

    def _here(self) -> list[Outcome]:
        # The first task also pays for loading kernels, so it stands alone and does not count.
        batch = list(self._todo) if self._warm else [self._todo[0]]
        outcomes = evaluate_batch(self._evaluate, batch)
        for _ in outcomes:
            self._todo.popleft()
        if self._warm:
            self._count(outcomes)
        self._warm = True
        return outcomes

    def _count(self, outcomes: list[Outcome]) -> None:
        self._done += len(outcomes)
        self._seconds += sum(outcome.seconds for outcome in outcomes)

    def _open(self, width: int) -> None:
        self._place = self._stack.enter_context(self._opener(self._evaluate, width))
        self._asked_width = width
        self._lost = self._for_one = False

    def _close(self) -> None:
        self._place = None
        self._stack.close()

    def _open_again(self) -> None:
        self._losses += 1
        if self._losses == MOST_LOSSES:
            raise RunError(
                f"workers were lost {MOST_LOSSES} times in a row and nothing was evaluated in between"
            )
        self._close()
        self._open(self._asked_width)

    @property
    def _width(self) -> int:
        assert self._place is not None
        return max(1, min(self._place.width(), self._most))

    def _fill(self) -> None:
        """Keep two batches for each worker in flight."""
        assert self._place is not None
        width = self._width
        while self._todo and len(self._running) < 2 * width and not self._lost:
            batch = [self._todo.popleft() for _ in range(self._batch_size(width))]
            try:
                self._running[self._place.submit(batch)] = batch
            except BrokenExecutor as error:
                self._put_back(batch, error)
                return

    def _put_back(self, batch: list[Task], error: BrokenExecutor) -> None:
        """Take back what did not come to an end; unless its place was lost, it may be what broke it."""
        if isinstance(error, PlaceLost):
            self._todo.extendleft(reversed(batch))
            self._lost = True
        else:
            self._suspects += batch

    def _batch_size(self, width: int) -> int:
        """Return how many tasks to send: half a second of them, fewer towards the end so that all stay busy."""
        left = len(self._todo)
        share = math.ceil(left / (2 * width))
        wanted = math.ceil(BATCH_SECONDS / max(self._mean, 1e-6)) if self._done else 4
        return max(1, min(wanted, share, LARGEST_BATCH))

    def _finished(self) -> list[Outcome]:
        """Return the outcomes of the batches that end next; what went down with a worker becomes suspect."""
        done, _ = wait(self._running, return_when=FIRST_COMPLETED)
        collected: list[Outcome] = []
        for future in done:
            batch = self._running.pop(future)
            try:
                outcomes = future.result()
            except BrokenExecutor as error:
                self._put_back(batch, error)
                continue
            # A batch stops when its time is up; the rest takes its place at the front.
            self._todo.extendleft(reversed(batch[len(outcomes) :]))
            self._count(outcomes)
            collected += outcomes
        return collected

    def _alone(self) -> list[Outcome]:
        """Return the outcome of one suspect, none if it was lost; one that kills a worker again is given up."""
        if self._place is None or not (self._place.mends or self._for_one):
            self._close()
            self._open(1)
            self._for_one = True
        assert self._place is not None
        task = self._suspects.pop(0)
        try:
            outcomes = self._place.submit([task]).result()
        except PlaceLost:
            self._suspects.insert(0, task)
            self._open_again()
            return []
        except BrokenExecutor:
            outcomes = [Outcome(task.key, KILLED, {}, "WorkerKilled: its worker process died twice", 0.0)]
            if not self._place.mends:
                self._close()
        if not self._suspects and not (self._place and self._place.mends):
            self._close()
            if self._todo and self._most > 1:
                self._open(min(self._most, len(self._todo)))
        return outcomes


def complete(
    tasks: Mapping[str, Task],
    evaluate: Evaluate,
    store: Store,
    workers: int | None,
    opener: Opener,
    tell: Callable[[Mapping[str, Outcome], int], None],
) -> tuple[dict[str, Outcome], int]:
    """Return an outcome for every task, and how many were evaluated just now; the others were in the store.

    Args:
        tasks: by key.
        evaluate: as of a crew.
        workers: as of a crew.
        opener: as of a crew.
        store: where outcomes are written to as they come.
        tell: called with all outcomes so far and the number of new ones.
    """
    outcomes = store.read(tasks)
    computed = 0
    tell(outcomes, computed)
    with Crew(evaluate, workers, opener) as crew:
        crew.add(task for key, task in tasks.items() if key not in outcomes)
        while crew.busy:
            batch = crew.next()
            store.add(batch)
            outcomes |= {outcome.key: outcome for outcome in batch}
            computed += len(batch)
            tell(outcomes, computed)
    return outcomes, computed
