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
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

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
    OP_TASK,
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
    VARIANTS,
    WAITS,
    WAITS_END,
    Program,
)

# Values of stream[s, STATUS].
READY, BLOCKED, QUEUED, RUNNING, ON_PIPE, DONE = 0, 1, 2, 3, 4, 5
POST_SLOTS = 32  # results of one stream that may be under way at once
SHORTEST_FOLD = 5  # iterations a loop must have: two are compared, and the last two are never skipped
NEVER = np.iinfo(np.int64).max
STALE = -1
OUTERMOST = 2  # value of period[row, CHECKPOINT]
LEAST_BURST = 4  # iterations that are worth a burst
NOBODY, SEVERAL = -1, -2  # who takes a token or uses a resource, when it is not one stream
OTHERS = 62  # bit of all streams from this one on in a set of streams
# Return codes of `run`.
FINISHED, DEADLOCK, TRACE_FULL, STEP_LIMIT = 0, 1, 2, 3

# Entries of State.clock, and the columns of State's tables.
NOW, STEPS, LAST_MARK, CHECKPOINTS, TRACED, CLOCK_SIZE = range(6)
(
    PC, DEPTH, STATUS, LACKS, NEEDS, TASK, VARIANT, SINCE, UNTIL, REMAINING,
    LAST_POST, POST_HEAD, POST_SIZE, UNDERWAY, MARKED, SHIFT, PACE, BURST, PRIOR_POST, STREAM_SIZE,
) = range(20)  # fmt: skip
INDEX, COUNT, USES, LOOP_SIZE = range(4)
P_TIME, P_TASK, P_VARIANT, P_COUNT, P_INTERVAL, POST_WORDS = range(6)
LEVEL, TAKEN, LACKED, TOKEN_SIZE = range(4)
OWNER, RING_SIZE, SERVED, BOUNDARY, FINISH, RESOURCE_SIZE = range(6)
CHECKPOINT, SAVED, ITERATION, SAVE_AT, PERIOD_SIZE = range(5)
GIVERS, TAKER, PARTY_SIZE = range(3)

# The kernels allocate nothing, so they go without numba's reference counts, whose atomic updates at every use
# of an array would take most of the time. They are parts of one compiled function, because a call would have to
# pass some thirty arrays.
_UNCOUNTED: dict[str, Any] = {"_nrt": False}
kernel = njit(cache=True, error_model="numpy", **_UNCOUNTED)
part = njit(inline="always", **_UNCOUNTED)
call = njit(**_UNCOUNTED)


class Snapshots(NamedTuple):
    """Earlier states, one for each loop that may be open: the arrays of `State`, with rows for loops in front.

    Loop d of stream s has row s * MAX_DEPTH + d.
    """

    memory: np.ndarray
    clock: np.ndarray
    stream: np.ndarray
    loops: np.ndarray
    posts: np.ndarray
    token: np.ndarray
    resource: np.ndarray
    ring: np.ndarray
    account: np.ndarray


class State(NamedTuple):
    """Everything that changes while a program runs, all int64, times in ticks; a run can stop and resume.

    memory[...]: one block, of which the next eight are views, so that a snapshot is one copy.
    clock[5]: NOW; STEPS, instants simulated; LAST_MARK, time of the last marked result; CHECKPOINTS, 1 when a
        loop ended an iteration in this step; TRACED, rows of the trace in use.
    stream[s, 19]: PC (instruction), DEPTH (open loops), STATUS; of a blocked stream, the first token it LACKS
        (else -1) and the level it NEEDS; of the task in flight TASK, VARIANT, SINCE (when it asked), UNTIL
        (when its unit is released), REMAINING (service not yet begun); LAST_POST (time of the latest result,
        below which no later one may fall: in-order delivery); POST_HEAD, POST_SIZE (entries of the ring),
        UNDERWAY (results in them), MARKED (marked ones that arrived); SHIFT (how far the period under
        examination moved it: the period, or 0 when it sat still), PACE (of one that sat still, how many results
        arrived at the same times of it as in any other, or 0); BURST (how many executions the task in flight
        stands for), PRIOR_POST (LAST_POST before a burst on a pipe).
    loops[s, d, 3]: INDEX and COUNT of each open loop; USES, amounts so far that depended on INDEX.
    posts[s, p, 5]: results under way, a ring of P_TIME, P_TASK, P_VARIANT; an entry is P_COUNT results,
        P_INTERVAL apart.
    token[k, 3]: LEVEL; TAKEN, how much was ever taken; LACKED, how often a stream began to wait for it.
    resource[r, 5]: OWNER (stream that holds a unit, or -1); of a pipe RING_SIZE, SERVED (1 when the last in the
        ring was served last), BOUNDARY (end of the quantum in service), FINISH (next completion, NEVER when
        idle, STALE when it must be found anew). A pipe is served lazily: BOUNDARY may lie in the past until
        somebody joins or leaves.
    ring[r, s]: streams with a request on the pipe, the next to be served first.
    account[...]: executions [t, v], then busy ticks [t], then elapsed ticks by operator [tag].
    period[row, 4]: of each loop: CHECKPOINT (1 when it ended an iteration in this step), SAVED (1 when it has a
        snapshot), ITERATION (checkpoints so far), SAVE_AT (ITERATION of the next snapshot).
    party[k, 2]: who in the whole program gives each token, GIVERS, a set of streams, and who takes it, TAKER, a
        stream, NOBODY or SEVERAL.
    shared[r]: 1 when several streams use resource r.
    """

    memory: np.ndarray
    clock: np.ndarray
    stream: np.ndarray
    loops: np.ndarray
    posts: np.ndarray
    token: np.ndarray
    resource: np.ndarray
    ring: np.ndarray
    account: np.ndarray
    period: np.ndarray
    party: np.ndarray
    shared: np.ndarray
    saved: Snapshots


def initial_state(program: Program, token_levels: np.ndarray, stream_starts: np.ndarray, tags: int) -> State:
    """Return the state at time 0.

    token_levels: int64[k], tokens there at the start; stream_starts: int64[s], first instructions; tags: upper
        bound of the operator numbers that tasks carry.
    """
    # No array may be empty: numpy calls an empty view contiguous, and numba would compile anew for that type.
    s, r, k = max(1, len(stream_starts)), max(1, len(program.resource)), max(1, len(token_levels))
    shapes = [
        (CLOCK_SIZE,),
        (s, STREAM_SIZE),
        (s, MAX_DEPTH, LOOP_SIZE),
        (s, POST_SLOTS, POST_WORDS),
        (k, TOKEN_SIZE),
        (r, RESOURCE_SIZE),
        (r, s),
        (max(1, len(program.task) * (VARIANTS + 1) + tags),),
    ]
    size = sum(prod(shape) for shape in shapes)
    memory = np.zeros(size, dtype=np.int64)
    saved = np.empty((s * MAX_DEPTH, size), dtype=np.int64)
    period = np.zeros((s * MAX_DEPTH, PERIOD_SIZE), dtype=np.int64)
    snapshots = Snapshots._make([saved, *_views(saved, shapes)])
    party, shared = np.full((k, PARTY_SIZE), NOBODY, dtype=np.int64), np.zeros(r, dtype=np.int64)
    state = State._make([memory, *_views(memory, shapes), period, party, shared, snapshots])
    state.stream[:, STATUS] = DONE
    state.stream[: len(stream_starts), STATUS] = READY
    state.stream[: len(stream_starts), PC] = stream_starts
    state.stream[:, LACKS] = -1
    state.token[: len(token_levels), LEVEL] = token_levels
    state.resource[:, OWNER] = -1
    state.resource[:, FINISH] = NEVER
    return state


def _views(memory: np.ndarray, shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    """Cut the last axis of `memory` into pieces of these shapes."""
    views, start = [], 0
    for shape in shapes:
        end = start + prod(shape)
        views.append(memory[..., start:end].reshape(memory.shape[:-1] + shape))
        start = end
    return views


# Streams: instructions, tokens, results.


@part
def variant_of(p, st, s, t):
    """Which of its amounts task t of stream s uses: a bit for each named loop in its last iteration."""
    v = 0
    for bit in range(3):
        d = p.task[t, LOOPS + bit]
        if d >= 0 and st.loops[s, d, INDEX] == st.loops[s, d, COUNT] - 1:
            v |= 1 << bit
    return v


@part
def _ticks_of(p, st, s, t, v):
    """Ticks task t holds its resource, from its own table when it has one."""
    start = p.task[t, TABLE]
    if start < 0:
        return p.ticks[t, v]
    d = p.task[t, TABLE_LOOP]
    st.loops[s, d, USES] += 1
    return p.table[start + st.loops[s, d, INDEX]]


@part
def _post(p, st, s, t, v, time, count, interval):
    """Schedule `count` results of task t of stream s, the first for `time`, not before its earlier results."""
    time = max(time, st.stream[s, LAST_POST])
    st.stream[s, LAST_POST] = time + (count - 1) * interval
    if p.task[t, POSTS] == p.task[t, POSTS_END] and not p.task[t, MARK]:
        return
    slot = (st.stream[s, POST_HEAD] + st.stream[s, POST_SIZE]) % POST_SLOTS
    st.posts[s, slot, P_TIME] = time
    st.posts[s, slot, P_TASK] = t
    st.posts[s, slot, P_VARIANT] = v
    st.posts[s, slot, P_COUNT] = count
    st.posts[s, slot, P_INTERVAL] = interval
    st.stream[s, POST_SIZE] += 1
    st.stream[s, UNDERWAY] += count


@part
def _deliver_from(p, st, s, limit):
    """Let results of stream s arrive: the next one, and those of its entry that are due before `limit`."""
    slot = st.stream[s, POST_HEAD]
    interval = st.posts[s, slot, P_INTERVAL]
    time = st.posts[s, slot, P_TIME]
    count = 1
    if st.posts[s, slot, P_COUNT] > 1 and time < limit:
        count = min(st.posts[s, slot, P_COUNT], (limit - 1 - time) // interval + 1)
    t = st.posts[s, slot, P_TASK]
    v = st.posts[s, slot, P_VARIANT]
    st.posts[s, slot, P_TIME] = time + count * interval
    st.posts[s, slot, P_COUNT] -= count
    st.stream[s, UNDERWAY] -= count
    if st.posts[s, slot, P_COUNT] == 0:
        st.stream[s, POST_HEAD] = (slot + 1) % POST_SLOTS
        st.stream[s, POST_SIZE] -= 1
    for w in range(p.task[t, POSTS], p.task[t, POSTS_END]):
        st.token[p.post[w, TOKEN], LEVEL] += count * p.post[w, v]
    if p.task[t, MARK]:
        st.stream[s, MARKED] += count
        time += (count - 1) * interval
        st.account[len(p.task) * (VARIANTS + 1) + p.task[t, TAG]] += time - st.clock[LAST_MARK]
        st.clock[LAST_MARK] = time


@part
def _deliver(p, st):
    """Let the results that are due arrive, tokens and time since the last mark; return whether any did.

    They arrive in the order of their times, those of one time in stream order.
    """
    arrived = False
    while True:
        first = -1
        time = st.clock[NOW] + 1
        limit = time
        for s in range(len(st.stream)):
            if st.stream[s, POST_SIZE] > 0:
                head = st.posts[s, st.stream[s, POST_HEAD], P_TIME]
                if head < time:
                    limit = time
                    time = head
                    first = s
                else:
                    limit = min(limit, head)
        if first < 0:
            return arrived
        arrived = True
        _deliver_from(p, st, first, limit)


@part
def _open_loop(p, st, s, pc):
    """Enter the loop at pc, or pass over it when it has no iterations."""
    d = st.stream[s, DEPTH]
    count = p.code[pc, ARG]
    if p.code[pc, SLOPE] != 0:
        count += p.code[pc, SLOPE] * st.loops[s, d - 1, INDEX]
        st.loops[s, d - 1, USES] += 1
    if count <= 0:
        st.stream[s, PC] = p.code[pc, JUMP] + 1
        return
    st.loops[s, d, INDEX] = 0
    st.loops[s, d, COUNT] = count
    st.stream[s, DEPTH] = d + 1
    st.stream[s, PC] = pc + 1
    row = s * MAX_DEPTH + d
    st.period[row, CHECKPOINT] = 0
    st.period[row, SAVED] = 0
    st.period[row, ITERATION] = 0
    st.period[row, SAVE_AT] = 1


@part
def _end_iteration(p, st, s, pc):
    """Go back to the start of the innermost loop, or leave it."""
    d = st.stream[s, DEPTH] - 1
    st.loops[s, d, INDEX] += 1
    if st.loops[s, d, INDEX] == st.loops[s, d, COUNT]:
        st.stream[s, DEPTH] = d
        st.stream[s, PC] = pc + 1
        return
    st.stream[s, PC] = p.code[pc, JUMP] + 1
    if st.loops[s, d, COUNT] >= SHORTEST_FOLD:
        st.period[s * MAX_DEPTH + d, CHECKPOINT] = 1
        st.clock[CHECKPOINTS] = 1
        if d == 0:
            for inner in range(p.code[pc, JUMP] + 1, pc):
                if p.code[inner, OP] == OP_LOOP:
                    st.period[s * MAX_DEPTH, CHECKPOINT] = OUTERMOST
                    break


@part
def _take(p, st, s, t, v):
    """Take the tokens task t waits for, when all are there and its result has a slot; return whether so."""
    lacks = -1
    needs = 0
    free = st.stream[s, UNDERWAY] < POST_SLOTS
    if free:
        for w in range(p.task[t, WAITS], p.task[t, WAITS_END]):
            if st.token[p.wait[w, TOKEN], LEVEL] < p.wait[w, v]:
                lacks = p.wait[w, TOKEN]
                needs = p.wait[w, v]
                break
    if free and lacks < 0:
        for w in range(p.task[t, WAITS], p.task[t, WAITS_END]):
            k = p.wait[w, TOKEN]
            st.token[k, LEVEL] -= p.wait[w, v]
            st.token[k, TAKEN] += p.wait[w, v]
    elif lacks >= 0 and lacks != st.stream[s, LACKS]:
        st.token[lacks, LACKED] += 1
    st.stream[s, LACKS] = lacks
    st.stream[s, NEEDS] = needs
    return free and lacks < 0


@part
def _start(p, st, s, t, v):
    """Start task t of stream s: ask for its resource, or be done with it at once when it takes no time."""
    st.account[t * VARIANTS + v] += 1
    ticks = 0
    if p.task[t, RESOURCE] >= 0:
        ticks = _ticks_of(p, st, s, t, v)
        st.account[len(p.task) * VARIANTS + t] += ticks
    if ticks > 0:
        st.stream[s, TASK] = t
        st.stream[s, VARIANT] = v
        st.stream[s, SINCE] = st.clock[NOW]
        st.stream[s, REMAINING] = ticks
        st.stream[s, BURST] = 1
        st.stream[s, STATUS] = QUEUED
    else:
        _post(p, st, s, t, v, st.clock[NOW] + max(p.result[t, v], 0), 1, 0)


@part
def _go_on(p, st, arrived):
    """Run every stream until it needs a token, a resource, or is done; blocked ones only if results arrived."""
    for s in range(len(st.stream)):
        if st.stream[s, STATUS] == BLOCKED and arrived:
            st.stream[s, STATUS] = READY
        while st.stream[s, STATUS] == READY:
            pc = st.stream[s, PC]
            op = p.code[pc, OP]
            if op == OP_LOOP:
                _open_loop(p, st, s, pc)
            elif op == OP_END:
                _end_iteration(p, st, s, pc)
            elif op == OP_HALT:
                st.stream[s, STATUS] = DONE
            else:
                t = p.code[pc, ARG]
                v = variant_of(p, st, s, t)
                if _take(p, st, s, t, v):
                    st.stream[s, PC] = pc + 1
                    _start(p, st, s, t, v)
                else:
                    st.stream[s, STATUS] = BLOCKED


# Bursts: executions of a task that stand as one.


@part
def _survey(p, st):
    """Fill in `party` and `shared`."""
    for k in range(len(st.party)):
        st.party[k, GIVERS] = 0
        st.party[k, TAKER] = NOBODY
    for r in range(len(st.shared)):
        st.shared[r] = NOBODY
    s = 0
    for pc in range(len(p.code)):
        if p.code[pc, OP] == OP_HALT:
            s += 1
        elif p.code[pc, OP] == OP_TASK:
            t = p.code[pc, ARG]
            for w in range(p.task[t, POSTS], p.task[t, POSTS_END]):
                st.party[p.post[w, TOKEN], GIVERS] |= 1 << min(s, OTHERS)
            for w in range(p.task[t, WAITS], p.task[t, WAITS_END]):
                k = p.wait[w, TOKEN]
                st.party[k, TAKER] = s if st.party[k, TAKER] in (NOBODY, s) else SEVERAL
            r = p.task[t, RESOURCE]
            if r >= 0:
                st.shared[r] = s if st.shared[r] in (NOBODY, s) else SEVERAL
    for r in range(len(st.shared)):
        st.shared[r] = int(st.shared[r] == SEVERAL)


@part
def _gives(st, s, k):
    """Whether stream s is among those that give token k."""
    return (st.party[k, GIVERS] >> min(s, OTHERS)) & 1 != 0


@part
def _given(p, t, v, k):
    """How much of token k a result of task t gives."""
    total = 0
    for w in range(p.task[t, POSTS], p.task[t, POSTS_END]):
        if p.post[w, TOKEN] == k:
            total += p.post[w, v]
    return total


@part
def _arrivals(p, st, k, time):
    """How much of token k the results under way give up to `time`."""
    total = 0
    for s in range(len(st.stream)):
        if not _gives(st, s, k):
            continue
        for i in range(st.stream[s, POST_SIZE]):
            slot = (st.stream[s, POST_HEAD] + i) % POST_SLOTS
            first = st.posts[s, slot, P_TIME]
            if first > time:
                break
            given = _given(p, st.posts[s, slot, P_TASK], st.posts[s, slot, P_VARIANT], k)
            count = st.posts[s, slot, P_COUNT]
            if count > 1:
                count = min(count, (time - first) // st.posts[s, slot, P_INTERVAL] + 1)
            total += given * count
    return total


@part
def _enough_for(p, st, k, amount, ticks, most):
    """How many times, up to `most`, `amount` of token k can be taken, next in `ticks` and every `ticks` after.

    The results that are under way count, each from its time.
    """
    level = st.token[k, LEVEL]
    n = min(most, level // amount)
    while n < most:
        arrived = _arrivals(p, st, k, st.clock[NOW] + (n + 1) * ticks)
        more = min(most, (level + arrived) // amount)
        if more <= n:
            break
        n = more
    return n


@part
def _may_burst(p, st, s, t):
    """Whether task t of stream s, which gets its resource now, is alone in a loop with iterations to come."""
    end = st.stream[s, PC]
    if p.code[end, OP] != OP_END or p.code[end, JUMP] != end - 2 or p.task[t, TABLE] >= 0:
        return False
    d = st.stream[s, DEPTH] - 1
    # The last iteration is left out: its amounts may differ.
    return st.loops[s, d, COUNT] - 2 - st.loops[s, d, INDEX] >= LEAST_BURST - 1


@call
def _burst(p, st, s, t, v, delay):
    """Let task t of stream s, which gets its resource now, stand for later iterations too; return how many.

    delay: from the start of an execution to its result.
    """
    ticks = st.stream[s, REMAINING]
    d = st.stream[s, DEPTH] - 1
    n = st.loops[s, d, COUNT] - 2 - st.loops[s, d, INDEX]
    if delay <= 0 or st.clock[NOW] + delay < st.stream[s, LAST_POST]:
        return 0
    if st.stream[s, UNDERWAY] + (delay - 1) // ticks >= POST_SLOTS - 1:
        return 0
    for w in range(p.task[t, WAITS], p.task[t, WAITS_END]):
        if p.wait[w, v] > 0:
            k = p.wait[w, TOKEN]
            if st.party[k, TAKER] != s:
                return 0
            n = _enough_for(p, st, k, p.wait[w, v], ticks, n)
            if n < LEAST_BURST - 1:
                return 0
    _lengthen(p, st, s, t, v, ticks, n)
    return n


@part
def _lengthen(p, st, s, t, v, ticks, n):
    """Count `n` more executions (or fewer) of task t into the burst of stream s, all but times and results."""
    for w in range(p.task[t, WAITS], p.task[t, WAITS_END]):
        k = p.wait[w, TOKEN]
        st.token[k, LEVEL] -= n * p.wait[w, v]
        st.token[k, TAKEN] += n * p.wait[w, v]
    st.account[t * VARIANTS + v] += n
    st.account[len(p.task) * VARIANTS + t] += n * ticks
    st.loops[s, st.stream[s, DEPTH] - 1, INDEX] += n
    st.stream[s, BURST] += n


@part
def _burst_start(p, st, s, t, ticks):
    """When the first execution of the burst of stream s began."""
    r = p.task[t, RESOURCE]
    if p.resource[r, KIND] == PIPE:
        return st.resource[r, BOUNDARY]
    return st.stream[s, UNTIL] - st.stream[s, BURST] * ticks


@part
def _withdraw(p, st, s, t, v, ticks, n):
    """Take the last `n` executions out of the burst of stream s; none of them has begun before now."""
    r = p.task[t, RESOURCE]
    st.stream[s, LAST_POST] -= n * ticks
    if p.resource[r, KIND] == PIPE:
        st.stream[s, REMAINING] -= n * ticks
        st.resource[r, FINISH] = STALE
        if st.stream[s, BURST] == n + 1:
            st.stream[s, LAST_POST] = st.stream[s, PRIOR_POST]
    else:
        st.stream[s, UNTIL] -= n * ticks
    if p.task[t, POSTS] < p.task[t, POSTS_END] or p.task[t, MARK]:
        slot = (st.stream[s, POST_HEAD] + st.stream[s, POST_SIZE] - 1) % POST_SLOTS
        st.posts[s, slot, P_COUNT] -= n
        st.stream[s, UNDERWAY] -= n
        if st.posts[s, slot, P_COUNT] == 0:
            st.stream[s, POST_SIZE] -= 1
    _lengthen(p, st, s, t, v, ticks, -n)


@call
def _break_bursts(p, st):
    """End every burst with the execution that is under way now."""
    for s in range(len(st.stream)):
        status = st.stream[s, STATUS]
        if st.stream[s, BURST] <= 1 or status not in (RUNNING, ON_PIPE):
            continue
        t = st.stream[s, TASK]
        v = st.stream[s, VARIANT]
        ticks = p.ticks[t, v]
        done = (st.clock[NOW] - _burst_start(p, st, s, t, ticks)) // ticks
        if done < st.stream[s, BURST] - 1:
            _withdraw(p, st, s, t, v, ticks, st.stream[s, BURST] - 1 - done)
        if status == ON_PIPE:
            r = p.task[t, RESOURCE]
            st.resource[r, BOUNDARY] += done * ticks
            st.resource[r, FINISH] = STALE
            st.stream[s, REMAINING] = ticks
        st.stream[s, BURST] = 1


@part
def _end_bursts_at_borders(p, st):
    """End the bursts on resources that others use too whose execution ends now, as others may ask now."""
    now = st.clock[NOW]
    for s in range(len(st.stream)):
        status = st.stream[s, STATUS]
        if st.stream[s, BURST] <= 1 or status not in (RUNNING, ON_PIPE):
            continue
        t = st.stream[s, TASK]
        r = p.task[t, RESOURCE]
        if not st.shared[r]:
            continue
        v = st.stream[s, VARIANT]
        ticks = p.ticks[t, v]
        past = now - _burst_start(p, st, s, t, ticks)
        done = past // ticks
        if done * ticks == past and 0 < done < st.stream[s, BURST]:
            _withdraw(p, st, s, t, v, ticks, st.stream[s, BURST] - done)
            if status == ON_PIPE:
                st.resource[r, FINISH] = now


# Resources: units and pipes.


@part
def _record(st, trace, s, start, end):
    """Append (stream, task, start, end) to the trace if there is one; `run` keeps room for a step's rows."""
    if len(trace) > 0:
        row = st.clock[TRACED]
        trace[row, 0] = s
        trace[row, 1] = st.stream[s, TASK]
        trace[row, 2] = start
        trace[row, 3] = end
        st.clock[TRACED] = row + 1


@part
def _rounds(p, st, r, limit):
    """Whole rounds that pipe r can serve before a request has less than a quantum, and within `limit` ticks."""
    quantum = p.resource[r, QUANTUM]
    n = st.resource[r, RING_SIZE]
    rounds = limit // (n * quantum)
    for i in range(n):
        rounds = min(rounds, (st.stream[st.ring[r, i], REMAINING] - 1) // quantum)
    return rounds


@part
def _settle(p, st, r, time):
    """Serve pipe r up to the first end of a quantum that is not before `time`; no request may end before it."""
    n = st.resource[r, RING_SIZE]
    if n == 0:
        st.resource[r, BOUNDARY] = time
        return
    if st.resource[r, BOUNDARY] >= time:
        return
    quantum = p.resource[r, QUANTUM]
    rounds = _rounds(p, st, r, time - st.resource[r, BOUNDARY] - 1)
    for i in range(n):
        st.stream[st.ring[r, i], REMAINING] -= rounds * quantum
    st.resource[r, BOUNDARY] += rounds * n * quantum
    st.resource[r, SERVED] = 1
    while st.resource[r, BOUNDARY] < time:
        s = st.ring[r, 0]
        for i in range(n - 1):
            st.ring[r, i] = st.ring[r, i + 1]
        st.ring[r, n - 1] = s
        served = min(quantum, st.stream[s, REMAINING])
        st.stream[s, REMAINING] -= served
        st.resource[r, BOUNDARY] += served


@part
def _plan(p, st, r):
    """Set FINISH, the next time a request on pipe r completes, from the state at the last boundary."""
    n = st.resource[r, RING_SIZE]
    if n == 0:
        st.resource[r, FINISH] = NEVER
        return
    time = st.resource[r, BOUNDARY]
    if st.stream[st.ring[r, n - 1], REMAINING] > 0:
        quantum = p.resource[r, QUANTUM]
        rounds = _rounds(p, st, r, NEVER // 4)
        time += rounds * n * quantum
        for i in range(n):
            left = st.stream[st.ring[r, i], REMAINING] - rounds * quantum
            time += min(left, quantum)
            if left <= quantum:
                break
    st.resource[r, FINISH] = time


@part
def _join(p, st, s, r, fold):
    """Let the request of stream s join pipe r, its turn coming before the next of the one in service."""
    now = st.clock[NOW]
    if st.resource[r, RING_SIZE] == 1 and st.stream[st.ring[r, 0], BURST] > 1:
        _break_bursts(p, st)
    _settle(p, st, r, now)
    n = st.resource[r, RING_SIZE]
    st.ring[r, n] = s
    if st.resource[r, SERVED]:
        st.ring[r, n] = st.ring[r, n - 1]
        st.ring[r, n - 1] = s
    st.resource[r, RING_SIZE] = n + 1
    st.resource[r, FINISH] = STALE
    st.stream[s, STATUS] = ON_PIPE
    if fold and n == 0 and _may_burst(p, st, s, st.stream[s, TASK]):
        t = st.stream[s, TASK]
        v = st.stream[s, VARIANT]
        ticks = st.stream[s, REMAINING]
        delay = ticks + max(p.result[t, v], 0)
        more = _burst(p, st, s, t, v, delay)
        if more > 0:
            # The last result is scheduled when the request completes.
            st.stream[s, PRIOR_POST] = st.stream[s, LAST_POST]
            st.stream[s, REMAINING] += more * ticks
            _post(p, st, s, t, v, now + delay, more, ticks)


@part
def _complete(p, st, r, trace):
    """End the request of pipe r that finishes now, the last one served, and let its stream go on."""
    now = st.clock[NOW]
    _settle(p, st, r, now)
    n = st.resource[r, RING_SIZE] - 1
    s = st.ring[r, n]
    st.resource[r, RING_SIZE] = n
    st.resource[r, SERVED] = 0
    st.resource[r, FINISH] = STALE
    st.stream[s, STATUS] = READY
    st.stream[s, BURST] = 0
    t = st.stream[s, TASK]
    v = st.stream[s, VARIANT]
    _post(p, st, s, t, v, now + max(p.result[t, v], 0), 1, 0)
    _record(st, trace, s, st.stream[s, SINCE], now)


@part
def _grant(p, st, s, r, trace, fold):
    """Give unit r to stream s; its result may be there before the unit is released, but not before now."""
    now = st.clock[NOW]
    t = st.stream[s, TASK]
    v = st.stream[s, VARIANT]
    ticks = st.stream[s, REMAINING]
    delay = ticks + p.result[t, v]
    more = 0
    if fold and _may_burst(p, st, s, t):
        more = _burst(p, st, s, t, v, delay)
    st.stream[s, UNTIL] = now + (1 + more) * ticks
    st.stream[s, STATUS] = RUNNING
    st.resource[r, OWNER] = s
    _post(p, st, s, t, v, now + max(0, delay), 1 + more, ticks)
    _record(st, trace, s, now, st.stream[s, UNTIL])


@part
def _is_next(p, st, s, r):
    """Whether no later stream has asked for unit r before stream s did."""
    for other in range(s + 1, len(st.stream)):
        if (
            st.stream[other, STATUS] == QUEUED
            and st.stream[other, SINCE] < st.stream[s, SINCE]
            and p.task[st.stream[other, TASK], RESOURCE] == r
        ):
            return False
    return True


@part
def _take_requests(p, st, trace, fold):
    """Let new requests join their pipes, and give idle units to who asked first; return whether any did."""
    taken = False
    for s in range(len(st.stream)):
        if st.stream[s, STATUS] != QUEUED:
            continue
        r = p.task[st.stream[s, TASK], RESOURCE]
        if p.resource[r, KIND] == PIPE:
            _join(p, st, s, r, fold)
            taken = True
        elif st.resource[r, OWNER] >= 0:
            if st.stream[st.resource[r, OWNER], BURST] > 1:
                _break_bursts(p, st)
        elif _is_next(p, st, s, r):
            _grant(p, st, s, r, trace, fold)
            taken = True
    return taken


# Folding: finding and skipping periods.


@part
def _sit_still(st, streams):
    """Whether all of a set of streams sat still in the period under examination and keep no pace with it."""
    still = streams < 1 << OTHERS
    for s in range(min(len(st.stream), OTHERS)):
        if (streams >> s) & 1 and (st.stream[s, SHIFT] != 0 or st.stream[s, PACE] > 0):
            still = False
    return still


@part
def _goes_by_the_clock(p, st, row, s, marks):
    """Whether what stream s, which sat still, has under way may arrive when it will, whatever the period.

    So it may if only streams that sat still give those tokens, `_token_repeats` looking at who waits for them,
    and if it is not marked or marked results are of streams that sat still alone (`marks` being whether not).
    """
    old = st.saved
    if st.stream[s, STATUS] == BLOCKED and st.stream[s, LACKS] < 0:
        return False  # it waits for a slot for its results
    for i in range(old.stream[row, s, POST_SIZE]):
        t = old.posts[row, s, (old.stream[row, s, POST_HEAD] + i) % POST_SLOTS, P_TASK]
        if marks and p.task[t, MARK]:
            return False
        for w in range(p.task[t, POSTS], p.task[t, POSTS_END]):
            if not _sit_still(st, st.party[p.post[w, TOKEN], GIVERS]):
                return False
    return True


@part
def _set_pace(st, row, s, period):
    """Set PACE of stream s: how many results arrived from an entry of so many in exactly a period, or 0."""
    old = st.saved
    st.stream[s, PACE] = 0
    a = old.stream[row, s, POST_HEAD]
    b = st.stream[s, POST_HEAD]
    size = st.stream[s, POST_SIZE]
    if st.stream[s, SHIFT] != 0 or size == 0 or size != old.stream[row, s, POST_SIZE] or a != b:
        return
    came = old.posts[row, s, a, P_COUNT] - st.posts[s, b, P_COUNT]
    if came * st.posts[s, b, P_INTERVAL] == period:
        st.stream[s, PACE] = came


@part
def _under_way_repeats(p, st, row, s, period, marks):
    """How many more periods the results that stream s, which sat still, has under way arrive as in the last."""
    old = st.saved
    if st.stream[s, PACE] > 0:
        return (st.posts[s, st.stream[s, POST_HEAD], P_COUNT] - 1) // st.stream[s, PACE]
    if old.stream[row, s, POST_SIZE] == 0 or _goes_by_the_clock(p, st, row, s, marks):
        return NEVER
    if st.stream[s, UNDERWAY] != old.stream[row, s, UNDERWAY]:
        return 0
    return (st.posts[s, st.stream[s, POST_HEAD], P_TIME] - 1 - st.clock[NOW]) // period


@part
def _marks_repeat(st, row):
    """Whether marked results of streams that moved or keep pace arrived in the period under examination."""
    repeat = False
    for s in range(len(st.stream)):
        periodic = st.stream[s, SHIFT] != 0 or st.stream[s, PACE] > 0
        if periodic and st.stream[s, MARKED] != st.saved.stream[row, s, MARKED]:
            repeat = True
    return repeat


@part
def _arrives_by_the_clock(st, row, k):
    """Whether what arrives of token k comes from streams that sat still, with results under way, at no pace."""
    under_way = False
    for s in range(len(st.stream)):
        if _gives(st, s, k):
            if st.stream[s, SHIFT] != 0 or st.stream[s, PACE] > 0 or s >= OTHERS:
                return False
            under_way |= st.saved.stream[row, s, POST_SIZE] > 0
    return under_way


@part
def _stream_repeats(st, row, s, period):
    """How many more periods stream s will go through as it went through the last; sets its SHIFT."""
    old = st.saved
    now = st.clock[NOW]
    for column in (PC, DEPTH, STATUS, LACKS, BURST):
        if st.stream[s, column] != old.stream[row, s, column]:
            return 0
    repeat = NEVER
    shift = 0
    for d in range(st.stream[s, DEPTH]):
        moved = st.loops[s, d, INDEX] - old.loops[row, s, d, INDEX]
        if moved == 0:
            continue
        # Two loops that both moved are not in the same phase, and amounts that depend on an index differ.
        if moved < 0 or shift > 0 or st.loops[s, d, USES] != old.loops[row, s, d, USES]:
            return 0
        shift = period
        # Stay short of the last iteration, whose amounts may differ.
        repeat = (st.loops[s, d, COUNT] - 2 - st.loops[s, d, INDEX]) // moved
    st.stream[s, SHIFT] = shift

    status = st.stream[s, STATUS]
    if status == QUEUED:
        if st.stream[s, SINCE] - old.stream[row, s, SINCE] != shift:
            return 0
        if st.stream[s, REMAINING] != old.stream[row, s, REMAINING]:
            return 0
    elif status == RUNNING:
        if st.stream[s, UNTIL] - old.stream[row, s, UNTIL] != shift:
            return 0
        if shift == 0:
            repeat = min(repeat, (st.stream[s, UNTIL] - 1 - now) // period)
    elif status == ON_PIPE:
        served = old.stream[row, s, REMAINING] - st.stream[s, REMAINING]
        if served < 0 or (served > 0 and shift > 0):
            return 0
        if served > 0:
            # One period short of its end, because REMAINING is of the boundary, up to a period ago.
            repeat = min(repeat, (st.stream[s, REMAINING] - 1) // served - 1)
    if shift == 0:
        return repeat
    for column in (POST_SIZE, UNDERWAY):
        if st.stream[s, column] != old.stream[row, s, column]:
            return 0
    before = max(0, old.stream[row, s, LAST_POST] - old.clock[row, NOW])
    if max(0, st.stream[s, LAST_POST] - now) != before:
        return 0
    for i in range(st.stream[s, POST_SIZE]):
        a = (old.stream[row, s, POST_HEAD] + i) % POST_SLOTS
        b = (st.stream[s, POST_HEAD] + i) % POST_SLOTS
        if (
            st.posts[s, b, P_TIME] - old.posts[row, s, a, P_TIME] != shift
            or st.posts[s, b, P_TASK] != old.posts[row, s, a, P_TASK]
            or st.posts[s, b, P_VARIANT] != old.posts[row, s, a, P_VARIANT]
            or st.posts[s, b, P_COUNT] != old.posts[row, s, a, P_COUNT]
            or st.posts[s, b, P_INTERVAL] != old.posts[row, s, a, P_INTERVAL]
        ):
            return 0
    return repeat


@part
def _resource_repeats(st, row, r, period):
    """How many more periods resource r will go through as it went through the last."""
    old = st.saved
    for column in (OWNER, RING_SIZE, SERVED):
        if st.resource[r, column] != old.resource[row, r, column]:
            return 0
    n = st.resource[r, RING_SIZE]
    if n == 0:
        return NEVER
    shift = st.resource[r, BOUNDARY] - old.resource[row, r, BOUNDARY]
    if shift not in (0, period):
        return 0
    for i in range(n):
        s = st.ring[r, i]
        if s != old.ring[row, r, i] or (shift == 0 and st.stream[s, SHIFT] != 0):
            return 0
    return NEVER if shift > 0 else (st.resource[r, FINISH] - 1 - st.clock[NOW]) // period


@part
def _token_repeats(p, st, row, k, period):
    """How many more periods token k will be found enough, or too few, just as it was in the last."""
    old = st.saved
    change = st.token[k, LEVEL] - old.token[row, k, LEVEL]
    taken = st.token[k, TAKEN] - old.token[row, k, TAKEN]
    if taken < 0:
        return 0
    repeat = NEVER
    if _arrives_by_the_clock(st, row, k):
        waited = st.token[k, LACKED] != old.token[row, k, LACKED]
        for s in range(len(st.stream)):
            if st.stream[s, LACKS] == k:
                if st.stream[s, SHIFT] != 0:
                    waited = True
                elif taken > 0:
                    return 0
                else:
                    repeat = min(repeat, (_wakes(p, st, s) - 1 - st.clock[NOW]) // period)
        if waited:
            return 0
        # What is there must last, as what will arrive arrives at other times of the period.
        return min(repeat, st.token[k, LEVEL] // taken) if taken > 0 else repeat
    if change == 0:
        return repeat
    if change < 0:
        # Enough even if a period took all that it takes before it gives any.
        return min(repeat, (st.token[k, LEVEL] - taken) // -change + 1)
    # A stream that began to wait for it in the period would wait less long, or not at all, in the next.
    if st.token[k, LACKED] != old.token[row, k, LACKED]:
        return 0
    for s in range(len(st.stream)):
        if st.stream[s, LACKS] == k:
            if taken > 0:
                return 0
            repeat = min(repeat, (st.stream[s, NEEDS] - 1 - st.token[k, LEVEL]) // change)
    return repeat


@part
def _repeats(p, st, row):
    """How many times what happened since the snapshot of `row` will happen again, exactly; 0 if unknown."""
    period = st.clock[NOW] - st.saved.clock[row, NOW]
    repeat = NEVER
    for s in range(len(st.stream)):
        repeat = min(repeat, _stream_repeats(st, row, s, period))
        if repeat <= 0:
            return 0
    for s in range(len(st.stream)):
        _set_pace(st, row, s, period)
    marks = _marks_repeat(st, row)
    if marks and st.clock[LAST_MARK] - st.saved.clock[row, LAST_MARK] != period:
        return 0
    for s in range(len(st.stream)):
        if st.stream[s, SHIFT] == 0:
            repeat = min(repeat, _under_way_repeats(p, st, row, s, period, marks))
        if repeat <= 0:
            return 0
    for r in range(len(p.resource)):
        repeat = min(repeat, _resource_repeats(st, row, r, period))
        if repeat <= 0:
            return 0
    for k in range(len(st.token)):
        repeat = min(repeat, _token_repeats(p, st, row, k, period))
        if repeat <= 0:
            return 0
    return repeat


@part
def _skip(p, st, row, repeat):
    """Go `repeat` periods ahead, the period being from the snapshot of `row` to now."""
    old = st.saved
    period = st.clock[NOW] - old.clock[row, NOW]
    for s in range(len(st.stream)):
        for d in range(st.stream[s, DEPTH]):
            st.loops[s, d, INDEX] += repeat * (st.loops[s, d, INDEX] - old.loops[row, s, d, INDEX])
        if st.stream[s, STATUS] == ON_PIPE:
            st.stream[s, REMAINING] += repeat * (st.stream[s, REMAINING] - old.stream[row, s, REMAINING])
        ahead = repeat * st.stream[s, SHIFT]
        st.stream[s, SINCE] += ahead
        st.stream[s, UNTIL] += ahead
        st.stream[s, LAST_POST] += ahead
        st.stream[s, PRIOR_POST] += ahead
        for i in range(st.stream[s, POST_SIZE]):
            st.posts[s, (st.stream[s, POST_HEAD] + i) % POST_SLOTS, P_TIME] += ahead
        if st.stream[s, PACE] > 0:
            head = st.stream[s, POST_HEAD]
            st.posts[s, head, P_TIME] += repeat * period
            st.posts[s, head, P_COUNT] -= repeat * st.stream[s, PACE]
            st.stream[s, UNDERWAY] -= repeat * st.stream[s, PACE]
    for r in range(len(p.resource)):
        st.resource[r, BOUNDARY] += repeat * (st.resource[r, BOUNDARY] - old.resource[row, r, BOUNDARY])
        st.resource[r, FINISH] = STALE
    for k in range(len(st.token)):
        taken = st.token[k, TAKEN] - old.token[row, k, TAKEN]
        change = st.token[k, LEVEL] - old.token[row, k, LEVEL]
        if _arrives_by_the_clock(st, row, k):
            change = -taken
        st.token[k, LEVEL] += repeat * change
        st.token[k, TAKEN] += repeat * taken
        st.token[k, LACKED] += repeat * (st.token[k, LACKED] - old.token[row, k, LACKED])
    counted = len(p.task) * (VARIANTS + 1)
    if _marks_repeat(st, row):
        counted = len(st.account)
        st.clock[LAST_MARK] += repeat * period
    for i in range(counted):
        st.account[i] += repeat * (st.account[i] - old.account[row, i])
    for s in range(len(st.stream)):
        st.stream[s, MARKED] += repeat * (st.stream[s, MARKED] - old.stream[row, s, MARKED])
    st.clock[NOW] += repeat * period


@part
def _left(st, row):
    """How many iterations the loop of `row` has before the last, the present one not counted."""
    s, d = row // MAX_DEPTH, row % MAX_DEPTH
    return st.loops[s, d, COUNT] - 2 - st.loops[s, d, INDEX]


@call
def _fold(p, st):
    """At the end of loop iterations: compare with the loops' snapshots, skip periods, renew snapshots.

    Return whether periods were skipped; then results may be due now, and other loops be left to compare.

    A snapshot is renewed at iterations 1, 2, 3, 4, 6, 9, 13, ... (after Brent's cycle detection), so a period
    of any length is found once a few of its lengths have passed.
    """
    for row in range(len(st.period)):
        if st.period[row, CHECKPOINT] == 0:
            continue
        if st.period[row, CHECKPOINT] == OUTERMOST:
            _break_bursts(p, st)
        st.period[row, CHECKPOINT] = 0
        st.period[row, ITERATION] += 1
        left = _left(st, row)
        if st.period[row, SAVED] and left > 0:
            repeat = _repeats(p, st, row)
            if repeat > 0:
                _skip(p, st, row, repeat)
                st.period[row, SAVED] = 0
                st.period[row, SAVE_AT] = st.period[row, ITERATION] + 1
                st.clock[CHECKPOINTS] = 1
                return True
        # Two iterations more are the least after which one can be skipped.
        if st.period[row, ITERATION] >= st.period[row, SAVE_AT] and left >= 2:
            for i in range(len(st.memory)):
                st.saved.memory[row, i] = st.memory[i]
            st.period[row, SAVED] = 1
            st.period[row, SAVE_AT] += max(1, st.period[row, ITERATION] // 2)
    return False


# The event loop.


@part
def _end_what_ends(p, st, trace):
    """Release the units and complete the requests on pipes whose time has come."""
    now = st.clock[NOW]
    _end_bursts_at_borders(p, st)
    for r in range(len(p.resource)):
        if st.resource[r, FINISH] == now:
            _complete(p, st, r, trace)
    for s in range(len(st.stream)):
        if st.stream[s, STATUS] == RUNNING and st.stream[s, UNTIL] == now:
            st.resource[p.task[st.stream[s, TASK], RESOURCE], OWNER] = -1
            st.stream[s, STATUS] = READY
            st.stream[s, BURST] = 0


@part
def _wakes(p, st, s):
    """When results under way next give blocked stream s what it lacks, NEVER if none do.

    That is too early where several streams have such results under way: then the first one counts.
    """
    k = st.stream[s, LACKS]
    if k < 0:
        return st.posts[s, st.stream[s, POST_HEAD], P_TIME]
    earliest = NEVER
    enough = NEVER
    rings = 0
    for giver in range(len(st.stream)):
        if not _gives(st, giver, k):
            continue
        short = st.stream[s, NEEDS] - st.token[k, LEVEL]
        before = short
        for i in range(st.stream[giver, POST_SIZE]):
            slot = (st.stream[giver, POST_HEAD] + i) % POST_SLOTS
            given = _given(p, st.posts[giver, slot, P_TASK], st.posts[giver, slot, P_VARIANT], k)
            if given <= 0:
                continue
            time = st.posts[giver, slot, P_TIME]
            earliest = min(earliest, time)
            needed = -(-short // given)
            if needed <= st.posts[giver, slot, P_COUNT]:
                enough = min(enough, time + (needed - 1) * st.posts[giver, slot, P_INTERVAL])
                short = 0
                break
            short -= given * st.posts[giver, slot, P_COUNT]
        if short < before:
            rings += 1
    return earliest if rings > 1 else enough


@part
def _last_arrival(st):
    """When the last result under way arrives, NEVER if none is."""
    time = -1
    for s in range(len(st.stream)):
        if st.stream[s, POST_SIZE] > 0:
            slot = (st.stream[s, POST_HEAD] + st.stream[s, POST_SIZE] - 1) % POST_SLOTS
            after = (st.posts[s, slot, P_COUNT] - 1) * st.posts[s, slot, P_INTERVAL]
            time = max(time, st.posts[s, slot, P_TIME] + after)
    return time if time >= 0 else NEVER


@part
def _next_time(p, st, fold):
    """When something next ends or arrives, or NEVER; with `fold`, of arrivals those that somebody waits for."""
    time = NEVER
    for r in range(len(p.resource)):
        if st.resource[r, FINISH] == STALE:
            _plan(p, st, r)
        time = min(time, st.resource[r, FINISH])
    for s in range(len(st.stream)):
        if st.stream[s, STATUS] == RUNNING:
            time = min(time, st.stream[s, UNTIL])
        if fold:
            if st.stream[s, STATUS] == BLOCKED:
                time = min(time, _wakes(p, st, s))
        elif st.stream[s, POST_SIZE] > 0:
            time = min(time, st.posts[s, st.stream[s, POST_HEAD], P_TIME])
    if time == NEVER:
        time = _last_arrival(st)
    return time


@kernel
def run(p, st, fold, trace, step_limit):
    """Run program p from state st until it ends; return FINISHED, DEADLOCK, TRACE_FULL or STEP_LIMIT.

    fold: whether periods may be skipped (the result is the same, only the trace is not).
    trace: int64[rows, 4] to be filled with (stream, task, start tick, end tick), or of no rows; on TRACE_FULL
        the caller empties it, sets clock[TRACED] to 0 and calls again.
    step_limit: instants to simulate at most.
    """
    room = len(st.stream) + len(p.resource)
    _survey(p, st)
    while True:
        turn = True
        while True:
            arrived = _deliver(p, st)
            if arrived or turn:
                _go_on(p, st, arrived)
                turn = False
            elif not _take_requests(p, st, trace, fold):
                break
        if st.clock[CHECKPOINTS]:
            st.clock[CHECKPOINTS] = 0
            if fold and _fold(p, st):
                continue
        if len(trace) > 0 and st.clock[TRACED] + room >= len(trace):
            return TRACE_FULL

        time = _next_time(p, st, fold)
        if time == NEVER:
            for s in range(len(st.stream)):
                if st.stream[s, STATUS] != DONE:
                    return DEADLOCK
            return FINISHED
        if st.clock[STEPS] >= step_limit:
            return STEP_LIMIT
        st.clock[NOW] = time
        st.clock[STEPS] += 1
        _end_what_ends(p, st, trace)
