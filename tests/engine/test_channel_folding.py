"""Folding in the channel machine: the same result to the last clock, and most of a long stream skipped."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from accel_sim.config import InputError
from accel_sim.engine import channel_folding
from accel_sim.engine.access_patterns import AccessStream, access_stream
from accel_sim.engine.channel_run import ChannelResult, run_channel
from accel_sim.hardware.dram import Policy, ResolvedPreset, all_presets, load_preset
from accel_sim.validation.dram import parity_presets

SHIPPED = all_presets()
ALL = SHIPPED | parity_presets()
random_source = st.integers(0, 2**32).map(Random)
several = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def same(preset: ResolvedPreset, stream: AccessStream) -> ChannelResult:
    """Run a stream folded and plainly, and return the folded result once the two agree."""
    folded, plain = run_channel(preset, stream), run_channel(preset, stream, fold=False)
    assert plain.skipped_requests == 0
    for field in ("accepted", "done", "counts", "stats", "active_cycles"):
        np.testing.assert_array_equal(getattr(folded, field), getattr(plain, field), err_msg=field)
    assert folded.last_cycle == plain.last_cycle
    return folded


def sequential(preset: ResolvedPreset, count: int, first: int = 0) -> np.ndarray:
    return (first + np.arange(count, dtype=np.int64)) * preset.preset.burst_bytes


def copy(preset: ResolvedPreset, count: int, piece: int) -> AccessStream:
    """Reads of `piece` bursts from one region and writes of as many to another, in turn."""
    index = np.arange(count, dtype=np.int64)
    turn, within = np.divmod(index, piece)
    write = turn % 2 == 1
    region = 1 << (preset.preset.burst_bytes.bit_length() + 19)
    address = write * region + (turn // 2 * piece + within) * preset.preset.burst_bytes
    return AccessStream(address, write, np.zeros(count, np.int64), 2)


def requests_for(preset: ResolvedPreset, intervals: float, channels: int = 1) -> int:
    """Return how many requests take so many refresh intervals at the rate of the pins."""
    interval = min(preset.refresh_interval, 15_000)
    return int(intervals * interval * preset.buses / preset.burst_clocks) * channels


@pytest.mark.parametrize("name", sorted(ALL))
@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
def test_a_sequential_stream_over_several_refreshes_ends_as_the_plain_run(name: str, write: bool) -> None:
    preset = ALL[name]
    count = min(requests_for(preset, 3, preset.preset.channels), 30_000) + 7
    stream = AccessStream(sequential(preset, count), np.full(count, write), np.zeros(count, np.int64), 4)
    folded = same(preset, stream)
    if preset.preset.channels == 1:
        assert folded.skipped_requests > 0


@pytest.mark.parametrize("name", sorted(ALL))
def test_strides_mixes_copies_and_gaps_end_as_the_plain_run(name: str) -> None:
    preset = ALL[name]
    burst = preset.preset.burst_bytes
    size = 4000 * burst
    for stream in (
        access_stream("stride_read", size, burst, 8 * burst, 1 << 40),
        access_stream("mix21", size, burst, gap_cycles=3),
        access_stream("triad", size, burst, 1 << 24),
        access_stream("streams", size, burst, 4, 1 << 22, per_cycle=3),
        copy(preset, 4000, 1),
        copy(preset, 4000, 64),
    ):
        same(preset, stream)


# What a stream of a million requests leaves to simulate: what repeats for the first time, and where refreshes
# fall. Of a refresh interval of 900 to 6000 requests some hundred are lost around a refresh.
@pytest.mark.parametrize("name", ["DDR4-3200", "HBM2-2000", "HBM3-6400", "LPDDR5-6400", "D4-3200"])
def test_of_long_streams_most_requests_are_skipped(name: str) -> None:
    preset = ALL[name]
    count = 1 << 18
    stream = AccessStream(sequential(preset, count), np.zeros(count, bool), np.zeros(count, np.int64), 4)
    assert run_channel(preset, stream).skipped_requests > 0.75 * count


@pytest.mark.parametrize("name", ["DDR4-3200", "HBM3-6400"])
def test_a_stream_many_passes_and_refreshes_long_ends_as_the_plain_run(name: str) -> None:
    preset = SHIPPED[name]
    count = 200_000
    stream = AccessStream(
        sequential(preset, count, 12_345), np.zeros(count, bool), np.zeros(count, np.int64), 4
    )
    assert same(preset, stream).skipped_requests > count // 2


def test_known_segments_that_find_no_room_are_forgotten_without_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    preset = SHIPPED["DDR4-3200"]
    count = 30_000
    stream = AccessStream(sequential(preset, count), np.zeros(count, bool), np.zeros(count, np.int64), 4)
    plenty = same(preset, stream).skipped_requests
    monkeypatch.setattr(channel_folding, "_MOST_WORDS", 1)
    assert same(preset, stream).skipped_requests < plenty


@pytest.mark.parametrize("gap", [1, 2, 4, 5, 9, 40])
@pytest.mark.parametrize("name", ["DDR4-3200", "HBM2-2000", "G5", "D4-3200.2ch"])
def test_gaps_between_arrivals_keep_their_clocks(name: str, gap: int) -> None:
    preset = ALL[name]
    count = 5000
    arrival = np.arange(count, dtype=np.int64) * gap
    same(preset, AccessStream(sequential(preset, count), np.zeros(count, bool), arrival, 2))


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_channels_whose_traffic_differs_are_kept_apart(channels: int) -> None:
    """Every other request goes to channel 0, so that the others are idle at times."""
    preset = load_preset("DDR4-3200").with_channels(channels)
    count = 8000
    index = np.arange(count, dtype=np.int64)
    lines = np.where(index % 2 == 0, index * channels, index)
    address = np.unique(lines) * preset.preset.burst_bytes
    zeros = np.zeros(len(address), np.int64)
    same(preset, AccessStream(address, zeros > 0, zeros, 4))


@pytest.mark.parametrize("name", ["DDR4-3200", "LPDDR5-6400", "D4-3200"])
def test_a_stream_that_comes_back_to_its_addresses_is_run_plainly(name: str) -> None:
    preset = ALL[name]
    address = np.tile(sequential(preset, 1000), 4)
    stream = AccessStream(address, np.arange(4000) % 3 == 0, np.zeros(4000, np.int64), 2)
    assert same(preset, stream).skipped_requests == 0


def test_random_requests_are_never_taken_for_known_ones() -> None:
    preset = SHIPPED["DDR4-3200"]
    stream = access_stream("rand_read", 4000 * 64, 64, 1 << 28, 3)
    assert same(preset, stream).skipped_requests == 0


def test_recording_shows_every_command() -> None:
    preset = SHIPPED["DDR4-3200"]
    stream = access_stream("seq_read", 4000 * 64, 64)
    recorded, folded = run_channel(preset, stream, record=True), run_channel(preset, stream)
    assert recorded.skipped_requests == 0 < folded.skipped_requests
    assert len(recorded.commands) == sum(folded.command_counts.values())


def regular_stream(random: Random, preset: ResolvedPreset) -> AccessStream:
    """Return one to three regular parts one after the other: sequential, strided, interleaved or random."""
    burst, pieces = preset.preset.burst_bytes, []
    start = 0
    for _ in range(random.randrange(1, 4)):
        count = random.randrange(200, 2500) * preset.preset.channels
        pattern = random.choice(
            ["seq_read", "seq_read", "mix21", "seq_write", "triad", "stride_read", "rand_mix"]
        )
        stride = burst * random.choice([1, 2, 3, 8, 32, 256])
        part = access_stream(
            pattern,
            count * burst,
            burst,
            p1={"triad": 1 << 23, "stride_read": stride, "rand_mix": 1 << 26}.get(pattern, 0),
            p2=1 << 40,
            gap_cycles=random.choice([0, 0, 0, 1, 4, 11]),
        )
        offset = random.randrange(0, 1 << 14) * burst
        pieces.append((part.address + offset, part.write, part.arrival + start))
        start = int(part.arrival[-1]) + start + random.choice([0, 0, 3000])
    address, write, arrival = (np.concatenate(columns) for columns in zip(*pieces, strict=True))
    return AccessStream(address, write, arrival, random.choice([1, 2, 4]))


@several
@given(random_source)
def test_streams_that_change_their_pattern_end_as_the_plain_run(random: Random) -> None:
    preset = ALL[random.choice(sorted(ALL))]
    same(preset, regular_stream(random, preset))


@several
@given(random_source)
def test_under_any_legal_policy_folded_is_plain(random: Random) -> None:
    preset = SHIPPED[random.choice(sorted(SHIPPED))]
    options: dict[str, list[object]] = {
        "front": ["direct", "staged"],
        "read_buffer": [1, 2, 8, 32, 100],
        "write_buffer": [1, 2, 8, 32],
        "unified": [False, False, True],
        "queues": ["shared", "per_bank", "per_rank"],
        "queue_depth": [1, 2, 8],
        "order": ["round_robin", "oldest_ready", "hits_first"],
        "precharge": ["unless_hits_pending", "unless_activated"],
        "hit_cap": [1, 4, 16, 1000],
        "cap_stops_hits": [False, True],
        "activated_first": [False, True],
        "drain": ["watermarks", "full_or_idle"],
        "drain_low": [0],
        "page": ["open", "auto_precharge", "close_after_hits", "close_after_timeout"],
        "page_timeout": [1, 50, 500],
        "refresh": ["none", "staggered", "simultaneous", "per_bank"],
        "issue": ["one", "row_and_column", "second_of_other_kind"],
        "data_clock": ["on_demand", "always_on"],
    }
    while True:
        try:
            policy = Policy(**{name: random.choice(values) for name, values in options.items()})  # type: ignore[arg-type]
            preset = preset.with_policy(policy)
            break
        except (ValidationError, InputError):
            continue
    stream = regular_stream(random, preset)
    most = math.ceil(3000 / (1 + policy.hit_cap // 1000))
    same(
        preset,
        AccessStream(stream.address[:most], stream.write[:most], stream.arrival[:most], stream.per_cycle),
    )
