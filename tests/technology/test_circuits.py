"""Circuits: their algebra, and the counts of adders, encoders and selectors against slow twins that compute."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_sim.technology.cells import cells as known_cells
from accel_sim.technology.circuits import blocks, encoders, integer
from accel_sim.technology.circuits.circuit import NOTHING, Circuit, area_um2, cells
from accel_sim.technology.network import router, router_circuit
from accel_sim.technology.nodes import node_factors
from accel_sim.technology.pricing import built_for, price

NAMES = sorted(known_cells())
COUNTS = st.dictionaries(st.sampled_from(NAMES), st.integers(1, 50), min_size=1, max_size=5)
CIRCUITS = st.builds(lambda counts, path: cells({path: 1}, **counts), COUNTS, st.sampled_from(NAMES))


def count(circuit, name):
    return circuit.cells.get(name, 0)


def same(one, other):
    return (
        dict(one.cells) == pytest.approx(dict(other.cells))
        and dict(one.uses) == pytest.approx(dict(other.uses))
        and one.depth_fo4 == pytest.approx(other.depth_fo4)
    )


# Algebra.


@given(CIRCUITS, CIRCUITS, CIRCUITS)
def test_side_by_side_and_in_series_are_associative_with_nothing_as_their_neutral_circuit(one, two, three):
    assert same((one + two) + three, one + (two + three))
    assert same(one.then(two).then(three), one.then(two.then(three)))
    assert same(one + two, two + one)
    for whole in (one + NOTHING, NOTHING + one, one.then(NOTHING), NOTHING.then(one)):
        assert same(whole, one)


@given(CIRCUITS, CIRCUITS)
def test_cells_add_up_both_ways_and_only_the_path_differs(one, two):
    beside, behind = one + two, one.then(two)
    assert beside.cells == behind.cells
    assert beside.uses == behind.uses
    assert area_um2(beside) == pytest.approx(area_um2(one) + area_um2(two))
    assert beside.depth_fo4 == max(one.depth_fo4, two.depth_fo4)
    assert behind.depth_fo4 == one.depth_fo4 + two.depth_fo4


@given(CIRCUITS, st.integers(1, 6))
def test_copies_are_repeated_addition_and_uses_are_repeated_in_time(one, copies):
    added = one
    for _ in range(copies - 1):
        added += one
    assert same(one.times(copies), added)
    used = one.used(copies)
    assert used.cells == one.cells
    assert dict(used.uses) == pytest.approx({name: copies * n for name, n in one.uses.items()})
    assert used.depth_fo4 == pytest.approx(copies * one.depth_fo4)


@given(CIRCUITS, st.integers(1, 6))
def test_using_a_circuit_again_costs_its_energy_again_and_no_area(one, uses):
    once, often = price(one, 28), price(one.used(uses), 28)
    assert often.energy_j == pytest.approx(uses * once.energy_j)
    assert (often.area_mm2, often.leakage_w) == (once.area_mm2, once.leakage_w)


def test_an_unknown_cell_is_an_error_that_suggests_one():
    with pytest.raises(ValueError, match=r"unknown cell 'ful_adder' \(did you mean 'full_adder'\?\)"):
        cells(ful_adder=3)
    with pytest.raises(ValueError, match="unknown cell 'nand'"):
        cells({"nand": 1}, and2=3)
    with pytest.raises(ValueError, match="unknown cell"):
        price(Circuit({"nand": 1.0}, {"nand": 1.0}), 45)


# Adders.


@pytest.mark.parametrize("bits", [1, 8, 13, 64])
def test_a_ripple_adder_is_a_full_adder_a_bit(bits):
    assert integer.adder(bits).cells == {"full_adder": bits}


def sklansky(a, b, bits):
    """Return a + b modulo 2^bits and the number of merges of a Sklansky adder, computed merge by merge."""
    generate = [(a >> i & 1) & (b >> i & 1) for i in range(bits)]
    propagate = [(a >> i & 1) ^ (b >> i & 1) for i in range(bits)]
    half_sums, merges = list(propagate), 0
    for level in range(bits.bit_length()):
        for i in range(bits):
            if i >> level & 1:
                below = (i >> level << level) - 1
                generate[i] |= propagate[i] & generate[below]
                propagate[i] &= propagate[below]
                merges += 1
    carries = [0, *generate[:-1]]
    return sum(
        (half ^ carry) << i for i, (half, carry) in enumerate(zip(half_sums, carries, strict=True))
    ), merges


@given(st.integers(1, 64), st.data())
def test_a_prefix_adder_has_the_merges_of_a_sklansky_adder_that_adds(bits, data):
    a, b = (data.draw(st.integers(0, 2**bits - 1)) for _ in range(2))
    total, merges = sklansky(a, b, bits)
    assert total == (a + b) % 2**bits
    fast = integer.adder(bits, "prefix")
    assert count(fast, "carry_merge") == merges
    assert (count(fast, "half_adder"), count(fast, "xor2")) == (bits, bits)


def test_32_bits_take_80_merges_in_five_levels():
    # n/2 log2(n), Sklansky 1960.
    assert count(integer.adder(32, "prefix"), "carry_merge") == 80
    levels = integer.adder(32, "prefix").depth_fo4 - integer.adder(16, "prefix").depth_fo4
    assert levels == pytest.approx(known_cells()["carry_merge"].depth_fo4)


@pytest.mark.parametrize("bits", range(3, 65))
def test_a_prefix_adder_is_larger_and_from_three_bits_faster(bits):
    slow, fast = integer.adder(bits), integer.adder(bits, "prefix")
    assert area_um2(fast) > area_um2(slow)
    if bits >= 5:
        assert fast.depth_fo4 < slow.depth_fo4


def test_no_bits_take_no_adder():
    assert integer.adder(0) is NOTHING


@pytest.mark.parametrize("bits", [2, 8, 32])
def test_a_comparator_is_cheaper_than_the_difference_it_stands_for(bits):
    assert price(integer.comparator(bits), 45).energy_j < price(integer.subtractor(bits), 45).energy_j
    assert price(integer.comparator(bits), 45).energy_j < price(integer.comparator(bits + 1), 45).energy_j
    assert count(integer.maximum(bits), "mux2") == bits


# Encoders and selectors.


def booth(value, digits, signed, bits):
    def bit(i):
        return 0 if i < 0 or (not signed and i >= bits) else value >> i & 1

    return [bit(2 * i - 1) + bit(2 * i) - 2 * bit(2 * i + 1) for i in range(digits)]


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("bits", range(1, 11))
def test_the_booth_digits_suffice_for_every_operand_and_one_less_does_not(bits, signed):
    digits = encoders.booth_digits(bits, signed)
    values = range(-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else range(2**bits)

    def exact(value, digits):
        recoded = booth(value, digits, signed, bits)
        assert all(-2 <= digit <= 2 for digit in recoded)
        return sum(digit * 4**i for i, digit in enumerate(recoded)) == value

    assert all(exact(value, digits) for value in values)
    assert not all(exact(value, digits - 1) for value in values)
    made, columns = integer.partial_products(8, bits, "booth", signed)
    assert count(made, "booth_select") == 9 * digits
    assert sum(columns) == digits * (10 + 1)


def leading_zeros(bits):
    """Return (count of leading zeros modulo the length, all are zero, two-way selectors used), by halving."""
    if len(bits) == 1:
        return 0, bits[0] == 0, 0
    half = len(bits) // 2
    (high, high_empty, one), (low, low_empty, other) = leading_zeros(bits[:half]), leading_zeros(bits[half:])
    selectors = half.bit_length() - 1
    chosen = low if high_empty else high
    return chosen + (half if high_empty else 0), high_empty and low_empty, one + other + selectors


@pytest.mark.parametrize("levels", range(1, 7))
@given(data=st.data())
def test_a_leading_zero_counter_has_the_selectors_of_a_tree_that_counts(levels, data):
    bits = 2**levels
    value = data.draw(st.integers(1, 2**bits - 1))
    zeros, empty, selectors = leading_zeros([value >> i & 1 for i in reversed(range(bits))])
    assert (zeros, empty) == (bits - value.bit_length(), False)
    counter = encoders.leading_zero_counter(bits)
    assert count(counter, "mux2") == selectors
    assert count(counter, "and2") == 2 * (bits - 1)


def test_a_leading_zero_counter_grows_with_its_operand():
    counters = [encoders.leading_zero_counter(bits) for bits in range(1, 65)]
    for small, large in itertools.pairwise(counters):
        assert area_um2(small) <= area_um2(large)
        assert small.depth_fo4 <= large.depth_fo4
    assert area_um2(counters[0]) == 0


@pytest.mark.parametrize("places", range(1, 70))
def test_a_shifter_has_just_the_levels_that_reach_its_farthest_shift(places):
    levels = count(blocks.shifter(16, places), "mux2") / 16
    assert 2 ** (levels - 1) - 1 < places <= 2**levels - 1


@pytest.mark.parametrize("ways", range(1, 20))
def test_a_selector_drops_one_word_at_a_time(ways):
    assert count(blocks.selector(ways, 8), "mux2") == 8 * (ways - 1)


@pytest.mark.parametrize("entries", [2, 8, 64])
def test_an_access_to_a_register_file_costs_less_than_all_its_latches(entries):
    bits = 16
    file = blocks.storage(entries, bits, cell="latch")
    array = cells(latch=entries * bits)
    assert count(file.cells, "latch") == entries * bits
    assert file.write.uses["latch"] == bits
    if entries > 2:
        for access in (file.read, file.write):
            assert price(access, 28).energy_j < price(array, 28).energy_j
    assert price(file.cells, 28).area_mm2 > price(array, 28).area_mm2


def test_a_read_port_costs_area_and_no_energy_of_an_access():
    one, two = (blocks.storage(16, 32, ports) for ports in (1, 2))
    assert area_um2(one.cells) < area_um2(two.cells)
    assert (one.read, one.write) == (two.read, two.write)


# Routers, and units built for a clock.


@pytest.mark.parametrize("which", range(3))
def test_a_router_grows_with_ports_bits_and_flits(which):
    sizes = [2, 32, 2]
    costs = []
    for _ in range(4):
        costs.append(router(*sizes, 28))
        sizes[which] *= 2
    for small, large in itertools.pairwise(costs):
        assert small.energy_j < large.energy_j
        assert small.area_mm2 < large.area_mm2
        assert small.leakage_w < large.leakage_w


def test_a_flit_is_written_to_one_of_a_routers_buffers_and_read_from_it():
    circuit = router_circuit(5, 64, 4)
    assert count(circuit, "latch") == 5 * 4 * 64
    assert circuit.uses["latch"] == 64
    assert circuit.uses["flip_flop"] == 64


@pytest.mark.parametrize("sizes", [(0, 64, 4), (5, 0, 4), (5, 64, 0)])
def test_a_router_without_ports_bits_or_flits_is_an_error(sizes):
    with pytest.raises(ValueError, match="= 0: must be at least 1"):
        router(*sizes, 45)


@given(st.integers(2, 64), st.floats(1e8, 2e9), st.floats(5, 130))
def test_a_unit_built_for_a_clock_meets_it_in_as_few_stages_as_do(bits, clock_hz, node_nm):
    slow, fast = (integer.adder(bits, carry) for carry in ("ripple", "prefix"))
    built = built_for(clock_hz, node_nm, None, bits, lambda carry: integer.adder(bits, carry))
    # What a flip-flop leaves of a period.
    left_fo4 = 1 / (clock_hz * node_factors(node_nm).fo4_s) - known_cells()["flip_flop"].depth_fo4
    if slow.depth_fo4 <= left_fo4:
        assert built == slow
        return
    cuts = count(built, "flip_flop") / (2 * bits)
    assert count(built, "carry_merge") == count(fast, "carry_merge")
    assert cuts == int(cuts)
    if left_fo4 >= 1:
        assert (cuts + 1) * left_fo4 >= fast.depth_fo4
        assert cuts == 0 or cuts * left_fo4 < fast.depth_fo4


@pytest.mark.parametrize("clock_hz", [0, -1e9, float("nan"), float("inf")])
def test_a_clock_that_is_none_is_an_error(clock_hz):
    with pytest.raises(ValueError, match=r"clock_hz = .*: must be a finite number above 0"):
        built_for(clock_hz, 45, None, 8, lambda carry: integer.adder(8, carry))
