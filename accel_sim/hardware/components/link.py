"""Links to a host: a bandwidth and a latency over which a model's inputs and outputs pass."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from accel_sim.config.units import ByteCount, BytesPerSecond, Count, Seconds
from accel_sim.hardware.component import (
    ComponentCost,
    ComponentSpec,
    LinkModel,
    Surroundings,
    component,
)
from accel_sim.technology import link as link_cost
from accel_sim.technology import link_interface_area_mm2


def cost(spec: Link, chip: Surroundings) -> ComponentCost:
    """Return the charges: energy of the bytes moved, and the lanes' area where it is known."""
    standard = link_cost(spec.standard)
    area = (
        {"interface": spec.lanes * link_interface_area_mm2(spec.standard, chip.node_nm)}
        if standard.unit
        else {}
    )
    return ComponentCost(
        energy_j={"read_bytes": standard.energy_j_per_byte, "write_bytes": standard.energy_j_per_byte},
        area_mm2=area,
        sources=(f"energy: {standard.source}",),
        certainty=standard.certainty,
    )


@component(
    "link",
    LinkModel(
        bandwidth_bytes_per_s=lambda spec: spec.bandwidth,
        latency_s=lambda spec: spec.latency,
        quantum_bytes=lambda spec: spec.packet,
        cost=cost,
    ),
)
class Link(ComponentSpec):
    """Host link that carries the model's inputs and outputs instead of the DRAM.

    Attributes:
        standard: its energy and interface, such as `pcie5`.
        lanes: interface units on the die.
        bandwidth: sustained, both directions together.
        latency: from the end of a transfer to its use.
        packet: bytes served to one request before the next has its turn.
    """

    type: Literal["link"] = "link"
    standard: str
    lanes: Count = Field(default=1, le=2**12)
    bandwidth: BytesPerSecond
    latency: Seconds = 0.0
    packet: ByteCount = Field(default=4096, le=2**24)

    @field_validator("standard")
    @classmethod
    def _known_standard(cls, value: str) -> str:
        link_cost(value)
        return value
