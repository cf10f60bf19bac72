"""Technology nodes: factors that carry the cost and speed of logic from 45 nm to another node and supply."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from accel_sim.technology.tables import log_log, read_table

# Outside this band around the nominal supply, V squared says nothing (assumed).
_LOWEST_VOLTAGE, _HIGHEST_VOLTAGE = 0.5, 1.5
# Alpha-power law of Sakurai and Newton (1990): delay goes with V / (V - V_t)^alpha. Both values assumed.
_THRESHOLD_V, _ALPHA = 0.3, 1.3
_SMALLEST_PUBLISHED_NM = 7.0


@dataclass(frozen=True, slots=True)
class NodeFactors:
    """Multiples of a 45 nm, 0.9 V figure.

    Attributes:
        energy, area, leakage: factors, 1 at 45 nm.
        voltage_v: the supply they hold at.
        fo4_s: delay of an inverter that drives four like it.
        notes: where the figures leave what the source gives, in words.
    """

    energy: float
    area: float
    leakage: float
    voltage_v: float
    fo4_s: float
    notes: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def node_factors(node_nm: float, voltage_v: float | None = None) -> NodeFactors:
    """Return the factors from 45 nm, 0.9 V logic to a node; None is the node's nominal supply.

    Energy and area at the nodes of `data/nodes.csv` are those of Stillmaker and Baas, Integration 58
    (2017), for high-performance devices at nominal supply; between them log factor is linear in log node, and
    below 7 nm they are extrapolated. Leakage follows energy, as in the scaling of hwcomponents. At another
    supply energy goes with V^2, leakage with V, delay by the alpha-power law (all assumed). A smaller node
    never has a larger factor. Published 7 nm energies of arithmetic are 4 to 9 times what these factors give;
    `accel-sim validate arithmetic` lists the ratios.

    Raises:
        ValueError: a node outside the table, or a supply below 0.5 or above 1.5 of the nominal one.
    """
    points = _points()
    smallest, largest = points["energy_factor"][0][0], points["energy_factor"][-1][0]
    if not smallest <= node_nm <= largest:
        raise ValueError(f"node_nm = {node_nm}: must be between {smallest:g} and {largest:g}")
    nominal_v = log_log(points["nominal_voltage_v"], node_nm)
    energy = log_log(points["energy_factor"], node_nm)
    area = log_log(points["area_factor"], node_nm)
    fo4_s = log_log(points["fo4_ps"], node_nm) * 1e-12
    notes: tuple[str, ...] = ()
    if node_nm < _SMALLEST_PUBLISHED_NM:
        notes = (f"logic at {node_nm:g} nm is extrapolated: the source of the scaling ends at 7 nm",)
    if voltage_v is None or voltage_v == nominal_v:
        return NodeFactors(energy, area, energy, nominal_v, fo4_s, notes)
    relative = voltage_v / nominal_v
    if not (math.isfinite(voltage_v) and _LOWEST_VOLTAGE <= relative <= _HIGHEST_VOLTAGE):
        low, high = _LOWEST_VOLTAGE * nominal_v, _HIGHEST_VOLTAGE * nominal_v
        raise ValueError(f"voltage_v = {voltage_v}: must be between {low:.3g} and {high:.3g} at {node_nm:g} nm")
    slower = _delay(voltage_v) / _delay(nominal_v)
    return NodeFactors(energy * relative**2, area, energy * relative, voltage_v, fo4_s * slower, notes)


def _delay(voltage_v: float) -> float:
    return voltage_v / (voltage_v - _THRESHOLD_V) ** _ALPHA


@lru_cache(maxsize=1)
def _points() -> dict[str, tuple[tuple[float, float], ...]]:
    rows = sorted(read_table("nodes"), key=lambda row: float(row["node_nm"]))
    columns = ("nominal_voltage_v", "energy_factor", "area_factor", "fo4_ps")
    return {column: tuple((float(row["node_nm"]), float(row[column])) for row in rows) for column in columns}
