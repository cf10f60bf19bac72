"""Columns of dots and their reduction to two rows (Dadda, "Some schemes for parallel multipliers", 1965).

A dot is a bit to be summed; column i holds the dots of weight 2^i. A full adder takes three dots of a column
and gives one there and one in the next; a half adder takes two. Dadda's scheme uses no adder before it must.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from accel_sim.technology.circuits.circuit import Circuit, cells

Columns = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reduced:
    """Two rows that have the same sum as the columns they came from.

    Attributes:
        circuit: the adders that reduce.
        columns: dots that are left, at most two in each column.
    """

    circuit: Circuit
    columns: Columns


def row(bits: int, offset: int = 0) -> Columns:
    """Return the columns of one number of `bits` bits, its lowest at weight 2^`offset`."""
    return (0,) * offset + (1,) * bits


def stack(*parts: Sequence[int]) -> Columns:
    """Return the columns of all parts together."""
    return tuple(sum(heights) for heights in zip_longest(*parts, fillvalue=0))


def reduce_columns(columns: Sequence[int], width: int) -> Reduced:
    """Return the reduction of the columns to two rows, modulo 2^`width` (carries beyond it are dropped)."""
    heights = [*columns[:width], *[0] * (width - len(columns))]
    full, half, stages = 0, 0, 0
    for target in _targets(max(heights, default=0)):
        carried = 0
        for i, dots in enumerate(heights):
            excess = dots + carried - target
            if excess <= 0:
                heights[i] = dots + carried
                carried = 0
                continue
            # A full adder lowers a column by two, a half adder by one.
            full += excess // 2
            half += excess % 2
            heights[i] = target
            carried = excess // 2 + excess % 2
        stages += 1
    circuit = cells({"full_adder": stages}, full_adder=full, half_adder=half)
    return Reduced(circuit, tuple(heights))


def _targets(height: int) -> list[int]:
    """Return Dadda's heights below `height`, 2, 3, 4, 6, 9, 13, ..., the largest first."""
    targets = [2]
    while targets[-1] * 3 // 2 < height:
        targets.append(targets[-1] * 3 // 2)
    return [target for target in reversed(targets) if target < height]
