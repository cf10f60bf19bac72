"""What a DRAM sustains and charges by access pattern: the summary of its commands that coarser models use.

A pattern is how many bursts follow one another in a channel before the address jumps to another row: one is
random access, many are streaming. `data/patterns.csv` is written by `python -m accel_sim.mapping.memory_blocks`
from runs of the command-level model.
"""

from __future__ import annotations

import csv
import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

TABLE = Path(__file__).parent / "data" / "patterns.csv"
# Presets that stand for the standards of `technology.dram`; those without one have no command-level model here.
PRESET_OF_STANDARD = {
    "ddr3": "DDR3-1600",
    "ddr4": "DDR4-3200",
    "ddr5": "DDR5-4800",
    "lpddr4": "LPDDR4-3200",
    "lpddr5": "LPDDR5-6400",
    "lpddr5x": "LPDDR5-6400",
    "gddr6": "GDDR6-14",
    "hbm2": "HBM2-2000",
    "hbm2e": "HBM2-2000",
    "hbm3": "HBM3-6400",
    "hbm3e": "HBM3-6400",
}


@dataclass(frozen=True, slots=True)
class Channels:
    """Identical channels as a design has them.

    Attributes:
        preset: name of the timing preset.
        count: channels.
        bandwidth_bytes_per_s: peak of one; the preset's clock is scaled to it.
    """

    preset: str
    count: int
    bandwidth_bytes_per_s: float


@dataclass(frozen=True, slots=True)
class Pattern:
    """What one access pattern gives.

    Attributes:
        burst_bytes: of the preset.
        run_bursts: bursts that follow one another in a channel.
        efficiency: sustained over peak bandwidth.
        latency_s: of a read when nothing else is under way.
        activate_j_per_byte: of rows opened and closed.
        open_j_per_byte: standby with open rows, above that with closed ones.
    """

    burst_bytes: int
    run_bursts: int
    efficiency: float
    latency_s: float
    activate_j_per_byte: float
    open_j_per_byte: float


@cache
def patterns(preset: str, write: bool) -> tuple[Pattern, ...]:
    """Return the patterns of a preset by rising length of the run.

    Raises:
        KeyError: the table does not have the preset.
    """
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = [
            Pattern(
                burst_bytes=int(row["burst_bytes"]),
                run_bursts=int(row["run_bursts"]),
                efficiency=float(row["efficiency"]),
                latency_s=float(row["latency_ns"]) * 1e-9,
                activate_j_per_byte=float(row["activate_pj_per_byte"]) * 1e-12,
                open_j_per_byte=float(row["open_pj_per_byte"]) * 1e-12,
            )
            for row in csv.DictReader(file)
            if row["preset"] == preset and row["direction"] == ("write" if write else "read")
        ]
    if not rows:
        raise KeyError(preset)
    return tuple(sorted(rows, key=lambda row: row.run_bursts))


@lru_cache(maxsize=65536)
def efficiency(preset: str, run_bursts: float, write: bool) -> float:
    """Return the sustained over peak bandwidth for runs of a length, linear in its logarithm between rows."""
    rows = patterns(preset, write)
    index = bisect_left([row.run_bursts for row in rows], run_bursts)
    if index == 0:
        return rows[0].efficiency
    if index == len(rows):
        return rows[-1].efficiency
    left, right = rows[index - 1], rows[index]
    share = math.log(run_bursts / left.run_bursts) / math.log(right.run_bursts / left.run_bursts)
    return left.efficiency + share * (right.efficiency - left.efficiency)


def burst_bytes(preset: str) -> int:
    """Return the bytes of one access to a preset."""
    return patterns(preset, write=False)[0].burst_bytes


@cache
def streaming_efficiency(preset: str) -> float:
    """Return the best sustained over peak bandwidth of any pattern, reading or writing."""
    return max(row.efficiency for write in (False, True) for row in patterns(preset, write))


def random_latency_s(preset: str) -> float:
    """Return the latency of a read from a closed or conflicting row when nothing else is under way."""
    return patterns(preset, write=False)[0].latency_s
