"""Random programs for PIM channels, and the commands that a played one issued."""

from __future__ import annotations

from hypothesis import strategies as st

from accel_sim.engine.pim_run import Played
from accel_sim.hardware.pim import Builder, PimDevice, Program
from accel_sim.testing.pim_replay import Issued


def issued(device: PimDevice, played: Played, *programs: Program) -> list[Issued]:
    """Return the commands of a trace, as the replay check wants them."""
    names = list(device.protocol.commands)
    bursts = {name for name, command in device.protocol.commands.items() if command.burst}
    counts = [int(line[4]) for program in programs for line in program.lines]
    return [
        Issued(cycle, names[command], bank, row, counts[line] if names[command] in bursts else 1)
        for cycle, command, bank, row, _, line in played.trace.tolist()
    ]


def requested(device: PimDevice) -> list[str]:
    """Return the commands that a host asks for: those with columns, of registers, or that only drain."""
    return [
        name
        for name, command in device.protocol.commands.items()
        if command.column or command.mode == "register" or name == "READRES"
    ]


@st.composite
def programs(draw: st.DrawFn, device: PimDevice, commands: list[str], longest: int = 30) -> Program:
    """Draw a program of requests to few rows, so that hits, misses and conflicts all occur."""
    structure = device.protocol.structure
    banks = structure.banks * (1 if device.protocol.modes else structure.ranks)
    builder = Builder(device.protocol)
    for _ in range(draw(st.integers(1, longest))):
        name = draw(st.sampled_from(commands))
        one_bank = device.protocol.commands[name].scope == "bank"
        builder.add(
            name,
            draw(st.integers(0, banks - 1)) if one_bank else 0,
            draw(st.integers(0, 2)),
            draw(st.integers(0, 8)),
            draw(st.integers(1, 4)),
            barrier=draw(st.booleans()),
        )
    return builder.program()
