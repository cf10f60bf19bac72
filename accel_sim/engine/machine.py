"""The event loop: runs a `Program` to its end, skipping idle time and whole periods of repeating loops.

All kernels of the machine stand in this one module, because numba's cache does not notice an edit in another
file. They know streams, tasks, tokens and resources; what those stand for is decided in `mapping`.

An instant is worked through in a fixed order, so that results never depend on the order of evaluation:

1. what ends now ends: units are released, requests on pipes complete;
2. results that are due arrive, in stream order;
3. streams go on, in order, each until it needs a token or a resource; if that made a result due, back to 2;
4. requests are taken, in stream order: a pipe admits every one, an idle unit the one that asked first; if the
   result of a granted one is due at once, back to 2.

Three things make it fast; none changes anything but the number of instants that are looked at.

*Arrivals that nobody waits for* are no instants of their own. A result gives tokens and marks progress. Who
does not wait cannot tell when a token came, so due results are delivered, in the order of their times, at the
next instant there is, and an instant is made of an arrival only if it gives a waiting stream all that it lacks.

*Bursts.* A stream that gets an idle resource for the only task of an innermost loop may run many iterations as
one. Iteration i would begin i times its ticks from now, provided that it has its resource and its tokens then:

- nobody else takes those tokens in the whole program, and what is there with what the results under way will
  have given by then covers i iterations and one more; further results could only give more;
- the last iteration is left out, so all have the same amounts;
- results of the stream stay in order and within its slots.

So the tokens are taken at once, and the results are one entry of the ring: so many, so far apart. Levels that
run below zero in between are seen by the taker alone, which is busy. What could spoil a burst is another stream
that asks for its resource. Then, and before outermost loops are compared, `_break_bursts` ends every burst with
the execution under way, which is the state of a machine without bursts, as up to now nothing was spoilt; all of
them, because one may count on the results of another. A border between executions may be an instant at which
another stream asks too, so bursts on shared resources end there of themselves.

*Periods.* When a loop ends an iteration, the machine compares itself with a snapshot taken at an earlier one.
Where every stream either is in the same phase of the same loop (it *moved*) or sat still, what happened since
will happen again, and `_repeats` says how many times: as long as no loop enters its last iteration, no token
crosses what somebody waits for, and nothing that sat still ends. A stream in the middle of a burst sits still,
while its results arrive by the clock. That is no obstacle if they arrive at the same times of each period, or
if nobody who moved waited for the tokens and there are enough of them for all periods without the arrivals.
Results that come so, at no pace, may be marked only if no others in the period are: time that ends with others
is repeated, time that ends with these is attributed as they arrive. So many periods are skipped at once.

**Memory.** All of it is one int64 array `m`, in which records stand at indices and refer to each other by
index; `m[s + STATUS]` is field STATUS of the stream at `s`. One array, because passing thirty of them from
kernel to kernel would double the time of compiling. Times are in ticks. First stands what changes while a
program runs, of which a snapshot is a copy: what is at `i` now was at `old + i` then. `machine_memory` lays
all of it out:

* header at 0: NOW; STEPS, instants simulated; LAST_MARK, time of the last marked result; CHECKPOINTS, 1 when
  a loop ended an iteration in this step; TRACED, rows of the trace in use; then where the records are.
* `s`, a stream: PC (instruction), DEPTH (open loops), STATUS; of a blocked one, the first token it LACKS
  (else -1) and the level it NEEDS; of the task in flight TASK, VARIANT, SINCE (when it asked), UNTIL (when
  its unit is released), REMAINING (service not yet begun); LAST_POST (time of the latest result, below which
  no later one may fall: in-order delivery); POST_HEAD, POST_SIZE (entries of the ring), UNDERWAY (results in
  them), MARKED (marked ones that arrived); SHIFT (how far the period under examination moved it: the period,
  or 0 when it sat still), PACE (of one that sat still, how many results arrived at the same times of it as in
  any other, or 0); BURST (how many executions the task in flight stands for), PRIOR_POST (LAST_POST before a
  burst on a pipe); BIT, of this stream in a set of streams; RESULTS, where its ring of results under way
  stands. From NEST on its loops.
* `loop`: INDEX and COUNT while it is open; USES, amounts so far that depended on INDEX; CHECKPOINT (1 when it
  ended an iteration in this step), SAVED (1 when it has a snapshot), ITERATION (checkpoints so far), SAVE_AT
  (ITERATION of the next snapshot), SNAPSHOT (where that stands).
* `slot`, results under way: P_COUNT of them, P_INTERVAL apart, the first due at P_TIME; P_TASK, P_VARIANT. A
  ring.
* `k`, a token: LEVEL; TAKEN, how much was ever taken; LACKED, how often a stream began to wait for it; who in
  the whole program gives it, GIVERS, a set of streams, and who takes it, TAKER, a stream, NOBODY or SEVERAL.
* `r`, a resource: OWNER (stream that holds a unit, or -1); of a pipe RING_SIZE, SERVED (1 when the last in
  the ring was served last), BOUNDARY (end of the quantum in service), FINISH (next completion, NEVER when
  idle, STALE when it must be found anew): a pipe is served lazily, BOUNDARY may lie in the past until
  somebody joins or leaves. KIND; QUANTUM of a pipe; SHARED, 1 when several streams use it. From RING on the
  streams with a request on the pipe, the next to be served first.
* the account: executions of each task with each of its amounts, then busy ticks of each task (BUSY_TICKS on),
  then elapsed ticks of each operator (ELAPSED up to ACCOUNT_END).
* `pc`, an instruction; `t`, a task, with its TICKS and RESULT, and where its RUNS and BUSY ticks are counted;
  `w`, tokens that are taken or given: rows of the tables of `Program`, with indices for numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from accel_sim.engine.program import (
    ARG,
    CODE_SIZE,
    JUMP,
    LOOPS,
    MARK,
    MAX_DEPTH,
    OP,
    OP_END,
    OP_HALT,
    OP_LOOP,
    OP_TASK,
    PIPE,
    POSTS,
    POSTS_END,
    RESOURCE,
    SLOPE,
    TABLE,
    TABLE_LOOP,
    TAG,
    TASK_SIZE,
    TOKEN,
    VARIANTS,
    WAITS,
    WAITS_END,
)

# Values of STATUS.
READY, BLOCKED, QUEUED, RUNNING, ON_PIPE, DONE = 0, 1, 2, 3, 4, 5
POST_SLOTS = 32  # results of one stream that may be under way at once
SHORTEST_FOLD = 5  # iterations a loop must have: two are compared, and the last two are never skipped
NEVER = np.iinfo(np.int64).max
STALE = -1
OUTERMOST = 2  # value of CHECKPOINT
LEAST_BURST = 4  # iterations that are worth a burst
NOBODY, SEVERAL = -1, -2  # who takes a token or uses a resource, when it is not one stream
OTHERS = 62  # bit of all streams from this one on in a set of streams
# Return codes of `run`.
FINISHED, DEADLOCK, TRACE_FULL, STEP_LIMIT = 0, 1, 2, 3

# Fields of the records in the machine's memory.
(
    NOW, STEPS, LAST_MARK, CHECKPOINTS, TRACED,
    TOKENS, RESOURCES, RESOURCE_SIZE, ACCOUNT, BUSY_TICKS, ELAPSED, ACCOUNT_END,
    CODE, TASKS, TAKEN_MOVES, GIVEN_MOVES, TABLES, SNAPSHOTS, HEADER,
) = range(19)  # fmt: skip
STREAMS = HEADER
INDEX, COUNT, USES, CHECKPOINT, SAVED, ITERATION, SAVE_AT, SNAPSHOT, LOOP_SIZE = range(9)
P_TIME, P_TASK, P_VARIANT, P_COUNT, P_INTERVAL, POST_WORDS = range(6)
(
    PC, DEPTH, STATUS, LACKS, NEEDS, TASK, VARIANT, SINCE, UNTIL, REMAINING,
    LAST_POST, POST_HEAD, POST_SIZE, UNDERWAY, MARKED, SHIFT, PACE, BURST, PRIOR_POST, BIT, RESULTS, NEST,
) = range(22)  # fmt: skip
STREAM_SIZE = NEST + MAX_DEPTH * LOOP_SIZE
LEVEL, TAKEN, LACKED, GIVERS, TAKER, TOKEN_SIZE = range(6)
OWNER, RING_SIZE, SERVED, BOUNDARY, FINISH, KIND, QUANTUM, SHARED, RING = range(9)
TICKS, RESULT, RUNS = TASK_SIZE, TASK_SIZE + VARIANTS, TASK_SIZE + 2 * VARIANTS
BUSY, TASK_FIELDS = RUNS + 1, RUNS + 2
MOVE_SIZE = VARIANTS + 1

# The kernels allocate nothing, so they go without numba's reference counts. Only those that Python
# calls are cached, with the others in them, and wrapped. A `part` stands in its callers, as most of an
# instant's time would go into calls; a `call` is a function, as it is large and seldom needed, and compiling
# it several times takes seconds.
_UNCOUNTED: dict[str, Any] = {"_nrt": False, "error_model": "numpy"}
_UNWRAPPED: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
kernel = njit(cache=True, **_UNCOUNTED)
part = njit(forceinline=True, **_UNCOUNTED, **_UNWRAPPED)
call = njit(**_UNCOUNTED, **_UNWRAPPED)


# Before the first instant.


@part
def _place(m, at, first, size):
    """Turn the number of a record at `at` into its index; a number below 0 stands for none and stays."""
    if m[at] >= 0:
        m[at] = first + m[at] * size


@call
def _link_tasks(m):
    for t in range(m[TASKS], m[TAKEN_MOVES], TASK_FIELDS):
        number = (t - m[TASKS]) // TASK_FIELDS
        m[t + RUNS] = m[ACCOUNT] + number * VARIANTS
        m[t + BUSY] = m[BUSY_TICKS] + number
        m[t + TAG] += m[ELAPSED]
        _place(m, t + RESOURCE, m[RESOURCES], m[RESOURCE_SIZE])
        _place(m, t + TABLE, m[TABLES], 1)
        _place(m, t + TABLE_LOOP, NEST, LOOP_SIZE)
        for bit in range(3):
            _place(m, t + LOOPS + bit, NEST, LOOP_SIZE)
        for end in range(2):
            _place(m, t + WAITS + end, m[TAKEN_MOVES], MOVE_SIZE)
            _place(m, t + POSTS + end, m[GIVEN_MOVES], MOVE_SIZE)


@call
def _link_streams(m):
    for s in range(STREAMS, m[TOKENS], STREAM_SIZE):
        number = (s - STREAMS) // STREAM_SIZE
        m[s + PC] = m[CODE] + m[s + PC] * CODE_SIZE
        m[s + LACKS] = -1
        m[s + BIT] = 1 << min(number, OTHERS)
        m[s + RESULTS] = m[ACCOUNT_END] + number * POST_SLOTS * POST_WORDS
        for d in range(MAX_DEPTH):
            row = number * MAX_DEPTH + d
            m[s + NEST + d * LOOP_SIZE + SNAPSHOT] = m[SNAPSHOTS] + row * m[CODE]


@call
def _survey(m):
    """Fill in who gives and takes each token, and which resources are shared."""
    for k in range(m[TOKENS], m[RESOURCES], TOKEN_SIZE):
        m[k + GIVERS] = 0
        m[k + TAKER] = NOBODY
    for r in range(m[RESOURCES], m[ACCOUNT], m[RESOURCE_SIZE]):
        m[r + SHARED] = NOBODY
    s = STREAMS
    for pc in range(m[CODE], m[TASKS], CODE_SIZE):
        if m[pc + OP] == OP_HALT:
            s += STREAM_SIZE
        elif m[pc + OP] == OP_TASK:
            t = m[pc + ARG]
            for w in range(m[t + POSTS], m[t + POSTS_END], MOVE_SIZE):
                m[m[w + TOKEN] + GIVERS] |= m[s + BIT]
            for w in range(m[t + WAITS], m[t + WAITS_END], MOVE_SIZE):
                k = m[w + TOKEN]
                m[k + TAKER] = s if m[k + TAKER] in (NOBODY, s) else SEVERAL
            r = m[t + RESOURCE]
            if r >= 0:
                m[r + SHARED] = s if m[r + SHARED] in (NOBODY, s) else SEVERAL
    for r in range(m[RESOURCES], m[ACCOUNT], m[RESOURCE_SIZE]):
        m[r + SHARED] = int(m[r + SHARED] == SEVERAL)


@kernel
def link(m):
    """Complete the state at time 0, and turn the numbers that stand in the tables of a program into indices."""
    for pc in range(m[CODE], m[TASKS], CODE_SIZE):
        m[pc + JUMP] = m[CODE] + m[pc + JUMP] * CODE_SIZE
        if m[pc + OP] == OP_TASK:
            m[pc + ARG] = m[TASKS] + m[pc + ARG] * TASK_FIELDS
    _link_tasks(m)
    for w in range(m[TAKEN_MOVES], m[TABLES], MOVE_SIZE):
        m[w + TOKEN] = m[TOKENS] + m[w + TOKEN] * TOKEN_SIZE
    _link_streams(m)
    for r in range(m[RESOURCES], m[ACCOUNT], m[RESOURCE_SIZE]):
        m[r + OWNER] = -1
        m[r + FINISH] = NEVER
    _survey(m)


# Streams: instructions, tokens, results.


@part
def variant_of(m, s, t):
    """Which of its amounts task t of stream s uses: a bit for each named loop in its last iteration."""
    v = 0
    for bit in range(3):
        loop = m[t + LOOPS + bit]
        if loop >= 0 and m[s + loop + INDEX] == m[s + loop + COUNT] - 1:
            v |= 1 << bit
    return v


@part
def _ticks_of(m, s, t, v):
    """Ticks task t holds its resource, from its own table when it has one."""
    start = m[t + TABLE]
    if start < 0:
        return m[t + TICKS + v]
    loop = s + m[t + TABLE_LOOP]
    m[loop + USES] += 1
    return m[start + m[loop + INDEX]]


@part
def _entry(m, s, i):
    """Return where the i-th entry of results under way of stream s stands; in a snapshot, from its start."""
    return m[s + RESULTS] + (m[s + POST_HEAD] + i) % POST_SLOTS * POST_WORDS


@part
def _post(m, s, t, v, time, count, interval):
    """Schedule `count` results of task t of stream s, the first for `time`, not before its earlier results."""
    time = max(time, m[s + LAST_POST])
    m[s + LAST_POST] = time + (count - 1) * interval
    if m[t + POSTS] == m[t + POSTS_END] and not m[t + MARK]:
        return
    slot = _entry(m, s, m[s + POST_SIZE])
    m[slot + P_TIME] = time
    m[slot + P_TASK] = t
    m[slot + P_VARIANT] = v
    m[slot + P_COUNT] = count
    m[slot + P_INTERVAL] = interval
    m[s + POST_SIZE] += 1
    m[s + UNDERWAY] += count


@part
def _deliver_from(m, s, limit):
    """Let results of stream s arrive: the next one, and those of its entry that are due before `limit`."""
    slot = _entry(m, s, 0)
    interval = m[slot + P_INTERVAL]
    time = m[slot + P_TIME]
    count = 1
    if m[slot + P_COUNT] > 1 and time < limit:
        count = min(m[slot + P_COUNT], (limit - 1 - time) // interval + 1)
    t = m[slot + P_TASK]
    v = m[slot + P_VARIANT]
    m[slot + P_TIME] = time + count * interval
    m[slot + P_COUNT] -= count
    m[s + UNDERWAY] -= count
    if m[slot + P_COUNT] == 0:
        m[s + POST_HEAD] = (m[s + POST_HEAD] + 1) % POST_SLOTS
        m[s + POST_SIZE] -= 1
    for w in range(m[t + POSTS], m[t + POSTS_END], MOVE_SIZE):
        m[m[w + TOKEN] + LEVEL] += count * m[w + v]
    if m[t + MARK]:
        m[s + MARKED] += count
        time += (count - 1) * interval
        m[m[t + TAG]] += time - m[LAST_MARK]
        m[LAST_MARK] = time


@part
def _deliver(m):
    """Let the results that are due arrive, tokens and time since the last mark; return whether any did.

    They arrive in the order of their times, those of one time in stream order.
    """
    arrived = False
    while True:
        first = -1
        time = m[NOW] + 1
        limit = time
        for s in range(STREAMS, m[TOKENS], STREAM_SIZE):
            if m[s + POST_SIZE] > 0:
                head = m[_entry(m, s, 0) + P_TIME]
                if head < time:
                    limit = time
                    time = head
                    first = s
                else:
                    limit = min(limit, head)
        if first < 0:
            return arrived
        arrived = True
        _deliver_from(m, first, limit)


@part
def _open_loop(m, s, pc):
    """Enter the loop at pc, or pass over it when it has no iterations."""
    loop = s + NEST + m[s + DEPTH] * LOOP_SIZE
    count = m[pc + ARG]
    if m[pc + SLOPE] != 0:
        count += m[pc + SLOPE] * m[loop - LOOP_SIZE + INDEX]
        m[loop - LOOP_SIZE + USES] += 1
    if count <= 0:
        m[s + PC] = m[pc + JUMP] + CODE_SIZE
        return
    m[loop + INDEX] = 0
    m[loop + COUNT] = count
    m[s + DEPTH] += 1
    m[s + PC] = pc + CODE_SIZE
    m[loop + CHECKPOINT] = 0
    m[loop + SAVED] = 0
    m[loop + ITERATION] = 0
    m[loop + SAVE_AT] = 1


@part
def _end_iteration(m, s, pc):
    """Go back to the start of the innermost loop, or leave it."""
    d = m[s + DEPTH] - 1
    loop = s + NEST + d * LOOP_SIZE
    m[loop + INDEX] += 1
    if m[loop + INDEX] == m[loop + COUNT]:
        m[s + DEPTH] = d
        m[s + PC] = pc + CODE_SIZE
        return
    m[s + PC] = m[pc + JUMP] + CODE_SIZE
    if m[loop + COUNT] >= SHORTEST_FOLD:
        m[loop + CHECKPOINT] = 1
        m[CHECKPOINTS] = 1
        if d == 0:
            for inner in range(m[pc + JUMP] + CODE_SIZE, pc, CODE_SIZE):
                if m[inner + OP] == OP_LOOP:
                    m[loop + CHECKPOINT] = OUTERMOST
                    break


@part
def _take(m, s, t, v):
    """Take the tokens task t waits for, when all are there and its result has a slot; return whether so."""
    lacks = -1
    needs = 0
    free = m[s + UNDERWAY] < POST_SLOTS
    if free:
        for w in range(m[t + WAITS], m[t + WAITS_END], MOVE_SIZE):
            if m[m[w + TOKEN] + LEVEL] < m[w + v]:
                lacks = m[w + TOKEN]
                needs = m[w + v]
                break
    if free and lacks < 0:
        for w in range(m[t + WAITS], m[t + WAITS_END], MOVE_SIZE):
            k = m[w + TOKEN]
            m[k + LEVEL] -= m[w + v]
            m[k + TAKEN] += m[w + v]
    elif lacks >= 0 and lacks != m[s + LACKS]:
        m[lacks + LACKED] += 1
    m[s + LACKS] = lacks
    m[s + NEEDS] = needs
    return free and lacks < 0


@part
def _start(m, s, t, v):
    """Start task t of stream s: ask for its resource, or be done with it at once when it takes no time."""
    m[m[t + RUNS] + v] += 1
    ticks = 0
    if m[t + RESOURCE] >= 0:
        ticks = _ticks_of(m, s, t, v)
        m[m[t + BUSY]] += ticks
    if ticks > 0:
        m[s + TASK] = t
        m[s + VARIANT] = v
        m[s + SINCE] = m[NOW]
        m[s + REMAINING] = ticks
        m[s + BURST] = 1
        m[s + STATUS] = QUEUED
    else:
        _post(m, s, t, v, m[NOW] + max(m[t + RESULT + v], 0), 1, 0)


@part
def _go_on(m, arrived):
    """Run every stream until it needs a token, a resource, or is done; blocked ones only if results arrived."""
    for s in range(STREAMS, m[TOKENS], STREAM_SIZE):
        if m[s + STATUS] == BLOCKED and arrived:
            m[s + STATUS] = READY
        while m[s + STATUS] == READY:
            pc = m[s + PC]
            op = m[pc + OP]
            if op == OP_LOOP:
                _open_loop(m, s, pc)
            elif op == OP_END:
                _end_iteration(m, s, pc)
            elif op == OP_HALT:
                m[s + STATUS] = DONE
            else:
                t = m[pc + ARG]
                v = variant_of(m, s, t)
                if _take(m, s, t, v):
                    m[s + PC] = pc + CODE_SIZE
                    _start(m, s, t, v)
                else:
                    m[s + STATUS] = BLOCKED


# Bursts: executions of a task that stand as one.


@part
def _gives(m, s, k):
    """Whether stream s is among those that give token k."""
    return m[k + GIVERS] & m[s + BIT] != 0


@part
def _given(m, t, v, k):
    """How much of token k a result of task t gives."""
    total = 0
    for w in range(m[t + POSTS], m[t + POSTS_END], MOVE_SIZE):
        if m[w + TOKEN] == k:
            total += m[w + v]
    return total


@call
def _arrivals(m, k, time):
    """How much of token k the results under way give up to `time`."""
    total = 0
    for s in range(STREAMS, m[TOKENS], STREAM_SIZE):
        if not _gives(m, s, k):
            continue
        for i in range(m[s + POST_SIZE]):
            slot = _entry(m, s, i)
            first = m[slot + P_TIME]
            if first > time:
                break
            given = _given(m, m[slot + P_TASK], m[slot + P_VARIANT], k)
            count = m[slot + P_COUNT]
            if count > 1:
                count = min(count, (time - first) // m[slot + P_INTERVAL] + 1)
            total += given * count
    return total


@call
def _enough_for(m, k, amount, ticks, most):
    """How many times, up to `most`, `amount` of token k can be taken, next in `ticks` and every `ticks` after.

    The results that are under way count, each from its time.
    """
    level = m[k + LEVEL]
    n = min(most, level // amount)
    while n < most:
        arrived = _arrivals(m, k, m[NOW] + (n + 1) * ticks)
        more = min(most, (level + arrived) // amount)
        if more <= n:
            break
        n = more
    return n


@part
def _innermost(m, s):
    """Return the innermost loop that stream s has open."""
    return s + NEST + (m[s + DEPTH] - 1) * LOOP_SIZE


@part
def _left(m, loop):
    """How many iterations a loop has before the last, the present one not counted."""
    return m[loop + COUNT] - 2 - m[loop + INDEX]


@part
def _may_burst(m, s, t):
    """Whether task t of stream s, which gets its resource now, is alone in a loop with iterations to come."""
    end = m[s + PC]
    if m[end + OP] != OP_END or m[end + JUMP] != end - 2 * CODE_SIZE or m[t + TABLE] >= 0:
        return False
    # The last iteration is left out: its amounts may differ.
    return _left(m, _innermost(m, s)) >= LEAST_BURST - 1


@call
def _burst(m, s, t, v, delay):
    """Let task t of stream s, which gets its resource now, stand for later iterations too; return how many.

    delay: from the start of an execution to its result.
    """
    ticks = m[s + REMAINING]
    n = _left(m, _innermost(m, s))
    if delay <= 0 or m[NOW] + delay < m[s + LAST_POST]:
        return 0
    if m[s + UNDERWAY] + (delay - 1) // ticks >= POST_SLOTS - 1:
        return 0
    for w in range(m[t + WAITS], m[t + WAITS_END], MOVE_SIZE):
        if m[w + v] > 0:
            k = m[w + TOKEN]
            if m[k + TAKER] != s:
                return 0
            n = _enough_for(m, k, m[w + v], ticks, n)
            if n < LEAST_BURST - 1:
                return 0
    _lengthen(m, s, t, v, ticks, n)
    return n


@call
def _lengthen(m, s, t, v, ticks, n):
    """Count `n` more executions (or fewer) of task t into the burst of stream s, all but times and results."""
    for w in range(m[t + WAITS], m[t + WAITS_END], MOVE_SIZE):
        k = m[w + TOKEN]
        m[k + LEVEL] -= n * m[w + v]
        m[k + TAKEN] += n * m[w + v]
    m[m[t + RUNS] + v] += n
    m[m[t + BUSY]] += n * ticks
    m[_innermost(m, s) + INDEX] += n
    m[s + BURST] += n


@part
def _burst_start(m, s, t, ticks):
    """When the first execution of the burst of stream s began."""
    r = m[t + RESOURCE]
    if m[r + KIND] == PIPE:
        return m[r + BOUNDARY]
    return m[s + UNTIL] - m[s + BURST] * ticks


@call
def _withdraw(m, s, t, v, ticks, n):
    """Take the last `n` executions out of the burst of stream s; none of them has begun before now."""
    r = m[t + RESOURCE]
    m[s + LAST_POST] -= n * ticks
    if m[r + KIND] == PIPE:
        m[s + REMAINING] -= n * ticks
        m[r + FINISH] = STALE
        if m[s + BURST] == n + 1:
            m[s + LAST_POST] = m[s + PRIOR_POST]
    else:
        m[s + UNTIL] -= n * ticks
    if m[t + POSTS] < m[t + POSTS_END] or m[t + MARK]:
        slot = _entry(m, s, m[s + POST_SIZE] - 1)
        m[slot + P_COUNT] -= n
        m[s + UNDERWAY] -= n
        if m[slot + P_COUNT] == 0:
            m[s + POST_SIZE] -= 1
    _lengthen(m, s, t, v, ticks, -n)


@call
def _break_bursts(m):
    """End every burst with the execution that is under way now."""
    for s in range(STREAMS, m[TOKENS], STREAM_SIZE):
        status = m[s + STATUS]
        if m[s + BURST] <= 1 or status not in (RUNNING, ON_PIPE):
            continue
        t = m[s + TASK]
        v = m[s + VARIANT]
        ticks = m[t + TICKS + v]
        done = (m[NOW] - _burst_start(m, s, t, ticks)) // ticks
        if done < m[s + BURST] - 1:
            _withdraw(m, s, t, v, ticks, m[s + BURST] - 1 - done)
        if status == ON_PIPE:
            r = m[t + RESOURCE]
            m[r + BOUNDARY] += done * ticks
            m[r + FINISH] = STALE
            m[s + REMAINING] = ticks
        m[s + BURST] = 1


@call
def _end_bursts_at_borders(m):
    """End the bursts on resources that others use too whose execution ends now, as others may ask now."""
    now = m[NOW]
    for s in range(STREAMS, m[TOKENS], STREAM_SIZE):
        status = m[s + STATUS]
        if m[s + BURST] <= 1 or status not in (RUNNING, ON_PIPE):
            continue
        t = m[s + TASK]
        r = m[t + RESOURCE]
        if not m[r + SHARED]:
            continue
        v = m[s + VARIANT]
        ticks = m[t + TICKS + v]
        past = now - _burst_start(m, s, t, ticks)
        done = past // ticks
        if done * ticks == past and 0 < done < m[s + BURST]:
            _withdraw(m, s, t, v, ticks, m[s + BURST] - done)
            if status == ON_PIPE:
                m[r + FINISH] = now


# Resources: units and pipes.


@part
def _record(m, trace, s, start, end):
    """Append (stream, task, start, end) to the trace if there is one; `run` keeps room for a step's rows."""
    if len(trace) > 0:
        row = m[TRACED]
        trace[row, 0] = (s - STREAMS) // STREAM_SIZE
        trace[row, 1] = (m[s + TASK] - m[TASKS]) // TASK_FIELDS
        trace[row, 2] = start
        trace[row, 3] = end
        m[TRACED] = row + 1


@part
def _rounds(m, r, limit):
    """Whole rounds that pipe r can serve before a request has less than a quantum, and within `limit` ticks."""
    quantum = m[r + QUANTUM]
    n = m[r + RING_SIZE]
    rounds = limit // (n * quantum)
    for i in range(n):
        rounds = min(rounds, (m[m[r + RING + i] + REMAINING] - 1) // quantum)
    return rounds


@call
def _settle(m, r, time):
    """Serve pipe r up to the first end of a quantum that is not before `time`; no request may end before it."""
    n = m[r + RING_SIZE]
    if n == 0:
        m[r + BOUNDARY] = time
        return
    if m[r + BOUNDARY] >= time:
        return
    quantum = m[r + QUANTUM]
    rounds = _rounds(m, r, time - m[r + BOUNDARY] - 1)
    for i in range(n):
        m[m[r + RING + i] + REMAINING] -= rounds * quantum
    m[r + BOUNDARY] += rounds * n * quantum
    m[r + SERVED] = 1
    while m[r + BOUNDARY] < time:
        s = m[r + RING + 0]
        for i in range(n - 1):
            m[r + RING + i] = m[r + RING + i + 1]
        m[r + RING + n - 1] = s
        served = min(quantum, m[s + REMAINING])
        m[s + REMAINING] -= served
        m[r + BOUNDARY] += served


@call
def _plan(m, r):
    """Set FINISH, the next time a request on pipe r completes, from the state at the last boundary."""
    n = m[r + RING_SIZE]
    if n == 0:
        m[r + FINISH] = NEVER
        return
    time = m[r + BOUNDARY]
    if m[m[r + RING + n - 1] + REMAINING] > 0:
        quantum = m[r + QUANTUM]
        rounds = _rounds(m, r, NEVER // 4)
        time += rounds * n * quantum
        for i in range(n):
            left = m[m[r + RING + i] + REMAINING] - rounds * quantum
            time += min(left, quantum)
            if left <= quantum:
                break
    m[r + FINISH] = time


@call
def _join(m, s, r, fold):
    """Let the request of stream s join pipe r, its turn coming before the next of the one in service."""
    now = m[NOW]
    if m[r + RING_SIZE] == 1 and m[m[r + RING + 0] + BURST] > 1:
        _break_bursts(m)
    _settle(m, r, now)
    n = m[r + RING_SIZE]
    m[r + RING + n] = s
    if m[r + SERVED]:
        m[r + RING + n] = m[r + RING + n - 1]
        m[r + RING + n - 1] = s
    m[r + RING_SIZE] = n + 1
    m[r + FINISH] = STALE
    m[s + STATUS] = ON_PIPE
    if fold and n == 0 and _may_burst(m, s, m[s + TASK]):
        t = m[s + TASK]
        v = m[s + VARIANT]
        ticks = m[s + REMAINING]
        delay = ticks + max(m[t + RESULT + v], 0)
        more = _burst(m, s, t, v, delay)
        if more > 0:
            # The last result is scheduled when the request completes.
            m[s + PRIOR_POST] = m[s + LAST_POST]
            m[s + REMAINING] += more * ticks
            _post(m, s, t, v, now + delay, more, ticks)


@call
def _complete(m, r, trace):
    """End the request of pipe r that finishes now, the last one served, and let its stream go on."""
    now = m[NOW]
    _settle(m, r, now)
    n = m[r + RING_SIZE] - 1
    s = m[r + RING + n]
    m[r + RING_SIZE] = n
    m[r + SERVED] = 0
    m[r + FINISH] = STALE
    m[s + STATUS] = READY
    m[s + BURST] = 0
    t = m[s + TASK]
    v = m[s + VARIANT]
    _post(m, s, t, v, now + max(m[t + RESULT + v], 0), 1, 0)
    _record(m, trace, s, m[s + SINCE], now)


@part
def _grant(m, s, r, trace, fold):
    """Give unit r to stream s; its result may be there before the unit is released, but not before now."""
    now = m[NOW]
    t = m[s + TASK]
    v = m[s + VARIANT]
    ticks = m[s + REMAINING]
    delay = ticks + m[t + RESULT + v]
    more = 0
    if fold and _may_burst(m, s, t):
        more = _burst(m, s, t, v, delay)
    m[s + UNTIL] = now + (1 + more) * ticks
    m[s + STATUS] = RUNNING
    m[r + OWNER] = s
    _post(m, s, t, v, now + max(0, delay), 1 + more, ticks)
    _record(m, trace, s, now, m[s + UNTIL])


@part
def _is_next(m, s, r):
    """Whether no later stream has asked for unit r before stream s did."""
    for other in range(s + STREAM_SIZE, m[TOKENS], STREAM_SIZE):
        if (
            m[other + STATUS] == QUEUED
            and m[other + SINCE] < m[s + SINCE]
            and m[m[other + TASK] + RESOURCE] == r
        ):
            return False
    return True


@part
def _take_requests(m, trace, fold):
    """Let new requests join their pipes, and give idle units to who asked first; return whether any did."""
    taken = False
    for s in range(STREAMS, m[TOKENS], STREAM_SIZE):
        if m[s + STATUS] != QUEUED:
            continue
        r = m[m[s + TASK] + RESOURCE]
        if m[r + KIND] == PIPE:
            _join(m, s, r, fold)
            taken = True
        elif m[r + OWNER] >= 0:
            if m[m[r + OWNER] + BURST] > 1:
                _break_bursts(m)
        elif _is_next(m, s, r):
            _grant(m, s, r, trace, fold)
            taken = True
    return taken


# Folding: finding and skipping periods.


@part
def _sit_still(m, streams):
    """Whether all of a set of streams sat still in the period under examination and keep no pace with it."""
    still = streams < 1 << OTHERS
    for s in range(STREAMS, m[TOKENS], STREAM_SIZE):
        if streams & m[s + BIT] and (m[s + SHIFT] != 0 or m[s + PACE] > 0):
            still = False
    return still


@call
def _goes_by_the_clock(m, old, s, marks):
    """Whether what stream s, which sat still, has under way may arrive when it will, whatever the period.

    So it may if only streams that sat still give those tokens, `_token_repeats` looking at who waits for them,
    and if it is not marked or marked results are of streams that sat still alone (`marks` being whether not).
    """
    if m[s + STATUS] == BLOCKED and m[s + LACKS] < 0:
        return False  # it waits for a slot for its results
    for i in range(m[old + s + POST_SIZE]):
        t = m[old + _entry(m, old + s, i) + P_TASK]
        if marks and m[t + MARK]:
            return False
        for w in range(m[t + POSTS], m[t + POSTS_END], MOVE_SIZE):
            if not _sit_still(m, m[m[w + TOKEN] + GIVERS]):
                return False
    return True


@part
def _set_pace(m, old, s, period):
    """Set PACE of stream s: how many results arrived from an entry of so many in exactly a period, or 0."""
    m[s + PACE] = 0
    size = m[s + POST_SIZE]
    if m[s + SHIFT] != 0 or size == 0 or size != m[old + s + POST_SIZE]:
        return
    if m[s + POST_HEAD] != m[old + s + POST_HEAD]:
        return
    slot = _entry(m, s, 0)
    came = m[old + slot + P_COUNT] - m[slot + P_COUNT]
    if came * m[slot + P_INTERVAL] == period:
        m[s + PACE] = came


@call
def _under_way_repeats(m, old, s, period, marks):
    """How many more periods the results that stream s, which sat still, has under way arrive as in the last."""
    if m[s + PACE] > 0:
        return (m[_entry(m, s, 0) + P_COUNT] - 1) // m[s + PACE]
    if m[old + s + POST_SIZE] == 0 or _goes_by_the_clock(m, old, s, marks):
        return NEVER
    if m[s + UNDERWAY] != m[old + s + UNDERWAY]:
        return 0
    return (m[_entry(m, s, 0) + P_TIME] - 1 - m[NOW]) // period


@call
def _marks_repeat(m, old):
    """Whether marked results of streams that moved or keep pace arrived in the period under examination."""
    repeat = False
    for s in range(STREAMS, m[TOKENS], STREAM_SIZE):
        periodic = m[s + SHIFT] != 0 or m[s + PACE] > 0
        if periodic and m[s + MARKED] != m[old + s + MARKED]:
            repeat = True
    return repeat


@call
def _arrives_by_the_clock(m, old, k):
    """Whether what arrives of token k comes from streams that sat still, with results under way, at no pace."""
    under_way = False
    for s in range(STREAMS, m[TOKENS], STREAM_SIZE):
        if _gives(m, s, k):
            if m[s + SHIFT] != 0 or m[s + PACE] > 0 or m[s + BIT] == 1 << OTHERS:
                return False
            under_way |= m[old + s + POST_SIZE] > 0
    return under_way


@call
def _stream_repeats(m, old, s, period):
    """How many more periods stream s will go through as it went through the last; sets its SHIFT."""
    now = m[NOW]
    for column in (PC, DEPTH, STATUS, LACKS, BURST):
        if m[s + column] != m[old + s + column]:
            return 0
    repeat = NEVER
    shift = 0
    for d in range(m[s + DEPTH]):
        loop = s + NEST + d * LOOP_SIZE
        moved = m[loop + INDEX] - m[old + loop + INDEX]
        if moved == 0:
            continue
        # Two loops that both moved are not in the same phase, and amounts that depend on an index differ.
        if moved < 0 or shift > 0 or m[loop + USES] != m[old + loop + USES]:
            return 0
        shift = period
        # Stay short of the last iteration, whose amounts may differ.
        repeat = _left(m, loop) // moved
    m[s + SHIFT] = shift

    status = m[s + STATUS]
    if status == QUEUED:
        if m[s + SINCE] - m[old + s + SINCE] != shift:
            return 0
        if m[s + REMAINING] != m[old + s + REMAINING]:
            return 0
    elif status == RUNNING:
        if m[s + UNTIL] - m[old + s + UNTIL] != shift:
            return 0
        if shift == 0:
            repeat = min(repeat, (m[s + UNTIL] - 1 - now) // period)
    elif status == ON_PIPE:
        served = m[old + s + REMAINING] - m[s + REMAINING]
        if served < 0 or (served > 0 and shift > 0):
            return 0
        if served > 0:
            # One period short of its end, because REMAINING is of the boundary, up to a period ago.
            repeat = min(repeat, (m[s + REMAINING] - 1) // served - 1)
    if shift == 0:
        return repeat
    for column in (POST_SIZE, UNDERWAY):
        if m[s + column] != m[old + s + column]:
            return 0
    before = max(0, m[old + s + LAST_POST] - m[old + NOW])
    if max(0, m[s + LAST_POST] - now) != before:
        return 0
    for i in range(m[s + POST_SIZE]):
        a = old + _entry(m, old + s, i)
        b = _entry(m, s, i)
        if (
            m[b + P_TIME] - m[a + P_TIME] != shift
            or m[b + P_TASK] != m[a + P_TASK]
            or m[b + P_VARIANT] != m[a + P_VARIANT]
            or m[b + P_COUNT] != m[a + P_COUNT]
            or m[b + P_INTERVAL] != m[a + P_INTERVAL]
        ):
            return 0
    return repeat


@call
def _resource_repeats(m, old, r, period):
    """How many more periods resource r will go through as it went through the last."""
    for column in (OWNER, RING_SIZE, SERVED):
        if m[r + column] != m[old + r + column]:
            return 0
    n = m[r + RING_SIZE]
    if n == 0:
        return NEVER
    shift = m[r + BOUNDARY] - m[old + r + BOUNDARY]
    if shift not in (0, period):
        return 0
    for i in range(n):
        s = m[r + RING + i]
        if s != m[old + r + RING + i] or (shift == 0 and m[s + SHIFT] != 0):
            return 0
    return NEVER if shift > 0 else (m[r + FINISH] - 1 - m[NOW]) // period


@call
def _token_repeats(m, old, k, period):
    """How many more periods token k will be found enough, or too few, just as it was in the last."""
    change = m[k + LEVEL] - m[old + k + LEVEL]
    taken = m[k + TAKEN] - m[old + k + TAKEN]
    if taken < 0:
        return 0
    repeat = NEVER
    if _arrives_by_the_clock(m, old, k):
        waited = m[k + LACKED] != m[old + k + LACKED]
        for s in range(STREAMS, m[TOKENS], STREAM_SIZE):
            if m[s + LACKS] == k:
                if m[s + SHIFT] != 0:
                    waited = True
                elif taken > 0:
                    return 0
                else:
                    repeat = min(repeat, (_wakes(m, s) - 1 - m[NOW]) // period)
        if waited:
            return 0
        # What is there must last, as what will arrive arrives at other times of the period.
        return min(repeat, m[k + LEVEL] // taken) if taken > 0 else repeat
    if change == 0:
        return repeat
    if change < 0:
        # Enough even if a period took all that it takes before it gives any.
        return min(repeat, (m[k + LEVEL] - taken) // -change + 1)
    # A stream that began to wait for it in the period would wait less long, or not at all, in the next.
    if m[k + LACKED] != m[old + k + LACKED]:
        return 0
    for s in range(STREAMS, m[TOKENS], STREAM_SIZE):
        if m[s + LACKS] == k:
            if taken > 0:
                return 0
            repeat = min(repeat, (m[s + NEEDS] - 1 - m[k + LEVEL]) // change)
    return repeat


@call
def _repeats(m, old):
    """How many times what happened since the snapshot `old` will happen again, exactly; 0 if unknown."""
    period = m[NOW] - m[old + NOW]
    repeat = NEVER
    for s in range(STREAMS, m[TOKENS], STREAM_SIZE):
        repeat = min(repeat, _stream_repeats(m, old, s, period))
        if repeat <= 0:
            return 0
    for s in range(STREAMS, m[TOKENS], STREAM_SIZE):
        _set_pace(m, old, s, period)
    marks = _marks_repeat(m, old)
    if marks and m[LAST_MARK] - m[old + LAST_MARK] != period:
        return 0
    for s in range(STREAMS, m[TOKENS], STREAM_SIZE):
        if m[s + SHIFT] == 0:
            repeat = min(repeat, _under_way_repeats(m, old, s, period, marks))
        if repeat <= 0:
            return 0
    for r in range(m[RESOURCES], m[ACCOUNT], m[RESOURCE_SIZE]):
        repeat = min(repeat, _resource_repeats(m, old, r, period))
        if repeat <= 0:
            return 0
    for k in range(m[TOKENS], m[RESOURCES], TOKEN_SIZE):
        repeat = min(repeat, _token_repeats(m, old, k, period))
        if repeat <= 0:
            return 0
    return repeat


@call
def _skip(m, old, repeat):
    """Go `repeat` periods ahead, the period being from the snapshot `old` to now."""
    period = m[NOW] - m[old + NOW]
    for s in range(STREAMS, m[TOKENS], STREAM_SIZE):
        for d in range(m[s + DEPTH]):
            loop = s + NEST + d * LOOP_SIZE
            m[loop + INDEX] += repeat * (m[loop + INDEX] - m[old + loop + INDEX])
        if m[s + STATUS] == ON_PIPE:
            m[s + REMAINING] += repeat * (m[s + REMAINING] - m[old + s + REMAINING])
        ahead = repeat * m[s + SHIFT]
        m[s + SINCE] += ahead
        m[s + UNTIL] += ahead
        m[s + LAST_POST] += ahead
        m[s + PRIOR_POST] += ahead
        for i in range(m[s + POST_SIZE]):
            m[_entry(m, s, i) + P_TIME] += ahead
        if m[s + PACE] > 0:
            head = _entry(m, s, 0)
            m[head + P_TIME] += repeat * period
            m[head + P_COUNT] -= repeat * m[s + PACE]
            m[s + UNDERWAY] -= repeat * m[s + PACE]
    for r in range(m[RESOURCES], m[ACCOUNT], m[RESOURCE_SIZE]):
        m[r + BOUNDARY] += repeat * (m[r + BOUNDARY] - m[old + r + BOUNDARY])
        m[r + FINISH] = STALE
    for k in range(m[TOKENS], m[RESOURCES], TOKEN_SIZE):
        taken = m[k + TAKEN] - m[old + k + TAKEN]
        change = m[k + LEVEL] - m[old + k + LEVEL]
        if _arrives_by_the_clock(m, old, k):
            change = -taken
        m[k + LEVEL] += repeat * change
        m[k + TAKEN] += repeat * taken
        m[k + LACKED] += repeat * (m[k + LACKED] - m[old + k + LACKED])
    counted = m[ELAPSED]
    if _marks_repeat(m, old):
        counted = m[ACCOUNT_END]
        m[LAST_MARK] += repeat * period
    for i in range(m[ACCOUNT], counted):
        m[i] += repeat * (m[i] - m[old + i])
    for s in range(STREAMS, m[TOKENS], STREAM_SIZE):
        m[s + MARKED] += repeat * (m[s + MARKED] - m[old + s + MARKED])
    m[NOW] += repeat * period


@part
def _copy(m, source, target, count):
    """Copy so many words; in unsigned arithmetic, as then no index could count from the end of `m`."""
    for i in range(np.uint64(count)):
        m[np.uint64(target) + i] = m[np.uint64(source) + i]


@part
def _save(m, old):
    """Make the snapshot `old` one of now: everything up to the end of the account, and results under way."""
    _copy(m, 0, old, m[ACCOUNT_END])
    for s in range(STREAMS, m[TOKENS], STREAM_SIZE):
        for i in range(m[s + POST_SIZE]):
            slot = _entry(m, s, i)
            for word in range(POST_WORDS):
                m[old + slot + word] = m[slot + word]


@call
def _fold_loop(m, loop):
    """At the end of an iteration of a loop: skip periods or renew its snapshot; return whether periods were."""
    if m[loop + CHECKPOINT] == OUTERMOST:
        _break_bursts(m)
    m[loop + CHECKPOINT] = 0
    m[loop + ITERATION] += 1
    left = _left(m, loop)
    old = m[loop + SNAPSHOT]
    if m[loop + SAVED] and left > 0:
        repeat = _repeats(m, old)
        if repeat > 0:
            _skip(m, old, repeat)
            m[loop + SAVED] = 0
            m[loop + SAVE_AT] = m[loop + ITERATION] + 1
            return True
    # Two iterations more are the least after which one can be skipped.
    if m[loop + ITERATION] >= m[loop + SAVE_AT] and left >= 2:
        _save(m, old)
        m[loop + SAVED] = 1
        m[loop + SAVE_AT] += max(1, m[loop + ITERATION] // 2)
    return False


@call
def _fold(m):
    """At the end of loop iterations: compare with the loops' snapshots, skip periods, renew snapshots.

    Return whether periods were skipped; then results may be due now, and other loops be left to compare.

    A snapshot is renewed at iterations 1, 2, 3, 4, 6, 9, 13, ... (after Brent's cycle detection), so a period
    of any length is found once a few of its lengths have passed.
    """
    for s in range(STREAMS, m[TOKENS], STREAM_SIZE):
        for loop in range(s + NEST, s + NEST + MAX_DEPTH * LOOP_SIZE, LOOP_SIZE):
            if m[loop + CHECKPOINT] != 0 and _fold_loop(m, loop):
                m[CHECKPOINTS] = 1
                return True
    return False


# The event loop.


@part
def _end_what_ends(m, trace):
    """Release the units and complete the requests on pipes whose time has come."""
    now = m[NOW]
    _end_bursts_at_borders(m)
    for r in range(m[RESOURCES], m[ACCOUNT], m[RESOURCE_SIZE]):
        if m[r + FINISH] == now:
            _complete(m, r, trace)
    for s in range(STREAMS, m[TOKENS], STREAM_SIZE):
        if m[s + STATUS] == RUNNING and m[s + UNTIL] == now:
            m[m[m[s + TASK] + RESOURCE] + OWNER] = -1
            m[s + STATUS] = READY
            m[s + BURST] = 0


@part
def _wakes(m, s):
    """When results under way next give blocked stream s what it lacks, NEVER if none do.

    That is too early where several streams have such results under way: then the first one counts.
    """
    k = m[s + LACKS]
    if k < 0:
        return m[_entry(m, s, 0) + P_TIME]
    earliest = NEVER
    enough = NEVER
    rings = 0
    for giver in range(STREAMS, m[TOKENS], STREAM_SIZE):
        if not _gives(m, giver, k):
            continue
        short = m[s + NEEDS] - m[k + LEVEL]
        before = short
        for i in range(m[giver + POST_SIZE]):
            slot = _entry(m, giver, i)
            given = _given(m, m[slot + P_TASK], m[slot + P_VARIANT], k)
            if given <= 0:
                continue
            time = m[slot + P_TIME]
            earliest = min(earliest, time)
            needed = -(-short // given)
            if needed <= m[slot + P_COUNT]:
                enough = min(enough, time + (needed - 1) * m[slot + P_INTERVAL])
                short = 0
                break
            short -= given * m[slot + P_COUNT]
        if short < before:
            rings += 1
    return earliest if rings > 1 else enough


@call
def _last_arrival(m):
    """When the last result under way arrives, NEVER if none is."""
    time = -1
    for s in range(STREAMS, m[TOKENS], STREAM_SIZE):
        if m[s + POST_SIZE] > 0:
            slot = _entry(m, s, m[s + POST_SIZE] - 1)
            after = (m[slot + P_COUNT] - 1) * m[slot + P_INTERVAL]
            time = max(time, m[slot + P_TIME] + after)
    return time if time >= 0 else NEVER


@part
def _next_time(m, fold):
    """When something next ends or arrives, or NEVER; with `fold`, of arrivals those that somebody waits for."""
    time = NEVER
    for r in range(m[RESOURCES], m[ACCOUNT], m[RESOURCE_SIZE]):
        if m[r + FINISH] == STALE:
            _plan(m, r)
        time = min(time, m[r + FINISH])
    for s in range(STREAMS, m[TOKENS], STREAM_SIZE):
        if m[s + STATUS] == RUNNING:
            time = min(time, m[s + UNTIL])
        if fold:
            if m[s + STATUS] == BLOCKED:
                time = min(time, _wakes(m, s))
        elif m[s + POST_SIZE] > 0:
            time = min(time, m[_entry(m, s, 0) + P_TIME])
    if time == NEVER:
        time = _last_arrival(m)
    return time


@kernel
def run(m, fold, trace, step_limit):
    """Run a program from the state in m until it ends; return FINISHED, DEADLOCK, TRACE_FULL or STEP_LIMIT.

    m: int64[...], the machine's memory, from `machine_memory.lay_out`.
    fold: whether periods may be skipped (the result is the same, only the trace is not).
    trace: int64[rows, 4] to be filled with (stream, task, start tick, end tick), or of no rows; on TRACE_FULL
        the caller empties it, sets m[TRACED] to 0 and calls again.
    step_limit: instants to simulate at most.
    """
    room = (m[TOKENS] - STREAMS) // STREAM_SIZE + (m[ACCOUNT] - m[RESOURCES]) // m[RESOURCE_SIZE]
    while True:
        turn = True
        while True:
            arrived = _deliver(m)
            if arrived or turn:
                _go_on(m, arrived)
                turn = False
            elif not _take_requests(m, trace, fold):
                break
        if m[CHECKPOINTS]:
            m[CHECKPOINTS] = 0
            if fold and _fold(m):
                continue
        if len(trace) > 0 and m[TRACED] + room >= len(trace):
            return TRACE_FULL

        time = _next_time(m, fold)
        if time == NEVER:
            for s in range(STREAMS, m[TOKENS], STREAM_SIZE):
                if m[s + STATUS] != DONE:
                    return DEADLOCK
            return FINISHED
        if m[STEPS] >= step_limit:
            return STEP_LIMIT
        m[NOW] = time
        m[STEPS] += 1
        _end_what_ends(m, trace)
