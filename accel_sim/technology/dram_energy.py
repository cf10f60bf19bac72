"""Energy of a DRAM channel from its command counts: IDD currents by the usual power equations, or pJ per bit.

Core energy follows the equations that DRAM data sheets' currents allow (Micron TN-40-07, as DRAMsim3's
configuration.cc writes them), in joules. Left out: IPP, power-down, self refresh, and the controller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_PJ_PER_BIT_TO_J_PER_BYTE = 8e-12


@dataclass(frozen=True, slots=True)
class DeviceCurrents:
    """Supply and currents of one device, in volts and amperes.

    Attributes:
        vdd_v: core supply.
        idd0_a: activate and precharge of one bank, once a tRC.
        idd2n_a: standby, all banks precharged.
        idd3n_a: standby, a bank active.
        idd4r_a: gapless read bursts.
        idd4w_a: gapless write bursts.
        idd5b_a: gapless refreshes.
    """

    vdd_v: float
    idd0_a: float
    idd2n_a: float
    idd3n_a: float
    idd4r_a: float
    idd4w_a: float
    idd5b_a: float


@dataclass(frozen=True, slots=True)
class CommandTimes:
    """Durations that the equations need, in seconds: tRC, tRAS, tRP, one burst, one refresh."""

    row_cycle_s: float
    row_active_s: float
    precharge_s: float
    burst_s: float
    refresh_s: float


@dataclass(frozen=True, slots=True)
class DramCost:
    """Charges of a rank's commands, and the power that it draws anyway.

    Attributes:
        activate_j: an activate with its precharge.
        read_j: a read burst in the core.
        write_j: a write burst in the core.
        refresh_j: a refresh of the rank.
        active_w: standby with a bank open.
        idle_w: standby with all banks closed.
        io_j_per_byte: moving a byte between device and controller.
    """

    activate_j: float
    read_j: float
    write_j: float
    refresh_j: float
    active_w: float
    idle_w: float
    io_j_per_byte: float


def cost_from_currents(
    currents: DeviceCurrents, times: CommandTimes, devices: int, io_pj_per_bit: float = 0.0
) -> DramCost:
    """Return what the commands of a rank of `devices` devices cost.

    Activate: VDD x (IDD0 x tRC - IDD3N x tRAS - IDD2N x tRP); read, write: VDD x (IDD4 - IDD3N) x burst;
    refresh: VDD x (IDD5B - IDD3N) x tRFC.
    """
    rank_v = currents.vdd_v * devices
    standby_c = currents.idd3n_a * times.row_active_s + currents.idd2n_a * times.precharge_s
    return DramCost(
        activate_j=rank_v * (currents.idd0_a * times.row_cycle_s - standby_c),
        read_j=rank_v * (currents.idd4r_a - currents.idd3n_a) * times.burst_s,
        write_j=rank_v * (currents.idd4w_a - currents.idd3n_a) * times.burst_s,
        refresh_j=rank_v * (currents.idd5b_a - currents.idd3n_a) * times.refresh_s,
        active_w=rank_v * currents.idd3n_a,
        idle_w=rank_v * currents.idd2n_a,
        io_j_per_byte=io_pj_per_bit * _PJ_PER_BIT_TO_J_PER_BYTE,
    )


def cost_per_bit(
    core_pj_per_bit: float, io_pj_per_bit: float, burst_bytes: int, activate_j: float = 0.0
) -> DramCost:
    """Return charges where no currents are known: rows and bits cost, time and refreshes do not."""
    burst_j = core_pj_per_bit * _PJ_PER_BIT_TO_J_PER_BYTE * burst_bytes
    return DramCost(activate_j, burst_j, burst_j, 0.0, 0.0, 0.0, io_pj_per_bit * _PJ_PER_BIT_TO_J_PER_BYTE)


def channel_energy_j(
    cost: DramCost,
    *,
    activates: int,
    reads: int,
    writes: int,
    refreshes: float,
    active_s: float,
    idle_s: float,
    moved_bytes: int,
) -> Mapping[str, float]:
    """Return the energy of a run by cause: activate, read, write, refresh, background and io.

    Args:
        cost: of a rank.
        activates: commands, over all ranks; so are reads, writes and refreshes.
        reads: read bursts.
        writes: write bursts.
        refreshes: of whole ranks; one of a single bank is its share of one.
        active_s: time with an open bank, summed over the ranks.
        idle_s: time without, summed over the ranks.
        moved_bytes: over the interface.
    """
    return {
        "activate": activates * cost.activate_j,
        "read": reads * cost.read_j,
        "write": writes * cost.write_j,
        "refresh": refreshes * cost.refresh_j,
        "background": active_s * cost.active_w + idle_s * cost.idle_w,
        "io": moved_bytes * cost.io_j_per_byte,
    }
