"""Blocks of memory traffic at command level: how long a transfer holds a DRAM's channels, and its energy.

A block is so many bytes in pieces of contiguous ones, at a constant stride or at places that are not known.
Addresses interleave burst by burst over the channels, which are alike, so one is simulated with its share. The
block is repeated until several refresh intervals have passed, and its price is the mean: a block shorter than a
refresh interval pays its part of a refresh. Every block begins anywhere in a gibibyte, and so does every piece
at a place that is not known; only what is too long to be repeated follows itself.

Strides of a power of two would fall on few channels and banks of plain address bits. Controllers hash those
bits to avoid it, so strided pieces are taken to be spread over the channels evenly, and over the banks by
`AddressMapping.hashed`. Streams and random places meet all banks alike and are not hashed; it would make 2 % at
most.

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
from accel_sim.hardware.dram.energy import Booleans, Integers, Traffic, contiguous_bytes, transfer_bursts
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
# Runs and steps of the table, in bursts of a channel. At the longest step runs lie in rows of their own.
_RUNS = tuple(1 << i for i in range(13))
_STEPS = tuple(1 << i for i in range(1, 11))


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


def block_s(channels: Channels, count: int, run: int, stride: int, write: bool) -> float:
    """Return how long a transfer of `count` bytes in pieces of `run`, `stride` apart, holds the channels."""
    if count <= 0:
        return 0.0
    preset = load_preset(channels.preset)
    clocks = _block(channels, count, run, stride, write).clocks
    return clocks * preset.tck_s * preset.peak_bytes_per_s / channels.bandwidth_bytes_per_s


def block_traffic(
    channels: Channels, count: Integers, run: Integers, stride: Integers, write: Booleans
) -> Traffic:
    """Return what transfers ask of all channels, each simulated command by command.

    What a burst of the busiest channel takes holds for the others. Standby and refreshes are not the
    transfer's: they go on between transfers too.

    Args:
        channels: of the memory.
        count: int64[...] bytes of each transfer.
        run: int64[...] contiguous bytes of each of its pieces.
        stride: int64[...] bytes from the start of one piece to that of the next; 0 for random places.
        write: bool[...] whether each writes.
    """
    preset = load_preset(channels.preset)
    slower = preset.peak_bytes_per_s / channels.bandwidth_bytes_per_s
    run = contiguous_bytes(count, run, stride)
    count, run, stride, write = np.broadcast_arrays(count, run, stride, write)
    bursts = transfer_bursts(preset.preset.burst_bytes, count, run)
    prices = np.zeros((2, *bursts.shape))
    for at in zip(*bursts.nonzero(), strict=True):
        block = _block(channels, int(count[at]), int(run[at]), int(stride[at]), bool(write[at]))
        share = -(-int(bursts[at]) // channels.count)
        prices[(slice(None), *at)] = np.array((block.energy_j["activate"], block.open_j * slower)) / share
    return Traffic(bursts, bursts * prices[0], bursts * prices[1])


def _block(channels: Channels, count: int, run: int, stride: int, write: bool) -> Block:
    """Return the price of a transfer on the busiest channel."""
    burst = load_preset(channels.preset).preset.burst_bytes
    run = count if 0 < stride <= run else min(run, count)
    run_bursts = -(-run // burst)
    whole, rest = divmod(count, run)
    bursts = -(-(whole * run_bursts + -(-rest // burst)) // channels.count)
    if run == count:
        return block_clocks(channels.preset, bursts, bursts, write)
    if stride:
        return strided_clocks(channels.preset, bursts, Strides(run_bursts, stride, channels.count), write)
    return block_clocks(channels.preset, bursts, max(1, round(run_bursts / channels.count)), write)


@dataclass(frozen=True, slots=True)
class Strides:
    """Pieces at a constant distance over channels that interleave burst by burst.

    Attributes:
        run_bursts: bursts of a piece, over all channels.
        stride_bytes: from the start of a piece to that of the next.
        channels: that share them evenly.
    """

    run_bursts: int
    stride_bytes: int
    channels: int

    def addresses(self, count: int, burst_bytes: int) -> Integers:
        """Return int64[count] byte addresses, within a channel, of the bursts that are its share.

        Of n pieces a channel has floor(n x run / channels) bursts, and after them it has passed over
        floor(n x (stride - run) / channels) others.
        """
        index = np.arange(count, dtype=np.int64)
        piece = ((index + 1) * self.channels - 1) // self.run_bursts
        gap_bytes = self.stride_bytes - self.run_bursts * burst_bytes
        return (index + piece * gap_bytes // (burst_bytes * self.channels)) * burst_bytes


@lru_cache(maxsize=65536)
def block_clocks(preset: str, bursts: int, run_bursts: int, write: bool) -> Block:
    """Return the price of `bursts` bursts in runs of `run_bursts` on one channel of a preset."""
    resolved = load_preset(preset)
    most = _MOST_IN_ONE_RUN if run_bursts >= bursts else _MOST_REQUESTS
    run_bursts = min(run_bursts, bursts, most)
    simulated = min(bursts, most // run_bursts * run_bursts)
    repeats = _repeats(resolved, simulated)
    stream = _stream(resolved, simulated * repeats, run_bursts, write, 0)
    return _priced(resolved, stream, bursts / (simulated * repeats))


@lru_cache(maxsize=65536)
def strided_clocks(preset: str, bursts: int, strides: Strides, write: bool) -> Block:
    """Return the price of `bursts` bursts, the share of one channel of a preset, in pieces at a stride."""
    resolved = load_preset(preset)
    simulated = min(bursts, _MOST_REQUESTS)
    repeats = _repeats(resolved, simulated)
    stream = _strided_stream(resolved, simulated, repeats, strides, write, 0)
    return _priced(resolved, stream, bursts / (simulated * repeats))


def _repeats(preset: ResolvedPreset, simulated: int) -> int:
    """Return how often a block is repeated."""
    ideal = simulated * preset.burst_clocks / preset.buses
    wanted = math.ceil(_INTERVALS * preset.refresh_interval / ideal)
    return max(1, min(wanted, _MOST_REQUESTS // simulated))


def _priced(preset: ResolvedPreset, stream: AccessStream, times: float) -> Block:
    """Return the price of a block that is `times` as long as a stream."""
    result = run_channel(preset, stream)
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
        run = _random_places(preset, run_bursts, int(run[-1]) + 1)[run]
    address = (run * run_bursts + within) * preset.preset.burst_bytes
    return AccessStream(address, np.full(requests, write), index * gap_cycles, _PER_CYCLE)


def _strided_stream(
    preset: ResolvedPreset, requests: int, repeats: int, strides: Strides, write: bool, gap_cycles: int
) -> AccessStream:
    """Return reads or writes of a strided block again and again, each time from another random place."""
    burst = preset.preset.burst_bytes
    align = max(1, strides.run_bursts // strides.channels)
    start = _random_places(preset, align, repeats) * align * burst
    block = strides.addresses(requests, burst)
    address = preset.mapping.hashed((start[:, np.newaxis] + block).ravel())
    arrival = np.arange(address.size, dtype=np.int64) * gap_cycles
    return AccessStream(address, np.full(address.size, write), arrival, _PER_CYCLE)


def _random_places(preset: ResolvedPreset, run_bursts: int, count: int) -> Integers:
    """Return int64[count] places of runs in a region, the same every time."""
    places = max(1, _REGION_BYTES // (preset.preset.burst_bytes * run_bursts))
    return np.random.default_rng(0).integers(0, places, count)


def pattern_rows() -> list[dict[str, str]]:
    """Return the table of access patterns of every preset, from fresh runs."""
    return [
        _pattern_row(preset, write, run, step)
        for preset in all_presets().values()
        for write in (False, True)
        for run in _RUNS
        for step in (0, *(step for step in _STEPS if step > run))
    ]


def _pattern_row(preset: ResolvedPreset, write: bool, run: int, step: int) -> dict[str, str]:
    """Return a row of the table: runs of `run` bursts at random places, or `step` bursts apart."""
    burst = preset.preset.burst_bytes
    requests = max(run, 1 << 13)
    if step:
        strides = Strides(run, step * burst, 1)
        block = strided_clocks(preset.name, requests, strides, write)
        alone = _strided_stream(preset, 256, 1, strides, False, _UNLOADED_GAP)
    else:
        block = block_clocks(preset.name, requests, run, write)
        alone = _stream(preset, 256, run, False, _UNLOADED_GAP)
    ideal = requests * preset.burst_clocks / preset.buses
    latency_ns = float(run_channel(preset, alone).read_latency_cycles.mean()) * preset.tck_s * 1e9
    moved_bytes = requests * burst
    return {
        "preset": preset.name,
        "burst_bytes": str(burst),
        "direction": "write" if write else "read",
        "run_bursts": str(run),
        "step_bursts": str(step),
        "efficiency": f"{ideal / block.clocks:.5f}",
        "latency_ns": f"{latency_ns:.2f}",
        "activate_pj_per_byte": f"{block.energy_j['activate'] / moved_bytes * 1e12:.4f}",
        "open_pj_per_byte": f"{block.open_j / moved_bytes * 1e12:.4f}",
    }


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
