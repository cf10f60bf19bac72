"""A design as its blocks, its peak and bandwidth, its area and its leakage."""

from __future__ import annotations

from typing import Any

from accel_sim.cli.output import Column, facts, heading, line, print_json, table
from accel_sim.config.units import format_si
from accel_sim.hardware.design import Component, Design, load_design


def show_design(name: str, settings: dict[str, Any], as_json: bool) -> None:
    """Print a design."""
    design = load_design(name, settings)
    if as_json:
        print_json(as_data(design))
        return
    line(f"{design.name}: {design.description}" if design.description else design.name)
    line("")
    facts(_figures(design))
    heading("Blocks")
    costs = design.costs
    rows = [
        (
            block.name,
            block.kind.name,
            _parameters(design, block),
            f"{sum(costs[block.name].area_mm2.values()):.4g} mm²",
            format_si(costs[block.name].leakage_w, "W"),
        )
        for block in design.components.values()
    ]
    columns = [Column("block"), Column("kind"), Column("parameters", wraps=True)]
    table([*columns, Column("area", number=True), Column("leakage", number=True)], rows)
    heading("Area")
    _print_area(design)


def as_data(design: Design) -> dict[str, Any]:
    """Return a design as plain data: parameters with defaults filled in, bounds, costs."""
    return {
        "name": design.name,
        "description": design.description,
        "clock_hz": design.clock_hz,
        "technology": design.technology.model_dump(mode="json"),
        "mapping": design.mapping.model_dump(mode="json"),
        "components": {c.name: c.spec.model_dump(mode="json") for c in design.components.values()},
        "peak_macs_per_s": design.peak_macs_per_s,
        "memory_bandwidth_bytes_per_s": design.memory_bandwidth_bytes_per_s,
        "ridge_macs_per_byte": ridge_macs_per_byte(design),
        "area_mm2": {name: dict(cost.area_mm2) for name, cost in design.costs.items()},
        "total_area_mm2": design.area_mm2,
        "leakage_w": {name: cost.leakage_w for name, cost in design.costs.items()},
        "total_leakage_w": design.leakage_w,
        "event_energy_j": {name: dict(cost.energy_j) for name, cost in design.costs.items()},
        "sources": {name: list(cost.sources) for name, cost in design.costs.items()},
    }


def ridge_macs_per_byte(design: Design) -> float:
    """Return the operational intensity from which on the matrix unit, not the memory, is the bound."""
    return design.peak_macs_per_s / design.memory_bandwidth_bytes_per_s


def _figures(design: Design) -> list[tuple[str, str, str]]:
    peak = design.peak_macs_per_s
    policy = ", ".join(f"{name} {value}" for name, value in design.mapping.model_dump().items())
    return [
        ("clock", format_si(design.clock_hz, "Hz"), f"{design.technology.node:g} nm"),
        ("peak", format_si(peak, "MAC/s"), f"{2 * peak / 1e12:.4g} TOPS"),
        (
            "bandwidth",
            format_si(design.memory_bandwidth_bytes_per_s, "B/s"),
            f"sustained by {design.memory.name}",
        ),
        ("ridge point", f"{ridge_macs_per_byte(design):.4g} MAC/B", "below it the memory is the bound"),
        ("area", f"{design.area_mm2:.4g} mm²", "without wiring between blocks"),
        (
            "leakage",
            format_si(design.leakage_w, "W"),
            "flows whether anything runs or not, memory background included",
        ),
        ("mapping", "", policy),
    ]


def _parameters(design: Design, block: Component) -> str:
    """Return the parameters as the file gives them, with their units; defaults are left out."""
    values = design.document.data[block.name]
    return ", ".join(f"{name} {_short(value)}" for name, value in values.items() if name != "type")


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} {_short(item)}" for key, item in value.items()) + "}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _print_area(design: Design) -> None:
    total = design.area_mm2
    rows = []
    for name, cost in design.costs.items():
        if not cost.area_mm2:
            continue
        own = sum(cost.area_mm2.values())
        rows.append((name, f"{own:.4g} mm²", f"{own / total:.1%}" if total else ""))
        parts = sorted(cost.area_mm2.items(), key=lambda item: -item[1])
        rows += [(f"  {part}", f"{a:.4g} mm²", f"{a / total:.1%}" if total else "") for part, a in parts]
    table([Column("part"), Column("area", number=True), Column("share", number=True)], rows)
