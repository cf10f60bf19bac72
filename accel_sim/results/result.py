"""The result of a simulation: figures, breakdowns that add up, a frame of operators."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from accel_sim.hardware.design import Design
from accel_sim.hardware.events import EVENT_INDEX, EVENTS, event_costs, event_energies_j
from accel_sim.results.record import OperatorRecord
from accel_sim.workload import Workload

if TYPE_CHECKING:
    import pandas as pd

    from accel_sim.results.plots import Plots

# Causes of energy by the charge of a component, where the charge is named by its unit.
CAUSES = {
    "activate_pj": "activation",
    "read_burst": "read",
    "write_burst": "write",
    "burst_io": "io",
    "open_pj": "open rows",
    "read_bytes": "read",
    "write_bytes": "write",
    "pim_fj": "commands in banks",
}


@dataclass(frozen=True)
class Stage:
    """A graph that was simulated, and how often it counts (a decode step stands for its neighbours).

    Attributes:
        name: of the stage, such as `prefill` or `decode at 1024`.
        weight: how often the stage occurs.
        latency_s: of one occurrence.
        records: its operators.
        intervals: yields int64[n, 4] arrays of (stream, task, start tick, end tick) of an unfolded run, for
            traces; None where there is no timeline (roofline).
        tasks: int64[t, 2], operator number and resource of each task of the trace.
        resources: names of the resources.
        tick_s: seconds of a tick.
        streams: names of the streams, by number; empty where they have none.
    """

    name: str
    weight: float
    latency_s: float
    records: tuple[OperatorRecord, ...] = field(repr=False)
    intervals: Callable[[], Iterator[np.ndarray]] | None = field(default=None, repr=False)
    tasks: np.ndarray | None = field(default=None, repr=False)
    resources: tuple[str, ...] = ()
    tick_s: float = 0.0
    streams: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class Result:
    """Latency, energy and area of a workload on a design.

    Energy is that of the events counted plus leakage over the latency. Area is that of the components, without
    wiring between them. Utilization is dense MACs over what the matrix unit could do in the time.
    """

    design: Design
    workload: Workload
    fidelity: str
    stages: tuple[Stage, ...]
    tokens: int
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def latency_s(self) -> float:
        """Seconds from first load to last result."""
        return sum(stage.weight * stage.latency_s for stage in self.stages)

    @property
    def cycles(self) -> float:
        """Latency in cycles of the chip's clock."""
        return self.latency_s * self.design.clock_hz

    @cached_property
    def macs(self) -> float:
        """Dense multiply-accumulates."""
        return sum(stage.weight * record.macs for stage in self.stages for record in stage.records)

    @cached_property
    def events(self) -> np.ndarray:
        """float64[len(EVENTS)], what was counted in all."""
        total = np.zeros(len(EVENTS))
        for stage in self.stages:
            for record in stage.records:
                total += stage.weight * record.events
        return total

    def event(self, name: str) -> float:
        """Return how many events of a name were counted."""
        return float(self.events[EVENT_INDEX[name]])

    @cached_property
    def _event_energies_j(self) -> np.ndarray:
        return np.array(event_energies_j(self.design))

    @property
    def memory_bytes(self) -> float:
        """Bytes that cross the channels of the off-chip memory, either way."""
        moved = ("memory_read_bytes", "memory_write_bytes", "pim_bus_bytes")
        return sum(self.event(name) for name in moved)

    @property
    def pim_row_hit_rate(self) -> float:
        """Share of the column accesses of computing commands that found their row open and already used."""
        accesses = self.event("pim_accesses")
        return self.event("pim_row_hits") / accesses if accesses else 0.0

    @property
    def dynamic_energy_j(self) -> float:
        """Energy of all events."""
        return float(self.events @ self._event_energies_j)

    @property
    def leakage_energy_j(self) -> float:
        """Energy that flows whether anything runs or not, over the latency."""
        return self.design.leakage_w * self.latency_s

    @property
    def energy_j(self) -> float:
        """Dynamic energy plus leakage."""
        return self.dynamic_energy_j + self.leakage_energy_j

    @property
    def power_w(self) -> float:
        """Mean power over the latency."""
        return self.energy_j / self.latency_s if self.latency_s else 0.0

    @property
    def area_mm2(self) -> float:
        """Die area of the components."""
        return self.design.area_mm2

    @cached_property
    def peak_macs_per_s(self) -> float:
        """The design's multiply-accumulates per second in the fastest of the workload's formats."""
        return self.design.peak_macs_per_s_in(self.workload.formats)

    @property
    def utilization(self) -> float:
        """Dense MACs over the matrix unit's peak in the same time, 0 to 1."""
        peak = self.peak_macs_per_s * self.latency_s
        return self.macs / peak if peak else 0.0

    @property
    def tokens_per_s(self) -> float:
        """Output tokens (images for vision models) per second."""
        return self.tokens / self.latency_s if self.latency_s else 0.0

    def metrics(self) -> dict[str, float]:
        """Return the figures that sweeps, comparisons and searches can ask for, by name."""
        operations, latency_s = 2 * self.macs, self.latency_s
        dynamic_j, leakage_j = self.dynamic_energy_j, self.leakage_energy_j
        energy_j = dynamic_j + leakage_j
        in_memory = {"pim_row_hit_rate": self.pim_row_hit_rate} if self.design.computes_in_memory else {}
        return {
            "latency_s": latency_s,
            "cycles": self.cycles,
            "energy_j": energy_j,
            "dynamic_energy_j": dynamic_j,
            "leakage_energy_j": leakage_j,
            "power_w": energy_j / latency_s if latency_s else 0.0,
            "area_mm2": self.area_mm2,
            "edp_j_s": energy_j * latency_s,
            "utilization": self.utilization,
            "macs": float(self.macs),
            "memory_bytes": self.memory_bytes,
            "tokens_per_s": self.tokens_per_s,
            "tops": operations / latency_s / 1e12 if latency_s else 0.0,
            "tops_per_w": operations / energy_j / 1e12 if energy_j else 0.0,
            **in_memory,
        }

    def latency_breakdown(self) -> dict[str, float]:
        """Return seconds by operator, in execution order; they add up to the latency."""
        parts: dict[str, float] = {}
        for stage in self.stages:
            for record in stage.records:
                parts[record.name] = parts.get(record.name, 0.0) + stage.weight * record.latency_s
        return parts

    def energy_breakdown(self) -> dict[str, dict[str, float]]:
        """Return joules by component, `dynamic` and `leakage`; they add up to the energy."""
        parts = {
            name: {"dynamic": 0.0, "leakage": cost.leakage_w * self.latency_s}
            for name, cost in self.design.costs.items()
        }
        for cost, count in zip(event_costs(self.design), self.events, strict=True):
            if cost.component is not None:
                parts[cost.component]["dynamic"] += cost.energy_j * float(count)
        return parts

    def energy_causes(self) -> dict[str, dict[str, float]]:
        """Return joules by component and cause; over causes they add up to `energy_breakdown`.

        A memory priced by its commands has `activation`, `read`, `write` (the arrays), `io`, `open rows`
        (standby above that with closed ones), `standby` and `refresh`; others are named as the charges are.
        """
        parts: dict[str, dict[str, float]] = {name: {} for name in self.design.costs}
        for cost, count in zip(event_costs(self.design), self.events, strict=True):
            if cost.component is not None:
                causes = parts[cost.component]
                energies_j = self.design.costs[cost.component].energy_j
                for charge in cost.charges:
                    cause = CAUSES.get(charge, charge)
                    joules = energies_j.get(charge, 0.0) * float(count)
                    causes[cause] = causes.get(cause, 0.0) + joules
        for name, charges in self.design.costs.items():
            for cause, power_w in (charges.leakage_parts_w or {"leakage": charges.leakage_w}).items():
                parts[name][cause] = power_w * self.latency_s
        return {
            name: {cause: joules for cause, joules in causes.items() if joules}
            for name, causes in parts.items()
        }

    def area_breakdown(self) -> dict[str, dict[str, float]]:
        """Return mm2 by component and part; they add up to the area."""
        return {name: dict(cost.area_mm2) for name, cost in self.design.costs.items()}

    @cached_property
    def operators(self) -> pd.DataFrame:
        """One row for each operator of each stage; see `accel_sim.results.frame`."""
        from accel_sim.results.frame import operator_frame

        return operator_frame(self)

    @cached_property
    def operator_energy(self) -> pd.DataFrame:
        """One row for each operator and component; see `accel_sim.results.frame`."""
        from accel_sim.results.frame import operator_energy_frame

        return operator_energy_frame(self)

    @property
    def plot(self) -> Plots:
        """The result as pictures: `result.plot.roofline()`; see `accel_sim.results.plots`."""
        from accel_sim.results.plots import Plots

        return Plots(self)

    def trace(
        self, path: str | Path, *, window_s: tuple[float, float] | None = None, limit: int = 1_000_000
    ) -> int:
        """Write the timeline for ui.perfetto.dev; see `accel_sim.results.trace.write_trace`."""
        from accel_sim.results.trace import write_trace

        return write_trace(self, path, window_s=window_s, limit=limit)

    def __repr__(self) -> str:
        from accel_sim.results.summary import line

        return f"<Result {line(self)}>"

    def __str__(self) -> str:
        from accel_sim.results.summary import text

        return text(self)

    def _repr_html_(self) -> str:
        from accel_sim.results.card import card

        return card(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures, breakdowns and operators as plain data for JSON."""
        return {
            "design": self.design.name,
            "workload": self.workload.name,
            "phase": self.workload.phase.model_dump(),
            "fidelity": self.fidelity,
            "settings": dict(self.settings),
            "metrics": self.metrics(),
            "energy_j": self.energy_breakdown(),
            "energy_causes_j": self.energy_causes(),
            "area_mm2": self.area_breakdown(),
            "operators": self.operators.to_dict(orient="records"),
            "notes": list(self.notes),
        }
