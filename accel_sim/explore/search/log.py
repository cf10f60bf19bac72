"""The list of trials on disk, beside the points: which candidates were tried, in which batch.

Batches are written when they are complete. One that was under way is proposed again by the next process, from
the same state and with the same seed, and finds the points that were finished.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from accel_sim.config import RunError
from accel_sim.explore.search.space import Codes

_CREATE = """
create table if not exists searches (identity text primary key) without rowid;
create table if not exists batches (
    batch integer primary key, kind text not null, codes text not null, note text not null
);
"""


@dataclass(frozen=True, slots=True)
class LoggedBatch:
    """A complete batch.

    Attributes:
        number: of the batch.
        kind: whose proposals they are; see `driver`.
        codes: the proposals in order.
        note: what the sampler wants to know again.
    """

    number: int
    kind: str
    codes: tuple[Codes, ...]
    note: str


class TrialLog:
    """Complete batches of one search, in a file that a store of points may be in too.

    A search that is not the one the file was written by begins anew; its points remain.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self._path = path
        try:
            self._connection = sqlite3.connect(path, timeout=60, isolation_level=None)
            self._connection.execute("pragma journal_mode = wal")
            self._connection.execute("pragma synchronous = normal")
            self._connection.executescript(_CREATE)
            if self._connection.execute("select identity from searches").fetchall() != [(identity,)]:
                self._connection.execute("begin immediate")
                self._connection.execute("delete from batches")
                self._connection.execute("delete from searches")
                self._connection.execute("insert into searches values (?)", (identity,))
                self._connection.execute("commit")
        except sqlite3.Error as error:
            raise self._explained(error) from None

    def __enter__(self) -> TrialLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def read(self) -> list[LoggedBatch]:
        """Return the complete batches in order, up to the first gap."""
        try:
            rows = self._connection.execute("select batch, kind, codes, note from batches order by batch")
            batches = [
                LoggedBatch(number, kind, tuple(map(tuple, json.loads(codes))), note)
                for number, kind, codes, note in rows
            ]
        except sqlite3.Error as error:
            raise self._explained(error) from None
        return [batch for place, batch in enumerate(batches) if batch.number == place]

    def write(self, number: int, kind: str, codes: Sequence[Codes], note: str) -> None:
        """Add a batch, or replace one."""
        try:
            self._connection.execute(
                "insert or replace into batches values (?, ?, ?, ?)", (number, kind, json.dumps(codes), note)
            )
        except sqlite3.Error as error:
            raise self._explained(error) from None

    def _explained(self, error: sqlite3.Error) -> RunError:
        return RunError(f"{self._path}: {error} (--restart starts it anew)")
