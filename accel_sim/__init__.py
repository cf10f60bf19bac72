"""accel_sim: cycle-level simulation and design-space exploration of accelerators.

    import accel_sim

    result = accel_sim.simulate("npu_128x128_hbm", "llama3_8b", overrides={"workload.phase.batch": 8})
    result.latency_s, result.energy_j, result.area_mm2
    result.operators  # a pandas frame, one row an operator

Names are loaded when they are first used, so importing the package is cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accel_sim.config.errors import AccelSimError, InputError, RunError
    from accel_sim.explore.search.loading import load_search
    from accel_sim.explore.search.search import search
    from accel_sim.explore.sweep import sweep
    from accel_sim.hardware.design import Design, load_design
    from accel_sim.results.result import Result
    from accel_sim.simulation import simulate
    from accel_sim.workload import Workload, load_workload

_HOMES = {
    "AccelSimError": "accel_sim.config.errors",
    "Design": "accel_sim.hardware.design",
    "InputError": "accel_sim.config.errors",
    "Result": "accel_sim.results.result",
    "RunError": "accel_sim.config.errors",
    "Workload": "accel_sim.workload",
    "load_design": "accel_sim.hardware.design",
    "load_search": "accel_sim.explore.search.loading",
    "load_workload": "accel_sim.workload",
    "search": "accel_sim.explore.search.search",
    "simulate": "accel_sim.simulation",
    "sweep": "accel_sim.explore.sweep",
}
__version__ = "0.1.0"
__all__ = [
    "AccelSimError",
    "Design",
    "InputError",
    "Result",
    "RunError",
    "Workload",
    "load_design",
    "load_search",
    "load_workload",
    "search",
    "simulate",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'accel_sim' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
