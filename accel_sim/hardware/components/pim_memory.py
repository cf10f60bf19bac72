"""Memories that compute: DRAM with a multiplier at its banks, priced command by command."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from accel_sim.config.units import ByteCount, BytesPerSecond, Count, Seconds
from accel_sim.hardware.component import (
    ComponentCost,
    ComponentSpec,
    PimModel,
    Surroundings,
    component,
)
from accel_sim.hardware.pim.device import PimDevice
from accel_sim.hardware.pim.energy import standby_w
from accel_sim.hardware.pim.protocol import load_protocol
from accel_sim.hardware.pim.specs import Protocol
from accel_sim.hardware.pim.variant import Changes, protocol_variant
from accel_sim.technology import dram as dram_cost
from accel_sim.technology import dram_interface_area_mm2
from accel_sim.workload.formats import NumberFormatField, number_format


def device(spec: PimMemory) -> PimDevice:
    """Return the memory as kernels see it."""
    return PimDevice(_protocol(spec), spec.channels, spec.refresh)


def _protocol(spec: PimMemory) -> Protocol:
    changes = Changes(spec.bankgroups, spec.banks_per_group, spec.rows, spec.row_bytes, spec.macs_per_bank)
    return protocol_variant(spec.protocol, spec.format.name, changes)


def peak_macs_per_s(spec: PimMemory) -> dict[str, float]:
    """Return a column of every bank each shortest interval of the computing command, by format."""
    memory = device(spec)
    interval_s = memory.compute_interval_cycles * memory.protocol.tck_ns * 1e-9
    units = memory.banks // memory.protocol.pim.banks_per_unit
    return {spec.format.name: memory.lanes(spec.format.name) * units * memory.channels / interval_s}


def cost(spec: PimMemory, chip: Surroundings) -> ComponentCost:
    """Return the charges: of bytes moved, of commands that compute, and of standby with open rows.

    The area on the accelerator's die is that of the interfaces; the units at the banks are on the memory's.
    """
    standard = dram_cost(spec.standard)
    interfaces = -(-spec.channels * spec.channel_bits // standard.interface_bits)
    return ComponentCost(
        energy_j={
            "read_bytes": standard.energy_j_per_byte,
            "write_bytes": standard.energy_j_per_byte,
            "pim_fj": 1e-15,
        },
        area_mm2={"interface": interfaces * dram_interface_area_mm2(spec.standard, chip.node_nm)},
        leakage_w=standby_w(device(spec).protocol) * spec.channels,
        sources=(f"energy of bytes: {standard.source}", f"interface area: {standard.area_source}"),
        certainty="assumed",
    )


@component(
    "pim_memory",
    PimModel(
        bandwidth_bytes_per_s=lambda spec: spec.channels * spec.channel_bandwidth * spec.efficiency,
        latency_s=lambda spec: spec.latency,
        quantum_bytes=lambda spec: spec.interleave,
        cost=cost,
        device=device,
        peak_macs_per_s=peak_macs_per_s,
    ),
)
class PimMemory(ComponentSpec):
    """DRAM whose banks multiply matrices that lie in them; a channel computes or is accessed (blocked mode).

    Leaves out: host traffic that slips in between the commands of a kernel.

    Attributes:
        protocol: commands, timings and energies: a shipped protocol or a YAML file.
        format: of what the units multiply.
        bankgroups, banks_per_group: of a channel; the protocol's where not given, as what follows.
        rows, row_bytes: of a bank.
        macs_per_bank: multipliers for `format`; see `hardware.pim.variant`.
        channels: independent channels; kernels are shared over all of them.
        refresh: whether the channels are refreshed while they compute.
        standard: energy and interface of the host's accesses, such as `gddr6`.
        channel_bandwidth, channel_bits: of one channel for the host.
        efficiency: sustained over peak bandwidth for the host.
        latency: from the end of a transfer or kernel to its use.
        interleave: bytes served to one request before the next has its turn.
    """

    type: Literal["pim_memory"] = "pim_memory"
    protocol: str
    format: NumberFormatField = number_format("bf16")
    bankgroups: Count | None = Field(default=None, le=64)
    banks_per_group: Count | None = Field(default=None, le=64)
    rows: Count | None = Field(default=None, le=2**24)
    row_bytes: ByteCount | None = Field(default=None, le=2**20)
    macs_per_bank: Count | None = Field(default=None, le=2**12)
    channels: Count = Field(le=2**12)
    refresh: bool = True
    standard: str
    channel_bandwidth: BytesPerSecond
    channel_bits: Count = Field(default=32, le=2**16)
    efficiency: Annotated[float, Field(gt=0, le=1)] = 1.0
    latency: Seconds = 0.0
    interleave: ByteCount = Field(default=4096, le=2**24)

    @field_validator("standard")
    @classmethod
    def _known_standard(cls, value: str) -> str:
        dram_cost(value)
        return value

    @model_validator(mode="after")
    def _computes(self) -> PimMemory:
        if self.format.name not in load_protocol(self.protocol).pim.formats:
            known = ", ".join(load_protocol(self.protocol).pim.formats)
            raise ValueError(f"{self.protocol} does not compute in {self.format.name} (allowed: {known})")
        _protocol(self)
        return self

    @property
    def capacity(self) -> int:
        """Bytes that PIM can reach."""
        return device(self).capacity_bytes
