"""Register files and latch arrays, as memories: the price of `circuits.blocks.storage`."""

from __future__ import annotations

from functools import lru_cache
from typing import get_args

from accel_sim.config.errors import did_you_mean
from accel_sim.technology.circuits.blocks import StorageCell, storage
from accel_sim.technology.pricing import price
from accel_sim.technology.sram_cost import SramCost
from accel_sim.technology.tables import check_positive

_PLURAL = {"flip_flop": "flip-flops", "latch": "latches"}


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

    Energies are of one access of one port, leakage and area of the whole. Wires, which grow with the square of
    the number of ports, are left out.

    Raises:
        ValueError: a size, width or count that is not above 0, a width above the capacity, an unknown
            cell, or a node outside what `node_factors` covers.
    """
    check_positive(
        capacity_bytes=capacity_bytes, width_bytes=width_bytes, read_ports=read_ports, write_ports=write_ports
    )
    if width_bytes > capacity_bytes:
        raise ValueError(f"width_bytes = {width_bytes}: must be at most the {capacity_bytes:g} bytes there are")
    if cell not in get_args(StorageCell):
        raise ValueError(f"unknown cell '{cell}'{did_you_mean(cell, get_args(StorageCell))}")
    parts = storage(capacity_bytes / width_bytes, 8 * width_bytes, read_ports, write_ports, cell)
    whole, read, write = (price(part, node_nm) for part in (parts.cells, parts.read, parts.write))
    return SramCost(
        read_energy_j_per_byte=read.energy_j / width_bytes,
        write_energy_j_per_byte=write.energy_j / width_bytes,
        leakage_w=whole.leakage_w,
        area_mm2=whole.area_mm2,
        access_time_s=0.0,
        source=whole.source,
        certainty="assumed",
        notes=(f"{_PLURAL[cell]} with multiplexers, structure assumed", *whole.notes),
    )
