import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_sim.technology import multiply_accumulate, operation
from accel_sim.technology.arithmetic import OPERATIONS
from accel_sim.workload.formats import number_format

FLOATS = (
    "fp64",
    "fp32",
    "tf32",
    "fp16",
    "bf16",
    "fp8_e4m3",
    "fp8_e5m2",
    "fp6_e3m2",
    "fp6_e2m3",
    "fp4_e2m1",
    "e8m0",
)
FORMATS = st.one_of(
    st.sampled_from(FLOATS), st.builds("{}{}".format, st.sampled_from(("int", "uint")), st.integers(1, 64))
).map(number_format)
NODES = st.floats(5, 130)
CLOCKS = st.one_of(st.none(), st.floats(1e6, 5e9))


def figures(cost):
    return cost.energy_j, cost.area_mm2, cost.leakage_w


def at_most(small, large):
    return all(a <= b * (1 + 1e-9) for a, b in zip(figures(small), figures(large), strict=True))


def pj(cost):
    return cost.energy_j * 1e12


def um2(cost):
    return cost.area_mm2 * 1e6


# Two adders fix the energy of logic; their mean (geometric) is met exactly.
def test_the_two_adders_that_calibrate_logic_are_met_on_average():
    ratios = [
        pj(operation("add", number_format(name), 45)) / published
        for name, published in (("int8", 0.03), ("int32", 0.1))
    ]
    assert ratios[0] * ratios[1] == pytest.approx(1, rel=1e-3)


# Horowitz, ISSCC 2014, 45 nm: none of these is calibrated on.
@pytest.mark.parametrize(
    ("kind", "name", "published_pj"),
    [
        ("add", "int16", 0.05),
        ("add", "fp16", 0.4),
        ("add", "fp32", 0.9),
        ("multiply", "int8", 0.2),
        ("multiply", "int32", 3.1),
    ],
)
def test_published_energies_are_predicted_within_15_percent(kind, name, published_pj):
    assert pj(operation(kind, number_format(name), 45)) == pytest.approx(published_pj, rel=0.15)


@pytest.mark.parametrize("name", ["fp16", "fp32"])
def test_published_energies_of_float_multipliers_are_predicted_within_a_factor_of_2_1(name):
    published_pj = {"fp16": 1.1, "fp32": 3.7}[name]
    assert published_pj / 2.1 <= pj(operation("multiply", number_format(name), 45)) <= published_pj


@pytest.mark.parametrize(
    ("kind", "name", "published_um2"),
    [("add", "int8", 36), ("add", "int16", 67), ("add", "int32", 137), ("multiply", "int8", 282)],
)
def test_published_areas_of_integer_units_are_predicted_within_6_percent(kind, name, published_um2):
    # No area is calibrated on: cells are those of an open library.
    assert um2(operation(kind, number_format(name), 45)) == pytest.approx(published_um2, rel=0.06)


def test_the_ratio_of_bf16_to_fp16_products_is_predicted_within_an_eighth():
    # Jouppi et al., ISCA 2021, table 2 (7 nm): 0.21 / 0.34 pJ.
    ratio = pj(operation("multiply", number_format("bf16"), 7)) / pj(
        operation("multiply", number_format("fp16"), 7)
    )
    assert ratio == pytest.approx(0.21 / 0.34, rel=0.125)


@pytest.mark.parametrize("clock_hz", [None, 1e9])
@pytest.mark.parametrize("kind", OPERATIONS)
@pytest.mark.parametrize("sign", ["int", "uint"])
def test_a_wider_integer_never_costs_less(kind, sign, clock_hz):
    costs = [operation(kind, number_format(f"{sign}{bits}"), 28, None, clock_hz) for bits in range(1, 65)]
    assert all(at_most(small, large) for small, large in itertools.pairwise(costs))
    assert all(value > 0 for value in figures(costs[0]))


@pytest.mark.parametrize("clock_hz", [None, 1e9])
@pytest.mark.parametrize("kind", OPERATIONS)
def test_a_float_wider_in_exponent_and_mantissa_never_costs_less(kind, clock_hz):
    formats = [number_format(name) for name in FLOATS]
    pairs = [
        (small, large)
        for small, large in itertools.permutations(formats, 2)
        if small.exponent_bits <= large.exponent_bits
        and small.mantissa_bits <= large.mantissa_bits
        and small.bits <= large.bits
    ]
    assert len(pairs) > 20
    for small, large in pairs:
        costs = [operation(kind, fmt, 28, None, clock_hz) for fmt in (small, large)]
        assert at_most(*costs), (small.name, large.name)


@given(FORMATS, FORMATS, FORMATS, NODES, CLOCKS)
def test_a_multiply_accumulate_does_not_depend_on_the_order_of_its_operands(
    a, b, accumulator, node_nm, clock_hz
):
    there, back = (multiply_accumulate(x, y, accumulator, node_nm, None, clock_hz) for x, y in ((a, b), (b, a)))
    assert figures(there) == pytest.approx(figures(back))


@given(st.integers(2, 32), st.integers(2, 32), st.integers(4, 64), NODES)
def test_merging_the_accumulator_never_costs_more_than_multiplying_then_adding(
    a_bits, b_bits, sum_bits, node_nm
):
    a, b = number_format(f"int{max(a_bits, b_bits)}"), number_format(f"int{min(a_bits, b_bits)}")
    accumulator = number_format(f"int{max(sum_bits, a.bits + b.bits) if a.bits + b.bits <= 64 else 64}")
    merged = multiply_accumulate(a, b, accumulator, node_nm)
    product, total = operation("multiply", a, node_nm), operation("add", accumulator, node_nm)
    assert merged.energy_j <= (product.energy_j + total.energy_j) * (1 + 1e-9)
    assert merged.area_mm2 <= (product.area_mm2 + total.area_mm2) * (1 + 1e-9)


@given(FORMATS, st.integers(1, 63), FORMATS, NODES, CLOCKS)
def test_a_wider_weight_never_makes_a_multiply_accumulate_cheaper(a, bits, accumulator, node_nm, clock_hz):
    narrow, wide = (
        multiply_accumulate(a, number_format(f"int{b}"), accumulator, node_nm, None, clock_hz)
        for b in (bits, bits + 1)
    )
    assert at_most(narrow, wide)


@given(FORMATS, st.integers(1, 63), NODES, CLOCKS)
def test_a_wider_integer_accumulator_never_makes_a_multiply_accumulate_cheaper(a, bits, node_nm, clock_hz):
    narrow, wide = (
        multiply_accumulate(a, a, number_format(f"int{b}"), node_nm, None, clock_hz) for b in (bits, bits + 1)
    )
    assert at_most(narrow, wide)


@given(st.sampled_from(OPERATIONS), FORMATS, NODES, NODES, CLOCKS)
def test_a_smaller_node_never_costs_more(kind, fmt, one, other, clock_hz):
    small, large = (operation(kind, fmt, node, None, clock_hz) for node in (min(one, other), max(one, other)))
    assert at_most(small, large)


@given(st.sampled_from(OPERATIONS), FORMATS, NODES, st.floats(1e6, 5e9), st.floats(1e6, 5e9))
def test_a_faster_clock_never_makes_a_unit_cheaper(kind, fmt, node_nm, one, other):
    slow, fast = (operation(kind, fmt, node_nm, None, clock) for clock in (min(one, other), max(one, other)))
    assert at_most(operation(kind, fmt, node_nm), slow)
    assert at_most(slow, fast)


@given(st.sampled_from(OPERATIONS), FORMATS, st.floats(0, 1), st.floats(0, 1))
def test_energy_grows_with_activity_in_a_straight_line_and_area_does_not(kind, fmt, one, other):
    costs = [operation(kind, fmt, 45, None, None, activity) for activity in (0.0, one, one + other)]
    if one > 1e-3:
        slope = (costs[1].energy_j - costs[0].energy_j) / one
        assert costs[2].energy_j == pytest.approx(costs[0].energy_j + slope * (one + other))
    assert costs[0].area_mm2 == costs[1].area_mm2 == costs[2].area_mm2


def test_a_register_is_clocked_even_when_it_holds():
    held, random = (operation("register", number_format("int8"), 45, None, None, a) for a in (0.0, 0.5))
    assert 0 < held.energy_j < random.energy_j
    assert operation("add", number_format("int8"), 45, None, None, 0.0).energy_j == 0


def test_a_figure_beyond_the_published_nodes_says_so():
    assert operation("add", number_format("int8"), 7).notes == ()
    assert "extrapolated" in operation("add", number_format("int8"), 5).notes[0]
    assert operation("exp", number_format("fp16"), 45).certainty == "assumed"


def test_an_exponential_takes_six_products_and_sums_of_energy_and_one_of_area():
    fmt = number_format("bf16")
    exp, multiply, add = (operation(kind, fmt, 45) for kind in ("exp", "multiply", "add"))
    assert exp.energy_j == pytest.approx(6 * (multiply.energy_j + add.energy_j))
    assert exp.area_mm2 == pytest.approx(multiply.area_mm2 + add.area_mm2)


def test_a_product_that_is_not_of_the_accumulators_kind_pays_for_its_conversion():
    int8, fp32, int32 = (number_format(name) for name in ("int8", "fp32", "int32"))
    mixed = multiply_accumulate(int8, int8, fp32, 45)
    parts = pj(operation("multiply", int8, 45)) + pj(operation("add", fp32, 45))
    assert pj(mixed) > parts
    assert pj(multiply_accumulate(number_format("fp16"), int8, int32, 45)) > pj(operation("add", int32, 45))


def test_an_unknown_operation_is_an_error_that_suggests_one():
    with pytest.raises(ValueError, match=r"unknown operation 'mulitply' \(did you mean 'multiply'\?\)"):
        operation("mulitply", number_format("int8"), 45)


def test_an_illegal_node_or_activity_is_an_error():
    with pytest.raises(ValueError, match="must be between 5 and 130"):
        multiply_accumulate(number_format("int8"), number_format("int8"), number_format("int32"), 2)
    with pytest.raises(ValueError, match="activity = 3: must be from 0 to 2"):
        operation("add", number_format("int8"), 45, None, None, 3)
