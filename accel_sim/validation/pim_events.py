"""What an HBM-PIM device does with each command of a trace: modes, register writes, triggered instructions.

Cycles and fields are those that the vendor's simulator prints: a command reaches the rank the cycle after it
was issued, and the compute units one cycle later.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from accel_sim.hardware.pim.crf import Instruction, executed
from accel_sim.hardware.pim.specs import Modes, Protocol

AT_RANK, AT_UNITS = 1, 2


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the simulator's trace; -1 where a field is empty."""

    cycle: int
    event: str
    bank: int = -1
    row: int = -1
    column: int = -1
    detail: str = ""


@dataclass
class _Device:
    """State of the device: mode, microprogram, and the row it believes open in each bank."""

    modes: Modes
    banks: int
    instructions: tuple[Instruction, ...]
    zeroes_sums: bool
    all_bank: bool = False
    computing: bool = False
    entered: set[int] = field(default_factory=set)
    left: set[int] = field(default_factory=set)
    open_row: dict[int, int] = field(default_factory=dict)
    steps: Iterator[tuple[int, bool]] | None = None

    def followers(self, bank: int) -> range:
        """Return the banks that a command acts on."""
        return range(bank % 2, self.banks, 2) if self.all_bank else range(bank, bank + 1)


def events(
    protocol: Protocol, trace: Any, instructions: tuple[Instruction, ...], *, zeroes_sums: bool
) -> Iterator[Event]:
    """Yield what a device prints for a trace of commands.

    Args:
        protocol: with modes.
        trace: int64[n, 6] of `engine.pim_channel`.
        instructions: the units' microprogram.
        zeroes_sums: whether switching compute on clears GRF_B.
    """
    if protocol.modes is None:
        raise ValueError(f"{protocol.name} has no modes")
    names = list(protocol.commands)
    device = _Device(protocol.modes, protocol.structure.banks, instructions, zeroes_sums)
    for cycle, command, bank, row, column, _ in trace.tolist():
        name = names[command]
        if name == "ACT":
            yield from _activation(device, cycle + AT_RANK, bank, row, column)
        elif name == "PRE":
            yield from _precharge(device, cycle + AT_RANK, bank, row)
        elif name == "REF":
            yield Event(cycle + AT_RANK, "REF")
        else:
            yield from _access(device, cycle, "READ" if name == "RD" else "WRITE", bank, row, column)


def _activation(device: _Device, cycle: int, bank: int, row: int, column: int) -> Iterator[Event]:
    yield Event(cycle, "ACTIVATE", bank, row, column)
    if not row & device.modes.reserved:
        device.open_row.update(dict.fromkeys(device.followers(bank), row))
    enter = device.modes.enter
    if not device.all_bank and (row, column) == (enter.row, enter.column):
        device.entered.add(bank)
        if device.entered >= set(enter.banks):
            device.all_bank, device.entered = True, set()
            yield Event(cycle, "HAB")


def _precharge(device: _Device, cycle: int, bank: int, row: int) -> Iterator[Event]:
    # The device does not note rows that hold no data, and prints the last one that did.
    yield Event(cycle, "PRECHARGE", bank, device.open_row.get(bank, 0))
    if device.all_bank and not device.computing and row == device.modes.leave.row:
        device.left.add(bank)
        if device.left >= set(device.modes.leave.banks):
            device.all_bank, device.left = False, set()
            yield Event(cycle, "SB")


def _access(device: _Device, cycle: int, kind: str, bank: int, row: int, column: int) -> Iterator[Event]:
    if not device.all_bank:
        yield Event(cycle + AT_RANK, kind, bank, row, column)
    elif row == device.modes.registers["row"]:
        yield from _register(device, cycle + AT_UNITS, column)
    elif not device.computing or row & device.modes.reserved:
        yield Event(cycle + AT_UNITS, kind, bank, row, column)
    else:
        for index, triggered in device.steps or ():
            detail = f"[{index}] {device.instructions[index].text}"
            yield Event(cycle + AT_UNITS, kind, bank, row, column, detail)
            if triggered:
                break


def _register(device: _Device, cycle: int, column: int) -> Iterator[Event]:
    registers = device.modes.registers
    if column >= registers["grf_a"]:
        yield Event(cycle, "BWRITE_GRF_A", detail=f"reg{column - registers['grf_a']}")
    elif column >= registers["crf"]:
        yield Event(cycle, "BWRITE_CRF", detail=f"idx{column - registers['crf']}")
    elif device.computing:
        device.computing = False
        yield Event(cycle, "HAB")
    else:
        device.computing, device.steps = True, executed(device.instructions)
        if device.zeroes_sums:
            yield Event(cycle, "GRF_B_ZEROIZE")
        yield Event(cycle, "HAB_PIM")
