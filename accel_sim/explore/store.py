"""The store of finished points: one SQLite file in WAL mode, one commit for each batch."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

from accel_sim.config import RunError

FINISHED, FAILED, KILLED = "ok", "failed", "killed"
_CREATE = """
create table if not exists points (
    key text primary key,
    status text not null,
    metrics text,
    error text,
    seconds real not null,
    run integer not null
) without rowid
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a point.

    Attributes:
        key: of the point.
        status: `ok`, `failed` (it raised), or `killed` (its worker died twice).
        metrics: by name, empty unless `ok`.
        error: class and message, None when `ok`.
        seconds: it took.
    """

    key: str
    status: str
    metrics: dict[str, float]
    error: str | None
    seconds: float


class Store:
    """Outcomes by key. After `add` the death of this process takes nothing; a power cut may take the last.

    Each opening of the file is a run with a number of its own, which the rows it adds carry.

    Args:
        path: of the file.
        journal: SQLite's way to be safe; `delete` is right also on network disks, `wal` quicker on others.
    """

    def __init__(self, path: Path, journal: Literal["wal", "delete"] = "wal") -> None:
        self.path = path
        with _explained(path):
            self._connection = sqlite3.connect(path, timeout=60, isolation_level=None)
            self._connection.execute(f"pragma journal_mode = {journal}")
            self._connection.execute("pragma synchronous = normal")
            self._connection.execute(_CREATE)
            row = self._connection.execute("select coalesce(max(run), 0) + 1 from points").fetchone()
            self.run = int(row[0])

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def read(self, keys: Iterable[str]) -> dict[str, Outcome]:
        """Return the outcomes of those keys that are there.

        Points whose worker died are left out, so that they are tried again: memory may have been short.
        """
        wanted = set(keys)
        return {key: outcome for key, outcome in self.read_all().items() if key in wanted}

    def read_all(self) -> dict[str, Outcome]:
        """Return every outcome, but for points whose worker died."""
        with _explained(self.path):
            return {o.key: o for o in _outcomes(self._connection) if o.status != KILLED}

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Write outcomes in one transaction."""
        rows = [
            (o.key, o.status, json.dumps(o.metrics) if o.metrics else None, o.error, o.seconds, self.run)
            for o in outcomes
        ]
        with _explained(self.path):
            self._connection.execute("begin immediate")
            self._connection.executemany("insert or replace into points values (?, ?, ?, ?, ?, ?)", rows)
            self._connection.execute("commit")


def stored(path: Path) -> dict[str, Outcome]:
    """Return every outcome of a file that is only read, points whose worker died included.

    Raises:
        RunError: it cannot be read.
    """
    with (
        _explained(path),
        closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection,
    ):
        return {outcome.key: outcome for outcome in _outcomes(connection)}


def _outcomes(connection: sqlite3.Connection) -> Iterator[Outcome]:
    rows = connection.execute("select key, status, metrics, error, seconds from points")
    for key, status, metrics, error, seconds in rows:
        yield Outcome(key, status, json.loads(metrics) if metrics else {}, error, seconds)


def forget(path: Path) -> None:
    """Remove a store with everything that belongs to it."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise RunError(f"{path}: {error} (--restart starts it anew)") from None
