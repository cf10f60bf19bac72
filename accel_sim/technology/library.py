"""Everything the technology room can price, by name: what `accel-sim tech` lists and answers.

An entry has a subject in words of its own (`int8xint8+int32`, `512 KiB`, `hbm2e`) and options (`terms`).
Published tables name their rows in the same words, which is how they are set beside ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from accel_sim.config.errors import did_you_mean
from accel_sim.config.units import parse_quantity
from accel_sim.technology import memory
from accel_sim.technology.arithmetic import (
    OPERATIONS,
    Operation,
    multiply_accumulate,
    multiply_accumulate_circuit,
    operation,
    operation_circuit,
)
from accel_sim.technology.cells import DEFAULT_ACTIVITY
from accel_sim.technology.circuits import blocks, encoders, floating, integer
from accel_sim.technology.circuits.circuit import Circuit
from accel_sim.technology.cost import Certainty, Cost
from accel_sim.technology.network import router_circuit
from accel_sim.technology.nodes import node_factors
from accel_sim.technology.pricing import built_for, price
from accel_sim.technology.register_file import register_file
from accel_sim.technology.sram import sram
from accel_sim.technology.sram_cost import SramCost
from accel_sim.workload.formats import NumberFormat, number_format


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a price holds for.

    Attributes:
        node_nm, voltage_v: node, and supply or None for its nominal one.
        clock_hz: the unit takes an operation each cycle of it; None: as small as can be.
        activity: output transitions of a cell in one use.
    """

    node_nm: float
    voltage_v: float | None = None
    clock_hz: float | None = None
    activity: float = DEFAULT_ACTIVITY


@dataclass(frozen=True, slots=True)
class Quote:
    """The price of an entry.

    Attributes:
        energy_j: of each event, by name.
        area_mm2, leakage_w, delay_s: of the unit; None where it has none or no source gives it.
        cells: standard cells it is made of, by kind; empty for what is not built of them.
        source, certainty, notes: as in `Cost`.
    """

    energy_j: Mapping[str, float]
    area_mm2: float | None
    leakage_w: float | None
    delay_s: float | None
    cells: Mapping[str, float]
    source: str
    certainty: Certainty
    notes: tuple[str, ...] = ()


Pricer = Callable[[str, Mapping[str, float], Conditions], Quote]


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that can be priced.

    Attributes:
        name: what it is asked by.
        what: one line.
        example: a subject.
        options: further parameters and their defaults.
        quote: its price for a subject, options and conditions.
    """

    name: str
    what: str
    example: str
    quote: Pricer
    options: Mapping[str, float] = field(default_factory=dict)


def quote(name: str, subject: str, conditions: Conditions, **options: float) -> Quote:
    """Return the price of an entry.

    Raises:
        ValueError: no such entry, format or option, a size or conditions that are not covered.
    """
    entry = find(name)
    for option, value in options.items():
        if option not in entry.options:
            allowed = ", ".join(entry.options) or "none"
            raise ValueError(f"{name} has no option '{option}' (allowed: {allowed})")
        if not value >= 1 or value > 2**40:
            raise ValueError(f"{option} = {value:g}: must be from 1 to 2^40")
    return entry.quote(subject, {**entry.options, **options}, conditions)


def find(name: str) -> Entry:
    """Return an entry by its name.

    Raises:
        ValueError: no such entry, with the nearest name.
    """
    if name not in ENTRIES:
        raise ValueError(f"unknown unit '{name}'{did_you_mean(name, ENTRIES)}")
    return ENTRIES[name]


# Units of standard cells.

_OPERANDS = re.compile(r"(?P<a>\w+?)x(?P<b>[a-z]\w*?)(?:\+(?P<sum>\w+))?")


def operands(subject: str) -> tuple[NumberFormat, NumberFormat, NumberFormat | None]:
    """Return the formats of `AxB+SUM`, such as `bf16xbf16+fp32`; SUM may be left out.

    Raises:
        ValueError: not of this form, or an unknown format.
    """
    match = _OPERANDS.fullmatch(subject.replace(" ", ""))
    if match is None:
        raise ValueError(f"{subject}: must be written AxB+SUM, such as int8xint8+int32")
    a, b, total = match["a"], match["b"], match["sum"]
    return number_format(a), number_format(b), number_format(total) if total else None


def _built(circuit: Circuit, cost: Cost, at: Conditions) -> Quote:
    return Quote(
        energy_j={"operation": cost.energy_j},
        area_mm2=cost.area_mm2,
        leakage_w=cost.leakage_w,
        delay_s=circuit.depth_fo4 * node_factors(at.node_nm, at.voltage_v).fo4_s,
        cells=circuit.cells,
        source=cost.source,
        certainty=cost.certainty,
        notes=cost.notes,
    )


def _circuit(circuit: Circuit, at: Conditions) -> Quote:
    return _built(circuit, price(circuit, at.node_nm, at.voltage_v, at.activity), at)


def _operation(kind: Operation) -> Pricer:
    def priced(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
        fmt = number_format(subject)
        cost = operation(kind, fmt, at.node_nm, at.voltage_v, at.clock_hz, at.activity)
        return _built(operation_circuit(kind, fmt, at.node_nm, at.voltage_v, at.clock_hz), cost, at)

    return priced


def _mac(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
    a, b, total = operands(subject)
    if total is None:
        raise ValueError(f"{subject}: a multiply-accumulate needs its sum, such as {a.name}x{b.name}+fp32")
    cost = multiply_accumulate(a, b, total, at.node_nm, at.voltage_v, at.clock_hz, at.activity)
    circuit = multiply_accumulate_circuit(a, b, total, at.node_nm, at.voltage_v, at.clock_hz)
    return _built(circuit, cost, at)


def _dot(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
    a, b, total = operands(subject)
    terms, sum_bits = int(options["terms"]), total.bits if total else 0
    if "float" in (a.kind, b.kind, total.kind if total else ""):
        raise ValueError(
            f"{subject}: a dot product is of integers; floats are multiply-accumulates, one a term"
        )
    signed = "int" in (a.kind, b.kind)
    circuit = built_for(
        at.clock_hz,
        at.node_nm,
        at.voltage_v,
        sum_bits or a.bits + b.bits,
        lambda carry: integer.dot_product(a.bits, b.bits, terms, sum_bits, carry, signed=signed),
    )
    return _circuit(circuit, at)


def _carry_save_mac(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
    a, b, total = operands(subject)
    if total is None or "float" in (a.kind, b.kind, total.kind):
        raise ValueError(f"{subject}: must be integers with a sum, such as int8xint8+int32")
    return _circuit(integer.carry_save_accumulate(a.bits, b.bits, total.bits), at)


def _tree(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
    fmt, terms = _integer(subject), int(options["terms"])
    circuit = built_for(
        at.clock_hz,
        at.node_nm,
        at.voltage_v,
        fmt.bits,
        lambda carry: integer.adder_tree(terms, fmt.bits, carry),
    )
    return _circuit(circuit, at)


def _integer(subject: str) -> NumberFormat:
    fmt = number_format(subject)
    if fmt.kind == "float":
        raise ValueError(f"{subject}: must be an integer format")
    return fmt


def _convert(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
    source, arrow, target = subject.partition("->")
    if not arrow:
        raise ValueError(f"{subject}: must be written FROM->TO, such as int32->fp32")
    return _circuit(floating.converter(number_format(source.strip()), number_format(target.strip())), at)


Builder = Callable[[NumberFormat, Callable[[str], int]], Circuit]


def _block(build: Builder) -> Pricer:
    """Return the pricer of a block of a format's width; the builder gets its options by name, as integers."""

    def priced(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
        return _circuit(build(number_format(subject), lambda name: int(options[name])), at)

    return priced


# Memories and wires.


def _sram(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
    width_bytes = options["width"] / 8
    cost = sram(parse_quantity(subject, "bytes"), width_bytes, int(options["banks"]), at.node_nm)
    return _memory(cost, width_bytes)


def _register_file(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
    width_bytes = number_format(subject).bits / 8
    capacity_bytes = int(options["entries"]) * width_bytes
    return _memory(register_file(capacity_bytes, width_bytes, at.node_nm, int(options["readers"])), width_bytes)


def _memory(cost: SramCost, width_bytes: float) -> Quote:
    return Quote(
        energy_j={
            "read": cost.read_energy_j_per_byte * width_bytes,
            "write": cost.write_energy_j_per_byte * width_bytes,
        },
        area_mm2=cost.area_mm2,
        leakage_w=cost.leakage_w,
        delay_s=cost.access_time_s or None,
        cells={},
        source=cost.source,
        certainty=cost.certainty,
        notes=cost.notes,
    )


def _moved(per_byte_j: float, area_mm2: float | None, source: str, certainty: Certainty) -> Quote:
    return Quote({"bit": per_byte_j / 8}, area_mm2, None, None, {}, source, certainty)


def _dram(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
    cost = memory.dram(subject)
    area = memory.dram_interface_area_mm2(subject, at.node_nm)
    return _moved(cost.energy_j_per_byte, area, cost.source, cost.certainty)


def _link(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
    cost = memory.link(subject)
    area = memory.link_interface_area_mm2(subject, at.node_nm) if cost.unit else None
    return _moved(cost.energy_j_per_byte, area, cost.source, cost.certainty)


def _wire(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
    length_mm = parse_quantity(subject, "metres") * 1e3
    per_byte = memory.wire_energy_j_per_byte_mm(at.node_nm, at.voltage_v) * length_mm
    return _moved(per_byte, None, memory.WIRE_SOURCE, "assumed")


def _router(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
    flit_bits = round(8 * parse_quantity(subject, "bytes"))
    return _circuit(router_circuit(int(options["ports"]), flit_bits, int(options["flits"])), at)


_OPERATION_TEXT: Mapping[Operation, str] = {
    "add": "sum of two values",
    "multiply": "product of two values",
    "max": "larger of two values",
    "exp": "exponential, on one multiplier and one adder",
    "rsqrt": "reciprocal square root, on one multiplier and one adder",
    "divide": "quotient, on one multiplier and one adder",
    "register": "one value in flip-flops",
}
_ENTRIES = (
    Entry("mac", "multiply-accumulate", "bf16xbf16+fp32", _mac),
    Entry("carry_save_mac", "the same, the sum kept as two rows", "int8xint8+int32", _carry_save_mac),
    Entry("dot", "sum of several integer products and an accumulator", "int8xint8+int32", _dot, {"terms": 4}),
    *(Entry(kind, _OPERATION_TEXT[kind], "fp16", _operation(kind)) for kind in OPERATIONS),
    Entry("tree", "sum of several integers", "int16", _tree, {"terms": 8}),
    Entry("convert", "one value to another format", "int32->fp32", _convert),
    Entry(
        "compare",
        "which of two values is larger",
        "int32",
        _block(lambda fmt, option: integer.comparator(fmt.bits)),
    ),
    Entry(
        "count",
        "counter: a register and an incrementer",
        "int32",
        _block(lambda fmt, option: blocks.register(fmt.bits).then(integer.incrementer(fmt.bits))),
    ),
    Entry(
        "booth",
        "recoding of an operand into radix-4 Booth digits",
        "int8",
        _block(lambda fmt, option: encoders.booth_encoder((fmt.bits + 1) // 2)),
    ),
    Entry(
        "ent",
        "recoding of a magnitude into EN-T digits",
        "int8",
        _block(lambda fmt, option: encoders.ent_encoder(fmt.bits)),
    ),
    Entry(
        "lzc",
        "count of leading zeros",
        "int32",
        _block(lambda fmt, option: encoders.leading_zero_counter(fmt.bits)),
    ),
    Entry(
        "shift",
        "barrel shifter",
        "int32",
        _block(lambda fmt, option: blocks.shifter(fmt.bits, option("places"))),
        {"places": 31},
    ),
    Entry(
        "select",
        "one of several words",
        "int8",
        _block(lambda fmt, option: blocks.selector(option("ways"), fmt.bits)),
        {"ways": 4},
    ),
    Entry(
        "lut",
        "table in flip-flops, read by selectors",
        "int8",
        _block(lambda fmt, option: blocks.lookup_table(option("entries"), fmt.bits, option("readers"))),
        {"entries": 8, "readers": 1},
    ),
    Entry("regfile", "register file, one write port", "int32", _register_file, {"entries": 32, "readers": 1}),
    Entry(
        "serial",
        "step of a bit-serial product: shift and add",
        "int8",
        _block(lambda fmt, option: integer.shift_and_add(fmt.bits, option("sum"))),
        {"sum": 24},
    ),
    Entry("sram", "on-chip memory; width in bits", "512 KiB", _sram, {"width": 64, "banks": 1}),
    Entry("dram", "bits to or from off-chip memory, and its interface", "hbm2e", _dram),
    Entry("link", "bits over a link between dies", "pcie5", _link),
    Entry("wire", "bits over a wire on the die", "1 mm", _wire),
    Entry("router", "flit through a router of an on-chip network", "64 bit", _router, {"ports": 5, "flits": 4}),
)
ENTRIES: Mapping[str, Entry] = {entry.name: entry for entry in _ENTRIES}


def as_data(answer: Quote) -> dict[str, Any]:
    """Return a quote as plain data."""
    return {
        "energy_j": dict(answer.energy_j),
        "area_mm2": answer.area_mm2,
        "leakage_w": answer.leakage_w,
        "delay_s": answer.delay_s,
        "cells": {name: count for name, count in answer.cells.items() if count},
        "source": answer.source,
        "certainty": answer.certainty,
        "notes": list(answer.notes),
    }
