"""Energy, leakage, area and access time of on-chip memories: a table of CACTI 7 macros, composed into any size.

One macro of 1 KiB to 16 MiB, 4 to 128 bytes wide, 1 to 16 banks, at 22 to 45 nm, comes from the table that
`sram_fit` fits to 870 runs of CACTI. Relative error, median and 95th percentile, of those runs, and of runs
that were left out when fitting, once a tenth of them at random, once a shape (capacity, width, banks) at every
node; `accel-sim validate sram` computes them:

                     fitted to          a tenth left out     a shape left out
    read energy      0.03 % / 0.3 %     1.6 % / 10 %         4.3 % / 17.5 %
    write energy     0.02 % / 0.2 %     0.8 % / 6 %          2.4 % / 11.5 %
    leakage          0.02 % / 0.2 %     0.8 % / 5.2 %        2.1 % / 8.5 %
    area             0.5 % / 10 %       2.1 % / 13.5 %       4.3 % / 16.5 %
    access time      0.02 % / 0.2 %     1 % / 5 %            2 % / 8 %

Between powers of two nothing was measured; a capacity left out of the fit at every width, number of banks and
node is met within 3.5 to 6.5 % (median) and 9 to 18 % (95th percentile).

CACTI was run for low-standby-power cells, one read/write port and minimum leakage; high-performance macros
are faster and leak orders of magnitude more. Left out: cycle time (it jumps with CACTI's choice of
subarrays: 27 % at the 95th percentile of a tenth left out), error correction, redundancy, more ports, retention
voltages.
"""

from __future__ import annotations

import math
from functools import lru_cache

from accel_sim.technology.memory import wire_energy_j_per_byte_mm
from accel_sim.technology.nodes import node_factors
from accel_sim.technology.register_file import register_file
from accel_sim.technology.sram_cost import SramCost
from accel_sim.technology.sram_table import BANKS, NODES_NM, SIZES_BYTES, WIDTHS_BITS, macro
from accel_sim.technology.tables import check_positive

_SMALLEST_BYTES, _LARGEST_BYTES = SIZES_BYTES[0], SIZES_BYTES[-1]
_NARROWEST_BYTES, _WIDEST_BYTES = WIDTHS_BITS[0] // 8, WIDTHS_BITS[-1] // 8
_MOST_BANKS, _FEWEST_ROWS = BANKS[-1], 64
_SMALLEST_NM, _LARGEST_NM = NODES_NM[0], NODES_NM[-1]
_SOURCE = "table fitted to CACTI 7 (itrs-lstp, leakage-optimal)"


@lru_cache(maxsize=4096)
def sram(capacity_bytes: float, width_bytes: float, banks: int, node_nm: float) -> SramCost:
    """Return the cost of a memory whose every access moves `width_bytes` from one of `banks` equal banks.

    Inside CACTI's range the figures are those of one macro, interpolated between powers of two. Beyond it,
    each rule that is used leaves a sentence in `notes`:

    - An access wider than 128 bytes is spread over macros side by side. Beyond 16 MiB or 16 banks macros
      are stacked. With several macros a byte also crosses half the side by which the memory exceeds one
      (assumed).
    - A macro has at least 1 KiB and 64 rows a bank; an access moves at least 4 bytes. Where flip-flops take
      less area (below some 50 bytes where accesses are narrow) the memory is a `register_file`.
    - Below 22 nm, energy and leakage go with the square root of the node and area with the node
      (accelergy-cacti-plug-in, without its extra step in leakage); access time stays (assumed: wires).
      Above 45 nm, energy and area go with `node_factors`, access time with the node, and leakage stays
      (assumed).

    Once CACTI macros are used, area and leakage never fall with capacity, area and the energy of a whole access
    never fall with width, nor area with up to 16 banks, and area and energy never rise towards a smaller node.
    Flip-flops leak far more than the macros that follow them. Leakage rises from 45 to 22 nm, as it does in
    CACTI.

    Raises:
        ValueError: a size, width or count that is not above 0, a width above the capacity of a bank, or a
            node outside what `node_factors` covers.
    """
    check_positive(capacity_bytes=capacity_bytes, width_bytes=width_bytes, banks=banks)
    if width_bytes * banks > capacity_bytes:
        raise ValueError(
            f"width_bytes = {width_bytes}: must be at most the {capacity_bytes / banks:g} bytes of a bank"
        )
    registers = register_file(capacity_bytes, width_bytes, node_nm)
    macros = _macros(capacity_bytes, width_bytes, banks, node_nm)
    return registers if registers.area_mm2 <= macros.area_mm2 else macros


def _macros(capacity_bytes: float, width_bytes: float, banks: int, node_nm: float) -> SramCost:
    lanes = max(1.0, width_bytes / _WIDEST_BYTES)
    width = max(_NARROWEST_BYTES, width_bytes / lanes)
    lane_bytes = max(capacity_bytes / lanes, _SMALLEST_BYTES, _FEWEST_ROWS * width * banks)
    stacks = max(1.0, banks / _MOST_BANKS, lane_bytes / _LARGEST_BYTES)
    notes = _notes(capacity_bytes, width_bytes, lanes, lane_bytes, stacks, node_nm)
    figures = _macro(lane_bytes / stacks, width, max(1.0, banks / stacks), node_nm)
    count, area_mm2 = lanes * stacks, figures["area_mm2"]
    detour_mm = (math.sqrt(area_mm2 * count) - math.sqrt(area_mm2)) / 2
    wire_j_per_byte = detour_mm * wire_energy_j_per_byte_mm(node_nm)
    j_per_byte = 1e-12 / (width_bytes / lanes)
    return SramCost(
        read_energy_j_per_byte=figures["read_energy_pJ"] * j_per_byte + wire_j_per_byte,
        write_energy_j_per_byte=figures["write_energy_pJ"] * j_per_byte + wire_j_per_byte,
        leakage_w=figures["leak_mW_total"] * 1e-3 * count,
        area_mm2=area_mm2 * count,
        access_time_s=figures["access_time_ns"] * 1e-9,
        source=_SOURCE,
        certainty="assumed" if notes else "scaled",
        notes=notes,
    )


def _notes(
    capacity_bytes: float, width_bytes: float, lanes: float, lane_bytes: float, stacks: float, node_nm: float
) -> tuple[str, ...]:
    notes = []
    if lanes > 1:
        notes.append(f"wider than {_WIDEST_BYTES} bytes: {lanes:g} macros side by side (assumed)")
    if stacks > 1:
        notes.append(f"beyond 16 MiB or {_MOST_BANKS} banks: {stacks:g} macros stacked (assumed)")
    if lane_bytes > capacity_bytes / lanes:
        notes.append(f"below 1 KiB or {_FEWEST_ROWS} rows a bank: as a macro of {lane_bytes:g} bytes (assumed)")
    if width_bytes < _NARROWEST_BYTES:
        notes.append(f"narrower than {_NARROWEST_BYTES} bytes: an access moves as many (assumed)")
    if node_nm < _SMALLEST_NM:
        notes.append(
            f"below {_SMALLEST_NM} nm: energy and leakage by the square root of the node, area by the node "
            "(accelergy-cacti-plug-in), access time unchanged (assumed)"
        )
    if node_nm > _LARGEST_NM:
        notes.append(
            f"above {_LARGEST_NM} nm: energy and area as for logic (Stillmaker and Baas), access time by the "
            "node, leakage unchanged (assumed)"
        )
    return tuple(notes)


def _macro(size_bytes: float, width_bytes: float, banks: float, node_nm: float) -> dict[str, float]:
    """Return the figures of a macro at any node."""
    edge_nm = min(max(node_nm, _SMALLEST_NM), _LARGEST_NM)
    figures = macro(size_bytes, 8 * width_bytes, banks, edge_nm)
    if node_nm == edge_nm:
        return figures
    ratio = node_nm / edge_nm
    if ratio < 1:
        energy, area, leakage, access_time = math.sqrt(ratio), ratio, math.sqrt(ratio), 1.0
    else:
        here, edge = node_factors(node_nm), node_factors(edge_nm)
        energy, area, leakage, access_time = here.energy / edge.energy, here.area / edge.area, 1.0, ratio
    factors = {"leak_mW_total": leakage, "area_mm2": area, "access_time_ns": access_time}
    return {name: value * factors.get(name, energy) for name, value in figures.items()}
