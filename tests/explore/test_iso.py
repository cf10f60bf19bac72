"""Designs matched to others in area, power or peak."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim import load_design, simulate
from accel_sim.config import InputError, UnknownKeyError
from accel_sim.explore.iso import AREA, COARSE, FINENESS, PEAK, Quantity, match, power
from accel_sim.hardware.design import build_design
from accel_sim.hardware.parameters import find_parameter
from accel_sim.testing import small_chip
from accel_sim.workload import Workload
from accel_sim.workload.model import Formats
from accel_sim.workload.operator_list import GemmEntry, OperatorList
from accel_sim.workload.phases import Inference

GEMM = Workload("gemm", OperatorList(gemms=(GemmEntry(name="a", m=96, n=96, k=96),)), Formats(), Inference())
CHIP = small_chip()
# Paths that take up area, with the least and greatest number of steps to try and the size of one.
STEPS = {
    "npu.count": (1, 2**12, 1),
    "npu.rows": (1, 2**16, 1),
    "vector.lanes": (1, 2**20, 1),
    "dram.channels": (1, 2**12, 1),
    "scratchpad.capacity": (1, 2**20, 1024),
    "technology.node": (FINENESS, 3 * FINENESS, 7 / FINENESS),
}


def value_at(path, number):
    return number * STEPS[path][2] if path != "technology.node" else 7 * number / FINENESS


def quantity_at(path, number, quantity=AREA):
    return quantity.of(build_design(CHIP.document, {path: value_at(path, number)}))


@st.composite
def targets(draw):
    """A path, a number of its steps, and an area from there to the next."""
    path = draw(st.sampled_from(sorted(STEPS)))
    low, high, _ = STEPS[path]
    number = min(high - 1, max(low, round(2 ** draw(st.floats(math.log2(low), math.log2(high))))))
    share = draw(st.floats(0, 1))
    return path, (1 - share) * quantity_at(path, number) + share * quantity_at(path, number + 1)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(targets())
def test_a_step_in_either_direction_is_not_nearer_to_the_area(case):
    path, target = case
    done = match(CHIP, AREA, target, path)
    assert done.quantity_after == done.design.area_mm2
    assert done.quantity_before == CHIP.area_mm2
    low, high, step = STEPS[path]
    number = round(done.after / step)
    assert value_at(path, number) == done.after
    for neighbour in (number - 1, number + 1):
        if low <= neighbour <= high:
            assert abs(quantity_at(path, neighbour) - target) >= abs(done.quantity_after - target)


@pytest.mark.parametrize("path", [None, *STEPS, "clock", "dram.efficiency", "accumulator.capacity"])
def test_scaling_a_design_to_its_own_area_changes_nothing(path):
    done = match(CHIP, AREA, CHIP.area_mm2, path)
    assert done.after == done.parameter.value
    assert type(done.after) is type(done.parameter.value)
    assert (done.residual, done.coarse) == (0, False)
    assert done.design.components == CHIP.components


@pytest.mark.parametrize("count", [1, 2, 3, 100, 4096])
def test_peak_is_met_exactly_by_a_number_of_arrays_where_it_divides(count):
    done = match(CHIP, PEAK, count * CHIP.peak_macs_per_s)
    assert (done.parameter.path, done.after, done.residual) == ("npu.count", count, 0)
    assert done.design.matrix.spec.count == count


def test_coarse_steps_are_called_so():
    done = match(CHIP, PEAK, 2.4 * CHIP.peak_macs_per_s)
    assert (done.after, done.coarse) == (2, True)
    assert done.residual == pytest.approx(2 / 2.4 - 1)
    assert not match(CHIP, PEAK, (1 + COARSE / 2) * CHIP.peak_macs_per_s).coarse


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.floats(1e-3, 900))
def test_a_number_that_need_not_be_whole_meets_the_target_to_a_step(factor):
    done = match(CHIP, PEAK, factor * CHIP.peak_macs_per_s, "clock")
    assert done.after == pytest.approx(factor * CHIP.clock_hz, abs=1e-7 * CHIP.clock_hz)
    assert abs(done.quantity_after - done.target) <= 1e-7 * CHIP.peak_macs_per_s


def test_a_quantity_may_fall_with_the_parameter():
    cycle = Quantity("cycle_s", lambda design: 1 / design.clock_hz)
    done = match(CHIP, cycle, 4e-9, "clock")
    assert done.after == pytest.approx(2.5e8, rel=1e-6)


def test_power_is_that_of_the_run():
    eight = simulate(CHIP, GEMM, overrides={"npu.count": 8})
    done = match(CHIP, power(GEMM), eight.power_w)
    assert done.quantity_after == simulate(done.design, GEMM).power_w
    assert abs(done.residual) <= 1e-12
    bound = match(CHIP, power(GEMM, "roofline"), 2 * eight.power_w, "npu.rows")
    assert bound.quantity_after == simulate(bound.design, GEMM, fidelity="roofline").power_w
    assert abs(bound.residual) < 0.05


def test_what_the_design_was_given_before_is_kept():
    wide = load_design("edge_npu", {"npu.rows": 32, "npu.count": 2})
    done = match(wide, PEAK, 5 * wide.peak_macs_per_s)
    assert (done.parameter.value, done.after) == (2, 10)
    assert done.design.matrix.spec.rows == 32


def refusal(quantity, target, path=None, chip=CHIP, kind=InputError):
    with pytest.raises(kind) as caught:
        match(chip, quantity, target, path)
    return str(caught.value)


def test_a_target_out_of_reach_is_refused_with_the_range_and_what_was_reached():
    peak = CHIP.peak_macs_per_s
    text = refusal(PEAK, peak / 2)
    assert text.startswith("small_chip: npu.count: peak_macs_per_s = ")
    assert text.endswith(f"from 1 to 4096 it comes no nearer than {peak:.5g}, at 1")
    assert refusal(PEAK, 5000 * peak).endswith(f"no nearer than {4096 * peak:.5g}, at 4096")
    assert "edge_npu.yaml:8: npu.count:" in refusal(PEAK, 1.0, chip="edge_npu")
    assert "from 1 KiB to 1024 TiB it comes no nearer than" in refusal(PEAK, 1.0, "dram.capacity")
    assert refusal(PEAK, 1.0, "dram.capacity").endswith("at 64 GiB as everywhere")
    assert "from 100 Hz to 1 THz" in refusal(PEAK, 1.0, "clock")


def test_values_that_contradict_others_end_the_range_with_the_reason():
    """64 KiB in accesses of 32 bytes have room for 2048 banks, though the field would allow more."""
    banks = Quantity("banks", lambda design: design.scratchpad.spec.banks)
    assert match(CHIP, banks, 2048.0, "scratchpad.banks").after == 2048
    text = refusal(banks, 4000.0, "scratchpad.banks")
    assert "no nearer than 2048, at 2048 (2049 is refused: " in text
    assert "2049 banks of a 32-byte access each exceed 65536 bytes" in text


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("npu.cuont", "small_chip: unknown path 'npu.cuont' (did you mean 'npu.count'?)"),
        ("nup.count", "small_chip: unknown path 'nup.count' (did you mean 'npu'?)"),
        ("npu.count.x", "unknown path 'npu.count.x'"),
        ("npu", "small_chip: npu: is not a number"),
        ("npu.dataflow", "npu.dataflow = weight_stationary: is not a number"),
        ("npu.weight_format", "npu.weight_format: is not a number"),
        ("mapping.fuse_epilogues", "mapping.fuse_epilogues = True: is not a number"),
        ("technology.voltage", "technology.voltage: is not given"),
        ("dram.latency", "dram.latency = 0: must be more than 0 to be scaled"),
        ("workload.phase.batch", "unknown path 'workload.phase.batch'"),
    ],
)
def test_a_path_that_cannot_be_scaled_is_refused(path, message):
    assert message in refusal(PEAK, 1.0, path)


def test_an_unknown_path_is_told_from_a_wrong_value():
    refusal(PEAK, 1.0, "npu.cuont", kind=UnknownKeyError)


@pytest.mark.parametrize("target", [0.0, -1.0, math.inf, math.nan])
def test_a_target_that_is_no_amount_is_refused(target):
    assert "must be more than 0" in refusal(AREA, target)


def test_a_design_without_a_unit_that_scales_needs_a_path():
    chip = small_chip(npu=None)
    assert "small_chip: has no matrix unit; name the parameter" in refusal(AREA, 1.0, chip=chip)
    assert match(chip, AREA, chip.area_mm2, "vector.lanes").after == 8


@pytest.mark.parametrize(
    ("path", "low", "high", "dimension"),
    [
        ("npu.rows", 1, 2**16, None),
        ("scratchpad.capacity", 1, 2**50, "bytes"),
        ("dram.efficiency", math.ulp(0), 1, None),
        ("dram.latency", 0, 1e6, "seconds"),
        ("clock", math.ulp(0), 1e12, "hertz"),
        ("technology.voltage", math.ulp(0), 10, "volts"),
        ("mapping.resident_fraction", 0, 0.9, None),
        ("vector.cycles_per_operation.exp", math.ulp(0), 1e4, None),
        ("vector.latency_cycles.exp", 0, 10_000, None),
    ],
)
def test_a_parameter_has_the_bounds_of_its_field(path, low, high, dimension):
    lanes = {
        "type": "vector_unit",
        "lanes": 8,
        "cycles_per_operation": {"exp": 4},
        "latency_cycles": {"exp": 8},
    }
    chip = small_chip({"technology.voltage": 0.75}, vector=lanes)
    parameter = find_parameter(chip, path)
    assert (parameter.low, parameter.high, parameter.dimension) == (low, high, dimension)
    assert parameter.whole == isinstance(parameter.value, int)
