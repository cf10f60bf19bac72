"""What a DRAM's commands cost a design: rows opened and bursts moved by traffic, standby and refresh by time.

The summary of `engine.channel_energy` that coarser models use. A transfer opens rows by the length and the
step of its runs (columns of `data/patterns.csv`); array and I/O take the same for every burst; refreshes and
standby with closed rows go on whether anything is moved or not. What standby with open rows takes beyond that
is the transfer's, for as long as it holds the channels: between transfers rows are taken to be closed. Both
tables are written by `python -m accel_sim.mapping.memory_blocks`.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from accel_sim.hardware.dram.patterns import Channels, burst_bytes, grid

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


def contiguous_bytes(count: Integers, run: Integers, stride: Integers) -> Integers:
    """Return int64[...] contiguous bytes of transfers: at least 1, all where pieces meet their successors."""
    return np.maximum(np.where((stride > 0) & (stride <= run), count, np.minimum(run, count)), 1)


def pattern_traffic(
    channels: Channels, count: Integers, run: Integers, stride: Integers, write: Booleans
) -> Traffic:
    """Return what transfers ask by the table of access patterns.

    Between two rows of the table the energy of a run is linear in its length, as that of whole rows is, and in
    its step, as the rows that a step passes over are. No transfer takes less than one in a single piece.

    Args:
        channels: of the memory.
        count: int64[n] bytes of each transfer.
        run: int64[n] contiguous bytes of each of its pieces.
        stride: int64[n] bytes from the start of one piece to that of the next; 0 for random places.
        write: bool[n] whether each writes.
    """
    # The kernel is compiled where it is used.
    from accel_sim.hardware.dram.energy_kernels import price_transfers

    bursts, joules = price_transfers(
        count,
        run,
        stride,
        write,
        burst_bytes(channels.preset),
        channels.count,
        charges(channels.preset).peak_bytes_per_s / channels.bandwidth_bytes_per_s,
        _run_energies(channels.preset),
    )
    return Traffic(bursts, joules[0], joules[1])


@cache
def _run_energies(preset: str) -> Floats:
    """Return float64[2, 2, l, s] joules of a run: activates and open rows; by direction, length and spread."""
    lines = [grid(preset, write) for write in (False, True)]
    return np.array(
        [
            [
                [[row[-1].run_bursts * row[-1].burst_bytes * price(cell) for cell in row] for row in line]
                for line in lines
            ]
            for price in (attrgetter("activate_j_per_byte"), attrgetter("open_j_per_byte"))
        ]
    )
