"""A result in a line, and on a page."""

from __future__ import annotations

from accel_sim.config.units import format_bytes, format_si
from accel_sim.results.ranking import group, largest
from accel_sim.results.result import Result

OPERATORS_SHOWN = 8


def line(result: Result) -> str:
    """Return what was run, and its latency, energy and area."""
    return (
        f"{title(result)} ({result.fidelity}): {format_si(result.latency_s, 's')}, "
        f"{format_si(result.energy_j, 'J')}, {result.area_mm2:.4g} mm²"
    )


def title(result: Result) -> str:
    """Return what was run on what."""
    return f"{result.workload.name} {result.workload.phase.phase} on {result.design.name}"


def headline(result: Result) -> list[tuple[str, str]]:
    """Return the figures a person looks at first: (name, value with unit)."""
    return [
        ("latency", format_si(result.latency_s, "s")),
        ("throughput", format_si(result.tokens_per_s, f"{output_of(result)}/s")),
        ("energy", format_si(result.energy_j, "J")),
        ("power", format_si(result.power_w, "W")),
        ("area", f"{result.area_mm2:.4g} mm²"),
        ("utilization", f"{result.utilization:.1%}"),
        ("off-chip traffic", format_bytes(result.memory_bytes)),
    ]


def output_of(result: Result) -> str:
    """Return what the result counts in its throughput."""
    return "input" if result.workload.phase.phase in ("inference", "prefill") else "token"


def text(result: Result) -> str:
    """Return the figures, the operators that take longest, and the notes."""
    lines = [line(result)]
    lines += [f"  {name:17} {value}" for name, value in headline(result)]
    groups = group(result, "operator", lambda _, record: {"latency_s": record.latency_s})
    for one in largest(groups, OPERATORS_SHOWN):
        share = one.total / result.latency_s if result.latency_s else 0.0
        lines.append(f"  {share:6.1%}  {format_si(one.total, 's'):>9}  {one.label}")
    return "\n".join([*lines, *(f"  note: {note}" for note in result.notes)])
