"""Vector units: lanes that compute primitives element by element, in as many passes as a function takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from accel_sim.config.units import Count
from accel_sim.hardware.component import (
    ComponentCost,
    ComponentSpec,
    Int64Array,
    Surroundings,
    VectorModel,
    component,
)
from accel_sim.hardware.primitives import PRIMITIVES
from accel_sim.technology import operation, weakest
from accel_sim.workload.formats import NumberFormatField, number_format

Cycles = Annotated[float, Field(gt=0, le=1e4)]
Latency = Annotated[int, Field(ge=0, le=10_000)]


def cycles(spec: VectorUnit, operations: Mapping[str, float], elements: Int64Array) -> Int64Array:
    """Return int64[t], the cycles of `elements` results with the given operations of each primitive.

    Groups of `lanes` elements enter one after the other; a primitive occupies the lanes for its initiation
    interval, and the pipeline is filled once for each primitive used.
    """
    per_group = sum(count * spec.interval(name) for name, count in operations.items())
    fill = sum(spec.depth(name) for name in operations)
    groups = -(-elements // spec.lanes)
    return np.where(elements > 0, np.ceil(groups * per_group).astype(np.int64) + fill, 0)


def least_cycles(spec: VectorUnit, operations: Mapping[str, float]) -> float:
    """Return the cycles of so many operations of each primitive with every lane busy."""
    return sum(count * spec.interval(name) for name, count in operations.items()) / spec.lanes


def cost(spec: VectorUnit, chip: Surroundings) -> ComponentCost:
    """Return the charges of all lanes, each with one unit for every primitive and two operand registers."""
    units = {
        name: operation(name, spec.format, chip.node_nm, chip.voltage_v, chip.clock_hz) for name in PRIMITIVES
    }
    register = operation("register", spec.format, chip.node_nm, chip.voltage_v)
    parts = (*units.values(), register)
    return ComponentCost(
        energy_j={name: unit.energy_j + 2 * register.energy_j for name, unit in units.items()},
        area_mm2={
            **{name: spec.lanes * unit.area_mm2 for name, unit in units.items()},
            "registers": spec.lanes * 2 * register.area_mm2,
        },
        leakage_w=spec.lanes * (sum(u.leakage_w for u in units.values()) + 2 * register.leakage_w),
        sources=tuple(dict.fromkeys(part.source for part in parts)),
        certainty=weakest(*(part.certainty for part in parts)),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


@component("vector_unit", VectorModel(cycles=cycles, least_cycles=least_cycles, cost=cost))
class VectorUnit(ComponentSpec):
    """Lanes for everything that is not a matrix product: activations, norms, softmax, epilogues.

    Leaves out: the tree that reduces across lanes at the end of a row (its few cycles are within `depth`).

    Attributes:
        lanes: elements that enter together.
        format: of the lanes' arithmetic; narrower values are widened on the way in.
        cycles_per_operation: initiation interval of a primitive, 1 where not given.
        latency_cycles: pipeline depth of a primitive, 4 where not given (assumed).
    """

    type: Literal["vector_unit"] = "vector_unit"
    lanes: Count = Field(le=2**20)
    format: NumberFormatField = number_format("fp32")
    cycles_per_operation: dict[str, Cycles] = Field(default_factory=dict)
    latency_cycles: dict[str, Latency] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known_primitives(self) -> VectorUnit:
        for name in (*self.cycles_per_operation, *self.latency_cycles):
            if name not in PRIMITIVES:
                raise ValueError(f"'{name}' is not a primitive (allowed: {', '.join(PRIMITIVES)})")
        return self

    def interval(self, primitive: str) -> float:
        """Cycles before the lanes can start the primitive again."""
        return self.cycles_per_operation.get(primitive, 1.0)

    def depth(self, primitive: str) -> int:
        """Cycles from operands to result."""
        return self.latency_cycles.get(primitive, 4)
