"""Why an operator takes the time it takes, in words."""

from __future__ import annotations

from dataclasses import dataclass

from accel_sim.hardware.design import Design
from accel_sim.hardware.events import EVENT_INDEX
from accel_sim.results.record import OperatorRecord

COMPUTE, BANDWIDTH, MAPPING, LATENCY, HIDDEN = "compute", "bandwidth", "mapping loss", "latency", "hidden"
OVERHEAD = "launch overhead"
LIMITS = (COMPUTE, BANDWIDTH, MAPPING, LATENCY, OVERHEAD, HIDDEN)
# A resource that is busy for less than this part of an operator's time does not explain it.
_EXPLAINS = 0.6
# A matrix unit that is held by tiles but computes less than this part of its peak is lost to the mapping.
_FULL = 0.5
# A unit that waits for the ports of its buffers for this part of the time that it is held is limited by them.
_STALLED = 0.25
# Masked MACs and traffic beyond the compulsory are mentioned from these parts of the whole on.
_MASKED = 0.1
_AVOIDABLE = 1 / 3


@dataclass(frozen=True, slots=True)
class Limit:
    """What limits an operator.

    Attributes:
        kind: one of LIMITS.
        component: the component that limits it; None when none does.
        words: the same for people, with the figures.
    """

    kind: str
    component: str | None
    words: str


def bottleneck(record: OperatorRecord, design: Design) -> str:
    """Return what limits an operator, in words; see `limit`."""
    return limit(record, design).words


def limit(record: OperatorRecord, design: Design) -> Limit:
    """Return what limits an operator: compute, bandwidth of a memory or link, mapping loss, latency, launches.

    The resource that is busy for the largest part of the operator's time limits it. If none is busy for 60 % of
    it, the operator waits: for latencies, for operators before it, or for tiles to fill and drain. A unit that
    limits but itself waits for the ports of a buffer is limited by the buffer's bandwidth; a matrix unit that
    has most of its PEs idle for another reason is lost to the mapping.
    """
    if record.latency_s <= 0:
        return Limit(HIDDEN, None, "hidden behind other operators")
    if design.machine is not None:
        return _of_machine(record, design.machine.name)
    if not record.busy_s:
        return Limit(LATENCY, None, "latency: no unit, memory or link works")
    name, busy = max(record.busy_s.items(), key=lambda item: item[1])
    share = busy / record.latency_s
    if share < _EXPLAINS:
        return Limit(LATENCY, None, f"latency: the busiest unit, {name}, works {share:.0%} of the time")
    if design.matrix is not None and name == design.matrix.name:
        return _of_matrix_unit(record, design, name)
    if design.vector is not None and name == design.vector.name:
        stalled = _stalled(record, design, name, "vector_stall_cycles")
        return _of_ports(design.scratchpad.name, name, stalled) or Limit(COMPUTE, name, f"compute of {name}")
    if name == design.memory.name and _computes_in_banks(record, design):
        return _of_banks(record, name)
    return _of_channel(record, name, memory=name == design.memory.name)


def _computes_in_banks(record: OperatorRecord, design: Design) -> bool:
    """Whether kernels in the banks hold the memory for longer than transfers do."""
    kernels = record.events[EVENT_INDEX["pim_accesses"]]
    moving_s = record.memory_bytes / design.memory_bandwidth_bytes_per_s
    return bool(kernels > 0 and moving_s < record.busy_s[design.memory.name] / 2)


def _of_banks(record: OperatorRecord, name: str) -> Limit:
    executed, held = (float(record.events[EVENT_INDEX[event]]) for event in ("executed_macs", "pe_cycles"))
    if not held:
        return Limit(COMPUTE, name, f"kernels in the banks of {name}")
    filled = executed / held
    if filled < _FULL:
        return Limit(MAPPING, name, f"mapping loss: kernels in {name} fill {filled:.0%} of its lanes")
    return Limit(COMPUTE, name, f"kernels in the banks of {name} ({filled:.0%} of their lanes filled)")


def _of_machine(record: OperatorRecord, name: str) -> Limit:
    """Return what takes most of an operator's time on a whole machine, whose parts `busy_s` names."""
    part, longest_s = max(record.busy_s.items(), key=lambda item: item[1])
    if part == OVERHEAD:
        return Limit(
            OVERHEAD, name, f"launch overhead: {name} works {1 - longest_s / record.latency_s:.0%} of the time"
        )
    return (
        Limit(COMPUTE, name, f"compute of {name}")
        if part == COMPUTE
        else _of_channel(record, name, memory=True)
    )


def _stalled(record: OperatorRecord, design: Design, name: str, event: str) -> float:
    """Return the part of the time a unit is held for which it waits."""
    return float(record.events[EVENT_INDEX[event]]) / (record.busy_s[name] * design.clock_hz)


def _of_ports(buffer: str, name: str, stalled: float) -> Limit | None:
    """Return that a buffer limits a unit, if it does."""
    if stalled < _STALLED:
        return None
    return Limit(
        BANDWIDTH, buffer, f"bandwidth of {buffer}: {name} waits for its ports {stalled:.0%} of the time"
    )


def _of_matrix_unit(record: OperatorRecord, design: Design, name: str) -> Limit:
    operands, sums = (
        _stalled(record, design, name, event)
        for event in ("scratchpad_stall_cycles", "accumulator_stall_cycles")
    )
    accumulator = design.accumulator or design.scratchpad
    stalled, buffer = max((operands, design.scratchpad.name), (sums, accumulator.name))
    if of_ports := _of_ports(buffer, name, stalled):
        return of_ports
    executed, held = (float(record.events[EVENT_INDEX[event]]) for event in ("executed_macs", "pe_cycles"))
    filled = executed / held if held else 0.0
    if filled < _FULL:
        return Limit(MAPPING, name, f"mapping loss: tiles hold {name} but fill {filled:.0%} of its PEs")
    masked = 1 - record.macs / executed
    also = f", {masked:.0%} of that masked" if masked >= _MASKED else ""
    return Limit(COMPUTE, name, f"compute of {name} ({filled:.0%} of its PEs filled{also})")


def _of_channel(record: OperatorRecord, name: str, *, memory: bool) -> Limit:
    moved = record.memory_bytes if memory else 0.0
    avoidable = 1 - record.compulsory_bytes / moved if moved else 0.0
    also = f" ({avoidable:.0%} of the traffic is not compulsory)" if avoidable >= _AVOIDABLE else ""
    return Limit(BANDWIDTH, name, f"bandwidth of {name}{also}")
