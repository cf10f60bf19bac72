"""Building blocks that move, choose and hold bits: selectors, shifters, registers, lookup tables."""

from __future__ import annotations

from accel_sim.technology.circuits.circuit import NOTHING, Circuit, cells
from accel_sim.technology.circuits.encoders import decoder


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
    """Return a table of `entries` words held in flip-flops and read by `readers` independent selectors."""
    return register(entries * bits) + selector(entries, bits).times(readers)


def register_file(entries: int, bits: int, read_ports: int = 1) -> Circuit:
    """Return latches of `entries` words with one write port (a decoder) and `read_ports` selectors.

    An access uses one word's latches, one selector and the decoder, not the whole array.
    """
    array = cells({"latch": 1}, latch=entries * bits)
    ports = selector(entries, bits).times(read_ports).then(decoder(entries))
    touched = cells({"latch": 1}, latch=bits) + selector(entries, bits).then(decoder(entries))
    whole = array.then(ports)
    return Circuit(whole.cells, touched.uses, whole.depth_fo4)
