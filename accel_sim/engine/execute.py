"""Runs a program and returns its timeline, or its trace.

This module is cheap to import: the compiled machine is loaded at the first run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accel_sim.config.errors import RunError
from accel_sim.engine.program import (
    ARG,
    OP_TASK,
    POSTS,
    POSTS_END,
    RESOURCE,
    TAG,
    TOKEN,
    WAITS,
    WAITS_END,
    Program,
    ProgramBuilder,
)

if TYPE_CHECKING:
    from accel_sim.engine.machine_memory import Memory

STEP_LIMIT = 50_000_000  # about half a minute
NAMED_AT_MOST = 4  # blocked streams that the message about a deadlock names


@dataclass(frozen=True)
class Timeline:
    """What a program did, t being its tasks. Times are in ticks.

    Attributes:
        total_ticks: when the last task ended and the last result arrived that gives tokens or is marked.
        executions: int64[t, VARIANTS], how often each task ran with each of its amounts.
        busy_ticks: int64[t], how long each task held its resource, all executions together; on a pipe the
            time of service, without the turns of others.
        elapsed_ticks: int64[tag], the time up to the last marked result, each stretch between two marked
            results attributed to the operator of the later one.
        task_tag: int64[t], the operator each task works for.
        task_resource: int64[t], the resource each task occupies, or -1.
        resource_names: the resources' names, by number.
        steps: instants that were simulated.
    """

    total_ticks: int
    executions: np.ndarray
    busy_ticks: np.ndarray
    elapsed_ticks: np.ndarray
    task_tag: np.ndarray
    task_resource: np.ndarray
    resource_names: tuple[str, ...]
    steps: int


def execute(builder: ProgramBuilder, tags: int, *, fold: bool = True, step_limit: int = STEP_LIMIT) -> Timeline:
    """Run a program to its end and return its timeline.

    tags: upper bound of the operator numbers that its tasks carry.
    fold: skip repeating periods; the timeline is the same, only sooner there.
    step_limit: instants to simulate at most.

    Raises RunError when the streams wait for each other, or at the step limit.
    """
    from accel_sim.engine import machine, machine_memory

    program, levels, starts = builder.build()
    memory = machine_memory.lay_out(program, levels, starts, tags)
    code = machine.run(memory.m, fold, np.empty((0, 4), dtype=np.int64), step_limit)
    _raise_unless(code == machine.FINISHED, code, builder, program, memory)
    # Copies, as views would keep all of the memory.
    return Timeline(
        total_ticks=int(memory.m[machine.NOW]),
        executions=memory.executions.copy(),
        busy_ticks=memory.busy.copy(),
        elapsed_ticks=memory.elapsed.copy(),
        task_tag=program.task[:, TAG],
        task_resource=program.task[:, RESOURCE],
        resource_names=tuple(builder.resource_names),
        steps=int(memory.m[machine.STEPS]),
    )


def trace(
    builder: ProgramBuilder, tags: int, *, rows_per_chunk: int = 65536, step_limit: int = STEP_LIMIT
) -> Iterator[np.ndarray]:
    """Run a program and yield what held resources: int64[n, 4] of (stream, task, start tick, end tick).

    On a unit a task holds it from start to end; on a pipe the interval begins when the task asked and includes
    the turns of others. Rows come in the order in which units were granted and requests on pipes ended; tasks
    that take no time have none. The arguments and errors are those of `execute`.
    """
    from accel_sim.engine import machine, machine_memory

    program, levels, starts = builder.build()
    memory = machine_memory.lay_out(program, levels, starts, tags)
    rows = np.empty((rows_per_chunk + len(starts) + len(program.resource), 4), dtype=np.int64)
    code = machine.TRACE_FULL
    while code == machine.TRACE_FULL:
        memory.m[machine.TRACED] = 0
        code = machine.run(memory.m, False, rows, step_limit)
        _raise_unless(code in (machine.FINISHED, machine.TRACE_FULL), code, builder, program, memory)
        if memory.m[machine.TRACED] > 0:
            yield rows[: memory.m[machine.TRACED]].copy()


def _raise_unless(ok: bool, code: int, builder: ProgramBuilder, program: Program, memory: Memory) -> None:
    """Raise RunError for a return code of `machine.run` that is not a success."""
    from accel_sim.engine import machine

    if ok:
        return
    now = int(memory.m[machine.NOW])
    if code == machine.STEP_LIMIT:
        raise RunError(f"not finished after {int(memory.m[machine.STEPS])} steps, at tick {now}")
    blocked = np.flatnonzero(memory.stream[:, machine.STATUS] == machine.BLOCKED)
    described = [_blocked_stream(int(s), builder, program, memory) for s in blocked[:NAMED_AT_MOST]]
    if len(blocked) > NAMED_AT_MOST:
        described.append(f"and {len(blocked) - NAMED_AT_MOST} more streams wait")
    raise RunError(f"deadlock at tick {now}: {'; '.join(described)}")


def _blocked_stream(s: int, builder: ProgramBuilder, program: Program, memory: Memory) -> str:
    """Say which task of stream s waits for which token, and who gives that token."""
    from accel_sim.engine import machine

    m = memory.m
    at = machine.STREAMS + s * machine.STREAM_SIZE
    record = m[m[at + machine.PC] + ARG]
    variant = machine.variant_of.py_func(m, at, record)
    task = int(record - m[machine.TASKS]) // machine.TASK_FIELDS
    for row in program.wait[program.task[task, WAITS] : program.task[task, WAITS_END]]:
        token, level, need = int(row[TOKEN]), int(memory.token[row[TOKEN], machine.LEVEL]), int(row[variant])
        if level < need:
            break
    givers = [
        stream.name
        for stream in builder.streams
        for op, number, _, _ in stream.code
        if op == OP_TASK
        and token in program.post[program.task[number, POSTS] : program.task[number, POSTS_END], TOKEN]
    ]
    return (
        f"stream {builder.streams[s].name} waits in task {task} for {need} of token {token}, which has {level} "
        f"and comes from {', '.join(dict.fromkeys(givers)) or 'nowhere'}"
    )
