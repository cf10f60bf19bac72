"""The table of CACTI macros in `data/sram_table.csv`, and interpolation between its points.

`sram_fit` writes the table: every combination of the values below, each quantity in CACTI's unit.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from functools import lru_cache

from accel_sim.technology.tables import read_table

SIZES_BYTES = tuple(2**power for power in range(10, 25))
WIDTHS_BITS = (32, 64, 128, 256, 512, 1024)
BANKS = (1, 2, 4, 8, 16)
NODES_NM = (22, 32, 40, 45)

# Columns of the table; a size, a width, a number of banks and a node make a row, the last varying first.
AXES = {"size_bytes": SIZES_BYTES, "width_bits": WIDTHS_BITS, "banks": BANKS, "tech_nm": NODES_NM}
QUANTITIES = ("read_energy_pJ", "write_energy_pJ", "leak_mW_total", "area_mm2", "access_time_ns")

_LOG_AXES = tuple(tuple(math.log(value) for value in values) for values in AXES.values())


def macro(size_bytes: float, width_bits: float, banks: float, node_nm: float) -> dict[str, float]:
    """Return the figures of one macro under the names of `QUANTITIES`; energies are of one access.

    Exact at the points of the table. Between them the logarithm of a figure is linear in the logarithm of each
    of the four arguments, so that whatever rises along the table also rises in between. The arguments must
    lie within the table's.
    """
    corners = [(0, 1.0)]
    for points, value in zip(_LOG_AXES, (size_bytes, width_bits, banks, node_nm), strict=True):
        parts = _between(points, math.log(value))
        corners = [
            (row * len(points) + index, weight * share) for row, weight in corners for index, share in parts
        ]
    return {
        name: math.exp(sum(weight * column[row] for row, weight in corners)) for name, column in _logs().items()
    }


def _between(points: tuple[float, ...], x: float) -> tuple[tuple[int, float], ...]:
    """Return the indices of the points on both sides of x and their shares; one when x is a point."""
    left = min(bisect_right(points, x) - 1, len(points) - 2)
    share = (x - points[left]) / (points[left + 1] - points[left])
    if share in (0.0, 1.0):
        return ((left + int(share), 1.0),)
    return ((left, 1.0 - share), (left + 1, share))


@lru_cache(maxsize=1)
def _logs() -> dict[str, tuple[float, ...]]:
    rows = read_table("sram_table")
    return {name: tuple(math.log(float(row[name])) for row in rows) for name in QUANTITIES}
