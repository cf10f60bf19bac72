"""The microprograms of an HBM-PIM unit: instructions of its CRF, and what each column command triggers.

The host writes up to 32 instructions, switches compute on, and from then on every read or write of a data row
triggers one, in order. Instructions that name registers by the column address (FILL, and those marked auto)
and NOP repeat; JUMP goes back a number of times and costs no command.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Opcode = Literal["MAC", "ADD", "MUL", "FILL", "NOP", "JUMP"]


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction.

    Attributes:
        opcode: what it does.
        operands: destination and sources, as text.
        repeats: column commands that it takes in a row.
        jumps: JUMP: how often it goes back. back: by how many instructions.
        relu: FILL: negative values become 0.
    """

    opcode: Opcode
    operands: str = ""
    repeats: int = 1
    jumps: int = 0
    back: int = 0
    relu: bool = False

    @property
    def text(self) -> str:
        """The instruction as the vendor's simulator prints it."""
        match self.opcode:
            case "JUMP":
                return f"JUMP {self.jumps}x [PC - {self.back}]"
            case "NOP":
                return f"NOP {self.repeats}x"
            case "FILL":
                return f"FILL {self.operands}{', relu' if self.relu else ''}"
        return f"{self.opcode} {self.operands}, auto"


def executed(program: tuple[Instruction, ...]) -> Iterator[tuple[int, bool]]:
    """Yield (index, triggered) of each instruction in the order of execution; a JUMP is not triggered."""
    index = 0
    left: dict[int, int] = {}
    while index < len(program):
        instruction = program[index]
        if instruction.opcode == "JUMP":
            yield index, False
            remaining = left.get(index, instruction.jumps)
            left[index] = remaining - 1
            if remaining > 0:
                index -= instruction.back
                index += 1
                continue
            del left[index]
        else:
            for _ in range(instruction.repeats):
                yield index, True
        index += 1


def triggers(program: tuple[Instruction, ...]) -> int:
    """Return how many column commands the program takes."""
    return sum(triggered for _, triggered in executed(program))
