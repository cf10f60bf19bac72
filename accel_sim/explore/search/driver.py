"""The loop of a search: propose a batch, evaluate what is new in it, tell the results in order.

What is proposed depends on the space, the sampler, the seed and the size of a batch; not on how many workers
there are, which of them is quicker, or how often the search was interrupted.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from accel_sim.explore.crew import Crew
from accel_sim.explore.search.expressions import ExpressionError
from accel_sim.explore.search.goals import Goals, Score
from accel_sim.explore.search.log import LoggedBatch, TrialLog
from accel_sim.explore.search.pareto import Front
from accel_sim.explore.search.problem import Problem, Question
from accel_sim.explore.search.samplers import Sampler, Told, seed_of
from accel_sim.explore.search.space import Codes, Space
from accel_sim.explore.store import FINISHED, Outcome, Store
from accel_sim.explore.worker import Task

# Whose proposals a batch holds: the file's, the sampler's, or random ones after a sampler proposed nothing new.
BASELINE, SAMPLED, FRESH = "baseline", "sampled", "fresh"
OK, FAILED, ILLEGAL = "ok", "failed", "illegal"
MOST_DRAWS = 200


@dataclass(frozen=True, slots=True)
class Start:
    """A baseline: evaluated before anything else.

    Attributes:
        name: as in the file.
        values: by path.
        codes: its candidate, None where it lies outside the space; the sampler is told of it only if inside.
    """

    name: str
    values: dict[str, Any]
    codes: Codes | None


@dataclass(frozen=True, slots=True)
class Trial:
    """A proposal and what became of it.

    Attributes:
        number, batch: its places; both from 0.
        kind: BASELINE, SAMPLED or FRESH.
        name: of a baseline, empty otherwise.
        values: by path.
        codes: its candidate; None outside the space.
        key: content hash.
        first: number of the first trial of the same design, its own where it is the first.
        status: OK, FAILED, or ILLEGAL: it breaks a constraint and was not evaluated.
        error: why there is no result.
        metrics: all of them; empty without a result.
        score: None without a result.
        violation: of constraints where ILLEGAL, of limits where OK.
    """

    number: int
    batch: int
    kind: str
    name: str
    values: dict[str, Any]
    codes: Codes | None
    key: str
    first: int
    status: str
    error: str | None
    metrics: dict[str, float] = field(default_factory=dict)
    score: Score | None = None
    violation: float = 0.0

    @property
    def feasible(self) -> bool:
        """Whether it has a result within the limits."""
        return self.score is not None and self.score.violation == 0

    @property
    def repeated(self) -> bool:
        """Whether the same design was there before."""
        return self.first != self.number


@dataclass(frozen=True, slots=True)
class SearchProgress:
    """How far a search is.

    Attributes:
        trials: proposals so far, baselines included.
        distinct, budget: designs that are evaluated, without baselines, and how many there may be.
        duplicates, illegal, failed, feasible: of the trials.
        front: designs on the front.
        hypervolume: that they dominate; 0 before there is a feasible one.
        computed: tasks evaluated by this process; the others were in the store.
        seconds: since this process began.
    """

    trials: int
    distinct: int
    budget: int
    duplicates: int
    illegal: int
    failed: int
    feasible: int
    front: int
    hypervolume: float
    computed: int
    seconds: float


@dataclass(slots=True)
class Spent:
    """Seconds of the driver: in the sampler, waiting for evaluations, and in all."""

    sampler: float = 0.0
    waiting: float = 0.0
    total: float = 0.0


@dataclass(slots=True)
class _Candidate:
    codes: Codes | None
    proposed: Codes
    values: dict[str, Any]
    violation: float
    question: Question
    name: str = ""
    error: str | None = None


@dataclass(slots=True)
class _Batch:
    number: int
    kind: str
    candidates: list[_Candidate]
    whole: bool
    logged: LoggedBatch | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What a search may do: distinct designs, its seed, candidates of a batch, batches under way at once."""

    budget: int
    seed: int
    batch: int
    in_flight: int = 1


class Search:
    """A search under way; `run` ends it.

    Args:
        problem, space, goals: what is searched, and for what.
        sampler: made for the space.
        rules: budget, seed and batch.
        starts: baselines, which do not count for the budget.
        store, log: where points and batches are kept.
        crew: made with the problem's `evaluate`.
        progress: called after every batch of outcomes.
    """

    def __init__(
        self,
        problem: Problem,
        space: Space,
        goals: Goals,
        sampler: Sampler,
        rules: Rules,
        starts: Sequence[Start],
        store: Store,
        log: TrialLog,
        crew: Crew,
        progress: Callable[[SearchProgress], None] = lambda _: None,
    ) -> None:
        self.problem, self.space, self.goals = problem, space, goals
        self.sampler, self.rules, self.starts = sampler, rules, starts
        self.store, self.log, self.crew, self.progress = store, log, crew, progress
        self.trials: list[Trial] = []
        self.front = Front(len(goals.objectives))
        self.spent = Spent()
        self.computed = 0
        self._begin = time.perf_counter()
        self._outcomes: dict[str, Outcome] = store.read_all()
        self._asked_tasks: set[str] = set()
        self._first: dict[str, int] = {}
        self._baseline_keys: set[str] = set()
        self._keys: set[str] = set()
        self._seen: set[Codes] = set()
        self._counts = {"duplicates": 0, ILLEGAL: 0, FAILED: 0, "feasible": 0}
        self._under_way: deque[_Batch] = deque()
        self._dry = False
        self._ended = False

    def run(self) -> list[Trial]:
        """Return all trials in order."""
        logged = deque(self.log.read())
        under_way = self._under_way
        number = 0
        while True:
            while len(under_way) < self.rules.in_flight and not self._over(number):
                batch = self._propose(number, logged.popleft() if logged else None)
                if batch is None:
                    self._ended = True
                    break
                number += 1
                self.crew.add(self._new_tasks(batch))
                under_way.append(batch)
            if not under_way:
                break
            self._finish(under_way[0])
            under_way.popleft()
        self.spent.total = time.perf_counter() - self._begin
        return self.trials

    def foresee(self) -> list[Task]:
        """Return the tasks of the whole search, each once, where the sampler looks at no result."""
        tasks: dict[str, Task] = {}
        number = 0
        while not self._over(number):
            batch = self._propose(number, None)
            if batch is None:
                break
            number += 1
            tasks |= {t.key: t for c in batch.candidates if c.error is None for t in c.question.tasks}
        return list(tasks.values())

    def _over(self, number: int) -> bool:
        if self._ended or (number == 0 and self.starts):
            return self._ended
        if len(self._keys) >= self.rules.budget:
            return True
        return self.space.size is not None and len(self._seen) >= self.space.size

    def _propose(self, number: int, logged: LoggedBatch | None) -> _Batch | None:
        """Return the next batch, None where there is nothing left to propose."""
        if number == 0 and self.starts:
            return self._baselines(logged)
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
        before = len(self._keys), len(self._seen)
        candidates = []
        for codes in proposals:
            candidates.append(self._candidate(codes))
            if len(self._keys) >= self.rules.budget:
                break
        self._dry = kind != FRESH and (len(self._keys), len(self._seen)) == before
        whole = len(candidates) == len(proposals)
        return _Batch(number, kind, candidates, whole, logged)

    def _baselines(self, logged: LoggedBatch | None) -> _Batch:
        candidates = []
        for start in self.starts:
            question = self.problem.question(start.values)
            self._baseline_keys.add(question.key)
            if start.codes is not None:
                self._seen.add(start.codes)
            candidates.append(
                _Candidate(
                    start.codes, start.codes or (), start.values, 0.0, question, start.name, question.error
                )
            )
        inside = [start.codes for start in self.starts if start.codes is not None]
        if logged is not None:
            self._replay(logged, inside)
        else:
            self._timed(lambda: self.sampler.offer(0, inside))
        return _Batch(0, BASELINE, candidates, True, logged)

    def _replay(self, logged: LoggedBatch, candidates: Sequence[Codes]) -> None:
        offered = logged.kind != SAMPLED
        self._timed(lambda: self.sampler.replay_ask(logged.number, candidates, logged.note, offered))

    def _candidate(self, proposed: Codes) -> _Candidate:
        try:
            codes = self.space.canonical(proposed)
            values = self.space.values(codes)
            violation = self.space.violation(values)
        except ExpressionError as error:
            return _Candidate(tuple(proposed), proposed, {}, 1.0, Question(repr(proposed)), error=str(error))
        if violation > 0:
            return _Candidate(
                codes, proposed, values, violation, Question(repr(codes)), error="breaks a constraint"
            )
        question = self.problem.question(values)
        self._seen.add(codes)
        if question.key not in self._baseline_keys:
            self._keys.add(question.key)
        return _Candidate(codes, proposed, values, 0.0, question, error=question.error)

    def _unseen(self, number: int) -> list[Codes]:
        """Return legal candidates that were not proposed yet, at most a batch of them."""
        generator = random.Random(seed_of(self.rules.seed, number))
        found: dict[Codes, None] = {}
        for _ in range(MOST_DRAWS * self.rules.batch):
            codes = self.space.sample(generator)
            if codes not in self._seen:
                found[codes] = None
                if len(found) == self.rules.batch:
                    return list(found)
        if not found and self.space.size is not None:
            for codes in self.space.enumerate():
                if codes not in self._seen:
                    found[codes] = None
                    if len(found) == self.rules.batch:
                        break
        return list(found)

    def _new_tasks(self, batch: _Batch) -> list[Any]:
        tasks = []
        for candidate in batch.candidates:
            if candidate.error is None:
                for task in candidate.question.tasks:
                    if task.key not in self._outcomes and task.key not in self._asked_tasks:
                        self._asked_tasks.add(task.key)
                        tasks.append(task)
        return tasks

    def _finish(self, batch: _Batch) -> None:
        """Wait for a batch, then tell, log and count it."""
        needed = {
            task.key for c in batch.candidates if c.error is None for task in c.question.tasks
        } - self._outcomes.keys()
        while needed:
            begin = time.perf_counter()
            left = self.rules.budget - len(self._keys)
            tasks = max((len(c.question.tasks) for c in batch.candidates), default=1)
            outcomes = self.crew.next(expected=max(left, 0) * tasks)
            self.spent.waiting += time.perf_counter() - begin
            self.store.add(outcomes)
            self.computed += len(outcomes)
            for outcome in outcomes:
                self._outcomes[outcome.key] = outcome
                needed.discard(outcome.key)
            self._report()
        trials = [self._judge(batch, candidate) for candidate in batch.candidates]
        self.front.add([t.score.costs for t in trials if t.score is not None and t.feasible])
        self._tell(batch, trials)
        self._report()

    def _judge(self, batch: _Batch, candidate: _Candidate) -> Trial:
        number = len(self.trials)
        first = self._first.setdefault(candidate.question.key, number)
        status, error, violation = OK, candidate.error, candidate.violation
        metrics: dict[str, float] = {}
        score = None
        if violation > 0:
            status = ILLEGAL
        elif error is None:
            outcomes = [self._outcomes[task.key] for task in candidate.question.tasks]
            error = next((outcome.error for outcome in outcomes if outcome.status != FINISHED), None)
            if error is None:
                metrics = dict(self.problem.combine(candidate.question, outcomes))
                try:
                    score = self.goals.score(metrics)
                    violation = score.violation
                except ExpressionError as problem:
                    error, metrics = str(problem), {}
        if status == OK and error is not None:
            status = FAILED
        trial = Trial(
            number,
            batch.number,
            batch.kind,
            candidate.name,
            candidate.values,
            candidate.codes,
            candidate.question.key,
            first,
            status,
            error,
            metrics,
            score,
            violation,
        )
        self.trials.append(trial)
        if status != OK:
            self._counts[status] += 1
        elif trial.repeated:
            self._counts["duplicates"] += 1
        elif trial.feasible:
            self._counts["feasible"] += 1
        return trial

    def _tell(self, batch: _Batch, trials: Sequence[Trial]) -> None:
        told = [
            Told(candidate.proposed, trial.score.costs if trial.score else None, self._violations(trial))
            for candidate, trial in zip(batch.candidates, trials, strict=True)
            if candidate.codes is not None
        ]
        if not batch.whole:
            return
        if batch.logged is not None:
            note = batch.logged.note
            self._timed(lambda: self.sampler.replay_tell(batch.number, told, note))
            return
        note = self._timed(lambda: self.sampler.tell(batch.number, told))
        self.log.write(batch.number, batch.kind, [c.proposed for c in batch.candidates], note)

    def _violations(self, trial: Trial) -> dict[str, float]:
        if trial.status == ILLEGAL:
            return {"illegal": trial.violation}
        if trial.score is None:
            return {"failed": 1.0}
        return dict(zip((limit.name for limit in self.goals.limits), trial.score.violations, strict=True))

    def _timed(self, call: Callable[[], Any]) -> Any:
        begin = time.perf_counter()
        result = call()
        self.spent.sampler += time.perf_counter() - begin
        return result

    def _open(self) -> set[str]:
        """Return the keys of designs that are being evaluated."""
        return {
            candidate.question.key
            for batch in self._under_way
            for candidate in batch.candidates
            if candidate.error is None
            and candidate.question.key in self._keys
            and any(task.key not in self._outcomes for task in candidate.question.tasks)
        }

    def _report(self) -> None:
        self.progress(
            SearchProgress(
                trials=len(self.trials),
                distinct=len(self._keys) - len(self._open()),
                budget=self.rules.budget,
                duplicates=self._counts["duplicates"],
                illegal=self._counts[ILLEGAL],
                failed=self._counts[FAILED],
                feasible=self._counts["feasible"],
                front=self.front.size,
                hypervolume=self.front.hypervolume,
                computed=self.computed,
                seconds=time.perf_counter() - self._begin,
            )
        )
