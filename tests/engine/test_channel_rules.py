"""Channels against closed forms: timings probed at their earliest clock, unloaded latency, row conflicts."""

from __future__ import annotations

import numpy as np
import pytest
from channel_streams import at_places

from accel_sim.engine.access_patterns import AccessStream, access_stream
from accel_sim.engine.channel_run import ChannelResult, run_channel
from accel_sim.engine.sustained import sustained
from accel_sim.hardware.dram import ResolvedPreset, all_presets, load_preset
from accel_sim.validation.dram import parity_presets
from accel_sim.validation.dram_commands import issued_commands

SHIPPED = all_presets()
QUIET = {
    name: preset.with_policy(preset.policy.model_copy(update={"refresh": "none"}))
    for name, preset in SHIPPED.items()
}
GROUPED = [name for name, preset in SHIPPED.items() if "bankgroup" in preset.standard.levels]


def run(preset: ResolvedPreset, places: list[dict[str, int]], writes: str) -> ChannelResult:
    return run_channel(preset, at_places(preset, places, [kind == "w" for kind in writes]), record=True)


def distance(result: ChannelResult, first: str, second: str) -> int:
    """Return the clocks from the first command of a role to the next of another."""
    names = [result.preset.command(role) for role in (first, second)]
    commands = issued_commands(result)
    start = next(i for i, command in enumerate(commands) if command.name == names[0])
    return next(c.cycle for c in commands[start + 1 :] if c.name == names[1]) - commands[start].cycle


def bound(preset: ResolvedPreset, first: str, second: str, level: str) -> int:
    names = (preset.command(first), preset.command(second))
    return max(
        rule.latency
        for rule in preset.rules
        if (rule.preceding, rule.following) == names
        and rule.window == 1
        and not rule.sibling
        and preset.standard.levels.index(level) >= rule.level
    )


def rounded(preset: ResolvedPreset, clocks: int) -> int:
    """Return clocks as they come out where commands start on every second clock."""
    return clocks + clocks % 2 if preset.standard.column_edges else clocks


@pytest.mark.parametrize("name", SHIPPED)
def test_a_lone_read_is_an_activate_trcd_and_the_read_latency(name: str) -> None:
    preset = QUIET[name]
    result = run(preset, [{}], "r")
    wait = rounded(preset, bound(preset, "activate", "read", "bank"))
    sync = 1 if preset.command("clock_read") else 0
    assert distance(result, "activate", "read") == wait + sync
    assert result.total_cycles == wait + sync + preset.read_latency
    assert result.read_latency_cycles.tolist() == [1 + wait + sync + preset.read_latency]


@pytest.mark.parametrize("name", GROUPED)
@pytest.mark.parametrize(
    ("kinds", "first", "second"),
    [("rr", "read", "read"), ("ww", "write", "write")],
)
@pytest.mark.parametrize("group", [0, 1])
def test_two_bursts_follow_by_tccd_long_in_a_bank_group_short_between(
    name: str, kinds: str, first: str, second: str, group: int
) -> None:
    preset = QUIET[name]
    # The rows are open long before the two bursts whose distance counts.
    places = [{}, {"bankgroup": group}, {"column": 1}, {"bankgroup": group, "column": 2}]
    if group == 0:
        places[1] = {"column": 3}
    stream = at_places(preset, places, [k == "w" for k in kinds * 2], [0, 0, 5000, 5000])
    commands = issued_commands(run_channel(preset, stream, record=True))
    bursts = [c.cycle for c in commands if c.name == preset.command(first)]
    level = "bank" if group == 0 else preset.standard.levels[preset.standard.levels.index("bankgroup") - 1]
    assert bursts[3] - bursts[2] == rounded(preset, bound(preset, first, second, level))


@pytest.mark.parametrize("name", SHIPPED)
def test_turning_the_bus_costs_what_the_table_says(name: str) -> None:
    preset = QUIET[name]
    # Reads go first, and writes when no read waits.
    result = run(preset, [{"column": 1}, {"column": 2}], "rw")
    sync = 1 if preset.command("clock_write") else 0
    found = distance(result, "read", "write")
    assert rounded(preset, bound(preset, "read", "write", "bank")) <= found
    assert found <= rounded(preset, bound(preset, "read", "write", "bank")) + sync


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize(("kind", "role"), [("r", "read"), ("w", "write")])
def test_a_row_conflict_waits_for_recovery_and_precharge(name: str, kind: str, role: str) -> None:
    preset = QUIET[name]
    result = run(preset, [{"row": 1}, {"row": 2}], kind * 2)
    recovery = bound(preset, role, "precharge", "bank")
    active = bound(preset, "activate", "precharge", "bank")
    opened = distance(result, "activate", role)
    assert distance(result, "activate", "precharge") == max(active, opened + recovery)
    wait = max(
        bound(preset, "precharge", "activate", "bank"),
        bound(preset, "activate", "activate", "bank") - distance(result, "activate", "precharge"),
    )
    if preset.standard.column_edges:
        assert wait <= distance(result, "precharge", "activate") <= wait + 1
    else:
        assert distance(result, "precharge", "activate") == wait


@pytest.mark.parametrize("name", SHIPPED)
def test_the_fifth_activate_waits_for_the_window(name: str) -> None:
    preset = QUIET[name]
    levels = preset.standard.levels[-2:] if name in GROUPED else preset.standard.levels[-1:]
    sizes = preset.counts[-len(levels) :]
    places = []
    for i in range(8):
        group_then_bank = (i % sizes[0], i // sizes[0]) if len(sizes) == 2 else (i,)
        places.append(dict(zip(levels, group_then_bank, strict=True)))
    commands = issued_commands(run(preset, places, "r" * 8))
    acts = [command.cycle for command in commands if command.name == preset.command("activate")]
    window = next(rule.latency for rule in preset.rules if rule.window == 4)
    spans = [later - earlier for earlier, later in zip(acts, acts[4:], strict=False)]
    assert min(spans) >= window
    # Where four of the shortest steps are shorter than the window, it is what binds.
    if 4 * (acts[1] - acts[0]) < window and not preset.standard.column_edges:
        assert window <= spans[0] <= window + 1


@pytest.mark.parametrize("name", SHIPPED)
def test_every_rank_is_refreshed_once_an_interval(name: str) -> None:
    preset = SHIPPED[name]
    clocks = 20 * preset.refresh_interval
    stream = at_places(preset, [{}, {"column": 1}], [False, False], [0, clocks])
    result = run_channel(preset, stream)
    ranks = result.active_cycles.size if preset.command("refresh_all") else 1
    assert abs(result.count("refresh_all") - 20 * ranks) <= ranks


# tRC of the configurations whose runs of strided reads hold only same-bank row conflicts.
CONFLICTS = {
    "D4-2400": 56,
    "D4-3200": 74,
    "LP4-2400": 47,
    "G6": 78,
    "HBM2-1ch": 48,
    "R-D4-2400": 55,
    "R-D4-3200": 74,
    "R-D5-4800": 113,
    "R-G6": 79,
    "R-HBM2": 48,
    "R-HBM3": 144,
}


@pytest.mark.parametrize("name", CONFLICTS)
def test_row_conflicts_in_one_bank_come_at_trc_and_refresh(name: str) -> None:
    preset = parity_presets()[name]
    count = 2048
    fields = {field: np.zeros(count, np.int64) for field, _, _ in preset.mapping.fields}
    fields["row"] = np.arange(count) % preset.preset.rows
    stream = AccessStream(preset.mapping.encode(fields), np.zeros(count, bool), np.zeros(count, np.int64))
    refresh = bound(preset, "refresh_all", "activate", "bank")
    expected = CONFLICTS[name] / (1 - refresh / preset.refresh_interval)
    assert run_channel(preset, stream).total_cycles / count == pytest.approx(expected, rel=0.015)


@pytest.mark.parametrize("name", ["D4-3200.1rank", "R-D4-3200", "R-D4-2400", "HBM2-1ch"])
def test_random_reads_of_one_rank_are_bound_by_the_activation_window(name: str) -> None:
    preset = parity_presets()[name]
    count = 4096
    burst = preset.preset.burst_bytes
    result = run_channel(preset, access_stream("rand_read", count * burst, burst, 2**28, 12345))
    window = next(rule.latency for rule in preset.rules if rule.window == 4)
    refreshes = result.count("refresh_all") * bound(preset, "refresh_all", "activate", "bank")
    least = count * window / 4 + refreshes
    assert least <= result.total_cycles * 1.005
    assert result.total_cycles <= 1.04 * least


@pytest.mark.parametrize("name", ["D4-3200", "R-D4-3200", "R-HBM2", "R-G6"])
def test_the_unloaded_latency_of_row_conflicts_is_that_of_its_commands(name: str) -> None:
    preset = parity_presets()[name]
    preset = preset.with_policy(preset.policy.model_copy(update={"refresh": "none"}))
    stream = at_places(preset, [{"row": row} for row in range(20)], [False] * 20, [500 * i for i in range(20)])
    commands = bound(preset, "precharge", "activate", "bank") + bound(preset, "activate", "read", "bank")
    latency = commands + preset.read_latency + 1
    assert set(run_channel(preset, stream).read_latency_cycles[1:].tolist()) == {latency}


def test_a_stream_reaches_the_peak_but_for_refresh() -> None:
    for name, preset in SHIPPED.items():
        if preset.preset.tck_ps < 400:
            continue  # its clocks are halves, and two pseudo-channels wait for one request in each
        refresh = bound(preset, "refresh_all", "activate", "bank") / preset.refresh_interval
        quiet = sustained(QUIET[name], "streaming_read", requests=8192).efficiency
        assert quiet >= 0.97, name
        assert sustained(name, "streaming_read", requests=8192).efficiency == pytest.approx(
            quiet * (1 - refresh), abs=0.04
        ), name


def test_channels_share_a_stream_evenly() -> None:
    one = load_preset("HBM2-2000")
    burst = one.preset.burst_bytes
    single = run_channel(one, access_stream("seq_read", 4096 * burst, burst))
    four = run_channel(one.with_channels(4), access_stream("seq_read", 4 * 4096 * burst, burst, per_cycle=4))
    assert four.total_cycles == pytest.approx(single.total_cycles, rel=0.01)
    assert len(set(four.counts[:, 3].tolist())) == 1
