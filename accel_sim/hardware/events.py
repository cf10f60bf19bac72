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


@dataclass(frozen=True, slots=True)
class EventCost:
    """Component that pays for an event, and the energy of one; no component for events that only count.

    `parts_j` is the energy by charge, as `ComponentCost.energy_j` names them.
    """

    component: str | None
    energy_j: float
    parts_j: Mapping[str, float]


def event_costs(design: Design) -> tuple[EventCost, ...]:
    """Return the cost of each of EVENTS. Without a buffer for partial sums the scratchpad pays for them."""
    scratchpad = None if design.machine else design.scratchpad
    accumulator = design.accumulator or scratchpad
    payers: dict[str, tuple[Component | None, *tuple[str, ...]]] = {
        "matrix_macs": (design.matrix, "macs"),
        "memory_read_bursts": (design.memory, "read_burst", "burst_io"),
        "memory_write_bursts": (design.memory, "write_burst", "burst_io"),
        "memory_activate_pj": (design.memory, "activate_pj"),
        "memory_open_pj": (design.memory, "open_pj"),
        "memory_read_bytes": (design.memory, "read_bytes"),
        "memory_write_bytes": (design.memory, "write_bytes"),
        "link_bytes": (design.link, "read_bytes"),
        "pim_energy_fj": (design.memory, "pim_fj"),
        "scratchpad_read_bytes": (scratchpad, "read_bytes"),
        "scratchpad_write_bytes": (scratchpad, "write_bytes"),
        "accumulator_read_bytes": (accumulator, "read_bytes"),
        "accumulator_write_bytes": (accumulator, "write_bytes"),
        **{f"vector_{name}": (design.vector, name) for name in PRIMITIVES},
        "machine_busy_s": (design.machine, "busy_s"),
    }
    costs = []
    for event in EVENTS:
        component, *names = payers.get(event, (None,))
        if component is None:
            costs.append(EventCost(None, 0.0, {}))
        else:
            charges = design.costs[component.name].energy_j
            parts_j = {name: charges.get(name, 0.0) for name in names}
            costs.append(EventCost(component.name, sum(parts_j.values()), parts_j))
    return tuple(costs)
