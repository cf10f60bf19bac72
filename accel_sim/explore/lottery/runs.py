"""A run of a contestant, and the file of finished runs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from accel_sim.config import RunError
from accel_sim.explore.crew import Crew
from accel_sim.explore.lottery.contest import Contest, Contestant, sampler_of, seed_for
from accel_sim.explore.lottery.shared import Once
from accel_sim.explore.search.driver import Search
from accel_sim.explore.search.log import TrialLog
from accel_sim.explore.search.trials import FRESH, ILLEGAL, Rules, Trial
from accel_sim.explore.store import Outcome, Store
from accel_sim.explore.worker import Evaluate, outcome_of

_MEMORY = Path(":memory:")


@dataclass(frozen=True, slots=True)
class Run:
    """A task for `Runner`: numbers of contest and contestant, and a seed."""

    key: str
    contest: int
    contestant: int
    seed: int


@dataclass(frozen=True, slots=True)
class Record:
    """What a run found.

    Attributes:
        costs: of every distinct design in the order of their evaluation, all to be minimised; None where it
            failed or breaks a limit.
        proposed: designs that were proposed, repeated and illegal ones included.
        illegal: of these, how many break a constraint.
        fresh: of the distinct designs, how many were drawn at random because the sampler proposed nothing new.
        sampler_s: seconds in the sampler.
    """

    costs: tuple[tuple[float, ...] | None, ...]
    proposed: int
    illegal: int
    fresh: int
    sampler_s: float


@dataclass(frozen=True)
class Runner:
    """Runs contestants, in any process; what they find is in the file of runs when a call returns.

    Attributes:
        contests, contestants: of the lottery.
        budget: distinct designs of a run.
        points: store that simulated designs share.
        runs: file of the finished runs.
    """

    contests: tuple[Contest, ...]
    contestants: tuple[Contestant, ...]
    budget: int
    points: Path
    runs: Path

    def __call__(self, run: Run) -> Outcome:
        """Return whether a run ended well."""
        return outcome_of(run.key, lambda: self._finished(run))

    def _finished(self, run: Run) -> dict[str, float]:
        record = self.record(run)
        with RunFile(self.runs) as file:
            file.add(run.key, record)
        return {"distinct": len(record.costs)}

    def record(self, run: Run) -> Record:
        """Return what a run finds.

        Raises:
            RunError: it ended before its budget.
        """
        contest, contestant = self.contests[run.contest], self.contestants[run.contestant]
        seed = seed_for(contestant, run.seed)
        sampler = sampler_of(contest, contestant, seed)
        with ExitStack() as stack:
            evaluate: Evaluate = contest.problem.evaluate
            if contest.table is None:
                evaluate = stack.enter_context(Once(evaluate, self.points))
            search = Search(
                contest.problem,
                contest.space,
                contest.goals,
                sampler,
                Rules(self.budget, seed, contestant.batch),
                (),
                stack.enter_context(Store(_MEMORY)),
                stack.enter_context(TrialLog(_MEMORY, "")),
                stack.enter_context(Crew(evaluate, 1)),
            )
            trials = search.run()
        first = [t for t in trials if t.status != ILLEGAL and not t.repeated]
        if len(first) != self.budget:
            raise RunError(f"{len(first)} distinct designs were found, not {self.budget}")
        return Record(
            costs=tuple(_costs(t) for t in first),
            proposed=len(trials),
            illegal=sum(t.status == ILLEGAL for t in trials),
            fresh=sum(t.kind == FRESH for t in first),
            sampler_s=search.spent.sampler,
        )


def _costs(trial: Trial) -> tuple[float, ...] | None:
    return trial.score.costs if trial.score is not None and trial.feasible else None


class RunFile:
    """Records of finished runs by key, on disk as soon as `add` returns; several processes may write."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._connection = sqlite3.connect(path, timeout=60, isolation_level=None)
            self._connection.execute("pragma journal_mode = wal")
            self._connection.execute(
                "create table if not exists runs (key text primary key, record text not null) without rowid"
            )
        except sqlite3.Error as error:
            raise self._explained(error) from None

    def __enter__(self) -> RunFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def read(self, keys: Iterable[str]) -> dict[str, Record]:
        """Return the records of those keys that are there."""
        wanted = set(keys)
        try:
            rows = self._connection.execute("select key, record from runs").fetchall()
        except sqlite3.Error as error:
            raise self._explained(error) from None
        return {key: _record(text) for key, text in rows if key in wanted}

    def add(self, key: str, record: Record) -> None:
        """Write a record."""
        try:
            self._connection.execute(
                "insert or replace into runs values (?, ?)", (key, json.dumps(asdict(record)))
            )
        except sqlite3.Error as error:
            raise self._explained(error) from None

    def _explained(self, error: sqlite3.Error) -> RunError:
        return RunError(f"{self._path}: {error} (--restart starts it anew)")


def _record(text: str) -> Record:
    data = json.loads(text)
    costs = tuple(None if own is None else tuple(own) for own in data.pop("costs"))
    return Record(costs=costs, **data)
