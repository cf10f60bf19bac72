"""Prices by words: what a subject such as `int8xint8+int32` or `512 KiB` costs under given conditions.

A pricer takes a subject, options and conditions, and returns a `Quote`; `library` lists the pricers by name.
Their errors do not repeat the subject, which whoever asked puts in front.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from accel_sim.config.units import parse_quantity
from accel_sim.technology import memory
from accel_sim.technology.arithmetic import (
    Operation,
    multiply_accumulate,
    multiply_accumulate_circuit,
    operation,
    operation_circuit,
)
from accel_sim.technology.cells import DEFAULT_ACTIVITY
from accel_sim.technology.circuits import floating, integer
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
Builder = Callable[[NumberFormat, Callable[[str], int]], Circuit]

_OPERANDS = re.compile(r"(?P<a>\w+?)x(?P<b>[a-z]\w*?)(?:\+(?P<sum>\w+))?")


def operands(subject: str) -> tuple[NumberFormat, NumberFormat, NumberFormat | None]:
    """Return the formats of `AxB+SUM`, such as `bf16xbf16+fp32`; SUM may be left out.

    Raises:
        ValueError: not of this form, or an unknown format.
    """
    match = _OPERANDS.fullmatch(subject.replace(" ", ""))
    if match is None:
        raise ValueError("must be written AxB+SUM, such as int8xint8+int32")
    a, b, total = match["a"], match["b"], match["sum"]
    return _one_of_several(a), _one_of_several(b), _one_of_several(total) if total else None


def _one_of_several(name: str) -> NumberFormat:
    try:
        return number_format(name)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _integer(subject: str) -> NumberFormat:
    fmt = number_format(subject)
    if fmt.kind == "float":
        raise ValueError("must be an integer format")
    return fmt


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


def operation_price(kind: Operation) -> Pricer:
    """Return the pricer of an operation on values of the format that the subject names."""

    def priced(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
        fmt = number_format(subject)
        cost = operation(kind, fmt, at.node_nm, at.voltage_v, at.clock_hz, at.activity)
        return _built(operation_circuit(kind, fmt, at.node_nm, at.voltage_v, at.clock_hz), cost, at)

    return priced


def mac(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
    """Return the price of a multiply-accumulate."""
    a, b, total = operands(subject)
    if total is None:
        raise ValueError(f"a multiply-accumulate needs its sum, such as {a.name}x{b.name}+fp32")
    cost = multiply_accumulate(a, b, total, at.node_nm, at.voltage_v, at.clock_hz, at.activity)
    circuit = multiply_accumulate_circuit(a, b, total, at.node_nm, at.voltage_v, at.clock_hz)
    return _built(circuit, cost, at)


def dot(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
    """Return the price of a sum of integer products, and of an accumulator where the subject has one."""
    a, b, total = operands(subject)
    terms, sum_bits = int(options["terms"]), total.bits if total else 0
    if "float" in (a.kind, b.kind, total.kind if total else ""):
        raise ValueError("a dot product is of integers; floats are multiply-accumulates, one a term")
    signed = "int" in (a.kind, b.kind)
    circuit = built_for(
        at.clock_hz,
        at.node_nm,
        at.voltage_v,
        max(sum_bits, a.bits + b.bits + (terms - 1).bit_length()),
        lambda carry: integer.dot_product(a.bits, b.bits, terms, sum_bits, carry, signed=signed),
    )
    return _circuit(circuit, at)


def carry_save_mac(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
    """Return the price of an integer multiply-accumulate whose sum stays in carry-save form."""
    a, b, total = operands(subject)
    if total is None or "float" in (a.kind, b.kind, total.kind):
        raise ValueError("must be integers with a sum, such as int8xint8+int32")
    return _circuit(integer.carry_save_accumulate(a.bits, b.bits, total.bits), at)


def tree(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
    """Return the price of the sum of several integers."""
    fmt, terms = _integer(subject), int(options["terms"])
    circuit = built_for(
        at.clock_hz,
        at.node_nm,
        at.voltage_v,
        fmt.bits + (terms - 1).bit_length(),
        lambda carry: integer.adder_tree(terms, fmt.bits, carry),
    )
    return _circuit(circuit, at)


def convert(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
    """Return the price of a conversion between two formats."""
    source, arrow, target = (part.strip() for part in subject.partition("->"))
    if not arrow:
        raise ValueError("must be written FROM->TO, such as int32->fp32")
    return _circuit(floating.converter(_one_of_several(source), _one_of_several(target)), at)


def block(build: Builder) -> Pricer:
    """Return the pricer of a block of a format's width; the builder gets its options by name, as integers."""

    def priced(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
        return _circuit(build(number_format(subject), lambda name: int(options[name])), at)

    return priced


def integer_block(build: Builder) -> Pricer:
    """Return the pricer of a block that only integers have."""

    def priced(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
        return _circuit(build(_integer(subject), lambda name: int(options[name])), at)

    return priced


def router(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
    """Return the price of a router of flits of the size that the subject names."""
    flit_bits = 8 * parse_quantity(subject, "bytes")
    if not 1 <= flit_bits <= 2**40 or flit_bits % 1:
        raise ValueError(f"a flit of {flit_bits:g} bits: must be a whole number of bits from 1 to 2^40")
    return _circuit(router_circuit(int(options["ports"]), int(flit_bits), int(options["flits"])), at)


def memory_macro(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
    """Return the price of an access to an on-chip memory of the capacity that the subject names."""
    width_bytes = options["width"] / 8
    cost = sram(parse_quantity(subject, "bytes"), width_bytes, int(options["banks"]), at.node_nm)
    return _accessed(cost, width_bytes)


def registers(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
    """Return the price of an access to a register file of words of the format that the subject names."""
    width_bytes = number_format(subject).bits / 8
    capacity_bytes = int(options["entries"]) * width_bytes
    return _accessed(
        register_file(capacity_bytes, width_bytes, at.node_nm, int(options["readers"])), width_bytes
    )


def _accessed(cost: SramCost, width_bytes: float) -> Quote:
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


def dram(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
    """Return the price of a bit to or from a DRAM standard, and of its interface."""
    cost = memory.dram(subject)
    area_mm2 = memory.dram_interface_area_mm2(subject, at.node_nm)
    return _moved(cost.energy_j_per_byte, area_mm2, cost.source, cost.certainty, at)


def link(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
    """Return the price of a bit over a link, and of its interface where a source gives its area."""
    cost = memory.link(subject)
    area_mm2 = memory.link_interface_area_mm2(subject, at.node_nm) if cost.unit else None
    return _moved(cost.energy_j_per_byte, area_mm2, cost.source, cost.certainty, at)


def wire(subject: str, options: Mapping[str, float], at: Conditions) -> Quote:
    """Return the price of a bit over a wire of the length that the subject names."""
    length_mm = parse_quantity(subject, "metres") * 1e3
    if length_mm <= 0:
        raise ValueError("must be above 0 mm")
    per_byte_j = memory.wire_energy_j_per_byte_mm(at.node_nm, at.voltage_v) * length_mm
    return _moved(per_byte_j, None, memory.WIRE_SOURCE, "assumed", at)


def _moved(
    per_byte_j: float, area_mm2: float | None, source: str, certainty: Certainty, at: Conditions
) -> Quote:
    # Only the controller's area follows the node.
    notes = () if area_mm2 is None else node_factors(at.node_nm).notes
    return Quote({"bit": per_byte_j / 8}, area_mm2, None, None, {}, source, certainty, notes)
