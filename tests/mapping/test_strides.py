"""Pieces at a constant stride: where their bursts are, what they cost, and between which limits."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.engine.access_patterns import AccessStream
from accel_sim.engine.channel_run import run_channel
from accel_sim.hardware.design import load_design
from accel_sim.hardware.dram import all_presets, load_preset
from accel_sim.hardware.dram.energy import pattern_traffic
from accel_sim.hardware.dram.patterns import Channels, efficiency, grid, patterns, streaming_efficiency
from accel_sim.mapping import memory_blocks
from accel_sim.mapping.machine import resolve
from accel_sim.mapping.memory_blocks import Strides, block_s, block_traffic, strided_clocks
from accel_sim.mapping.products import nest_of
from accel_sim.mapping.tiling import Product, Tiling

PRESETS = sorted(all_presets())
# Of a step's rate over that of random places: the least in the table is 0.94, of HBM2.
LEAST = 0.93
MANY = settings(max_examples=60, deadline=None, derandomize=True)


def plain_addresses(run, stride_bytes, burst, pieces):
    """Addresses of the bursts of pieces, one after the other."""
    return [piece * stride_bytes // burst * burst + burst * i for piece in range(pieces) for i in range(run)]


@MANY
@given(st.integers(1, 40), st.integers(1, 5000), st.integers(1, 30))
def test_one_channel_has_all_bursts_of_all_pieces(run, stride_bytes, pieces):
    got = Strides(run, stride_bytes, 1).addresses(run * pieces, 32)
    assert got.tolist() == plain_addresses(run, stride_bytes, 32, pieces)


@MANY
@given(st.integers(1, 200), st.integers(0, 300), st.integers(1, 96), st.integers(1, 60))
def test_a_channel_has_its_share_of_every_number_of_pieces_and_no_burst_twice(run, gap, channels, pieces):
    strides = Strides(run, (run + gap) * 32, channels)
    share = run * pieces // channels
    line = strides.addresses(share + 1, 32) // 32
    assert (np.diff(line) > 0).all()
    # The share of so many pieces ends before the next piece begins, the burst after it in or behind that one.
    begin = pieces * (run + gap) / channels
    assert (line[:share] < begin).all()
    assert line[share] > begin - 2


@MANY
@given(st.integers(1, 200), st.integers(1, 96), st.integers(1, 500))
def test_pieces_that_meet_are_one_run_on_every_channel(run, channels, count):
    assert Strides(run, run * 32, channels).addresses(count, 32).tolist() == list(range(0, 32 * count, 32))


@pytest.mark.parametrize("preset", PRESETS)
def test_hashing_moves_bursts_to_other_banks_of_their_row_and_column(preset):
    mapping = load_preset(preset).mapping
    bits = sum(width for _, width, _ in mapping.fields)
    lines = np.unique(np.random.default_rng(0).integers(0, 1 << bits, 1 << 14))
    hashed = mapping.hashed(lines << mapping.shift)
    assert len(np.unique(hashed)) == len(lines)
    assert hashed.max() >> mapping.shift < 1 << bits
    before, after = mapping.decode(lines << mapping.shift), mapping.decode(hashed)
    assert (before["row"] == after["row"]).all()
    assert (before["column"] == after["column"]).all()
    assert any((before[name] != after[name]).any() for name in before)


@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
@pytest.mark.parametrize("preset", PRESETS)
def test_hashing_makes_no_difference_to_streams_and_random_places(preset, write):
    resolved = load_preset(preset)
    count, burst = 1 << 14, resolved.preset.burst_bytes
    random = np.random.default_rng(1).integers(0, 1 << 24, count)
    for lines in (np.arange(count, dtype=np.int64), random):
        plain, hashed = (
            run_channel(resolved, AccessStream(address, np.full(count, write), np.zeros(count, np.int64), 4))
            for address in (lines * burst, resolved.mapping.hashed(lines * burst))
        )
        assert hashed.total_cycles == pytest.approx(plain.total_cycles, rel=0.02)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.sampled_from(PRESETS), st.integers(1, 24), st.integers(1, 24), st.integers(1, 200), st.booleans())
def test_a_strided_block_costs_what_a_plain_run_of_it_again_and_again_costs(preset, pieces, run, gap, write):
    resolved = load_preset(preset)
    burst, bursts = resolved.preset.burst_bytes, pieces * run
    block = np.array(plain_addresses(run, (run + gap) * burst, burst, pieces))
    times = math.ceil(4 * resolved.refresh_interval / (bursts * resolved.burst_clocks / resolved.buses))
    times = min(times, memory_blocks._MOST_REQUESTS // bursts)
    places = memory_blocks._REGION_BYTES // (burst * run)
    start = np.random.default_rng(0).integers(0, places, times) * run * burst
    address = resolved.mapping.hashed((start[:, None] + block).ravel())
    plain = run_channel(
        resolved, AccessStream(address, np.full(len(address), write), np.zeros(len(address), np.int64), 4)
    )
    priced = strided_clocks(preset, bursts, Strides(run, (run + gap) * burst, 1), write)
    assert priced.clocks == pytest.approx(plain.total_cycles / times, rel=1e-9)


@MANY
@given(st.sampled_from(PRESETS), st.integers(1, 96), st.integers(1, 1 << 14), st.integers(1, 99), st.booleans())
def test_a_stride_of_the_run_is_a_stream_exactly(preset, count, run, pieces, write):
    channels, size = Channels(preset, count, 16e9), run * pieces
    assert block_s(channels, size, run, run, write) == block_s(channels, size, size, 0, write)
    for price in (pattern_traffic, block_traffic):
        strided, stream = (
            price(channels, *(np.array([figure]) for figure in (size, *pair, write)))
            for pair in ((run, run), (size, 0))
        )
        assert strided == stream
    assert efficiency(preset, run, write, 1.0) == streaming_efficiency(preset)


def test_a_memory_neither_slows_down_nor_speeds_up_rows_that_meet():
    memory = resolve(load_design("npu_128x128_hbm")).memory
    assert memory.stretch(4096, 4096, False) == 1
    assert memory.stretch(4096, 1 << 30, False) == memory.stretch(4096, 0, False) > 1
    assert memory.ticks(1 << 20, 4096, 4096, True) == memory.ticks(1 << 20, 1 << 20, 0, True)


@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
@pytest.mark.parametrize("preset", PRESETS)
def test_the_table_lies_between_a_stream_and_random_places(preset, write):
    """But for how rows, refreshes and a hash that is no die fall on each other.

    Steps of whole rows of all banks are the slowest beside random places.
    """
    best = streaming_efficiency(preset)
    for random, row in zip(patterns(preset, write), grid(preset, write), strict=True):
        assert row[0].efficiency == best
        assert row[-1] == random
        for cell in row[1:]:
            assert random.efficiency * LEAST <= cell.efficiency <= best * 1.05
        assert efficiency(preset, random.run_bursts, write, 1e12) == random.efficiency
        # A longer step opens as many rows or more, up to one for every row that random runs open.
        activates = [cell.activate_j_per_byte for cell in row[1:]]
        assert all(b >= a * 0.85 for a, b in pairwise(activates))
        assert max(activates) <= random.activate_j_per_byte * 1.15


@MANY
@given(
    st.sampled_from(PRESETS),
    st.floats(0.5, 1e4),
    st.floats(1, 1e4),
    st.booleans(),
)
def test_rates_between_patterns_of_the_table_lie_between_theirs(preset, run, spread, write):
    rates = np.array([[cell.efficiency for cell in row] for row in grid(preset, write)])
    row, column = (
        np.clip([int(np.log2(max(value, 1))), int(np.log2(max(value, 1))) + 1], 0, size - 1)
        for value, size in zip((run, spread), rates.shape, strict=True)
    )
    corners = rates[np.ix_(row, column)]
    rate = efficiency(preset, run, write, spread)
    assert corners.min() - 1e-12 <= rate <= corners.max() + 1e-12


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.sampled_from(PRESETS),
    st.sampled_from((1, 4, 32)),
    st.integers(6, 12),
    st.integers(1, 6),
    st.booleans(),
)
def test_the_table_and_the_commands_agree_on_long_transfers_at_strides(
    preset, count, log_run, log_spread, write
):
    """At powers of two, which are in the table, to within what begins and ends of blocks make."""
    channels = Channels(preset, count, load_preset(preset).peak_bytes_per_s)
    run, size = 1 << log_run, 1 << 22
    stride = run << log_spread
    burst = load_preset(preset).preset.burst_bytes
    run = max(run, burst)
    stride = max(stride, 2 * burst)
    rate = efficiency(preset, max(1.0, run / burst / count), write, stride / run)
    ideal_s = size / count / channels.bandwidth_bytes_per_s
    assert block_s(channels, size, run, stride, write) == pytest.approx(ideal_s / rate, rel=0.15)
    coarse, fine = (
        price(channels, *(np.array([figure]) for figure in (size, run, stride, write)))
        for price in (pattern_traffic, block_traffic)
    )
    assert coarse.bursts == fine.bursts
    assert coarse.activate_j == pytest.approx(fine.activate_j, rel=0.25)


def test_tiles_know_the_rows_of_their_operands():
    product = Product(
        groups=1,
        rows=64,
        columns=96,
        depth=128,
        row_scale=1,
        depth_scale=1,
        left_bits=16,
        right_bits=8,
        output_bits=32,
        sum_bits=32,
        image_rows=64,
        row_stride=1,
        row_reach=1,
        input_rows=64,
        left_row_elements=1,
        left_in_memory=True,
        right_in_memory=True,
        output_in_memory=True,
        epilogue_bits=16,
    )
    nest = nest_of(product, Tiling(1, (16, 32, 64), (0, 1, 2)))
    assert (nest.left_runs[0], nest.left_stride) == (128, 256)
    assert (nest.right_runs[0], nest.right_stride) == (64, 128)
    assert (nest.output_runs[0], nest.output_stride) == (128, 384)
    assert (nest.extra_runs[0], nest.extra_stride) == (64, 192)
