"""The command checker against single rows of the tables, and against lists with a planted fault."""

from __future__ import annotations

import dataclasses
from random import Random

import pytest

from accel_sim.engine.access_patterns import access_stream
from accel_sim.engine.channel_run import run_channel
from accel_sim.hardware.dram import ResolvedPreset, all_presets
from accel_sim.validation.command_checker import IssuedCommand, first_violation
from accel_sim.validation.dram_commands import issued_commands

SHIPPED = all_presets()
DDR4 = SHIPPED["DDR4-3200"]
ROW_LESS = dataclasses.replace(DDR4, rules=())


def listed(*commands: tuple[int, str, int, int]) -> list[IssuedCommand]:
    return [IssuedCommand(*command) for command in commands]


@pytest.mark.parametrize(
    ("commands", "reason"),
    [
        ([(1, "ACT", 0, 5), (100, "ACT", 0, 6)], "bank 0 is open (row 5)"),
        ([(1, "RD", 0, 5)], "bank 0 is closed"),
        ([(1, "ACT", 0, 5), (100, "WR", 0, 6)], "bank 0 has row 5 open, not 6"),
        ([(1, "ACT", 3, 5), (100, "REF", 0, -1)], "bank 3 is open (row 5)"),
        ([(9, "ACT", 0, 5), (9, "ACT", 20, 5)], "the command bus is taken in this clock"),
        ([(9, "ACT", 0, 5), (8, "ACT", 20, 5)], "clock 8 comes after clock 9 in the list"),
        ([(1, "ACT", 0, 5), (90, "RDA", 0, 5), (95, "RD", 0, 5)], "bank 0 is closed"),
        ([(9 * 12480 + 1, "REF", 0, -1)], "the last refresh was more than 112320 clocks ago"),
    ],
)
def test_states_of_banks_and_bus_are_kept_without_any_timing_row(
    commands: list[tuple[int, str, int, int]], reason: str
) -> None:
    violation = first_violation(ROW_LESS, listed(*commands))
    assert violation is not None
    assert (violation.index, violation.reason) == (len(commands) - 1, reason)


def without_states(preset: ResolvedPreset) -> ResolvedPreset:
    """Return the preset with commands that leave banks alone, so that only timing is left to check."""
    commands = {
        name: command.model_copy(update={"role": "other"}) for name, command in preset.standard.commands.items()
    }
    standard = preset.standard.model_copy(update={"commands": commands, "column_edges": False})
    return dataclasses.replace(preset, standard=standard)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_row_alone_forbids_one_clock_less_and_allows_its_latency(name: str) -> None:
    preset = without_states(SHIPPED[name])
    probed = 0
    for rule in preset.rules:
        if rule.latency <= rule.window or (rule.sibling and preset.counts[rule.level] == 1):
            continue
        alone = dataclasses.replace(preset, rules=(rule,))
        below = preset.banks
        for count in preset.counts[: rule.level + 1]:
            below //= count
        other = below if rule.sibling else 0
        before = [IssuedCommand(1000 + place, rule.preceding, 0) for place in range(rule.window)]
        just = IssuedCommand(1000 + rule.latency, rule.following, other)
        assert first_violation(alone, [*before, just]) is None, rule
        early = dataclasses.replace(just, cycle=just.cycle - 1)
        violation = first_violation(alone, [*before, early])
        assert violation is not None, rule
        assert violation.index == rule.window
        assert f"must be {rule.latency} ({rule.formula})" in violation.reason
        # Outside of the node, or within one where it should be a sibling, the row says nothing.
        elsewhere = 0 if rule.sibling else below
        if elsewhere < preset.banks and below <= alone.banks // 2 and _apart(alone, rule.following, below):
            assert first_violation(alone, [*before, dataclasses.replace(early, bank=elsewhere)]) is None, rule
        probed += 1
    assert probed >= 20


def _apart(preset: ResolvedPreset, following: str, below: int) -> bool:
    """Return whether a command to another node leaves the one of bank 0 alone."""
    scope = preset.standard.levels.index(preset.standard.commands[following].scope)
    reach = preset.banks
    for count in preset.counts[: scope + 1]:
        reach //= count
    return reach <= below


@pytest.mark.parametrize("name", SHIPPED)
def test_a_command_moved_one_clock_ahead_of_a_tight_constraint_is_caught(name: str) -> None:
    preset = SHIPPED[name]
    burst = preset.preset.burst_bytes
    stream = access_stream("rand_mix", 150 * burst, burst, 2**24, 3)
    commands = issued_commands(run_channel(preset, stream, record=True))
    assert first_violation(preset, commands) is None
    random = Random(1)
    caught = 0
    for _ in range(25):
        index = random.randrange(len(commands) // 2, len(commands))
        moved = dataclasses.replace(commands[index], cycle=commands[index].cycle - 1)
        violation = first_violation(preset, [*commands[:index], moved])
        caught += violation is not None and violation.index == index
    # A command that waited for an earlier one of a busier slot, not for time, may move.
    assert caught >= 20
