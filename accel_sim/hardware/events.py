"""The events that a run counts, and what each costs on a design."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accel_sim.hardware.design import Component, Design
from accel_sim.hardware.primitives import PRIMITIVES

EVENTS = (
    "executed_macs",  # multiply-accumulates performed, those a mask throws away included
    "matrix_macs",  # those of them that the matrix unit performs, and not the banks of a memory
    "pe_cycles",  # cycles x MACs a cycle for which tiles hold the units: executed_macs plus idle PEs
    "scratchpad_stall_cycles",  # cycles for which tiles hold the matrix unit and wait for this buffer's ports
    "accumulator_stall_cycles",
    "vector_stall_cycles",  # for which the vector unit is held and waits for the scratchpad's ports
    "memory_read_bytes",
    "memory_write_bytes",
    "memory_read_bursts",  # of a memory whose commands are known, as are the next three
    "memory_write_bursts",
    "memory_activate_pj",  # energy of the rows opened for them, in picojoules
    "memory_open_pj",  # of standby with open rows, above that with closed ones
    "link_bytes",
    "scratchpad_read_bytes",
    "scratchpad_write_bytes",
    "accumulator_read_bytes",
    "accumulator_write_bytes",
    "pim_energy_fj",  # energy of the commands that compute in a memory, in femtojoules
    "pim_bus_bytes",  # operands and results of theirs that cross the memory's channels
    "pim_activations",  # rows opened by them, bank by bank
    "pim_accesses",  # columns they read or write in banks
    "pim_row_hits",  # those of them that found their row open and already used
    *(f"vector_{name}" for name in PRIMITIVES),
    "machine_busy_s",  # seconds in which a whole machine computes or moves data
)
EVENT_INDEX = {name: index for index, name in enumerate(EVENTS)}


# Who pays for an event, and by which of its charges (`ComponentCost.energy_j`); other events only count.
_PAYERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "matrix_macs": ("matrix", ("macs",)),
    "memory_read_bytes": ("memory", ("read_bytes",)),
    "memory_write_bytes": ("memory", ("write_bytes",)),
    "memory_read_bursts": ("memory", ("read_burst", "burst_io")),
    "memory_write_bursts": ("memory", ("write_burst", "burst_io")),
    "memory_activate_pj": ("memory", ("activate_pj",)),
    "memory_open_pj": ("memory", ("open_pj",)),
    "link_bytes": ("link", ("read_bytes",)),
    "pim_energy_fj": ("memory", ("pim_fj",)),
    "scratchpad_read_bytes": ("scratchpad", ("read_bytes",)),
    "scratchpad_write_bytes": ("scratchpad", ("write_bytes",)),
    "accumulator_read_bytes": ("accumulator", ("read_bytes",)),
    "accumulator_write_bytes": ("accumulator", ("write_bytes",)),
    **{f"vector_{name}": ("vector", (name,)) for name in PRIMITIVES},
    "machine_busy_s": ("machine", ("busy_s",)),
}
# The same by role: the number of each event with its charges.
_CHARGES: Mapping[str, tuple[tuple[int, tuple[str, ...]], ...]] = {
    role: tuple((EVENT_INDEX[event], charges) for event, (own, charges) in _PAYERS.items() if own == role)
    for role, _ in _PAYERS.values()
}


@dataclass(frozen=True, slots=True)
class EventCost:
    """Component that pays for an event, and the energy of one; no component for events that only count.

    `charges` are the names of what it adds up from, in the component's `ComponentCost.energy_j`.
    """

    component: str | None
    energy_j: float
    charges: tuple[str, ...]


_UNPAID = EventCost(None, 0.0, ())


def event_costs(design: Design) -> tuple[EventCost, ...]:
    """Return the cost of each of EVENTS. Without a buffer for partial sums the scratchpad pays for them."""
    costs = [_UNPAID] * len(EVENTS)
    for role, component in _payers(design):
        for index, charges in _CHARGES[role]:
            energy_j = _energy_j(design.costs[component.name].energy_j, charges)
            costs[index] = EventCost(component.name, energy_j, charges)
    return tuple(costs)


def event_energies_j(design: Design) -> list[float]:
    """Return the energy of one of each of EVENTS; see `event_costs`."""
    energies_j = [0.0] * len(EVENTS)
    for role, component in _payers(design):
        own = design.costs[component.name].energy_j
        for index, charges in _CHARGES[role]:
            energies_j[index] = _energy_j(own, charges)
    return energies_j


def _payers(design: Design) -> list[tuple[str, Component]]:
    """Return the roles that a design has, with the components that play them."""
    scratchpad = None if design.machine else design.scratchpad
    payers = (
        ("matrix", design.matrix),
        ("vector", design.vector),
        ("memory", design.memory),
        ("link", design.link),
        ("scratchpad", scratchpad),
        ("accumulator", design.accumulator or scratchpad),
        ("machine", design.machine),
    )
    return [(role, component) for role, component in payers if component is not None]


def _energy_j(energies_j: Mapping[str, float], charges: tuple[str, ...]) -> float:
    return sum([energies_j.get(charge, 0.0) for charge in charges])
