import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_sim.technology import node_factors
from accel_sim.technology.tables import read_table

# Stillmaker and Baas, Integration 58 (2017), doi 10.1016/j.vlsi.2017.02.002: energy of fast devices
# goes with a V^2 + b V + c. Transcribed from two public scripts that agree where both list it: nodeScale
# (UCLA NanoCAD) and scaling.py of accelergy-library-plug-in (which lists low-power devices at 45 and 32 nm).
ENERGY_POLYNOMIALS = {
    130: (7.171, -6.709, 2.904),
    90: (4.762, -4.781, 2.092),
    65: (3.755, -4.398, 1.975),
    45: (1.018, -0.3107, 0.1539),
    32: (0.8367, -0.4341, 0.1701),
    20: (0.373, -0.1582, 0.04104),
    16: (0.2958, -0.1241, 0.03024),
    14: (0.2363, -0.09675, 0.02239),
    10: (0.2068, -0.09311, 0.02375),
    7: (0.1776, -0.09097, 0.02447),
}
# The same paper: area relative to 45 nm.
AREAS = {130: 6.4, 90: 2.8, 65: 1.5, 45: 1, 32: 0.46, 20: 0.21, 16: 0.19, 14: 0.17, 10: 0.1, 7: 0.059}

nodes = st.floats(5, 130)


def polynomial(node_nm: float, voltage_v: float) -> float:
    a, b, c = ENERGY_POLYNOMIALS[node_nm]
    return a * voltage_v**2 + b * voltage_v + c


@pytest.mark.parametrize("node_nm", ENERGY_POLYNOMIALS)
def test_energy_is_the_published_polynomial_at_the_nominal_supply(node_nm):
    factors = node_factors(node_nm)
    assert factors.energy == pytest.approx(
        polynomial(node_nm, factors.voltage_v) / polynomial(45, 0.9), rel=1e-3
    )


@pytest.mark.parametrize("node_nm", AREAS)
def test_area_is_the_published_factor(node_nm):
    assert node_factors(node_nm).area == AREAS[node_nm]


def test_45_nm_is_the_unit():
    factors = node_factors(45)
    assert (factors.energy, factors.area, factors.leakage, factors.voltage_v) == (1, 1, 1, 0.9)


@given(nodes, nodes)
def test_a_smaller_node_never_costs_more(one, other):
    small, large = node_factors(min(one, other)), node_factors(max(one, other))
    assert small.energy <= large.energy
    assert small.area <= large.area
    assert small.leakage <= large.leakage


@given(nodes, st.floats(0.5, 1.5))
def test_energy_goes_with_the_square_of_the_supply_and_leakage_with_the_supply(node_nm, relative):
    nominal = node_factors(node_nm)
    # A hair inside the band, so that rounding cannot push the supply out of it.
    relative = min(max(relative, 0.5001), 1.4999)
    scaled = node_factors(node_nm, nominal.voltage_v * relative)
    assert scaled.energy == pytest.approx(nominal.energy * relative**2)
    assert scaled.leakage == pytest.approx(nominal.leakage * relative)
    assert scaled.area == nominal.area


def test_factors_do_not_jump_between_the_nodes_of_the_table():
    listed = sorted(float(row["node_nm"]) for row in read_table("nodes"))
    for node_nm in listed[1:-1]:
        below, above = node_factors(node_nm * (1 - 1e-9)), node_factors(node_nm * (1 + 1e-9))
        assert below.energy == pytest.approx(above.energy, rel=1e-6)
        assert below.area == pytest.approx(above.area, rel=1e-6)


@pytest.mark.parametrize("node_nm", [3, 4.99, 131, 0, -7, float("nan"), float("inf")])
def test_a_node_outside_the_table_is_an_error_that_names_the_range(node_nm):
    with pytest.raises(ValueError, match=r"node_nm = .*: must be between 5 and 130"):
        node_factors(node_nm)


@pytest.mark.parametrize("voltage_v", [0, -1, 0.3, 1.2, float("nan"), float("inf")])
def test_a_supply_far_from_nominal_is_an_error_that_names_the_range(voltage_v):
    with pytest.raises(ValueError, match=r"voltage_v = .*: must be between 0.35 and 1.05 at 7 nm"):
        node_factors(7, voltage_v)
