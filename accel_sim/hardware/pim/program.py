"""Command programs: what the host asks of a channel, in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from accel_sim.hardware.pim.specs import Protocol
from accel_sim.hardware.pim.tables import command_index

# Columns of Program.lines.
COMMAND, BANK, ROW, COLUMN, COUNT, FLAGS = range(6)
LINE_COLUMNS = 6
BARRIER = 1  # flag: what stands behind waits until everything before is issued
NO_OPERATION = -1  # command of a line that only takes the host a cycle to decode


@dataclass(frozen=True, slots=True)
class Program:
    """Requests of one channel.

    Attributes:
        protocol: whose commands they are.
        lines: int64[lines, LINE_COLUMNS]: command, bank of the channel (0 for a command of all banks), row,
            first column, how many commands with consecutive columns, flags.
    """

    protocol: Protocol
    lines: Any


@dataclass
class Builder:
    """Collects the lines of a program."""

    protocol: Protocol
    lines: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)

    def add(
        self,
        command: str | None,
        bank: int = 0,
        row: int = 0,
        column: int = 0,
        count: int = 1,
        *,
        barrier: bool = False,
    ) -> None:
        """Append `count` commands with consecutive columns; the barrier follows the last. None decodes only."""
        number = NO_OPERATION if command is None else command_index(self.protocol, command)
        self.lines.append((number, bank, row, column, count, BARRIER * barrier))

    def program(self) -> Program:
        """Return the program."""
        return Program(self.protocol, np.array(self.lines, np.int64).reshape(-1, LINE_COLUMNS))
