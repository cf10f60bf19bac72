"""What is known of each operator after a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from accel_sim.hardware.events import EVENT_INDEX


@dataclass(frozen=True, slots=True)
class OperatorRecord:
    """An operator (with those fused to it) over all its repetitions in one stage.

    Attributes:
        name: of the operator.
        fused: operators that ran as its epilogue.
        kind: `Gemm`, `Conv2d`, `Attention`, `Norm`, ...
        block, repeat: block it belongs to, and how often that runs.
        macs: dense multiply-accumulates.
        latency_s: its part of the stage's latency; the parts of all operators add up to it.
        busy_s: time for which it held each resource, by component name.
        events: float64[len(EVENTS)], what it counted; see `accel_sim.hardware.events`.
        tiling: how it was mapped, in words.
        compulsory_bytes: traffic to memory that no mapping avoids.
    """

    name: str
    fused: tuple[str, ...]
    kind: str
    block: str
    repeat: int
    macs: int
    latency_s: float
    busy_s: Mapping[str, float]
    events: np.ndarray
    tiling: str
    compulsory_bytes: int

    @property
    def active_s(self) -> float:
        """Time in which it worked: its latency, or that of its busiest resource where operators overlap."""
        return max(self.latency_s, *self.busy_s.values(), 0.0)

    @property
    def memory_bytes(self) -> float:
        """Bytes that cross the channels of the off-chip memory, either way."""
        moved = ("memory_read_bytes", "memory_write_bytes", "pim_bus_bytes")
        return float(sum(self.events[EVENT_INDEX[name]] for name in moved))
