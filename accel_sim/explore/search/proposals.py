"""Batches of candidates: from the file, the sampler, the log, or at random where a sampler has nothing new."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from accel_sim.explore.search.expressions import ExpressionError
from accel_sim.explore.search.goals import Score
from accel_sim.explore.search.ladder import SCREEN, SEARCH, Ladder
from accel_sim.explore.search.log import LoggedBatch
from accel_sim.explore.search.problem import Question
from accel_sim.explore.search.samplers import Sampler, Told, seed_of
from accel_sim.explore.search.space import Codes, Space
from accel_sim.explore.search.trials import BASELINE, FRESH, SAMPLED, Rules, Spent, Start
from accel_sim.explore.worker import Task

MOST_DRAWS = 200


@dataclass(slots=True)
class Candidate:
    """A proposal on its way to a trial.

    Attributes:
        codes: None outside the space; `proposed` is what the sampler said.
        values, violation: by path, and by how much constraints are broken.
        question: at the fidelity of the search.
        screening: the question before that, where it is the first of its design.
        name: of a baseline.
        error: why there is nothing to evaluate.
    """

    codes: Codes | None
    proposed: Codes
    values: dict[str, Any]
    violation: float
    question: Question
    screening: Question | None = None
    name: str = ""
    error: str | None = None


@dataclass(slots=True)
class Batch:
    """Candidates that are told together.

    Attributes:
        number, kind: its place, and whose proposals they are.
        candidates: in order.
        whole: whether the budget left room for all of it; what is cut is neither told nor logged.
        logged: as an earlier process had it.
    """

    number: int
    kind: str
    candidates: list[Candidate]
    whole: bool = True
    logged: LoggedBatch | None = None

    @property
    def screenings(self) -> list[Task]:
        """What the screening evaluates."""
        return [t for c in self.candidates if c.error is None and c.screening for t in c.screening.tasks]


@dataclass
class Proposer:
    """Makes batches and tells the sampler how they ended.

    Attributes:
        space, sampler, rules, starts: as of the driver.
        ladder: what evaluates.
        spent: seconds of the sampler are added to it.
        charged: keys of the designs that count for the budget.
        seen: legal candidates that were proposed.
    """

    space: Space
    sampler: Sampler
    rules: Rules
    starts: Sequence[Start]
    ladder: Ladder
    spent: Spent
    charged: set[str] = field(default_factory=set)
    seen: set[Codes] = field(default_factory=set)
    baselines: set[str] = field(default_factory=set)
    _keys: set[str] = field(default_factory=set)
    _dry: bool = False

    def propose(self, number: int, logged: LoggedBatch | None) -> Batch | None:
        """Return the next batch, None where there is nothing left to propose."""
        if number == 0 and self.starts:
            return self._first(logged)
        if logged is not None:
            kind, proposals = logged.kind, list(logged.codes)
            self._replay(logged, proposals)
        elif self._dry:
            kind, proposals = FRESH, self._unseen(number)
            self._timed(lambda: self.sampler.offer(number, proposals))
        else:
            kind = SAMPLED
            proposals = list(self._timed(lambda: self.sampler.ask(number, self.rules.batch)))
        if not proposals:
            return None
        before = len(self._keys), len(self.seen)
        candidates = []
        for codes in proposals:
            candidates.append(self._candidate(codes))
            if len(self.charged) >= self.rules.budget:
                break
        self._dry = kind != FRESH and (len(self._keys), len(self.seen)) == before
        return Batch(number, kind, candidates, len(candidates) == len(proposals), logged)

    def tell(self, batch: Batch, told: Sequence[Told]) -> str | None:
        """Tell the sampler how a batch ended; return what the log must know, None where it knows."""
        if batch.logged is not None:
            note = batch.logged.note
            self._timed(lambda: self.sampler.replay_tell(batch.number, told, note))
            return None
        return str(self._timed(lambda: self.sampler.tell(batch.number, told)))

    def _first(self, logged: LoggedBatch | None) -> Batch:
        candidates = []
        screened = self.ladder.screen is not None
        for start in self.starts:
            question = self.ladder.question(SEARCH, start.values)
            screening = self.ladder.question(SCREEN, start.values) if screened else None
            self.baselines.add(question.key)
            if start.codes is not None:
                self.seen.add(start.codes)
            candidates.append(
                Candidate(
                    codes=start.codes,
                    proposed=start.codes or (),
                    values=start.values,
                    violation=0.0,
                    question=question,
                    screening=screening,
                    name=start.name,
                    error=question.error,
                )
            )
        inside = [start.codes for start in self.starts if start.codes is not None]
        if logged is not None:
            self._replay(logged, inside)
        else:
            self._timed(lambda: self.sampler.offer(0, inside))
        return Batch(0, BASELINE, candidates, True, logged)

    def _replay(self, logged: LoggedBatch, candidates: Sequence[Codes]) -> None:
        offered = logged.kind != SAMPLED
        self._timed(lambda: self.sampler.replay_ask(logged.number, candidates, logged.note, offered))

    def _candidate(self, proposed: Codes) -> Candidate:
        try:
            values, codes = self.space.assigned(proposed)
            violation = self.space.violation(values)
        except ExpressionError as error:
            return Candidate(tuple(proposed), proposed, {}, 1.0, Question(repr(proposed)), error=str(error))
        if violation > 0:
            question = Question(repr(codes))
            return Candidate(codes, proposed, values, violation, question, error="breaks a constraint")
        question = self.ladder.question(SEARCH, values)
        self.seen.add(codes)
        screening = None
        if question.key not in self.baselines and question.key not in self._keys:
            self._keys.add(question.key)
            if self.ladder.screen is None:
                self.charged.add(question.key)
            elif question.error is None:
                screening = self.ladder.question(SCREEN, values)
        return Candidate(codes, proposed, values, 0.0, question, screening, error=question.error)

    def _unseen(self, number: int) -> list[Codes]:
        """Return legal candidates that were not proposed yet, at most a batch of them."""
        generator = random.Random(seed_of(self.rules.seed, number))
        found: dict[Codes, None] = {}
        for _ in range(MOST_DRAWS * self.rules.batch):
            codes = self.space.sample(generator)
            if codes not in self.seen:
                found[codes] = None
                if len(found) == self.rules.batch:
                    return list(found)
        if not found and self.space.size is not None:
            for codes in self.space.enumerate():
                if codes not in self.seen:
                    found[codes] = None
                    if len(found) == self.rules.batch:
                        break
        return list(found)

    def _timed(self, call: Callable[[], Any]) -> Any:
        begin = time.perf_counter()
        result = call()
        self.spent.sampler += time.perf_counter() - begin
        return result


@dataclass(frozen=True, slots=True)
class Fate:
    """What the screening decided about a design.

    Attributes:
        score: in the screening; None for those that it did not judge.
        place: among the new designs of its batch, from 0 for the best; 0 for what is promoted.
        error: why it has none.
    """

    score: Score | None
    place: float = 0.0
    error: str | None = None
