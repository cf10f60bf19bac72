"""Blocks of memory traffic at command level: how long a transfer holds a DRAM's channels, and its energy.

A block is so many bytes in runs of contiguous ones. Addresses interleave burst by burst over the channels,
which are alike, so one is simulated with its share. The block is repeated until several refresh intervals have
passed, and its price is the mean: a block that is shorter than a refresh interval pays its part of a refresh.
Every run begins anywhere in a gibibyte, that of the next block too; only what is too long to be repeated
follows itself.

`python -m accel_sim.mapping.memory_blocks` writes the tables of access patterns (`hardware.dram.patterns`) and
of energies (`hardware.dram.energy`).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from accel_sim.engine.access_patterns import AccessStream
from accel_sim.engine.channel_energy import background_w, dram_cost, energy_j, open_rows_j
from accel_sim.engine.channel_run import run_channel
from accel_sim.hardware.dram import ResolvedPreset, all_presets, energy, load_preset, patterns
from accel_sim.hardware.dram.energy import Booleans, Integers, Traffic, transfer_bursts
from accel_sim.hardware.dram.patterns import Channels

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


@dataclass(frozen=True, slots=True)
class Block:
    """A block on one channel of a preset, on average over its repetitions.

    Attributes:
        clocks: that it holds the channel.
        energy_j: by cause, up to its end; see `channel_energy.energy_j`.
        open_j: the part of its `background` that open rows add to standby with closed ones.
    """

    clocks: float
    energy_j: Mapping[str, float]
    open_j: float


def block_s(channels: Channels, count: int, run: int, write: bool) -> float:
    """Return how long a transfer of `count` bytes in pieces of `run` contiguous ones holds the channels."""
    if count <= 0:
        return 0.0
    preset = load_preset(channels.preset)
    clocks = block_clocks(channels.preset, *_share(channels, count, run), write).clocks
    return clocks * preset.tck_s * preset.peak_bytes_per_s / channels.bandwidth_bytes_per_s


def block_traffic(channels: Channels, count: Integers, run: Integers, write: Booleans) -> Traffic:
    """Return what transfers ask of all channels, each simulated command by command.

    What a burst of the busiest channel takes holds for the others. Standby and refreshes are not the
    transfer's: they go on between transfers too.

    Args:
        channels: of the memory.
        count: int64[...] bytes of each transfer.
        run: int64[...] contiguous bytes of each of its pieces.
        write: bool[...] whether each writes.
    """
    preset = load_preset(channels.preset)
    slower = preset.peak_bytes_per_s / channels.bandwidth_bytes_per_s
    count, run, write = np.broadcast_arrays(count, np.maximum(run, 1), write)
    bursts = transfer_bursts(preset.preset.burst_bytes, count, run)
    prices = np.zeros((2, *bursts.shape))
    for at in zip(*bursts.nonzero(), strict=True):
        share = _share(channels, int(count[at]), int(run[at]))
        block = block_clocks(channels.preset, *share, bool(write[at]))
        prices[(slice(None), *at)] = np.array((block.energy_j["activate"], block.open_j * slower)) / share[0]
    return Traffic(bursts, bursts * prices[0], bursts * prices[1])


def _share(channels: Channels, count: int, run: int) -> tuple[int, int]:
    """Return the bursts of the busiest channel, and how many of a run a channel has on average."""
    burst = load_preset(channels.preset).preset.burst_bytes
    run_bursts = -(-min(run, count) // burst)
    whole, rest = divmod(count, run)
    bursts = -(-(whole * run_bursts + -(-rest // burst)) // channels.count)
    return bursts, bursts if count <= run else max(1, round(run_bursts / channels.count))


@lru_cache(maxsize=65536)
def block_clocks(preset: str, bursts: int, run_bursts: int, write: bool) -> Block:
    """Return the price of `bursts` bursts in runs of `run_bursts` on one channel of a preset."""
    resolved = load_preset(preset)
    most = _MOST_IN_ONE_RUN if run_bursts >= bursts else _MOST_REQUESTS
    run_bursts = min(run_bursts, bursts, most)
    simulated = min(bursts, most // run_bursts * run_bursts)
    ideal = simulated * resolved.burst_clocks / resolved.buses
    wanted = math.ceil(_INTERVALS * resolved.refresh_interval / ideal)
    repeats = max(1, min(wanted, _MOST_REQUESTS // simulated))
    result = run_channel(resolved, _stream(resolved, simulated * repeats, run_bursts, write, 0))
    times = bursts / (simulated * repeats)
    return Block(
        clocks=result.total_cycles * times,
        energy_j={cause: joules * times for cause, joules in energy_j(result).items()},
        open_j=open_rows_j(result) * times,
    )


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
                block = block_clocks(name, requests, run, write)
                moved_bytes = requests * preset.preset.burst_bytes
                unloaded = run_channel(preset, _stream(preset, 256, run, False, _UNLOADED_GAP))
                latency_ns = float(unloaded.read_latency_cycles.mean()) * preset.tck_s * 1e9
                rows.append(
                    {
                        "preset": name,
                        "burst_bytes": str(preset.preset.burst_bytes),
                        "direction": "write" if write else "read",
                        "run_bursts": str(run),
                        "efficiency": f"{ideal / block.clocks:.5f}",
                        "latency_ns": f"{latency_ns:.2f}",
                        "activate_pj_per_byte": f"{block.energy_j['activate'] / moved_bytes * 1e12:.4f}",
                        "open_pj_per_byte": f"{block.open_j / moved_bytes * 1e12:.4f}",
                    }
                )
    return rows


def energy_rows() -> list[dict[str, str]]:
    """Return the table of what every preset charges whatever the pattern."""
    rows = []
    for name, preset in all_presets().items():
        cost, part = dram_cost(preset), preset.preset
        standby_w, refresh_w = background_w(preset)
        core = f"core by the currents of {part.currents.source}; " if part.currents else ""
        rows.append(
            {
                "preset": name,
                "read_pj": f"{cost.read_j * 1e12:.3f}",
                "write_pj": f"{cost.write_j * 1e12:.3f}",
                "io_pj": f"{cost.io_j_per_byte * part.burst_bytes * 1e12:.3f}",
                "standby_mw": f"{standby_w * 1e3:.3f}",
                "refresh_mw": f"{refresh_w * 1e3:.3f}",
                "peak_gb_per_s": f"{preset.peak_bytes_per_s / 1e9:.6f}",
                "source": core + part.energy_source,
            }
        )
    return rows


def _write(path: Path, table: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)


if __name__ == "__main__":
    _write(patterns.TABLE, pattern_rows())
    _write(energy.TABLE, energy_rows())
