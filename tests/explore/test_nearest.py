"""The search for a target on monotone functions, against trying every number."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from accel_sim.config import InputError, RunError
from accel_sim.explore.nearest import REACH, nearest

# Few different steps, so that plateaus are common.
STEPS = st.lists(st.sampled_from((0, 0, 0, 1, 2, 50)), min_size=1, max_size=150)


class Function:
    """Values by number from `low` on, None where the number is refused, and the numbers asked for."""

    def __init__(self, values, low=0):
        self.values = dict(enumerate(values, low))
        self.asked = []

    def __call__(self, number):
        self.asked.append(number)
        value = self.values[number]
        if value is None:
            raise InputError(f"{number} is refused")
        return value

    @property
    def legal(self):
        return {number: value for number, value in self.values.items() if value is not None}


@st.composite
def functions(draw, refusals=st.just([])):
    """A rising or falling function, a legal start, and a target in or out of its range."""
    values = [0]
    for step in draw(STEPS):
        values.append(values[-1] + step)
    if draw(st.booleans()):
        values.reverse()
    for at, length in draw(refusals):
        for i in range(at % len(values), min(at % len(values) + length, len(values))):
            values[i] = None
    low = draw(st.sampled_from((0, 1, 7, 1000)))
    function = Function(values, low)
    assume(function.legal)
    start = draw(st.sampled_from(sorted(function.legal)))
    target = draw(st.integers(-5, 5 + max(function.legal.values()))) + draw(st.sampled_from((0, 0.4)))
    return function, start, low, low + len(values) - 1, target


HOLES = st.lists(st.tuples(st.integers(0, 200), st.integers(1, REACH // 4)), max_size=4)
ENDS = st.lists(st.tuples(st.integers(50, 150), st.just(1000)), max_size=1)


def assert_nearest(function, start, low, high, target):
    found = nearest(function, start, low, high, target)
    legal = function.legal
    assert abs(found.value - target) == min(abs(value - target) for value in legal.values())
    assert (found.value, found.first) == (legal[found.number], legal[start])
    assert found.between == (min(legal.values()) <= target <= max(legal.values()))
    assert not found.constant or found.value == found.first
    assert len(function.asked) == len(set(function.asked))
    return found


@settings(max_examples=500, deadline=None, derandomize=True)
@given(functions())
def test_no_number_is_nearer_on_a_rising_or_falling_function_with_plateaus(case):
    found = assert_nearest(*case)
    assert found.refused is None


@settings(max_examples=500, deadline=None, derandomize=True)
@given(functions(st.one_of(HOLES, ENDS, st.builds(list.__add__, HOLES, ENDS))))
def test_refused_numbers_are_stepped_over_or_end_the_range(case):
    assert_nearest(*case)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(functions())
def test_a_start_that_is_on_the_target_is_the_answer(case):
    function, start, low, high, _ = case
    assert nearest(function, start, low, high, function.values[start]).number == start
    assert function.asked == [start]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(1, 2**50), st.integers(1, 2**50), st.sampled_from((1, -1)), st.floats(0.5, 3), st.booleans())
def test_a_number_of_any_size_is_found_in_a_logarithm_of_steps(start, wanted, sign, power, offset):
    asked = []

    def function(number):
        asked.append(number)
        return sign * float(number) ** power

    target = sign * float(wanted) ** power
    found = nearest(function, start, 1, 2**50, target * (1 + 1e-17 if offset else 1))
    assert math.isclose(found.number, wanted, rel_tol=1e-12, abs_tol=0.6)
    assert len(asked) <= 4 * 51


def test_a_range_that_a_refusal_ends_is_used_to_its_last_number_and_the_reason_is_kept():
    function = Function([*range(100), *[None] * 900])
    found = nearest(function, 1, 0, 999, 500)
    assert (found.number, found.between) == (99, False)
    number, reason = found.refused
    assert number == 100
    assert str(reason) == "100 is refused"


def test_multiples_are_found_where_only_multiples_are_legal():
    function = Function([number if number % REACH == 0 else None for number in range(2000)])
    assert nearest(function, REACH, 0, 1999, 1210).number == round(1210 / REACH) * REACH


def test_a_failed_run_is_a_refusal_like_a_wrong_value():
    def function(number):
        if number > 5:
            raise RunError("no tile fits")
        return number

    assert nearest(function, 1, 1, 10**6, 50).number == 5


def test_a_function_that_does_not_change_says_so():
    found = nearest(lambda number: 3.0, 4, 1, 10**9, 7.0)
    assert (found.number, found.constant, found.between) == (4, True, False)


def test_what_the_start_itself_refuses_is_for_the_caller_to_see():
    with pytest.raises(InputError, match="1 is refused"):
        nearest(Function([0, None]), 1, 0, 1, 5)


@pytest.mark.parametrize("bounds", [(3, 4, 9), (5, 1, 4), (-1, -2, 3)])
def test_a_start_outside_the_range_is_a_mistake(bounds):
    start, low, high = bounds
    with pytest.raises(ValueError, match="start"):
        nearest(float, start, low, high, 1.0)
