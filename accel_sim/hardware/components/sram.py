"""On-chip SRAM buffers that software manages: scratchpads for tiles, accumulators for partial sums."""

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
    """Return the charges of the whole memory."""
    macro = sram(spec.capacity, spec.width, spec.banks, chip.node_nm)
    return ComponentCost(
        energy_j={"read_bytes": macro.read_energy_j_per_byte, "write_bytes": macro.write_energy_j_per_byte},
        area_mm2={"sram": macro.area_mm2},
        leakage_w=macro.leakage_w,
        sources=(macro.source,),
        certainty=macro.certainty,
    )


@component("sram", BufferModel(cost=cost))
class Sram(ComponentSpec):
    """Software-managed SRAM with separate read and write ports.

    Reads for the arrays and writes of arriving data use different ports, so they do not disturb each other;
    bank conflicts are left out (tiles are laid out for conflict-free access).

    Attributes:
        capacity: bytes in all.
        holds: `tiles` of operands and activations, or `partial_sums` on their way to becoming results.
        width: bytes of one access of one port.
        banks: equal banks the capacity is cut into.
        read_ports, write_ports: accesses each cycle.
    """

    type: Literal["sram"] = "sram"
    capacity: ByteCount
    holds: Literal["tiles", "partial_sums"] = "tiles"
    width: ByteCount = Field(default=64, le=2**16)
    banks: Count = Field(default=1, le=2**16)
    read_ports: Count = Field(default=1, le=2**12)
    write_ports: Count = Field(default=1, le=2**12)

    @model_validator(mode="after")
    def _bank_holds_an_access(self) -> Sram:
        if self.width * self.banks > self.capacity:
            raise ValueError(
                f"{self.banks} banks of a {self.width}-byte access each exceed {self.capacity} bytes"
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
