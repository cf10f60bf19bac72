"""`accel-sim tech`: what a piece of hardware costs, or the list of what can be asked."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from accel_sim.cli.output import Column, facts, heading, line, print_json, table
from accel_sim.config import InputError
from accel_sim.config.errors import shortened
from accel_sim.config.units import format_si, parse_quantity
from accel_sim.technology.library import ENTRIES, as_data, find, quote
from accel_sim.technology.nodes import node_factors
from accel_sim.technology.quotes import Conditions, Quote


@dataclass(frozen=True, slots=True)
class At:
    """The conditions as given on the command line."""

    node: str
    voltage: str | None
    clock: str | None
    activity: float


def tech(
    unit: str | None, subject: str | None, at: At, options: dict[str, float | None], as_json: bool
) -> None:
    """Print the list of units, or the price of one.

    Raises:
        InputError: an unknown unit, a missing subject, a value that is not allowed.
    """
    if unit is None:
        _list(as_json)
        return
    try:
        entry = find(unit)
        if subject is None or not subject.strip():
            raise ValueError(f"needs a subject, such as '{entry.example}'")
        conditions = Conditions(
            node_nm=_quantity("node", at.node, "nanometres"),
            voltage_v=None if at.voltage is None else _quantity("voltage", at.voltage, "volts"),
            clock_hz=None if at.clock is None else _quantity("clock", at.clock, "hertz"),
            activity=at.activity,
        )
        given = {name: value for name, value in options.items() if value is not None}
        answer = quote(unit, subject, conditions, **given)
    except ValueError as error:
        asked = f"{unit} {subject}" if subject else unit
        raise InputError(f"tech {shortened(asked)}: {error}") from None
    parameters = {**entry.options, **given}
    if as_json:
        print_json(
            {
                "unit": unit,
                "subject": subject,
                **parameters,
                "conditions": asdict(conditions),
                **as_data(answer),
            }
        )
        return
    _print(unit, subject, parameters, conditions, answer)


def _quantity(name: str, text: str, dimension: str) -> float:
    try:
        return parse_quantity(text, dimension)
    except ValueError as error:
        raise ValueError(f"{name} = {shortened(text)}: {error}") from None


def _list(as_json: bool) -> None:
    if as_json:
        print_json(
            [
                {"unit": e.name, "what": e.what, "example": e.example, "options": dict(e.options)}
                for e in ENTRIES.values()
            ]
        )
        return
    columns = [Column("unit"), Column("what"), Column("example subject"), Column("options and their defaults")]
    rows = [
        (e.name, e.what, e.example, ", ".join(f"--{name} {value:g}" for name, value in e.options.items()))
        for e in ENTRIES.values()
    ]
    table(columns, rows)
    line("")
    line("accel-sim tech UNIT SUBJECT [--node 28] [--voltage 0.8] [--clock 1GHz] [--activity 0.5]")


def _print(unit: str, subject: str, parameters: dict[str, float], at: Conditions, answer: Quote) -> None:
    stated = "".join(f", {name} {value:g}" for name, value in parameters.items())
    supply_v = node_factors(at.node_nm, at.voltage_v).voltage_v
    clock = f", {format_si(at.clock_hz, 'Hz')}" if at.clock_hz else ""
    line(f"{unit} {subject}{stated}: {at.node_nm:g} nm, {supply_v:.3g} V{clock}, activity {at.activity:g}")
    line("")
    rows = [(f"energy per {event}", format_si(value, "J"), "") for event, value in answer.energy_j.items()]
    if answer.area_mm2 is not None:
        small = answer.area_mm2 < 1e-2
        area = f"{answer.area_mm2 * 1e6:.4g} µm²" if small else f"{answer.area_mm2:.4g} mm²"
        rows.append(("area", area, "cells, before place and route" if answer.cells else ""))
    if answer.leakage_w is not None:
        rows.append(("leakage", format_si(answer.leakage_w, "W"), ""))
    if answer.delay_s is not None:
        rows.append(("delay", format_si(answer.delay_s, "s"), "unit-strength cells" if answer.cells else ""))
    facts(rows)
    cells = {name: count for name, count in answer.cells.items() if count}
    if cells:
        heading("Cells")
        table([Column("cell"), Column("count", number=True)], [(n, f"{c:g}") for n, c in cells.items()])
    line("")
    line(f"certainty: {answer.certainty}; {answer.source}")
    for note in answer.notes:
        line(f"note: {note}")
