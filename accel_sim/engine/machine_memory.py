"""Laying out the machine's memory: a program and the state at time 0 as one int64 array."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from accel_sim.engine import machine
from accel_sim.engine.program import MAX_DEPTH, TASK_SIZE, VARIANTS, Program


class Memory(NamedTuple):
    """The machine's memory, and views of what a caller may ask of it. s: streams, t: tasks, k: tokens.

    m[...]: all of it, int64. It and the views change while the program runs; a run can stop and resume.
    stream[s, machine.STREAM_SIZE]; token[k, machine.TOKEN_SIZE]: the records.
    executions[t, VARIANTS]: how often each task ran with each of its amounts.
    busy[t]: ticks each task held its resource.
    elapsed[tag]: ticks attributed to each operator.
    """

    m: np.ndarray
    stream: np.ndarray
    token: np.ndarray
    executions: np.ndarray
    busy: np.ndarray
    elapsed: np.ndarray


def lay_out(program: Program, token_levels: np.ndarray, stream_starts: np.ndarray, tags: int) -> Memory:
    """Return the memory at time 0.

    token_levels: int64[k], tokens there at the start; stream_starts: int64[s], first instructions; tags: upper
        bound of the operator numbers that tasks carry.
    """
    streams, tasks = len(stream_starts), len(program.task)
    resource_size = machine.RING + streams
    tokens = machine.STREAMS + streams * machine.STREAM_SIZE
    resources = tokens + len(token_levels) * machine.TOKEN_SIZE
    account = resources + len(program.resource) * resource_size
    busy = account + tasks * VARIANTS
    elapsed = busy + tasks
    results = elapsed + tags
    code = results + streams * machine.POST_SLOTS * machine.POST_WORDS
    task = code + program.code.size
    waits = task + tasks * machine.TASK_FIELDS
    posts = waits + program.wait.size
    table = posts + program.post.size
    snapshots = table + program.table.size
    m = np.empty(snapshots + streams * MAX_DEPTH * code, dtype=np.int64)
    m[:code] = 0
    m[machine.TOKENS : machine.HEADER] = (
        tokens, resources, resource_size, account, busy, elapsed, results,
        code, task, waits, posts, table, snapshots,
    )  # fmt: skip
    stream = m[machine.STREAMS : tokens].reshape(streams, machine.STREAM_SIZE)
    stream[:, machine.PC] = stream_starts
    token = m[tokens:resources].reshape(-1, machine.TOKEN_SIZE)
    token[:, machine.LEVEL] = token_levels
    resource = m[resources:account].reshape(-1, resource_size)
    resource[:, machine.KIND : machine.QUANTUM + 1] = program.resource
    m[code:task] = program.code.ravel()
    record = m[task:waits].reshape(-1, machine.TASK_FIELDS)
    record[:, :TASK_SIZE] = program.task
    record[:, machine.TICKS : machine.RESULT] = program.ticks
    record[:, machine.RESULT : machine.RUNS] = program.result
    m[waits:posts] = program.wait.ravel()
    m[posts:table] = program.post.ravel()
    m[table:snapshots] = program.table
    machine.link(m)
    executions = m[account:busy].reshape(-1, VARIANTS)
    return Memory(m, stream, token, executions, m[busy:elapsed], m[elapsed:results])
