"""Dies: the area tree of a design beside the published parts of the chip it is like; nothing is fitted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accel_sim.config.errors import InputError, did_you_mean
from accel_sim.hardware.design import Design, load_design
from accel_sim.validation.reference import Parser, ReferenceRow, number, read_reference, text
from accel_sim.validation.report import Report

REFERENCE = Path(__file__).parent / "data" / "dies.csv"


def _parts(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split(";") if part.strip())


_COLUMNS: dict[str, Parser] = {
    "design": text,
    "part": text,
    "components": _parts,
    "published_mm2": number,
    "source": text,
    "certainty": text,
}


def validate(reference: Path | None = None) -> Report:
    """Return ours over published for each part of each die. Fails when a design's parts do not add up.

    Args:
        reference: a CSV file with the columns of `dies.md`; None for the shipped one.

    Raises:
        InputError: the file cannot be read, or a row names a design or component that is not there.
    """
    rows = read_reference(reference or REFERENCE, _COLUMNS)
    designs = {name: load_design(name) for name in dict.fromkeys(row["design"] for row in rows)}
    table = [_line(row, designs[row["design"]]) for row in rows]
    whole = [_whole(name, design, [r for r in rows if r["design"] == name]) for name, design in designs.items()]
    return Report(
        suite="dies",
        reference=str(reference) if reference else REFERENCE.name,
        columns=tuple(table[0]),
        rows=(*table, *whole),
        passed=all(_adds_up(design) for design in designs.values()),
        summary=tuple(_sentence(line) for line in whole),
    )


def _line(row: ReferenceRow, design: Design) -> dict[str, Any]:
    for name in row["components"]:
        if name not in design.components:
            hint = did_you_mean(name, design.components)
            raise InputError(f"{row.place}: components = {name}: is not in {design.name}{hint}")
    ours = sum(sum(design.costs[name].area_mm2.values()) for name in row["components"])
    return _compared(design.name, row["part"], row["published_mm2"], ours, row["certainty"])


def _whole(name: str, design: Design, rows: Sequence[ReferenceRow]) -> dict[str, Any]:
    published = sum(row["published_mm2"] for row in rows)
    weakest = min((row["certainty"] for row in rows), key=lambda certainty: "memory" not in certainty)
    return _compared(name, "whole die", published, design.area_mm2, weakest)


def _compared(design: str, part: str, published: float, ours: float, certainty: str) -> dict[str, Any]:
    return {
        "design": design,
        "part": part,
        "published_mm2": published,
        "ours_mm2": ours or None,
        "ratio": ours / published if ours else None,
        "certainty": certainty,
    }


def _adds_up(design: Design) -> bool:
    parts = sum(area for cost in design.costs.values() for area in cost.area_mm2.values())
    return math.isclose(parts, design.area_mm2)


def _sentence(whole: dict[str, Any]) -> str:
    return (
        f"{whole['design']}: {whole['ours_mm2']:.4g} of {whole['published_mm2']:.4g} mm² "
        f"({whole['ratio']:.2f}); cells and macros only, without wiring, control, placement density and "
        "parts that have no counterpart."
    )
