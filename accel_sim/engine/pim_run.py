"""Runs command programs on one channel: arrays for the kernels out, counts by command and traces back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from accel_sim.engine import pim_channel
from accel_sim.hardware.pim.device import PimDevice
from accel_sim.hardware.pim.program import (
    BANK,
    BARRIER,
    COLUMN,
    COMMAND,
    COUNT,
    FLAGS,
    NO_OPERATION,
    ROW,
    Program,
)
from accel_sim.hardware.pim.tables import command_index, tables


@dataclass(frozen=True)
class Played:
    """What happened on one channel.

    Attributes:
        cycles: from the first instruction until the host knows of the last end.
        commands: how many of each command issued, prerequisites included; those that did not are absent.
        all_bank: how many of them in the all-bank mode of HBM-PIM.
        burst_columns: columns of the commands that take several.
        accesses, row_hits: column accesses to banks, and those that found their row open and already used.
        activations: rows opened, counted bank by bank.
        trace: int64[n, 6], see `engine.pim_channel`; empty unless asked for.
    """

    cycles: int
    commands: Mapping[str, int]
    all_bank: Mapping[str, int]
    burst_columns: Mapping[str, int]
    accesses: int
    row_hits: int
    activations: int
    trace: Any


def play(device: PimDevice, *programs: Program, trace: bool = False, release: Any = None) -> Played:
    """Return what the programs do on one channel.

    Args:
        device: the memory.
        programs: one, or two that share the channel: of two commands that could go at the same time, the first
            one's goes (banks with two row buffers).
        trace: record every command.
        release: int64[requests], for a reordering queue: the cycle from which each may enter it.

    Raises:
        ValueError: a command or bank that the channel does not have, or two programs for a reordering queue.
    """
    for program in programs:
        _check(device, program)
    if device.protocol.controller == "fr_fcfs":
        if len(programs) != 1:
            raise ValueError("a reordering queue plays one program")
        return _play_queue(device, requests(programs[0]), trace, release)
    lines = np.concatenate([program.lines for program in programs])
    starts = np.cumsum([0, *(len(program.lines) for program in programs)])
    return _play_in_order(device, lines, starts, trace)


def _check(device: PimDevice, program: Program) -> None:
    """Refuse what the kernels would look up beyond their arrays."""
    structure = device.protocol.structure
    banks = structure.banks * (1 if device.protocol.controller == "fr_fcfs" else structure.ranks)
    for column, limit, what in (
        (COMMAND, len(device.protocol.commands), "command"),
        (BANK, banks, "bank"),
        (ROW, 2**31, "row"),
    ):
        values = program.lines[:, column]
        wrong = (values < (NO_OPERATION if column == COMMAND else 0)) | (values >= limit)
        if wrong.any():
            raise ValueError(f"{what} {values[wrong][0]}: {device.name} has 0 to {limit - 1}")
    if (program.lines[:, COUNT] < 1).any():
        raise ValueError("count: must be at least 1")


def _play_in_order(device: PimDevice, lines: Any, starts: Any, trace: bool) -> Played:
    protocol = device.protocol
    refresh = command_index(protocol, protocol.refresh.command)
    interval = protocol.cycles(protocol.refresh.interval) if device.refresh else 0
    fill = np.array([protocol.pim.tree_fill, _burst_step(device)], np.int64)
    arrays = tables(protocol)

    def run(room: Any) -> tuple[Any, Any]:
        return pim_channel.play_in_order(lines, starts, arrays, refresh, interval, fill, room)

    stats, counts, room = _traced(run, trace)
    return _played(device, stats, counts, np.zeros_like(counts), room, _burst_columns(device, lines))


def _traced(run: Callable[[Any], tuple[Any, Any]], trace: bool) -> tuple[Any, Any, Any]:
    """Return (statistics, counts, trace) of a run; a second run fills the trace, once its length is known."""
    room = np.empty((0, pim_channel.TRACE_COLUMNS), np.int64)
    stats, counts = run(room)
    if trace:
        room = np.empty((stats[pim_channel.ISSUED], pim_channel.TRACE_COLUMNS), np.int64)
        stats, counts = run(room)
    return stats, counts, room


def requests(program: Program) -> Any:
    """Return int64[n, 5], one row a request: 1 for a write, bank, row, column, 1 for a barrier."""
    lines = program.lines
    total = lines[:, COUNT].sum()
    owner = np.repeat(np.arange(len(lines)), lines[:, COUNT])
    offset = np.arange(total) - np.repeat(np.cumsum(lines[:, COUNT]) - lines[:, COUNT], lines[:, COUNT])
    result = np.empty((total, 5), np.int64)
    result[:, 0] = lines[owner, COMMAND] == command_index(program.protocol, "WR")
    result[:, 1:4] = lines[owner, 1:4]
    result[:, 3] = lines[owner, COLUMN] + offset
    last = offset == lines[owner, COUNT] - 1
    result[:, 4] = last & (lines[owner, FLAGS] & BARRIER > 0)
    return result


def _play_queue(device: PimDevice, asked: Any, trace: bool, release: Any) -> Played:
    protocol = device.protocol
    queue, structure = protocol.queue, protocol.structure
    if queue is None:
        raise ValueError(f"{device.name} has no queue")
    arrays = tables(protocol)
    interval = protocol.cycles(protocol.refresh.interval)
    # Ranks are refreshed in turn, evenly apart.
    due = np.array([interval // structure.ranks * (rank + 1) for rank in range(structure.ranks)], np.int64)
    if not device.refresh:
        due[:] = 2**61
    if release is None:
        release = np.zeros(len(asked), np.int64)
    completion = np.array([protocol.cycles(queue.read_done), protocol.cycles(queue.write_done)], np.int64)
    settings = pim_channel.Queue(
        _roles(device), queue.entries, due, interval, _switch(device), completion, protocol.parity
    )

    def run(room: Any) -> tuple[Any, Any]:
        return pim_channel.play_fr_fcfs(asked, release, arrays, settings, room)

    stats, counts, room = _traced(run, trace)
    return _played(device, stats, counts[0] + counts[1], counts[1], room, {})


def _played(
    device: PimDevice, stats: Any, counts: Any, all_bank: Any, trace: Any, burst_columns: Mapping[str, int]
) -> Played:
    return Played(
        cycles=int(stats[pim_channel.CYCLES]),
        commands=_by_name(device, counts),
        all_bank=_by_name(device, all_bank),
        burst_columns=burst_columns,
        accesses=int(stats[pim_channel.ACCESSES]),
        row_hits=int(stats[pim_channel.HITS]),
        activations=int(stats[pim_channel.ACTIVATIONS]),
        trace=trace,
    )


def _by_name(device: PimDevice, counts: Any) -> dict[str, int]:
    return {name: int(count) for name, count in zip(device.protocol.commands, counts, strict=True) if count}


def _burst_columns(device: PimDevice, lines: Any) -> dict[str, int]:
    """Return the columns of the burst commands that a program asks for."""
    result = {}
    for name, command in device.protocol.commands.items():
        if command.burst:
            asked = int(lines[lines[:, COMMAND] == command_index(device.protocol, name), COUNT].sum())
            if asked:
                result[name] = asked
    return result


def _burst_step(device: PimDevice) -> int:
    """Return the cycles from one column of a burst to the next: those between two bursts."""
    bursts = {name for name, command in device.protocol.commands.items() if command.burst}
    for row in device.protocol.rows:
        if bursts.intersection(row.preceding).intersection(row.following):
            return device.protocol.cycles(row.latency)
    return 0


@lru_cache(maxsize=32)
def _roles(device: PimDevice) -> Any:
    names = ("ACT", "PRE", "RD", "WR", device.protocol.refresh.command)
    return np.array([command_index(device.protocol, name) for name in names], np.int64)


@lru_cache(maxsize=32)
def _switch(device: PimDevice) -> Any:
    modes = device.protocol.modes
    if modes is None:
        return np.array([-1, -1, 0, -1, 0, -1, 1, 0], np.int64)
    return np.array(
        [
            modes.enter.row,
            modes.enter.column,
            _bits(modes.enter.banks),
            modes.leave.row,
            _bits(modes.leave.banks),
            _bits(modes.addressable),
            device.banks // len(modes.addressable),
            modes.reserved,
        ],
        np.int64,
    )


def _bits(banks: Sequence[int]) -> int:
    return sum(1 << bank for bank in banks)
