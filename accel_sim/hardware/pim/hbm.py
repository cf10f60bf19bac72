"""Programs of HBM-PIM: the host's column commands, mode switches and barriers, and what they trigger.

The rules are those of the vendor's simulator (figures, addresses and the order of accesses): to compute, the
host parks all banks on a row that holds no data, switches to all-bank mode, writes the
microprogram, switches compute on, and sends reads and writes of data rows to banks 0 and 1, which all even
and all odd banks follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Literal

from accel_sim.config.errors import InputError
from accel_sim.hardware.pim.crf import Instruction
from accel_sim.hardware.pim.device import PimDevice
from accel_sim.hardware.pim.program import Builder, Program
from accel_sim.hardware.pim.specs import Elementwise, Modes

EVEN, ODD = 0, 1
# Rows between an elementwise kernel's operands, where they take no more.
OPERAND_ROWS = 128
# Row of zeros that a tree product multiplies its sums with, to clear them, where weights do not reach it.
ZERO_ROW = 1000


@dataclass(frozen=True, slots=True)
class HbmKernel:
    """One channel's requests, and the microprogram of its units."""

    program: Program
    instructions: tuple[Instruction, ...]


class _Stream:
    """Writes the requests of one channel."""

    def __init__(self, device: PimDevice) -> None:
        modes, self.columns = device.protocol.modes, device.columns
        if modes is None:
            raise InputError(f"{device.name} has no all-bank mode")
        self.modes: Modes = modes
        self.structure = device.protocol.structure
        self.builder = Builder(device.protocol)

    def access(
        self, command: str, bank: int, column: int, count: int = 1, *, row: int = 0, barrier: bool = False
    ) -> None:
        """Read or write consecutive columns, across rows, counted from the first of `row`."""
        while count > 0:
            line, first = row + column // self.columns, column % self.columns
            width = min(count, self.columns - first)
            count -= width
            self.builder.add(command, bank, line, first, width, barrier=barrier and count == 0)
            column += width

    def park(self) -> None:
        """Read the parking row of every bank."""
        banks, groups = self.structure.banks, self.structure.bankgroups
        order = [group * (banks // groups) + bank for bank in range(banks // groups) for group in range(groups)]
        for bank in order:
            self.access("RD", bank, 0, row=self.modes.park.row, barrier=bank == order[-1])

    def enter(self, instructions: int) -> None:
        """Park, switch to all-bank mode, write the microprogram."""
        self.park()
        self._touch(self.modes.enter.banks, self.modes.enter.row, self.modes.enter.column)
        # A write carries 8 instructions of 32 bit.
        for write in range(ceil(instructions / 8)):
            last = write == ceil(instructions / 8) - 1
            self.register(ODD, self.modes.registers["crf"] + write, barrier=last)

    def leave(self) -> None:
        """Switch back to single-bank mode and park."""
        self._touch(self.modes.leave.banks, self.modes.leave.row, self.modes.leave.column)
        self.park()

    def control(self) -> None:
        """Switch compute on or off."""
        self.register(EVEN, self.modes.registers["control"], barrier=True)

    def register(self, bank: int, column: int, count: int = 1, *, barrier: bool = False) -> None:
        """Write registers of all units."""
        self.builder.add("WR", bank, self.modes.registers["row"], column, count, barrier=barrier)

    def _touch(self, banks: list[int], row: int, column: int) -> None:
        for bank in banks:
            self.access("WR", bank, column, row=row, barrier=bank == banks[-1])


def units(device: PimDevice) -> int:
    """Return the compute units of a channel."""
    return device.banks // device.protocol.pim.banks_per_unit


def tile_outputs(device: PimDevice) -> int:
    """Return the outputs that a channel computes at once: one for each register of sums of each unit."""
    return units(device) * device.protocol.pim.registers


def weights_column(device: PimDevice, parts: int, tile: int, part: int, *, separate: bool) -> int:
    """Return the column of a bank where the weights of an output tile and a part of the operand begin.

    Even parts lie in even banks, odd ones in odd banks. `separate`: see `gemv`.
    """
    block = device.protocol.pim.registers**2
    if separate:
        return block * (tile * ceil(parts / 2) + part // 2)
    return block * (part // 2 + tile * parts // 2)


def gemv(
    device: PimDevice, outputs: int, inputs: int, batch: int = 1, *, tree: bool = False, separate: bool = True
) -> HbmKernel:
    """Return one channel's share of a matrix-vector product.

    Eight columns of the operand go to GRF_A; 64 reads multiply each with eight columns of weights, which add
    up in the eight registers of GRF_B, lane by lane; the host adds the lanes of the results. Odd parts of the
    operand lie in odd banks.

    Args:
        device: the memory.
        outputs: rows of the matrix in this channel, padded to `tile_outputs`.
        inputs: columns of the operand vector, padded to the registers of GRF_A.
        batch: vectors.
        tree: store the sums of each part apart, for the host to add up, and clear them with a row of zeros.
        separate: False packs output tiles and results as the vendor's simulator does, where an odd number of
            parts makes neighbours overlap, and so do the results of a batch; True leaves them room.
    """
    registers = device.protocol.pim.registers
    tiles, parts = ceil(outputs / tile_outputs(device)), ceil(inputs / registers)
    stream = _Stream(device)
    instructions = _tree_program(parts) if tree else _gemv_program(registers, parts)
    result = weights_column(device, parts, tiles, 0, separate=separate)
    zeros = max(ZERO_ROW, (result + tiles * max(parts, batch) * registers) // device.columns + 1)
    if tree:
        for bank in range(device.banks):
            last = bank == device.banks - 1
            stream.access("WR", bank, 0, registers, row=zeros, barrier=last)
    # The microprogram ends with an EXIT.
    stream.enter(len(instructions) + 1)
    for tile in range(tiles):
        for vector in range(batch):
            stream.control()
            start = result + (tile * batch + vector if separate else tile + vector) * registers
            order = range(parts) if tree else [*range(0, parts, 2), *range(1, parts, 2)]
            for part in order:
                stream.register(ODD, stream.modes.registers["grf_a"], registers, barrier=True)
                weights = weights_column(device, parts, tile, part, separate=separate)
                for column in range(weights, weights + registers**2, registers):
                    stream.access("RD", part % 2, column, registers, barrier=True)
                if tree:
                    stream.access("WR", ODD, start, registers, barrier=True)
                    stream.access("RD", EVEN, 0, registers, row=zeros, barrier=True)
                    start += registers
            if not tree:
                stream.access("WR", ODD, start, registers, barrier=True)
            stream.control()
    stream.leave()
    return HbmKernel(stream.builder.program(), instructions)


def elementwise(device: PimDevice, columns: int, kind: Elementwise) -> HbmKernel:
    """Return one channel's share of an elementwise kernel.

    columns: of each operand in this channel, padded to a register column in every bank.
    """
    registers = device.protocol.pim.registers
    tiles = ceil(columns / (device.banks * registers))
    stream = _Stream(device)
    apart = max(OPERAND_ROWS, operand_rows(device, columns))
    instructions = _elementwise_program(kind, tiles)
    stream.enter(len(instructions) + 1)
    stream.control()
    for tile in range(tiles):
        for parity in (EVEN, ODD):
            column = tile * registers
            stream.access("RD", parity, column, registers, row=0, barrier=True)
            if kind != "relu":
                stream.access("RD", parity, column, registers, row=apart, barrier=True)
            stream.access("WR", parity, column, registers, row=2 * apart, barrier=True)
    stream.control()
    stream.leave()
    return HbmKernel(stream.builder.program(), instructions)


def operand_rows(device: PimDevice, columns: int) -> int:
    """Return the rows of each bank that an elementwise operand takes; columns: of it in this channel."""
    registers = device.protocol.pim.registers
    return ceil(ceil(columns / (device.banks * registers)) * registers / device.columns)


def reduction(device: PimDevice, columns: int) -> HbmKernel:
    """Return one channel's share of a sum: registers of partial sums for each parity, for the host to add.

    columns: of the operand in this channel, padded to a register column in every bank.
    """
    registers = device.protocol.pim.registers
    tiles = ceil(columns / (device.banks * registers))
    stream = _Stream(device)
    instructions = tuple(
        instruction
        for side, bank in (("GRF_A", "EVEN_BANK"), ("GRF_B", "ODD_BANK"))
        for instruction in (
            Instruction("ADD", f"{side}[0], {side}[0], {bank}", repeats=registers),
            Instruction("JUMP", jumps=tiles - 1, back=2),
            Instruction("NOP", repeats=registers),
        )
    )
    stream.enter(len(instructions) + 1)
    stream.control()
    for parity in (EVEN, ODD):
        for tile in range(tiles):
            stream.access("RD", parity, tile * registers, registers, row=0, barrier=True)
        stream.access("WR", parity, 0, registers, row=operand_rows(device, columns), barrier=True)
    stream.control()
    stream.leave()
    return HbmKernel(stream.builder.program(), instructions)


def _gemv_program(registers: int, parts: int) -> tuple[Instruction, ...]:
    program: list[Instruction] = []
    for bank, count in (("EVEN_BANK", ceil(parts / 2)), ("ODD_BANK", parts // 2)):
        if count:
            program.append(Instruction("MAC", f"GRF_B[0], GRF_A[0], {bank}", repeats=registers))
            program.append(Instruction("JUMP", jumps=registers * count - 1, back=2))
    return (*program, Instruction("NOP", repeats=registers))


def _tree_program(parts: int) -> tuple[Instruction, ...]:
    program: list[Instruction] = []
    for bank in ("EVEN_BANK", "ODD_BANK"):
        program += [
            Instruction("MAC", f"GRF_B[0], GRF_A[0], {bank}", repeats=8),
            Instruction("JUMP", jumps=7, back=2),
            Instruction("NOP", repeats=8),
            Instruction("MUL", "GRF_B[0], GRF_B[0], EVEN_BANK", repeats=8),
        ]
    jumps = ceil(parts / 2) - 1
    if jumps:
        program.append(Instruction("JUMP", jumps=jumps, back=len(program) + 1))
    return tuple(program)


def _elementwise_program(kind: Elementwise, tiles: int) -> tuple[Instruction, ...]:
    program: list[Instruction] = []
    for side, bank in (("GRF_A", "EVEN_BANK"), ("GRF_B", "ODD_BANK")):
        program.append(Instruction("FILL", f"{side}[0], {bank}", repeats=8, relu=kind == "relu"))
        if kind != "relu":
            opcode: Literal["ADD", "MUL"] = "ADD" if kind == "add" else "MUL"
            program.append(Instruction(opcode, f"{side}[0], {side}[0], {bank}", repeats=8))
        program.append(Instruction("NOP", repeats=8))
    if tiles > 1:
        program.append(Instruction("JUMP", jumps=tiles - 1, back=len(program) + 1))
    return tuple(program)
