"""What changes of direction cost a channel: the table of the standards' page, and how it comes about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import accel_sim.hardware.dram as dram
from accel_sim.engine.access_patterns import AccessStream
from accel_sim.engine.channel_run import run_channel
from accel_sim.hardware.dram import all_presets, load_preset

REQUESTS = 1 << 14
PAGE = Path(dram.__file__).parent / "standards" / "README.md"
# Columns of the table: bursts read before some are written, and the share of writes.
MIXES = ((1, 0.5), (64, 0.5), (256, 0.5), (64, 0.125))


def over_parts(name: str, reads_at_once: int, share: float) -> float:
    """Return the time of streams of reads and of writes that alternate, over that of one after the other."""
    preset = load_preset(name)
    size = preset.preset.burst_bytes
    writes_at_once = max(1, round(reads_at_once * share / (1 - share)))
    turns = REQUESTS // reads_at_once
    reads = np.arange(turns * reads_at_once).reshape(turns, -1) * size
    # Far enough away to open rows of their own, in other banks at first.
    writes = np.arange(turns * writes_at_once).reshape(turns, -1) * size + (1 << 28) + 3 * 8192
    mixed = np.concatenate((reads, writes), axis=1).ravel()
    write = np.tile(np.arange(reads_at_once + writes_at_once) >= reads_at_once, turns)

    def time_s(address: np.ndarray, write: np.ndarray) -> float:
        arrival = np.zeros(len(address), np.int64)
        return run_channel(preset, AccessStream(address, write, arrival, per_cycle=4)).time_s

    apart = time_s(mixed[~write], write[~write]) + time_s(mixed[write], write[write])
    return time_s(mixed, write) / apart


def table() -> dict[str, list[float]]:
    lines = PAGE.read_text(encoding="utf-8").partition("**Mixed traffic.**")[2].splitlines()
    cells = [
        [cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")
    ]
    return {name: [float(figure) for figure in figures] for name, *figures in cells}


def test_the_table_has_every_preset():
    assert set(table()) == set(all_presets())


@pytest.mark.parametrize("name", ["DDR4-3200", "GDDR6-14", "HBM2-2000"])
def test_the_table_is_what_the_channel_does(name):
    found = [over_parts(name, *mix) for mix in MIXES]
    assert found == pytest.approx(table()[name], abs=0.006)


@pytest.mark.parametrize("name", ["DDR4-3200", "HBM3-6400"])
def test_directions_that_change_seldom_cost_little_and_never_nothing(name):
    costs = [over_parts(name, bursts, 0.5) - 1 for bursts in (16, 64, 256, 1024)]
    assert costs == sorted(costs, reverse=True)
    assert 0 < costs[-1] < 0.1
