"""Why an operator takes the time it takes, in words."""

from __future__ import annotations

from accel_sim.hardware.design import Design
from accel_sim.hardware.events import EVENT_INDEX
from accel_sim.results.record import OperatorRecord

# A resource that is busy for less than this part of an operator's time does not explain it.
_EXPLAINS = 0.6
# A matrix unit that is held by tiles but computes less than this part of its peak is lost to the mapping.
_FULL = 0.5


def bottleneck(record: OperatorRecord, design: Design) -> str:
    """Return what limits an operator: compute, the bandwidth of a memory or link, mapping loss, or latency.

    The resource that is busy for the largest part of the operator's time limits it. If none is busy for 60 % of
    it, the operator waits: for latencies, for operators before it, or for tiles to fill and drain.
    """
    if not record.busy_s or record.latency_s <= 0:
        return "hidden behind other operators"
    name, busy = max(record.busy_s.items(), key=lambda item: item[1])
    share = busy / record.latency_s
    if share < _EXPLAINS:
        return f"latency: the busiest unit, {name}, works {share:.0%} of the time"
    if design.matrix is not None and name == design.matrix.name:
        held = float(record.events[EVENT_INDEX["pe_cycles"]])
        used = record.macs / held if held else 0.0
        if used < _FULL:
            return f"mapping loss: tiles hold {name} but fill {used:.0%} of its PEs"
        return f"compute of {name} ({used:.0%} of its PEs filled)"
    if design.vector is not None and name == design.vector.name:
        return f"compute of {name}"
    moved = record.events[EVENT_INDEX["memory_read_bytes"]] + record.events[EVENT_INDEX["memory_write_bytes"]]
    if name == design.memory.name and record.compulsory_bytes and moved > 1.5 * record.compulsory_bytes:
        return f"bandwidth of {name} ({moved / record.compulsory_bytes:.1f} x the compulsory traffic)"
    return f"bandwidth of {name}"
