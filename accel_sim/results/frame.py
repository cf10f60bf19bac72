"""The frame of operators: one row each, units in the column names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from accel_sim.hardware.events import EVENT_INDEX, event_costs
from accel_sim.results.bottleneck import bottleneck

if TYPE_CHECKING:
    from accel_sim.results.result import Result


def operator_frame(result: Result) -> pd.DataFrame:
    """Return the operators of all stages, with figures over all occurrences of a stage.

    Columns: stage, operator, fused (operators run as its epilogue), kind, block, repeat, macs, latency_s (adds
    up to the result's), share of the latency, utilization (MACs over the matrix unit's peak in the operator's
    latency, or in the time of its busiest resource where that is longer because operators overlap),
    memory_read_bytes, memory_write_bytes, energy_j (dynamic plus leakage over its latency; adds up to the
    result's), bottleneck, tiling.
    """
    energies = np.array([cost.energy_j for cost in event_costs(result.design)])
    rows = []
    for stage in result.stages:
        for record in stage.records:
            latency = stage.weight * record.latency_s
            peak = result.peak_macs_per_s * record.active_s
            rows.append(
                {
                    "stage": stage.name,
                    "operator": record.name,
                    "fused": ", ".join(record.fused),
                    "kind": record.kind,
                    "block": record.block,
                    "repeat": record.repeat,
                    "macs": stage.weight * record.macs,
                    "latency_s": latency,
                    "share": latency / result.latency_s if result.latency_s else 0.0,
                    "utilization": record.macs / peak if peak else 0.0,
                    "memory_read_bytes": stage.weight * record.events[EVENT_INDEX["memory_read_bytes"]],
                    "memory_write_bytes": stage.weight * record.events[EVENT_INDEX["memory_write_bytes"]],
                    "energy_j": stage.weight * float(record.events @ energies)
                    + result.design.leakage_w * latency,
                    "bottleneck": bottleneck(record, result.design),
                    "tiling": record.tiling,
                }
            )
    return pd.DataFrame(rows)
