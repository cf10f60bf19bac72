"""Building blocks that move, choose and hold bits: selectors, shifters, registers, lookup tables."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from accel_sim.technology.circuits.circuit import NOTHING, Circuit, cells

StorageCell = Literal["flip_flop", "latch"]


def register(bits: float) -> Circuit:
    """Return `bits` flip-flops; a pipeline stage, an accumulator or an operand that is held."""
    return cells({"flip_flop": 1}, flip_flop=bits)


def selector(ways: int, bits: int) -> Circuit:
    """Return one of `ways` words of `bits` bits, a tree of two-way selectors."""
    if ways <= 1:
        return NOTHING
    return cells({"mux2": (ways - 1).bit_length()}, mux2=(ways - 1) * bits)


def shifter(bits: int, places: int) -> Circuit:
    """Return a word of `bits` bits shifted by 0 to `places`: a level of selectors a bit of distance."""
    levels = places.bit_length()
    return cells({"mux2": levels}, mux2=levels * bits)


def lookup_table(entries: int, bits: int, readers: int = 1) -> Circuit:
    """Return a table of `entries` words held in flip-flops and read by `readers` independent selectors.

    One use is a read by every reader; the flip-flops are clocked only when the table is written.
    """
    parts = storage(entries, bits, readers)
    read = cells({}, mux2=readers * bits * math.log2(entries))
    return Circuit(parts.cells.cells, read.uses, parts.cells.depth_fo4)


@dataclass(frozen=True, slots=True)
class Storage:
    """Words in flip-flops or latches.

    Attributes:
        cells: all cells, those of the ports included.
        read, write: what one access of one port uses; their cells are among `cells`.
    """

    cells: Circuit
    read: Circuit
    write: Circuit


def storage(
    entries: float, bits: float, read_ports: int = 1, write_ports: int = 1, cell: StorageCell = "flip_flop"
) -> Storage:
    """Return a register file of `entries` words of `bits` bits.

    Each bit is a cell with a two-input selector for each write port, which holds or replaces its value; each
    read port is a tree of such selectors over all entries. A write drives one word and its selectors; only they
    are clocked. A read passes one selector at each level of the tree and leaves through a flip-flop (assumed).
    Left out: address decoders, clock gates, bypasses.
    """
    levels = math.log2(entries)
    held = entries * bits
    path = {cell: 1, "mux2": levels + 1}
    whole = cells(path, **{cell: held}, mux2=held * write_ports + read_ports * (entries - 1) * bits)
    return Storage(
        cells=whole,
        read=cells({"mux2": levels}, flip_flop=bits, mux2=bits * levels),
        write=cells({"mux2": 1}, **{cell: bits}, mux2=bits * write_ports),
    )
