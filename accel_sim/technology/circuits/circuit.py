"""A circuit: how many cells of each kind, how often they switch for an operation, and how deep they lie.

Everything in this package returns a `Circuit`. Circuits add up (side by side), follow one another (`then`),
are copied (`times`) and used several times for one operation (`used`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from accel_sim.technology.cells import cell


@dataclass(frozen=True, slots=True)
class Circuit:
    """Cells of a unit.

    Attributes:
        cells: count of each kind of cell.
        uses: how often cells of each kind are used for one operation; equal to `cells` where each is used
            once, more where the unit iterates.
        depth_fo4: longest path from inputs to outputs, in delays of an inverter that drives four like it.
    """

    cells: Mapping[str, float] = field(default_factory=dict)
    uses: Mapping[str, float] = field(default_factory=dict)
    depth_fo4: float = 0.0

    def __add__(self, other: Circuit) -> Circuit:
        """Return both side by side; the longer path counts."""
        depth_fo4 = max(self.depth_fo4, other.depth_fo4)
        return Circuit(_sum(self.cells, other.cells), _sum(self.uses, other.uses), depth_fo4)

    def then(self, other: Circuit) -> Circuit:
        """Return this followed by the other: the same cells, the paths in series."""
        depth_fo4 = self.depth_fo4 + other.depth_fo4
        return Circuit(_sum(self.cells, other.cells), _sum(self.uses, other.uses), depth_fo4)

    def times(self, count: float) -> Circuit:
        """Return `count` copies side by side."""
        return Circuit(_scaled(self.cells, count), _scaled(self.uses, count), self.depth_fo4)

    def used(self, count: float) -> Circuit:
        """Return the same cells used `count` times, one after the other, for each operation."""
        return Circuit(self.cells, _scaled(self.uses, count), self.depth_fo4 * count)


def cells(path: Mapping[str, float] | None = None, **counts: float) -> Circuit:
    """Return a circuit of the given cells, each used once; `path` counts those on the longest path.

    Raises:
        ValueError: a kind of cell that `data/cells.csv` does not list.
    """
    kept = {name: count for name, count in counts.items() if count}
    for name in kept:
        cell(name)
    return Circuit(kept, kept, sum(count * cell(name).depth_fo4 for name, count in (path or {}).items()))


def area_um2(circuit: Circuit) -> float:
    """Return the area of a circuit's cells at 45 nm."""
    return sum(count * cell(name).area_um2 for name, count in circuit.cells.items())


NOTHING = Circuit()


def _sum(one: Mapping[str, float], other: Mapping[str, float]) -> Mapping[str, float]:
    return {name: one.get(name, 0.0) + other.get(name, 0.0) for name in (*one, *other)}


def _scaled(counts: Mapping[str, float], factor: float) -> Mapping[str, float]:
    return {name: count * factor for name, count in counts.items()}
