"""`accel-sim compare`: one workload on several designs, with ratios to the first."""

from __future__ import annotations

from accel_sim.cli.options import PhaseOptions, describe_phase, parse_settings, phase_overrides
from accel_sim.cli.output import Column, line, print_json, table, waiting
from accel_sim.cli.run import brief
from accel_sim.config import InputError
from accel_sim.config.units import format_bytes, format_si
from accel_sim.simulation import simulate

UNITS = {
    "latency_s": "s",
    "cycles": "cycles",
    "energy_j": "J",
    "dynamic_energy_j": "J",
    "leakage_energy_j": "J",
    "power_w": "W",
    "macs": "MAC",
    "edp_j_s": "Js",
}


def compare(
    designs: list[str], workload: str, options: PhaseOptions, settings: list[str], fidelity: str, as_json: bool
) -> None:
    """Simulate each design and print the metrics side by side."""
    if len(designs) < 2:
        raise InputError(f"compare {designs[0]}: at least two designs are needed")
    overrides = phase_overrides(workload, options, parse_settings(settings))
    results = []
    for design in designs:
        with waiting(f"{workload} on {design}"):
            results.append(simulate(design, workload, overrides=overrides, fidelity=fidelity))
    metrics = [result.metrics() for result in results]
    ratios = [{name: _ratio(m[name], metrics[0][name]) for name in metrics[0]} for m in metrics]
    if as_json:
        entries = zip(designs, results, ratios, strict=True)
        print_json([brief(result) | {"given": given, "ratio": ratio} for given, result, ratio in entries])
        return
    line(
        f"{results[0].workload.name}: {describe_phase(results[0].workload.phase)}, fidelity {fidelity}; "
        "in brackets: ratio to the first"
    )
    line("")
    columns = [Column("metric"), *(Column(design, number=True) for design in designs)]
    table(columns, [(name, *_cells(name, metrics, ratios)) for name in metrics[0]])
    for given, result in zip(designs, results, strict=True):
        for note in result.notes:
            line(f"{given}: {note}")


def _ratio(value: float, first: float) -> float | None:
    return value / first if first else None


def _cells(name: str, metrics: list[dict[str, float]], ratios: list[dict[str, float | None]]) -> list[str]:
    cells = [format_metric(name, metrics[0][name])]
    for values, ratio in zip(metrics[1:], ratios[1:], strict=True):
        share = ratio[name]
        cells.append(f"{format_metric(name, values[name])} ({share:.3g})" if share is not None else "")
    return cells


def format_metric(name: str, value: float) -> str:
    """Return a metric with its unit, for people."""
    if name == "utilization":
        return f"{value:.2%}"
    if name == "area_mm2":
        return f"{value:.4g} mm²"
    if name.endswith("_bytes"):
        return format_bytes(value)
    if name in UNITS:
        return f"{value:,.0f}" if name == "cycles" else format_si(value, UNITS[name])
    return f"{value:.4g}"
