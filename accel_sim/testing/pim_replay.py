"""A slow, plain check of issued DRAM commands against a protocol: every pair, every row, every state.

It shares nothing with the kernels: it reads the protocol's rows itself, keeps the whole history, and looks at
all of it for every command.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from accel_sim.hardware.pim.specs import Command, Protocol, Structure


@dataclass(frozen=True)
class Issued:
    """A command that a controller issued; `columns` of it, if it is a burst."""

    cycle: int
    command: str
    bank: int
    row: int
    columns: int = 1


def violations(protocol: Protocol, issued: Sequence[Issued]) -> list[str]:
    """Return what is wrong with a sequence of commands, one sentence each; none if it is legal."""
    return [
        *_bus(issued),
        *_timing(protocol, issued),
        *_states(protocol, issued),
        *_modes(protocol, issued),
    ]


def _nodes(structure: Structure, command: Command, bank: int, level: str) -> set[int]:
    """Return the nodes of a level that a command occupies."""
    per_group, per_rank = structure.banks_per_group, structure.banks
    every = range(per_rank * structure.ranks)
    banks = {
        "none": [],
        "bank": [bank],
        "bankgroup": [b for b in every if b // per_group == bank // per_group],
        "rank": [b for b in every if b // per_rank == bank // per_rank],
        "channel": list(every),
    }[command.scope]
    if level == "channel":
        return {0}
    return {b // {"bank": 1, "bankgroup": per_group, "rank": per_rank}[level] for b in banks}


def _bus(issued: Sequence[Issued]) -> Iterable[str]:
    for before, after in pairwise(issued):
        if after.cycle <= before.cycle:
            yield f"{after.command} at {after.cycle} is not after {before.command} at {before.cycle}"


def _end_of(protocol: Protocol, event: Issued) -> int:
    """Return the cycle that others count from: of a burst, that of its last slot."""
    if not protocol.commands[event.command].burst:
        return event.cycle
    return event.cycle + max(event.columns, protocol.pim.tree_fill) * _column_step(protocol)


def _column_step(protocol: Protocol) -> int:
    return min(
        protocol.cycles(row.latency)
        for row in protocol.rows
        for name in row.preceding
        if protocol.commands[name].burst and name in row.following
    )


def _timing(protocol: Protocol, issued: Sequence[Issued]) -> Iterable[str]:
    structure = protocol.structure
    for row in protocol.rows:
        latency = protocol.cycles(row.latency)
        following = set(protocol.commands) if row.following == ["*"] else set(row.following)
        for name in row.preceding:
            past: dict[int, list[int]] = {}
            for event in issued:
                if event.command != name and event.command not in following:
                    continue
                here = _nodes(structure, protocol.commands[event.command], event.bank, row.level)
                if event.command in following:
                    for node in here:
                        times = past.get(node, [])
                        if len(times) >= row.window and event.cycle - times[-row.window] < latency:
                            yield (
                                f"{event.command} at {event.cycle} is {event.cycle - times[-row.window]} "
                                f"cycles after {name}: at least {latency} in a {row.level}"
                            )
                if event.command == name:
                    for node in here:
                        past.setdefault(node, []).append(_end_of(protocol, event))


def _states(protocol: Protocol, issued: Sequence[Issued]) -> Iterable[str]:
    """Column commands need their row, activations need closed banks, refreshes need all of them closed."""
    open_rows: dict[tuple[int, int], int] = {}
    for event in issued:
        command = protocol.commands[event.command]
        banks = _nodes(protocol.structure, command, event.bank, "bank")
        buffers = (0, 1) if command.row_buffer == 2 else (command.row_buffer,)
        held = {(buffer, bank): open_rows.get((buffer, bank)) for buffer in buffers for bank in banks}
        if command.column and any(row != event.row for row in held.values()):
            yield f"{event.command} at {event.cycle}: row {event.row} is not open in every bank it reaches"
        if (command.opens or command.needs_closed) and any(row is not None for row in held.values()):
            yield f"{event.command} at {event.cycle}: a bank it reaches is open"
        for place in held:
            if command.opens:
                open_rows[place] = event.row
            elif command.closes:
                open_rows.pop(place, None)


def _modes(protocol: Protocol, issued: Sequence[Issued]) -> Iterable[str]:
    """Register and memory commands come in their mode; in all-bank mode only some banks are activated."""
    register = False
    for event in issued:
        if event.command == protocol.mode_switch:
            register = not register
        elif protocol.mode_switch and protocol.commands[event.command].column:
            if register:
                yield f"{event.command} at {event.cycle}: in register mode"
        elif protocol.mode_switch and protocol.commands[event.command].mode == "register" and not register:
            yield f"{event.command} at {event.cycle}: in memory mode"
    if protocol.modes is None:
        return
    entered: set[int] = set()
    left: set[int] = set()
    all_bank = False
    for event in issued:
        if event.command == "ACT":
            if all_bank and event.bank not in protocol.modes.addressable:
                yield f"ACT at {event.cycle}: bank {event.bank} in all-bank mode"
            if not all_bank and event.row == protocol.modes.enter.row:
                entered.add(event.bank)
                if entered >= set(protocol.modes.enter.banks):
                    all_bank, entered = True, set()
        elif event.command == "PRE" and all_bank and event.row == protocol.modes.leave.row:
            left.add(event.bank)
            if left >= set(protocol.modes.leave.banks):
                all_bank, left = False, set()
