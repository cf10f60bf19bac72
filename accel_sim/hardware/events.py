"""The events that a run counts, and what each costs on a design."""

from __future__ import annotations

from dataclasses import dataclass

from accel_sim.hardware.design import Design
from accel_sim.hardware.primitives import PRIMITIVES

EVENTS = (
    "executed_macs",  # multiply-accumulates performed, those a mask throws away included
    "matrix_macs",  # those of them that the matrix unit performs, and not the banks of a memory
    "pe_cycles",  # cycles x MACs a cycle for which tiles hold the units: executed_macs plus idle PEs
    "memory_read_bytes",
    "memory_write_bytes",
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
    """Component that pays for an event, and the energy of one; no component for events that only count."""

    component: str | None
    energy_j: float


def event_costs(design: Design) -> tuple[EventCost, ...]:
    """Return the cost of each of EVENTS. Without a buffer for partial sums the scratchpad pays for them."""
    scratchpad = None if design.machine else design.scratchpad
    components = {
        "matrix": design.matrix,
        "vector": design.vector,
        "memory": design.memory,
        "link": design.link,
        "scratchpad": scratchpad,
        "accumulator": design.accumulator or scratchpad,
        "machine": design.machine,
    }
    costs = []
    for payer, name in _PAYERS:
        component = components.get(payer)
        if component is None:
            costs.append(_NOBODY)
        else:
            costs.append(EventCost(component.name, design.costs[component.name].energy_j.get(name, 0.0)))
    return tuple(costs)


_NOBODY = EventCost(None, 0.0)
_PAID = {
    "matrix_macs": ("matrix", "macs"),
    "memory_read_bytes": ("memory", "read_bytes"),
    "memory_write_bytes": ("memory", "write_bytes"),
    "link_bytes": ("link", "read_bytes"),
    "pim_energy_fj": ("memory", "pim_fj"),
    "scratchpad_read_bytes": ("scratchpad", "read_bytes"),
    "scratchpad_write_bytes": ("scratchpad", "write_bytes"),
    "accumulator_read_bytes": ("accumulator", "read_bytes"),
    "accumulator_write_bytes": ("accumulator", "write_bytes"),
    **{f"vector_{name}": ("vector", name) for name in PRIMITIVES},
    "machine_busy_s": ("machine", "busy_s"),
}
# What pays for each of EVENTS, and under which name.
_PAYERS = tuple(_PAID.get(event, ("", "")) for event in EVENTS)
