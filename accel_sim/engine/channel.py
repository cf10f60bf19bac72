"""The DRAM channel machine: requests in, commands and their clocks out, by the tables of a standard.

All kernels of the machine stand in this one module, because numba's cache does not notice an edit in another
file. They know commands by their role (activate, precharge, read, ...), timing as rows of a table and policies
by number; which standard, preset or published controller those stand for is decided in `hardware.dram`.

**Time.** A clock of the channel is worked through in a fixed order. With a *direct* front, requests are
accepted into the read and write buffers, then commands issue from them. With a *staged* front, commands issue
from the command queues, one transaction moves from the buffers into a queue, then requests are accepted. A
clock in which nothing can change is skipped: every channel says when it can next act, and the machine jumps to
the earliest.

**Timing.** A node of the hierarchy (rank, bank group, bank, ...) holds, for each command, the first clock at
which it may issue there. A command may issue to a bank when it may at every node above it. Issuing raises
entries, one for each row of the constraint table that the command precedes; rows over a window (four activates)
look back in a ring of issue times.

**Queues.** A bank keeps its waiting requests in order of arrival, with counts of those that hit its open row,
so that choosing looks at each busy bank, not at each request; and a bank remembers the first clock at which any
of them can go, which holds until something besides the clock changes, since issuing elsewhere only ever delays
it.

**Folding.** Requests come in segments of a fixed number. At the offer of a segment's first request the machine
writes down its state (`_write_key`): all that can matter until the first request of the next one is offered. If
it has been in that state before, at a segment of the same kind, what followed then is done to it at once
(`_skip`): clocks of acceptance and completion, counts, and the state at the end. This is exact, because:

* The machine is deterministic, and no refresh may wait or fall due in a segment that is noted or skipped. So
  its course hangs on its requests, on those that wait, and on what choosing and issuing look at for these: the
  fields of the channels, and of the *touched* banks, to which any of these requests go, and of the nodes above
  them. Other banks and nodes are neither looked at nor changed, but for first clocks that a command raises
  elsewhere (`SIBLINGS`), which are in the state too, and for rows closed because they are idle, under which
  policy all banks are touched. A rank's books hang on others only in whether any of their banks is open.
* Clocks count only by their distance from now, and those in the past (a first clock, or an issue older than the
  latency of its window) are all alike, as nothing ever asks for more than what is later than a clock to come.
* Rows count only by being equal, so the same constant may be added to all; an open row that no request wants is
  but another row. Of the order of requests only which is before which counts. Columns and addresses count only
  where an address comes twice: such streams are not folded (`channel_memory`), nor are recorded ones.
* Segments are of a kind when their channels, banks and directions are equal, their rows but for a constant and
  their arrivals but for another. Arrivals count by their distance from now, or not at all when all are past.
* A channel that sleeps until its next refresh may really sleep longer or as long; after a skip it is woken at
  once, which does no harm: a clock in which nothing can change changes nothing.

Keys are compared word by word; a hash only finds them. Random requests have no two segments of a kind, which is
known before the first clock, and pay nothing more.

**Memory.** All of it is one int64 array `m`, in which records stand at indices and refer to each other by
index; `m[b + STATE]` is field STATE of the bank at `b`. One array, because numba counts references to every
array on every call, which costs more than the machine itself. The header at 0 holds settings and where the
records are:

* `c`, a channel: CHAN_FIELDS, then one count for each command;
* `b`, a bank: BANK_FIELDS, the last of which begin the list of its nodes, one for each level;
* node: its number, then the first clock of each command (commands are numbered from 1);
* `s`, a slot: a request in the controller; `q`: a request as offered, with what became of it;
* row: a constraint after its preceding command; ring: issue times, then the position of the latest;
* `e`, an entry: a known segment. After E_FIELDS its key; for each request waiting at its start when it was
  done; for each of its own when it was accepted and done (NONE for not yet); what was counted; which requests
  wait at its end; the state then. Clocks count from its start, those of the last state from its end.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

INFINITY = 2**62
NONE = -1
STUCK_FOREVER = -2  # what `run_channels` returns when requests wait for something that will never happen

# Roles of commands: what a command does to its banks. m[m[ROLES_AT] + role] is its number, or 0.
ACT, PRE, RD, WR, RDA, WRA, PREA, REFA, REFB, ACT2, CASR, CASW, N_ROLES = range(13)

# m[b + STATE] of a bank.
CLOSED, OPEN, ACTIVATING = 0, 1, 2

# Header: policies and latencies of a preset ...
(
    STAGED,
    QUEUE_CAPACITY,
    QUEUE_COUNT,
    READ_CAPACITY,
    WRITE_CAPACITY,
    UNIFIED,
    ORDER_RULE,
    PRECHARGE_RULE,
    HIT_CAP,
    CAP_STOPS_HITS,
    PROMOTE,
    DRAIN_HIGH,
    DRAIN_LOW,
    PAGE_RULE,
    PAGE_TIMEOUT,
    REFRESH_RULE,
    REFRESH_INTERVAL,
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
    SETTINGS,
) = range(31)

# ... and where things are and how many.
(
    N_LEVELS,
    N_BANKS,
    N_COMMANDS,
    NODE_SIZE,
    N_NODES,
    RING_SIZE,
    TABLE_SIZE,
    DUE_SIZE,
    N_RANKS,
    N_CHANNELS,
    N_REQUESTS,
    LOG_ROOM,
    LOGGED,
    CHANNELS_AT,
    REQUESTS_AT,
    LOG_AT,
    ROLES_AT,
    SCOPE_AT,
    BELOW_AT,
    ROW_START_AT,
    ROWS_AT,
    SEGMENT,
    FOLD_END,
    SKIPPED,
    SIBLINGS,
    WINDOWS,
    HASH_SIZE,
    ENTRY_ROOM,
    MEMO_END,
    MEMO_NEXT,
    N_ENTRIES,
    CREDIT,
    PAUSED_UNTIL,
    ENTRY,
    ENTRY_CLOCK,
    ENTRY_REFRESH,
    RECENT,
    MARKED,
    N_WAITING,
    N_TOUCHED,
    N_TOUCHED_NODES,
    SIBLINGS_AT,
    WINDOWS_AT,
    KINDS_AT,
    HASH_AT,
    MEMO_AT,
    RECENT_AT,
    WAITING_AT,
    STAYING_AT,
    SECTIONS_AT,
    TOUCHED_AT,
    TOUCHED_NODES_AT,
    MARKS_AT,
    HEADER,
) = range(SETTINGS, SETTINGS + 54)

# A channel. Statistics first, then its state, then where its records are.
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
    WRITES,
    STATS,
) = range(16)
(
    WAKE,
    FREE,
    READS,
    WRITE_MODE,
    DRAINING,
    STUCK,
    READS_FIRST,
    LAST_QUEUE,
    QUEUED_ALL,
    FIRST_READ,
    LAST_READ,
    FIRST_WRITE,
    LAST_WRITE,
    REFRESH_AT,
    REFRESH_HEAD,
    REFRESH_COUNT,
    REFRESH_TARGET,
    FROZEN,
    N_ACTIVE,
    N_OPENING,
    CAS_SLOT,
    CAS_ROLE,
    CLOCK_ON_UNTIL,
    EDGE_CLOCK,
    EDGE_GROUP,
    EDGE_BANK,
    SEQUENCE,
    N_BUSY,
    N_BUSY_WRITES,
    DO_ROLE,
    DO_SLOT,
    DO_BANK,
    DO_FROM,
    DO_PLACE,
    BANKS,
    NODES,
    RINGS,
    SLOTS,
    BUSY,
    BUSY_WRITES,
    ACTIVE,
    OPENING,
    DUE,
    RANKS,
    TABLE,
    COUNTS,
) = range(STATS, STATS + 46)
CHAN_FIELDS = STATS + 46

# m[c + DO_FROM]: where the request of a decision waits; otherwise the number of a list of its bank.
FROM_ACTIVE, FROM_OPENING = 2, 3

# A bank.
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
    BUSY_PLACE,
    BUSY_PLACE_WRITES,
    HITS_READ,
    HITS_WRITE,
    HOLDERS,
    DEADLINE,
    LAST_USE,
    QUEUED,
    NOT_BEFORE,
    NOT_BEFORE_WRITES,
    INDEX,
    QUEUE,
    QUEUE_NUMBER,
    GROUP,
    RANK,
    MARK,
    STALE_ROW,
    PATH,
) = range(27)
BANK_FIELDS = 36
MAX_LEVELS = BANK_FIELDS - PATH

# A slot.
REQUEST, BANK, ROW, COLUMN, WRITE, ORDER, STAMP, NEXT, PREVIOUS, SEEN, MERGED, IN_QUEUE, SLOT_FIELDS = range(13)

# A request: key (its address in units of a request), where it goes, and what became of it.
KEY, TO_CHANNEL, TO_BANK, TO_ROW, TO_COLUMN, IS_WRITE, ARRIVAL, ACCEPTED, DONE, REQUEST_FIELDS = range(10)

# A piece of an address: the field of the request that it goes to, bits, position within its level's number, and
# what one of that number counts in the field. A level xor-ed with the column: its piece, bits, the lowest bit.
PIECE_FIELD, PIECE_BITS, PIECE_POSITION, PIECE_UNIT, PIECE_FIELDS = range(5)
XOR_PIECE, XOR_BITS, XOR_LOWEST, XOR_FIELDS = range(4)

# A constraint row; ROW_ABOVE is 0, or for one between siblings the banks under their parent.
ROW_LEVEL, ROW_FOLLOWING, ROW_LATENCY, ROW_WINDOW, ROW_ABOVE, ROW_RING, ROW_FIELDS = range(7)

# A recorded command; a rank's books; an entry of the address table (key + 1, waiting write, slot of a read).
AT_CYCLE, COMMAND, CHANNEL, AT_BANK, AT_ROW, AT_COLUMN, RECORD_FIELDS = range(7)
RANK_OPEN, RANK_SINCE, RANK_ACTIVE, RANK_FIELDS = range(4)
ENTRY_KEY, ENTRY_WRITE, ENTRY_READ, ENTRY_FIELDS = range(4)

# Folding. Where a slot in use waits: in its bank's lists, a buffer (reads, writes), or among the activated.
QUEUED_SECTION, BUFFER_SECTION, _WRITES_SECTION, ACTIVE_SECTION, OPENING_SECTION, SECTIONS = range(6)
# A touched node; nodes whose first clock of a command commands elsewhere raise; a row over a window.
OF_CHANNEL, OF_LEVEL, NODE, TOUCHED_FIELDS = range(4)
FIRST_NODE, NODE_COUNT, RAISED, SIBLING_FIELDS = range(4)
WINDOW_LEVEL, WINDOW_COUNT, WINDOW_LATENCY, WINDOW_RING, WINDOW_FIELDS = range(5)
# A known segment: hash and words of its key, requests waiting before and after, clocks, requests then offered.
E_HASH, E_WORDS, E_STARTED, E_STAYING, E_CLOCKS, E_OFFERED, E_FIELDS = range(7)

# Policies.
ROUND_ROBIN, OLDEST_READY, HITS_FIRST = 0, 1, 2
UNLESS_HITS_PENDING, UNLESS_ACTIVATED = 0, 1
OPEN_PAGE, AUTO_PRECHARGE, CLOSE_AFTER_HITS, CLOSE_AFTER_TIMEOUT = 0, 1, 2, 3
NO_REFRESH, STAGGERED, SIMULTANEOUS, PER_BANK = 0, 1, 2, 3
SINGLE_BUS, ROW_AND_COLUMN, SECOND_OF_OTHER_KIND = 0, 1, 2

# Kinds of command that the command bus takes. They are numbers of numpy, because what a literal is passed to
# numba compiles once more for it.
COLUMN_SLOT, ACTIVATE_SLOT, PRECHARGE_SLOT, ROW_SLOTS, ANY_SLOT = np.array([1, 2, 4, 6, 7])

# The kernels allocate nothing, so they go without numba's reference counts; only `run_channels` is called from
# Python, so only it is cached, with its parts, and wrapped.
_UNCOUNTED: dict[str, Any] = {"_nrt": False, "error_model": "numpy"}
_UNWRAPPED: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
kernel = njit(cache=True, **_UNCOUNTED)
part = njit(**_UNCOUNTED, **_UNWRAPPED)

_LATER = 1 << 60  # puts a request behind all others when the order is by hits first
_HASH = 0x9E3779B1
_MIX = 0x9E3779B97F4A7C1

# Segments not found among the known before their keys are no longer written for a while, and that while.
PATIENCE, _RETRIES, _PAUSE = 512, 16, 128


@part
def _number(m, role):
    """Return the number of the command that plays a role."""
    return m[m[ROLES_AT] + role]


@part
def _earliest(m, b, command):
    """Return the first clock at which the timing table lets a command issue to a bank."""
    clock = m[m[b + PATH] + command]
    for level in range(1, m[N_LEVELS]):
        clock = max(clock, m[m[b + PATH + level] + command])
    return clock


@part
def _earliest_in_scope(m, b, command):
    """Return the same for a command to all banks of a node, the first of which is `b`."""
    scope = m[m[SCOPE_AT] + command]
    clock = m[m[b + PATH] + command]
    for level in range(1, scope + 1):
        clock = max(clock, m[m[b + PATH + level] + command])
    below = m[m[BELOW_AT] + scope]
    for level in range(scope + 1, m[N_LEVELS]):
        for other in range(0, below, m[m[BELOW_AT] + level]):
            clock = max(clock, m[m[b + other * BANK_FIELDS + PATH + level] + command])
    return clock


@part
def _raise_to(m, at, clock):
    m[at] = max(m[at], clock)


@part
def _constrain(m, c, b, command, clock):
    """Raise the first clocks of everything that must wait for a command issued now."""
    scope = m[m[SCOPE_AT] + command]
    starts = m[ROW_START_AT] + command
    for row in range(m[starts], m[starts + 1], ROW_FIELDS):
        level = m[row + ROW_LEVEL]
        following = m[row + ROW_FOLLOWING]
        latency = m[row + ROW_LATENCY]
        above = m[row + ROW_ABOVE]
        if above:
            own = m[b + PATH + level]
            step = m[m[BELOW_AT] + level]
            first = b - (m[b + INDEX] % above) * BANK_FIELDS
            for other in range(0, above, step):
                node = m[first + other * BANK_FIELDS + PATH + level]
                if node != own:
                    _raise_to(m, node + following, clock + latency)
        elif level <= scope:
            node = m[b + PATH + level]
            window = m[row + ROW_WINDOW]
            if window == 1:
                _raise_to(m, node + following, clock + latency)
                continue
            ring = m[c + RINGS] + (m[row + ROW_RING] * m[N_NODES] + m[node]) * m[RING_SIZE]
            at = m[ring + m[RING_SIZE] - 1] + 1
            if at == window:
                at = 0
            m[ring + at] = clock
            m[ring + m[RING_SIZE] - 1] = at
            past = m[ring + (at + 1 if at + 1 < window else 0)]
            if past >= 0:
                _raise_to(m, node + following, past + latency)
        else:
            for other in range(0, m[m[BELOW_AT] + scope], m[m[BELOW_AT] + level]):
                node = m[b + other * BANK_FIELDS + PATH + level]
                _raise_to(m, node + following, clock + latency)


@part
def _count_open(m, b, change, clock):
    """Keep the books of background power: a rank is active while any of its banks is open."""
    rank = m[b + RANK]
    m[rank + RANK_OPEN] += change
    if change > 0 and m[rank + RANK_OPEN] == 1:
        m[rank + RANK_SINCE] = clock
    elif m[rank + RANK_OPEN] == 0:
        m[rank + RANK_ACTIVE] += clock - m[rank + RANK_SINCE]


@part
def _look_again(m, b):
    """Forget when a bank's requests can go: something that this hangs on, besides the clock, has changed."""
    m[b + NOT_BEFORE] = 0
    m[b + NOT_BEFORE_WRITES] = 0


@part
def _close(m, b, clock):
    _look_again(m, b)
    if m[b + STATE] != CLOSED:
        m[b + STATE] = CLOSED
        m[b + HITS_READ] = 0
        m[b + HITS_WRITE] = 0
        m[b + CAS_COUNT] = 0
        _count_open(m, b, -1, clock)


@part
def _count_hits(m, b):
    """Count the waiting requests of a bank that hit the row just opened."""
    m[b + HITS_READ] = 0
    m[b + HITS_WRITE] = 0
    for which in range(2):
        s = m[b + HEAD + which]
        while s >= 0:
            if m[s + ROW] == m[b + ROW_OPEN]:
                m[b + HITS_READ + m[s + WRITE]] += 1
            s = m[s + NEXT]


@part
def _log(m, c, command, b, row, column, clock):
    n = m[LOGGED]
    m[LOGGED] = n + 1
    if n < m[LOG_ROOM]:
        at = m[LOG_AT] + n * RECORD_FIELDS
        m[at + AT_CYCLE] = clock
        m[at + COMMAND] = command - 1
        m[at + CHANNEL] = (c - m[CHANNELS_AT]) // (CHAN_FIELDS + m[N_COMMANDS] + 1)
        m[at + AT_BANK] = m[b + INDEX]
        m[at + AT_ROW] = row
        m[at + AT_COLUMN] = column


@part
def _issue(m, c, role, b, row, column, clock):
    """Issue the command of a role to a bank (or, by its scope, to the banks from it on)."""
    command = _number(m, role)
    _constrain(m, c, b, command, clock)
    m[c + CHAN_FIELDS + command] += 1
    if m[RECORD]:
        _log(m, c, command, b, row, column, clock)
    _look_again(m, b)
    if RD <= role <= WR:
        m[b + CAS_COUNT] += 1
        m[b + LAST_USE] = clock
    elif role == ACT:
        m[b + ROW_OPEN] = row
        m[b + CAS_COUNT] = 0
        _count_open(m, b, 1, clock)
        if m[SPLIT_ACTIVATE]:
            m[b + STATE] = ACTIVATING
        else:
            m[b + STATE] = OPEN
            _count_hits(m, b)
    elif role == ACT2:
        m[b + STATE] = OPEN
        _count_hits(m, b)
    elif role == PRE or RDA <= role <= WRA:
        _close(m, b, clock)
    elif role == PREA:
        for other in range(m[m[BELOW_AT] + m[m[SCOPE_AT] + command]]):
            _close(m, b + other * BANK_FIELDS, clock)


@part
def _append(m, c, which, s):
    """Put a slot at the end of a list of its bank."""
    b = m[s + BANK]
    m[b + NOT_BEFORE + which] = 0
    if m[b + COUNT + which] == 0:
        n = m[c + N_BUSY + which]
        m[m[c + BUSY + which] + n] = b
        m[b + BUSY_PLACE + which] = n
        m[c + N_BUSY + which] = n + 1
    _link(m, s, b + HEAD + which, b + TAIL + which)
    m[b + COUNT + which] += 1
    if m[b + STATE] == OPEN and m[b + ROW_OPEN] == m[s + ROW]:
        m[b + HITS_READ + m[s + WRITE]] += 1


@part
def _link(m, s, head, tail):
    """Put a slot at the end of the list whose first and last slot stand at `head` and `tail`."""
    last = m[tail]
    m[s + NEXT] = NONE
    m[s + PREVIOUS] = last
    if last >= 0:
        m[last + NEXT] = s
    else:
        m[head] = s
    m[tail] = s


@part
def _unlink(m, s, head, tail):
    """Take a slot out of the list whose first and last slot stand at `head` and `tail`."""
    following = m[s + NEXT]
    previous = m[s + PREVIOUS]
    if previous >= 0:
        m[previous + NEXT] = following
    else:
        m[head] = following
    if following >= 0:
        m[following + PREVIOUS] = previous
    else:
        m[tail] = previous


@part
def _remove(m, c, which, s):
    """Take a slot out of a list of its bank."""
    b = m[s + BANK]
    _look_again(m, b)
    _unlink(m, s, b + HEAD + which, b + TAIL + which)
    m[b + COUNT + which] -= 1
    if m[b + COUNT + which] == 0:
        n = m[c + N_BUSY + which] - 1
        m[c + N_BUSY + which] = n
        moved = m[m[c + BUSY + which] + n]
        hole = m[b + BUSY_PLACE + which]
        m[m[c + BUSY + which] + hole] = moved
        m[moved + BUSY_PLACE + which] = hole
    if m[b + STATE] == OPEN and m[b + ROW_OPEN] == m[s + ROW]:
        m[b + HITS_READ + m[s + WRITE]] -= 1


@part
def _find(m, c, key):
    """Return the entry of an address, or the free one where it would go."""
    mask = m[TABLE_SIZE] - 1
    place = (key * _HASH) & mask
    at = m[c + TABLE] + place * ENTRY_FIELDS
    while m[at + ENTRY_KEY] != 0 and m[at + ENTRY_KEY] != key + 1:
        place = (place + 1) & mask
        at = m[c + TABLE] + place * ENTRY_FIELDS
    return at


@part
def _forget(m, c, at):
    """Free an entry that holds neither a read nor a write, and close the gap it leaves."""
    if m[at + ENTRY_WRITE] or m[at + ENTRY_READ]:
        return
    mask = m[TABLE_SIZE] - 1
    table = m[c + TABLE]
    hole = (at - table) // ENTRY_FIELDS
    while True:
        for field in range(ENTRY_FIELDS):
            m[table + hole * ENTRY_FIELDS + field] = 0
        place = hole
        while True:
            place = (place + 1) & mask
            key = m[table + place * ENTRY_FIELDS]
            if key == 0:
                return
            home = ((key - 1) * _HASH) & mask
            if ((place - home) & mask) >= ((place - hole) & mask):
                break
        for field in range(ENTRY_FIELDS):
            m[table + hole * ENTRY_FIELDS + field] = m[table + place * ENTRY_FIELDS + field]
        hole = place


@part
def _first_hit(m, head, row, write):
    """Return the first waiting request from `head` on that hits `row`, or NONE.

    Where addresses repeat, a write waits for the reads of the same data before it.
    """
    s = head
    while s >= 0:
        if m[s + ROW] == row and m[s + WRITE] == write:
            if not (write and m[SHARED_ADDRESSES]):
                return s
            before = head
            while before != s and (
                m[before + WRITE] or m[before + ROW] != row or m[before + COLUMN] != m[s + COLUMN]
            ):
                before = m[before + NEXT]
            if before == s:
                return s
        s = m[s + NEXT]
    return NONE


@part
def _edge_allows(m, c, b, clock, whole_group):
    """Return whether a precharge may share a clock with the row command of the edge before it."""
    if clock != m[c + EDGE_CLOCK] or m[b + GROUP] != m[c + EDGE_GROUP]:
        return True
    return not whole_group and m[c + EDGE_BANK] >= 0 and m[c + EDGE_BANK] != b


@part
def _queue_turn(m, c, b):
    """Return how many queues come before a bank's in turn, as the high part of a key."""
    distance = m[b + QUEUE_NUMBER] - m[c + LAST_QUEUE] - 1
    if distance < 0:
        distance += m[QUEUE_COUNT]
    return distance << 40


@part
def _choose(m, c, which, admitted, clock):
    """Return (slot, role, wake): the command to issue now from a list of every bank, by the policy's order.

    slot is NONE when there is none. wake is the first later clock at which one that waits for time alone may.
    `admitted` are the kinds of command that the command bus takes.
    """
    best = NONE
    best_role = NONE
    best_key = INFINITY
    wake = INFINITY
    rule = m[ORDER_RULE]
    mixed = m[STAGED] != 0
    frozen = m[c + FROZEN]
    act = _number(m, ACT)
    pre = _number(m, PRE)
    first_column = RDA if m[PAGE_RULE] == AUTO_PRECHARGE else RD
    for k in range(m[c + N_BUSY + which]):
        b = m[m[c + BUSY + which] + k]
        if frozen >= 0 and (m[b + INDEX] if m[REFRESH_RULE] == PER_BANK else m[b + GROUP]) == frozen:
            continue
        if m[b + NOT_BEFORE + which] > clock:
            wake = min(wake, m[b + NOT_BEFORE + which])
            continue
        state = m[b + STATE]
        head = m[b + HEAD + which]
        base = _queue_turn(m, c, b) if rule == ROUND_ROBIN else 0
        later = _LATER if rule == HITS_FIRST else 0
        if state != OPEN:
            if state == ACTIVATING or m[c + N_OPENING] > 0:
                continue
            at = _earliest(m, b, act)
            m[b + NOT_BEFORE + which] = at
            if at > clock:
                wake = min(wake, at)
            elif not admitted & ACTIVATE_SLOT:
                wake = min(wake, clock + 1)
            else:
                key = base + later + m[head + ORDER]
                if key < best_key:
                    best_key, best, best_role = key, head, ACT
            continue
        row = m[b + ROW_OPEN]
        reads = m[b + HITS_READ] if mixed or which == 0 else 0
        writes = m[b + HITS_WRITE] if mixed or which == 1 else 0
        misses = m[b + COUNT + which] - reads - writes
        head_misses = misses > 0 and m[head + ROW] != row
        capped = head_misses and m[b + CAS_COUNT] >= m[HIT_CAP]
        first = INFINITY
        if not (capped and m[CAP_STOPS_HITS]):
            for write in range(2):
                if (writes if write else reads) == 0:
                    continue
                at = _earliest(m, b, _number(m, first_column + write))
                first = min(first, at)
                if at > clock:
                    wake = min(wake, at)
                elif not admitted & COLUMN_SLOT:
                    wake = min(wake, clock + 1)
                else:
                    hit = _first_hit(m, head, row, write)
                    if hit >= 0:
                        key = base + m[hit + ORDER]
                        if key < best_key:
                            best_key, best, best_role = key, hit, first_column + write
        if misses > 0:
            miss = NONE
            if m[PRECHARGE_RULE] == UNLESS_ACTIVATED:
                if m[b + HOLDERS] == 0:
                    miss = head
                    while m[miss + ROW] == row:
                        miss = m[miss + NEXT]
            elif head_misses and (capped or reads + writes == 0):
                miss = head
            if miss >= 0:
                at = _earliest(m, b, pre)
                first = min(first, at)
                if at > clock:
                    wake = min(wake, at)
                elif not admitted & PRECHARGE_SLOT or (m[EDGES] and not _edge_allows(m, c, b, clock, False)):
                    wake = min(wake, clock + 1)
                else:
                    key = base + later + m[miss + ORDER]
                    if key < best_key:
                        best_key, best, best_role = key, miss, PRE
        m[b + NOT_BEFORE + which] = first
    return best, best_role, wake


@part
def _decide(m, c, role, s, b, source, place):
    """Note the command to issue: role, request that it serves or NONE, bank, and where the request waits."""
    m[c + DO_ROLE] = role
    m[c + DO_SLOT] = s
    m[c + DO_BANK] = b
    m[c + DO_FROM] = source
    m[c + DO_PLACE] = place


@part
def _decide_active(m, c, clock):
    """Decide for the oldest ready request among those a row was opened for; returns wake."""
    stamp = INFINITY
    wake = INFINITY
    for k in range(m[c + N_ACTIVE]):
        s = m[m[c + ACTIVE] + k]
        role = RD + m[s + WRITE]
        at = _earliest(m, m[s + BANK], _number(m, role))
        if at > clock:
            wake = min(wake, at)
        elif m[s + STAMP] < stamp:
            stamp = m[s + STAMP]
            _decide(m, c, role, s, m[s + BANK], FROM_ACTIVE, k)
    return wake


@part
def _decide_refresh(m, c, clock):
    """Decide for the oldest due refresh; returns wake.

    Without activated requests to wait for, the refresh's banks are frozen and precharged one by one. With them
    (all ranks at once), one command precharges all when none of them waits any longer.
    """
    target = m[m[c + DUE] + m[c + REFRESH_HEAD]]
    role = REFA
    below = 1
    if m[REFRESH_RULE] == PER_BANK:
        role = REFB
    else:
        below = m[m[BELOW_AT] + m[m[SCOPE_AT] + _number(m, REFA)]]
    first = m[c + BANKS] + target * below * BANK_FIELDS
    wake = INFINITY
    open_banks = 0
    held = 0
    for b in range(first, first + below * BANK_FIELDS, BANK_FIELDS):
        held += m[b + HOLDERS]
        if m[b + STATE] == CLOSED:
            continue
        open_banks += 1
        if m[REFRESH_RULE] != SIMULTANEOUS:
            at = _earliest(m, b, _number(m, PRE))
            if at <= clock:
                _decide(m, c, PRE, NONE, b, NONE, NONE)
                break
            wake = min(wake, at)
    if m[REFRESH_RULE] == SIMULTANEOUS:
        for k in range(m[c + N_OPENING]):
            if m[m[m[m[c + OPENING] + k] + BANK] + GROUP] == target:
                held += 1
        if open_banks and held:
            return wake
        if open_banks:
            role = PREA
    else:
        m[c + FROZEN] = target
        if open_banks:
            return wake
    at = _earliest_in_scope(m, first, _number(m, role))
    if at > clock:
        return at
    _decide(m, c, role, NONE, first, NONE, NONE)
    return wake


@part
def _decide_idle(m, c, clock):
    """Decide to precharge a bank whose open row nobody wants and that was idle for long; returns wake."""
    wake = INFINITY
    for k in range(m[N_BANKS]):
        b = m[c + BANKS] + k * BANK_FIELDS
        if m[b + STATE] != OPEN or m[b + HITS_READ] + m[b + HITS_WRITE] > 0 or m[b + CAS_COUNT] == 0:
            continue
        at = max(_earliest(m, b, _number(m, PRE)), m[b + LAST_USE] + m[PAGE_TIMEOUT])
        if at <= clock:
            _decide(m, c, PRE, NONE, b, NONE, NONE)
            return wake
        wake = min(wake, at)
    return wake


@part
def _decide_waiting(m, c, which, admitted, clock):
    """Decide for a request of the queues or a buffer, else for an idle bank; returns wake."""
    s, role, wake = _choose(m, c, which, admitted, clock)
    if s >= 0:
        _decide(m, c, role, s, m[s + BANK], which, NONE)
        m[c + LAST_QUEUE] = m[m[s + BANK] + QUEUE_NUMBER]
    elif m[PAGE_RULE] == CLOSE_AFTER_TIMEOUT and admitted & PRECHARGE_SLOT:
        wake = min(wake, _decide_idle(m, c, clock))
    return wake


@part
def _decide_queues(m, c, turn, clock):
    """Decide what issues from the command queues, first or second in a clock; returns wake."""
    first = m[c + DO_ROLE]
    m[c + DO_ROLE] = NONE
    wake = INFINITY
    if turn == 0 and m[c + REFRESH_COUNT]:
        wake = _decide_refresh(m, c, clock)
        if m[c + DO_ROLE] >= 0:
            return wake
    wake = min(wake, _decide_waiting(m, c, np.int64(0), ANY_SLOT, clock))
    if turn == 1 and (RD <= m[c + DO_ROLE] <= WRA) == (RD <= first <= WRA):
        m[c + DO_ROLE] = NONE
    return wake


@part
def _choose_mode(m, c):
    """Decide between reads and writes by the fill of the write buffer, with hysteresis."""
    if m[c + WRITE_MODE] == 0:
        if m[c + WRITES] > m[DRAIN_HIGH] or m[c + READS] == 0:
            m[c + WRITE_MODE] = 1
    elif m[c + WRITES] < m[DRAIN_LOW] and m[c + READS] > 0:
        m[c + WRITE_MODE] = 0


@part
def _decide_buffers(m, c, admitted, clock):
    """Decide what of the admitted kinds issues from the read and write buffers; returns wake."""
    m[c + DO_ROLE] = NONE
    wake = INFINITY
    if m[c + N_ACTIVE]:
        if admitted & COLUMN_SLOT:
            wake = _decide_active(m, c, clock)
            if m[c + DO_ROLE] >= 0:
                return wake
        elif not admitted & ACTIVATE_SLOT:
            wake = clock + 1
    if m[c + REFRESH_COUNT]:
        wake = min(wake, _decide_refresh(m, c, clock))
        role = m[c + DO_ROLE]
        if role >= 0:
            kind = ACTIVATE_SLOT if REFA <= role <= REFB else PRECHARGE_SLOT
            if admitted & kind and not (
                m[EDGES]
                and kind == PRECHARGE_SLOT
                and not _edge_allows(m, c, m[c + DO_BANK], clock, role == PREA)
            ):
                return wake
            m[c + DO_ROLE] = NONE
            wake = min(wake, clock + 1)
        if m[REFRESH_RULE] == SIMULTANEOUS:
            return wake
    _choose_mode(m, c)
    return min(wake, _decide_waiting(m, c, m[c + WRITE_MODE], admitted, clock))


@part
def _decide_second_half(m, c, latest):
    """Decide for the second half of the activate with the nearest deadline, if that is at most `latest`."""
    deadline = latest + 1
    stamp = INFINITY
    for k in range(m[c + N_OPENING]):
        s = m[m[c + OPENING] + k]
        due = m[m[s + BANK] + DEADLINE]
        if due < deadline or (due == deadline and due <= latest and m[s + STAMP] < stamp):
            deadline, stamp = due, m[s + STAMP]
            _decide(m, c, ACT2, s, m[s + BANK], FROM_OPENING, k)


@part
def _decide_synced(m, c, clock):
    """Decide for the column command that the data clock was started for; returns wake."""
    s = m[c + CAS_SLOT]
    role = m[c + CAS_ROLE]
    at = _earliest(m, m[s + BANK], _number(m, role))
    if at > clock:
        return at
    m[c + CAS_SLOT] = NONE
    _decide(m, c, role, s, m[s + BANK], m[s + WRITE], NONE)
    for k in range(m[c + N_ACTIVE]):
        if m[m[c + ACTIVE] + k] == s:
            m[c + DO_FROM] = FROM_ACTIVE
            m[c + DO_PLACE] = k
    return INFINITY


@part
def _decide_split(m, c, clock):
    """Decide for a standard with split activates and a data clock that a CAS command starts; returns wake."""
    m[c + DO_ROLE] = NONE
    if m[c + CAS_SLOT] >= 0:
        return _decide_synced(m, c, clock)
    _decide_second_half(m, c, clock)
    if m[c + DO_ROLE] >= 0:
        return INFINITY
    wake = _decide_buffers(m, c, ANY_SLOT, clock)
    role = m[c + DO_ROLE]
    if role < 0:
        _decide_second_half(m, c, INFINITY - 1)
    elif RD <= role <= WR and m[CLOCK_SYNC] and clock >= m[c + CLOCK_ON_UNTIL]:
        # The clock after the CAS belongs to its column command, so no second half may be due then.
        s = m[c + DO_SLOT]
        m[c + DO_ROLE] = NONE
        _decide_second_half(m, c, clock + 1)
        if m[c + DO_ROLE] >= 0:
            return wake
        b = m[s + BANK]
        sync = CASW if role == WR else CASR
        at = _earliest(m, b, _number(m, sync))
        if at > clock:
            return min(wake, at)
        _decide(m, c, sync, s, b, NONE, NONE)
        m[c + CAS_SLOT] = s
        m[c + CAS_ROLE] = role
    return wake


@part
def _leave_list(m, c, at, count, place):
    """Take the entry at a place out of a list whose length stands in the channel at `count`."""
    m[c + count] -= 1
    for k in range(at + place, at + m[c + count]):
        m[k] = m[k + 1]


@part
def _leave_queue(m, c, which, s):
    """Take a request out of the queue or buffer that it waits in, and out of the table of addresses."""
    _remove(m, c, which, s)
    write = m[s + WRITE]
    if m[STAGED]:
        m[m[m[s + BANK] + QUEUE] + QUEUED] -= 1
        m[c + QUEUED_ALL] -= 1
        m[c + STUCK] = 0
    elif write:
        m[c + WRITES] -= 1
    else:
        m[c + READS] -= 1
    if m[SHARED_ADDRESSES] and (write or m[STAGED]):
        entry = _find(m, c, m[m[s + REQUEST] + KEY])
        m[entry + (ENTRY_WRITE if write else ENTRY_READ)] = 0
        _forget(m, c, entry)


@part
def _classify(m, c, s, role):
    """Count a request as row hit, miss or conflict at its first command, and a column command after others."""
    b = m[s + BANK]
    write = m[s + WRITE]
    if not m[s + SEEN]:
        m[s + SEEN] = 1
        kind = READ_MISSES
        if m[b + STATE] == OPEN:
            kind = READ_HITS if m[b + ROW_OPEN] == m[s + ROW] else READ_CONFLICTS
        m[c + kind + write * (WRITE_HITS - READ_HITS)] += 1
    if RD <= role <= WRA and m[b + CAS_COUNT]:
        m[c + READ_CAS_HITS + write] += 1


@part
def _retire(m, c, s, clock):
    """Complete a request whose column command issued now, with every read merged into it."""
    q = m[s + REQUEST]
    if m[s + WRITE]:
        m[q + DONE] = clock + m[WRITE_LATENCY]
        m[c + LAST_WRITE_ISSUE] = clock
    else:
        end = clock + m[READ_LATENCY]
        m[q + DONE] = end
        m[c + LAST_READ_DONE] = max(m[c + LAST_READ_DONE], end)
        merged = m[s + MERGED]
        while merged >= 0:
            following = m[merged + DONE]
            m[merged + DONE] = end
            merged = following
    m[s + NEXT] = m[c + FREE]
    m[c + FREE] = s


@part
def _move_on(m, c, s, role, clock):
    """Take a request a step further before its command issues: out of its queue, or among the activated.

    Returns the role, which becomes one with precharge when the policy closes the row with its last hit.
    """
    b = m[s + BANK]
    source = m[c + DO_FROM]
    column = RD <= role <= WRA
    if source == FROM_ACTIVE:
        _leave_list(m, c, m[c + ACTIVE], N_ACTIVE, m[c + DO_PLACE])
        m[b + HOLDERS] -= 1
    elif source == FROM_OPENING:
        _leave_list(m, c, m[c + OPENING], N_OPENING, m[c + DO_PLACE])
    elif column or (role == ACT and m[PROMOTE]):
        _leave_queue(m, c, source, s)
    if role == ACT2 or (role == ACT and m[PROMOTE] and not m[SPLIT_ACTIVATE]):
        m[m[c + ACTIVE] + m[c + N_ACTIVE]] = s
        m[c + N_ACTIVE] += 1
        m[b + HOLDERS] += 1
    elif role == ACT and m[PROMOTE]:
        m[m[c + OPENING] + m[c + N_OPENING]] = s
        m[c + N_OPENING] += 1
        m[b + DEADLINE] = clock + m[SPLIT_DEADLINE]
    if column:
        m[c + CLOCK_ON_UNTIL] = max(
            m[c + CLOCK_ON_UNTIL], clock + (m[CLOCK_WRITE] if m[s + WRITE] else m[CLOCK_READ])
        )
        if (
            m[PAGE_RULE] == CLOSE_AFTER_HITS
            and m[b + HITS_READ] + m[b + HITS_WRITE] == 0
            and _earliest(m, b, _number(m, role + RDA - RD)) <= clock
        ):
            role += RDA - RD
    return role


@part
def _act(m, c, clock):
    """Issue the command decided on, and move the request that it serves on."""
    role = m[c + DO_ROLE]
    s = m[c + DO_SLOT]
    b = m[c + DO_BANK]
    row = m[b + ROW_OPEN]
    column = NONE
    if s >= 0:
        row = m[s + ROW]
        column = m[s + COLUMN]
        if role < CASR:
            _classify(m, c, s, role)
            role = _move_on(m, c, s, role, clock)
    _issue(m, c, role, b, row, column, clock)
    if RD <= role <= WRA:
        _retire(m, c, s, clock)
    elif REFA <= role <= REFB:
        m[c + REFRESH_HEAD] = (m[c + REFRESH_HEAD] + 1) % m[DUE_SIZE]
        m[c + REFRESH_COUNT] -= 1
        m[c + FROZEN] = NONE
    if m[EDGES] and clock % 2 == 1 and not RD <= role <= WRA:
        m[c + EDGE_CLOCK] = clock + (3 if role == ACT else 1)
        m[c + EDGE_GROUP] = m[b + GROUP]
        m[c + EDGE_BANK] = NONE if PREA <= role <= REFA else b


@part
def _refreshes_due(m, c, clock):
    """Note the refreshes that fall due at this clock."""
    if clock < m[c + REFRESH_AT]:
        return
    m[c + REFRESH_AT] += m[REFRESH_INTERVAL]
    groups = m[REFRESH_GROUPS]
    for _ in range(groups if m[REFRESH_RULE] == SIMULTANEOUS else 1):
        if m[c + REFRESH_COUNT] < m[DUE_SIZE]:
            at = (m[c + REFRESH_HEAD] + m[c + REFRESH_COUNT]) % m[DUE_SIZE]
            m[m[c + DUE] + at] = m[c + REFRESH_TARGET]
            m[c + REFRESH_COUNT] += 1
        m[c + REFRESH_TARGET] = (m[c + REFRESH_TARGET] + 1) % groups


@part
def _move(m, c):
    """Move one transaction from a buffer into its command queue; returns whether anything changed."""
    if m[c + DRAINING] == 0 and not m[UNIFIED] and not m[c + READS_FIRST]:
        full = m[c + WRITES] >= m[WRITE_CAPACITY]
        if full or (m[c + WRITES] > m[DRAIN_LOW] and m[c + QUEUED_ALL] == 0):
            m[c + DRAINING] = m[c + WRITES]
            m[c + STUCK] = 0
    if m[c + STUCK]:
        return False
    lane = 2 if m[c + DRAINING] > 0 else 0
    s = m[c + FIRST_READ + lane]
    while s >= 0 and m[m[m[s + BANK] + QUEUE] + QUEUED] >= m[QUEUE_CAPACITY]:
        s = m[s + NEXT]
    if s < 0:
        m[c + STUCK] = 1
        return False
    if lane:
        read = m[_find(m, c, m[m[s + REQUEST] + KEY]) + ENTRY_READ] if m[SHARED_ADDRESSES] else 0
        if read:
            # The write waits for a read of the same data; if that still waits in its buffer, reads move first.
            m[c + DRAINING] = 0
            m[c + READS_FIRST] = 1 - m[read + IN_QUEUE]
            return True
        m[c + DRAINING] -= 1
        m[c + WRITES] -= 1
    else:
        m[c + READS] -= 1
        m[c + READS_FIRST] = 0
    m[s + IN_QUEUE] = 1
    _unlink(m, s, c + FIRST_READ + lane, c + LAST_READ + lane)
    m[c + SEQUENCE] += 1
    m[s + ORDER] = m[c + SEQUENCE]
    m[m[m[s + BANK] + QUEUE] + QUEUED] += 1
    m[c + QUEUED_ALL] += 1
    _append(m, c, 0, s)
    return True


@part
def _has_room(m, c, write):
    """Return whether the buffer for a read or a write has a free entry."""
    if write and not m[UNIFIED]:
        return m[c + WRITES] < m[WRITE_CAPACITY]
    return m[c + READS] < m[READ_CAPACITY]


@part
def _meet(m, c, q, entry, stamp):
    """Let a request share what one to the same address brings or takes; returns whether it did."""
    if m[entry + ENTRY_WRITE]:
        m[q + ACCEPTED] = stamp
        if m[q + IS_WRITE]:
            m[q + DONE] = stamp
            m[c + MERGED_WRITES] += 1
        else:
            m[q + DONE] = stamp + 1
            m[c + LAST_READ_DONE] = max(m[c + LAST_READ_DONE], stamp + 1)
            m[c + FORWARDED] += 1
        return True
    if m[STAGED] and m[entry + ENTRY_READ] and not m[q + IS_WRITE]:
        s = m[entry + ENTRY_READ]
        m[q + ACCEPTED] = stamp
        m[q + DONE] = m[s + MERGED]
        m[s + MERGED] = q
        m[c + MERGED_READS] += 1
        return True
    return False


@part
def _fill_slot(m, c, s, q, stamp):
    """Fill a slot with a request that was accepted at clock `stamp`."""
    m[s + REQUEST] = q
    m[s + BANK] = m[c + BANKS] + m[q + TO_BANK] * BANK_FIELDS
    m[s + ROW] = m[q + TO_ROW]
    m[s + COLUMN] = m[q + TO_COLUMN]
    m[s + WRITE] = m[q + IS_WRITE]
    m[s + STAMP] = stamp
    m[s + SEEN] = 0
    m[s + MERGED] = NONE
    m[s + IN_QUEUE] = 0


@part
def _accept(m, c, q, stamp):
    """Take a request into its channel's controller; returns whether there was room."""
    write = m[q + IS_WRITE]
    if m[STAGED] and not _has_room(m, c, write):
        return False
    entry = NONE
    if m[SHARED_ADDRESSES]:
        entry = _find(m, c, m[q + KEY])
        if _meet(m, c, q, entry, stamp):
            return True
    if not _has_room(m, c, write):
        return False
    s = m[c + FREE]
    m[c + FREE] = m[s + NEXT]
    _fill_slot(m, c, s, q, stamp)
    m[q + ACCEPTED] = stamp
    if entry >= 0 and (write or m[STAGED]):
        m[entry + ENTRY_KEY] = m[q + KEY] + 1
        m[entry + (ENTRY_WRITE if write else ENTRY_READ)] = s
    lane = 0 if m[UNIFIED] else 2 * write
    if lane:
        m[c + WRITES] += 1
    else:
        m[c + READS] += 1
    if not m[STAGED]:
        m[c + SEQUENCE] += 1
        m[s + ORDER] = m[c + SEQUENCE]
        _append(m, c, write, s)
        return True
    _link(m, s, c + FIRST_READ + lane, c + LAST_READ + lane)
    if m[m[m[s + BANK] + QUEUE] + QUEUED] < m[QUEUE_CAPACITY]:
        m[c + STUCK] = 0
    return True


@part
def _step(m, c, clock):
    """Work one channel through one clock, and note when it can next act."""
    _refreshes_due(m, c, clock)
    changed = False
    wake = INFINITY
    rising = not m[EDGES] or clock % 2 == 1
    for turn in range(1 if m[BUS_RULE] == SINGLE_BUS else 2):
        if m[STAGED]:
            if turn == 1 and not changed:
                break
            later = _decide_queues(m, c, turn, clock)
        elif m[SPLIT_ACTIVATE]:
            later = _decide_split(m, c, clock)
        elif m[BUS_RULE] == SINGLE_BUS:
            later = _decide_buffers(m, c, ANY_SLOT, clock)
        elif turn == 0:
            if not rising:
                continue
            later = _decide_buffers(m, c, COLUMN_SLOT, clock)
        else:
            later = _decide_buffers(m, c, ROW_SLOTS if rising else PRECHARGE_SLOT, clock)
        wake = min(wake, later)
        if m[c + DO_ROLE] >= 0:
            _act(m, c, clock)
            changed = True
    if m[STAGED] and _move(m, c):
        changed = True
    m[c + WAKE] = clock + 1 if changed else min(wake, m[c + REFRESH_AT])


@part
def _busy(m, c):
    """Return whether the channel still holds a request that its policy will ever serve."""
    if m[STAGED]:
        if m[c + QUEUED_ALL] or m[c + READS] or m[c + DRAINING]:
            return True
        return m[c + WRITES] > m[DRAIN_LOW] or m[c + WRITES] >= m[WRITE_CAPACITY]
    return m[c + READS] + m[c + WRITES] + m[c + N_ACTIVE] + m[c + N_OPENING] > 0


@part
def _channel(m, number):
    return m[CHANNELS_AT] + number * (CHAN_FIELDS + m[N_COMMANDS] + 1)


@part
def _channel_of(m, q):
    """Return the channel of a request."""
    return _channel(m, m[q + TO_CHANNEL])


@part
def _insert(m, first, end, s):
    """Insert a slot by its order into a list; returns the list's end."""
    place = end
    while place > first and m[m[place - 1] + ORDER] > m[s + ORDER]:
        m[place] = m[place - 1]
        place -= 1
    m[place] = s
    return end + 1


@part
def _gather(m):
    """List the slots in use by what they wait in: of each channel `SECTIONS`, each in its order."""
    end = m[WAITING_AT]
    section = m[SECTIONS_AT]
    for number in range(m[N_CHANNELS]):
        c = _channel(m, number)
        first = end
        for which in range(2):
            for k in range(m[c + N_BUSY + which]):
                s = m[m[m[c + BUSY + which] + k] + HEAD + which]
                while s >= 0:
                    age = m[c + SEQUENCE] - m[s + ORDER]
                    if age < m[RECENT]:
                        m[m[RECENT_AT] + age] = s
                    else:
                        end = _insert(m, first, end, s)
                    s = m[s + NEXT]
        for recent in range(m[RECENT_AT] + m[RECENT] - 1, m[RECENT_AT] - 1, -1):
            if m[recent]:
                m[end] = m[recent]
                end += 1
                m[recent] = 0
        m[section + QUEUED_SECTION] = end - first
        for lane in range(2):
            first = end
            s = m[c + FIRST_READ + 2 * lane]
            while s >= 0:
                m[end] = s
                end += 1
                s = m[s + NEXT]
            m[section + BUFFER_SECTION + lane] = end - first
        for k in range(m[c + N_ACTIVE]):
            m[end] = m[m[c + ACTIVE] + k]
            end += 1
        m[section + ACTIVE_SECTION] = m[c + N_ACTIVE]
        for k in range(m[c + N_OPENING]):
            m[end] = m[m[c + OPENING] + k]
            end += 1
        m[section + OPENING_SECTION] = m[c + N_OPENING]
        section += SECTIONS
    m[N_WAITING] = end - m[WAITING_AT]


@part
def _touch(m, number, b):
    """List a bank, and the nodes above it that are not yet listed, among those that a segment can look at.

    Its open row is taken to be stale, one that no request wants, until one does.
    """
    m[b + MARK] = m[MARKED]
    m[b + STALE_ROW] = m[b + ROW_OPEN]
    m[m[TOUCHED_AT] + m[N_TOUCHED]] = b
    m[N_TOUCHED] += 1
    for level in range(m[N_LEVELS]):
        node = m[b + PATH + level]
        mark = m[MARKS_AT] + number * m[N_NODES] + m[node]
        if m[mark] != m[MARKED]:
            m[mark] = m[MARKED]
            at = m[TOUCHED_NODES_AT] + m[N_TOUCHED_NODES] * TOUCHED_FIELDS
            m[at + OF_CHANNEL] = _channel(m, number)
            m[at + OF_LEVEL] = level
            m[at + NODE] = node
            m[N_TOUCHED_NODES] += 1


@part
def _touch_all(m, q):
    """List the banks and nodes that the segment from request `q` on can look at."""
    m[MARKED] += 1
    m[N_TOUCHED] = 0
    m[N_TOUCHED_NODES] = 0
    for new in range(q, q + m[SEGMENT] * REQUEST_FIELDS, REQUEST_FIELDS):
        b = m[_channel_of(m, new) + BANKS] + m[new + TO_BANK] * BANK_FIELDS
        if m[b + MARK] != m[MARKED]:
            _touch(m, m[new + TO_CHANNEL], b)
        if m[b + ROW_OPEN] == m[new + TO_ROW]:
            m[b + STALE_ROW] = NONE
    for at in range(m[WAITING_AT], m[WAITING_AT] + m[N_WAITING]):
        s = m[at]
        b = m[s + BANK]
        if m[b + MARK] != m[MARKED]:
            _touch(m, m[m[s + REQUEST] + TO_CHANNEL], b)
        if m[b + ROW_OPEN] == m[s + ROW]:
            m[b + STALE_ROW] = NONE
    if m[PAGE_RULE] == CLOSE_AFTER_TIMEOUT:
        for number in range(m[N_CHANNELS]):
            for k in range(m[N_BANKS]):
                b = m[_channel(m, number) + BANKS] + k * BANK_FIELDS
                if m[b + MARK] != m[MARKED]:
                    _touch(m, number, b)


@part
def _put(m, at, value):
    m[at] = value
    return at + 1


@part
def _write_channel(m, at, number, clock):
    c = _channel(m, number)
    wake = m[c + WAKE]
    at = _put(m, at, INFINITY if wake >= m[c + REFRESH_AT] else max(wake - clock, 0))
    for field in range(READS, READS_FIRST + 1):
        at = _put(m, at, m[c + field])
    at = _put(m, at, m[c + LAST_QUEUE] if m[ORDER_RULE] == ROUND_ROBIN else 0)
    at = _put(m, at, m[c + WRITES])
    at = _put(m, at, max(m[c + CLOCK_ON_UNTIL] - clock, 0))
    edge = m[c + EDGE_CLOCK] >= clock
    at = _put(m, at, m[c + EDGE_CLOCK] - clock if edge else NONE)
    at = _put(m, at, m[c + EDGE_GROUP] if edge else NONE)
    at = _put(m, at, m[c + EDGE_BANK] if edge else NONE)
    synced = NONE
    if m[c + CAS_SLOT] >= 0:
        synced = 0
        while m[m[WAITING_AT] + synced] != m[c + CAS_SLOT]:
            synced += 1
    at = _put(m, at, synced)
    at = _put(m, at, m[c + CAS_ROLE] if synced >= 0 else NONE)
    for section in range(SECTIONS):
        at = _put(m, at, m[m[SECTIONS_AT] + number * SECTIONS + section])
    return at


@part
def _read_channel(m, at, number, clock):
    """Take a channel's state back, but for its lists; one that slept until a refresh is woken now."""
    c = _channel(m, number)
    wake = m[at]
    if wake == INFINITY:
        wake = 1 if m[STAGED] else 0
    m[c + WAKE] = min(clock + wake, m[c + REFRESH_AT])
    at += 1
    for field in range(READS, READS_FIRST + 1):
        m[c + field] = m[at]
        at += 1
    m[c + LAST_QUEUE] = m[at]
    m[c + WRITES] = m[at + 1]
    m[c + CLOCK_ON_UNTIL] = clock + m[at + 2]
    m[c + EDGE_CLOCK] = clock + m[at + 3] if m[at + 3] >= 0 else NONE
    m[c + EDGE_GROUP] = m[at + 4]
    m[c + EDGE_BANK] = m[at + 5]
    m[c + CAS_SLOT] = m[m[STAYING_AT] + m[at + 6]] if m[at + 6] >= 0 else NONE
    m[c + CAS_ROLE] = m[at + 7]
    at += 8
    for section in range(SECTIONS):
        m[m[SECTIONS_AT] + number * SECTIONS + section] = m[at]
        at += 1
    return at


@part
def _write_timing(m, at, clock):
    """Write the first clocks and issue times of the touched nodes, and of others what their siblings raise."""
    for number in range(m[N_CHANNELS]):
        for row in range(m[SIBLINGS_AT], m[SIBLINGS_AT] + m[SIBLINGS] * SIBLING_FIELDS, SIBLING_FIELDS):
            for node in range(m[row + FIRST_NODE], m[row + FIRST_NODE] + m[row + NODE_COUNT]):
                if m[m[MARKS_AT] + number * m[N_NODES] + node] != m[MARKED]:
                    clocks = m[_channel(m, number) + NODES] + node * m[NODE_SIZE]
                    at = _put(m, at, max(m[clocks + m[row + RAISED]] - clock, 0))
    for k in range(m[N_TOUCHED_NODES]):
        touched = m[TOUCHED_NODES_AT] + k * TOUCHED_FIELDS
        node = m[touched + NODE]
        for command in range(1, m[NODE_SIZE]):
            at = _put(m, at, max(m[node + command] - clock, 0))
        for row in range(m[WINDOWS_AT], m[WINDOWS_AT] + m[WINDOWS] * WINDOW_FIELDS, WINDOW_FIELDS):
            if m[row + WINDOW_LEVEL] == m[touched + OF_LEVEL]:
                ring = m[touched + OF_CHANNEL] + RINGS
                ring = m[ring] + (m[row + WINDOW_RING] * m[N_NODES] + m[node]) * m[RING_SIZE]
                place = m[ring + m[RING_SIZE] - 1]
                for _ in range(m[row + WINDOW_COUNT]):
                    past = m[ring + place]
                    at = _put(m, at, max(past + m[row + WINDOW_LATENCY] - clock, 0) if past >= 0 else 0)
                    place = place - 1 if place > 0 else m[row + WINDOW_COUNT] - 1
    return at


@part
def _read_timing(m, at, clock):
    """Take back what `_write_timing` wrote."""
    for number in range(m[N_CHANNELS]):
        for row in range(m[SIBLINGS_AT], m[SIBLINGS_AT] + m[SIBLINGS] * SIBLING_FIELDS, SIBLING_FIELDS):
            for node in range(m[row + FIRST_NODE], m[row + FIRST_NODE] + m[row + NODE_COUNT]):
                if m[m[MARKS_AT] + number * m[N_NODES] + node] != m[MARKED]:
                    clocks = m[_channel(m, number) + NODES] + node * m[NODE_SIZE]
                    m[clocks + m[row + RAISED]] = clock + m[at]
                    at += 1
    for k in range(m[N_TOUCHED_NODES]):
        touched = m[TOUCHED_NODES_AT] + k * TOUCHED_FIELDS
        node = m[touched + NODE]
        for command in range(1, m[NODE_SIZE]):
            m[node + command] = clock + m[at]
            at += 1
        for row in range(m[WINDOWS_AT], m[WINDOWS_AT] + m[WINDOWS] * WINDOW_FIELDS, WINDOW_FIELDS):
            if m[row + WINDOW_LEVEL] == m[touched + OF_LEVEL]:
                ring = m[touched + OF_CHANNEL] + RINGS
                ring = m[ring] + (m[row + WINDOW_RING] * m[N_NODES] + m[node]) * m[RING_SIZE]
                m[ring + m[RING_SIZE] - 1] = m[row + WINDOW_COUNT] - 1
                for place in range(m[row + WINDOW_COUNT] - 1, -1, -1):
                    m[ring + place] = clock + m[at] - m[row + WINDOW_LATENCY] if m[at] else NONE
                    at += 1
    return at


@part
def _write_banks(m, at, clock, base):
    for k in range(m[N_TOUCHED]):
        b = m[m[TOUCHED_AT] + k]
        state = m[b + STATE]
        row = NONE
        if state != CLOSED:
            row = INFINITY if m[b + ROW_OPEN] == m[b + STALE_ROW] else m[b + ROW_OPEN] - base
        at = _put(m, at, state)
        at = _put(m, at, row)
        at = _put(m, at, min(m[b + CAS_COUNT], m[HIT_CAP]))
        at = _put(m, at, m[b + DEADLINE] - clock if state == ACTIVATING else 0)
        if m[PAGE_RULE] == CLOSE_AFTER_TIMEOUT:
            at = _put(m, at, max(m[b + LAST_USE] + m[PAGE_TIMEOUT] - clock, 0))
        for which in range(2):
            at = _put(m, at, max(m[b + NOT_BEFORE + which] - clock, 0) if m[b + COUNT + which] else 0)
    return at


@part
def _read_banks(m, at, clock, base):
    """Take the banks back, empty of requests; `_read_waits` ends that once these are in their lists."""
    for k in range(m[N_TOUCHED]):
        b = m[m[TOUCHED_AT] + k]
        m[b + STATE] = m[at]
        if m[at] != CLOSED and m[at + 1] != INFINITY:
            m[b + ROW_OPEN] = base + m[at + 1]
        m[b + CAS_COUNT] = m[at + 2]
        m[b + DEADLINE] = clock + m[at + 3]
        at += 4
        if m[PAGE_RULE] == CLOSE_AFTER_TIMEOUT:
            m[b + LAST_USE] = clock + m[at] - m[PAGE_TIMEOUT]
            at += 1
        at += 2
        for which in range(2):
            m[b + HEAD + which] = NONE
            m[b + TAIL + which] = NONE
            m[b + COUNT + which] = 0
            m[b + HITS_READ + which] = 0
        m[b + HOLDERS] = 0
        m[m[b + QUEUE] + QUEUED] = 0
    return at


@part
def _read_waits(m, end, clock):
    """Take back until when the banks' requests wait, from the words that `_write_banks` wrote up to `end`."""
    words = 6 + (m[PAGE_RULE] == CLOSE_AFTER_TIMEOUT)
    at = end - m[N_TOUCHED] * words
    for k in range(m[N_TOUCHED]):
        b = m[m[TOUCHED_AT] + k]
        at += words
        m[b + NOT_BEFORE] = clock + m[at - 2]
        m[b + NOT_BEFORE_WRITES] = clock + m[at - 1]


@part
def _write_slots(m, at, clock, base):
    for k in range(m[N_WAITING]):
        s = m[m[WAITING_AT] + k]
        at = _put(m, at, m[s + BANK])
        at = _put(m, at, m[s + ROW] - base)
        at = _put(m, at, m[s + WRITE])
        at = _put(m, at, m[s + SEEN])
        if m[PROMOTE]:
            at = _put(m, at, m[s + STAMP] - clock)
    return at


@part
def _write_state(m, at, clock, base):
    """Write all that a segment can look at, relative to the clock and to row `base`; returns its end.

    The slots in use must have been gathered, the banks touched.
    """
    for number in range(m[N_CHANNELS]):
        at = _write_channel(m, at, number, clock)
    at = _write_slots(m, at, clock, base)
    at = _write_timing(m, at, clock)
    return _write_banks(m, at, clock, base)


@part
def _read_state(m, at, clock, base):
    """Put the machine into a state that `_write_state` wrote; the slots that wait are listed as staying."""
    for number in range(m[N_CHANNELS]):
        at = _read_channel(m, at, number, clock)
    words = at
    at += m[N_WAITING] * (4 + (m[PROMOTE] != 0))
    at = _read_timing(m, at, clock)
    at = _read_banks(m, at, clock, base)
    place = m[STAYING_AT]
    for k in range(m[N_WAITING]):
        m[m[place + k] + SEEN] = m[words + k * (4 + (m[PROMOTE] != 0)) + 3]
    for number in range(m[N_CHANNELS]):
        place = _line_up(m, number, place)
    _read_waits(m, at, clock)


@part
def _line_up(m, number, place):
    """Put the slots that stay in a channel into its lists, from `place` of their list on; returns its end."""
    c = _channel(m, number)
    section = m[SECTIONS_AT] + number * SECTIONS
    m[c + N_BUSY] = 0
    m[c + N_BUSY_WRITES] = 0
    for field in range(FIRST_READ, LAST_WRITE + 1):
        m[c + field] = NONE
    m[c + QUEUED_ALL] = m[section + QUEUED_SECTION] if m[STAGED] else 0
    for _ in range(m[section + QUEUED_SECTION]):
        s = m[place]
        place += 1
        m[c + SEQUENCE] += 1
        m[s + ORDER] = m[c + SEQUENCE]
        if m[STAGED]:
            m[s + IN_QUEUE] = 1
            m[m[m[s + BANK] + QUEUE] + QUEUED] += 1
        _append(m, c, 0 if m[STAGED] else m[s + WRITE], s)
    for lane in range(2):
        for _ in range(m[section + BUFFER_SECTION + lane]):
            _link(m, m[place], c + FIRST_READ + 2 * lane, c + LAST_READ + 2 * lane)
            place += 1
    m[c + N_ACTIVE] = m[section + ACTIVE_SECTION]
    for k in range(m[c + N_ACTIVE]):
        m[m[c + ACTIVE] + k] = m[place]
        m[m[m[place] + BANK] + HOLDERS] += 1
        place += 1
    m[c + N_OPENING] = m[section + OPENING_SECTION]
    for k in range(m[c + N_OPENING]):
        m[m[c + OPENING] + k] = m[place]
        place += 1
    return place


@part
def _add_open(m, sign):
    """Add the touched banks that are open to their ranks' counts, or take them out."""
    for k in range(m[N_TOUCHED]):
        b = m[m[TOUCHED_AT] + k]
        if m[b + STATE] != CLOSED:
            m[m[b + RANK] + RANK_OPEN] += sign


@part
def _write_key(m, at, q, clock, offered, kind):
    """Write all that the course of the segment from request `q` on depends on; returns its end."""
    _gather(m)
    _touch_all(m, q)
    at = _put(m, at, kind)
    at = _put(m, at, offered)
    at = _put(m, at, clock % 2 if m[EDGES] else 0)
    lag = 0 if m[STAGED] else 1
    late = m[q + m[SEGMENT] * REQUEST_FIELDS + ARRIVAL] <= clock - lag
    at = _put(m, at, INFINITY if late else m[q + ARRIVAL] - clock)
    _add_open(m, -1)
    for number in range(m[N_CHANNELS]):
        ranks = m[_channel(m, number) + RANKS]
        for rank in range(ranks, ranks + m[N_RANKS] * RANK_FIELDS, RANK_FIELDS):
            at = _put(m, at, min(m[rank + RANK_OPEN], 1))
    _add_open(m, 1)
    return _write_state(m, at, clock, m[q + TO_ROW])


@part
def _write_totals(m, at, clock):
    """Write what the channels count: statistics, commands, and clocks in which ranks were active until now."""
    for number in range(m[N_CHANNELS]):
        c = _channel(m, number)
        for field in range(LAST_READ_DONE):
            at = _put(m, at, m[c + field])
        for field in range(CHAN_FIELDS, CHAN_FIELDS + m[N_COMMANDS] + 1):
            at = _put(m, at, m[c + field])
        for rank in range(m[c + RANKS], m[c + RANKS] + m[N_RANKS] * RANK_FIELDS, RANK_FIELDS):
            running = clock - m[rank + RANK_SINCE] if m[rank + RANK_OPEN] else 0
            at = _put(m, at, m[rank + RANK_ACTIVE] + running)
    return at


@part
def _add_totals(m, at, clock, until):
    """Add to the counts what a segment from `clock` until `until` counted."""
    for number in range(m[N_CHANNELS]):
        c = _channel(m, number)
        for field in range(LAST_READ_DONE):
            m[c + field] += m[at]
            at += 1
        for field in range(CHAN_FIELDS, CHAN_FIELDS + m[N_COMMANDS] + 1):
            m[c + field] += m[at]
            at += 1
        for rank in range(m[c + RANKS], m[c + RANKS] + m[N_RANKS] * RANK_FIELDS, RANK_FIELDS):
            if m[rank + RANK_OPEN]:
                m[rank + RANK_ACTIVE] += clock - m[rank + RANK_SINCE]
            m[rank + RANK_ACTIVE] += m[at]
            m[rank + RANK_SINCE] = until
            at += 1
    return at


@part
def _totals(m):
    """Return how many words `_write_totals` writes."""
    return m[N_CHANNELS] * (LAST_READ_DONE + m[N_COMMANDS] + 1 + m[N_RANKS])


@part
def _refreshes(m):
    """Return the sum of the clocks at which refreshes fall due next, or NONE while one is waiting."""
    total = 0
    for number in range(m[N_CHANNELS]):
        c = _channel(m, number)
        if m[c + REFRESH_COUNT]:
            return NONE
        total += m[c + REFRESH_AT] if m[REFRESH_RULE] != NO_REFRESH else 0
    return total


@part
def _begin_entry(m, e, words, q, clock):
    """Note what waits and what was counted at the start of a segment that is not known."""
    at = e + E_FIELDS + words
    m[e + E_WORDS] = words
    m[e + E_STARTED] = m[N_WAITING]
    for k in range(m[N_WAITING]):
        at = _put(m, at, m[m[m[WAITING_AT] + k] + REQUEST])
    _write_totals(m, at + 2 * m[SEGMENT], clock)
    m[ENTRY] = e
    m[ENTRY_CLOCK] = clock
    m[ENTRY_REFRESH] = _refreshes(m)


@part
def _source(m, at, started, first, q):
    """Return the number of a waiting request among those that waited at a segment's start and its own."""
    if q >= first:
        return started + (q - first) // REQUEST_FIELDS
    number = 0
    while m[at + number] != q:
        number += 1
    return number


@part
def _end_entry(m, q, clock, offered):
    """Note what became of a segment's requests and of the machine, unless a refresh came in between."""
    e = m[ENTRY]
    m[ENTRY] = 0
    if _refreshes(m) != m[ENTRY_REFRESH]:
        return
    start = m[ENTRY_CLOCK]
    started = m[e + E_STARTED]
    first = q - m[SEGMENT] * REQUEST_FIELDS
    _gather(m)
    waited = e + E_FIELDS + m[e + E_WORDS]
    totals = waited + started + 2 * m[SEGMENT]
    at = totals + _totals(m)
    _write_totals(m, at, clock)
    for k in range(_totals(m)):
        m[totals + k] = m[at + k] - m[totals + k]
    for k in range(m[N_WAITING]):
        at = _put(m, at, _source(m, waited, started, first, m[m[m[WAITING_AT] + k] + REQUEST]))
    at = _write_state(m, at, clock, m[first + TO_ROW])
    for k in range(started):
        done = m[m[waited + k] + DONE]
        m[waited + k] = done - start if done >= 0 else NONE
    new = waited + started
    for request in range(first, q, REQUEST_FIELDS):
        done = m[request + DONE]
        m[new] = m[request + ACCEPTED] - start
        m[new + 1] = done - start if done >= 0 else NONE
        new += 2
    m[e + E_STAYING] = m[N_WAITING]
    m[e + E_CLOCKS] = clock - start
    m[e + E_OFFERED] = offered
    m[m[HASH_AT] + _place(m, e)] = e
    m[N_ENTRIES] += 1
    m[MEMO_NEXT] = at


@part
def _hash(m, first, words):
    mixed = 0
    factor = 1
    for at in range(first, first + words):
        mixed += m[at] * factor
        factor *= _MIX
    return mixed ^ (mixed >> 32)


@part
def _place(m, e):
    """Return where in the hash table an entry with the same key stands, or where it would."""
    mask = m[HASH_SIZE] - 1
    place = m[e + E_HASH] & mask
    while m[m[HASH_AT] + place]:
        other = m[m[HASH_AT] + place]
        words = m[e + E_WORDS] + E_FIELDS
        if m[other + E_HASH] == m[e + E_HASH] and m[other + E_WORDS] == m[e + E_WORDS]:
            at = E_FIELDS
            while at < words and m[e + at] == m[other + at]:
                at += 1
            if at == words:
                break
        place = (place + 1) & mask
    return place


@part
def _complete(m, q, done):
    """Complete a request of a skipped segment."""
    c = _channel_of(m, q)
    m[q + DONE] = done
    if m[q + IS_WRITE]:
        m[c + LAST_WRITE_ISSUE] = max(m[c + LAST_WRITE_ISSUE], done - m[WRITE_LATENCY])
    else:
        m[c + LAST_READ_DONE] = max(m[c + LAST_READ_DONE], done)


@part
def _take_slot(m, q):
    """Return a slot for a request of a skipped segment that waits at its end."""
    c = _channel_of(m, q)
    s = m[c + FREE]
    m[c + FREE] = m[s + NEXT]
    _fill_slot(m, c, s, q, m[q + ACCEPTED])
    return s


@part
def _skip(m, e, q, clock):
    """Do to the machine what the segment of an entry does."""
    started = m[e + E_STARTED]
    staying = m[e + E_STAYING]
    until = clock + m[e + E_CLOCKS]
    at = e + E_FIELDS + m[e + E_WORDS]
    for k in range(started):
        if m[at + k] >= 0:
            s = m[m[WAITING_AT] + k]
            c = _channel_of(m, m[s + REQUEST])
            _complete(m, m[s + REQUEST], clock + m[at + k])
            m[s + NEXT] = m[c + FREE]
            m[c + FREE] = s
    at += started
    lag = 0 if m[STAGED] else 1
    for request in range(q, q + m[SEGMENT] * REQUEST_FIELDS, REQUEST_FIELDS):
        m[request + ACCEPTED] = clock + m[at]
        m[_channel_of(m, request) + LAST_ACCEPT] = clock + m[at] + lag
        if m[at + 1] >= 0:
            _complete(m, request, clock + m[at + 1])
        at += 2
    at = _add_totals(m, at, clock, until)
    for k in range(staying):
        source = m[at + k]
        if source < started:
            m[m[STAYING_AT] + k] = m[m[WAITING_AT] + source]
        else:
            m[m[STAYING_AT] + k] = _take_slot(m, q + (source - started) * REQUEST_FIELDS)
    m[N_WAITING] = staying
    _add_open(m, -1)
    _read_state(m, at + staying, until, m[q + TO_ROW])
    _add_open(m, 1)
    m[SKIPPED] += m[SEGMENT]


@part
def _next_refresh(m):
    clock = INFINITY
    for number in range(m[N_CHANNELS]):
        clock = min(clock, m[_channel(m, number) + REFRESH_AT])
    return clock


@part
def _forget_entries(m):
    for at in range(m[HASH_AT], m[HASH_AT] + m[HASH_SIZE]):
        m[at] = 0
    m[N_ENTRIES] = 0
    m[MEMO_NEXT] = m[MEMO_AT]


@part
def _fold(m, q, clock, offered):
    """At the first request of a segment: skip it if its course is known, else begin to note it.

    Returns the request to be offered next, the clock, and how many were offered in it.
    """
    if m[ENTRY]:
        _end_entry(m, q, clock, offered)
    number = (q - m[REQUESTS_AT]) // (m[SEGMENT] * REQUEST_FIELDS)
    kind = m[m[KINDS_AT] + number]
    if kind == NONE or number < m[PAUSED_UNTIL] or _refreshes(m) == NONE:
        return q, clock, offered
    if m[MEMO_NEXT] + m[ENTRY_ROOM] > m[MEMO_END] or 2 * m[N_ENTRIES] >= m[HASH_SIZE]:
        _forget_entries(m)
    e = m[MEMO_NEXT]
    first = e + E_FIELDS
    m[e + E_WORDS] = _write_key(m, first, q, clock, offered, kind) - first
    m[e + E_HASH] = _hash(m, first, m[e + E_WORDS])
    known = m[m[HASH_AT] + _place(m, e)]
    if known == 0:
        m[CREDIT] -= 1
        if m[CREDIT] <= 0:
            m[CREDIT] = _RETRIES
            m[PAUSED_UNTIL] = number + _PAUSE
        _begin_entry(m, e, m[e + E_WORDS], q, clock)
    elif clock + m[known + E_CLOCKS] < _next_refresh(m):
        m[CREDIT] = min(m[CREDIT] + 1, PATIENCE)
        _skip(m, known, q, clock)
        q += m[SEGMENT] * REQUEST_FIELDS
        clock += m[known + E_CLOCKS]
        offered = m[known + E_OFFERED]
    return q, clock, offered


@part
def _same_kind(m, one, other):
    """Return whether the requests of two segments differ by constants of row and arrival alone."""
    row = m[one + TO_ROW] - m[other + TO_ROW]
    arrival = m[one + ARRIVAL] - m[other + ARRIVAL]
    for at in range(0, m[SEGMENT] * REQUEST_FIELDS, REQUEST_FIELDS):
        if (
            m[one + at + TO_CHANNEL] != m[other + at + TO_CHANNEL]
            or m[one + at + TO_BANK] != m[other + at + TO_BANK]
            or m[one + at + IS_WRITE] != m[other + at + IS_WRITE]
            or m[one + at + TO_ROW] - m[other + at + TO_ROW] != row
            or m[one + at + ARRIVAL] - m[other + at + ARRIVAL] != arrival
        ):
            return False
    at = m[SEGMENT] * REQUEST_FIELDS + ARRIVAL
    return m[one + at] - m[other + at] == arrival


@kernel
def decode(requests, address, write, arrival, shift, pieces, xor):
    """Fill in the requests: where their addresses go by a mapping, and when.

    Args:
        requests: int64[n, REQUEST_FIELDS] of zeros.
        address: int64[n] bytes.
        write: bool[n].
        arrival: int64[n] clocks.
        shift: bits within a request.
        pieces: int64[pieces, PIECE_FIELDS] from the least significant on.
        xor: int64[xors, XOR_FIELDS].
    """
    for i in range(len(address)):
        key = address[i] >> shift
        requests[i, KEY] = key
        for p in range(len(pieces)):
            bits = pieces[p, PIECE_BITS]
            value = (key & ((1 << bits) - 1)) << pieces[p, PIECE_POSITION]
            key >>= bits
            requests[i, pieces[p, PIECE_FIELD]] += value * pieces[p, PIECE_UNIT]
        for x in range(len(xor)):
            p = xor[x, XOR_PIECE]
            field, unit = pieces[p, PIECE_FIELD], pieces[p, PIECE_UNIT]
            ones = (1 << xor[x, XOR_BITS]) - 1
            value = (requests[i, field] // unit) & ones
            flipped = value ^ ((requests[i, TO_COLUMN] >> xor[x, XOR_LOWEST]) & ones)
            requests[i, field] += (flipped - value) * unit
        requests[i, IS_WRITE] = write[i]
        requests[i, ARRIVAL] = arrival[i]
        requests[i, DONE] = NONE


@kernel
def find_kinds(m):
    """Return how many segments of requests are like one before them, and note for each the first of its kind.

    A segment like no other gets the kind NONE.
    """
    size = m[SEGMENT] * REQUEST_FIELDS
    mask = m[HASH_SIZE] - 1
    repeated = 0
    for number in range((m[FOLD_END] - m[REQUESTS_AT]) // size):
        first = m[REQUESTS_AT] + number * size
        mixed = 0
        for q in range(first, first + size, REQUEST_FIELDS):
            place = (m[q + TO_BANK] << 1) + m[q + IS_WRITE] + (m[q + TO_CHANNEL] << 20)
            shift = ((m[q + TO_ROW] - m[first + TO_ROW]) << 30) + m[q + ARRIVAL] - m[first + ARRIVAL]
            mixed = (mixed ^ place ^ shift) * _MIX + (mixed >> 29)
        place = (mixed ^ (mixed >> 32)) & mask
        m[m[KINDS_AT] + number] = NONE
        while m[m[HASH_AT] + place]:
            other = m[m[HASH_AT] + place] - 1
            if _same_kind(m, first, m[REQUESTS_AT] + other * size):
                m[m[KINDS_AT] + other] = other
                m[m[KINDS_AT] + number] = other
                repeated += 1
                break
            place = (place + 1) & mask
        if m[m[KINDS_AT] + number] == NONE:
            m[m[HASH_AT] + place] = number + 1
    _forget_entries(m)
    return repeated


@kernel
def run_channels(m):
    """Run all requests through the channels; returns the last clock at which read data came or a write issued.

    Returns STUCK_FOREVER when the policy leaves requests waiting for nothing.

    Requests are offered in order, at most `PER_CYCLE` a clock; one that finds no room holds up all behind it.

    Args:
        m: int64[:] the machine's memory, laid out by `engine.channel_memory`; holds the results afterwards.
    """
    staged = m[STAGED]
    lag = 0 if staged else 1  # clocks from the offer of a request to the clock that takes it in
    clock = lag
    step = CHAN_FIELDS + m[N_COMMANDS] + 1
    channels = range(m[CHANNELS_AT], m[CHANNELS_AT] + m[N_CHANNELS] * step, step)
    q = m[REQUESTS_AT]
    last = q + m[N_REQUESTS] * REQUEST_FIELDS
    fold_at = q if m[SEGMENT] else NONE
    end = -1
    while True:
        if staged:
            for c in channels:
                if m[c + WAKE] <= clock:
                    _step(m, c, clock)
        refused = False
        offered = np.int64(0)
        while offered < m[PER_CYCLE]:
            if q == last or m[q + ARRIVAL] > clock - lag:
                break
            if q == fold_at:
                fold_at += m[SEGMENT] * REQUEST_FIELDS
                if fold_at >= m[FOLD_END]:
                    fold_at = NONE
                q, clock, offered = _fold(m, q, clock, offered)
                continue
            c = m[CHANNELS_AT] + m[q + TO_CHANNEL] * step
            if not _accept(m, c, q, clock + 1 - 2 * lag):
                refused = True
                break
            m[c + WAKE] = min(m[c + WAKE], clock + 1 - lag)
            m[c + LAST_ACCEPT] = clock + 1 - lag
            q += REQUEST_FIELDS
            offered += 1
        following = INFINITY
        idle = q == last
        for c in channels:
            if not staged and m[c + WAKE] <= clock:
                _step(m, c, clock)
            following = min(following, m[c + WAKE])
            idle = idle and not _busy(m, c)
        if not refused and q < last:
            following = min(following, max(m[q + ARRIVAL] + lag, clock + 1))
        if idle:
            end = -1
            for c in channels:
                end = max(end, m[c + LAST_READ_DONE], m[c + LAST_WRITE_ISSUE])
            if following > end:
                break
        elif following == INFINITY:
            return STUCK_FOREVER
        clock = following
    for c in channels:
        for rank in range(m[c + RANKS], m[c + RANKS] + m[N_RANKS] * RANK_FIELDS, RANK_FIELDS):
            if m[rank + RANK_OPEN] > 0:
                m[rank + RANK_ACTIVE] += end + 1 - m[rank + RANK_SINCE]
    return end
