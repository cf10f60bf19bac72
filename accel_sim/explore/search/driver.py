"""The loop of a search: propose a batch, evaluate what is new in it, tell the results in order.

What is proposed depends on the space, the sampler, the seed and the size of a batch; not on how many workers
there are, which of them is quicker, or how often the search was interrupted.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

from accel_sim.explore.crew import Crew
from accel_sim.explore.search.evaluations import Evaluations
from accel_sim.explore.search.expressions import ExpressionError
from accel_sim.explore.search.goals import Goals, Score
from accel_sim.explore.search.ladder import CONFIRM, SCREEN, SEARCH, Ladder, promotion_order
from accel_sim.explore.search.log import TrialLog
from accel_sim.explore.search.pareto import Front
from accel_sim.explore.search.problem import Problem, Question
from accel_sim.explore.search.proposals import Batch, Candidate, Fate, Proposer
from accel_sim.explore.search.samplers import Sampler, Told
from accel_sim.explore.search.space import Space
from accel_sim.explore.search.trials import (
    BASELINE,
    FAILED,
    ILLEGAL,
    OK,
    SCREENED,
    Rules,
    SearchProgress,
    Spent,
    Start,
    Trial,
    front_of,
)
from accel_sim.explore.store import Store
from accel_sim.explore.worker import Task


class Search:
    """A search under way; `run` ends it.

    Args:
        problem, space, goals: what is searched, and for what. A `Ladder` is a problem at several fidelities.
        sampler: made for the space.
        rules: budget, seed and batch.
        starts: baselines, which do not count for the budget.
        store, log: where points and batches are kept.
        crew: made with the problem's `evaluate`.
        progress: called after every batch of outcomes.

    Attributes:
        trials: in order.
        confirmed: scores, or errors, of the front and the baselines in the confirmation, by number of trial.
        front, spent: as they grow.
    """

    def __init__(
        self,
        problem: Problem | Ladder,
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
        self.ladder = problem if isinstance(problem, Ladder) else Ladder(problem)
        self.goals, self.rules, self.starts = goals, rules, starts
        self.log, self.progress = log, progress
        self.trials: list[Trial] = []
        self.confirmed: dict[int, Score | str] = {}
        self.front = Front(len(goals.objectives))
        self.spent = Spent()
        self._space = space
        self._begin = time.perf_counter()
        self._evaluations = Evaluations(store, crew, self.spent)
        self._proposer = Proposer(space, sampler, rules, starts, self.ladder, self.spent)
        self._first: dict[str, int] = {}
        self._fates: dict[str, Fate] = {}
        self._counts = {"duplicates": 0, ILLEGAL: 0, FAILED: 0, SCREENED: 0, "feasible": 0}
        self._under_way: deque[Batch] = deque()
        self._ended = False

    @property
    def computed(self) -> int:
        """Tasks that this process evaluated."""
        return self._evaluations.computed

    def run(self) -> list[Trial]:
        """Return all trials in order."""
        logged = deque(self.log.read())
        under_way = self._under_way
        number = 0
        while True:
            while len(under_way) < self.rules.in_flight and not self._over(number):
                batch = self._proposer.propose(number, logged.popleft() if logged else None)
                if batch is None:
                    self._ended = True
                    break
                number += 1
                self._evaluations.order(batch.screenings if self.ladder.screen else self._wanted(batch))
                under_way.append(batch)
            if not under_way:
                break
            self._finish(under_way[0])
            under_way.popleft()
        if self.ladder.confirm is not None:
            self._confirm()
        self.spent.total = time.perf_counter() - self._begin
        return self.trials

    def foresee(self) -> list[Task]:
        """Return the tasks of the whole search, each once, where the sampler looks at no result."""
        tasks: dict[str, Task] = {}
        number = 0
        while not self._over(number):
            batch = self._proposer.propose(number, None)
            if batch is None:
                break
            number += 1
            tasks |= {t.key: t for c in batch.candidates if c.error is None for t in c.question.tasks}
        return list(tasks.values())

    def _over(self, number: int) -> bool:
        if self._ended or (number == 0 and self.starts):
            return self._ended
        charged = len(self._proposer.charged)
        if self.ladder.screen is not None:
            charged += sum(self.ladder.quota(self._new(batch)) for batch in self._under_way)
        if charged >= self.rules.budget:
            return True
        return self._space.size is not None and len(self._proposer.seen) >= self._space.size

    @staticmethod
    def _new(batch: Batch) -> int:
        return 0 if batch.kind == BASELINE else sum(c.screening is not None for c in batch.candidates)

    def _wanted(self, batch: Batch) -> list[Task]:
        """Return what the fidelity of the search evaluates of a batch."""
        return [
            task
            for candidate in batch.candidates
            if candidate.error is None and self._promoted(candidate)
            for task in candidate.question.tasks
        ]

    def _promoted(self, candidate: Candidate) -> bool:
        if self.ladder.screen is None or candidate.question.key in self._proposer.baselines:
            return True
        return candidate.question.key in self._proposer.charged

    def _finish(self, batch: Batch) -> None:
        """Wait for a batch, then tell, log and count it."""
        if self.ladder.screen is not None:
            self._wait(batch.screenings)
            self._screen(batch)
            self._evaluations.order(self._wanted(batch))
        self._wait(self._wanted(batch))
        trials = [self._judge(batch, candidate) for candidate in batch.candidates]
        self.front.add([t.score.costs for t in trials if t.score is not None and t.feasible])
        self._tell(batch, trials)
        self._report()

    def _wait(self, tasks: Sequence[Task]) -> None:
        left = max(0, self.rules.budget - len(self._proposer.charged))
        self._evaluations.wait(tasks, left, self._report)

    def _screen(self, batch: Batch) -> None:
        """Decide which new designs of a batch are promoted."""
        judged: list[tuple[Candidate, Score]] = []
        for candidate in batch.candidates:
            if candidate.screening is None or candidate.error is not None:
                continue
            _, score, error = self._scored(SCREEN, candidate.screening)
            if score is None or batch.kind == BASELINE:
                self._fates[candidate.question.key] = Fate(score, error=error)
            else:
                judged.append((candidate, score))
        room = self.rules.budget - len(self._proposer.charged)
        quota = min(self.ladder.quota(self._new(batch)), len(judged))
        batch.whole = batch.whole and quota <= room
        for place, number in enumerate(promotion_order([score for _, score in judged])):
            candidate, score = judged[number]
            promoted = place < min(quota, room)
            if promoted:
                self._proposer.charged.add(candidate.question.key)
            self._fates[candidate.question.key] = Fate(score, 0.0 if promoted else place / len(judged))

    def _scored(self, level: int, question: Question) -> tuple[dict[str, float], Score | None, str | None]:
        """Return the metrics and the score of a question whose tasks are done, or its error."""
        outcomes, error = self._evaluations.of(question)
        if error is None:
            metrics = dict(self.ladder.problem(level).combine(question, outcomes))
            try:
                return metrics, self.goals.score(metrics), None
            except ExpressionError as problem:
                error = str(problem)
        return {}, None, error

    def _judge(self, batch: Batch, candidate: Candidate) -> Trial:
        number = len(self.trials)
        key = candidate.question.key
        status, error, violation = OK, candidate.error, candidate.violation
        metrics: dict[str, float] = {}
        score = None
        fate = self._fates.get(key)
        if violation > 0:
            status = ILLEGAL
        elif error is None and self._promoted(candidate):
            metrics, score, error = self._scored(SEARCH, candidate.question)
            violation = score.violation if score is not None else 0.0
        elif error is None and fate is not None:
            status, violation, error = SCREENED, fate.place, fate.error
        if error is not None and status != ILLEGAL:
            status = FAILED
        trial = Trial(
            number=number,
            batch=batch.number,
            kind=batch.kind,
            name=candidate.name,
            values=candidate.values,
            codes=candidate.codes,
            key=key,
            first=self._first.setdefault(key, number),
            status=status,
            error=error,
            metrics=metrics,
            score=score,
            violation=violation,
            screening=fate.score if fate is not None else None,
        )
        self.trials.append(trial)
        if status != OK:
            self._counts[status] += 1
        elif trial.repeated:
            self._counts["duplicates"] += 1
        elif trial.feasible:
            self._counts["feasible"] += 1
        return trial

    def _tell(self, batch: Batch, trials: Sequence[Trial]) -> None:
        if not batch.whole:
            return
        told = [
            Told(candidate.proposed, self._costs(trial), self._violations(trial))
            for candidate, trial in zip(batch.candidates, trials, strict=True)
            if candidate.codes is not None
        ]
        note = self._proposer.tell(batch, told)
        if note is not None:
            begin = time.perf_counter()
            self.log.write(batch.number, batch.kind, [c.proposed for c in batch.candidates], note)
            self.spent.storing += time.perf_counter() - begin

    @staticmethod
    def _costs(trial: Trial) -> tuple[float, ...] | None:
        score = trial.screening if trial.status == SCREENED else trial.score
        return score.costs if score is not None else None

    def _violations(self, trial: Trial) -> dict[str, float]:
        if trial.status in (ILLEGAL, SCREENED):
            return {trial.status: trial.violation}
        if trial.score is None:
            return {FAILED: 1.0}
        return dict(zip((limit.name for limit in self.goals.limits), trial.score.violations, strict=True))

    def _confirm(self) -> None:
        """Evaluate the front and the baselines once more."""
        wanted = {t.number: t for t in self.trials if t.kind == BASELINE and t.score is not None}
        wanted |= {t.number: t for t in front_of(self.trials, len(self.goals.objectives))}
        questions = {number: self.ladder.question(CONFIRM, trial.values) for number, trial in wanted.items()}
        tasks = [task for question in questions.values() for task in question.tasks]
        self._evaluations.order(tasks)
        self._evaluations.wait(tasks, 0, self._report)
        for number, question in questions.items():
            _, score, error = self._scored(CONFIRM, question)
            self.confirmed[number] = score if score is not None else str(error)

    def _open(self) -> int:
        """Return how many designs of the budget are being evaluated."""
        charged = self._proposer.charged
        return len(
            {
                candidate.question.key
                for batch in self._under_way
                for candidate in batch.candidates
                if candidate.error is None
                and candidate.question.key in charged
                and not self._evaluations.done(candidate.question.tasks)
            }
        )

    def _report(self) -> None:
        self.progress(
            SearchProgress(
                trials=len(self.trials),
                distinct=len(self._proposer.charged) - self._open(),
                budget=self.rules.budget,
                duplicates=self._counts["duplicates"],
                illegal=self._counts[ILLEGAL],
                failed=self._counts[FAILED],
                feasible=self._counts["feasible"],
                front=self.front.size,
                hypervolume=self.front.hypervolume,
                computed=self.computed,
                seconds=time.perf_counter() - self._begin,
                screened=self._counts[SCREENED],
            )
        )
