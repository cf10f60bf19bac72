"""Energy of DRAM-PIM commands: currents of a datasheet for the ordinary ones, named multiples for the others.

Activation, read, write and refresh follow the usual split of IDD currents (DRAMsim3's configuration.cc): what
a command draws above standby, for as long as it lasts. Precharges are part of the activation. I/O,
termination and the logic of the controller are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from accel_sim.hardware.pim.formula import evaluate
from accel_sim.hardware.pim.specs import Protocol

# In the all-bank mode of HBM-PIM a command acts on several banks, and has an energy of its own.
ALL_BANK = {"ACT": "HAB_ACT", "WR": "HAB_WR", "RD": "PIM_RD"}


def base_energies_j(protocol: Protocol) -> dict[str, float]:
    """Return the energies of `act`, `read`, `write`, `refresh`, in joules."""
    spec, timing = protocol.energy, protocol.timings
    current = {str(name): value for name, value in spec.idd_ma.items()}
    joules = spec.vdd_v * 1e-3 * protocol.tck_ns * 1e-9
    active = current["0"] * timing["nRC"] - current["3N"] * timing["nRAS"] - current["2N"] * timing["nRP"]
    return {
        "act": joules * active,
        "read": joules * (current["4R"] - current["3N"]) * timing["nBL"],
        "write": joules * (current["4W"] - current["3N"]) * timing["nBL"],
        "refresh": joules * (current["5AB"] - current["3N"]) * timing["nRFC"],
    }


@lru_cache(maxsize=256)
def _energies_j(protocol: Protocol, name: str) -> tuple[float, float]:
    """Return the energy of a command, and of each column of a burst."""
    spec = protocol.energy.commands.get(name)
    if spec is None:
        return 0.0, 0.0
    base = base_energies_j(protocol)
    return evaluate(spec.joules, base), evaluate(spec.per_column, base)


def command_energy_j(protocol: Protocol, name: str) -> float:
    """Return the energy of a command, in joules, without the columns of a burst; 0 where it has none."""
    return _energies_j(protocol, name)[0]


def commands_energy_j(
    protocol: Protocol,
    commands: Mapping[str, int],
    all_bank: Mapping[str, int],
    burst_columns: Mapping[str, int],
) -> float:
    """Return the energy of commands by count, in joules.

    Args:
        protocol: theirs.
        commands: how many of each.
        all_bank: how many of them in the all-bank mode.
        burst_columns: columns of those that take several.
    """
    total = 0.0
    for name, count in commands.items():
        wide = all_bank.get(name, 0)
        total += (count - wide) * _energies_j(protocol, name)[0]
        total += wide * _energies_j(protocol, ALL_BANK.get(name, name))[0]
    return total + sum(count * _energies_j(protocol, name)[1] for name, count in burst_columns.items())


def standby_w(protocol: Protocol) -> float:
    """Return the power of a channel with an open row that does nothing, in watts."""
    current = {str(name): value for name, value in protocol.energy.idd_ma.items()}
    return protocol.energy.vdd_v * current["3N"] * 1e-3
