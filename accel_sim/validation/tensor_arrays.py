"""The synthesized arrays of bit-weight tensor engines as circuits, PE by PE, after their public RTL.

Source: wqzustc/High-Performance-Tensor-Processing-Engines (HPCA 2025, arXiv 2503.06342). A plain PE multiplies
and accumulates; an OPT1 PE keeps its sum as two rows, so no carry is propagated. Clears and synchronous resets
are an AND a bit, an enable is a selector a bit; operands enter the arrays through a rank of registers.
"""

from __future__ import annotations

from dataclasses import dataclass

from accel_sim.technology.circuits.circuit import Circuit, cells
from accel_sim.technology.circuits.integer import carry_save_accumulate, multiply_accumulate
from accel_sim.technology.circuits.reduction import reduce_columns, row, stack

OPERAND_BITS = 8


@dataclass(frozen=True, slots=True)
class Pe:
    """One PE of an array, its share of the input registers included.

    Attributes:
        count: PEs in the array.
        logic, registers: combinational and clocked cells of one.
    """

    count: int
    logic: Circuit
    registers: Circuit


def _plain(count: int, sum_bits: int, edge_bits: int, extra: Circuit) -> Pe:
    # These arrays are synthesized for the fastest clock they meet, hence the prefix adder.
    logic = multiply_accumulate(OPERAND_BITS, OPERAND_BITS, sum_bits, "prefix").then(extra)
    held = 2 * OPERAND_BITS + sum_bits + edge_bits / count
    return Pe(count, logic, cells({"flip_flop_reset": 1}, flip_flop_reset=held))


def _opt1(count: int, sum_bits: int, edge_bits: int, extra: Circuit) -> Pe:
    logic = carry_save_accumulate(OPERAND_BITS, OPERAND_BITS, sum_bits).then(extra)
    operands = 2 * OPERAND_BITS + edge_bits / count
    registers = cells({"flip_flop_reset": 1}, flip_flop_reset=operands, flip_flop=2 * sum_bits)
    return Pe(count, logic, registers)


def _gates(**counts: float) -> Circuit:
    return cells(dict.fromkeys(counts, 1), **counts)


# Accumulators: 32 bits output stationary, else the product and the growth over one dimension of the array.
_WS_BITS, _CUBE_BITS = 2 * OPERAND_BITS + 4, 2 * OPERAND_BITS + 3
_WEIGHT_ENABLE = _gates(mux2=2 * OPERAND_BITS)

PLAIN: dict[str, Pe] = {
    "OPT1/systolic_array_os/array_mac_based": _plain(256, 32, 256, _gates(and2=32)),
    "OPT1/systolic_array_ws/array_mac_based": _plain(256, _WS_BITS, 256, _WEIGHT_ENABLE),
    "OPT1/cube/array_mac_based": _plain(512, _CUBE_BITS, 1024, Circuit()),
}
CARRY_SAVE: dict[str, Pe] = {
    "OPT1/systolic_array_os/array_opt1_based": _opt1(256, 32, 256, _gates(and2=64)),
    "OPT1/systolic_array_ws/array_opt1_based": _opt1(
        256, _WS_BITS, 256, _WEIGHT_ENABLE.then(_gates(and2=4 * _WS_BITS))
    ),
    "OPT1/cube/array_opt1_based": _opt1(512, _CUBE_BITS, 1024, _gates(and2=4 * _CUBE_BITS)),
}
# The plain array that an OPT1 array replaces.
REPLACES = dict(zip(CARRY_SAVE, PLAIN, strict=True))


def opt4c_pe(sum_bits: int = 26) -> Pe:
    """Return a PE of OPT4C: a multiple of b chosen by a digit and added to a sum in two rows; no encoder."""
    digit_bits = 2
    select = _gates(mux2=3 * (OPERAND_BITS + 2)).then(
        cells({"half_adder": 1}, half_adder=OPERAND_BITS + 1, inverter=OPERAND_BITS + 1)
    )
    rows = stack(row(OPERAND_BITS + 3), row(sum_bits), row(sum_bits))
    logic = select.then(_gates(and2=2 * sum_bits)).then(reduce_columns(rows, sum_bits).circuit)
    registers = cells({"flip_flop": 1}, flip_flop_reset=OPERAND_BITS + digit_bits, flip_flop=2 * sum_bits)
    return Pe(1, logic, registers)
