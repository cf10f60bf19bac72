"""A design as its blocks, its peak and bandwidth, and the tree of its area, with leakage and sources."""

from __future__ import annotations

import re
from typing import Any

from accel_sim.cli.output import Column, facts, heading, line, print_json, table
from accel_sim.config.units import format_si
from accel_sim.hardware.component import ComponentCost
from accel_sim.hardware.design import Component, Design, load_design

# A semicolon that does not stand in brackets.
_BETWEEN_SOURCES = re.compile(r"; (?![^(]*\))")


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
    blocks = [(block.name, block.kind.name, _parameters(design, block)) for block in design.components.values()]
    table([Column("block"), Column("kind"), Column("parameters", wraps=True)], blocks)
    heading("Area and leakage")
    _print_tree(design)


def as_data(design: Design) -> dict[str, Any]:
    """Return a design as plain data: parameters with defaults filled in, bounds, costs."""
    costs = by_area(design)
    return {
        "name": design.name,
        "description": design.description,
        "clock_hz": design.clock_hz,
        "technology": design.technology.model_dump(mode="json"),
        "mapping": design.mapping.model_dump(mode="json"),
        "components": {c.name: c.spec.model_dump(mode="json") for c in design.components.values()},
        "peak_macs_per_s": design.peak_macs_per_s,
        "peaks_macs_per_s": dict(design.peaks_macs_per_s),
        "memory_bandwidth_bytes_per_s": design.memory_bandwidth_bytes_per_s,
        "ridge_macs_per_byte": ridge_macs_per_byte(design),
        "area_mm2": {name: dict(parts_by_area(cost)) for name, cost in costs.items()},
        "area_share": {name: _share(area_mm2(cost), design) for name, cost in costs.items()},
        "total_area_mm2": design.area_mm2,
        "leakage_w": {name: cost.leakage_w for name, cost in costs.items()},
        "total_leakage_w": design.leakage_w,
        "event_energy_j": {name: dict(cost.energy_j) for name, cost in costs.items()},
        "certainty": {name: cost.certainty for name, cost in costs.items()},
        "sources": {name: list(cost.sources) for name, cost in costs.items()},
        "notes": list(design.notes),
    }


def by_area(design: Design) -> dict[str, ComponentCost]:
    """Return the charges of every component, the largest first."""
    return dict(sorted(design.costs.items(), key=lambda item: -area_mm2(item[1])))


def parts_by_area(cost: ComponentCost) -> list[tuple[str, float]]:
    """Return the parts of a component with their area in mm2, the largest first."""
    return sorted(cost.area_mm2.items(), key=lambda item: -item[1])


def area_mm2(cost: ComponentCost) -> float:
    """Return the area of all parts of a component."""
    return sum(cost.area_mm2.values())


def _share(area: float, design: Design) -> float:
    return area / design.area_mm2 if design.area_mm2 else 0.0


def ridge_macs_per_byte(design: Design) -> float:
    """Return the operational intensity from which on the matrix unit, not the memory, is the bound."""
    return design.peak_macs_per_s / design.memory_bandwidth_bytes_per_s


def _figures(design: Design) -> list[tuple[str, str, str]]:
    policy = ", ".join(f"{name} {value}" for name, value in design.mapping.model_dump().items())
    return [
        ("clock", format_si(design.clock_hz, "Hz"), f"{design.technology.node:g} nm"),
        *(
            ("peak", format_si(peak, "MAC/s"), f"{2 * peak / 1e12:.4g} TOPS in {formats}")
            for formats, peak in design.peaks_macs_per_s.items()
        ),
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


def _print_tree(design: Design) -> None:
    """Print components and parts by area, with the certainty of each component and its sources as footnotes."""
    notes: dict[str, int] = {}
    rows = [("chip", *_area_cells(design.area_mm2, design), format_si(design.leakage_w, "W"), "", "")]
    for name, cost in by_area(design).items():
        numbers = sorted({notes.setdefault(note, len(notes) + 1) for note in _notes(cost)})
        leakage = format_si(cost.leakage_w, "W")
        cells = _area_cells(area_mm2(cost), design)
        rows.append((f"  {name}", *cells, leakage, cost.certainty, " ".join(map(str, numbers))))
        rows += [
            (f"    {part}", *_area_cells(area, design), "", "", "")
            for part, area in parts_by_area(cost)
            if len(cost.area_mm2) > 1
        ]
    numeric = (Column(title, number=True) for title in ("area", "share", "leakage"))
    table([Column("part"), *numeric, Column("certainty"), Column("sources")], rows)
    line("")
    line(
        "Certainty is that of a component's least certain figure: sourced as it stands, scaled by a stated law"
    )
    line("to another width, node or supply, or assumed. Sources:")
    for note, number in notes.items():
        line(f"  {number:>2}  {note}")
    for remark in design.notes:
        line(f"note: {remark}")


def _area_cells(area: float, design: Design) -> tuple[str, str]:
    return f"{area:.4g} mm²", f"{_share(area, design):.1%}"


def _notes(cost: ComponentCost) -> list[str]:
    """Return the sources one by one: those of a figure that rests on several are joined by semicolons."""
    return [note for source in cost.sources for note in _BETWEEN_SOURCES.split(source)]
