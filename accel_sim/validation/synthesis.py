"""Carry-save arrays (OPT1) against plain ones, predicted from their structure and set beside synthesis reports.

Three constants of the cell library are calibrated on the plain multiply-accumulate arrays and PE only: area of
logic, of registers at the fastest clock an array meets, and of registers at a relaxed clock. Synthesis copies
and enlarges registers where the clock is tight, so their area depends on it; that of logic is taken not to.
Everything about OPT1 is then a prediction. Gated are area and leakage of OPT1 over the plain array it replaces,
at the fastest clock of each and at the nearest common clock.

The energy ratio is printed and not gated: the reports assume the same switching for every net and leave out
activity files, so their power is mostly that of clocked registers, copies included.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel_sim.config.errors import InputError
from accel_sim.technology.circuits.circuit import area_um2, cells
from accel_sim.technology.pricing import price
from accel_sim.validation.reference import (
    Parser,
    ReferenceRow,
    maybe,
    one_of,
    positive,
    read_reference,
    text,
)
from accel_sim.validation.report import Report
from accel_sim.validation.tensor_arrays import CARRY_SAVE, PLAIN, REPLACES, Pe, opt4c_pe

REFERENCE = Path(__file__).parent / "data" / "synthesis.csv"
BOUND = 0.15
# At a period this many times the shortest an array meets, no register is copied any more (assumed).
RELAXED = 1.25
NODE_NM, SUPPLY_V = 32.0, 0.85
# Design Compiler's default toggle rate, transitions of a net in a cycle.
REPORT_ACTIVITY = 0.1
_PLAIN_PE = "OPT1/systolic_array_os/mac_pe"
_PLAIN_PE_REGISTERS = cells(flip_flop=16, flip_flop_reset=32)

_COLUMNS: Mapping[str, Parser] = {
    "variant": text,
    "design": text,
    "clock_ns": positive,
    "timing_met": maybe(one_of(("True", "False"))),
    "cell_area_um2": maybe(positive),
    "comb_area_um2": maybe(positive),
    "noncomb_area_um2": maybe(positive),
    "dynamic_mW": maybe(positive),
    "leakage_mW": maybe(positive),
}


@dataclass(frozen=True, slots=True)
class Library:
    """What the synthesis library's cells are of ours: factors calibrated on plain arrays."""

    logic: float
    registers_fastest: float
    registers_relaxed: float

    def registers(self, slack: float) -> float:
        """Return the factor of registers at a period `slack` times the shortest one."""
        tight = min(1.0, max(0.0, (RELAXED - slack) / (RELAXED - 1)))
        return self.registers_relaxed + tight * (self.registers_fastest - self.registers_relaxed)

    def area_um2(self, pe: Pe, slack: float) -> float:
        """Return the predicted cell area of one PE."""
        return self.logic * area_um2(pe.logic) + self.registers(slack) * area_um2(pe.registers)

    def energy_j(self, pe: Pe, slack: float) -> float:
        """Return the predicted dynamic energy of one PE in a cycle, copies of registers clocked with them."""
        copies = self.registers(slack) / self.registers_relaxed
        logic, registers = (
            price(part, NODE_NM, SUPPLY_V, REPORT_ACTIVITY).energy_j for part in (pe.logic, pe.registers)
        )
        return logic + copies * registers


def validate(reference: Path | None = None) -> Report:
    """Return predicted and synthesized ratios of OPT1 to plain arrays, and areas per PE of the other engines.

    Raises:
        InputError: the file cannot be read, a row is malformed, or a plain array or every OPT1 array has no
            row that met its timing.
    """
    source = str(reference or REFERENCE.name)
    rows = [row for row in read_reference(reference or REFERENCE, _COLUMNS) if _usable(row)]
    library = calibrate(rows, source)
    table = [line for variant in CARRY_SAVE for line in _comparisons(rows, variant, library)]
    if not table:
        raise InputError(f"{source}: no row of an OPT1 array that met its timing ({', '.join(CARRY_SAVE)})")
    wrong = [line for line in table if not line["met"]]
    return Report(
        suite="synthesis",
        reference=source,
        columns=tuple(table[0]),
        rows=(*table, *_others(rows, library)),
        passed=not wrong,
        summary=_summary(table, wrong, library),
    )


def _usable(row: ReferenceRow) -> bool:
    areas = ("cell_area_um2", "comb_area_um2", "noncomb_area_um2")
    return row["timing_met"] == "True" and None not in [row[area] for area in areas]


def _fastest(rows: Sequence[ReferenceRow], variant: str) -> ReferenceRow | None:
    mine = [row for row in rows if row["variant"] == variant]
    return min(mine, key=lambda row: row["clock_ns"], default=None)


def calibrate(rows: Sequence[ReferenceRow], source: str) -> Library:
    """Return the factors from the plain arrays at their fastest met clock and the plain PE at its slowest.

    Raises:
        InputError: one of them has no row with met timing.
    """
    logic, registers = [], []
    for variant, pe in PLAIN.items():
        row = _fastest(rows, variant)
        if row is None:
            raise InputError(f"{source}: no row of {variant} that met its timing, which calibrates the library")
        logic.append(row["comb_area_um2"] / pe.count / area_um2(pe.logic))
        registers.append(row["noncomb_area_um2"] / pe.count / area_um2(pe.registers))
    alone = [row for row in rows if row["variant"] == _PLAIN_PE]
    if not alone:
        raise InputError(f"{source}: no row of {_PLAIN_PE} that met its timing, which calibrates the registers")
    relaxed = max(alone, key=lambda row: row["clock_ns"])["noncomb_area_um2"] / area_um2(_PLAIN_PE_REGISTERS)
    return Library(_mean(logic), _mean(registers), relaxed)


def _mean(ratios: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def _comparisons(rows: Sequence[ReferenceRow], variant: str, library: Library) -> list[dict[str, Any]]:
    """Return the lines of an OPT1 array: each array at its fastest clock, then at the nearest common one."""
    plain_rows = [row for row in rows if row["variant"] == REPLACES[variant]]
    mine = [row for row in rows if row["variant"] == variant]
    if not mine:
        return []
    shortest = {
        name: min(row["clock_ns"] for row in group) for name, group in (("plain", plain_rows), ("opt1", mine))
    }
    pairs = [("fastest", _fastest(rows, REPLACES[variant]), _fastest(rows, variant))]
    nearest = min(
        ((a, b) for a in plain_rows for b in mine),
        key=lambda pair: abs(math.log(pair[0]["clock_ns"] / pair[1]["clock_ns"])),
    )
    if nearest != pairs[0][1:]:
        pairs.append(("common", *nearest))
    lines = []
    for clocks, plain, opt1 in pairs:
        assert plain is not None and opt1 is not None
        slack = plain["clock_ns"] / shortest["plain"], opt1["clock_ns"] / shortest["opt1"]
        lines.append(_line(variant, clocks, (plain, opt1), slack, library))
    return lines


def _line(
    variant: str,
    clocks: str,
    pair: tuple[ReferenceRow, ReferenceRow],
    slack: tuple[float, float],
    library: Library,
) -> dict[str, Any]:
    plain, opt1 = pair
    models = PLAIN[REPLACES[variant]], CARRY_SAVE[variant]
    areas = [library.area_um2(pe, s) for pe, s in zip(models, slack, strict=True)]
    energies = [library.energy_j(pe, s) for pe, s in zip(models, slack, strict=True)]
    area, leakage, energy = areas[1] / areas[0], areas[1] / areas[0], energies[1] / energies[0]
    measured_area = opt1["cell_area_um2"] / plain["cell_area_um2"]
    measured_leakage = _ratio(opt1["leakage_mW"], plain["leakage_mW"])
    measured_energy = _ratio(_per_cycle(opt1), _per_cycle(plain))
    gated = [area / measured_area - 1] + ([leakage / measured_leakage - 1] if measured_leakage else [])
    return {
        "variant": _short(variant),
        "clocks": clocks,
        "plain_ns": plain["clock_ns"],
        "opt1_ns": opt1["clock_ns"],
        "area_ratio": measured_area,
        "predicted_area_ratio": area,
        "area_off": area / measured_area - 1,
        "leakage_ratio": measured_leakage,
        "leakage_off": leakage / measured_leakage - 1 if measured_leakage else None,
        "energy_ratio": measured_energy,
        "energy_off": energy / measured_energy - 1 if measured_energy else None,
        "pe_area_um2": opt1["cell_area_um2"] / models[1].count,
        "predicted_pe_um2": areas[1],
        "met": max(map(abs, gated)) <= BOUND,
    }


def _ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one and other else None


def _per_cycle(row: ReferenceRow) -> float | None:
    return None if row["dynamic_mW"] is None else row["dynamic_mW"] * row["clock_ns"]


def _short(variant: str) -> str:
    return variant.removeprefix("OPT1/").split("/")[0]


def _others(rows: Sequence[ReferenceRow], library: Library) -> list[dict[str, Any]]:
    """Return area per PE of the engines without a plain counterpart of their shape: not gated."""
    lines = []
    for row in rows:
        shape = re.search(r"_n([1-9][0-9]*)$", row["design"])
        if shape is None or not row["variant"].startswith(("OPT2", "OPT3", "OPT4")):
            continue
        shortest = min(
            other["clock_ns"]
            for other in rows
            if (other["variant"], other["design"]) == (row["variant"], row["design"])
        )
        predicted = None
        if row["variant"].startswith("OPT3_OPT4C"):
            predicted = library.area_um2(opt4c_pe(), row["clock_ns"] / shortest)
        lines.append(
            {
                "variant": f"{row['variant']} {row['design']}",
                "clocks": "per PE, not gated",
                "opt1_ns": row["clock_ns"],
                "pe_area_um2": row["cell_area_um2"] / int(shape[1]),
                "predicted_pe_um2": predicted,
            }
        )
    return lines


def _summary(
    table: Sequence[dict[str, Any]], wrong: Sequence[dict[str, Any]], library: Library
) -> tuple[str, ...]:
    worst = max(abs(line["area_off"]) for line in table)
    leakage = max((abs(line["leakage_off"]) for line in table if line["leakage_off"] is not None), default=0.0)
    energies = [abs(line["energy_off"]) for line in table if line["energy_off"] is not None]
    inside = sum(off <= BOUND for off in energies)
    return (
        f"{len(table) - len(wrong)} of {len(table)} comparisons of OPT1 with a plain array are predicted "
        f"within {BOUND:.0%}: area within {worst:.1%}, leakage within {leakage:.1%}.",
        f"Energy per cycle, not gated: {inside} of {len(energies)} within {BOUND:.0%}, "
        f"the farthest {max(energies, default=0.0):.0%} off (default switching in the reports).",
        f"Calibrated on plain arrays: logic {library.logic:.3g} times our cells, registers "
        f"{library.registers_fastest:.3g} times at the fastest clock, {library.registers_relaxed:.3g} relaxed.",
    )
