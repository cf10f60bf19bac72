"""The timed token machine once more, slow and obvious: tick by tick, in plain Python, nothing skipped.

It reads the streams and tasks of a ProgramBuilder and follows the rules that `accel_sim.engine.machine` states.
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from accel_sim.engine.machine import POST_SLOTS
from accel_sim.engine.program import (
    KIND,
    LOOPS,
    MARK,
    OP_LOOP,
    OP_TASK,
    POSTS,
    POSTS_END,
    QUANTUM,
    RESOURCE,
    TABLE,
    TABLE_LOOP,
    TAG,
    TOKEN,
    UNIT,
    VARIANTS,
    WAITS,
    WAITS_END,
)


class DeadlockError(Exception):
    """Nothing is under way, and not all streams are done."""


@dataclass
class Outcome:
    total_ticks: int
    executions: np.ndarray
    busy_ticks: np.ndarray
    elapsed_ticks: np.ndarray
    intervals: list = field(default_factory=list)  # (stream, task, start, end) as the trace has them


def walk(code, pc=0, stop=None, loops=()):
    """Yield (task, loops) for every task a stream will run, loops being (index, count) of each open loop."""
    stop = len(code) if stop is None else stop
    while pc < stop:
        op, argument, slope, jump = code[pc]
        if op == OP_TASK:
            yield argument, loops
        elif op == OP_LOOP:
            count = argument + (slope * loops[-1][0] if slope else 0)
            for index in range(count):
                yield from walk(code, pc + 1, jump, (*loops, (index, count)))
            pc = jump
        pc += 1


def variant(program, task, loops):
    depths = program.task[task, LOOPS : LOOPS + 3]
    return sum(1 << bit for bit, d in enumerate(depths) if d >= 0 and loops[d][0] == loops[d][1] - 1)


def amounts(rows, task, v, program, first, end):
    """The (token, count) pairs a task takes (rows=wait) or gives (rows=post)."""
    return [(int(row[TOKEN]), int(row[v])) for row in rows[program.task[task, first] : program.task[task, end]]]


@dataclass
class Job:
    stream: int
    task: int
    variant: int
    asked: int
    ticks: int  # still to be served


class Twin:
    def __init__(self, builder, tags):
        self.program, levels, _ = builder.build()
        self.level = [int(level) for level in levels]
        streams, resources = range(len(builder.streams)), range(len(self.program.resource))
        self.tasks = [walk(stream.code) for stream in builder.streams]
        self.upcoming = [next(tasks, None) for tasks in self.tasks]
        self.results = [deque() for _ in streams]  # (time, task, variant) under way
        self.latest_result = [0 for _ in streams]
        self.job = [None for _ in streams]
        self.asking = []
        self.holder = [None for _ in resources]  # of a unit: (job, end)
        self.turns = [deque() for _ in resources]  # of a pipe: jobs that wait for their next quantum
        self.serving = [None for _ in resources]  # of a pipe: (job, end of its quantum)
        self.now = self.last_event = self.last_mark = 0
        tasks = len(self.program.task)
        self.outcome = Outcome(0, np.zeros((tasks, VARIANTS), int), np.zeros(tasks, int), np.zeros(tags, int))

    def run(self):
        while True:
            self.end_what_ends()
            self.deliver()
            self.go_on()
            while self.deliver() or self.take_requests():
                self.go_on()
            self.turn_pipes()
            if not any(self.holder) and not any(self.serving) and not any(self.results):
                break
            self.now += 1
        if any(self.upcoming):
            raise DeadlockError(self.last_event)
        self.outcome.total_ticks = self.last_event
        return self.outcome

    def end_what_ends(self):
        for r, kind in enumerate(self.program.resource[:, KIND]):
            held = self.holder[r] if kind == UNIT else self.serving[r]
            if held is None or held[1] != self.now:
                continue
            job = held[0]
            if kind == UNIT:
                self.holder[r] = None
            elif job.ticks > 0:
                continue  # its turn is over, but others may join before it
            else:
                self.serving[r] = None
                self.schedule_result(job, self.now + max(0, int(self.program.result[job.task, job.variant])))
                self.outcome.intervals.append((job.stream, job.task, job.asked, self.now))
            self.job[job.stream] = None
            self.last_event = self.now

    def schedule_result(self, job, time):
        self.latest_result[job.stream] = max(self.latest_result[job.stream], time)
        row = self.program.task[job.task]
        if row[POSTS] < row[POSTS_END] or row[MARK]:
            self.results[job.stream].append((self.latest_result[job.stream], job.task, job.variant))

    def deliver(self):
        """Let the results that are due arrive; return whether there were any."""
        arrived = False
        for results in self.results:
            while results and results[0][0] <= self.now:
                time, task, v = results.popleft()
                for token, count in amounts(self.program.post, task, v, self.program, POSTS, POSTS_END):
                    self.level[token] += count
                if self.program.task[task, MARK]:
                    self.outcome.elapsed_ticks[self.program.task[task, TAG]] += time - self.last_mark
                    self.last_mark = time
                self.last_event = self.now
                arrived = True
        return arrived

    def go_on(self):
        for s in range(len(self.tasks)):
            while self.upcoming[s] is not None and self.job[s] is None:
                task, loops = self.upcoming[s]
                v = variant(self.program, task, loops)
                waits = amounts(self.program.wait, task, v, self.program, WAITS, WAITS_END)
                if len(self.results[s]) == POST_SLOTS or any(self.level[k] < count for k, count in waits):
                    break
                for token, count in waits:
                    self.level[token] -= count
                self.start(s, task, v, loops)
                self.upcoming[s] = next(self.tasks[s], None)

    def start(self, s, task, v, loops):
        row = self.program.task[task]
        ticks = 0
        if row[RESOURCE] >= 0 and row[TABLE] >= 0:
            ticks = int(self.program.table[row[TABLE] + loops[row[TABLE_LOOP]][0]])
        elif row[RESOURCE] >= 0:
            ticks = int(self.program.ticks[task, v])
        self.outcome.executions[task, v] += 1
        self.outcome.busy_ticks[task] += ticks
        job = Job(s, task, v, self.now, ticks)
        if ticks > 0:
            self.job[s] = job
            self.asking.append(job)
        else:
            self.schedule_result(job, self.now + max(0, int(self.program.result[task, v])))

    def take_requests(self):
        """Admit requests to pipes and grant idle units, in stream order; return whether any."""
        asking = len(self.asking)
        for job in sorted(self.asking, key=lambda job: job.stream):
            r = self.program.task[job.task, RESOURCE]
            if self.program.resource[r, KIND] != UNIT:
                self.turns[r].append(job)
                self.asking.remove(job)
            elif self.holder[r] is None and job is self.first_asking(r):
                end = self.now + job.ticks
                self.holder[r] = (job, end)
                self.asking.remove(job)
                self.outcome.intervals.append((job.stream, job.task, self.now, end))
                early = int(self.program.result[job.task, job.variant])
                self.schedule_result(job, max(self.now, end + early))
        return len(self.asking) < asking

    def first_asking(self, r):
        of_unit = [job for job in self.asking if self.program.task[job.task, RESOURCE] == r]
        return min(of_unit, key=lambda job: (job.asked, job.stream))

    def turn_pipes(self):
        for r, turns in enumerate(self.turns):
            if self.serving[r] is not None and self.serving[r][1] == self.now:
                turns.append(self.serving[r][0])
                self.serving[r] = None
            if self.serving[r] is None and turns:
                job = turns.popleft()
                quantum = min(int(self.program.resource[r, QUANTUM]), job.ticks)
                job.ticks -= quantum
                self.serving[r] = (job, self.now + quantum)
