"""What a piece of hardware costs, and how far the figure can be trusted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Certainty = Literal["sourced", "scaled", "assumed"]
_WEAKEST_LAST: tuple[Certainty, ...] = ("sourced", "scaled", "assumed")


@dataclass(frozen=True, slots=True)
class Cost:
    """Energy of one operation, and area and leakage of the unit that performs it.

    Attributes:
        energy_j: dynamic energy of one operation.
        area_mm2: cell area of one unit, before place and route.
        leakage_w: power the unit draws whether it works or not.
        source: where the figures come from.
        certainty: `sourced` (a published figure as it stands), `scaled` (one moved to another width, node or
            voltage by a stated law), `assumed` (no source gives it).
        notes: where the figures leave the range of their sources, in words.
    """

    energy_j: float
    area_mm2: float
    leakage_w: float
    source: str
    certainty: Certainty
    notes: tuple[str, ...] = ()

    def scaled(self, energy: float, area: float, leakage: float) -> Cost:
        """Return the cost with each figure multiplied; no longer `sourced` unless every factor is 1."""
        if energy == area == leakage == 1:
            return self
        return replace(
            self,
            energy_j=self.energy_j * energy,
            area_mm2=self.area_mm2 * area,
            leakage_w=self.leakage_w * leakage,
            certainty=weakest("scaled", self.certainty),
        )


def weakest(*certainties: Certainty) -> Certainty:
    """Return the certainty of a figure that rests on all of these."""
    return max(certainties, key=_WEAKEST_LAST.index)


def combine(*parts: tuple[float, Cost]) -> Cost:
    """Return the cost of a unit made of `count` units of each part, all of which work once an operation."""
    return Cost(
        energy_j=sum(count * cost.energy_j for count, cost in parts),
        area_mm2=sum(count * cost.area_mm2 for count, cost in parts),
        leakage_w=sum(count * cost.leakage_w for count, cost in parts),
        source="; ".join(dict.fromkeys(cost.source for _, cost in parts)),
        certainty=weakest(*(cost.certainty for _, cost in parts)),
        notes=tuple(dict.fromkeys(note for _, cost in parts for note in cost.notes)),
    )
