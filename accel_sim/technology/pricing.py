"""The price of a circuit: its cells at 45 nm, carried to a node, a supply and an activity.

A circuit that has a clock to meet is built for it: ripple adders where they are fast enough, prefix adders
where not, and pipeline registers where those are too slow as well. Left out: larger drives and buffers that
synthesis puts on critical paths, wires, the clock tree, place and route.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from accel_sim.technology.cells import DEFAULT_ACTIVITY, SOURCES, cell
from accel_sim.technology.circuits.blocks import register
from accel_sim.technology.circuits.circuit import Circuit
from accel_sim.technology.circuits.integer import Carry
from accel_sim.technology.cost import Cost
from accel_sim.technology.nodes import node_factors
from accel_sim.technology.tables import check_positive

# Bits a pipeline stage holds, over those of the result: two rows in carry-save form (assumed).
_ROWS_AT_A_CUT = 2


def price(
    circuit: Circuit, node_nm: float, voltage_v: float | None = None, activity: float = DEFAULT_ACTIVITY
) -> Cost:
    """Return energy of one operation, area and leakage of a circuit.

    activity: output transitions of a cell in one use; energy is linear in it, but for the clock's share in
        flip-flops and latches.

    Raises:
        ValueError: an activity that is not in 0 to 2, a node or supply outside what `node_factors` covers.
    """
    check_activity(activity)
    factors = node_factors(node_nm, voltage_v)
    energy_j, area_um2, leakage_w = 0.0, 0.0, 0.0
    for name, uses in circuit.uses.items():
        kind = cell(name)
        energy_j += uses * (kind.clock_j + kind.data_j * activity / DEFAULT_ACTIVITY)
    for name, count in circuit.cells.items():
        kind = cell(name)
        area_um2 += count * kind.area_um2
        leakage_w += count * kind.leakage_w
    return Cost(
        energy_j=energy_j * factors.energy,
        area_mm2=area_um2 * 1e-6 * factors.area,
        leakage_w=leakage_w * factors.leakage,
        source="; ".join(SOURCES),
        certainty="scaled",
        notes=factors.notes,
    )


def check_activity(activity: float) -> None:
    """Raise ValueError for an activity that is not in 0 to 2."""
    if not 0 <= activity <= 2:
        raise ValueError(f"activity = {activity}: must be from 0 to 2")


def built_for(
    clock_hz: float | None,
    node_nm: float,
    voltage_v: float | None,
    result_bits: int,
    build: Callable[[Carry], Circuit],
) -> Circuit:
    """Return the smallest form of a unit that takes an operation each cycle of the clock (None: at any speed).

    build: makes the unit with a kind of carry-propagate adder.

    A clock that leaves less than one inverter between flip-flops gets a stage for each inverter.

    Raises:
        ValueError: a clock that is not above 0, a node or supply outside what `node_factors` covers.
    """
    return built_in(stages_for(clock_hz, node_nm, voltage_v, build), result_bits, build)


def stages_for(
    clock_hz: float | None, node_nm: float, voltage_v: float | None, build: Callable[[Carry], Circuit]
) -> int:
    """Return the pipeline stages of the smallest form of a unit; 0 where ripple adders are fast enough.

    All that a clock changes of a unit is this number. Arguments and errors are those of `built_for`.
    """
    if clock_hz is None:
        return 0
    check_positive(clock_hz=clock_hz)
    # A flip-flop before or behind the logic takes its part of the period.
    available_fo4 = 1 / clock_hz / node_factors(node_nm, voltage_v).fo4_s - cell("flip_flop").depth_fo4
    if build("ripple").depth_fo4 <= available_fo4:
        return 0
    return math.ceil(build("prefix").depth_fo4 / max(available_fo4, 1.0))


def built_in(stages: int, result_bits: int, build: Callable[[Carry], Circuit]) -> Circuit:
    """Return a unit in the form that `stages_for` has found."""
    if not stages:
        return build("ripple")
    return build("prefix") + register((stages - 1) * _ROWS_AT_A_CUT * result_bits)
