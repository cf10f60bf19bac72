"""Plays PIM command programs on one channel under a protocol's constraint rows.

Two controllers share the state of the channel. `play_in_order` issues the requests of each stream at the
earliest legal cycle, in order, with the activations, precharges, mode switches and refreshes that they need.
`play_fr_fcfs` is a reordering queue: first ready, first come, first served, up to the next barrier; then
precharges of rows that nobody in front of it wants. Both skip the cycles in which nothing can happen.

A trace is int64[capacity, TRACE_COLUMNS]: cycle, command, bank, row, column, number of the request's line (-1
where there is none); commands beyond the capacity are not recorded. Statistics are int64[5]: cycles, commands
issued, column accesses to banks, those that found their row open and already used, rows opened (bank by bank).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from accel_sim.hardware.pim.tables import (
    BANK,
    BANKGROUP,
    C_BLOCKING,
    C_BUFFER,
    C_BURST,
    C_CLOSER,
    C_CLOSES,
    C_COLUMN,
    C_LATENCY,
    C_MODE,
    C_NEEDS_CLOSED,
    C_OPENER,
    C_OPENS,
    C_SCOPE,
    CHANNEL,
    NO_COMMAND,
    NONE,
    R_FOLLOWING,
    R_HISTORY,
    R_LATENCY,
    R_LEVEL,
    R_WINDOW,
    RANK,
)

TRACE_COLUMNS = 6
# Entries of the statistics.
CYCLES, ISSUED, ACCESSES, HITS, ACTIVATIONS = range(5)
FAR = np.int64(2**62)
NOTHING = np.int64(NO_COMMAND)  # typed, so that numba compiles the callees once
BOTH_BUFFERS = 2


class State(NamedTuple):
    """A channel.

    Attributes:
        ready: int64[nodes, commands]: the cycle from which a command is legal at a node; nodes are the channel,
            then ranks, bank groups and banks.
        history: int64[histories, nodes, longest window]: last cycles of the command that a windowed row counts.
        open_row: int64[2, banks]: the open row of each row buffer of a bank, -1 if none.
    """

    ready: Any
    history: Any
    open_row: Any


class Queue(NamedTuple):
    """A reordering queue.

    Attributes:
        roles: int64[5]: numbers of the commands that activate, precharge, read, write, refresh.
        entries: its depth.
        due: int64[ranks]: first refresh of each rank. interval: cycles between two.
        switch: int64[8]: row, column and bank set of the activations that enter the all-bank mode; row and bank
            set of the precharges that leave it; the set of banks it can activate; banks that a command then
            acts on; the bit of rows that hold no data. Sets are bit masks.
        completion: int64[2]: cycles from a read, a write, to the end of the cycle in which the host has it.
        parity: as the simulator: a row that only a barrier wants stays open, though an older request wants
            another row of the bank; banks are activated though a refresh is waiting.
    """

    roles: Any
    entries: int
    due: Any
    interval: int
    switch: Any
    completion: Any
    parity: bool


@njit(cache=True)
def _new_state(tables):
    ranks, groups, banks = tables.shape[0], tables.shape[1], tables.shape[2]
    nodes = 1 + ranks + ranks * groups + ranks * groups * banks
    ready = np.zeros((nodes, tables.commands.shape[0]), np.int64)
    history = np.full((max(tables.shape[3], 1), nodes, tables.window), -FAR, np.int64)
    return State(ready, history, np.full((2, ranks * groups * banks), -1, np.int64))


@njit(cache=True)
def _span(level, scope, bank, shape):
    """Return the first node of a level, counted within it, that a command occupies, and how many."""
    ranks, groups, banks = shape[0], shape[1], shape[2]
    if level == CHANNEL:
        return 0, 1
    if scope == NONE:
        return 0, 0
    group = bank // banks
    rank = group // groups
    if level == RANK:
        return (0, ranks) if scope == CHANNEL else (rank, 1)
    if level == BANKGROUP:
        if scope == CHANNEL:
            return 0, ranks * groups
        return (rank * groups, groups) if scope == RANK else (group, 1)
    if scope == CHANNEL:
        return 0, ranks * groups * banks
    if scope == RANK:
        return rank * groups * banks, groups * banks
    return (group * banks, banks) if scope == BANKGROUP else (bank, 1)


@njit(cache=True)
def _level_start(level, shape):
    """Return the number of a level's first node."""
    if level == CHANNEL:
        return 0
    if level == RANK:
        return 1
    return 1 + shape[0] if level == BANKGROUP else 1 + shape[0] + shape[0] * shape[1]


@njit(cache=True)
def _earliest(command, bank, tables, state):
    """Return the first cycle at which a command is legal."""
    scope, shape, ready = tables.commands[command, C_SCOPE], tables.shape, state.ready
    cycle = ready[0, command]
    if scope == NONE:
        return cycle
    if scope == BANK:
        group = bank // shape[2]
        groups = 1 + shape[0]
        cycle = max(cycle, ready[1 + group // shape[1], command], ready[groups + group, command])
        return max(cycle, ready[groups + shape[0] * shape[1] + bank, command])
    for level in (RANK, BANKGROUP, BANK):
        first, count = _span(level, scope, bank, shape)
        first += _level_start(level, shape)
        for node in range(first, first + count):
            cycle = max(cycle, ready[node, command])
    return cycle


@njit(cache=True)
def _issue(command, bank, row, cycle, tables, state):
    """Let a command happen: it opens and closes rows, and later commands have to wait for it."""
    scope, rows = tables.commands[command, C_SCOPE], tables.rows
    for r in range(tables.row_start[command], tables.row_start[command + 1]):
        first, count = _span(rows[r, R_LEVEL], scope, bank, tables.shape)
        first += _level_start(rows[r, R_LEVEL], tables.shape)
        following, window = rows[r, R_FOLLOWING], rows[r, R_WINDOW]
        for node in range(first, first + count):
            since = cycle
            if window > 1:
                times = state.history[rows[r, R_HISTORY], node]
                for i in range(window - 1, 0, -1):
                    times[i] = times[i - 1]
                times[0] = cycle
                since = times[window - 1]
            state.ready[node, following] = max(state.ready[node, following], since + rows[r, R_LATENCY])
    opens = tables.commands[command, C_OPENS]
    if opens or tables.commands[command, C_CLOSES]:
        first, count = _span(BANK, scope, bank, tables.shape)
        buffer = tables.commands[command, C_BUFFER]
        for b in range(first, first + count):
            for each in range(2):
                if buffer in (each, BOTH_BUFFERS):
                    state.open_row[each, b] = row if opens else np.int64(-1)


@njit(cache=True)
def _next_command(command, bank, row, tables, state):
    """Return (command, bank) that bring a request forward: itself, or what it needs and can have soonest."""
    commands, open_row = tables.commands, state.open_row
    opener, needs_closed = commands[command, C_OPENER], commands[command, C_NEEDS_CLOSED]
    if opener == NO_COMMAND and needs_closed == NO_COMMAND:
        return command, bank
    closer = needs_closed if opener == NO_COMMAND else commands[command, C_CLOSER]
    buffer = commands[command, C_BUFFER]
    best, best_command, best_bank = FAR, command, bank
    first, count = _span(BANK, commands[command, C_SCOPE], bank, tables.shape)
    b = first
    while b < first + count:
        held = max(open_row[0, b], open_row[1, b]) if buffer == BOTH_BUFFERS else open_row[buffer, b]
        if held == (-1 if opener == NO_COMMAND else row):
            b += 1
            continue
        other, at = closer, b
        if held == -1:
            other = opener
            begin, width = _span(BANK, commands[opener, C_SCOPE], b, tables.shape)
            for near in range(begin, begin + width):
                if open_row[buffer, near] != -1:
                    other, at = closer, near
                    break
        cycle = _earliest(other, at, tables, state)
        if cycle < best:
            best, best_command, best_bank = cycle, other, at
        begin, width = _span(BANK, commands[other, C_SCOPE], b, tables.shape)
        b = max(b + 1, begin + width)
    return best_command, best_bank


@njit(cache=True)
def _record(trace, stats, cycle, command, bank, row, column, line):
    """Write a command to the trace, if there is room, and count it."""
    at = stats[ISSUED]
    if at < trace.shape[0]:
        trace[at, 0], trace[at, 1], trace[at, 2] = cycle, command, bank
        trace[at, 3], trace[at, 4], trace[at, 5] = row, column, line
    stats[ISSUED] += 1


@njit(cache=True)
def _steps(tables):
    """Return int64[commands]: cycles from a command to its like in one place, 0 where more counts."""
    steps = np.ones(tables.commands.shape[0], np.int64)
    for command in range(steps.shape[0]):
        for r in range(tables.row_start[command], tables.row_start[command + 1]):
            if tables.rows[r, R_FOLLOWING] == command:
                steps[command] = max(steps[command], tables.rows[r, R_LATENCY])
        for r in range(tables.row_start[command], tables.row_start[command + 1]):
            if tables.rows[r, R_WINDOW] > 1:
                steps[command] = 0
        for column in (C_OPENS, C_CLOSES, C_BURST):
            if tables.commands[command, column]:
                steps[command] = 0
    return steps


@njit(cache=True)
def play_in_order(lines, starts, tables, refresh, interval, fill, trace):
    """Return (statistics, int64[commands]: how many of each command issued).

    Args:
        lines: int64[lines, 6], of one or more `Program`s.
        starts: int64[streams + 1]: each stream's lines. Of two commands that could go in the same cycle the
            first stream's goes.
        tables: the protocol's `Tables`.
        refresh: number of the refresh command.
        interval: cycles between two refreshes; 0 for none.
        fill: int64[2]: a burst of n columns takes as long as max(n, fill[0]) + 1 columns of fill[1] cycles.
        trace: commands are written to it.

    The host decodes one line of a stream a cycle, from cycle 1, and waits for the answer of a blocking one. One
    command issues a cycle. The last cycle is the one after everything has ended, when the host learns of it.
    """
    commands, shape, state = tables.commands, tables.shape, _new_state(tables)
    counts, stats = np.zeros(commands.shape[0], np.int64), np.zeros(5, np.int64)
    fresh = np.zeros(state.open_row.shape, np.bool_)  # opened, and no column of it accessed yet
    streams = starts.shape[0] - 1
    number, done = starts[:-1].copy(), np.zeros(streams, np.int64)
    decoded, entered = np.zeros(streams, np.int64), np.full(streams, -1, np.int64)
    refreshed, register_mode, step = 0, 0, _steps(tables)
    last = ended = np.int64(0)
    due = interval if interval > 0 else FAR
    while True:
        # What each stream asks for next, and the soonest of it.
        best, stream, command, bank, target = FAR, -1, NOTHING, np.int64(0), NOTHING
        for s in range(streams):
            while number[s] < starts[s + 1] and entered[s] != number[s]:
                decoded[s] += 1
                entered[s] = number[s]
                number[s] += lines[number[s], 0] < 0
            if number[s] == starts[s + 1]:
                continue
            line = lines[number[s]]
            soonest = max(last + 1, decoded[s])
            wanted, at = line[0], line[1]
            if soonest >= due:
                wanted, at = refresh, refreshed * shape[1] * shape[2]
            c, b = _next_command(wanted, at, line[2], tables, state)
            cycle = max(soonest, _earliest(c, b, tables, state))
            if tables.mode_switch != NO_COMMAND and commands[wanted, C_MODE] != register_mode:
                c = tables.mode_switch
                cycle = max(cycle, _earliest(c, b, tables, state))
            if cycle < best:
                best, stream, command, bank, target = cycle, s, c, b, wanted
        if stream < 0:
            break
        line = lines[number[stream]]
        columns, length = 1, 0
        if commands[command, C_BURST]:
            columns, length = line[4], max(line[4], fill[0]) * fill[1]
        _issue(command, bank, line[2], best + length, tables, state)
        if command == tables.mode_switch:
            register_mode = commands[target, C_MODE]
        _record(trace, stats, best, command, bank, line[2], line[3] + done[stream], number[stream])
        counts[command] += 1
        last = best
        first, count = _span(BANK, commands[command, C_SCOPE], bank, shape)
        for b in range(first, first + count):
            used = fresh[commands[command, C_BUFFER] % 2]
            if commands[command, C_OPENS]:
                used[b] = True
                stats[ACTIVATIONS] += 1
            elif commands[command, C_COLUMN] > 0:
                stats[ACCESSES] += columns
                stats[HITS] += columns - used[b]
                used[b] = False
        if command != target:
            continue
        if target == line[0]:
            done[stream] += columns
            if streams == 1 and trace.shape[0] == 0 and step[command] > 0 and done[0] < line[4]:
                # The others of the line follow at a fixed distance, up to a refresh.
                more = min(line[4] - done[0], max(due - best - 2 + step[command], 0) // step[command])
                last += more * step[command]
                _issue(command, bank, line[2], last, tables, state)
                counts[command] += more
                stats[ISSUED] += more
                if commands[command, C_COLUMN] > 0:
                    stats[ACCESSES] += more * count
                    stats[HITS] += more * count
                done[0] += more
            ended = max(ended, last + length + commands[command, C_LATENCY])
            if done[stream] == line[4]:
                if commands[command, C_BLOCKING]:
                    decoded[stream] = max(decoded[stream], ended)
                number[stream] += 1
                done[stream] = 0
        else:
            refreshed += 1
            if refreshed == shape[0] or commands[command, C_SCOPE] == CHANNEL:
                refreshed = 0
                due += interval
    stats[CYCLES] = max(decoded.max() + 1, last + 1, ended) + 1
    return stats, counts


@njit(cache=True)
def _refresh_legal(legal, roles, shape, ready):
    """Set legal[bank, role] of rank 0 to the first cycle at which the command of a role may go to a bank."""
    groups, banks = 1 + shape[0], 1 + shape[0] + shape[0] * shape[1]
    for role in range(4):
        command = roles[role]
        above = max(ready[0, command], ready[1, command])
        for group in range(shape[1]):
            here = max(above, ready[groups + group, command])
            for b in range(group * shape[2], (group + 1) * shape[2]):
                legal[b, role] = max(here, ready[banks + b, command])


@njit(cache=True)
def _first_ready(requests, waiting, queued, cycle, legal, open_row):
    """Return the place of the oldest request whose row is open and legal, or -1.

    No request goes past a barrier, nor past one of the same address; a barrier goes when it is the oldest.
    """
    for i in range(queued):
        q = waiting[i]
        bank, row = requests[q, 1], requests[q, 2]
        if i > 0 and requests[q, 4]:
            return -1
        if open_row[0, bank] == row and cycle >= legal[bank, 2 + requests[q, 0]]:
            same = False
            for j in range(i):
                o = waiting[j]
                if requests[o, 1] == bank and requests[o, 2] == row:
                    same |= requests[o, 3] == requests[q, 3]
            if not same:
                return i
        if requests[q, 4]:
            return -1
    return -1


@njit(cache=True)
def _first_closed(requests, waiting, queued, cycle, legal, open_row, allowed):
    """Return the oldest request whose bank is closed and may be activated, or -1; allowed: bits of banks."""
    for i in range(queued):
        q = waiting[i]
        bank = requests[q, 1]
        if i > 0 and requests[q, 4]:
            return -1
        if open_row[0, bank] < 0 and cycle >= legal[bank, 0] and (allowed >> bank) & 1:
            return q
    return -1


@njit(cache=True)
def _first_unwanted(requests, waiting, queued, cycle, legal, open_row, pointer, hold):
    """Return the first bank, from `pointer` on, whose row no request up to the first barrier wants, or -1."""
    banks = legal.shape[0]
    for step in range(banks):
        bank = (pointer + step) % banks
        if open_row[0, bank] < 0 or cycle < legal[bank, 1]:
            continue
        wanted = False
        for i in range(queued):
            q = waiting[i]
            if i > 0 and requests[q, 4] and not hold:
                break
            wanted |= requests[q, 1] == bank and requests[q, 2] == open_row[0, bank]
            if wanted or requests[q, 4]:
                break
        if not wanted:
            return bank
    return -1


@njit(cache=True)
def play_fr_fcfs(requests, release, tables, queue, trace):
    """Return (statistics, int64[2, commands]: how many of each issued, in single-bank and all-bank mode).

    Args:
        requests: int64[n, 5], to the banks of rank 0: 1 for a write, bank, row, column, 1 for a barrier.
        release: int64[n]: the cycle from which a request may enter the queue; one enters a cycle, in order.
        tables: the protocol's `Tables`.
        queue: a `Queue`.
        trace: commands are written to it.

    The run ends when the host has the last answer; until then, rows that nobody wants are closed.
    """
    shape, state, switch, due = tables.shape, _new_state(tables), queue.switch, queue.due.copy()
    activate, precharge, refresh = queue.roles[0], queue.roles[1], queue.roles[4]
    banks, total = shape[1] * shape[2], requests.shape[0]
    counts, stats = np.zeros((2, tables.commands.shape[0]), np.int64), np.zeros(5, np.int64)
    legal = np.zeros((banks, 4), np.int64)  # `_earliest` of the first four roles
    fresh, waiting = np.zeros(banks, np.bool_), np.empty(queue.entries, np.int64)
    queued = entered = turn = pointer = 0
    to_refresh, all_bank = -1, False
    entering = leaving = cycle = np.int64(0)
    while entered < total or queued > 0 or cycle < stats[CYCLES]:
        if cycle >= due[turn]:
            to_refresh = turn
            due[turn] += queue.interval
            turn = (turn + 1) % shape[0]
        command, bank, slot, line = NOTHING, np.int64(0), -1, np.int64(-1)
        if to_refresh >= 0:
            closed = True
            for b in range(to_refresh * banks, (to_refresh + 1) * banks):
                closed &= state.open_row[0, b] < 0
                if state.open_row[0, b] >= 0 and cycle >= _earliest(precharge, b, tables, state):
                    command, bank = precharge, b
                    break
            if closed and cycle >= _earliest(refresh, to_refresh * banks, tables, state):
                command, bank, to_refresh = refresh, to_refresh * banks, -1
        if command == NO_COMMAND:
            slot = _first_ready(requests, waiting, queued, cycle, legal, state.open_row)
            if slot >= 0:
                line = waiting[slot]
                command, bank = queue.roles[2 + requests[line, 0]], requests[line, 1]
        if command == NO_COMMAND and (queue.parity or to_refresh != 0):
            allowed = switch[5] if all_bank else np.int64(-1)
            line = _first_closed(requests, waiting, queued, cycle, legal, state.open_row, allowed)
            if line >= 0:
                command, bank = activate, requests[line, 1]
        if command == NO_COMMAND:
            b = _first_unwanted(requests, waiting, queued, cycle, legal, state.open_row, pointer, queue.parity)
            if b >= 0:
                command, bank, pointer = precharge, b, b
        moved = command != NO_COMMAND
        if moved:
            row = requests[line, 2] if line >= 0 else state.open_row[0, bank]  # of a refresh: none
            column = requests[line, 3] if line >= 0 else np.int64(0)
            _issue(command, bank, row, cycle, tables, state)
            _refresh_legal(legal, queue.roles, shape, state.ready)
            _record(trace, stats, cycle, command, bank, row, column, line)
            counts[int(all_bank), command] += 1
            width = switch[6] if all_bank else 1
            if command == activate:
                fresh[bank] = True
                stats[ACTIVATIONS] += width
                if not all_bank and row == switch[0] and column == switch[1]:
                    entering |= (np.int64(1) << bank) & switch[2]
                    if entering == switch[2]:
                        all_bank, entering = True, np.int64(0)
            elif command == precharge and all_bank and row == switch[3]:
                leaving |= (np.int64(1) << bank) & switch[4]
                if leaving == switch[4]:
                    all_bank, leaving = False, np.int64(0)
            elif slot >= 0:
                if row & switch[7] == 0:
                    stats[ACCESSES] += width
                    stats[HITS] += 0 if fresh[bank] else width
                fresh[bank] = False
                stats[CYCLES] = max(stats[CYCLES], cycle + queue.completion[requests[line, 0]])
                queued -= 1
                for i in range(slot, queued):
                    waiting[i] = waiting[i + 1]
        if entered < total and queued < queue.entries and release[entered] <= cycle:
            waiting[queued] = entered
            queued += 1
            entered += 1
            moved = True
        if moved:
            cycle += 1
            continue
        # Nothing happens before a command becomes legal, a refresh is due or a request comes.
        upcoming = due[turn]
        if entered < total and queued < queue.entries:
            upcoming = min(upcoming, release[entered])
        if to_refresh >= 0:
            ready = _earliest(refresh, to_refresh * banks, tables, state)
            upcoming = ready if cycle < ready < upcoming else upcoming
        for b in range(banks):
            for role in range(4):
                if cycle < legal[b, role] < upcoming:
                    upcoming = legal[b, role]
        cycle = max(cycle + 1, upcoming)
    return stats, counts
