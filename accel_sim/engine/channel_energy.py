"""Energy of a channel's run: its commands and its standby, charged by `technology.dram_energy`."""

from __future__ import annotations

from collections.abc import Mapping

from accel_sim.engine.channel_run import ChannelResult
from accel_sim.hardware.dram.tables import ResolvedPreset
from accel_sim.technology.dram_energy import (
    CommandTimes,
    DeviceCurrents,
    DramCost,
    channel_energy_j,
    cost_from_currents,
    cost_per_bit,
)


def dram_cost(preset: ResolvedPreset) -> DramCost:
    """Return what a rank's commands cost: by its currents, or by its energy per bit where it has none.

    A preset with neither is free of core energy.
    """
    part = preset.preset
    if part.currents is None:
        activate_j = part.activate_pj * 1e-12
        return cost_per_bit(part.core_pj_per_bit or 0.0, part.io_pj_per_bit, part.burst_bytes, activate_j)
    currents = part.currents
    device = DeviceCurrents(
        currents.vdd_v,
        currents.idd0_a,
        currents.idd2n_a,
        currents.idd3n_a,
        currents.idd4r_a,
        currents.idd4w_a,
        currents.idd5b_a,
    )
    times = CommandTimes(
        row_cycle_s=_distance(preset, "activate", "activate", "bank") * preset.tck_s,
        row_active_s=_distance(preset, "activate", "precharge", "bank") * preset.tck_s,
        precharge_s=_distance(preset, "precharge", "activate", "bank") * preset.tck_s,
        burst_s=preset.burst_clocks * preset.tck_s,
        refresh_s=_distance(preset, "refresh_all", "activate", None) * preset.tck_s,
    )
    return cost_from_currents(device, times, part.devices, part.io_pj_per_bit)


def energy_j(result: ChannelResult) -> Mapping[str, float]:
    """Return the energy of a run by cause, up to its last clock; see `dram_energy.channel_energy_j`."""
    preset = result.preset
    clocks = result.last_cycle + 1
    active = int(result.active_cycles.sum())
    idle = clocks * result.active_cycles.size - active
    reads = result.count("read") + result.count("read_precharge")
    writes = result.count("write") + result.count("write_precharge")
    # A refresh of one bank is charged its share of a rank's (assumed).
    banks = preset.banks * preset.preset.channels / result.active_cycles.size
    refreshes = result.count("refresh_all") + result.count("refresh_bank") / banks
    return channel_energy_j(
        dram_cost(preset),
        activates=result.count("activate"),
        reads=reads,
        writes=writes,
        refreshes=refreshes,
        active_s=active * preset.tck_s,
        idle_s=idle * preset.tck_s,
        moved_bytes=(reads + writes) * preset.preset.burst_bytes,
    )


def open_rows_j(result: ChannelResult) -> float:
    """Return by how much open rows raised a run's standby over that of closed ones; part of `background`."""
    cost = dram_cost(result.preset)
    return (cost.active_w - cost.idle_w) * int(result.active_cycles.sum()) * result.preset.tck_s


def background_w(preset: ResolvedPreset) -> tuple[float, float]:
    """Return what a channel draws all the time: standby with closed rows, and refreshes."""
    cost, ranks = dram_cost(preset), preset.ranks
    if preset.policy.refresh == "none":
        return cost.idle_w * ranks, 0.0
    return cost.idle_w * ranks, cost.refresh_j * ranks / (preset.refresh_interval * preset.tck_s)


def _distance(preset: ResolvedPreset, preceding: str, following: str, level: str | None) -> int:
    """Return the least clocks between two commands, at one level or at any."""
    names = (preset.command(preceding), preset.command(following))
    spans = [
        rule.latency
        for rule in preset.rules
        if (rule.preceding, rule.following) == names
        and rule.window == 1
        and level in (None, preset.standard.levels[rule.level])
    ]
    return max(spans, default=0)
