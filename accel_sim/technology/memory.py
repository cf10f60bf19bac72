"""Energy of DRAM accesses, links and wires, and the area of their interfaces on the accelerator's die."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

from accel_sim.config.errors import did_you_mean
from accel_sim.technology.cost import Certainty
from accel_sim.technology.nodes import node_factors
from accel_sim.technology.tables import read_table

# "AI Chips" (Khan and Mann 2020) by way of LLMCompass supply_chain_model.py.
_MTRANSISTORS_PER_MM2_AT_7NM = 96.3
WIRE_SOURCE = "accelergy-aladdin-plug-in aladdin_table.py: 0.2 transitions a bit, 1.627 fF/um; no repeaters"
_WIRE_ACTIVITY = 0.2
_WIRE_F_PER_MM = 1.627e-12


@dataclass(frozen=True, slots=True)
class DramCost:
    """Cost of an off-chip memory.

    Attributes:
        energy_j_per_byte: of moving a byte, reading and writing alike, row activation included on average,
            refresh and background power not.
        interface_bits: data width of one interface unit.
        source, certainty: of the energy.
        area_source, area_certainty: of the interface's area.
    """

    energy_j_per_byte: float
    interface_bits: int
    source: str
    certainty: Certainty
    area_source: str
    area_certainty: Certainty


@dataclass(frozen=True, slots=True)
class LinkCost:
    """Cost of a link between dies.

    Attributes:
        energy_j_per_byte: of both ends together, per byte moved.
        unit: what one interface serves, `lane` or `link`; empty when its area is not known.
        source, certainty: of the energy.
    """

    energy_j_per_byte: float
    unit: str
    source: str
    certainty: Certainty


@lru_cache(maxsize=64)
def dram(standard: str) -> DramCost:
    """Return the cost of a DRAM standard, such as `hbm2e` or `lpddr5`.

    Raises:
        ValueError: an unknown standard; the text lists what is known.
    """
    row = _find("dram", "standard", standard)
    return DramCost(
        energy_j_per_byte=_per_byte(row),
        interface_bits=int(row["interface_bits"]),
        source=row["energy_source"],
        certainty=_certainty(row["energy_certainty"]),
        area_source=row["area_source"],
        area_certainty=_certainty(row["area_certainty"]),
    )


def dram_energy_j_per_byte(standard: str) -> float:
    """Return the energy of moving a byte to or from a DRAM standard; see `dram`."""
    return dram(standard).energy_j_per_byte


def dram_interface_area_mm2(standard: str, node_nm: float) -> float:
    """Return the area of PHY and controller for one interface unit (`DramCost.interface_bits`).

    The PHY does not shrink with the node, the controller does (LLMCompass cost_model.py).

    Raises:
        ValueError: an unknown standard, or a node outside what `node_factors` covers.
    """
    return _interface_area_mm2(_find("dram", "standard", standard), node_nm)


@lru_cache(maxsize=64)
def link(name: str) -> LinkCost:
    """Return the cost of a kind of link, such as `pcie5` or `on_package`.

    Raises:
        ValueError: an unknown link; the text lists what is known.
    """
    row = _find("links", "link", name)
    return LinkCost(_per_byte(row), row["unit"], row["energy_source"], _certainty(row["energy_certainty"]))


def link_energy_j_per_byte(name: str) -> float:
    """Return the energy of moving a byte over a link; see `link`."""
    return link(name).energy_j_per_byte


def link_interface_area_mm2(name: str, node_nm: float) -> float:
    """Return the area of PHY and controller for one `LinkCost.unit`; see `dram_interface_area_mm2`.

    Raises:
        ValueError: an unknown link, one whose area no source gives, or a node `node_factors` does not cover.
    """
    row = _find("links", "link", name)
    if not row["phy_mm2"]:
        raise ValueError(f"no source gives the area of a '{name}' interface")
    return _interface_area_mm2(row, node_nm)


@lru_cache(maxsize=256)
def wire_energy_j_per_byte_mm(node_nm: float, voltage_v: float | None = None) -> float:
    """Return the energy of moving a byte over a millimetre of on-die wire.

    Capacitance per length stays over the nodes (assumed), the supply does not; a fifth of the bits toggle
    (accelergy-aladdin-plug-in). Repeaters are not included.

    Raises:
        ValueError: a node or supply outside what `node_factors` covers.
    """
    supply_v = node_factors(node_nm, voltage_v).voltage_v
    return 8 * _WIRE_ACTIVITY * _WIRE_F_PER_MM * supply_v**2


def _find(table: str, column: str, name: str) -> dict[str, str]:
    rows = _rows(table, column)
    if name not in rows:
        kind = "DRAM standard" if table == "dram" else "link"
        raise ValueError(f"unknown {kind} '{name}'{did_you_mean(name, rows)}")
    return rows[name]


@cache
def _rows(table: str, column: str) -> dict[str, dict[str, str]]:
    return {row[column]: row for row in read_table(table)}


def _per_byte(row: dict[str, str]) -> float:
    return float(row["energy_pj_per_bit"]) * 8e-12


@lru_cache(maxsize=8)
def _certainty(word: str) -> Certainty:
    known: dict[str, Certainty] = {"sourced": "sourced", "scaled": "scaled", "assumed": "assumed"}
    return known[word]


def _interface_area_mm2(row: dict[str, str], node_nm: float) -> float:
    controller_at_7nm_mm2 = float(row["controller_mtransistors"]) / _MTRANSISTORS_PER_MM2_AT_7NM
    return float(row["phy_mm2"]) + controller_at_7nm_mm2 * node_factors(node_nm).area / node_factors(7.0).area
