"""Replaying a DRAM command list against a standard: the first command that the standard forbids, if any.

Written to share nothing with the controller that issued the list but the standard's rows: no ready times, no
merged levels, no arrays. A command is checked against the past itself.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import prod

from accel_sim.hardware.dram.standard import COLUMN_ROLES
from accel_sim.hardware.dram.tables import ResolvedPreset, Rule

# JEDEC lets up to eight refreshes be postponed, so nine intervals may pass between two.
POSTPONED_REFRESHES = 8


@dataclass(frozen=True, slots=True)
class IssuedCommand:
    """A command on the bus.

    Attributes:
        cycle: clock of its issue.
        name: of the command.
        bank: number of the bank within the channel; of the first bank that it addresses, if it addresses
            several.
        row: of the bank; of no meaning for commands that need none.
        channel: whose bus it is on.
    """

    cycle: int
    name: str
    bank: int
    row: int = -1
    channel: int = 0


@dataclass(frozen=True, slots=True)
class Violation:
    """What a standard has against a command.

    Attributes:
        index: place of the command in the list.
        command: the command.
        reason: the rule, and how it was broken.
    """

    index: int
    command: IssuedCommand
    reason: str


@dataclass(slots=True)
class _Bank:
    """Row state of a bank; `half_open_until` is the deadline of a split activate."""

    row: int | None = None
    half_open_until: int | None = None


@dataclass(slots=True)
class _Channel:
    """The past of one channel."""

    banks: list[_Bank]
    # Issue times of the latest commands by (name, level, node), as many as the longest window needs.
    issued: dict[tuple[str, int, int], deque[int]]
    last_on_bus: dict[bool, int] = field(default_factory=dict)
    clock_on_until: int = -1
    synced_at: int = -2
    refreshed: dict[int, int] = field(default_factory=dict)
    edge: tuple[int, int, int | None] | None = None


def first_violation(preset: ResolvedPreset, commands: Iterable[IssuedCommand]) -> Violation | None:
    """Return the first command of a list that the preset's standard forbids, or None.

    Checked are every row of the timing table, the state of every bank (activates of closed banks, column
    commands of open rows, refreshes of closed banks), the command bus, split activates and the data clock where
    the standard has them, and that no refresh is later than JEDEC's eight postponed intervals.

    Args:
        preset: whose rows hold, and whose policy says whether refreshes and a second command a clock are
            expected.
        commands: in the order of their clocks.
    """
    checker = _Checker(preset)
    for index, command in enumerate(commands):
        for reason in checker.objections(command):
            return Violation(index, command, reason)
        checker.apply(command)
    return None


class _Checker:
    def __init__(self, preset: ResolvedPreset) -> None:
        self.preset = preset
        self.role = {name: command.role for name, command in preset.standard.commands.items()}
        levels = preset.standard.levels
        self.scope = {name: levels.index(command.scope) for name, command in preset.standard.commands.items()}
        nodes = [prod(preset.counts[: level + 1]) for level in range(len(levels))]
        self.below = [nodes[-1] // n for n in nodes]
        self.rules: dict[str, list[Rule]] = defaultdict(list)
        for rule in preset.rules:
            self.rules[rule.following].append(rule)
        self.memory = max((rule.window for rule in preset.rules), default=1)
        self.channels: dict[int, _Channel] = {}

    def channel(self, number: int) -> _Channel:
        if number not in self.channels:
            banks = [_Bank() for _ in range(self.preset.banks)]
            self.channels[number] = _Channel(banks, defaultdict(lambda: deque(maxlen=self.memory)))
        return self.channels[number]

    def targets(self, command: IssuedCommand) -> range:
        """Return the banks that a command addresses."""
        below = self.below[self.scope[command.name]]
        first = command.bank - command.bank % below
        return range(first, first + below)

    def objections(self, command: IssuedCommand) -> Iterator[str]:
        channel = self.channel(command.channel)
        yield from self._bus(channel, command)
        yield from self._states(channel, command)
        yield from self._clock(channel, command)
        yield from self._timing(channel, command)
        yield from self._refresh(channel, command)

    def _bus(self, channel: _Channel, command: IssuedCommand) -> Iterator[str]:
        column = self.role[command.name] in COLUMN_ROLES
        last = max(channel.last_on_bus.values(), default=-1)
        if command.cycle < last:
            yield f"clock {command.cycle} comes after clock {last} in the list"
        issue = self.preset.policy.issue
        if command.cycle == (channel.last_on_bus.get(column, -1) if issue != "one" else last):
            yield "the command bus is taken in this clock"
        if self.preset.standard.column_edges and command.cycle % 2 == 0:
            if not self.role[command.name].startswith("precharge"):
                yield "only a precharge may start on a falling edge"
            if channel.edge and not self._beside(channel.edge, command):
                yield "this precharge may not stand beside the row command of the edge before"

    def _beside(self, edge: tuple[int, int, int | None], command: IssuedCommand) -> bool:
        """Return whether a falling-edge precharge may follow the row command of the rising edge before it."""
        cycle, group, bank = edge
        level = self.preset.standard.levels.index("pseudochannel")
        if cycle != command.cycle or group != command.bank // self.below[level]:
            return True
        return self.role[command.name] == "precharge" and bank is not None and bank != command.bank

    def _states(self, channel: _Channel, command: IssuedCommand) -> Iterator[str]:
        role = self.role[command.name]
        bank = channel.banks[command.bank]
        opening = bank.half_open_until is not None
        if role == "activate" and (bank.row is not None or opening):
            yield f"bank {command.bank} is open (row {bank.row})"
        if role == "activate_second":
            if bank.half_open_until is None:
                yield f"bank {command.bank} had no first half of an activate"
            elif command.cycle > bank.half_open_until:
                yield f"the second half of the activate was due by clock {bank.half_open_until}"
        if role in COLUMN_ROLES or role in ("clock_read", "clock_write"):
            if bank.row is None or opening:
                yield f"bank {command.bank} is closed"
            elif bank.row != command.row:
                yield f"bank {command.bank} has row {bank.row} open, not {command.row}"
        if role in ("refresh_all", "refresh_bank", "precharge_all", "precharge"):
            for number in self.targets(command):
                target = channel.banks[number]
                if target.half_open_until is not None:
                    yield f"bank {number} is being opened"
                if role.startswith("refresh") and target.row is not None:
                    yield f"bank {number} is open (row {target.row})"

    def _clock(self, channel: _Channel, command: IssuedCommand) -> Iterator[str]:
        needed = self.preset.command("clock_read") is not None and self.preset.policy.data_clock == "on_demand"
        if not needed or self.role[command.name] not in COLUMN_ROLES:
            return
        if command.cycle >= channel.clock_on_until and channel.synced_at != command.cycle - 1:
            yield "the data clock is off and no CAS command started it in the clock before"

    def _timing(self, channel: _Channel, command: IssuedCommand) -> Iterator[str]:
        for rule in self.rules[command.name]:
            for node in self._nodes(rule, command):
                times = channel.issued.get((rule.preceding, rule.level, node))
                if times is None or len(times) < rule.window:
                    continue
                past = times[-rule.window]
                if command.cycle - past < rule.latency:
                    level = self.preset.standard.levels[rule.level]
                    yield (
                        f"{rule.preceding} to {command.name} on one {level}"
                        f"{' and its sibling' if rule.sibling else ''}: {command.cycle - past} clocks after "
                        f"clock {past}, must be {rule.latency} ({rule.formula})"
                    )

    def _nodes(self, rule: Rule, command: IssuedCommand) -> Iterable[int]:
        """Return the nodes whose past a rule looks at for a command."""
        below = self.below[rule.level]
        if rule.sibling:
            own = command.bank // below
            above = self.below[rule.level - 1]
            first = (command.bank // above) * (above // below)
            return [node for node in range(first, first + above // below) if node != own]
        return sorted({bank // below for bank in self.targets(command)})

    def _refresh(self, channel: _Channel, command: IssuedCommand) -> Iterator[str]:
        if self.role[command.name] != "refresh_all" or self.preset.policy.refresh == "none":
            return
        group = command.bank // self.below[self.scope[command.name]]
        limit = (POSTPONED_REFRESHES + 1) * self.preset.refresh_interval
        if command.cycle - channel.refreshed.get(group, 0) > limit:
            yield f"the last refresh was more than {limit} clocks ago"

    def apply(self, command: IssuedCommand) -> None:
        """Enter a command into the past."""
        channel = self.channel(command.channel)
        role = self.role[command.name]
        column = role in COLUMN_ROLES
        channel.last_on_bus[column] = command.cycle
        banks = self.targets(command)
        for level, below in enumerate(self.below):
            for node in sorted({bank // below for bank in banks}):
                channel.issued[command.name, level, node].append(command.cycle)
        bank = channel.banks[command.bank]
        split = self.preset.command("activate_second") is not None
        if role == "activate":
            bank.row = command.row
            if split:
                bank.half_open_until = command.cycle + self.preset.second_activate_within
        elif role == "activate_second":
            bank.half_open_until = None
        elif role in ("precharge", "precharge_all"):
            for number in banks:
                channel.banks[number].row = None
        elif role in ("clock_read", "clock_write"):
            channel.synced_at = command.cycle
        elif role == "refresh_all":
            channel.refreshed[command.bank // self.below[self.scope[command.name]]] = command.cycle
        if column:
            runs = self.preset.clock_runs_after_read
            if role.startswith("write"):
                runs = self.preset.clock_runs_after_write
            channel.clock_on_until = max(channel.clock_on_until, command.cycle + runs)
            if role.endswith("precharge"):
                bank.row = None
        if self.preset.standard.column_edges and not column and command.cycle % 2:
            group = command.bank // self.below[self.preset.standard.levels.index("pseudochannel")]
            whole = role in ("precharge_all", "refresh_all")
            pairs_with = command.cycle + (3 if role == "activate" else 1)
            channel.edge = (pairs_with, group, None if whole else command.bank)
