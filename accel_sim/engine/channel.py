"""The DRAM channel machine: requests in, commands and their cycles out, by the tables of a standard.

All kernels of the machine stand in this one module, because numba's cache does not notice an edit in another
file. They know commands by their role (activate, precharge, read, ...), timing as rows of a table and policies
by number; which standard, preset or published controller those stand for is decided in `hardware.dram`.

**Time.** A clock of the channel is worked through in a fixed order. With a *direct* front, requests are accepted
into the read and write buffers, then commands issue from them. With a *staged* front, commands issue from the
command queues, one transaction moves from the buffers into a queue, then requests are accepted. A clock in which
nothing can change is skipped: every channel says when it can next act, and the machine jumps to the earliest.

**Timing.** `ready[channel, node, command]` is the first clock at which a command may issue to a node of the
hierarchy (rank, bank group, bank, ...). A command may issue to a bank when it may at every node above it. Issuing
raises entries, one for each row of the constraint table that the command precedes; rows over a window (four
activates) look back in a ring of issue times.

**Queues.** A bank keeps its waiting requests in order of arrival, with counts of those that hit its open row, so
that choosing looks at each busy bank, not at each request.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

INFINITY = 2**62

# Roles of commands: what a command does to its banks. `roles[role]` is its number in the standard, or -1.
ACT, PRE, RD, WR, RDA, WRA, PREA, REFA, REFB, ACT2, CASR, CASW, ROLES = range(13)

# State of a bank, bank[channel, b, STATE].
CLOSED, OPEN, ACTIVATING = 0, 1, 2

# Fields of bank[channel, b].
(
    STATE,
    ROW_OPEN,
    CAS_COUNT,
    HEAD,
    HEAD_WRITES,
    TAIL,
    TAIL_WRITES,
    COUNT,
    COUNT_WRITES,
    BUSY_AT,
    BUSY_AT_WRITES,
    HITS_READ,
    HITS_WRITE,
    ACTIVE,
    DEADLINE,
    LAST_USE,
    QUEUED,
    BANK_FIELDS,
) = range(18)

# Fields of slot[channel, s], a request in the controller.
REQUEST, BANK, ROW, COLUMN, WRITE, ORDER, STAMP, NEXT, PREVIOUS, SEEN, MERGED, SLOT_FIELDS = range(12)

# Fields of chan[channel].
(
    WAKE,
    FREE,
    READS,
    WRITES,
    WRITE_MODE,
    DRAINING,
    STUCK,
    LAST_QUEUE,
    QUEUED_ALL,
    FIRST_R,
    LAST_R,
    FIRST_W,
    LAST_W,
    REFRESH_AT,
    REFRESH_HEAD,
    REFRESH_COUNT,
    FROZEN,
    REFRESH_TARGET,
    N_ACTIVE,
    N_OPENING,
    CAS_SLOT,
    CAS_ROLE,
    CLOCK_ON_UNTIL,
    EDGE_CLOCK,
    EDGE_GROUP,
    EDGE_BANK,
    SEQUENCE,
    CHAN_FIELDS,
) = range(28)

# Statistics stats[channel].
(
    READ_CAS_HITS,
    WRITE_CAS_HITS,
    READ_HITS,
    READ_MISSES,
    READ_CONFLICTS,
    WRITE_HITS,
    WRITE_MISSES,
    WRITE_CONFLICTS,
    FORWARDED,
    MERGED_READS,
    MERGED_WRITES,
    LAST_READ_DONE,
    LAST_WRITE_ISSUE,
    LAST_ACCEPT,
    WAITING_WRITES,
    STATS,
) = range(16)

# Settings, setting[...]; see `hardware.dram.policy` for what they mean and their names.
(
    STAGED,
    QUEUE_CAPACITY,
    READ_CAPACITY,
    WRITE_CAPACITY,
    UNIFIED,
    ORDER_RULE,
    PRECHARGE_RULE,
    HIT_CAP,
    CAP_STOPS_HITS,
    PROMOTE,
    DRAIN_RULE,
    DRAIN_HIGH,
    DRAIN_LOW,
    PAGE_RULE,
    PAGE_TIMEOUT,
    REFRESH_RULE,
    REFRESH_INTERVAL,
    REFRESH_FIRST,
    REFRESH_GROUPS,
    BUS_RULE,
    EDGES,
    SPLIT_ACTIVATE,
    SPLIT_DEADLINE,
    READ_LATENCY,
    WRITE_LATENCY,
    CLOCK_READ,
    CLOCK_WRITE,
    CLOCK_SYNC,
    SHARED_ADDRESSES,
    PER_CYCLE,
    RECORD,
    QUEUE_COUNT,
    SETTINGS,
) = range(33)

ROUND_ROBIN, OLDEST_READY, HITS_FIRST = 0, 1, 2
UNLESS_HITS_PENDING, UNLESS_ACTIVATED = 0, 1
FULL_OR_IDLE, WATERMARKS = 0, 1
OPEN_PAGE, AUTO_PRECHARGE, CLOSE_AFTER_HITS, CLOSE_AFTER_TIMEOUT = 0, 1, 2, 3
NO_REFRESH, STAGGERED, SIMULTANEOUS, PER_BANK = 0, 1, 2, 3
SINGLE_BUS, ROW_AND_COLUMN, SECOND_OF_OTHER_KIND = 0, 1, 2

# Kinds of command that a command-bus slot admits.
COLUMN_SLOT, ACTIVATE_SLOT, PRECHARGE_SLOT, ANY_SLOT = 1, 2, 4, 7

# Fields of rows[r], a constraint after its preceding command.
ROW_LEVEL, ROW_FOLLOWING, ROW_LATENCY, ROW_WINDOW, ROW_SIBLING, ROW_RING, ROW_FIELDS = range(7)

# Columns of a recorded command.
AT_CYCLE, COMMAND, CHANNEL, AT_BANK, AT_ROW, AT_COLUMN, RECORD_FIELDS = range(7)


class Device(NamedTuple):
    """A channel's structure and timing as arrays.

    Attributes:
        path: int64[banks, levels] node of each bank at each level.
        first_node: int64[levels] number of the first node of a level.
        banks_below: int64[levels] banks under one node of a level.
        rows: int64[rows, ROW_FIELDS] constraints, grouped by preceding command.
        row_start: int64[commands + 1] where a preceding command's rows begin.
        scope: int64[commands] level of the node that a command addresses.
        roles: int64[ROLES] number of the command that plays a role, or -1.
        groups: int64[banks, 3] of each bank: command queue, refresh group, rank whose background it counts to.
    """

    path: np.ndarray
    first_node: np.ndarray
    banks_below: np.ndarray
    rows: np.ndarray
    row_start: np.ndarray
    scope: np.ndarray
    roles: np.ndarray
    groups: np.ndarray


class State(NamedTuple):
    """Everything that changes; the first axis is the channel.

    Attributes:
        bank: int64[channels, banks, BANK_FIELDS].
        slot: int64[channels, slots, SLOT_FIELDS].
        chan: int64[channels, CHAN_FIELDS].
        ready: int64[channels, nodes, commands] first clock at which a command may issue to a node.
        ring: int64[channels, rings, nodes, window + 1] issue times for window constraints, then the position.
        busy: int64[channels, 2, banks + 1] banks with waiting requests of a list, then their number.
        held: int64[channels, 2, banks] slots whose row was opened for them; slots between two activates.
        due: int64[channels, refreshes] refresh groups whose refresh is due, a ring.
        rank: int64[channels, ranks, 3] open banks, clock since when, clocks with an open bank.
        table: int64[channels, entries, 3] addresses in the controller: key + 1, waiting write, slot of a read + 1.
        stats: int64[channels, STATS].
        counts: int64[channels, commands] commands issued.
        log: int64[commands, RECORD_FIELDS] recorded commands.
        logged: int64[1].
        accepted: int64[requests] clock at which the controller took a request.
        done: int64[requests] clock at which its data has passed.
    """

    bank: np.ndarray
    slot: np.ndarray
    chan: np.ndarray
    ready: np.ndarray
    ring: np.ndarray
    busy: np.ndarray
    held: np.ndarray
    due: np.ndarray
    rank: np.ndarray
    table: np.ndarray
    stats: np.ndarray
    counts: np.ndarray
    log: np.ndarray
    logged: np.ndarray
    accepted: np.ndarray
    done: np.ndarray


class Requests(NamedTuple):
    """Requests in the order in which they are offered.

    Attributes:
        key: int64[n] address in units of one request; equal keys are the same data.
        channel, bank, row, column: int64[n] where it goes.
        write: int64[n] 1 for a write.
        arrival: int64[n] clock before which it is not offered.
    """

    key: np.ndarray
    channel: np.ndarray
    bank: np.ndarray
    row: np.ndarray
    column: np.ndarray
    write: np.ndarray
    arrival: np.ndarray


@njit(cache=True, inline="always")
def _earliest(ready, path, ch, b, command):
    """Return the first clock at which the timing table lets a command issue to a bank."""
    clock = ready[ch, path[b, 0], command]
    for level in range(1, path.shape[1]):
        other = ready[ch, path[b, level], command]
        if other > clock:
            clock = other
    return clock


@njit(cache=True)
def _earliest_in_scope(ready, d, ch, b, command):
    """Return the same for a command that addresses all banks under the node of `b` at its scope."""
    scope = d.scope[command]
    clock = ready[ch, d.path[b, 0], command]
    for level in range(1, scope + 1):
        clock = max(clock, ready[ch, d.path[b, level], command])
    first = b - b % d.banks_below[scope]
    for level in range(scope + 1, d.path.shape[1]):
        step = d.banks_below[level]
        for other in range(first, first + d.banks_below[scope], step):
            clock = max(clock, ready[ch, d.path[other, level], command])
    return clock


@njit(cache=True)
def _constrain(s, d, ch, b, command, clock):
    """Raise the ready times of everything that must wait for a command issued now."""
    scope = d.scope[command]
    ready = s.ready
    for r in range(d.row_start[command], d.row_start[command + 1]):
        level = d.rows[r, ROW_LEVEL]
        following = d.rows[r, ROW_FOLLOWING]
        until = clock + d.rows[r, ROW_LATENCY]
        if d.rows[r, ROW_SIBLING]:
            own = d.path[b, level]
            above = d.banks_below[level - 1]
            first = d.first_node[level] + (b - b % above) // d.banks_below[level]
            for node in range(first, first + above // d.banks_below[level]):
                if node != own and ready[ch, node, following] < until:
                    ready[ch, node, following] = until
        elif level <= scope:
            node = d.path[b, level]
            window = d.rows[r, ROW_WINDOW]
            if window > 1:
                ring = d.rows[r, ROW_RING]
                last = s.ring.shape[3] - 1
                at = (s.ring[ch, ring, node, last] + 1) % window
                s.ring[ch, ring, node, at] = clock
                s.ring[ch, ring, node, last] = at
                past = s.ring[ch, ring, node, (at + 1) % window]
                if past < 0:
                    continue
                until = past + d.rows[r, ROW_LATENCY]
            if ready[ch, node, following] < until:
                ready[ch, node, following] = until
        else:
            first = b - b % d.banks_below[scope]
            for other in range(first, first + d.banks_below[scope], d.banks_below[level]):
                node = d.path[other, level]
                if ready[ch, node, following] < until:
                    ready[ch, node, following] = until


@njit(cache=True)
def _count_open(s, d, ch, b, change, clock):
    """Keep the books of background power: a rank is active while any of its banks is open."""
    rank = d.groups[b, 2]
    before = s.rank[ch, rank, 0]
    s.rank[ch, rank, 0] = before + change
    if before == 0:
        s.rank[ch, rank, 1] = clock
    elif before + change == 0:
        s.rank[ch, rank, 2] += clock - s.rank[ch, rank, 1]


@njit(cache=True)
def _close(s, d, ch, b, clock):
    bank = s.bank
    if bank[ch, b, STATE] != CLOSED:
        bank[ch, b, STATE] = CLOSED
        bank[ch, b, HITS_READ] = 0
        bank[ch, b, HITS_WRITE] = 0
        bank[ch, b, CAS_COUNT] = 0
        _count_open(s, d, ch, b, -1, clock)


@njit(cache=True)
def _count_hits(s, ch, b):
    """Count the waiting requests of a bank that hit the row just opened."""
    bank, slot = s.bank, s.slot
    row = bank[ch, b, ROW_OPEN]
    reads = 0
    writes = 0
    for which in range(2):
        at = bank[ch, b, HEAD + which]
        while at >= 0:
            if slot[ch, at, ROW] == row:
                if slot[ch, at, WRITE]:
                    writes += 1
                else:
                    reads += 1
            at = slot[ch, at, NEXT]
    bank[ch, b, HITS_READ] = reads
    bank[ch, b, HITS_WRITE] = writes


@njit(cache=True)
def _issue(s, d, setting, ch, role, b, row, column, clock):
    """Issue the command of a role to a bank (or, by its scope, to the banks around it)."""
    command = d.roles[role]
    _constrain(s, d, ch, b, command, clock)
    s.counts[ch, command] += 1
    if setting[RECORD]:
        n = s.logged[0]
        if n < s.log.shape[0]:
            s.log[n, AT_CYCLE] = clock
            s.log[n, COMMAND] = command
            s.log[n, CHANNEL] = ch
            s.log[n, AT_BANK] = b
            s.log[n, AT_ROW] = row
            s.log[n, AT_COLUMN] = column
        s.logged[0] = n + 1
    bank = s.bank
    if role == ACT:
        bank[ch, b, ROW_OPEN] = row
        bank[ch, b, CAS_COUNT] = 0
        _count_open(s, d, ch, b, 1, clock)
        if setting[SPLIT_ACTIVATE]:
            bank[ch, b, STATE] = ACTIVATING
        else:
            bank[ch, b, STATE] = OPEN
            _count_hits(s, ch, b)
    elif role == ACT2:
        bank[ch, b, STATE] = OPEN
        _count_hits(s, ch, b)
    elif role == PRE:
        _close(s, d, ch, b, clock)
    elif role == PREA:
        below = d.banks_below[d.scope[command]]
        first = b - b % below
        for other in range(first, first + below):
            _close(s, d, ch, other, clock)
    elif role == RD or role == WR:
        bank[ch, b, CAS_COUNT] += 1
        bank[ch, b, LAST_USE] = clock
    elif role == RDA or role == WRA:
        _close(s, d, ch, b, clock)


@njit(cache=True)
def _append(s, ch, which, at):
    """Put a slot at the end of a list of its bank."""
    bank, slot = s.bank, s.slot
    b = slot[ch, at, BANK]
    tail = bank[ch, b, TAIL + which]
    slot[ch, at, NEXT] = -1
    slot[ch, at, PREVIOUS] = tail
    if tail >= 0:
        slot[ch, tail, NEXT] = at
    else:
        bank[ch, b, HEAD + which] = at
        n = s.busy[ch, which, s.busy.shape[2] - 1]
        s.busy[ch, which, n] = b
        bank[ch, b, BUSY_AT + which] = n
        s.busy[ch, which, s.busy.shape[2] - 1] = n + 1
    bank[ch, b, TAIL + which] = at
    bank[ch, b, COUNT + which] += 1
    if bank[ch, b, STATE] == OPEN and bank[ch, b, ROW_OPEN] == slot[ch, at, ROW]:
        bank[ch, b, HITS_READ + slot[ch, at, WRITE]] += 1


@njit(cache=True)
def _remove(s, ch, which, at):
    """Take a slot out of a list of its bank."""
    bank, slot = s.bank, s.slot
    b = slot[ch, at, BANK]
    following = slot[ch, at, NEXT]
    previous = slot[ch, at, PREVIOUS]
    if previous >= 0:
        slot[ch, previous, NEXT] = following
    else:
        bank[ch, b, HEAD + which] = following
    if following >= 0:
        slot[ch, following, PREVIOUS] = previous
    else:
        bank[ch, b, TAIL + which] = previous
    bank[ch, b, COUNT + which] -= 1
    if bank[ch, b, COUNT + which] == 0:
        n = s.busy[ch, which, s.busy.shape[2] - 1] - 1
        hole = bank[ch, b, BUSY_AT + which]
        moved = s.busy[ch, which, n]
        s.busy[ch, which, hole] = moved
        bank[ch, moved, BUSY_AT + which] = hole
        s.busy[ch, which, s.busy.shape[2] - 1] = n
    if bank[ch, b, STATE] == OPEN and bank[ch, b, ROW_OPEN] == slot[ch, at, ROW]:
        bank[ch, b, HITS_READ + slot[ch, at, WRITE]] -= 1


@njit(cache=True)
def _find(table, ch, key):
    """Return the entry of an address, or the free one where it would go."""
    entries = table.shape[1]
    at = (key * 0x9E3779B1) & (entries - 1)
    while table[ch, at, 0] != 0 and table[ch, at, 0] != key + 1:
        at = (at + 1) & (entries - 1)
    return at


@njit(cache=True)
def _forget(table, ch, at):
    """Free an entry that holds neither a read nor a write, and close the gap it leaves."""
    if table[ch, at, 1] or table[ch, at, 2]:
        return
    mask = table.shape[1] - 1
    hole = at
    while True:
        table[ch, hole, 0] = 0
        table[ch, hole, 1] = 0
        table[ch, hole, 2] = 0
        at = hole
        while True:
            at = (at + 1) & mask
            if table[ch, at, 0] == 0:
                return
            home = ((table[ch, at, 0] - 1) * 0x9E3779B1) & mask
            if ((at - home) & mask) >= ((at - hole) & mask):
                break
        for field in range(3):
            table[ch, hole, field] = table[ch, at, field]
        hole = at


@njit(cache=True)
def _first_hit(slot, ch, at, row, write, guarded):
    """Return the first waiting request from `at` on that hits `row`, or -1.

    With `guarded`, a write waits for the reads of the same data before it.
    """
    head = at
    while at >= 0:
        if slot[ch, at, ROW] == row and slot[ch, at, WRITE] == write:
            if not (guarded and write):
                return at
            before = head
            while before != at:
                if (
                    not slot[ch, before, WRITE]
                    and slot[ch, before, ROW] == row
                    and slot[ch, before, COLUMN] == slot[ch, at, COLUMN]
                ):
                    break
                before = slot[ch, before, NEXT]
            if before == at:
                return at
        at = slot[ch, at, NEXT]
    return -1


@njit(cache=True)
def _edge_allows(s, d, ch, b, clock):
    """Return whether a precharge may share a clock with the row command of the edge before it."""
    chan = s.chan
    if clock != chan[ch, EDGE_CLOCK] or d.groups[b, 1] != chan[ch, EDGE_GROUP]:
        return True
    return chan[ch, EDGE_BANK] >= 0 and chan[ch, EDGE_BANK] != b


@njit(cache=True)
def _choose(s, d, setting, ch, which, admitted, clock):
    """Return (slot, role, wake): the command to issue now from a list of every bank, by the policy's order.

    slot is -1 when there is none. wake is the first later clock at which one that waits for time alone may.
    `admitted` are the kinds of command that the command bus takes.
    """
    bank, slot, chan, ready = s.bank, s.slot, s.chan, s.ready
    path = d.path
    best = -1
    best_role = -1
    best_key = INFINITY
    wake = INFINITY
    staged = setting[STAGED]
    rule = setting[ORDER_RULE]
    frozen = chan[ch, FROZEN]
    opening = setting[SPLIT_ACTIVATE] and chan[ch, N_OPENING] > 0
    automatic = setting[PAGE_RULE] == AUTO_PRECHARGE
    act = d.roles[ACT]
    pre = d.roles[PRE]
    for k in range(s.busy[ch, which, s.busy.shape[2] - 1]):
        b = s.busy[ch, which, k]
        if frozen >= 0 and (
            d.groups[b, 1] == frozen if setting[REFRESH_RULE] != PER_BANK else b == frozen
        ):
            continue
        state = bank[ch, b, STATE]
        head = bank[ch, b, HEAD + which]
        base = 0
        if rule == ROUND_ROBIN:
            queue = d.groups[b, 0]
            distance = queue - chan[ch, LAST_QUEUE] - 1
            if distance < 0:
                distance += setting[QUEUE_COUNT]
            base = distance << 40
        if state == CLOSED:
            if opening:
                continue
            at = _earliest(ready, path, ch, b, act)
            if at > clock:
                wake = min(wake, at)
            elif not admitted & ACTIVATE_SLOT:
                wake = min(wake, clock + 1)
            else:
                key = base + slot[ch, head, ORDER]
                if rule == HITS_FIRST:
                    key += 1 << 60
                if key < best_key:
                    best_key = key
                    best = head
                    best_role = ACT
            continue
        if state == ACTIVATING:
            continue
        row = bank[ch, b, ROW_OPEN]
        reads = 0
        writes = 0
        if staged or which == 0:
            reads = bank[ch, b, HITS_READ]
        if staged or which == 1:
            writes = bank[ch, b, HITS_WRITE]
        misses = bank[ch, b, COUNT + which] - reads - writes
        head_misses = slot[ch, head, ROW] != row
        cas = bank[ch, b, CAS_COUNT]
        capped = setting[CAP_STOPS_HITS] and head_misses and cas >= setting[HIT_CAP]
        if not capped:
            for write in range(2):
                if (writes if write else reads) == 0:
                    continue
                role = RD + write
                if automatic:
                    role += RDA - RD
                at = _earliest(ready, path, ch, b, d.roles[role])
                if at > clock:
                    wake = min(wake, at)
                elif not admitted & COLUMN_SLOT:
                    wake = min(wake, clock + 1)
                else:
                    hit = _first_hit(slot, ch, head, row, write, setting[SHARED_ADDRESSES])
                    if hit >= 0:
                        key = base + slot[ch, hit, ORDER]
                        if key < best_key:
                            best_key = key
                            best = hit
                            best_role = role
        if misses > 0:
            if setting[PRECHARGE_RULE] == UNLESS_ACTIVATED:
                if bank[ch, b, ACTIVE] > 0:
                    continue
                miss = head
                while slot[ch, miss, ROW] == row:
                    miss = slot[ch, miss, NEXT]
            else:
                if not head_misses or (reads + writes > 0 and cas < setting[HIT_CAP]):
                    continue
                miss = head
            at = _earliest(ready, path, ch, b, pre)
            if at > clock:
                wake = min(wake, at)
            elif not admitted & PRECHARGE_SLOT or (
                setting[EDGES] and not _edge_allows(s, d, ch, b, clock)
            ):
                wake = min(wake, clock + 1)
            else:
                key = base + slot[ch, miss, ORDER]
                if rule == HITS_FIRST:
                    key += 1 << 60
                if key < best_key:
                    best_key = key
                    best = miss
                    best_role = PRE
    return best, best_role, wake


@njit(cache=True)
def _choose_held(s, d, ch, clock):
    """Return (place, role, wake): the oldest ready request among those a row was opened for; place -1: none."""
    best = -1
    best_role = -1
    best_stamp = INFINITY
    wake = INFINITY
    for k in range(s.chan[ch, N_ACTIVE]):
        at = s.held[ch, 0, k]
        role = RD + s.slot[ch, at, WRITE]
        clock_ready = _earliest(s.ready, d.path, ch, s.slot[ch, at, BANK], d.roles[role])
        if clock_ready > clock:
            wake = min(wake, clock_ready)
        elif s.slot[ch, at, STAMP] < best_stamp:
            best_stamp = s.slot[ch, at, STAMP]
            best = k
            best_role = role
    return best, best_role, wake


@njit(cache=True)
def _classify(s, ch, at):
    """Count a request as row hit, miss or conflict when its first command is about to issue."""
    slot = s.slot
    if slot[ch, at, SEEN]:
        return
    slot[ch, at, SEEN] = 1
    b = slot[ch, at, BANK]
    kind = READ_MISSES
    if s.bank[ch, b, STATE] == OPEN:
        kind = READ_HITS if s.bank[ch, b, ROW_OPEN] == slot[ch, at, ROW] else READ_CONFLICTS
    if slot[ch, at, WRITE]:
        kind += WRITE_HITS - READ_HITS
    s.stats[ch, kind] += 1


@njit(cache=True)
def _retire(s, setting, ch, at, clock):
    """Complete a request whose column command issues now, with every read merged into it."""
    slot, chan = s.slot, s.chan
    write = slot[ch, at, WRITE]
    request = slot[ch, at, REQUEST]
    if write:
        s.done[request] = clock + setting[WRITE_LATENCY]
        s.stats[ch, LAST_WRITE_ISSUE] = clock
    else:
        end = clock + setting[READ_LATENCY]
        s.done[request] = end
        s.stats[ch, LAST_READ_DONE] = max(s.stats[ch, LAST_READ_DONE], end)
        merged = slot[ch, at, MERGED]
        while merged >= 0:
            following = s.done[merged]
            s.done[merged] = end
            merged = following
    slot[ch, at, NEXT] = chan[ch, FREE]
    chan[ch, FREE] = at


@njit(cache=True)
def _leave_table(s, requests, ch, at, write):
    """Take a request out of the table of addresses."""
    entry = _find(s.table, ch, requests.key[s.slot[ch, at, REQUEST]])
    if write:
        s.table[ch, entry, 1] = 0
    else:
        s.table[ch, entry, 2] = 0
    _forget(s.table, ch, entry)


@njit(cache=True)
def _leave_queue(s, d, setting, requests, ch, which, at):
    """Take a request out of the queue or buffer that it waits in."""
    slot, chan = s.slot, s.chan
    write = slot[ch, at, WRITE]
    _remove(s, ch, which, at)
    if setting[STAGED]:
        s.bank[ch, d.groups[slot[ch, at, BANK], 0], QUEUED] -= 1
        chan[ch, QUEUED_ALL] -= 1
        chan[ch, STUCK] = 0
    elif write:
        chan[ch, WRITES] -= 1
    else:
        chan[ch, READS] -= 1
    if setting[SHARED_ADDRESSES] and (write or setting[STAGED]):
        _leave_table(s, requests, ch, at, write)


@njit(cache=True)
def _perform(s, d, setting, requests, ch, which, at, role, clock):
    """Issue the chosen command of a waiting request and move the request on."""
    slot, bank = s.slot, s.bank
    b = slot[ch, at, BANK]
    _classify(s, ch, at)
    if role == RD or role == WR or role == RDA or role == WRA:
        if bank[ch, b, CAS_COUNT]:
            s.stats[ch, READ_CAS_HITS + slot[ch, at, WRITE]] += 1
        _leave_queue(s, d, setting, requests, ch, which, at)
        if (
            setting[PAGE_RULE] == CLOSE_AFTER_HITS
            and bank[ch, b, HITS_READ] + bank[ch, b, HITS_WRITE] == 0
            and _earliest(s.ready, d.path, ch, b, d.roles[role + RDA - RD]) <= clock
        ):
            role += RDA - RD
        _issue(s, d, setting, ch, role, b, slot[ch, at, ROW], slot[ch, at, COLUMN], clock)
        _retire(s, setting, ch, at, clock)
        return
    row = slot[ch, at, ROW]
    _issue(s, d, setting, ch, role, b, row, slot[ch, at, COLUMN], clock)
    if role == ACT and setting[PROMOTE]:
        _leave_queue(s, d, setting, requests, ch, which, at)
        if setting[SPLIT_ACTIVATE]:
            s.held[ch, 1, s.chan[ch, N_OPENING]] = at
            s.chan[ch, N_OPENING] += 1
            bank[ch, b, DEADLINE] = clock + setting[SPLIT_DEADLINE]
        else:
            s.held[ch, 0, s.chan[ch, N_ACTIVE]] = at
            s.chan[ch, N_ACTIVE] += 1
            bank[ch, b, ACTIVE] += 1


@njit(cache=True)
def _perform_held(s, d, setting, ch, place, role, clock):
    """Issue the column command of a request whose row was opened for it."""
    at = s.held[ch, 0, place]
    b = s.slot[ch, at, BANK]
    _classify(s, ch, at)
    if s.bank[ch, b, CAS_COUNT]:
        s.stats[ch, READ_CAS_HITS + s.slot[ch, at, WRITE]] += 1
    n = s.chan[ch, N_ACTIVE] - 1
    for k in range(place, n):
        s.held[ch, 0, k] = s.held[ch, 0, k + 1]
    s.chan[ch, N_ACTIVE] = n
    s.bank[ch, b, ACTIVE] -= 1
    _issue(s, d, setting, ch, role, b, s.slot[ch, at, ROW], s.slot[ch, at, COLUMN], clock)
    _retire(s, setting, ch, at, clock)


@njit(cache=True)
def _refreshes_due(s, d, setting, ch, clock):
    """Note the refreshes that fall due at this clock."""
    chan = s.chan
    if setting[REFRESH_RULE] == NO_REFRESH or clock < chan[ch, REFRESH_AT]:
        return
    chan[ch, REFRESH_AT] += setting[REFRESH_INTERVAL]
    size = s.due.shape[1]
    groups = setting[REFRESH_GROUPS]
    new = groups if setting[REFRESH_RULE] == SIMULTANEOUS else 1
    for _ in range(new):
        s.due[ch, (chan[ch, REFRESH_HEAD] + chan[ch, REFRESH_COUNT]) % size] = chan[ch, REFRESH_TARGET]
        chan[ch, REFRESH_COUNT] += 1
        chan[ch, REFRESH_TARGET] = (chan[ch, REFRESH_TARGET] + 1) % groups


@njit(cache=True)
def _refresh_done(s, ch):
    chan = s.chan
    chan[ch, REFRESH_HEAD] = (chan[ch, REFRESH_HEAD] + 1) % s.due.shape[1]
    chan[ch, REFRESH_COUNT] -= 1
    chan[ch, FROZEN] = -1


@njit(cache=True)
def _refresh_frozen(s, d, setting, ch, clock):
    """Serve the oldest due refresh, its banks frozen: precharge them one by one, then refresh.

    Returns (issued, wake).
    """
    chan = s.chan
    if chan[ch, REFRESH_COUNT] == 0:
        return False, INFINITY
    target = s.due[ch, chan[ch, REFRESH_HEAD]]
    chan[ch, FROZEN] = target
    role = REFA
    first = target
    below = 1
    if setting[REFRESH_RULE] == PER_BANK:
        role = REFB
    else:
        below = d.banks_below[d.scope[d.roles[REFA]]]
        first = target * below
    wake = INFINITY
    all_closed = True
    for b in range(first, first + below):
        if s.bank[ch, b, STATE] == CLOSED:
            continue
        all_closed = False
        at = _earliest(s.ready, d.path, ch, b, d.roles[PRE])
        if at <= clock:
            _issue(s, d, setting, ch, PRE, b, s.bank[ch, b, ROW_OPEN], -1, clock)
            return True, INFINITY
        wake = min(wake, at)
    if all_closed:
        at = _earliest_in_scope(s.ready, d, ch, first, d.roles[role])
        if at <= clock:
            _issue(s, d, setting, ch, role, first, -1, -1, clock)
            _refresh_done(s, ch)
            return True, INFINITY
        wake = min(wake, at)
    return False, wake


@njit(cache=True)
def _refresh_command(s, d, setting, ch, clock):
    """Return (role, bank, wake) of the oldest due refresh when it may issue now: precharge all, or refresh.

    A precharge waits for the requests that a row was opened for; role is -1 when nothing may issue.
    """
    chan = s.chan
    if chan[ch, REFRESH_COUNT] == 0:
        return -1, -1, INFINITY
    below = d.banks_below[d.scope[d.roles[REFA]]]
    first = s.due[ch, chan[ch, REFRESH_HEAD]] * below
    role = REFA
    for b in range(first, first + below):
        if s.bank[ch, b, STATE] != CLOSED:
            role = PREA
            break
    if role == PREA:
        for b in range(first, first + below):
            if s.bank[ch, b, ACTIVE] > 0:
                return -1, -1, INFINITY
    for k in range(chan[ch, N_OPENING]):
        b = s.slot[ch, s.held[ch, 1, k], BANK]
        if first <= b < first + below:
            return -1, -1, INFINITY
    at = _earliest_in_scope(s.ready, d, ch, first, d.roles[role])
    if at > clock:
        return -1, -1, at
    return role, first, INFINITY


@njit(cache=True)
def _issue_refresh(s, d, setting, ch, role, first, clock):
    _issue(s, d, setting, ch, role, first, -1, -1, clock)
    if role == REFA:
        _refresh_done(s, ch)


@njit(cache=True)
def _close_idle(s, d, setting, ch, clock):
    """Precharge one bank whose open row nobody wants and that was idle for long; returns (issued, wake)."""
    wake = INFINITY
    bank = s.bank
    for b in range(d.path.shape[0]):
        if bank[ch, b, STATE] != OPEN or bank[ch, b, HITS_READ] + bank[ch, b, HITS_WRITE] > 0:
            continue
        if bank[ch, b, CAS_COUNT] == 0:
            continue
        at = max(
            _earliest(s.ready, d.path, ch, b, d.roles[PRE]),
            bank[ch, b, LAST_USE] + setting[PAGE_TIMEOUT],
        )
        if at <= clock:
            _issue(s, d, setting, ch, PRE, b, bank[ch, b, ROW_OPEN], -1, clock)
            return True, INFINITY
        wake = min(wake, at)
    return False, wake


@njit(cache=True)
def _step_queues(s, d, setting, requests, ch, clock):
    """Issue from the command queues, then move one transaction into them; returns (changed, wake)."""
    chan = s.chan
    issued, wake = False, INFINITY
    column = False
    if chan[ch, REFRESH_COUNT]:
        issued, wake = _refresh_frozen(s, d, setting, ch, clock)
    changed = issued
    if not issued:
        at, role, later = _choose(s, d, setting, ch, 0, ANY_SLOT, clock)
        wake = min(wake, later)
        if at >= 0:
            chan[ch, LAST_QUEUE] = d.groups[s.slot[ch, at, BANK], 0]
            column = RD <= role <= WRA
            _perform(s, d, setting, requests, ch, 0, at, role, clock)
            issued = True
    if issued:
        changed = True
        if setting[BUS_RULE] == SECOND_OF_OTHER_KIND:
            at, role, _later = _choose(s, d, setting, ch, 0, ANY_SLOT, clock)
            if at >= 0:
                chan[ch, LAST_QUEUE] = d.groups[s.slot[ch, at, BANK], 0]
                if (RD <= role <= WRA) != column:
                    _perform(s, d, setting, requests, ch, 0, at, role, clock)
    elif setting[PAGE_RULE] == CLOSE_AFTER_TIMEOUT:
        changed, later = _close_idle(s, d, setting, ch, clock)
        wake = min(wake, later)
    if _move(s, d, setting, requests, ch):
        changed = True
    return changed, wake


@njit(cache=True)
def _move(s, d, setting, requests, ch):
    """Move one transaction from a buffer into the command queue of its bank; returns whether anything changed."""
    chan, slot = s.chan, s.slot
    changed = False
    if (
        chan[ch, DRAINING] == 0
        and not setting[UNIFIED]
        and (
            chan[ch, WRITES] >= setting[WRITE_CAPACITY]
            or (chan[ch, WRITES] > setting[DRAIN_LOW] and chan[ch, QUEUED_ALL] == 0)
        )
    ):
        chan[ch, DRAINING] = chan[ch, WRITES]
        chan[ch, STUCK] = 0
        changed = True
    if chan[ch, STUCK]:
        return changed
    writes = 1 if chan[ch, DRAINING] > 0 else 0
    at = chan[ch, FIRST_R + 2 * writes]
    while at >= 0:
        queue = d.groups[slot[ch, at, BANK], 0]
        if s.bank[ch, queue, QUEUED] < setting[QUEUE_CAPACITY]:
            break
        at = slot[ch, at, NEXT]
    if at < 0:
        chan[ch, STUCK] = 1
        return changed
    if writes:
        if setting[SHARED_ADDRESSES]:
            entry = _find(s.table, ch, requests.key[slot[ch, at, REQUEST]])
            if s.table[ch, entry, 2]:
                chan[ch, DRAINING] = 0
                return True
        chan[ch, DRAINING] -= 1
    following = slot[ch, at, NEXT]
    previous = slot[ch, at, PREVIOUS]
    if previous >= 0:
        slot[ch, previous, NEXT] = following
    else:
        chan[ch, FIRST_R + 2 * writes] = following
    if following >= 0:
        slot[ch, following, PREVIOUS] = previous
    else:
        chan[ch, LAST_R + 2 * writes] = previous
    chan[ch, READS + writes] -= 1
    chan[ch, SEQUENCE] += 1
    slot[ch, at, ORDER] = chan[ch, SEQUENCE]
    s.bank[ch, queue, QUEUED] += 1
    chan[ch, QUEUED_ALL] += 1
    _append(s, ch, 0, at)
    return True


@njit(cache=True)
def _choose_mode(s, setting, ch):
    """Decide between reads and writes by the fill of the write buffer, with hysteresis."""
    chan = s.chan
    if chan[ch, WRITE_MODE] == 0:
        if chan[ch, WRITES] > setting[DRAIN_HIGH] or chan[ch, READS] == 0:
            chan[ch, WRITE_MODE] = 1
    elif chan[ch, WRITES] < setting[DRAIN_LOW] and chan[ch, READS] > 0:
        chan[ch, WRITE_MODE] = 0


@njit(cache=True)
def _step_slot(s, d, setting, requests, ch, admitted, clock):
    """Issue one command of the admitted kinds from the buffers; returns (role or -1, its bank, wake)."""
    wake = INFINITY
    chan = s.chan
    if admitted & COLUMN_SLOT and chan[ch, N_ACTIVE]:
        place, role, later = _choose_held(s, d, ch, clock)
        wake = min(wake, later)
        if place >= 0:
            b = s.slot[ch, s.held[ch, 0, place], BANK]
            _perform_held(s, d, setting, ch, place, role, clock)
            return role, b, wake
    if chan[ch, REFRESH_COUNT]:
        if setting[REFRESH_RULE] == SIMULTANEOUS:
            role, first, later = _refresh_command(s, d, setting, ch, clock)
            wake = min(wake, later)
            if role >= 0:
                kind = PRECHARGE_SLOT if role == PREA else ACTIVATE_SLOT
                if admitted & kind and not (
                    setting[EDGES] and role == PREA and not _edge_allows_all(s, d, ch, first, clock)
                ):
                    _issue_refresh(s, d, setting, ch, role, first, clock)
                    return role, first, wake
                wake = min(wake, clock + 1)
            return -1, -1, wake
        if admitted & ACTIVATE_SLOT:
            issued, later = _refresh_frozen(s, d, setting, ch, clock)
            wake = min(wake, later)
            if issued:
                return REFA, 0, wake
        else:
            wake = min(wake, clock + 1)
    _choose_mode(s, setting, ch)
    which = chan[ch, WRITE_MODE]
    at, role, later = _choose(s, d, setting, ch, which, admitted, clock)
    wake = min(wake, later)
    if at >= 0:
        b = s.slot[ch, at, BANK]
        _perform(s, d, setting, requests, ch, which, at, role, clock)
        return role, b, wake
    if setting[PAGE_RULE] == CLOSE_AFTER_TIMEOUT and admitted & PRECHARGE_SLOT:
        issued, later = _close_idle(s, d, setting, ch, clock)
        wake = min(wake, later)
        if issued:
            return PRE, 0, wake
    return -1, -1, wake


@njit(cache=True)
def _edge_allows_all(s, d, ch, first, clock):
    """Return whether precharging a whole group may share a clock with the row command of the edge before it."""
    chan = s.chan
    return clock != chan[ch, EDGE_CLOCK] or d.groups[first, 1] != chan[ch, EDGE_GROUP]


@njit(cache=True)
def _step_buffers(s, d, setting, requests, ch, clock):
    """Issue from the read and write buffers; returns (changed, wake)."""
    if setting[SPLIT_ACTIVATE]:
        return _step_split(s, d, setting, requests, ch, clock)
    if setting[BUS_RULE] == SINGLE_BUS:
        role, _b, wake = _step_slot(s, d, setting, requests, ch, ANY_SLOT, clock)
        return role >= 0, wake
    changed = False
    wake = INFINITY
    rising = not setting[EDGES] or clock % 2 == 1
    if rising:
        role, _b, wake = _step_slot(s, d, setting, requests, ch, COLUMN_SLOT, clock)
        changed = role >= 0
    admitted = (ACTIVATE_SLOT | PRECHARGE_SLOT) if rising else PRECHARGE_SLOT
    role, b, later = _step_slot(s, d, setting, requests, ch, admitted, clock)
    wake = min(wake, later)
    if not rising and s.chan[ch, N_ACTIVE]:
        wake = min(wake, clock + 1)
    if role >= 0:
        changed = True
        if rising and setting[EDGES]:
            s.chan[ch, EDGE_CLOCK] = clock + (3 if role == ACT else 1)
            s.chan[ch, EDGE_GROUP] = d.groups[b, 1]
            s.chan[ch, EDGE_BANK] = -1 if role == PREA or role == REFA else b
    return changed, wake


@njit(cache=True)
def _open_second(s, d, setting, ch, latest, clock):
    """Issue the second half of the activate with the nearest deadline, if that is at most `latest`."""
    chan = s.chan
    best = -1
    best_deadline = INFINITY
    best_stamp = INFINITY
    for k in range(chan[ch, N_OPENING]):
        at = s.held[ch, 1, k]
        deadline = s.bank[ch, s.slot[ch, at, BANK], DEADLINE]
        stamp = s.slot[ch, at, STAMP]
        if deadline < best_deadline or (deadline == best_deadline and stamp < best_stamp):
            best, best_deadline, best_stamp = k, deadline, stamp
    if best < 0 or best_deadline > latest:
        return False
    at = s.held[ch, 1, best]
    n = chan[ch, N_OPENING] - 1
    for k in range(best, n):
        s.held[ch, 1, k] = s.held[ch, 1, k + 1]
    chan[ch, N_OPENING] = n
    b = s.slot[ch, at, BANK]
    _issue(s, d, setting, ch, ACT2, b, s.slot[ch, at, ROW], s.slot[ch, at, COLUMN], clock)
    s.held[ch, 0, chan[ch, N_ACTIVE]] = at
    chan[ch, N_ACTIVE] += 1
    s.bank[ch, b, ACTIVE] += 1
    return True


@njit(cache=True)
def _keep_clock(s, setting, ch, role, clock):
    """The data clock runs on until the burst just ordered has passed."""
    latency = setting[CLOCK_READ] if role == RD else setting[CLOCK_WRITE]
    s.chan[ch, CLOCK_ON_UNTIL] = max(s.chan[ch, CLOCK_ON_UNTIL], clock + latency)


@njit(cache=True)
def _step_split(s, d, setting, requests, ch, clock):
    """Issue one command of a standard with split activates and a data clock that a CAS command starts.

    Returns (changed, wake).
    """
    chan = s.chan
    slot = s.slot
    if chan[ch, CAS_SLOT] >= 0:
        at = chan[ch, CAS_SLOT]
        role = chan[ch, CAS_ROLE]
        ready = _earliest(s.ready, d.path, ch, slot[ch, at, BANK], d.roles[role])
        if ready > clock:
            return False, ready
        chan[ch, CAS_SLOT] = -1
        _keep_clock(s, setting, ch, role, clock)
        place = -1
        for k in range(chan[ch, N_ACTIVE]):
            if s.held[ch, 0, k] == at:
                place = k
        if place >= 0:
            _perform_held(s, d, setting, ch, place, role, clock)
        else:
            _perform(s, d, setting, requests, ch, slot[ch, at, WRITE], at, role, clock)
        return True, INFINITY
    if _open_second(s, d, setting, ch, clock, clock):
        return True, INFINITY
    wake = clock + 1 if chan[ch, N_OPENING] else INFINITY
    place, role, later = _choose_held(s, d, ch, clock)
    wake = min(wake, later)
    at = -1
    which = -1
    if place >= 0:
        at = s.held[ch, 0, place]
    else:
        if chan[ch, REFRESH_COUNT]:
            role, first, later = _refresh_command(s, d, setting, ch, clock)
            wake = min(wake, later)
            if role >= 0:
                _issue_refresh(s, d, setting, ch, role, first, clock)
                return True, INFINITY
        else:
            _choose_mode(s, setting, ch)
            which = chan[ch, WRITE_MODE]
            at, role, later = _choose(s, d, setting, ch, which, ANY_SLOT, clock)
            wake = min(wake, later)
    if at < 0:
        if _open_second(s, d, setting, ch, INFINITY, clock):
            return True, INFINITY
        return False, wake
    access = role == RD or role == WR
    if access and setting[CLOCK_SYNC] and clock >= chan[ch, CLOCK_ON_UNTIL]:
        for k in range(chan[ch, N_OPENING]):
            if s.bank[ch, slot[ch, s.held[ch, 1, k], BANK], DEADLINE] <= clock + 1:
                _open_second(s, d, setting, ch, INFINITY, clock)
                return True, INFINITY
        b = slot[ch, at, BANK]
        sync = CASW if role == WR else CASR
        ready = _earliest(s.ready, d.path, ch, b, d.roles[sync])
        if ready > clock:
            return False, min(wake, ready)
        _issue(s, d, setting, ch, sync, b, slot[ch, at, ROW], slot[ch, at, COLUMN], clock)
        chan[ch, CAS_SLOT] = at
        chan[ch, CAS_ROLE] = role
        return True, INFINITY
    if access:
        _keep_clock(s, setting, ch, role, clock)
    if place >= 0:
        _perform_held(s, d, setting, ch, place, role, clock)
    else:
        _perform(s, d, setting, requests, ch, which, at, role, clock)
    return True, INFINITY


@njit(cache=True)
def _accept(s, d, setting, requests, i, stamp):
    """Take a request into its channel's controller; returns whether there was room."""
    ch = requests.channel[i]
    write = requests.write[i]
    chan, slot = s.chan, s.slot
    staged = setting[STAGED]
    if staged:
        if setting[UNIFIED] or not write:
            if chan[ch, READS] >= setting[READ_CAPACITY]:
                return False
        elif chan[ch, WRITES] >= setting[WRITE_CAPACITY]:
            return False
    entry = -1
    if setting[SHARED_ADDRESSES]:
        entry = _find(s.table, ch, requests.key[i])
        if s.table[ch, entry, 1] and not write:
            s.accepted[i] = stamp
            s.done[i] = stamp + 1
            s.stats[ch, LAST_READ_DONE] = max(s.stats[ch, LAST_READ_DONE], stamp + 1)
            s.stats[ch, FORWARDED] += 1
            return True
        if s.table[ch, entry, 1] and write:
            s.accepted[i] = stamp
            s.done[i] = stamp
            s.stats[ch, MERGED_WRITES] += 1
            return True
        if staged and not write and s.table[ch, entry, 2]:
            at = s.table[ch, entry, 2] - 1
            s.accepted[i] = stamp
            s.done[i] = slot[ch, at, MERGED]
            slot[ch, at, MERGED] = i
            s.stats[ch, MERGED_READS] += 1
            return True
    if not staged:
        if write:
            if chan[ch, WRITES] >= setting[WRITE_CAPACITY]:
                return False
        elif chan[ch, READS] >= setting[READ_CAPACITY]:
            return False
    at = chan[ch, FREE]
    chan[ch, FREE] = slot[ch, at, NEXT]
    slot[ch, at, REQUEST] = i
    slot[ch, at, BANK] = requests.bank[i]
    slot[ch, at, ROW] = requests.row[i]
    slot[ch, at, COLUMN] = requests.column[i]
    slot[ch, at, WRITE] = write
    slot[ch, at, STAMP] = stamp
    slot[ch, at, SEEN] = 0
    slot[ch, at, MERGED] = -1
    s.accepted[i] = stamp
    if entry >= 0 and (write or staged):
        s.table[ch, entry, 0] = requests.key[i] + 1
        if write:
            s.table[ch, entry, 1] = 1
        else:
            s.table[ch, entry, 2] = at + 1
    lane = write if not (staged and setting[UNIFIED]) else 0
    chan[ch, READS + lane] += 1
    if staged:
        slot[ch, at, NEXT] = -1
        last = chan[ch, LAST_R + 2 * lane]
        slot[ch, at, PREVIOUS] = last
        if last >= 0:
            slot[ch, last, NEXT] = at
        else:
            chan[ch, FIRST_R + 2 * lane] = at
        chan[ch, LAST_R + 2 * lane] = at
        if s.bank[ch, d.groups[requests.bank[i], 0], QUEUED] < setting[QUEUE_CAPACITY]:
            chan[ch, STUCK] = 0
    else:
        chan[ch, SEQUENCE] += 1
        slot[ch, at, ORDER] = chan[ch, SEQUENCE]
        _append(s, ch, write, at)
    return True


@njit(cache=True)
def _step(s, d, setting, requests, ch, clock):
    """Work one channel through one clock, and note when it can next act."""
    _refreshes_due(s, d, setting, ch, clock)
    if setting[STAGED]:
        changed, wake = _step_queues(s, d, setting, requests, ch, clock)
    else:
        changed, wake = _step_buffers(s, d, setting, requests, ch, clock)
    s.chan[ch, WAKE] = clock + 1 if changed else min(wake, s.chan[ch, REFRESH_AT])


@njit(cache=True)
def run_channels(s, d, setting, requests):
    """Run all requests through the channels; returns the last clock at which data moved or a write issued.

    Requests are offered in order, at most `PER_CYCLE` a clock; one that finds no room holds up all behind it.

    Args:
        s: fresh state, see `fresh_state` in `engine.channel_run`; holds the results afterwards.
        d: structure and timing.
        setting: int64[SETTINGS].
        requests: what is offered.
    """
    channels = s.chan.shape[0]
    n = requests.key.shape[0]
    staged = setting[STAGED]
    lag = 0 if staged else 1  # clocks from the offer of a request to the clock that takes it in
    clock = lag
    for ch in range(channels):
        s.chan[ch, WAKE] = clock
    offered = 0
    end = -1
    while True:
        if staged:
            for ch in range(channels):
                if s.chan[ch, WAKE] <= clock:
                    _step(s, d, setting, requests, ch, clock)
        refused = False
        for _ in range(setting[PER_CYCLE]):
            if offered >= n or requests.arrival[offered] > clock - lag:
                break
            ch = requests.channel[offered]
            if not _accept(s, d, setting, requests, offered, clock + 1 - 2 * lag):
                refused = True
                break
            s.chan[ch, WAKE] = min(s.chan[ch, WAKE], clock + 1 - lag)
            s.stats[ch, LAST_ACCEPT] = clock + 1 - lag
            offered += 1
        following = INFINITY
        idle = offered >= n
        for ch in range(channels):
            if not staged and s.chan[ch, WAKE] <= clock:
                _step(s, d, setting, requests, ch, clock)
            following = min(following, s.chan[ch, WAKE])
            idle = idle and not _busy(s, setting, ch)
        if not refused and offered < n:
            following = min(following, max(requests.arrival[offered] + lag, clock + 1))
        if idle:
            end = -1
            for ch in range(channels):
                end = max(end, s.stats[ch, LAST_READ_DONE], s.stats[ch, LAST_WRITE_ISSUE])
            if following > end:
                break
        clock = following
    for ch in range(channels):
        s.stats[ch, WAITING_WRITES] = s.chan[ch, WRITES]
        for rank in range(s.rank.shape[1]):
            if s.rank[ch, rank, 0] > 0:
                s.rank[ch, rank, 2] += end + 1 - s.rank[ch, rank, 1]
    return end


@njit(cache=True)
def _busy(s, setting, ch):
    """Return whether the channel still holds a request that its policy will ever serve."""
    chan = s.chan
    if setting[STAGED]:
        if chan[ch, QUEUED_ALL] or chan[ch, READS] or chan[ch, DRAINING]:
            return True
        return chan[ch, WRITES] > setting[DRAIN_LOW] or chan[ch, WRITES] >= setting[WRITE_CAPACITY]
    return chan[ch, READS] > 0 or chan[ch, WRITES] > 0 or chan[ch, N_ACTIVE] > 0 or chan[ch, N_OPENING] > 0
