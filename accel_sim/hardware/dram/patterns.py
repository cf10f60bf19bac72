"""What a DRAM sustains and charges by access pattern: the summary of its commands that coarser models use.

A pattern is how many bursts follow one another in a channel, the *run*, and how many there are from the start
of a run to that of the next, the *step*, or that every run begins at a random place: one burst anywhere is
random access, many are streaming. `data/patterns.csv` is written by `python -m accel_sim.mapping.memory_blocks`
from runs of the command-level model; its runs and steps are powers of two.

Between them, and beyond, holds: a step equal to the run is a stream; a step longer than any in the table is a
random place; rates are linear in the logarithms of the run and of the *spread*, step over run.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
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
        step_bursts: from the start of one run to that of the next, 0 where runs begin at random places.
        efficiency: sustained over peak bandwidth.
        latency_s: of a read when nothing else is under way.
        activate_j_per_byte: of rows opened and closed.
        open_j_per_byte: standby with open rows, above that with closed ones.
    """

    burst_bytes: int
    run_bursts: int
    step_bursts: int
    efficiency: float
    latency_s: float
    activate_j_per_byte: float
    open_j_per_byte: float


@cache
def _table() -> Mapping[tuple[str, bool], Mapping[tuple[int, int], Pattern]]:
    """Return the table: by preset and direction, then by run and step."""
    table: dict[tuple[str, bool], dict[tuple[int, int], Pattern]] = {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            pattern = Pattern(
                burst_bytes=int(row["burst_bytes"]),
                run_bursts=int(row["run_bursts"]),
                step_bursts=int(row["step_bursts"]),
                efficiency=float(row["efficiency"]),
                latency_s=float(row["latency_ns"]) * 1e-9,
                activate_j_per_byte=float(row["activate_pj_per_byte"]) * 1e-12,
                open_j_per_byte=float(row["open_pj_per_byte"]) * 1e-12,
            )
            of_preset = table.setdefault((row["preset"], row["direction"] == "write"), {})
            of_preset[pattern.run_bursts, pattern.step_bursts] = pattern
    return table


@cache
def patterns(preset: str, write: bool) -> tuple[Pattern, ...]:
    """Return the patterns of runs at random places by rising length of the run.

    Raises:
        KeyError: the table does not have the preset.
    """
    rows = _table()[preset, write].values()
    return tuple(sorted((row for row in rows if not row.step_bursts), key=lambda row: row.run_bursts))


@cache
def grid(preset: str, write: bool) -> tuple[tuple[Pattern, ...], ...]:
    """Return the patterns by run, then by spread (both 1, 2, 4, ...), streams first, random places last.

    Raises:
        KeyError: the table does not have the preset.
    """
    table, random = _table()[preset, write], patterns(preset, write)
    longest = max(step for _, step in table)
    stream = replace(random[-1], efficiency=streaming_efficiency(preset))
    spreads = range(1, longest.bit_length() + 1)
    return tuple(
        (stream, *(table.get((row.run_bursts, row.run_bursts << spread), row) for spread in spreads))
        for row in random
    )


@lru_cache(maxsize=65536)
def efficiency(preset: str, run_bursts: float, write: bool, spread: float = math.inf) -> float:
    """Return the sustained over peak bandwidth for runs of a length, their steps so many times as long.

    spread: infinite for runs at random places.
    """
    rates = _efficiencies(preset, write)
    row, down = _between(run_bursts, len(rates))
    column, across = _between(spread, len(rates[0]))
    above, below = (
        line[column] + across * (line[column + 1] - line[column]) for line in (rates[row], rates[row + 1])
    )
    return above + down * (below - above)


def _between(value: float, count: int) -> tuple[int, float]:
    """Return where a value is among `count` powers of two: the one below, and how far on, by logarithm."""
    place = min(max(math.log2(value), 0.0), count - 1.0)
    index = min(int(place), count - 2)
    return index, place - index


@cache
def _efficiencies(preset: str, write: bool) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(pattern.efficiency for pattern in line) for line in grid(preset, write))


def burst_bytes(preset: str) -> int:
    """Return the bytes of one access to a preset."""
    return patterns(preset, write=False)[0].burst_bytes


@cache
def streaming_efficiency(preset: str) -> float:
    """Return the best sustained over peak bandwidth of runs of any length, reading or writing."""
    return max(row.efficiency for write in (False, True) for row in patterns(preset, write))


def random_latency_s(preset: str) -> float:
    """Return the latency of a read from a closed or conflicting row when nothing else is under way."""
    return patterns(preset, write=False)[0].latency_s
