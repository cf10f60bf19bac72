"""Standard cells: area, switching energy, leakage and delay at 45 nm, from which every other node is scaled.

Areas are the drawn areas of the unit-strength cells of the Nangate 45 nm Open Cell Library. Energies are two
constants: one for combinational cells in proportion to their area, one for a bit of clocked storage.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from accel_sim.config.errors import did_you_mean
from accel_sim.technology.tables import read_table

# Energy of one use of a combinational cell, at 45 nm, 0.9 V and DEFAULT_ACTIVITY: what makes the int8 and int32
# adders of Horowitz (ISSCC 2014: 0.03 and 0.1 pJ) come out right on (geometric) average. 3.42 fJ a full adder.
LOGIC_J_PER_UM2 = 0.8047e-15
# One clocked bit, at 45 nm, 0.9 V and DEFAULT_ACTIVITY: accelergy-aladdin-plug-in, reg.csv, row at 1 ns.
CLOCKED_BIT_J = 9.0e-15
# A latch takes the part of it that its area is of a flip-flop's (assumed).
# Part of it that the clock takes whether the bit changes or not (assumed).
CLOCK_SHARE = 0.5
# Leakage in proportion to area: accelergy-aladdin-plug-in, multiplier.csv, row at 1 ns, 0.08 mW over 6350 um2.
LEAKAGE_W_PER_UM2 = 12.6e-9
# Output transitions of a cell in one use: random operands (assumed).
DEFAULT_ACTIVITY = 0.5

SOURCES = (
    "cell areas: Nangate 45 nm Open Cell Library",
    "energy: Horowitz, ISSCC 2014 (integer adders); flip-flop: accelergy-aladdin-plug-in reg.csv",
    "leakage: accelergy-aladdin-plug-in multiplier.csv",
)


@dataclass(frozen=True, slots=True)
class Cell:
    """A standard cell at 45 nm, 0.9 V.

    Attributes:
        name, what: its kind, and what it does.
        area_um2: of the cell.
        clock_j: energy of a clock cycle in which its value stays.
        data_j: further energy of one use at DEFAULT_ACTIVITY.
        leakage_w: power it draws at all times.
        depth_fo4: delay, in delays of an inverter that drives four like it.
    """

    name: str
    what: str
    area_um2: float
    clock_j: float
    data_j: float
    leakage_w: float
    depth_fo4: float


@cache
def cell(name: str) -> Cell:
    """Return a cell by its name in `data/cells.csv`.

    Raises:
        ValueError: no such cell, with the nearest name.
    """
    known = cells()
    if name not in known:
        raise ValueError(f"unknown cell '{name}'{did_you_mean(name, known)}")
    return known[name]


@cache
def cells() -> dict[str, Cell]:
    """Return all cells by name."""
    return {row["cell"]: _cell(row) for row in read_table("cells")}


def _cell(row: dict[str, str]) -> Cell:
    area_um2, clocked_bits = float(row["area_um2"]), float(row["clocked_bits"])
    return Cell(
        name=row["cell"],
        what=row["what"],
        area_um2=area_um2,
        clock_j=CLOCK_SHARE * CLOCKED_BIT_J * clocked_bits,
        data_j=(1 - CLOCK_SHARE) * CLOCKED_BIT_J * clocked_bits or LOGIC_J_PER_UM2 * area_um2,
        leakage_w=LEAKAGE_W_PER_UM2 * area_um2,
        depth_fo4=float(row["depth_fo4"]),
    )
