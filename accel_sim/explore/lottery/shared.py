"""Evaluating a design once for all processes of a lottery.

Who is about to evaluate a design locks the byte of a file that its key stands for; another process that wants
the same design waits for the lock and finds the outcome. The system takes the lock from a process that dies.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
from pathlib import Path
from types import TracebackType

from accel_sim.config import RunError
from accel_sim.explore.store import KILLED, Outcome, Store
from accel_sim.explore.worker import Evaluate, Task


class Once:
    """Evaluates what is not in a store yet, and puts it there; any number of processes may share the store.

    Args:
        evaluate: what is done with a task.
        path: of the store.
    """

    def __init__(self, evaluate: Evaluate, path: Path) -> None:
        self._evaluate = evaluate
        self._path = path
        self._locks = path.with_suffix(".lock").open("ab")
        with Store(path) as store:
            self._run = store.run
        self._connection = sqlite3.connect(path, timeout=60, isolation_level=None)
        # A process that is killed loses nothing so; it is only when the machine stops that a design may be.
        self._connection.execute("pragma synchronous = normal")

    def __enter__(self) -> Once:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        self._locks.close()

    def __call__(self, task: Task) -> Outcome:
        """Return the outcome of a task, from the store where it is there."""
        try:
            found = self._read(task.key)
            if found is not None:
                return found
            place = int(task.key[:15], 16)
            fcntl.lockf(self._locks, fcntl.LOCK_EX, 1, place)
            try:
                found = self._read(task.key)
                if found is None:
                    found = self._evaluate(task)
                    self._write(found)
            finally:
                fcntl.lockf(self._locks, fcntl.LOCK_UN, 1, place)
        except sqlite3.Error as error:
            raise RunError(f"{self._path}: {error} (--restart starts it anew)") from None
        return found

    def _read(self, key: str) -> Outcome | None:
        row = self._connection.execute(
            "select status, metrics, error, seconds from points where key = ?", (key,)
        ).fetchone()
        if row is None or row[0] == KILLED:
            return None
        status, metrics, error, seconds = row
        return Outcome(key, status, json.loads(metrics) if metrics else {}, error, seconds)

    def _write(self, outcome: Outcome) -> None:
        metrics = json.dumps(outcome.metrics) if outcome.metrics else None
        self._connection.execute(
            "insert or replace into points values (?, ?, ?, ?, ?, ?)",
            (outcome.key, outcome.status, metrics, outcome.error, outcome.seconds, self._run),
        )
