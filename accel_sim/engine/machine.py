"""The event loop: runs a `Program` to its end, skipping idle time and whole periods of repeating loops.

All kernels of the machine stand in this one module, because numba's cache does not notice an edit in another
file. They know streams, tasks, tokens and resources; what those stand for is decided in `mapping`.

The order of events never depends on the order of evaluation: at each instant first everything that ends ends
and tokens arrive, then streams advance until none can, then idle units are granted to the stream that asked
first (ties: lowest stream number) and pipes admit new requests in stream order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from accel_sim.engine.program import (
    ARG,
    JUMP,
    KIND,
    LOOPS,
    MARK,
    MAX_DEPTH,
    OP,
    OP_END,
    OP_HALT,
    OP_LOOP,
    PIPE,
    POSTS,
    POSTS_END,
    QUANTUM,
    RESOURCE,
    SLOPE,
    TABLE,
    TABLE_LOOP,
    TAG,
    TOKEN,
    UNIT,
    VARIANTS,
    WAITS,
    WAITS_END,
    Program,
)

# Values of stream[s, STATUS].
READY, BLOCKED, QUEUED, RUNNING, ON_PIPE, DONE = 0, 1, 2, 3, 4, 5
POST_SLOTS = 32  # results of one stream that may be under way at once
NEVER = np.iinfo(np.int64).max
# Return codes of `run`.
FINISHED, DEADLOCK, TRACE_FULL, STEP_LIMIT = 0, 1, 2, 3

# Entries of State.clock, and the columns of State's tables.
NOW, STEPS, LAST_MARK, INDEXED, POSTED, TRACED, SKIPPED_STEPS, SKIPS = 0, 1, 2, 3, 4, 5, 6, 7
PC, DEPTH, STATUS, TASK, VARIANT, SINCE, UNTIL, REMAINING, LAST_POST, POST_HEAD, POST_SIZE = (
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
)  # fmt: skip
INDEX, COUNT = 0, 1
P_TIME, P_TASK, P_VARIANT = 0, 1, 2
LEVEL, TAKEN = 0, 1
OWNER, RING_SIZE, CURSOR, BOUNDARY, FINISH = 0, 1, 2, 3, 4
CHECKPOINT, SAVED_SIZE, ITERATION, SAVE_AT = 0, 1, 2, 3


# The kernels allocate nothing, so they go without numba's reference counts, whose atomic updates at every use of
# an array would take most of the time; inlining saves the passing of some twenty arrays at every call.
kernel = njit(cache=True, _nrt=False)
inlined = njit(cache=True, _nrt=False, forceinline=True)


class State(NamedTuple):
    """Everything that changes while a program runs, all int64; a run can stop and resume. Times are in ticks.

    Few arrays with named columns, because a jitted call pays for every array it is handed.

    clock[8]: the present time, instants simulated, time of the last progress, step of the last
        index-dependent amount, whether tokens were given in this pass, rows of the trace in use, instants
        skipped, number of skips.
    stream[s, 11]: PC (instruction), DEPTH (open loops), STATUS; of the task in flight TASK, VARIANT, SINCE
        (when it asked), UNTIL (when its unit is released), REMAINING (service not yet begun); LAST_POST (time
        of the latest result, below which no later one may fall: in-order delivery), POST_HEAD, POST_SIZE.
    loops[s, d, 2]: INDEX and COUNT of each open loop.
    posts[s, p, 3]: results under way, a ring of P_TIME, P_TASK, P_VARIANT.
    token[k, 2]: LEVEL, and the step in which some were last TAKEN.
    resource[r, 5]: OWNER (stream that holds a unit, or -1); of a pipe RING_SIZE, CURSOR (whose turn is next),
        BOUNDARY (end of the quantum in service), FINISH (next completion, NEVER when idle).
    ring[r, s]: streams with a request on the pipe, in turn order.
    account[...]: executions [t, v], then busy ticks [t], then elapsed ticks by operator [tag].
    period[s * MAX_DEPTH + d, 4]: of each loop: CHECKPOINT (1 when it ended an iteration in this step),
        SAVED_SIZE of its snapshot, ITERATION, SAVE_AT (iteration of the next snapshot).
    saved[s * MAX_DEPTH + d, ...], scratch[...]: snapshots for the detection of periods, and the present state
        in the same form.
    """

    clock: np.ndarray
    stream: np.ndarray
    loops: np.ndarray
    posts: np.ndarray
    token: np.ndarray
    resource: np.ndarray
    ring: np.ndarray
    account: np.ndarray
    period: np.ndarray
    saved: np.ndarray
    scratch: np.ndarray


def initial_state(program: Program, token_levels: np.ndarray, stream_starts: np.ndarray, tags: int) -> State:
    """Return the state at time 0.

    token_levels: int64[k], tokens there at the start; stream_starts: int64[s], first instructions; tags: upper
        bound of the operator numbers that tasks carry.
    """
    s, r, k = len(stream_starts), len(program.resource), len(token_levels)
    account = len(program.task) * (VARIANTS + 1) + tags
    relative = s * (8 + MAX_DEPTH + 3 * POST_SLOTS) + r * (4 + s)
    snapshot = relative + s * MAX_DEPTH + k + account + 3

    def zeros(*shape: int) -> np.ndarray:
        return np.zeros(shape, dtype=np.int64)

    stream = zeros(s, 11)
    stream[:, PC] = stream_starts
    token = zeros(k, 2)
    token[:, LEVEL] = token_levels
    token[:, TAKEN] = -1
    resource = zeros(r, 5)
    resource[:, OWNER] = -1
    resource[:, FINISH] = NEVER
    return State(
        clock=zeros(8),
        stream=stream,
        loops=zeros(s, MAX_DEPTH, 2),
        posts=zeros(s, POST_SLOTS, 3),
        token=token,
        resource=resource,
        ring=zeros(r, s),
        account=zeros(account),
        period=zeros(s * MAX_DEPTH, 4),
        saved=np.empty((s * MAX_DEPTH, snapshot), dtype=np.int64),
        scratch=np.empty(snapshot, dtype=np.int64),
    )


@inlined
def variant_of(p, st, s, t):
    """Which of its amounts task t of stream s uses: a bit for each named loop in its last iteration."""
    v = 0
    for bit in range(3):
        d = p.task[t, LOOPS + bit]
        if d >= 0 and st.loops[s, d, INDEX] == st.loops[s, d, COUNT] - 1:
            v |= 1 << bit
    return v


@inlined
def _ticks_of(p, st, s, t, v):
    """Ticks task t holds its resource, from its own table when it has one."""
    start = p.task[t, TABLE]
    if start < 0:
        return p.ticks[t, v]
    st.clock[INDEXED] = st.clock[STEPS]
    return p.table[start + st.loops[s, p.task[t, TABLE_LOOP], INDEX]]


@inlined
def _deliver(p, st, t, v, time):
    """Give the tokens of a finished task and attribute the time since the last progress to its operator."""
    for w in range(p.task[t, POSTS], p.task[t, POSTS_END]):
        st.token[p.post[w, TOKEN], LEVEL] += p.post[w, v]
        st.clock[POSTED] = 1
    if p.task[t, MARK]:
        tasks = len(p.task)
        st.account[tasks * VARIANTS + tasks + p.task[t, TAG]] += time - st.clock[LAST_MARK]
        st.clock[LAST_MARK] = time


@inlined
def _post(p, st, s, t, v, time):
    """Schedule the result of a task of stream s for `time`, not before the stream's earlier results."""
    time = max(time, st.stream[s, LAST_POST])
    st.stream[s, LAST_POST] = time
    if p.task[t, POSTS] == p.task[t, POSTS_END] and not p.task[t, MARK]:
        return
    if time == st.clock[NOW] and st.stream[s, POST_SIZE] == 0:
        _deliver(p, st, t, v, time)
        return
    slot = (st.stream[s, POST_HEAD] + st.stream[s, POST_SIZE]) % POST_SLOTS
    st.posts[s, slot, P_TIME] = time
    st.posts[s, slot, P_TASK] = t
    st.posts[s, slot, P_VARIANT] = v
    st.stream[s, POST_SIZE] += 1


@inlined
def _advance(p, st, s):
    """Run stream s until it needs a token, a resource, or is done."""
    while True:
        pc = st.stream[s, PC]
        op = p.code[pc, OP]
        if op == OP_LOOP:
            d = st.stream[s, DEPTH]
            count = p.code[pc, ARG]
            if p.code[pc, SLOPE] != 0:
                count += p.code[pc, SLOPE] * st.loops[s, d - 1, INDEX]
                st.clock[INDEXED] = st.clock[STEPS]
            if count <= 0:
                st.stream[s, PC] = p.code[pc, JUMP] + 1
                continue
            st.loops[s, d, INDEX] = 0
            st.loops[s, d, COUNT] = count
            st.stream[s, DEPTH] = d + 1
            row = s * MAX_DEPTH + d
            st.period[row, SAVED_SIZE] = 0
            st.period[row, ITERATION] = 0
            st.period[row, SAVE_AT] = 1
            st.stream[s, PC] = pc + 1
        elif op == OP_END:
            d = st.stream[s, DEPTH] - 1
            st.loops[s, d, INDEX] += 1
            if st.loops[s, d, INDEX] < st.loops[s, d, COUNT]:
                st.stream[s, PC] = p.code[pc, JUMP] + 1
                st.period[s * MAX_DEPTH + d, CHECKPOINT] = 1
            else:
                st.stream[s, DEPTH] = d
                st.stream[s, PC] = pc + 1
        elif op == OP_HALT:
            st.stream[s, STATUS] = DONE
            return
        else:
            t = p.code[pc, ARG]
            v = variant_of(p, st, s, t)
            ready = st.stream[s, POST_SIZE] < POST_SLOTS
            for w in range(p.task[t, WAITS], p.task[t, WAITS_END]):
                if st.token[p.wait[w, TOKEN], LEVEL] < p.wait[w, v]:
                    ready = False
                    break
            if not ready:
                st.stream[s, STATUS] = BLOCKED
                return
            for w in range(p.task[t, WAITS], p.task[t, WAITS_END]):
                k = p.wait[w, TOKEN]
                st.token[k, LEVEL] -= p.wait[w, v]
                st.token[k, TAKEN] = st.clock[STEPS]
            st.stream[s, PC] = pc + 1
            st.account[t * VARIANTS + v] += 1
            r = p.task[t, RESOURCE]
            ticks = 0
            if r >= 0:
                ticks = _ticks_of(p, st, s, t, v)
                st.account[len(p.task) * VARIANTS + t] += ticks
            if ticks > 0:
                st.stream[s, TASK] = t
                st.stream[s, VARIANT] = v
                st.stream[s, SINCE] = st.clock[NOW]
                st.stream[s, REMAINING] = ticks
                st.stream[s, STATUS] = QUEUED
                return
            _post(p, st, s, t, v, st.clock[NOW] + max(p.result[t, v], 0))


@inlined
def _grant(p, st, trace):
    """Give every idle unit to the stream that has asked longest for it."""
    for r in range(len(p.resource)):
        if p.resource[r, KIND] != UNIT or st.resource[r, OWNER] >= 0:
            continue
        best = -1
        for s in range(len(st.stream)):
            if (
                st.stream[s, STATUS] == QUEUED
                and p.task[st.stream[s, TASK], RESOURCE] == r
                and (best < 0 or st.stream[s, SINCE] < st.stream[best, SINCE])
            ):
                best = s
        if best >= 0:
            now = st.clock[NOW]
            t = st.stream[best, TASK]
            v = st.stream[best, VARIANT]
            st.stream[best, UNTIL] = now + st.stream[best, REMAINING]
            st.stream[best, STATUS] = RUNNING
            st.resource[r, OWNER] = best
            _post(p, st, best, t, v, max(now, st.stream[best, UNTIL] + p.result[t, v]))
            _record(st, trace, best, t, now, st.stream[best, UNTIL])


@inlined
def _record(st, trace, s, t, start, end):
    """Append (stream, task, start, end) to the trace if there is one; `run` keeps room for a step's rows."""
    if len(trace) > 0:
        row = st.clock[TRACED]
        trace[row, 0] = s
        trace[row, 1] = t
        trace[row, 2] = start
        trace[row, 3] = end
        st.clock[TRACED] = row + 1


@inlined
def _rounds(p, st, r, limit):
    """Whole rounds that pipe r can serve before a request ends, and within `limit` ticks."""
    quantum = p.resource[r, QUANTUM]
    n = st.resource[r, RING_SIZE]
    rounds = limit // (n * quantum)
    for i in range(n):
        rounds = min(rounds, (st.stream[st.ring[r, i], REMAINING] - 1) // quantum)
    return rounds


@inlined
def _settle(p, st, r, time):
    """Serve pipe r up to the first end of a quantum that is not before `time`; no request may end before it."""
    quantum = p.resource[r, QUANTUM]
    n = st.resource[r, RING_SIZE]
    if n == 0:
        st.resource[r, BOUNDARY] = time
        return
    if st.resource[r, BOUNDARY] < time:
        rounds = _rounds(p, st, r, time - st.resource[r, BOUNDARY] - 1)
        if rounds > 0:
            for i in range(n):
                st.stream[st.ring[r, i], REMAINING] -= rounds * quantum
            st.resource[r, BOUNDARY] += rounds * n * quantum
    while st.resource[r, BOUNDARY] < time:
        s = st.ring[r, st.resource[r, CURSOR]]
        served = min(quantum, st.stream[s, REMAINING])
        st.stream[s, REMAINING] -= served
        st.resource[r, BOUNDARY] += served
        st.resource[r, CURSOR] = (st.resource[r, CURSOR] + 1) % n


@inlined
def _plan(p, st, r):
    """Set finish[r], the next time a request on pipe r completes, from the state at the last boundary."""
    n = st.resource[r, RING_SIZE]
    if n == 0:
        st.resource[r, FINISH] = NEVER
        return
    quantum = p.resource[r, QUANTUM]
    last = (st.resource[r, CURSOR] + n - 1) % n
    if st.stream[st.ring[r, last], REMAINING] == 0:
        # The quantum in service is that request's last.
        st.resource[r, FINISH] = st.resource[r, BOUNDARY]
        return
    rounds = _rounds(p, st, r, NEVER // 4)
    time = st.resource[r, BOUNDARY] + rounds * n * quantum
    i = st.resource[r, CURSOR]
    while True:
        left = st.stream[st.ring[r, i], REMAINING] - rounds * quantum
        time += min(left, quantum)
        if left <= quantum:
            break
        i = (i + 1) % n
    st.resource[r, FINISH] = time


@inlined
def _complete(p, st, r, trace):
    """End the request of pipe r that finishes now, and let its stream go on."""
    now = st.clock[NOW]
    _settle(p, st, r, now)
    n = st.resource[r, RING_SIZE]
    i = (st.resource[r, CURSOR] + n - 1) % n
    s = st.ring[r, i]
    for j in range(i, n - 1):
        st.ring[r, j] = st.ring[r, j + 1]
    st.resource[r, RING_SIZE] = n - 1
    if i < st.resource[r, CURSOR]:
        st.resource[r, CURSOR] -= 1
    if st.resource[r, CURSOR] >= n - 1:
        st.resource[r, CURSOR] = 0
    st.stream[s, STATUS] = READY
    t = st.stream[s, TASK]
    v = st.stream[s, VARIANT]
    _post(p, st, s, t, v, now + p.result[t, v])
    _record(st, trace, s, t, st.stream[s, SINCE], now)


@inlined
def _admit(p, st):
    """Let new requests join their pipes, each at the end of the round, in stream order."""
    for r in range(len(p.resource)):
        if p.resource[r, KIND] != PIPE:
            continue
        changed = False
        for s in range(len(st.stream)):
            if st.stream[s, STATUS] != QUEUED or p.task[st.stream[s, TASK], RESOURCE] != r:
                continue
            if not changed:
                _settle(p, st, r, st.clock[NOW])
                changed = True
            # The request served last keeps its place just before the cursor; the new one comes before it.
            n = st.resource[r, RING_SIZE]
            at = (st.resource[r, CURSOR] + n - 1) % n if n > 0 else 0
            for j in range(n, at, -1):
                st.ring[r, j] = st.ring[r, j - 1]
            st.ring[r, at] = s
            st.resource[r, RING_SIZE] = n + 1
            if st.resource[r, CURSOR] > 0:
                st.resource[r, CURSOR] += 1
            st.stream[s, STATUS] = ON_PIPE
        if changed or st.resource[r, FINISH] <= st.clock[NOW]:
            _plan(p, st, r)


@inlined
def _pack(p, st):
    """Write to scratch the state relative to now (equal in equal phases of a loop); return its length."""
    out = st.scratch
    now = st.clock[NOW]
    n = 0
    for s in range(len(st.stream)):
        status = st.stream[s, STATUS]
        out[n] = st.stream[s, PC]
        out[n + 1] = st.stream[s, DEPTH]
        out[n + 2] = status
        out[n + 3] = st.stream[s, POST_SIZE]
        out[n + 4] = max(st.stream[s, LAST_POST] - now, 0)
        n += 5
        for d in range(st.stream[s, DEPTH]):
            out[n] = st.loops[s, d, COUNT]
            n += 1
        if status == RUNNING:
            out[n] = st.stream[s, UNTIL] - now
            n += 1
        elif status in (QUEUED, ON_PIPE):
            out[n] = st.stream[s, REMAINING]
            out[n + 1] = st.stream[s, VARIANT]
            out[n + 2] = st.stream[s, SINCE] - now if status == QUEUED else 0
            n += 3
        for i in range(st.stream[s, POST_SIZE]):
            slot = (st.stream[s, POST_HEAD] + i) % POST_SLOTS
            out[n] = st.posts[s, slot, P_TIME] - now
            out[n + 1] = st.posts[s, slot, P_TASK]
            out[n + 2] = st.posts[s, slot, P_VARIANT]
            n += 3
    for r in range(len(p.resource)):
        out[n] = st.resource[r, OWNER]
        out[n + 1] = st.resource[r, RING_SIZE]
        n += 2
        if st.resource[r, RING_SIZE] > 0:
            out[n] = st.resource[r, CURSOR]
            out[n + 1] = st.resource[r, BOUNDARY] - now
            n += 2
            for i in range(st.resource[r, RING_SIZE]):
                out[n] = st.ring[r, i]
                n += 1
    return n


@inlined
def _save(p, st, row, n):
    """Keep the present state (n relative words in scratch) as the snapshot of a loop."""
    out = st.saved[row]
    for i in range(n):
        out[i] = st.scratch[i]
    for s in range(len(st.stream)):
        for d in range(MAX_DEPTH):
            out[n] = st.loops[s, d, INDEX]
            n += 1
    for k in range(len(st.token)):
        out[n] = st.token[k, LEVEL]
        n += 1
    for i in range(len(st.account)):
        out[n] = st.account[i]
        n += 1
    out[n] = st.clock[NOW]
    out[n + 1] = st.clock[STEPS]
    out[n + 2] = st.clock[SKIPPED_STEPS]


@inlined
def _period_count(p, st, row, n):
    """How many times the period from the snapshot to now can be repeated at once with nothing else happening."""
    old = st.saved[row]
    streams = len(st.stream)
    tokens = len(st.token)
    times = n + streams * MAX_DEPTH + tokens + len(st.account)
    steps = old[times + 1]
    if st.clock[INDEXED] >= steps or st.clock[NOW] == old[times]:
        return 0
    repeat = NEVER
    at = n
    for s in range(streams):
        moved = 0
        for d in range(st.stream[s, DEPTH]):
            delta = st.loops[s, d, INDEX] - old[at + d]
            if delta == 0:
                continue
            moved += 1
            if delta < 0 or moved > 1:
                return 0
            # Stay short of the last iteration, whose amounts may differ.
            repeat = min(repeat, (st.loops[s, d, COUNT] - 2 - st.loops[s, d, INDEX]) // delta)
        at += MAX_DEPTH
    for k in range(tokens):
        delta = st.token[k, LEVEL] - old[at + k]
        if delta == 0:
            continue
        if delta < 0 or st.token[k, TAKEN] > steps:
            return 0
        for s in range(streams):
            if st.stream[s, STATUS] != BLOCKED:
                continue
            t = p.code[st.stream[s, PC], ARG]
            v = variant_of(p, st, s, t)
            for w in range(p.task[t, WAITS], p.task[t, WAITS_END]):
                if p.wait[w, TOKEN] == k and p.wait[w, v] > st.token[k, LEVEL]:
                    repeat = min(repeat, (p.wait[w, v] - 1 - st.token[k, LEVEL]) // delta)
    return 0 if repeat == NEVER else max(repeat, 0)


@inlined
def _skip(p, st, row, n, repeat):
    """Advance the state by `repeat` periods, the period being from the snapshot of `row` to now."""
    old = st.saved[row]
    streams = len(st.stream)
    at = n
    for s in range(streams):
        for d in range(st.stream[s, DEPTH]):
            st.loops[s, d, INDEX] += repeat * (st.loops[s, d, INDEX] - old[at + d])
        at += MAX_DEPTH
    for k in range(len(st.token)):
        st.token[k, LEVEL] += repeat * (st.token[k, LEVEL] - old[at + k])
    at += len(st.token)
    for i in range(len(st.account)):
        st.account[i] += repeat * (st.account[i] - old[at + i])
    at += len(st.account)
    dt = repeat * (st.clock[NOW] - old[at])
    steps = st.clock[STEPS] - old[at + 1] + st.clock[SKIPPED_STEPS] - old[at + 2]
    st.clock[SKIPPED_STEPS] += repeat * steps
    st.clock[SKIPS] += 1
    st.clock[NOW] += dt
    st.clock[LAST_MARK] += dt
    for s in range(streams):
        st.stream[s, SINCE] += dt
        st.stream[s, UNTIL] += dt
        st.stream[s, LAST_POST] += dt
        for i in range(POST_SLOTS):
            st.posts[s, i, P_TIME] += dt
    for r in range(len(p.resource)):
        st.resource[r, BOUNDARY] += dt
        if st.resource[r, FINISH] != NEVER:
            st.resource[r, FINISH] += dt


@inlined
def _fold(p, st):
    """At the end of loop iterations: compare with the loop's snapshot, skip periods, renew snapshots.

    A snapshot is renewed at iterations 1, 2, 4, 8, ... (Brent's cycle detection), so a period of any length
    is found once as many iterations have passed.
    """
    packed = -1
    for row in range(len(st.period)):
        if st.period[row, CHECKPOINT] == 0:
            continue
        st.period[row, CHECKPOINT] = 0
        st.period[row, ITERATION] += 1
        if packed < 0:
            packed = _pack(p, st)
        n = st.period[row, SAVED_SIZE]
        if n == packed:
            same = True
            for i in range(n):
                if st.saved[row, i] != st.scratch[i]:
                    same = False
                    break
            if same:
                repeat = _period_count(p, st, row, n)
                if repeat > 0:
                    _skip(p, st, row, n, repeat)
                    st.period[row, SAVED_SIZE] = 0
                    st.period[row, SAVE_AT] = st.period[row, ITERATION] + 1
                    continue
        if st.period[row, ITERATION] >= st.period[row, SAVE_AT]:
            _save(p, st, row, packed)
            st.period[row, SAVED_SIZE] = packed
            st.period[row, SAVE_AT] = 2 * st.period[row, ITERATION]


@kernel
def run(p, st, fold, trace, step_limit):
    """Run program p from state st until it ends; return FINISHED, DEADLOCK, TRACE_FULL or STEP_LIMIT.

    fold: whether periods may be skipped (the result is the same, only the trace is not).
    trace: int64[rows, 4] to be filled with (stream, task, start tick, end tick), or of no rows; on TRACE_FULL
        the caller empties it, sets clock[TRACED] to 0 and calls again.
    step_limit: instants to simulate at most.
    """
    streams = len(st.stream)
    resources = len(p.resource)
    while True:
        progress = True
        while progress:
            progress = False
            posted = st.clock[POSTED]
            st.clock[POSTED] = 0
            for s in range(streams):
                if st.stream[s, STATUS] == READY or (st.stream[s, STATUS] == BLOCKED and posted):
                    st.stream[s, STATUS] = READY
                    _advance(p, st, s)
            if st.clock[POSTED]:
                progress = True
        _grant(p, st, trace)
        _admit(p, st)
        if st.clock[POSTED]:
            continue
        if fold:
            _fold(p, st)
        if len(trace) > 0 and st.clock[TRACED] + streams + resources >= len(trace):
            return TRACE_FULL
        if st.clock[STEPS] >= step_limit:
            return STEP_LIMIT

        time = NEVER
        for r in range(resources):
            if st.resource[r, OWNER] >= 0:
                time = min(time, st.stream[st.resource[r, OWNER], UNTIL])
            time = min(time, st.resource[r, FINISH])
        for s in range(streams):
            if st.stream[s, POST_SIZE] > 0:
                time = min(time, st.posts[s, st.stream[s, POST_HEAD], P_TIME])
        if time == NEVER:
            for s in range(streams):
                if st.stream[s, STATUS] != DONE:
                    return DEADLOCK
            return FINISHED

        st.clock[NOW] = time
        st.clock[STEPS] += 1
        for r in range(resources):
            s = st.resource[r, OWNER]
            if s >= 0 and st.stream[s, UNTIL] == time:
                st.resource[r, OWNER] = -1
                st.stream[s, STATUS] = READY
            if st.resource[r, FINISH] == time:
                _complete(p, st, r, trace)
        for s in range(streams):
            while st.stream[s, POST_SIZE] > 0 and st.posts[s, st.stream[s, POST_HEAD], P_TIME] == time:
                head = st.stream[s, POST_HEAD]
                st.stream[s, POST_HEAD] = (head + 1) % POST_SLOTS
                st.stream[s, POST_SIZE] -= 1
                _deliver(p, st, st.posts[s, head, P_TASK], st.posts[s, head, P_VARIANT], time)
                if st.stream[s, STATUS] == BLOCKED:
                    st.stream[s, STATUS] = READY
