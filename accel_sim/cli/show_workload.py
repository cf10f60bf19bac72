"""A workload as its parameters and bytes, and as the operations of each of its phases."""

from __future__ import annotations

from typing import Any

from accel_sim.cli.options import PhaseOptions, describe_phase, phase_overrides, split
from accel_sim.cli.output import Column, facts, heading, line, print_json, table
from accel_sim.config.units import format_bytes, format_si
from accel_sim.workload import (
    Generate,
    Graph,
    Workload,
    kv_cache_bytes_per_token,
    load_workload,
    lower,
    parameter_count,
    parameters,
)
from accel_sim.workload.model import AnyPhase


def show_workload(name: str, options: PhaseOptions, settings: dict[str, Any], as_json: bool) -> None:
    """Print a workload."""
    prefixed = {f"workload.{path}": value for path, value in settings.items()}
    overrides = split(phase_overrides(name, options, prefixed))[1]
    workload = load_workload(name, overrides=overrides)
    # A phase that was asked for is shown alone.
    chosen = {"phase.phase", "phase.batch", "phase.sequence", "phase.context", "phase.prompt", "phase.output"}
    stages = _stages(workload, alone=bool(chosen & set(overrides)))
    data = as_data(workload, stages)
    if as_json:
        print_json(data)
        return
    line(f"{workload.name}: {workload.description}" if workload.description else workload.name)
    line("")
    facts(_figures(workload, data))
    if workload.source:
        line(f"  source: {workload.source}")
    heading("Phases")
    columns = [
        Column("phase"),
        *(Column(t, number=True) for t in ("MACs", "weights read", "KV cache read", "operators")),
    ]
    rows = [
        (
            title,
            format_si(stage["macs"], "MAC"),
            format_bytes(stage["weight_bytes"]),
            format_bytes(stage["kv_cache_bytes"]),
            str(stage["operators"]),
        )
        for title, stage in data["phases"].items()
    ]
    table(columns, rows)
    for note in data["notes"]:
        line(f"note: {note}")


def as_data(workload: Workload, stages: dict[str, Graph]) -> dict[str, Any]:
    """Return a workload as plain data."""
    ours, published = parameter_count(workload), workload.published
    return {
        "name": workload.name,
        "description": workload.description,
        "source": workload.source,
        "family": workload.model.family,
        "formats": workload.formats.model_dump(mode="json"),
        "phase": workload.phase.model_dump(),
        "parameters": ours,
        "parameter_bytes": _parameter_bytes(workload),
        "published": published.model_dump() if published else None,
        "kv_cache_bytes_per_token": kv_cache_bytes_per_token(workload),
        "phases": {
            title: {
                "macs": graph.macs,
                "weight_bytes": graph.weight_bytes(),
                "kv_cache_bytes": graph.kv_cache_bytes(),
                "operators": sum(repeat for _, repeat in graph.operators()),
            }
            for title, graph in stages.items()
        },
        "notes": list(dict.fromkeys(note for graph in stages.values() for note in graph.notes)),
    }


def _parameter_bytes(workload: Workload) -> float:
    return parameter_count(workload) * workload.formats.weights.bits / 8


def _stages(workload: Workload, alone: bool) -> dict[str, Graph]:
    """Return the graphs to show: of the workload's phase, or of every phase the model has, at its defaults."""
    phases = [workload.phase]
    if not alone:
        phases += [kind() for kind in workload.model.phases if not isinstance(workload.phase, kind)]
    stages: dict[str, Graph] = {}
    for phase in phases:
        parts: tuple[AnyPhase, ...] = (phase,)
        if isinstance(phase, Generate):
            # At its defaults it is prefill and decode once more.
            parts = (phase.prefill, *map(phase.decode, phase.contexts[-1:])) if alone else ()
        for part in parts:
            stages[describe_phase(part)] = lower(workload.with_phase(part))
    return stages


def _figures(workload: Workload, data: dict[str, Any]) -> list[tuple[str, str, str]]:
    formats = workload.formats
    names = ", ".join(
        f"{name} {value}" for name, value in formats.model_dump(mode="json").items() if value is not None
    )
    rows = [
        ("family", workload.model.family, ""),
        ("parameters", f"{data['parameters']:,}", _against_published(workload, data["parameters"])),
        ("weights", format_bytes(data["parameter_bytes"]), f"{len(parameters(workload))} kinds of tensors"),
    ]
    if data["kv_cache_bytes_per_token"]:
        rows.append(("KV cache", format_bytes(data["kv_cache_bytes_per_token"]), "a token"))
    if workload.published and workload.published.gmacs:
        rows.append(
            ("published", f"{workload.published.gmacs:g} GMAC", f"one input: {workload.published.source}")
        )
    rows.append(("formats", "", names))
    return rows


def _against_published(workload: Workload, ours: int) -> str:
    published = workload.published
    if published is None or published.parameters is None:
        return ""
    if published.parameters == ours:
        return f"as published: {published.source}"
    reason = f": {published.note}" if published.note else ""
    ratio = ours / published.parameters
    return f"published {published.parameters:,} (ours {ratio - 1:+.2%}){reason}; {published.source}"
