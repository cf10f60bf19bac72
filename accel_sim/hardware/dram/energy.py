"""What a DRAM's commands cost a design: rows opened and bursts moved by traffic, standby and refresh by time.

The summary of `engine.channel_energy` that coarser models use. A transfer opens rows by the length of its runs
(columns of `data/patterns.csv`); array and I/O take the same for every burst; refreshes and standby with closed
rows go on whether anything is moved or not. What standby with open rows takes beyond that is the transfer's,
for as long as it holds the channels: between transfers rows are taken to be closed. Both tables are written by
`python -m accel_sim.mapping.memory_blocks`.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from accel_sim.hardware.dram.patterns import Channels, patterns

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]
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
    """What transfers ask of a memory, over all channels; arrays of one shape.

    Attributes:
        bursts: int64, moved; a piece that ends within one moves it whole.
        activate_j: float64, of the rows that are opened and closed.
        open_j: float64, standby with open rows, above that with closed ones.
    """

    bursts: Integers
    activate_j: Floats
    open_j: Floats


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


def transfer_bursts(burst: int, count: Integers, run: Integers) -> Integers:
    """Return int64[...] bursts of `burst` bytes that transfers of `count` bytes in pieces of `run` move."""
    whole, rest = np.divmod(count, run)
    return whole * -(-run // burst) + -(-rest // burst)


def pattern_traffic(channels: Channels, count: Integers, run: Integers, write: Booleans) -> Traffic:
    """Return what transfers ask by the table of access patterns.

    Between two rows of the table the energy of a run is linear in its length, as that of whole rows is.

    Args:
        channels: of the memory.
        count: int64[...] bytes of each transfer.
        run: int64[...] contiguous bytes of each of its pieces.
        write: bool[...] whether each writes.
    """
    table = _runs(channels.preset)
    run = np.maximum(np.minimum(run, count), 1)
    bursts = transfer_bursts(table.burst_bytes, count, run)
    length = np.minimum(np.maximum(-(-run // table.burst_bytes) / channels.count, 1.0), table.longest)
    runs = bursts / length
    place = length + write * (2 * table.longest)
    activate_j = runs * np.interp(place, table.places, table.activate_j)
    if table.open_j is None:
        return Traffic(bursts, activate_j, np.zeros(activate_j.shape))
    slower = charges(channels.preset).peak_bytes_per_s / channels.bandwidth_bytes_per_s
    return Traffic(bursts, activate_j, slower * runs * np.interp(place, table.places, table.open_j))


@dataclass(frozen=True, slots=True)
class _Runs:
    """What a run of each length in the table takes, reads first, writes at their length plus twice the longest.

    Attributes:
        burst_bytes: of a burst.
        longest: run in the table, in bursts.
        places: float64[n] lengths in bursts, those of writes moved.
        activate_j, open_j: float64[n] of a run; None where none keeps rows open at a price.
    """

    burst_bytes: int
    longest: float
    places: Floats
    activate_j: Floats
    open_j: Floats | None


@cache
def _runs(preset: str) -> _Runs:
    reads, writes = (patterns(preset, write) for write in (False, True))
    rows = (*reads, *writes)
    longest = float(max(reads[-1].run_bursts, writes[-1].run_bursts))
    lengths = np.array([row.run_bursts for row in rows], dtype=np.float64)
    moved = lengths * reads[0].burst_bytes
    open_j = moved * np.array([row.open_j_per_byte for row in rows])
    return _Runs(
        burst_bytes=reads[0].burst_bytes,
        longest=longest,
        places=lengths + 2 * longest * (np.arange(len(rows)) >= len(reads)),
        activate_j=moved * np.array([row.activate_j_per_byte for row in rows]),
        open_j=open_j if open_j.any() else None,
    )
