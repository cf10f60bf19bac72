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
    memory_read_bytes, memory_write_bytes, dynamic_energy_j, leakage_energy_j (over its latency), energy_j (of
    both; adds up to the result's), bottleneck, tiling.
    """
    energies = np.array([cost.energy_j for cost in event_costs(result.design)])
    rows = []
    for stage in result.stages:
        for record in stage.records:
            latency = stage.weight * record.latency_s
            dynamic_j = stage.weight * float(record.events @ energies)
            leakage_j = result.design.leakage_w * latency
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
                    "dynamic_energy_j": dynamic_j,
                    "leakage_energy_j": leakage_j,
                    "energy_j": dynamic_j + leakage_j,
                    "bottleneck": bottleneck(record, result.design),
                    "tiling": record.tiling,
                }
            )
    return pd.DataFrame(rows)


def operator_energy_frame(result: Result) -> pd.DataFrame:
    """Return joules of each operator in each component.

    Columns: stage, operator, component, dynamic_energy_j, leakage_energy_j (of the component, over the
    operator's latency). Summed over operators they are `Result.energy_breakdown`, over components the energies
    of `operator_frame`.
    """
    costs = event_costs(result.design)
    rows = []
    for stage in result.stages:
        for record in stage.records:
            dynamic_j = dict.fromkeys(result.design.costs, 0.0)
            for cost, count in zip(costs, record.events, strict=True):
                if cost.component is not None:
                    dynamic_j[cost.component] += stage.weight * cost.energy_j * float(count)
            rows += [
                {
                    "stage": stage.name,
                    "operator": record.name,
                    "component": name,
                    "dynamic_energy_j": dynamic_j[name],
                    "leakage_energy_j": charges.leakage_w * stage.weight * record.latency_s,
                }
                for name, charges in result.design.costs.items()
            ]
    return pd.DataFrame(rows)
