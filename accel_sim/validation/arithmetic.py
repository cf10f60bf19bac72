"""Arithmetic: our price of a unit beside the published one, row by row and source by source."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, Literal

from accel_sim.config.errors import InputError
from accel_sim.technology.library import ENTRIES, quote
from accel_sim.technology.quotes import Conditions
from accel_sim.validation.reference import (
    Parser,
    ReferenceRow,
    maybe,
    number,
    one_of,
    positive,
    read_reference,
    text,
)
from accel_sim.validation.report import Report

REFERENCE = Path(__file__).parent / "data" / "arithmetic_published.csv"
# The two adders that fix the energy of logic are met only on average.
CALIBRATED_WITHIN = 0.12
# What does not depend on a node, such as a bit of DRAM, is priced at this one.
ANY_NODE_NM = 45.0


_COLUMNS: dict[str, Parser] = {
    "source": text,
    "row": text,
    "node_nm": maybe(positive),
    "unit": maybe(one_of(ENTRIES)),
    "subject": str,
    "energy_pj": maybe(positive),
    "area_um2": maybe(positive),
}
_OPTIONAL: dict[str, Parser] = {
    "certainty": str,
    "voltage_v": maybe(positive),
    "clock_ghz": maybe(positive),
    "options": str,
    "operations": maybe(positive),
    "copies": maybe(positive),
    "register_bits": maybe(positive),
    "use": one_of(("calibration", "prediction", "none")),
    "note": str,
}


def validate(reference: Path | None = None) -> Report:
    """Return ours over published for every row that names one of our units.

    Args:
        reference: a CSV file with the columns of `arithmetic_published.md`; None for the shipped one.

    Raises:
        InputError: the file cannot be read, or a row is malformed or names a unit that cannot be priced.
    """
    rows = read_reference(reference or REFERENCE, _COLUMNS, _OPTIONAL)
    table = [_line(row) for row in rows if row["unit"]]
    if not table:
        raise InputError(f"{reference}: no row names a unit (allowed: {', '.join(ENTRIES)})")
    wrong = [line for line in table if line["use"] == "calibration" and not _met(line)]
    return Report(
        suite="arithmetic",
        reference=str(reference) if reference else REFERENCE.name,
        columns=tuple(table[0]),
        rows=tuple(table),
        passed=not wrong,
        summary=_summary(rows, table, wrong),
    )


def ours(row: ReferenceRow) -> tuple[float, float | None]:
    """Return our energy in pJ and area in um2 of what a row describes.

    Registers are part of each unit; energy is that of all `operations`, area that of all `copies`.

    Raises:
        InputError: the row's subject, options or conditions are not covered.
    """
    values = row.values
    clock_ghz = values.get("clock_ghz")
    at = Conditions(
        node_nm=values["node_nm"] or ANY_NODE_NM,
        voltage_v=values.get("voltage_v"),
        clock_hz=clock_ghz * 1e9 if clock_ghz else None,
    )
    try:
        options = _options(values.get("options", ""))
        unit = quote(values["unit"], values["subject"], at, **options)
    except ValueError as error:
        raise InputError(f"{row.place}: {values['unit']} {values['subject']}: {error}") from None
    energy_pj = next(iter(unit.energy_j.values())) * 1e12
    area_um2 = None if unit.area_mm2 is None else unit.area_mm2 * 1e6
    bits = values.get("register_bits") or 0.0
    if bits:
        bit = quote("register", "int1", at)
        energy_pj += bits * bit.energy_j["operation"] * 1e12
        area_um2 = (area_um2 or 0.0) + bits * (bit.area_mm2 or 0.0) * 1e6
    energy_pj *= values.get("operations") or 1.0
    return energy_pj, None if area_um2 is None else area_um2 * (values.get("copies") or 1.0)


def _options(cell: str) -> dict[str, float]:
    options = {}
    for part in filter(None, (part.strip() for part in cell.split(";"))):
        name, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"options = {cell}: must be written NAME=NUMBER, several with ';' between them")
        try:
            options[name.strip()] = number(value)
        except ValueError as error:
            raise ValueError(f"options: {part}: {error}") from None
    return options


def _line(row: ReferenceRow) -> dict[str, Any]:
    energy_pj, area_um2 = ours(row)
    published_pj, published_um2 = row["energy_pj"], row["area_um2"]
    if row.values.get("use") == "calibration" and published_pj is None:
        raise InputError(f"{row.place}: use = calibration: needs an energy_pj")
    return {
        "source": row["source"],
        "row": row["row"],
        "node_nm": row["node_nm"],
        "use": row.values.get("use", "prediction"),
        "published_pj": published_pj,
        "ours_pj": energy_pj if published_pj else None,
        "energy_ratio": energy_pj / published_pj if published_pj else None,
        "published_um2": published_um2,
        "ours_um2": area_um2 if published_um2 else None,
        "area_ratio": area_um2 / published_um2 if published_um2 and area_um2 else None,
    }


def _within_two(table: Sequence[dict[str, Any]]) -> list[str]:
    """Return how many predictions lie within a factor of two, for energy and for area."""
    parts = []
    for what in ("energy", "area"):
        ratios = [
            line[f"{what}_ratio"]
            for line in table
            if line["use"] != "calibration" and line[f"{what}_ratio"] is not None
        ]
        inside = sum(0.5 <= ratio <= 2 for ratio in ratios)
        parts.append(f"{inside} of {len(ratios)} predictions of {what}")
    return parts


def _met(line: dict[str, Any]) -> bool:
    return abs(line["energy_ratio"] - 1) <= CALIBRATED_WITHIN


def _summary(
    rows: Sequence[ReferenceRow], table: Sequence[dict[str, Any]], wrong: Sequence[dict[str, Any]]
) -> tuple[str, ...]:
    calibrated = [line for line in table if line["use"] == "calibration"]
    verdict = (
        f"{len(calibrated) - len(wrong)} of {len(calibrated)} rows used for calibration are met within "
        f"{CALIBRATED_WITHIN:.0%}; the other {len(table) - len(calibrated)} are predictions. "
        f"{len(rows) - len(table)} published rows have no counterpart."
    )
    sentences = [f"Within a factor of two: {' and '.join(_within_two(table))}."]
    for source in dict.fromkeys(line["source"] for line in table):
        mine = [line for line in table if line["source"] == source]
        parts = [f"{what} {spread(found)}" for what in ("energy", "area") if (found := ratios(mine, what))]
        if parts:
            sentences.append(f"{source}: ours over published, median (range): {'; '.join(parts)}.")
    return (verdict, *sentences)


def ratios(lines: Sequence[dict[str, Any]], what: Literal["energy", "area"]) -> list[float]:
    """Return ours over published of the lines that predict: calibration is on energy only, never on area."""
    return [
        line[f"{what}_ratio"]
        for line in lines
        if line[f"{what}_ratio"] is not None and not (what == "energy" and line["use"] == "calibration")
    ]


def spread(found: Sequence[float]) -> str:
    """Return median, range and number of ratios as text."""
    rows = f"{len(found)} row{'s' if len(found) > 1 else ''}"
    return f"{median(found):.2f} ({min(found):.2f} to {max(found):.2f}, {rows})"
