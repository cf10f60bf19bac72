"""What is evaluated, once each: ordered from a crew, kept in a store, waited for by key."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable

from accel_sim.explore.crew import Crew
from accel_sim.explore.search.problem import Question
from accel_sim.explore.search.trials import Spent
from accel_sim.explore.store import FINISHED, Outcome, Store
from accel_sim.explore.worker import Task


class Evaluations:
    """Outcomes by key, those of earlier processes included.

    Args:
        store: where they are kept.
        crew: that evaluates.
        spent: which the seconds are added to.
    """

    def __init__(self, store: Store, crew: Crew, spent: Spent) -> None:
        self.computed = 0
        self._store, self._crew, self._spent = store, crew, spent
        self._outcomes: dict[str, Outcome] = store.read_all()
        self._ordered: set[str] = set()

    def order(self, tasks: Iterable[Task]) -> None:
        """Have tasks evaluated that are not yet."""
        new = []
        for task in tasks:
            if task.key not in self._outcomes and task.key not in self._ordered:
                self._ordered.add(task.key)
                new.append(task)
        if new:
            self._crew.add(new)

    def wait(self, tasks: Iterable[Task], expected: int, arrived: Callable[[], None]) -> None:
        """Wait for tasks that were ordered.

        Args:
            tasks: wanted.
            expected: tasks that will be ordered later.
            arrived: called whenever there are outcomes.
        """
        needed = {task.key for task in tasks} - self._outcomes.keys()
        while needed:
            begin = time.perf_counter()
            outcomes = self._crew.next(expected=expected)
            end = time.perf_counter()
            self._store.add(outcomes)
            self._spent.waiting += end - begin
            self._spent.storing += time.perf_counter() - end
            self.computed += len(outcomes)
            for outcome in outcomes:
                self._outcomes[outcome.key] = outcome
                needed.discard(outcome.key)
            arrived()

    def done(self, tasks: Collection[Task]) -> bool:
        """Tell whether all of them have an outcome."""
        return all(task.key in self._outcomes for task in tasks)

    def of(self, question: Question) -> tuple[list[Outcome], str | None]:
        """Return the outcomes of a question whose tasks are done, and the first error among them."""
        outcomes = [self._outcomes[task.key] for task in question.tasks]
        return outcomes, next((outcome.error for outcome in outcomes if outcome.status != FINISHED), None)
