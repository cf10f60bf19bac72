"""On-chip SRAM: scratchpads for tiles, accumulators for partial sums, and memories that no mapping uses."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from accel_sim.config.units import ByteCount, Count
from accel_sim.hardware.component import (
    BufferModel,
    ComponentCost,
    ComponentSpec,
    Surroundings,
    component,
)
from accel_sim.technology import sram


def cost(spec: Sram, chip: Surroundings) -> ComponentCost:
    """Return the charges of all memories; an access is to one of them."""
    macro = sram(spec.capacity / spec.count, spec.width, spec.banks, chip.node_nm)
    return ComponentCost(
        energy_j={"read_bytes": macro.read_energy_j_per_byte, "write_bytes": macro.write_energy_j_per_byte},
        area_mm2={"sram": macro.area_mm2 * spec.count},
        leakage_w=macro.leakage_w * spec.count,
        sources=(macro.source,),
        certainty=macro.certainty,
        notes=macro.notes,
    )


@component("sram", BufferModel(cost=cost))
class Sram(ComponentSpec):
    """On-chip SRAM with separate read and write ports.

    Reads for the arrays and writes of arriving data use different ports, so they do not disturb each other;
    bank conflicts are left out (tiles are laid out for conflict-free access).

    Attributes:
        capacity: bytes in all.
        count: equal memories the capacity is spread over, such as one in each core.
        holds: `tiles` of operands and activations, `partial_sums` on their way to becoming results, or
            `nothing_mapped`: register files and caches that take area and leak, but that no mapping uses.
        width: bytes of one access of one port.
        banks: equal banks each memory is cut into.
        read_ports, write_ports: accesses each cycle, of all memories together.
    """

    type: Literal["sram"] = "sram"
    capacity: ByteCount
    count: Count = Field(default=1, le=2**16)
    holds: Literal["tiles", "partial_sums", "nothing_mapped"] = "tiles"
    width: ByteCount = Field(default=64, le=2**16)
    banks: Count = Field(default=1, le=2**16)
    read_ports: Count = Field(default=1, le=2**12)
    write_ports: Count = Field(default=1, le=2**12)

    @model_validator(mode="after")
    def _bank_holds_an_access(self) -> Sram:
        if self.width * self.banks * self.count > self.capacity:
            memories = f" in each of {self.count} memories" if self.count > 1 else ""
            raise ValueError(
                f"{self.banks} banks of a {self.width}-byte access each{memories} exceed {self.capacity} bytes"
            )
        return self

    @property
    def read_bytes_per_cycle(self) -> int:
        """Bytes that can be read each cycle."""
        return self.width * self.read_ports

    @property
    def write_bytes_per_cycle(self) -> int:
        """Bytes that can be written each cycle."""
        return self.width * self.write_ports
