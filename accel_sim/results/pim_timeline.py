"""What one channel of a PIM memory did when: its commands, its open rows, and what every cycle was spent on.

    played = play(device, program, trace=True)
    activities(device, played, program).groupby("activity")["cycles"].sum()

A cycle is spent on what the next command waits for: that command and the one that holds it back longest decide.
Cycles in which the compute units have a column are computing, whatever else goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accel_sim.engine.pim_channel import BOTH_BUFFERS
from accel_sim.engine.pim_run import Played
from accel_sim.hardware.pim.device import PimDevice
from accel_sim.hardware.pim.program import COUNT, Program
from accel_sim.hardware.pim.specs import Modes, Scope

if TYPE_CHECKING:
    import pandas as pd

COMPUTING = "computing"
ROWS = "opening and closing rows"
LOADING = "loading operands"
DRAINING = "draining sums"
REFRESH = "refresh"
MODES = "switching modes"
ACTIVITIES = (COMPUTING, ROWS, LOADING, DRAINING, REFRESH, MODES)


@dataclass(frozen=True, slots=True)
class _Step:
    """A command of a trace: what it is for, the banks it acts on, the cycles for which it has the units."""

    cycle: int
    command: str
    row: int
    banks: range
    activity: str
    length: int


def command_frame(device: PimDevice, played: Played) -> pd.DataFrame:
    """Return the commands of a trace: cycle, command (its name), bank, row, column, line of the program or -1.

    played: with a trace.
    """
    import pandas as pd

    frame = pd.DataFrame(played.trace, columns=["cycle", "command", "bank", "row", "column", "line"])
    return frame.assign(command=np.array(list(device.protocol.commands))[frame["command"]])


def activities(device: PimDevice, played: Played, program: Program) -> pd.DataFrame:
    """Return what the cycles were spent on: activity, start, end, cycles; spans in order, from 0 to the last.

    The row of HBM-PIM's registers counts as any other row, its parking rows as mode switches. Waits for a
    window of several commands (tFAW) go to the command before.

    Args:
        device: the memory.
        played: of this program alone, with a trace.
        program: whose commands they are.
    """
    import pandas as pd

    steps = list(_steps(device, played, program))
    spent = np.empty(played.cycles, np.int64)
    for start, end, activity in _waits(device, steps, played.cycles):
        spent[start:end] = ACTIVITIES.index(activity)
    for step in steps:
        if step.activity == COMPUTING:
            spent[step.cycle : step.cycle + step.length] = ACTIVITIES.index(COMPUTING)
    starts = np.flatnonzero(np.diff(spent, prepend=-1))
    ends = np.append(starts[1:], played.cycles)
    names = np.array(ACTIVITIES)[spent[starts]]
    return pd.DataFrame({"activity": names, "start": starts, "end": ends, "cycles": ends - starts})


def open_rows(device: PimDevice, played: Played, program: Program) -> pd.DataFrame:
    """Return how long rows were open: bank, row_buffer, row, start, end (precharge, or the end of the run)."""
    import pandas as pd

    opened: dict[tuple[int, int], tuple[int, int]] = {}
    spans = []
    for step in _steps(device, played, program):
        command = device.protocol.commands[step.command]
        buffers = (0, 1) if command.row_buffer == BOTH_BUFFERS else (command.row_buffer,)
        places = [(bank, buffer) for bank in step.banks for buffer in buffers]
        if command.closes:
            spans += [(*place, *opened.pop(place), step.cycle) for place in places if place in opened]
        if command.opens:
            opened.update(dict.fromkeys(places, (step.row, step.cycle)))
    spans += [(*place, *span, played.cycles) for place, span in opened.items()]
    frame = pd.DataFrame(spans, columns=["bank", "row_buffer", "row", "start", "end"])
    return frame.sort_values(["start", "bank"], ignore_index=True)


def _steps(device: PimDevice, played: Played, program: Program) -> Iterator[_Step]:
    protocol, names = device.protocol, list(device.protocol.commands)
    interval, modes = device.compute_interval_cycles, protocol.modes
    all_bank, touched = False, set[int]()
    for cycle, number, bank, row, column, line in played.trace.tolist():
        name = names[number]
        command = protocol.commands[name]
        banks = _banks(device, command.scope, bank)
        if modes and all_bank and name != protocol.refresh.command:
            banks = range(bank % protocol.pim.banks_per_unit, device.banks, protocol.pim.banks_per_unit)
        columns = program.lines[line, COUNT] if command.burst else 1
        length = max(columns, protocol.pim.tree_fill if command.burst else 1) * interval
        activity = _mode_activity(modes, name, row, column, all_bank) if modes else _activity(device, name)
        if name == protocol.refresh.command:
            activity = REFRESH
        yield _Step(cycle, name, row, banks, activity, length if activity == COMPUTING else 0)
        if modes is None:
            continue
        # The device enters the all-bank mode by activations of a row, and leaves it by precharges of another.
        if not all_bank and command.opens and (row, column) == (modes.enter.row, modes.enter.column):
            touched.add(bank)
            if touched >= set(modes.enter.banks):
                all_bank, touched = True, set()
        elif all_bank and command.closes and row == modes.leave.row:
            touched.add(bank)
            if touched >= set(modes.leave.banks):
                all_bank, touched = False, set()


def _banks(device: PimDevice, scope: Scope, bank: int) -> range:
    structure = device.protocol.structure
    width = {
        "none": 0,
        "bank": 1,
        "bankgroup": structure.banks_per_group,
        "rank": structure.banks,
        "channel": structure.banks * structure.ranks,
    }[scope]
    first = bank // width * width if width else 0
    return range(first, first + width)


def _activity(device: PimDevice, name: str) -> str:
    """Return what a command of a protocol with an operand buffer is for."""
    command, roles = device.protocol.commands[name], device.protocol.pim.roles
    if name == device.protocol.mode_switch:
        return MODES
    if command.column == "compute":
        return COMPUTING
    if (roles and name == roles.load) or command.column == "write":
        return LOADING
    return ROWS if command.opens or command.closes else DRAINING


def _mode_activity(modes: Modes, name: str, row: int, column: int, all_bank: bool) -> str:
    """Return what a command of HBM-PIM is for, by the row and column it goes to."""
    if row in (modes.park.row, modes.enter.row, modes.leave.row):
        return MODES
    if name in ("ACT", "PRE"):
        return ROWS
    if row == modes.registers["row"]:
        return LOADING if column >= modes.registers["grf_a"] else MODES
    if name == "RD":
        return COMPUTING if all_bank else DRAINING
    return DRAINING if all_bank else LOADING


def _waits(device: PimDevice, steps: list[_Step], cycles: int) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, activity): from each command to the next, and from the last to the end."""
    # HBM-PIM refreshes a rank that does not compute, beside the one that does.
    steps = [step for step in steps if not step.banks or step.banks[0] < device.banks]
    before = steps[0]
    yield 0, before.cycle, _waiting(device, before, before)
    last: dict[tuple[str, str, int], _Step] = {}
    constraints = _constraints(device)
    for step in steps:
        ends = [
            (previous.cycle + previous.length * burst + latency, previous)
            for level, preceding, latency, burst in constraints.get(step.command, ())
            for node in _nodes(device, level, step)
            if (previous := last.get((preceding, level, node)))
        ]
        until, holds = max(ends, key=lambda end: end[0], default=(0, before))
        yield before.cycle, step.cycle, _waiting(device, holds if until == step.cycle else before, step)
        for level in ("channel", "rank", "bankgroup", "bank"):
            last.update({(step.command, level, node): step for node in _nodes(device, level, step)})
        before = step
    yield before.cycle, cycles, _waiting(device, before, before)


def _constraints(device: PimDevice) -> dict[str, list[tuple[str, str, int, bool]]]:
    """Return (level, preceding command, cycles, whether that is a burst) of the constraints on each command."""
    protocol = device.protocol
    found: dict[str, list[tuple[str, str, int, bool]]] = {}
    for row in protocol.rows:
        if row.window > 1:
            continue
        for preceding in row.preceding:
            entry = (row.level, preceding, protocol.cycles(row.latency), protocol.commands[preceding].burst)
            for following in protocol.commands if row.following == ["*"] else row.following:
                found.setdefault(following, []).append(entry)
    return found


def _nodes(device: PimDevice, level: str, step: _Step) -> list[int]:
    """Return the numbers of the nodes of a level that a command occupies; buses belong to the channel."""
    if level == "channel":
        return [0]
    structure = device.protocol.structure
    size = {"rank": structure.banks, "bankgroup": structure.banks_per_group, "bank": 1}[level]
    return sorted({bank // size for bank in step.banks})


def _waiting(device: PimDevice, first: _Step, then: _Step) -> str:
    """Return what the time is spent on in which a command waits for an earlier one."""
    kinds = (first.activity, then.activity)
    for activity in (REFRESH, MODES):
        if activity in kinds:
            return activity
    if first.activity == ROWS:
        return ROWS
    if then.activity == ROWS:
        # A row closes when what was written has arrived and what was read has left.
        return first.activity if first.activity in (LOADING, DRAINING) else ROWS
    return next(activity for activity in (LOADING, DRAINING, COMPUTING) if activity in kinds)
