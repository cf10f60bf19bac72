"""Address mappings: which bits of an address choose channel, bank, row and column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, cycle

import numpy as np
import numpy.typing as npt

Addresses = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class AddressMapping:
    """Fields of an address above the bits within one request, least significant first.

    Attributes:
        fields: name, number of bits and position within the field's value of each piece.
        shift: bits within a request.
        xor: fields that are xor-ed with bits of the column, and the lowest of those bits.
    """

    fields: tuple[tuple[str, int, int], ...]
    shift: int
    xor: tuple[tuple[str, int, int], ...] = ()

    def decode(self, addresses: Addresses) -> dict[str, Addresses]:
        """Return each field's values; bits above the topmost field are ignored.

        Args:
            addresses: int64[n] byte addresses.
        """
        rest = np.asarray(addresses, np.int64) >> self.shift
        values: dict[str, Addresses] = {}
        for name, bits, position in self.fields:
            piece = (rest & ((1 << bits) - 1)) << position
            values[name] = values[name] | piece if name in values else piece
            rest = rest >> bits
        for name, bits, lowest in self.xor:
            values[name] = values[name] ^ ((values["column"] >> lowest) & ((1 << bits) - 1))
        return values

    def hashed(self, addresses: Addresses) -> Addresses:
        """Return the addresses under which a controller that hashes its banks keeps the given ones.

        The bits that choose banks are xor-ed with those of the row in turn, those above the column first; those
        below the column with its bits and the banks' above it too. So strides of a power of two do not fall on
        one bank or bank group. Every row keeps its columns, and different addresses stay different. For rows
        after Zhang, Zhu and Zhang, "A permutation-based page interleaving scheme", MICRO 2000; which bit meets
        which, and that columns are treated likewise, is assumed.

        Args:
            addresses: int64[n] byte addresses.
        """
        bits = [name for name, width, _ in self.fields for _ in range(width)]
        rows, columns = ([at for at, of in enumerate(bits) if of == name] for name in ("row", "column"))
        banks = [at for at, of in enumerate(bits) if of not in ("row", "column")]
        columns = [at for at in columns if at > min(banks, default=len(bits))]
        below = [at for at in banks if at < min(columns, default=0)]
        above = banks[len(below) :]
        lines = np.asarray(addresses, np.int64) >> self.shift
        result = lines
        for bank, other in chain(zip(cycle(above + below), rows), zip(cycle(below), columns + above)):
            result = result ^ ((lines >> other & 1) << bank)
        return result << self.shift

    def encode(self, fields: Mapping[str, Addresses | int]) -> Addresses:
        """Return the byte addresses that decode to the given fields; a field that is not given is 0."""
        values = {name: np.asarray(fields.get(name, 0), np.int64) for name, _, _ in self.fields}
        for name, bits, lowest in self.xor:
            values[name] = values[name] ^ ((values["column"] >> lowest) & ((1 << bits) - 1))
        address = np.zeros(np.broadcast_shapes(*(value.shape for value in values.values())), np.int64)
        at = self.shift
        for name, bits, position in self.fields:
            address = address | (((values[name] >> position) & ((1 << bits) - 1)) << at)
            at += bits
        return address


def address_mapping(
    order: str, sizes: Mapping[str, int], burst_bytes: int, xor_column: Sequence[str] = ()
) -> AddressMapping:
    """Return the mapping that a field order stands for.

    Args:
        order: names from the most to the least significant, such as `row, bank, column, channel`.
        sizes: values that each field can take; each must be named, and be a power of two.
        burst_bytes: bytes of one request, a power of two.
        xor_column: fields that are xor-ed with the column's bits, from its lowest on.

    Raises:
        ValueError: an unknown, repeated or missing field, a size that is no power of two, or a split of the
            column that leaves nothing.
    """
    for name, size in {**sizes, "burst_bytes": burst_bytes}.items():
        if size & (size - 1):
            raise ValueError(f"{name} = {size}: must be a power of two, as an address chooses it by bits")
    bits = {name: size.bit_length() - 1 for name, size in sizes.items()}
    fields: list[tuple[str, int, int]] = []
    taken: dict[str, int] = {}
    for piece in reversed([part.strip() for part in order.split(",")]):
        name, _, low = piece.partition(":")
        if name not in bits:
            raise ValueError(f"unknown field '{name}' (allowed: {', '.join(bits)})")
        position = taken.get(name, 0)
        if low:
            if name != "column" or position or not low.isdigit() or not 0 < int(low) < bits[name]:
                raise ValueError(
                    f"'{piece}': only the column's low part is given with its bits, 1 to {bits['column'] - 1}"
                )
            width = int(low)
        else:
            width = bits[name] - position
            if name in taken and taken[name] == bits[name]:
                raise ValueError(f"field '{name}' is given twice")
        fields.append((name, width, position))
        taken[name] = position + width
    missing = [name for name in bits if taken.get(name, 0) < bits[name]]
    if missing:
        raise ValueError(f"field '{missing[0]}' is missing in '{order}'")
    return AddressMapping(tuple(fields), burst_bytes.bit_length() - 1, _xor(xor_column, bits))


def _xor(names: Sequence[str], bits: Mapping[str, int]) -> tuple[tuple[str, int, int], ...]:
    lowest = 0
    pieces = []
    for name in names:
        if name not in bits or name == "column":
            raise ValueError(f"xor_column: '{name}' is not a field besides the column")
        pieces.append((name, bits[name], lowest))
        lowest += bits[name]
    return tuple(pieces)
