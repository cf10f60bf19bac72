"""Systolic arrays: R x C multiply-accumulate PEs with registered links, one or several working as a gang."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from accel_sim.config.units import Count
from accel_sim.hardware.component import (
    ComponentCost,
    ComponentSpec,
    GemmPrice,
    GemmTiles,
    Int64Array,
    MatrixModel,
    Surroundings,
    component,
)
from accel_sim.hardware.components.systolic_schedules import (
    edge_words,
    gang_cycles,
    systolic_schedule,
)
from accel_sim.technology import multiply_accumulate, operation, weakest
from accel_sim.workload.formats import NumberFormat, NumberFormatField, number_format


@lru_cache(maxsize=64)
def _splits(count: int) -> Int64Array:
    """Return int64[p, 3], the ways to deal a tile's batch, M and N to `count` arrays: factors of the count."""
    factors = [f for f in range(1, count + 1) if count % f == 0]
    ways = [(g, m, count // (g * m)) for g in factors for m in factors if count % (g * m) == 0]
    return np.array(ways, dtype=np.int64)


def price(spec: SystolicArray, tiles: GemmTiles) -> GemmPrice:
    """Return cycles and accesses of tiles on the gang.

    The arrays share a tile: its products, rows and columns are dealt to them in the best of the ways to factor
    their number, and the tile takes as long as the busiest array. An operand that several arrays need is read
    from the buffer once and broadcast.
    """
    schedule = systolic_schedule(spec.dataflow, spec.schedule)
    interval, result = gang_cycles(
        tiles.g, tiles.m, tiles.n, tiles.k, spec.rows, spec.columns, schedule.code, _splits(spec.count)
    )
    words = edge_words(tiles.m, tiles.n, tiles.k, spec.rows, spec.columns, schedule.dataflow.code)
    return GemmPrice(interval, result, *(tiles.g * count for count in words))


def granule(spec: SystolicArray) -> tuple[int, int, int]:
    """Return the (m, n, k) that fill the array once; 1 for the streamed dimension."""
    return {
        "output_stationary": (spec.rows, spec.columns, 1),
        "weight_stationary": (1, spec.columns, spec.rows),
        "input_stationary": (spec.columns, 1, spec.rows),
    }[spec.dataflow]


def peak_macs_per_cycle(spec: SystolicArray) -> float:
    """Return one MAC for each PE of each array."""
    return spec.rows * spec.columns * spec.count


def refuses(spec: SystolicArray, left: NumberFormat, right: NumberFormat) -> str | None:
    """Return why an operand of these formats would lose values on the way into the PEs, or None."""
    for own, given in ((spec.activation_format, left), (spec.weight_format, right)):
        if not own.holds(given):
            return f"computes {own.name}, which cannot hold {given.name}"
    return None


def formats(spec: SystolicArray) -> tuple[NumberFormat, NumberFormat, NumberFormat]:
    """Return the formats of left operand, right operand and accumulator."""
    return spec.activation_format, spec.weight_format, spec.accumulator_format


def cost(spec: SystolicArray, chip: Surroundings) -> ComponentCost:
    """Return the charges of all PEs: a multiplier, an adder, and registers for both operands and the sum.

    A MAC also clocks the PE's registers. PEs that compute padding are not charged (their operands are zero and
    assumed gated).
    """
    pe = multiply_accumulate(
        spec.activation_format,
        spec.weight_format,
        spec.accumulator_format,
        chip.node_nm,
        chip.voltage_v,
        chip.clock_hz,
    )
    registers = [
        operation("register", fmt, chip.node_nm, chip.voltage_v)
        for fmt in (spec.activation_format, spec.weight_format, spec.accumulator_format)
    ]
    shadow = registers[1] if spec.schedule == "double_buffered" else None
    pes = spec.rows * spec.columns * spec.count
    parts = [pe, *registers, *([shadow] if shadow else [])]
    return ComponentCost(
        energy_j={"macs": pe.energy_j + sum(r.energy_j for r in registers)},
        area_mm2={
            "multiply_accumulate": pes * pe.area_mm2,
            "registers": pes * sum(r.area_mm2 for r in parts[1:]),
        },
        leakage_w=pes * sum(part.leakage_w for part in parts),
        sources=(pe.source, registers[0].source),
        notes=pe.notes,
        certainty=weakest(*(part.certainty for part in parts)),
    )


@component(
    "systolic_array",
    MatrixModel(
        price=price,
        granule=granule,
        peak_macs_per_cycle=peak_macs_per_cycle,
        refuses=refuses,
        formats=formats,
        cost=cost,
        scales="count",
    ),
)
class SystolicArray(ComponentSpec):
    """Grid of PEs that operands are pumped through, exact to the cycle of its register-level schedule.

    Leaves out: stalls inside a tile (tiles are buffered whole before they start), clock gating of idle PEs, the
    skew buffers' area. Known scheduling anomaly: none.

    Attributes:
        rows, columns: PEs down and across one array.
        count: arrays that work on one tile together.
        dataflow, schedule: see `systolic_schedules`.
        activation_format, weight_format: operands a PE multiplies; narrower ones are widened on the way in.
        accumulator_format: of partial sums.
    """

    type: Literal["systolic_array"] = "systolic_array"
    rows: Count = Field(le=2**16)
    columns: Count = Field(le=2**16)
    count: Count = Field(default=1, le=2**12)
    dataflow: Literal["output_stationary", "weight_stationary", "input_stationary"] = "weight_stationary"
    schedule: Literal[
        "serial_shift_down", "serial_drain", "pipelined", "serial", "back_to_back", "double_buffered"
    ] = "double_buffered"
    activation_format: NumberFormatField = number_format("bf16")
    weight_format: NumberFormatField = number_format("bf16")
    accumulator_format: NumberFormatField = number_format("fp32")

    @model_validator(mode="after")
    def _schedule_fits(self) -> SystolicArray:
        systolic_schedule(self.dataflow, self.schedule)
        return self
