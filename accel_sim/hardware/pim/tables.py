"""A protocol as arrays for the channel kernels: nodes, commands, constraint rows by preceding command."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from accel_sim.hardware.pim.specs import Protocol

NONE, CHANNEL, RANK, BANKGROUP, BANK = 0, 1, 2, 3, 4
LEVELS = {"none": NONE, "channel": CHANNEL, "rank": RANK, "bankgroup": BANKGROUP, "bank": BANK}
NO_COMMAND = -1

# Columns of Tables.commands.
(
    C_SCOPE,
    C_OPENS,
    C_CLOSES,
    C_OPENER,
    C_CLOSER,
    C_MODE,
    C_LATENCY,
    C_BLOCKING,
    C_BUFFER,
    C_COLUMN,
    C_NEEDS_CLOSED,
    C_BURST,
) = range(12)
COMMAND_COLUMNS = 12
# Columns of Tables.rows.
R_LEVEL, R_FOLLOWING, R_LATENCY, R_WINDOW, R_HISTORY = range(5)


class Tables(NamedTuple):
    """A protocol's arrays.

    Attributes:
        commands: int64[commands, COMMAND_COLUMNS], one row a command, in the order of the protocol.
        row_start: int64[commands + 1]: the rows that a command opens, as `rows[start[c]:start[c + 1]]`.
        rows: int64[rows, 5]: level, following command, cycles, window, index of its history (-1: window of 1).
        shape: int64[4]: ranks, bank groups of a rank, banks of a group, histories.
        mode_switch: command that changes the device's mode, or NO_COMMAND.
        window: the longest window of a row.
    """

    commands: Any
    row_start: Any
    rows: Any
    shape: Any
    mode_switch: int
    window: int


@lru_cache(maxsize=32)
def _names(commands: tuple[str, ...]) -> dict[str, int]:
    return {name: index for index, name in enumerate(commands)}


def command_index(protocol: Protocol, name: str) -> int:
    """Return the number of a command in the arrays."""
    return _names(tuple(protocol.commands))[name]


@lru_cache(maxsize=64)
def tables(protocol: Protocol) -> Tables:
    """Return the arrays of a protocol."""
    index = _names(tuple(protocol.commands))
    commands = np.full((len(index), COMMAND_COLUMNS), NO_COMMAND, np.int64)
    columns = {None: 0, "read": 1, "write": 2, "compute": 3}
    for name, command in protocol.commands.items():
        line = commands[index[name]]
        line[C_SCOPE] = LEVELS[command.scope]
        line[C_OPENS], line[C_CLOSES] = command.opens, command.closes
        if command.needs_row:
            line[C_OPENER], line[C_CLOSER] = (index[other] for other in command.needs_row)
        if command.needs_closed:
            line[C_NEEDS_CLOSED] = index[command.needs_closed]
        line[C_MODE] = command.mode == "register"
        line[C_LATENCY] = protocol.cycles(command.latency)
        line[C_BLOCKING] = command.blocking
        line[C_BUFFER] = command.row_buffer
        line[C_BURST] = command.burst
        line[C_COLUMN] = columns[command.column]
    start, rows, histories = _rows(protocol, index)
    structure = protocol.structure
    shape = np.array([structure.ranks, structure.bankgroups, structure.banks_per_group, histories], np.int64)
    switch = index[protocol.mode_switch] if protocol.mode_switch else NO_COMMAND
    return Tables(commands, start, rows, shape, switch, max(row.window for row in protocol.rows))


def _rows(protocol: Protocol, index: dict[str, int]) -> tuple[Any, Any, int]:
    """Return the constraint rows by preceding command; of rows that differ in latency only, the longest."""
    longest: dict[tuple[int, int, int, int], int] = {}
    for row in protocol.rows:
        latency = protocol.cycles(row.latency)
        for preceding in row.preceding:
            for following in index if row.following == ["*"] else row.following:
                key = (index[preceding], LEVELS[row.level], index[following], row.window)
                longest[key] = max(latency, longest.get(key, 0))
    start = np.zeros(len(index) + 1, np.int64)
    rows = np.empty((len(longest), 5), np.int64)
    histories = 0
    for number, (key, latency) in enumerate(sorted(longest.items())):
        before, level, after, window = key
        rows[number] = level, after, latency, window, histories if window > 1 else NO_COMMAND
        histories += window > 1
        start[before + 1 :] += 1
    return start, rows, histories
