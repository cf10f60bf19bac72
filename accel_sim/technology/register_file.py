"""Register files and latch arrays: storage cells with a tree of multiplexers for each read port.

Everything is a multiple of one flip-flop (`operation("register", ...)`). Left out: the address decoder, clock
tree and clock gates, bypasses, and wires, which grow with the square of the number of ports.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

from accel_sim.config.errors import did_you_mean
from accel_sim.technology.arithmetic import operation
from accel_sim.technology.sram_cost import SramCost
from accel_sim.technology.tables import check_positive
from accel_sim.workload.formats import number_format

StorageCell = Literal["flip_flop", "latch"]

# Over the area of a flip-flop, in the NanGate 45 nm Open Cell Library: MUX2_X1 1.862, DLH_X1 2.66, DFF_X1 4.522
# um2 (from memory, unverified). Energy and leakage of a cell are assumed to go with its area.
_MULTIPLEXER = 1.862 / 4.522
_PLURAL = {"flip_flop": "flip-flops", "latch": "latches"}
_STORAGE = {"flip_flop": 1.0, "latch": 2.66 / 4.522}


@lru_cache(maxsize=4096)
def register_file(
    capacity_bytes: float,
    width_bytes: float,
    node_nm: float,
    read_ports: int = 1,
    write_ports: int = 1,
    cell: StorageCell = "flip_flop",
) -> SramCost:
    """Return the cost of a register file whose every access moves `width_bytes`.

    Each bit is a storage cell with a two-input multiplexer for each write port, which holds or replaces its
    value. Each read port is a tree of such multiplexers over all entries. A write drives the cells of one
    entry and their multiplexers; only they are clocked. A read passes one multiplexer at each level of the
    tree and leaves through a flip-flop. All of this is assumed. Energies are of one access of one port,
    leakage and area of the whole.

    Raises:
        ValueError: a size, width or count that is not above 0, a width above the capacity, an unknown
            cell, or a node outside what `node_factors` covers.
    """
    check_positive(
        capacity_bytes=capacity_bytes, width_bytes=width_bytes, read_ports=read_ports, write_ports=write_ports
    )
    if width_bytes > capacity_bytes:
        raise ValueError(f"width_bytes = {width_bytes}: must be at most the {capacity_bytes:g} bytes there are")
    if cell not in _STORAGE:
        raise ValueError(f"unknown cell '{cell}'{did_you_mean(cell, _STORAGE)}")
    byte, entries = operation("register", number_format("int8"), node_nm), capacity_bytes / width_bytes
    storage = _STORAGE[cell] + write_ports * _MULTIPLEXER
    flip_flops = capacity_bytes * storage + read_ports * width_bytes * (entries - 1) * _MULTIPLEXER
    return SramCost(
        read_energy_j_per_byte=byte.energy_j * (1 + math.log2(entries) * _MULTIPLEXER),
        write_energy_j_per_byte=byte.energy_j * storage,
        leakage_w=byte.leakage_w * flip_flops,
        area_mm2=byte.area_mm2 * flip_flops,
        access_time_s=0.0,
        source=byte.source,
        certainty="assumed",
        notes=(f"{_PLURAL[cell]} with multiplexers, in multiples of a flip-flop (assumed)",),
    )
