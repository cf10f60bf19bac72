"""Every registered component kind does what the mapping, the engine and the result rely on."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
import pytest
from pydantic import Field

from accel_sim.config import InputError
from accel_sim.config.units import Count
from accel_sim.explore.iso import PEAK, match
from accel_sim.hardware.component import (
    ComponentCost,
    ComponentSpec,
    GemmPrice,
    MatrixModel,
    component,
    find_kind,
    kind_names,
)
from accel_sim.hardware.components.systolic_schedules import SYSTOLIC_SCHEDULES
from accel_sim.simulation import simulate
from accel_sim.testing import check_component, small_chip
from accel_sim.workload.formats import number_format

DRAM = {"standard": "hbm2", "capacity": "1 GiB"}
PIM = {"standard": "gddr6", "channel_bandwidth": "32 GB/s"}
SPECS = {
    "systolic_array": [
        {"rows": 1, "columns": 3},
        {"rows": 8, "columns": 8},
        {"rows": 8, "columns": 8, "count": 6},
    ],
    "vector_unit": [{"lanes": 1}, {"lanes": 16}, {"lanes": 64, "cycles_per_operation": {"exp": 3.5}}],
    "sram": [
        {"capacity": "16 KiB"},
        {"capacity": "64 KiB"},
        {"capacity": "1 MiB", "banks": 4},
        {"capacity": "4 MiB", "banks": 4, "holds": "partial_sums"},
        {"capacity": "32 MiB", "count": 128, "holds": "nothing_mapped"},
    ],
    "dram": [
        {**DRAM, "channel_bandwidth": "1 GB/s"},
        {**DRAM, "channel_bandwidth": "16 GB/s", "efficiency": 0.7},
        {**DRAM, "channel_bandwidth": "16 GB/s", "preset": "HBM3-6400", "latency": 0},
        {**DRAM, "channel_bandwidth": "32 GB/s", "channels": 9, "channel_bits": 128, "latency": "1 us"},
    ],
    "pim_memory": [
        {**PIM, "protocol": "pim_gpt", "channels": 1, "channel_bits": 16},
        {**PIM, "protocol": "gddr6_aim", "channels": 2, "refresh": False},
        {**PIM, "protocol": "newton", "channels": 4, "efficiency": 0.8, "latency": "100 ns"},
        {**PIM, "protocol": "hbm_pim", "format": "fp16", "channels": 16},
        {**PIM, "protocol": "hbm_pim", "format": "int8", "channels": 64},
    ],
    "link": [
        {"standard": "pcie5", "bandwidth": "1 GB/s"},
        {"standard": "pcie5", "lanes": 16, "bandwidth": 6e10},
    ],
    "roofline_machine": [
        {"peak": {"fp32": "1 TFLOP/s"}, "bandwidth": "10 GB/s", "capacity": "64 GiB", "busy_power": "10 W"},
        {
            "peak": {"fp32": "1 TMAC/s", "fp16": "8 TFLOP/s", "int4": "32 TOP/s"},
            "compute_efficiency": 0.7,
            "bandwidth": "100 GB/s",
            "memory_efficiency": 0.8,
            "capacity": "64 GiB",
            "execution": "eager",
            "launch_overhead": "20 us",
            "idle_power": "20 W",
            "busy_power": "20 W",
        },
    ],
}


class AdderTree(ComponentSpec):
    """Dot-product lanes: each of `lanes` sums `depth` products in a cycle."""

    type: Literal["adder_tree"] = "adder_tree"
    lanes: Count = Field(default=4, le=2**10)
    depth: Count = Field(default=4, le=2**10)
    fill: Annotated[int, Field(ge=0, le=100)] = 3


def tree_price(spec, tiles):
    cycles = tiles.g * tiles.m * -(-tiles.n // spec.lanes) * -(-tiles.k // spec.depth)
    passes = -(-tiles.k // spec.depth)
    results = tiles.g * tiles.m * tiles.n
    return GemmPrice(
        cycles,
        cycles + spec.fill,
        tiles.g * tiles.m * tiles.k * -(-tiles.n // spec.lanes),
        tiles.g * tiles.m * tiles.n * tiles.k,
        results * (passes - 1),
        results * passes,
    )


def tree_cost(spec, chip):
    area_mm2 = spec.lanes * spec.depth * 1e-4
    return ComponentCost({"macs": 1e-12}, {"lanes": area_mm2}, 1e-6 * area_mm2, ("assumed: a toy",))


TREE = MatrixModel(
    price=tree_price,
    granule=lambda spec: (1, spec.lanes, spec.depth),
    peak_macs_per_cycle=lambda spec: spec.lanes * spec.depth,
    refuses=lambda spec, left, right: None if left.bits <= 16 >= right.bits else "takes 16 bits at most",
    formats=lambda spec: (number_format("bf16"), number_format("bf16"), number_format("fp32")),
    cost=tree_cost,
)


@pytest.fixture(autouse=True)
def adder_tree():
    """The toy unit, registered as a package of a third party would."""
    from accel_sim.hardware.component import _KINDS

    component("adder_tree", TREE)(AdderTree)
    yield
    del _KINDS["adder_tree"]


def test_every_kind_has_parameters_to_be_checked_with():
    ours = {name for name in kind_names() if find_kind(name).spec.__module__.startswith("accel_sim.")}
    assert ours == set(SPECS)


@pytest.mark.parametrize("kind", SPECS)
def test_a_kind_conforms(kind):
    check_component(kind, SPECS[kind])


@pytest.mark.parametrize("schedule", SYSTOLIC_SCHEDULES, ids=lambda s: f"{s.dataflow}-{s.schedule}")
def test_systolic_arrays_conform_under_every_schedule(schedule):
    how = {"dataflow": str(schedule.dataflow), "schedule": str(schedule.schedule)}
    check_component("systolic_array", [how | {"rows": 4, "columns": 16}, how | {"rows": 16, "columns": 8}])


def test_a_unit_of_a_third_party_conforms_and_runs_a_model_end_to_end():
    check_component("adder_tree", [{"lanes": 1, "depth": 2}, {"lanes": 16, "depth": 8}])
    chip = small_chip(
        {"scratchpad.capacity": "8 MiB", "accumulator.capacity": "2 MiB"},
        npu={"type": "adder_tree", "lanes": 64, "depth": 32},
    )
    result = simulate(chip, "resnet18")
    assert result.event("executed_macs") == result.macs == simulate(chip, "resnet18", fidelity="roofline").macs
    assert 0 < result.utilization <= 1


def test_a_unit_is_scaled_by_what_its_kind_names():
    chip = small_chip(npu={"type": "adder_tree", "lanes": 8})
    with pytest.raises(InputError, match=r"small_chip: npu: adder_tree does not say .* \(--scale PATH\)"):
        match(chip, PEAK, 3 * chip.peak_macs_per_s)
    component("adder_tree", replace(TREE, scales="lanes"))(AdderTree)
    check_component("adder_tree", [{"lanes": 4, "depth": 4}])
    chip = small_chip(npu={"type": "adder_tree", "lanes": 8})
    assert match(chip, PEAK, 3 * chip.peak_macs_per_s).design.matrix.spec.lanes == 24


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        ({"price": lambda s, t: tree_price(s, t).__class__(*[np.ones(len(t.m), np.int64)] * 6)}, "faster than"),
        ({"peak_macs_per_cycle": lambda spec: 0}, "its peak is 0"),
        ({"cost": lambda spec, chip: ComponentCost({"macs": -1.0}, sources=("x",))}, "energy of macs is -1"),
        ({"cost": lambda spec, chip: ComponentCost({"macs": 1.0})}, "no source"),
        ({"refuses": lambda spec, left, right: "nothing fits"}, "refuses its own formats"),
        ({"scales": "number"}, "scales by 'number', which is None"),
        ({"scales": "type"}, "scales by 'type', which is adder_tree"),
    ],
)
def test_a_broken_unit_is_told_what_is_wrong(broken, complaint):
    component("adder_tree", replace(TREE, **broken))(AdderTree)
    with pytest.raises(AssertionError, match=complaint):
        check_component("adder_tree", [{"lanes": 4, "depth": 4}])
