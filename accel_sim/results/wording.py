"""Metrics as people read them."""

from __future__ import annotations

from accel_sim.config.units import format_bytes, format_si

UNITS = {
    "latency_s": "s",
    "cycles": "cycles",
    "energy_j": "J",
    "dynamic_energy_j": "J",
    "leakage_energy_j": "J",
    "power_w": "W",
    "macs": "MAC",
    "edp_j_s": "Js",
    "peak_macs_per_s": "MAC/s",
}


def unit_of(name: str) -> str | None:
    """Return the unit of a metric or of a workload's, such as `prefill.power_w`; None where it has none."""
    return UNITS.get(name.rpartition(".")[2])


def format_metric(name: str, value: float) -> str:
    """Return a metric with its unit, for people."""
    if name == "utilization":
        return f"{value:.2%}"
    if name == "area_mm2":
        return f"{value:.4g} mm²"
    if name.endswith("_bytes"):
        return format_bytes(value)
    unit = unit_of(name)
    if unit is not None:
        return f"{value:,.0f}" if unit == "cycles" else format_si(value, unit)
    return f"{value:.4g}"
