"""Keys and values in HBM-PIM: a product with the keys of every head, and one with the transposed values.

Keys of a head are a matrix of tokens x dimensions, values one of dimensions x tokens, both laid out as
`hbm.gemv` lays out weights: a new key is one column in eight of every row it touches, in the bank pair of its
output; a new value lies in one column for each of its dimensions, eight next to each other in the banks of
one parity. Queries that share a KV head are a batch. Every head is a kernel of its own, with its mode
switches.
"""

from __future__ import annotations

from math import ceil

import numpy as np

from accel_sim.hardware.pim.device import PimDevice
from accel_sim.hardware.pim.hbm import gemv, tile_outputs, units, weights_column
from accel_sim.hardware.pim.program import Builder, Program


def head_products(device: PimDevice, heads: int, outputs: int, inputs: int, queries: int) -> Program:
    """Return one channel's products of `heads` heads, each with a matrix of its own.

    Args:
        device: the memory.
        heads: KV heads in the channel.
        outputs: tokens for scores, dimensions for sums of values.
        inputs: columns of a key for scores, of a row of tokens for sums of values.
        queries: query heads that share a KV head.
    """
    program = gemv(device, outputs, inputs, queries).program
    return Program(device.protocol, np.tile(program.lines, (heads, 1)))


def matrix_place(device: PimDevice, inputs: int, output: int, column: int) -> tuple[int, int, int]:
    """Return (bank, row, column) of a column of an output's weights; inputs: columns of the operand."""
    registers = device.protocol.pim.registers
    tile, within = divmod(output, tile_outputs(device))
    unit, register = divmod(within, registers)
    part, place = divmod(column, registers)
    first = weights_column(device, ceil(inputs / registers), tile, part, separate=True)
    row, at = divmod(first + place * registers + register, device.columns)
    return unit * device.protocol.pim.banks_per_unit + part % 2, row, at


def append_keys(device: PimDevice, heads: int, head_columns: int, token: int) -> Program:
    """Return the host's writes of one token's keys; head_columns: columns of one head's key."""
    builder = Builder(device.protocol)
    for _ in range(heads):
        for column in range(head_columns):
            builder.add("WR", *matrix_place(device, head_columns, token, column))
    return builder.program()


def append_values(device: PimDevice, heads: int, dimensions: int, token_columns: int, column: int) -> Program:
    """Return the host's writes of one token's values.

    Args:
        device: the memory.
        heads: KV heads in the channel.
        dimensions: of a head's value in the channel.
        token_columns: columns of tokens that the rows leave room for.
        column: the new token's.
    """
    builder = Builder(device.protocol)
    registers = device.protocol.pim.registers
    for _ in range(heads):
        for first in range(0, dimensions, tile_outputs(device)):
            for unit in range(units(device)):
                output = first + unit * registers
                if output < dimensions:
                    bank, row, at = matrix_place(device, token_columns, output, column)
                    builder.add("WR", bank, row, at, min(registers, dimensions - output))
    return builder.program()
