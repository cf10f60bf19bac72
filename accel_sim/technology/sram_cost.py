"""What an on-chip memory costs, and why a figure may be less certain."""

from __future__ import annotations

from dataclasses import dataclass

from accel_sim.technology.cost import Certainty


@dataclass(frozen=True, slots=True)
class SramCost:
    """Cost of an on-chip memory.

    Attributes:
        read_energy_j_per_byte, write_energy_j_per_byte: dynamic energy of an access, over the bytes it moves.
        leakage_w, area_mm2: of the whole memory.
        access_time_s: from address to data of one access; 0 for flip-flops and latches.
        source, certainty: as in `Cost`.
        notes: one sentence for each rule, beyond the source's own range, that the figures rest on; empty
            when they lie inside it.
    """

    read_energy_j_per_byte: float
    write_energy_j_per_byte: float
    leakage_w: float
    area_mm2: float
    access_time_s: float
    source: str
    certainty: Certainty
    notes: tuple[str, ...] = ()
