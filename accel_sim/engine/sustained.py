"""What a DRAM preset sustains on a kind of traffic: bandwidth, latency and energy per byte, by running it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from accel_sim.engine.access_patterns import access_stream
from accel_sim.engine.channel_energy import energy_j
from accel_sim.engine.channel_run import run_channel
from accel_sim.hardware.dram import Policy, ResolvedPreset, load_preset

Traffic = Literal[
    "streaming_read", "streaming_write", "streaming_copy", "strided_read", "random_read", "random_mix"
]

# Long enough for several refresh intervals, so that the ends and the first rows weigh little.
REQUESTS = 32_768
FOOTPRINT_BYTES = 2**28
UNLOADED_REQUESTS = 256
UNLOADED_GAP_CYCLES = 1000

_PATTERNS: dict[str, str] = {
    "streaming_read": "seq_read",
    "streaming_write": "seq_write",
    "streaming_copy": "mix21",
    "strided_read": "stride_read",
    "random_read": "rand_read",
    "random_mix": "rand_mix",
}


@dataclass(frozen=True, slots=True)
class Sustained:
    """What one channel gives under a kind of traffic.

    Attributes:
        efficiency: bandwidth over the peak of the data bus.
        bandwidth_bytes_per_s: of one channel, requests always waiting.
        loaded_latency_s: mean from acceptance to data of a read under that load, 0 without reads.
        unloaded_latency_s: the same with one request at a time.
        energy_j_per_byte: of the channel, standby included, under that load.
        row_hit_rate: share of the column commands that found their row open.
    """

    efficiency: float
    bandwidth_bytes_per_s: float
    loaded_latency_s: float
    unloaded_latency_s: float
    energy_j_per_byte: float
    row_hit_rate: float


def sustained(
    preset: ResolvedPreset | str,
    traffic: Traffic,
    policy: Policy | None = None,
    stride_bytes: int | None = None,
    requests: int = REQUESTS,
) -> Sustained:
    """Return what one channel of a preset sustains.

    Args:
        preset: or the name of a shipped one.
        traffic: sequential reads, writes, or two reads to a write; strided reads; or uniform over 256 MiB.
        policy: of the controller; None for the preset's own.
        stride_bytes: of `strided_read`; None for one row of one bank, the worst case of many mappings.
        requests: length of the run.

    Raises:
        InputError: no preset of that name.
        ValueError: an unknown kind of traffic.
    """
    if isinstance(preset, str):
        return _of_shipped(preset, traffic, policy, stride_bytes, requests)
    return _measure(preset, traffic, policy, stride_bytes, requests)


@lru_cache(maxsize=256)
def _of_shipped(
    name: str, traffic: str, policy: Policy | None, stride_bytes: int | None, requests: int
) -> Sustained:
    return _measure(load_preset(name), traffic, policy, stride_bytes, requests)


def _measure(
    preset: ResolvedPreset, traffic: str, policy: Policy | None, stride_bytes: int | None, requests: int
) -> Sustained:
    if traffic not in _PATTERNS:
        raise ValueError(f"unknown traffic '{traffic}' (allowed: {', '.join(_PATTERNS)})")
    pattern = _PATTERNS[traffic]
    burst = preset.preset.burst_bytes
    p1, p2 = FOOTPRINT_BYTES, 1
    if pattern == "stride_read":
        p1, p2 = stride_bytes or preset.preset.columns * burst, FOOTPRINT_BYTES

    def run(count: int, gap_cycles: int) -> tuple[float, float, float, float]:
        stream = access_stream(
            pattern, count * burst, burst, p1, p2, gap_cycles, per_cycle=preset.preset.channels
        )
        result = run_channel(preset, stream, policy)
        reads = result.read_latency_cycles
        hits = result.row_hits / max(1, result.column_commands)
        joules = sum(energy_j(result).values()) / result.moved_bytes
        return result.bandwidth_bytes_per_s, float(reads.mean()) if reads.size else 0.0, joules, hits

    bandwidth, loaded, joules, hits = run(requests, 0)
    _, unloaded, _, _ = run(min(requests, UNLOADED_REQUESTS), UNLOADED_GAP_CYCLES)
    channels = preset.preset.channels
    return Sustained(
        efficiency=bandwidth / (channels * preset.peak_bytes_per_s),
        bandwidth_bytes_per_s=bandwidth / channels,
        loaded_latency_s=loaded * preset.tck_s,
        unloaded_latency_s=unloaded * preset.tck_s,
        energy_j_per_byte=joules,
        row_hit_rate=hits,
    )
