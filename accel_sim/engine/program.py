"""Programs for the timed token machine: streams of tasks over shared resources, as flat arrays.

A *stream* runs its tasks in order. A *task* waits until every token it needs is there, takes those tokens,
occupies one *resource*, and gives tokens when its result is ready. A *token* is a counter. Everything else
follows: a buffer of n bytes is n credits, a dependency is a count of finished rows, and units, links and
memories are resources that streams compete for.

Time is counted in *ticks*; `mapping` chooses the tick (a fixed fraction of the main clock's cycle) and rounds
every duration up to a tick once, before the clock starts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

MAX_DEPTH = 7
VARIANTS = 8  # a task's amounts by which of up to three loops are in their last iteration
OP_TASK, OP_LOOP, OP_END, OP_HALT = 0, 1, 2, 3
UNIT, PIPE = 0, 1

# Columns of the tables of a Program.
OP, ARG, SLOPE, JUMP = 0, 1, 2, 3
RESOURCE, TAG, MARK, LOOPS, TABLE, TABLE_LOOP, WAITS, WAITS_END, POSTS, POSTS_END = (
    0,
    1,
    2,
    3,
    6,
    7,
    8,
    9,
    10,
    11,
)
CODE_SIZE, TASK_SIZE = 4, 12
NO_LOOPS = (-1, -1, -1)
TOKEN = VARIANTS
KIND, QUANTUM = 0, 1


class Program(NamedTuple):
    """Tables of a program, all int64. i: instructions, t: tasks, r: resources, v: variants of an amount.

    code[i, 4]: OP (OP_*); ARG (task number, or loop count); SLOPE (what the count grows by for each iteration
        of the enclosing loop: triangular nests); JUMP (the other end of a loop).
    task[t, 12]: RESOURCE, or -1 for a task that only moves tokens; TAG, the operator it works for; MARK, 1 when
        its result is progress of that operator; LOOPS, +1, +2: depths in the stream of the loops whose last
        iteration sets bits 0, 1 and 2 of v, or -1; TABLE, TABLE_LOOP: start of the task's own durations in
        `table` and the depth of the loop that indexes them, or -1; rows of `wait` and `post`, from and up to.
    ticks[t, v]: how long the resource is held (on a pipe: its service time when alone).
    result[t, v]: from the release of the resource to the tokens' arrival; on a unit it may be negative.
    wait[w, v], post[w, v]: tokens taken before, given after; their numbers in column TOKEN.
    resource[r, 2]: KIND: UNIT (exclusive, first come first served) or PIPE (round robin); QUANTUM of a pipe.
    table[...]: durations in ticks of tasks that depend on a loop index.
    """

    code: np.ndarray
    task: np.ndarray
    ticks: np.ndarray
    result: np.ndarray
    wait: np.ndarray
    post: np.ndarray
    resource: np.ndarray
    table: np.ndarray


Amount = int | Sequence[int]  # one value, or one for each of the VARIANTS


@dataclass
class Stream:
    """Instructions of one stream while it is written, rows of Program.code."""

    name: str
    code: list[tuple[int, int, int, int]] = field(default_factory=list)
    open_loops: list[int] = field(default_factory=list)

    @property
    def depth(self) -> int:
        """Loops that are open here; a loop opened next has this depth."""
        return len(self.open_loops)

    def loop(self, count: int, slope: int = 0) -> None:
        """Open a loop of `count` + `slope` x (index of the enclosing loop) iterations."""
        if self.depth == MAX_DEPTH:
            raise ValueError(f"stream {self.name}: loops nest {MAX_DEPTH} deep at most")
        if slope != 0 and self.depth == 0:
            raise ValueError(f"stream {self.name}: slope = {slope}: the outermost loop has none")
        self.open_loops.append(len(self.code))
        self.code.append((OP_LOOP, count, slope, -1))

    def end(self) -> None:
        """Close the innermost open loop."""
        start = self.open_loops.pop()
        self.code[start] = (*self.code[start][:3], len(self.code))
        self.code.append((OP_END, 0, 0, start))


class ProgramBuilder:
    """Collects resources, tokens, streams and tasks, and packs them into a `Program`."""

    def __init__(self) -> None:
        self.streams: list[Stream] = []
        self.resource_names: list[str] = []
        self._resources: list[tuple[int, int]] = []
        self._tokens: list[int] = []
        # Rows of the tables one after the other: a long list of numbers becomes an array fastest.
        self._tasks: list[int] = []
        self._ticks: list[int] = []
        self._result: list[int] = []
        self._table: list[int] = []
        self._waits: list[int] = []
        self._posts: list[int] = []

    def unit(self, name: str) -> int:
        """Add an exclusive unit, served first come first served; ties go to the earlier stream."""
        return self._add_resource(name, UNIT, 1)

    def pipe(self, name: str, quantum_ticks: int) -> int:
        """Add a link or memory that serves its requests round robin, `quantum_ticks` at a time."""
        return self._add_resource(name, PIPE, max(1, quantum_ticks))

    def _add_resource(self, name: str, kind: int, quantum: int) -> int:
        self.resource_names.append(name)
        self._resources.append((kind, quantum))
        return len(self._resources) - 1

    def token(self, level: int = 0) -> int:
        """Add a token with `level` there at the start; return its number."""
        self._tokens.append(level)
        return len(self._tokens) - 1

    def stream(self, name: str) -> Stream:
        """Add an empty stream."""
        self.streams.append(Stream(name))
        return self.streams[-1]

    @property
    def task_count(self) -> int:
        """Tasks so far; the next one gets this number."""
        return len(self._tasks) // TASK_SIZE

    @property
    def longest_ticks(self) -> int:
        """At least the time of any task with its result on the way."""
        return max(self._ticks, default=0) + max(0, max(self._result, default=0))

    def durations(self) -> Iterator[tuple[int, int, int]]:
        """Yield (task, tag, longest time with its result on the way) of every task."""
        for number in range(self.task_count):
            amounts = slice(number * VARIANTS, (number + 1) * VARIANTS)
            longest = max(self._ticks[amounts]) + max(0, *self._result[amounts])
            yield number, self._tasks[number * TASK_SIZE + TAG], longest

    def task(
        self,
        stream: Stream,
        resource: int = -1,
        ticks: Amount = 0,
        result: Amount = 0,
        *,
        waits: Sequence[tuple[int, Amount]] = (),
        posts: Sequence[tuple[int, Amount]] = (),
        loops: tuple[int, int, int] = NO_LOOPS,
        tag: int = 0,
        mark: bool = False,
        table: Sequence[int] | None = None,
        table_loop: int = -1,
    ) -> int:
        """Append a task to a stream; see `Program` for the meaning of the arguments. Returns its number."""
        number = len(self._tasks) // TASK_SIZE
        if (loops is not NO_LOOPS or table_loop >= 0) and max(*loops, table_loop) >= stream.depth:
            raise ValueError(f"stream {stream.name}: loops {loops}, {table_loop}: {stream.depth} are open")
        if len(waits) > 1 and len({token for token, _ in waits}) < len(waits):
            raise ValueError(f"stream {stream.name}: waits {waits}: a token stands there twice")
        stream.code.append((OP_TASK, number, 0, -1))
        wait_rows, post_rows = _append_moves(self._waits, waits), _append_moves(self._posts, posts)
        own_durations = (-1, -1) if table is None else (len(self._table), table_loop)
        self._table.extend(table or ())
        self._tasks += (resource, tag, int(mark), *loops, *own_durations, *wait_rows, *post_rows)
        self._ticks += (ticks,) * VARIANTS if isinstance(ticks, int) else ticks
        self._result += (result,) * VARIANTS if isinstance(result, int) else result
        return number

    def build(self) -> tuple[Program, np.ndarray, np.ndarray]:
        """Return the program, the tokens' first levels and the streams' first instructions (int64 arrays)."""
        code: list[int] = []
        starts: list[int] = []
        for stream in self.streams:
            if stream.open_loops:
                raise ValueError(f"stream {stream.name}: a loop is still open")
            base = len(code) // CODE_SIZE
            starts.append(base)
            for op, arg, slope, jump in stream.code:
                code += (op, arg, slope, jump + base)
            code += (OP_HALT, 0, 0, 0)
        program = Program(
            code=_table(code, CODE_SIZE),
            task=_table(self._tasks, TASK_SIZE),
            ticks=_table(self._ticks, VARIANTS),
            result=_table(self._result, VARIANTS),
            wait=_table(self._waits, VARIANTS + 1),
            post=_table(self._posts, VARIANTS + 1),
            resource=_table([figure for resource in self._resources for figure in resource], 2),
            table=np.array(self._table, dtype=np.int64),
        )
        return program, np.array(self._tokens, dtype=np.int64), np.array(starts, dtype=np.int64)


def _append_moves(rows: list[int], moves: Sequence[tuple[int, Amount]]) -> tuple[int, int]:
    """Append rows of tokens that are taken or given; return the number of the first and that after the last."""
    first = len(rows) // (VARIANTS + 1)
    for token, count in moves:
        rows += (count,) * VARIANTS if isinstance(count, int) else count
        rows.append(token)
    return first, first + len(moves)


def _table(rows: Sequence[int], columns: int) -> np.ndarray:
    return np.array(rows, dtype=np.int64).reshape(-1, columns)
