"""Off-chip DRAM at bandwidth level: peak, efficiency and latency, all channels interleaved."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from accel_sim.config.units import ByteCount, BytesPerSecond, Count, Seconds, Watts
from accel_sim.hardware.component import (
    ComponentCost,
    ComponentSpec,
    MemoryModel,
    Surroundings,
    component,
)
from accel_sim.technology import dram as dram_cost
from accel_sim.technology import dram_interface_area_mm2, weakest


def bandwidth_bytes_per_s(spec: Dram) -> float:
    """Return what all channels together sustain."""
    return spec.channels * spec.channel_bandwidth * spec.efficiency


def cost(spec: Dram, chip: Surroundings) -> ComponentCost:
    """Return the charges: energy of the bytes moved, and the interfaces' area on the accelerator's die."""
    standard = dram_cost(spec.standard)
    interfaces = -(-spec.channels * spec.channel_bits // standard.interface_bits)
    return ComponentCost(
        energy_j={"read_bytes": standard.energy_j_per_byte, "write_bytes": standard.energy_j_per_byte},
        area_mm2={"interface": interfaces * dram_interface_area_mm2(spec.standard, chip.node_nm)},
        leakage_w=spec.background_power,
        sources=(f"energy: {standard.source}", f"interface area: {standard.area_source}"),
        certainty=weakest(standard.certainty, standard.area_certainty),
    )


@component(
    "dram",
    MemoryModel(
        bandwidth_bytes_per_s=bandwidth_bytes_per_s,
        latency_s=lambda spec: spec.latency,
        quantum_bytes=lambda spec: spec.interleave,
        cost=cost,
    ),
)
class Dram(ComponentSpec):
    """Off-chip memory seen as one pipe, since addresses interleave over all channels.

    Leaves out: rows, banks, refresh and read-write turnarounds, which `efficiency` stands for.

    Attributes:
        standard: its energy and interface, such as `hbm2e` or `lpddr5`.
        channels: independent channels.
        channel_bandwidth: peak of one channel.
        channel_bits: data width of one channel, for the interface's area.
        efficiency: sustained over peak bandwidth.
        latency: from the end of a transfer on the bus to its use.
        capacity: bytes in all.
        interleave: bytes served to one request before the next has its turn.
        background_power: refresh and standby power of the devices.
    """

    type: Literal["dram"] = "dram"
    standard: str
    channels: Count = Field(default=1, le=2**12)
    channel_bandwidth: BytesPerSecond
    channel_bits: Count = Field(default=64, le=2**16)
    efficiency: Annotated[float, Field(gt=0, le=1)] = 1.0
    latency: Seconds = 0.0
    capacity: ByteCount
    interleave: ByteCount = Field(default=4096, le=2**24)
    background_power: Watts = 0.0

    @field_validator("standard")
    @classmethod
    def _known_standard(cls, value: str) -> str:
        dram_cost(value)
        return value
