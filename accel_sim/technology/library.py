"""Everything the technology room can price, by name: what `accel-sim tech` lists and answers.

An entry has a subject in words of its own (`int8xint8+int32`, `512 KiB`, `hbm2e`) and options (`terms`).
Published tables name their rows in the same words, which is how they are set beside ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from accel_sim.config.errors import did_you_mean
from accel_sim.technology import quotes
from accel_sim.technology.arithmetic import OPERATIONS, Operation
from accel_sim.technology.cells import DEFAULT_ACTIVITY, cell
from accel_sim.technology.circuits import blocks, encoders, integer
from accel_sim.technology.nodes import node_factors
from accel_sim.technology.pricing import check_activity
from accel_sim.technology.quotes import Conditions, Pricer, Quote, block, integer_block
from accel_sim.technology.tables import check_positive

_LARGEST_OPTION = 2**40
# What the price of an entry follows, besides the node.
_CELLS = frozenset({"supply", "activity"})
_CLOCKED = _CELLS | {"clock"}


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that can be priced.

    Attributes:
        name: what it is asked by.
        what: one line.
        example: a subject.
        price: its quote for a subject, options and conditions.
        options: further parameters, whole numbers from 1, and their defaults.
        follows: those of `supply`, `clock` and `activity` that its price depends on.
    """

    name: str
    what: str
    example: str
    price: Pricer
    options: Mapping[str, float] = field(default_factory=dict)
    follows: frozenset[str] = _CELLS


def quote(name: str, subject: str, conditions: Conditions, **options: float) -> Quote:
    """Return the price of an entry; a note says which of the conditions given it does not depend on.

    Raises:
        ValueError: no such entry, format or option, a size or conditions that are not covered.
    """
    entry = find(name)
    for option, value in options.items():
        if option not in entry.options:
            raise ValueError(f"{name} has no option '{option}' (allowed: {', '.join(entry.options) or 'none'})")
        if not 1 <= value <= _LARGEST_OPTION or value % 1:
            raise ValueError(f"{option} = {value:g}: must be a whole number from 1 to 2^40")
    _check(conditions)
    answer = entry.price(subject, {**entry.options, **options}, conditions)
    given = {
        "supply": conditions.voltage_v is not None,
        "clock": conditions.clock_hz is not None,
        "activity": conditions.activity != DEFAULT_ACTIVITY,
    }
    idle = [word for word, is_given in given.items() if is_given and word not in entry.follows]
    if not idle:
        return answer
    return replace(answer, notes=(*answer.notes, f"does not depend on the {' and the '.join(idle)} given"))


def _check(at: Conditions) -> None:
    fo4_s = node_factors(at.node_nm, at.voltage_v).fo4_s
    check_activity(at.activity)
    if at.clock_hz is None:
        return
    check_positive(clock_hz=at.clock_hz)
    # A flip-flop and one inverter have to fit into a period.
    fastest_hz = 1 / (fo4_s * (cell("flip_flop").depth_fo4 + 1))
    if at.clock_hz > fastest_hz:
        limit = f"must be at most {fastest_hz:.3g}, one inverter between flip-flops at {at.node_nm:g} nm"
        raise ValueError(f"clock_hz = {at.clock_hz:g}: {limit}")


def find(name: str) -> Entry:
    """Return an entry by its name.

    Raises:
        ValueError: no such entry, with the nearest name.
    """
    if name not in ENTRIES:
        hint = did_you_mean(name, ENTRIES) or f" (allowed: {', '.join(ENTRIES)})"
        raise ValueError(f"unknown unit '{name}'{hint}")
    return ENTRIES[name]


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
    Entry("mac", "multiply-accumulate", "bf16xbf16+fp32", quotes.mac, follows=_CLOCKED),
    Entry("carry_save_mac", "the same, the sum kept as two rows", "int8xint8+int32", quotes.carry_save_mac),
    Entry(
        "dot",
        "sum of several integer products and an accumulator",
        "int8xint8+int32",
        quotes.dot,
        {"terms": 4},
        _CLOCKED,
    ),
    *(
        Entry(
            kind,
            _OPERATION_TEXT[kind],
            "fp16",
            quotes.operation_price(kind),
            follows=_CELLS if kind == "register" else _CLOCKED,
        )
        for kind in OPERATIONS
    ),
    Entry("tree", "sum of several integers", "int16", quotes.tree, {"terms": 8}, _CLOCKED),
    Entry("convert", "one value to another format", "int32->fp32", quotes.convert),
    Entry(
        "compare",
        "which of two values is larger",
        "int32",
        block(lambda fmt, option: integer.comparator(fmt.bits)),
    ),
    Entry(
        "count",
        "counter: a register and an incrementer",
        "int32",
        integer_block(lambda fmt, option: blocks.register(fmt.bits).then(integer.incrementer(fmt.bits))),
    ),
    Entry(
        "booth",
        "recoding of an operand into radix-4 Booth digits",
        "int8",
        integer_block(
            lambda fmt, option: encoders.booth_encoder(encoders.booth_digits(fmt.bits, fmt.kind == "int"))
        ),
    ),
    Entry(
        "ent",
        "recoding of a magnitude into EN-T digits",
        "int8",
        integer_block(lambda fmt, option: encoders.ent_encoder(fmt.bits)),
    ),
    Entry(
        "lzc",
        "count of leading zeros",
        "int32",
        block(lambda fmt, option: encoders.leading_zero_counter(fmt.bits)),
    ),
    Entry(
        "shift",
        "barrel shifter",
        "int32",
        block(lambda fmt, option: blocks.shifter(fmt.bits, option("places"))),
        {"places": 31},
    ),
    Entry(
        "select",
        "one of several words",
        "int8",
        block(lambda fmt, option: blocks.selector(option("ways"), fmt.bits)),
        {"ways": 4},
    ),
    Entry(
        "lut",
        "table in flip-flops, read by selectors",
        "int8",
        block(lambda fmt, option: blocks.lookup_table(option("entries"), fmt.bits, option("readers"))),
        {"entries": 8, "readers": 1},
    ),
    Entry(
        "regfile",
        "register file in flip-flops, one write port",
        "int32",
        quotes.registers,
        {"entries": 32, "readers": 1},
        frozenset(),
    ),
    Entry(
        "serial",
        "step of a bit-serial product: shift and add",
        "int8",
        integer_block(lambda fmt, option: integer.shift_and_add(fmt.bits, option("sum"))),
        {"sum": 24},
    ),
    Entry(
        "sram",
        "on-chip memory; width in bits",
        "512 KiB",
        quotes.memory_macro,
        {"width": 64, "banks": 1},
        frozenset(),
    ),
    Entry(
        "dram",
        "bits to or from off-chip memory, and its interface",
        "hbm2e",
        quotes.dram,
        follows=frozenset(),
    ),
    Entry("link", "bits over a link between dies", "pcie5", quotes.link, follows=frozenset()),
    Entry("wire", "bits over a wire on the die", "1 mm", quotes.wire, follows=frozenset({"supply"})),
    Entry(
        "router",
        "flit through a router of an on-chip network",
        "64 bit",
        quotes.router,
        {"ports": 5, "flits": 4},
    ),
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
