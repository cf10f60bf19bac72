"""Off-chip DRAM, all channels interleaved: rates and energy of its commands, or a stated efficiency."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from accel_sim.config.errors import did_you_mean
from accel_sim.config.units import ByteCount, BytesPerSecond, Count, Seconds, Watts
from accel_sim.hardware.component import (
    ComponentCost,
    ComponentSpec,
    MemoryModel,
    Surroundings,
    component,
)
from accel_sim.hardware.dram import all_presets
from accel_sim.hardware.dram import energy as dram_energy
from accel_sim.hardware.dram.patterns import (
    PRESET_OF_STANDARD,
    Channels,
    burst_bytes,
    efficiency,
    random_latency_s,
    streaming_efficiency,
)
from accel_sim.technology import dram as dram_cost
from accel_sim.technology import dram_interface_area_mm2, weakest


def bandwidth_bytes_per_s(spec: Dram) -> float:
    """Return what all channels together sustain when they stream."""
    return spec.channels * spec.channel_bandwidth * _efficiency(spec)


def _efficiency(spec: Dram) -> float:
    if spec.efficiency is not None:
        return spec.efficiency
    assert spec.timing is not None  # `Dram` has checked
    return streaming_efficiency(spec.timing)


def latency_s(spec: Dram) -> float:
    """Return the latency given, or that of a read from a closed row in an idle channel."""
    if spec.latency is not None:
        return spec.latency
    return random_latency_s(spec.timing) if spec.timing is not None else 0.0


def slowdown(spec: Dram, run: int, stride: int, write: bool) -> float:
    """Return by how much pieces of `run` bytes, `stride` apart (0: anywhere), are slower than a stream."""
    timing = spec.timing
    if spec.efficiency is not None or timing is None:
        return 1.0
    burst = burst_bytes(timing)
    bursts = -(-run // burst)
    spread = stride / (bursts * burst) if stride else math.inf
    run_bursts = max(1.0, bursts / spec.channels)
    return max(1.0, streaming_efficiency(timing) / efficiency(timing, run_bursts, write, spread))


def channels(spec: Dram) -> Channels:
    """Return the channels as the command-level model takes them.

    Raises:
        ValueError: an efficiency stands for the commands, or the standard has no timing preset.
    """
    if spec.efficiency is not None:
        raise ValueError(
            f"efficiency = {spec.efficiency:g}: stands for the commands of the memory; leave it out"
        )
    if spec.timing is None:
        raise ValueError(f"standard = {spec.standard}: has no timing preset; give 'preset'")
    return Channels(spec.timing, spec.channels, spec.channel_bandwidth)


def cost(spec: Dram, chip: Surroundings) -> ComponentCost:
    """Return the charges: of commands or of bytes moved, and the interfaces' area on the accelerator's die.

    Commands: bursts in the arrays and on the wires, rows opened, standby with open rows, and, as long as the
    run lasts, standby and refreshes. Bytes, where nothing is known of commands: the standard's energy per bit.
    A `background_power` stands for all standby and refreshes.
    """
    standard = dram_cost(spec.standard)
    interfaces = -(-spec.channels * spec.channel_bits // standard.interface_bits)
    area_mm2 = {"interface": interfaces * dram_interface_area_mm2(spec.standard, chip.node_nm)}
    area_source = f"interface area: {standard.area_source}"
    given_w = spec.background_power
    if spec.efficiency is not None or spec.timing is None:
        return ComponentCost(
            energy_j={"read_bytes": standard.energy_j_per_byte, "write_bytes": standard.energy_j_per_byte},
            area_mm2=area_mm2,
            leakage_w=given_w or 0.0,
            sources=(f"energy: {standard.source}", area_source),
            certainty=weakest(standard.certainty, standard.area_certainty),
        )
    charges = dram_energy.charges(spec.timing)
    background_w = {"standby": charges.standby_w * spec.channels, "refresh": charges.refresh_w * spec.channels}
    return ComponentCost(
        energy_j={
            "read_burst": charges.read_j,
            "write_burst": charges.write_j,
            "burst_io": charges.io_j,
            "activate_pj": 1e-12,
            "open_pj": 1e-12 if given_w is None else 0.0,
        },
        area_mm2=area_mm2,
        leakage_w=sum(background_w.values()) if given_w is None else given_w,
        leakage_parts_w=background_w if given_w is None else {},
        sources=(f"energy of commands ({spec.timing}): {charges.source}", area_source),
        certainty=weakest("assumed", standard.area_certainty),
    )


@component(
    "dram",
    MemoryModel(
        bandwidth_bytes_per_s=bandwidth_bytes_per_s,
        latency_s=latency_s,
        quantum_bytes=lambda spec: spec.interleave,
        cost=cost,
        slowdown=slowdown,
        channels=channels,
    ),
)
class Dram(ComponentSpec):
    """Off-chip memory seen as one pipe, since addresses interleave over all channels.

    What it sustains by access pattern comes from the command-level model of `hardware.dram` (at fidelity `tile`
    as a table of rates, at `cycle` block by block), and commands and standby cost their energy
    (`hardware.dram.energy`). With an `efficiency` a byte costs the energy of the standard. Leaves out at both:
    turnarounds between loads and stores that share the channels, power-down, and the controller's energy
    where the preset is priced by currents.

    Attributes:
        standard: its energy and interface, such as `hbm2e` or `lpddr5`.
        channels: independent channels.
        channel_bandwidth: peak of one channel.
        channel_bits: data width of one channel, for the interface's area.
        preset: timing preset of the command-level model; by default the one that stands for the standard. Its
            clock is scaled to `channel_bandwidth`.
        efficiency: sustained over peak bandwidth, in place of the command-level model.
        latency: from the end of a transfer on the bus to its use; by default that of a read from a closed row
            in an idle channel, without the controller's.
        capacity: bytes in all.
        interleave: bytes served to one request before the next has its turn.
        background_power: standby and refresh power of all devices, open rows included, in place of the
            preset's; by default that of its currents, for the ranks of its channels, and none where it has no
            currents.
    """

    type: Literal["dram"] = "dram"
    standard: str
    channels: Count = Field(default=1, le=2**12)
    channel_bandwidth: BytesPerSecond
    channel_bits: Count = Field(default=64, le=2**16)
    preset: str | None = None
    efficiency: Annotated[float, Field(gt=0, le=1)] | None = None
    latency: Seconds | None = None
    capacity: ByteCount
    interleave: ByteCount = Field(default=4096, le=2**24)
    background_power: Watts | None = None

    @field_validator("standard")
    @classmethod
    def _known_standard(cls, value: str) -> str:
        dram_cost(value)
        return value

    @field_validator("preset")
    @classmethod
    def _known_preset(cls, value: str | None) -> str | None:
        if value is not None and value not in all_presets():
            raise ValueError(f"unknown timing preset{did_you_mean(value, all_presets())}")
        return value

    @model_validator(mode="after")
    def _has_a_rate(self) -> Dram:
        if self.efficiency is None and self.timing is None:
            known = ", ".join(PRESET_OF_STANDARD)
            raise ValueError(
                f"{self.standard} has no timing preset (those that have one: {known}); "
                "give 'preset' or 'efficiency'"
            )
        return self

    @property
    def timing(self) -> str | None:
        """Name of the timing preset, None where there is none."""
        return self.preset or PRESET_OF_STANDARD.get(self.standard)
