"""The requests of a stream as the channel machine reads them: addresses decoded, in place."""

from __future__ import annotations

import numpy as np

from accel_sim.engine import channel as machine
from accel_sim.engine.access_patterns import AccessStream
from accel_sim.engine.channel_tables import Integers
from accel_sim.hardware.dram.mapping import AddressMapping
from accel_sim.hardware.dram.tables import ResolvedPreset


def write_requests(requests: Integers, preset: ResolvedPreset, stream: AccessStream) -> None:
    """Fill int64[n, machine.REQUEST_FIELDS] of zeros with a stream's requests."""
    pieces, xor = _pieces(preset)
    machine.decode(requests, stream.address, stream.write, stream.arrival, preset.mapping.shift, pieces, xor)


def all_differ(requests: Integers, mapping: AddressMapping) -> bool:
    """Return whether no two requests go to the same place, for all that can cheaply be said."""
    key = requests[:, machine.KEY]
    if int(key.max()) >> sum(bits for _, bits, _ in mapping.fields):
        return False
    low = int(key.min())
    span = int(key.max()) - low + 1
    if span > max(len(key) * 64, 1 << 20):
        return len(np.unique(key)) == len(key)
    seen = np.zeros(span, np.bool_)
    seen[key - low] = True
    return int(np.count_nonzero(seen)) == len(key)


def _pieces(preset: ResolvedPreset) -> tuple[Integers, Integers]:
    """Return the mapping's pieces, least significant first, and its xors, as `machine.decode` reads them.

    A level's number counts, in the bank's number, the banks under one of its nodes.
    """
    weight: dict[str, int] = {}
    below = 1
    for level, count in zip(preset.standard.levels[:0:-1], preset.counts[:0:-1], strict=True):
        weight[level] = below
        below *= count
    fields = {"channel": machine.TO_CHANNEL, "row": machine.TO_ROW, "column": machine.TO_COLUMN}
    mapping = preset.mapping
    names = [name for name, _, _ in mapping.fields]
    pieces = [
        (fields.get(name, machine.TO_BANK), bits, position, weight.get(name, 1))
        for name, bits, position in mapping.fields
    ]
    xor = [(names.index(name), bits, lowest) for name, bits, lowest in mapping.xor]
    return (
        np.array(pieces, np.int64).reshape(-1, machine.PIECE_FIELDS),
        np.array(xor, np.int64).reshape(-1, machine.XOR_FIELDS),
    )
