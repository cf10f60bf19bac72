"""Dadda's reduction against a twin that adds actual bits, and against the counts of his paper."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_sim.technology.cells import cell
from accel_sim.technology.circuits.integer import partial_products
from accel_sim.technology.circuits.reduction import reduce_columns, row, stack

HEIGHTS = st.lists(st.integers(0, 24), min_size=1, max_size=12)
DADDA = (2, 3, 4, 6, 9, 13, 19, 28, 42, 63)


def replayed(columns, width):
    """Reduce columns of bits as Dadda does, adder by adder; return what is left, full and half adders, stages.

    An adder takes bits that were there when its stage began, never the result of another one in it.
    """
    columns = [list(bits) for bits in columns[:width]] + [[] for _ in range(width - len(columns))]
    full = half = stages = 0
    for target in sorted(DADDA, reverse=True):
        if target >= max(map(len, columns)):
            continue
        stages += 1
        carries = []
        for bits in columns:
            fresh, carries = carries, []
            while len(bits) + len(fresh) > target:
                takes = 3 if len(bits) + len(fresh) - target >= 2 else 2
                assert len(bits) >= takes
                added = sum(bits.pop() for _ in range(takes))
                fresh.append(added % 2)
                carries.append(added // 2)
                full += takes == 3
                half += takes == 2
            bits.extend(fresh)
    return columns, full, half, stages


def value(columns):
    return sum(sum(bits) << i for i, bits in enumerate(columns))


def adders(reduced):
    return reduced.circuit.cells.get("full_adder", 0), reduced.circuit.cells.get("half_adder", 0)


@given(HEIGHTS, st.integers(1, 16), st.randoms(use_true_random=False))
def test_reducing_actual_bits_keeps_their_sum_and_takes_the_counted_adders(heights, width, random):
    dots = [[random.randint(0, 1) for _ in range(height)] for height in heights]
    left, full, half, stages = replayed(dots, width)
    assert value(left) % 2**width == value(dots) % 2**width
    reduced = reduce_columns(heights, width)
    assert adders(reduced) == (full, half)
    assert reduced.columns == tuple(map(len, left))
    assert reduced.circuit.depth_fo4 == pytest.approx(stages * cell("full_adder").depth_fo4)


@given(HEIGHTS)
def test_a_full_adder_removes_a_dot_and_a_half_adder_none(heights):
    roomy = reduce_columns(heights, len(heights) + 8)
    assert adders(roomy)[0] == sum(heights) - sum(roomy.columns)
    assert max(roomy.columns) <= 2


@pytest.mark.parametrize("bits", range(3, 33))
def test_an_n_by_n_array_takes_the_adders_that_dadda_counted(bits):
    # L. Dadda, "Some schemes for parallel multipliers", Alta Frequenza 34 (1965).
    columns = stack(*(row(bits, offset) for offset in range(bits)))
    reduced = reduce_columns(columns, 2 * bits)
    assert adders(reduced) == (bits**2 - 4 * bits + 3, bits - 1)


@pytest.mark.parametrize(("lower", "upper"), list(itertools.pairwise(DADDA)))
def test_a_stage_more_is_needed_exactly_above_each_of_daddas_heights(lower, upper):
    depths = [reduce_columns([height] * 4, 8).circuit.depth_fo4 for height in (lower, lower + 1, upper)]
    assert depths[0] < depths[1] == depths[2]
    assert depths[0] == pytest.approx(DADDA.index(lower) * cell("full_adder").depth_fo4)


@given(st.integers(1, 16), st.integers(1, 16), st.data())
def test_the_dots_of_an_and_array_add_up_to_the_product(a_bits, b_bits, data):
    a, b = data.draw(st.integers(0, 2**a_bits - 1)), data.draw(st.integers(0, 2**b_bits - 1))
    _, columns = partial_products(a_bits, b_bits, "none", False)
    dots = [[] for _ in range(a_bits + b_bits - 1)]
    for i in range(a_bits):
        for j in range(b_bits):
            dots[i + j].append((a >> i & 1) & (b >> j & 1))
    assert columns == tuple(map(len, dots))
    left, *_ = replayed(dots, a_bits + b_bits)
    assert value(left) == a * b


def test_columns_beyond_the_width_are_dropped_with_their_adders():
    tall = stack(*(row(8, offset) for offset in range(8)))
    kept, whole = reduce_columns(tall, 8), reduce_columns(tall, 16)
    assert kept.columns == whole.columns[:8]
    assert sum(adders(kept)) < sum(adders(whole))


def test_two_rows_need_no_adder():
    assert adders(reduce_columns([2, 1, 2], 4)) == (0, 0)
    assert reduce_columns([], 3).columns == (0, 0, 0)
