"""What the commands of a DRAM cost a design: rows opened and bursts moved by traffic, standby and refresh by time.

The summary of `engine.channel_energy` that coarser models use. A transfer opens rows by the length of its runs
(columns of `data/patterns.csv`); array and I/O take the same for every burst; refreshes and standby with closed
rows go on whether anything is moved or not. What standby with open rows takes beyond that is the transfer's,
for as long as it holds the channels: between transfers rows are taken to be closed. Both tables are written by
`python -m accel_sim.mapping.memory_blocks`.
"""

from __future__ import annotations

import csv
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from accel_sim.hardware.dram.patterns import Channels, Pattern, burst_bytes, patterns

TABLE = Path(__file__).parent / "data" / "energies.csv"


@dataclass(frozen=True, slots=True)
class Charges:
    """What a preset charges whatever the access pattern.

    Attributes:
        read_j, write_j: a burst in the arrays.
        io_j: a burst between device and controller.
        standby_w: of a channel, its rows closed.
        refresh_w: of a channel.
        peak_bytes_per_s: of a channel at the preset's clock.
        source: where the figures come from, `assumed` included.
    """

    read_j: float
    write_j: float
    io_j: float
    standby_w: float
    refresh_w: float
    peak_bytes_per_s: float
    source: str


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a transfer asks of a memory, over all channels.

    Attributes:
        bursts: moved; a piece that ends within one moves it whole.
        activate_j: of the rows that are opened and closed.
        open_j: standby with open rows, above that with closed ones.
    """

    bursts: int
    activate_j: float
    open_j: float


@cache
def charges(preset: str) -> Charges:
    """Return what a preset charges.

    Raises:
        KeyError: the table does not have the preset.
    """
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["preset"] == preset:
                return Charges(
                    read_j=float(row["read_pj"]) * 1e-12,
                    write_j=float(row["write_pj"]) * 1e-12,
                    io_j=float(row["io_pj"]) * 1e-12,
                    standby_w=float(row["standby_mw"]) * 1e-3,
                    refresh_w=float(row["refresh_mw"]) * 1e-3,
                    peak_bytes_per_s=float(row["peak_gb_per_s"]) * 1e9,
                    source=row["source"],
                )
    raise KeyError(preset)


def transfer_bursts(burst: int, count: int, run: int) -> int:
    """Return the bursts of `burst` bytes that a transfer of `count` bytes in pieces of `run` moves."""
    whole, rest = divmod(count, run)
    return whole * -(-run // burst) + -(-rest // burst)


@lru_cache(maxsize=65536)
def pattern_traffic(channels: Channels, count: int, run: int, write: bool) -> Traffic:
    """Return what a transfer of `count` bytes in pieces of `run` asks, by the table of access patterns."""
    if count <= 0:
        return Traffic(0, 0.0, 0.0)
    run = min(run, count) or count
    burst = burst_bytes(channels.preset)
    bursts = transfer_bursts(burst, count, run)
    activate_j, open_j = _per_byte(channels.preset, max(1.0, -(-run // burst) / channels.count), write)
    slower = charges(channels.preset).peak_bytes_per_s / channels.bandwidth_bytes_per_s
    return Traffic(bursts, bursts * burst * activate_j, bursts * burst * open_j * slower)


@lru_cache(maxsize=65536)
def _per_byte(preset: str, run_bursts: float, write: bool) -> tuple[float, float]:
    """Return the joules per byte of opening rows and of keeping them open.

    Between two rows of the table the energy of a run is linear in its length, as that of whole rows is.
    """
    rows = patterns(preset, write)
    index = bisect_left([row.run_bursts for row in rows], run_bursts)
    if index in (0, len(rows)):
        return _row_energies(rows[min(index, len(rows) - 1)])
    left, right = rows[index - 1], rows[index]
    share = (run_bursts - left.run_bursts) / (right.run_bursts - left.run_bursts)
    ends = zip(_row_energies(left), _row_energies(right), strict=True)
    activate_j, open_j = (
        (one * left.run_bursts * (1 - share) + other * right.run_bursts * share) / run_bursts
        for one, other in ends
    )
    return activate_j, open_j


def _row_energies(row: Pattern) -> tuple[float, float]:
    return row.activate_j_per_byte, row.open_j_per_byte
