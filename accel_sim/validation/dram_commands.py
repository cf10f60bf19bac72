"""DRAM command lists: every command with its clock and address against traces of cycle-level simulators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accel_sim.config.errors import InputError, did_you_mean
from accel_sim.engine import channel as machine
from accel_sim.engine.access_patterns import PATTERNS
from accel_sim.engine.channel_run import ChannelResult, run_channel
from accel_sim.hardware.dram import ResolvedPreset
from accel_sim.validation.command_checker import IssuedCommand
from accel_sim.validation.dram import natural, parity_presets, stream_of
from accel_sim.validation.reference import ReferenceRow, one_of, read_reference, text
from accel_sim.validation.report import Report

REFERENCE = Path(__file__).parent / "data" / "dram_commands.csv"

_COLUMNS = {
    "trace_id": text,
    "config": text,
    "pattern": one_of(PATTERNS),
    "size_bytes": natural,
    "gap_cycles": natural,
    "p1": natural,
    "p2": natural,
    "cycle": natural,
    "cmd": text,
}
# Places that a command does not have are empty, or -1.
_PLACES = {
    name: lambda cell: int(float(cell)) if cell else -1
    for name in ("rank_or_pc", "sid", "bankgroup", "bank", "row", "col")
}
_LEVEL_COLUMNS = {
    "rank": "rank_or_pc",
    "pseudochannel": "rank_or_pc",
    "sid": "sid",
    "bankgroup": "bankgroup",
    "bank": "bank",
}


def issued_commands(result: ChannelResult) -> list[IssuedCommand]:
    """Return the commands of a recorded run by name, for `command_checker`."""
    names = list(result.preset.standard.commands)
    return [
        IssuedCommand(
            cycle=int(command[machine.AT_CYCLE]),
            name=names[command[machine.COMMAND]],
            bank=int(command[machine.AT_BANK]),
            row=int(command[machine.AT_ROW]),
            channel=int(command[machine.CHANNEL]),
        )
        for command in result.commands
    ]


def validate(reference: Path | None = None) -> Report:
    """Return how many command lists the machine reproduces from the first command to the last.

    Args:
        reference: a CSV file with the columns of `dram.md`; None for the shipped one.

    Raises:
        InputError: the file cannot be read, or a row is malformed.
    """
    rows = read_reference(reference or REFERENCE, _COLUMNS, _PLACES)
    traces: dict[tuple[str, str], list[ReferenceRow]] = {}
    for row in rows:
        traces.setdefault((row["config"], row["trace_id"]), []).append(row)
    table = []
    first = ""
    for trace in traces.values():
        line, difference = _compare(trace)
        table.append(line)
        first = first or difference
    exact = sum(line["matching_commands"] == line["commands"] for line in table)
    verdict = f"{exact} of {len(table)} command lists ({len(rows)} commands) agree in every clock and address."
    return Report(
        suite="dram_commands",
        reference=str(reference) if reference else REFERENCE.name,
        columns=tuple(table[0]),
        rows=tuple(table),
        passed=not first,
        summary=(verdict, f"First difference: {first}.") if first else (verdict,),
    )


def _compare(trace: Sequence[ReferenceRow]) -> tuple[dict[str, Any], str]:
    """Return a list's line of the table, and its first difference in words, empty when there is none."""
    head = trace[0]
    preset = _preset(head)
    result = run_channel(preset, stream_of(head, preset), record=True)
    matching = 0
    difference = ""
    commands = [_as_reference(preset, command) for command in result.commands]
    for row, ours in zip(trace, commands, strict=False):
        theirs = _places(preset, row)
        if theirs != {name: ours[name] for name in theirs}:
            difference = f"{row.place}: {theirs} in the reference, {ours} here"
            break
        matching += 1
    if not difference and len(commands) != len(trace):
        difference = f"{head.place}: {len(trace)} commands in the reference, {len(commands)} here"
    line = {
        "trace": head["trace_id"],
        "config": preset.name,
        "pattern": head["pattern"],
        "commands": len(trace),
        "matching_commands": matching,
    }
    return line, difference


def _preset(row: ReferenceRow) -> ResolvedPreset:
    """Return the preset of a list; traces recorded for the purpose are called `R:TR-CONFIG-pattern`."""
    presets = parity_presets()
    name = row["config"]
    if name.startswith("R:TR-"):
        name = "R-" + name.removeprefix("R:TR-").removesuffix(f"-{row['pattern']}")
    if name not in presets:
        raise InputError(f"{row.place}: config = {row['config']}: is not known{did_you_mean(name, presets)}")
    return presets[name]


def _as_reference(preset: ResolvedPreset, command: Sequence[int]) -> Mapping[str, int | str]:
    """Return one of our commands in the columns of the reference."""
    name = list(preset.standard.commands)[command[machine.COMMAND]]
    place: dict[str, int | str] = {"cycle": int(command[machine.AT_CYCLE]), "cmd": name}
    rest = int(command[machine.AT_BANK])
    for level, count in zip(reversed(preset.standard.levels[1:]), reversed(preset.counts[1:]), strict=True):
        place[_LEVEL_COLUMNS[level]] = rest % count
        rest //= count
    return place | {"row": int(command[machine.AT_ROW]), "col": int(command[machine.AT_COLUMN])}


def _places(preset: ResolvedPreset, row: ReferenceRow) -> dict[str, int | str]:
    """Return what a reference row says of a command: places down to its scope, row and column if any."""
    command = preset.standard.commands.get(row["cmd"])
    if command is None:
        raise InputError(
            f"{row.place}: cmd = {row['cmd']}: is not known{did_you_mean(row['cmd'], preset.standard.commands)}"
        )
    levels = preset.standard.levels
    named = [_LEVEL_COLUMNS[level] for level in levels[1 : levels.index(command.scope) + 1]]
    if command.role in ("activate", "read", "write", "read_precharge", "write_precharge"):
        named.append("row")
    if command.role in ("read", "write", "read_precharge", "write_precharge"):
        named.append("col")
    given = {name: row[name] for name in named if row.values.get(name, -1) >= 0}
    return {"cycle": row["cycle"], "cmd": row["cmd"], **given}
