"""Blocks of memory traffic: what is conserved in their prices, and the table that summarizes them."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.engine.access_patterns import AccessStream
from accel_sim.engine.channel_energy import energy_j
from accel_sim.engine.channel_run import run_channel
from accel_sim.hardware.dram import all_presets, load_preset
from accel_sim.hardware.dram.patterns import TABLE, Channels, efficiency, patterns, streaming_efficiency
from accel_sim.mapping import memory_blocks
from accel_sim.mapping.memory_blocks import block_clocks, block_s

PRESETS = sorted(all_presets())
# A block of a few more bursts can be cheaper: it falls on rows and refreshes in another way. Over random pairs
# of lengths up to 5,000 bursts the largest loss was 8 % (HBM3), and 3 % for the others.
ANOMALY = 0.1
BLOCKS = settings(max_examples=40, deadline=None, derandomize=True)


def ideal_clocks(preset, bursts):
    resolved = load_preset(preset)
    return bursts * resolved.burst_clocks / resolved.buses


@BLOCKS
@given(st.sampled_from(PRESETS), st.integers(1, 3000), st.integers(1, 64), st.booleans())
def test_no_block_is_faster_than_the_pins(preset, bursts, pieces, write):
    run = max(1, bursts // pieces)
    assert block_clocks(preset, bursts, run, write).clocks >= ideal_clocks(preset, bursts)


@BLOCKS
@given(st.sampled_from(PRESETS), st.integers(1, 2000), st.integers(0, 2000), st.booleans())
def test_more_bytes_cost_more_but_for_a_stated_anomaly(preset, bursts, more, write):
    small, large = (block_clocks(preset, count, count, write).clocks for count in (bursts, bursts + more))
    assert large >= small * (1 - ANOMALY)
    assert block_clocks(preset, 2 * bursts, 2 * bursts, write).clocks > small


@BLOCKS
@given(
    st.sampled_from(("HBM2-2000", "LPDDR5-6400", "DDR4-3200", "GDDR6-14")),
    st.integers(1, 40),
    st.integers(1, 1 << 19),
    st.integers(1, 1 << 19),
    st.booleans(),
)
def test_two_runs_cost_at_least_one_of_half_the_bytes(preset, count, run, other, write):
    channels = Channels(preset, count, 16e9)
    one, two = block_s(channels, run, run, 0, write), block_s(channels, 2 * run, run, 0, write)
    assert two >= one > 0
    # Cutting a block does not make it faster.
    pieces = min(run, other)
    assert block_s(channels, run, pieces, 0, write) >= one * (1 - ANOMALY)
    assert block_s(channels, 0, 1, 0, write) == 0


@pytest.mark.parametrize("preset", PRESETS)
def test_streaming_blocks_grow_linearly(preset):
    """Beyond what is simulated exactly so; below it within what a refresh more or less makes of two lengths."""
    most = memory_blocks._MOST_IN_ONE_RUN
    once = block_clocks(preset, most, most, False).clocks
    assert block_clocks(preset, 7 * most, 7 * most, False).clocks == pytest.approx(7 * once)
    half = block_clocks(preset, most // 2, most // 2, False).clocks
    resolved = load_preset(preset)
    intervals = ideal_clocks(preset, most // 2) / resolved.refresh_interval
    assert 2 * half == pytest.approx(
        once, rel=resolved.timings["tRFC"] / resolved.refresh_interval / intervals + 0.02
    )


@pytest.mark.parametrize("preset", ["DDR4-3200", "HBM2-2000", "LPDDR5-6400"])
def test_one_long_run_costs_what_its_plain_run_costs(preset):
    bursts = 3 * memory_blocks._MOST_REQUESTS + 5
    address = np.arange(bursts, dtype=np.int64) * load_preset(preset).preset.burst_bytes
    stream = AccessStream(address, np.zeros(bursts, bool), np.zeros(bursts, np.int64), 4)
    plain = run_channel(load_preset(preset), stream, fold=False)
    assert block_clocks(preset, bursts, bursts, False).clocks == plain.total_cycles


@BLOCKS
@given(st.sampled_from(PRESETS), st.integers(1, 8), st.integers(1, 32), st.booleans())
def test_a_block_costs_what_a_plain_run_of_it_again_and_again_costs(preset, runs, run_bursts, write):
    resolved = load_preset(preset)
    bursts = runs * run_bursts
    times = 1 + int(4 * resolved.refresh_interval / ideal_clocks(preset, bursts))
    times = min(times, memory_blocks._MOST_REQUESTS // bursts)
    count = times * runs
    places = memory_blocks._REGION_BYTES // (resolved.preset.burst_bytes * run_bursts)
    start = np.random.default_rng(0).integers(0, places, count) * run_bursts
    address = ((start[:, None] + np.arange(run_bursts)).ravel() * resolved.preset.burst_bytes).astype(np.int64)
    plain = run_channel(
        resolved, AccessStream(address, np.full(len(address), write), np.zeros(len(address), np.int64), 4)
    )
    priced = block_clocks(preset, bursts, run_bursts, write)
    # One repetition more or less of a few thousand.
    assert priced.clocks == pytest.approx(plain.total_cycles / times, rel=1.5 / times + 1e-9)
    per_block = {cause: joules / times for cause, joules in energy_j(plain).items()}
    assert priced.energy_j == pytest.approx(per_block, rel=1.5 / times + 1e-9, abs=1e-18)
    assert 0 <= priced.open_j <= priced.energy_j["background"] * (1 + 1e-12)


def ranks(preset):
    resolved = load_preset(preset)
    levels = resolved.standard.levels
    return resolved.counts[levels.index("rank")] if "rank" in levels else 1


@pytest.mark.parametrize("preset", [name for name in PRESETS if ranks(name) == 1])
def test_refresh_takes_its_share_of_the_time(preset):
    """One rank a bus: tRFC of every tREFI is lost, and the time to close and open rows and drain queues.

    Pseudo-channels are refreshed one after the other and share their controller's buffer, which fills with
    requests to the one that waits: each refresh holds up all of them.
    """
    resolved = load_preset(preset)
    none = resolved.policy.model_copy(update={"refresh": "none"})
    count = 1 << 15
    stream = AccessStream(
        np.arange(count, dtype=np.int64) * resolved.preset.burst_bytes,
        np.zeros(count, bool),
        np.zeros(count, np.int64),
        4,
    )
    with_refresh, without = run_channel(resolved, stream), run_channel(resolved, stream, none)
    timings, interval = resolved.timings, resolved.refresh_interval
    lost = (with_refresh.total_cycles - without.total_cycles) / with_refresh.total_cycles
    share = timings["tRFC"] / interval
    refreshes = with_refresh.total_cycles / interval
    around = resolved.read_latency + timings["tRP"] + timings["tRAS"]
    assert share * (1 - 1 / refreshes) - around / interval <= lost
    assert lost <= resolved.buses * (share + around / interval)


@pytest.mark.parametrize("preset", ["LPDDR4-3200", "GDDR6-14"])
def test_the_table_of_access_patterns_is_what_a_fresh_run_gives(preset, monkeypatch):
    monkeypatch.setattr(memory_blocks, "all_presets", lambda: {preset: load_preset(preset)})
    with TABLE.open(encoding="utf-8", newline="") as file:
        shipped = [row for row in csv.DictReader(file) if row["preset"] == preset]
    assert shipped == memory_blocks.pattern_rows()


@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
@pytest.mark.parametrize("preset", PRESETS)
def test_patterns_are_efficiencies_and_random_access_is_the_slow_end(preset, write):
    rows = patterns(preset, write)
    assert all(0 < row.efficiency <= 1 and row.latency_s > 0 for row in rows)
    assert rows[0].efficiency < rows[-1].efficiency <= streaming_efficiency(preset)
    assert rows[0].latency_s >= rows[-1].latency_s * (1 - 0.02)
    assert efficiency(preset, 0.5, write) == rows[0].efficiency
    assert efficiency(preset, 1e9, write) == rows[-1].efficiency
    between = efficiency(preset, 3, write)
    assert min(rows[1].efficiency, rows[2].efficiency) <= between <= max(rows[1].efficiency, rows[2].efficiency)


def test_every_preset_is_in_the_table_and_no_other():
    with TABLE.open(encoding="utf-8", newline="") as file:
        assert {row["preset"] for row in csv.DictReader(file)} == set(PRESETS)


def test_unaligned_runs_share_the_channels_evenly():
    """Runs of 17 bursts on 16 channels: 17/16 of the time of runs of 16, not twice it."""
    channels = Channels("HBM2-2000", 16, 16e9)
    even, odd = (block_s(channels, 1000 * bursts * 32, bursts * 32, 0, False) for bursts in (16, 17))
    assert odd == pytest.approx(even * 17 / 16, rel=0.01)
