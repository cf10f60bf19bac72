"""Blocks of memory traffic at command level: how long a tile's transfer holds the channels of a DRAM.

A block is so many bytes in runs of contiguous ones. Addresses interleave burst by burst over the channels,
which are alike, so one is simulated with its share. The block is repeated until several refresh intervals have
passed, and its price is the mean: a block that is shorter than a refresh interval pays its part of a refresh.
Every run begins anywhere in a gibibyte, that of the next block too; only what is too long to be repeated
follows itself.

`python -m accel_sim.mapping.memory_blocks` writes the table of access patterns (`hardware.dram.patterns`).
"""

from __future__ import annotations

import csv
import math
from functools import lru_cache

import numpy as np

from accel_sim.engine.access_patterns import AccessStream
from accel_sim.engine.channel_run import run_channel
from accel_sim.hardware.dram import ResolvedPreset, all_presets, load_preset
from accel_sim.hardware.dram.patterns import TABLE, Channels

# Refresh intervals that a block is repeated for, and requests simulated at most: longer blocks are extended.
# One run is folded by the channel machine, so what bounds it is memory: 72 bytes for each request of a channel.
_INTERVALS = 4
_MOST_REQUESTS = 1 << 15
_MOST_IN_ONE_RUN = 1 << 20
# Requests offered in a clock: more than any channel takes.
_PER_CYCLE = 4
_UNLOADED_GAP = 1000
_REGION_BYTES = 1 << 30
_RUNS = tuple(1 << i for i in range(13))


def block_s(channels: Channels, count: int, run: int, write: bool) -> float:
    """Return how long a transfer of `count` bytes in pieces of `run` contiguous ones holds the channels."""
    if count <= 0:
        return 0.0
    preset = load_preset(channels.preset)
    burst = preset.preset.burst_bytes
    run_bursts = -(-min(run, count) // burst)
    whole, rest = divmod(count, run)
    # The busiest channel's share, and how many bursts of a run a channel has on average.
    bursts = -(-(whole * run_bursts + -(-rest // burst)) // channels.count)
    share = bursts if count <= run else max(1, round(run_bursts / channels.count))
    clocks = block_clocks(channels.preset, bursts, share, write)
    return clocks * preset.tck_s * preset.peak_bytes_per_s / channels.bandwidth_bytes_per_s


@lru_cache(maxsize=65536)
def block_clocks(preset: str, bursts: int, run_bursts: int, write: bool) -> float:
    """Return the mean clocks of `bursts` bursts in runs of `run_bursts` on one channel of a preset."""
    resolved = load_preset(preset)
    most = _MOST_IN_ONE_RUN if run_bursts >= bursts else _MOST_REQUESTS
    run_bursts = min(run_bursts, bursts, most)
    simulated = min(bursts, most // run_bursts * run_bursts)
    ideal = simulated * resolved.burst_clocks / resolved.buses
    wanted = math.ceil(_INTERVALS * resolved.refresh_interval / ideal)
    repeats = max(1, min(wanted, _MOST_REQUESTS // simulated))
    result = run_channel(resolved, _stream(resolved, simulated * repeats, run_bursts, write, 0))
    return result.total_cycles / repeats * bursts / simulated


def _stream(
    preset: ResolvedPreset, requests: int, run_bursts: int, write: bool, gap_cycles: int
) -> AccessStream:
    """Return reads or writes in runs that begin at random multiples of their length, the same every time."""
    index = np.arange(requests, dtype=np.int64)
    run, within = np.divmod(index, run_bursts)
    if run_bursts < requests:
        places = max(1, _REGION_BYTES // (preset.preset.burst_bytes * run_bursts))
        run = np.random.default_rng(0).integers(0, places, run[-1] + 1)[run]
    address = (run * run_bursts + within) * preset.preset.burst_bytes
    return AccessStream(address, np.full(requests, write), index * gap_cycles, _PER_CYCLE)


def pattern_rows() -> list[dict[str, str]]:
    """Return the table of access patterns of every preset, from fresh runs."""
    rows = []
    for name, preset in all_presets().items():
        for write in (False, True):
            for run in _RUNS:
                requests = max(run, 1 << 13)
                ideal = requests * preset.burst_clocks / preset.buses
                clocks = block_clocks(name, requests, run, write)
                unloaded = run_channel(preset, _stream(preset, 256, run, False, _UNLOADED_GAP))
                latency_ns = float(unloaded.read_latency_cycles.mean()) * preset.tck_s * 1e9
                rows.append(
                    {
                        "preset": name,
                        "burst_bytes": str(preset.preset.burst_bytes),
                        "direction": "write" if write else "read",
                        "run_bursts": str(run),
                        "efficiency": f"{ideal / clocks:.5f}",
                        "latency_ns": f"{latency_ns:.2f}",
                    }
                )
    return rows


if __name__ == "__main__":
    table = pattern_rows()
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
