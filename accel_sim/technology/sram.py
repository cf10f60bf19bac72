"""Energy, leakage, area and access time of on-chip memories: a fit of CACTI 7, composed into any size.

One macro of 1 KiB to 16 MiB, 4 to 128 bytes wide, 1 to 16 banks, is priced by a sum of products of powers of
capacity, width and banks with positive coefficients (`data/sram_terms.csv`), times a factor for the node
(`data/sram_nodes.csv`); a larger or wider macro therefore never costs less. Relative error over the 870 CACTI
points it was fitted to, median and 95th percentile:

    read energy 12.5 % / 32 %    write energy 5 % / 15 %    leakage 6 % / 22.5 %
    area 9 % / 29 %              access time 5 % / 15.5 %

CACTI was run for low-standby-power cells, one read/write port and minimum leakage; high-performance macros
are faster and leak orders of magnitude more. Left out: error correction, redundancy, more ports, retention
voltages.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from accel_sim.technology.arithmetic import operation
from accel_sim.technology.cost import Certainty
from accel_sim.technology.memory import wire_energy_j_per_byte_mm
from accel_sim.technology.nodes import node_factors
from accel_sim.technology.tables import check_positive, log_log, read_table
from accel_sim.workload.formats import number_format

# Limits of the CACTI runs; a bank there has at least 64 rows.
_SMALLEST_BYTES, _LARGEST_BYTES = 2**10, 2**24
_NARROWEST_BYTES, _WIDEST_BYTES = 4, 128
_MOST_BANKS, _FEWEST_ROWS = 16, 64
_SOURCE = "fit of CACTI 7 (itrs-lstp, leakage-optimal)"


@dataclass(frozen=True, slots=True)
class SramCost:
    """Cost of an on-chip memory.

    Attributes:
        read_energy_j_per_byte, write_energy_j_per_byte: dynamic energy of an access, over the bytes it moves.
        leakage_w, area_mm2: of the whole memory.
        access_time_s: from address to data of one access; 0 for flip-flops.
        source, certainty: as in `Cost`.
    """

    read_energy_j_per_byte: float
    write_energy_j_per_byte: float
    leakage_w: float
    area_mm2: float
    access_time_s: float
    source: str
    certainty: Certainty


@lru_cache(maxsize=4096)
def sram(capacity_bytes: float, width_bytes: float, banks: int, node_nm: float) -> SramCost:
    """Return the cost of a memory whose every access moves `width_bytes` from one of `banks` equal banks.

    - An access wider than 128 bytes is spread over macros side by side. Beyond 16 MiB or 16 banks macros
      are stacked. With several macros a byte also crosses half the side by which the memory exceeds one
      (assumed).
    - A macro has at least 1 KiB and 64 rows a bank; an access moves at least 4 bytes. Where flip-flops take
      less area (below about 70 bytes) they are the memory, read and written at a flip-flop's energy
      (assumed).
    - Between 22 and 45 nm the node's factor is interpolated. Below, energy and leakage go with the square
      root of the node and area with the node (accelergy-cacti-plug-in, without its extra step in leakage);
      access time stays (assumed: wires). Above, energy and area go with `node_factors`, access time with
      the node, and leakage stays (assumed).

    Area and energy never rise towards a smaller node. Area never falls with capacity, nor does leakage once
    CACTI macros are used (flip-flops leak far more). Leakage rises from 45 to 22 nm, as it does in CACTI.

    Raises:
        ValueError: a size, width or count that is not above 0, a width above the capacity of a bank, or a
            node outside what `node_factors` covers.
    """
    check_positive(capacity_bytes=capacity_bytes, width_bytes=width_bytes, banks=banks)
    if width_bytes * banks > capacity_bytes:
        raise ValueError(
            f"width_bytes = {width_bytes}: must be at most the {capacity_bytes / banks:g} bytes of a bank"
        )
    registers = _register_file(capacity_bytes, node_nm)
    macros = _macros(capacity_bytes, width_bytes, banks, node_nm)
    return registers if registers.area_mm2 <= macros.area_mm2 else macros


def _register_file(capacity_bytes: float, node_nm: float) -> SramCost:
    byte = operation("register", number_format("int8"), node_nm)
    area_mm2, leakage_w = byte.area_mm2 * capacity_bytes, byte.leakage_w * capacity_bytes
    return SramCost(byte.energy_j, byte.energy_j, leakage_w, area_mm2, 0.0, byte.source, "assumed")


def _macros(capacity_bytes: float, width_bytes: float, banks: int, node_nm: float) -> SramCost:
    lanes = max(1.0, width_bytes / _WIDEST_BYTES)
    width = max(_NARROWEST_BYTES, width_bytes / lanes)
    lane_bytes = max(capacity_bytes / lanes, _SMALLEST_BYTES, _FEWEST_ROWS * width * banks)
    stacks = max(1.0, banks / _MOST_BANKS, lane_bytes / _LARGEST_BYTES)
    shape = (lane_bytes / stacks, width, max(1.0, banks / stacks))

    count = lanes * stacks
    macro_mm2 = _macro("area_mm2", *shape, node_nm)
    detour_mm = (math.sqrt(macro_mm2 * count) - math.sqrt(macro_mm2)) / 2
    wire_j_per_byte = detour_mm * wire_energy_j_per_byte_mm(node_nm)
    bytes_per_lane = width_bytes / lanes
    exact_shape = count == 1 and lane_bytes == capacity_bytes and width == width_bytes
    inside = exact_shape and min(_node_points("area_mm2"))[0] <= node_nm <= max(_node_points("area_mm2"))[0]
    return SramCost(
        read_energy_j_per_byte=_macro("read_energy_pj", *shape, node_nm) * 1e-12 / bytes_per_lane
        + wire_j_per_byte,
        write_energy_j_per_byte=_macro("write_energy_pj", *shape, node_nm) * 1e-12 / bytes_per_lane
        + wire_j_per_byte,
        leakage_w=_macro("leakage_mw", *shape, node_nm) * 1e-3 * count,
        area_mm2=macro_mm2 * count,
        access_time_s=_macro("access_time_ns", *shape, node_nm) * 1e-9,
        source=_SOURCE,
        certainty="scaled" if inside else "assumed",
    )


def _macro(quantity: str, capacity_bytes: float, width_bytes: float, banks: float, node_nm: float) -> float:
    capacity_kib = capacity_bytes / 1024
    return _node_factor(quantity, node_nm) * sum(
        coefficient * capacity_kib**capacity * width_bytes**width * banks**bank
        for capacity, width, bank, coefficient in _terms(quantity)
    )


def _node_factor(quantity: str, node_nm: float) -> float:
    points = _node_points(quantity)
    (smallest, at_smallest), (largest, at_largest) = points[0], points[-1]
    if smallest <= node_nm <= largest:
        return log_log(points, node_nm)
    if node_nm < smallest:
        power = {"area_mm2": 1.0, "access_time_ns": 0.0}.get(quantity, 0.5)
        return at_smallest * (node_nm / smallest) ** power
    here, edge = node_factors(node_nm), node_factors(largest)
    growth = {"area_mm2": here.area / edge.area, "access_time_ns": node_nm / largest, "leakage_mw": 1.0}
    return at_largest * growth.get(quantity, here.energy / edge.energy)


@lru_cache(maxsize=8)
def _terms(quantity: str) -> tuple[tuple[float, float, float, float], ...]:
    columns = ("capacity_exponent", "width_exponent", "banks_exponent", "coefficient")
    rows = (row for row in read_table("sram_terms") if row["quantity"] == quantity)
    return tuple(
        (float(r[columns[0]]), float(r[columns[1]]), float(r[columns[2]]), float(r[columns[3]])) for r in rows
    )


@lru_cache(maxsize=8)
def _node_points(quantity: str) -> tuple[tuple[float, float], ...]:
    rows = (row for row in read_table("sram_nodes") if row["quantity"] == quantity)
    return tuple(sorted((float(row["node_nm"]), float(row["factor"])) for row in rows))
