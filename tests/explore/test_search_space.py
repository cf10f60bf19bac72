"""Spaces: conditions, constraints and derived values; expressions; fronts."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_problems import space_of

from accel_sim.config import InputError
from accel_sim.explore.search.domains import read_domain
from accel_sim.explore.search.expressions import AbsentError, ExpressionError, parse_expression
from accel_sim.explore.search.pareto import (
    Front,
    as_rows,
    constrained_dominates,
    dominates,
    hypervolume,
    nondominated,
)
from accel_sim.explore.search.space import in_order

CONDITIONS = ("a > 1", "a + b > 2", "b == 0 or a == 3", "not a == 1")
CONSTRAINTS = ("a * b <= 4", "c <= a", "a + b + c != 3", "d >= b and d <= 2 * a", "c != 'none'")


@st.composite
def spaces(draw):
    """Draw a space of up to five parameters with conditions and constraints, and its parts."""
    sizes = {name: draw(st.integers(1, 3)) for name in "abcd"}
    when = {name: draw(st.none() | st.sampled_from(CONDITIONS)) for name in "cd"}
    constraints = tuple(draw(st.lists(st.sampled_from(CONSTRAINTS), max_size=3, unique=True)))
    declared = {}
    for name, size in sizes.items():
        declared[name] = {"choice": list(range(size))}
        if when.get(name):
            declared[name]["when"] = when[name]
    declared["e"] = {"derive": "a + 2 * c"}
    return space_of(declared, constraints), sizes, when, constraints


@given(spaces())
@settings(max_examples=150, deadline=None)
def test_enumeration_is_the_filtered_product(drawn):
    space, sizes, when, constraints = drawn
    expected = set()
    for point in itertools.product(*(range(size) for size in sizes.values())):
        values = dict(zip(sizes, point, strict=True))
        for name in "cd":
            if when[name] and not eval(when[name], {}, values):
                del values[name]
        broken = False
        for text in constraints:
            try:
                broken |= not eval(text, {}, values)
            except NameError:
                continue  # over a parameter that is not there
        if not broken:
            expected.add(tuple(values.get(name) for name in sizes))
    found = list(space.enumerate())
    assert len(found) == len(set(found)) == space.size
    assert set(found) == expected
    for codes in found:
        values = space.values(codes)
        assert space.violation(values) == 0
        assert space.encode(values) == codes == space.canonical(codes)
        assert values.get("e") == (None if "c" not in values else values["a"] + 2 * values["c"])


@given(spaces(), st.integers(0, 2**31))
@settings(max_examples=50, deadline=None)
def test_a_sample_is_one_of_the_enumeration(drawn, seed):
    space = drawn[0]
    legal = set(space.enumerate())
    if legal:
        assert {space.sample(random.Random(seed + i)) for i in range(5)} <= legal
    else:
        with pytest.raises(InputError, match="no candidate that meets the constraints"):
            space.sample(random.Random(seed))


def test_the_size_of_a_space_too_large_to_walk_through_is_a_product_of_its_parts():
    free = {f"x{i}": {"int": [1, 1000]} for i in range(6)}
    space = space_of({**free, "a": {"int": [1, 10]}, "b": {"int": [1, 10]}}, ("a < b",))
    assert space.size == 1000**6 * 45


def test_a_space_with_real_numbers_has_no_size_and_cannot_be_enumerated():
    space = space_of({"a": {"float": [1, 2]}})
    assert space.size is None
    with pytest.raises(InputError, match="as 'a' is a float"):
        next(space.enumerate())


def test_parameters_that_move_together_take_one_value_or_one_each():
    space = space_of({"a, b": {"pow2": [1, 4]}, "c, d": [[1, "x"], [2, "y"]]})
    assert space.size == 6
    assert space.values((2, 1)) == {"a": 4, "b": 4, "c": 2, "d": "y"}
    assert space.encode({"a": 4, "b": 4, "c": 2, "d": "y"}) == (2, 1)
    assert space.encode({"a": 4, "b": 2, "c": 2, "d": "y"}) is None


def test_a_logarithmic_number_is_uniform_in_its_logarithm():
    domain = read_domain({"float": [1, 10000], "log": True}, float)
    assert [domain.at(share) for share in (0, 0.25, 0.5)] == pytest.approx([1, 10, 100])


def test_parameters_that_need_each_other_are_refused_with_their_circle():
    space = space_of({"a": {"choice": [1], "when": "b > 0"}, "b": {"derive": "a"}})
    with pytest.raises(ExpressionError, match=r"a -> b -> a"):
        in_order(space.parameters)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"pow2": [0, 8]}, "whole 0 < low"),
        ({"pow2": [8, 4]}, "above high"),
        ({"int": [1, 2, 0]}, "at least 1"),
        ({"int": [0, 2**40]}, "more than"),
        ({"float": [0, 1], "log": True}, "low > 0"),
        ({"float": [0, float("inf")]}, "not a number"),
        ({"int": [1, 2], "log": True}, "does not go with int"),
        ({"chioce": [1]}, "did you mean 'choice'"),
        ({"choice": []}, "list of values"),
        ([1, 1], "twice"),
        ([{"a": 1}], "not one value"),
        (5, "must be a list"),
        ({"int": [1, 2], "pow2": [1, 2]}, "needs one of"),
    ],
)
def test_a_domain_that_makes_no_sense_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        read_domain(given, lambda value: value)


NUMBERS = {"a": 7, "b": 2.5, "x.y": 3, "word": "os"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a * b - x.y ** 2", 8.5),
        ("max(a, x.y) // 2 if word == 'os' else 0", 3),
        ("a % 4 == 3 and not b > 3", True),
        ("1 < b <= 2.5", True),
        ("word in ['os', 'ws']", True),
        ("log2(8 KiB) + ceil(b)", 16.0),
        ("1.5 GHz / 1e9", 1.5),
        (-3, -3),
    ],
)
def test_an_expression_has_the_value_that_python_gives_it(text, value):
    assert parse_expression(text).value(NUMBERS) == value


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "(lambda: 1)()",
        "[x for x in (1, 2)]",
        "a.__class__()",
        "open('f')",
        "{1: 2}",
        "a[0]",
        "a := 1",
        "'x' * 10",
        "max(*a)",
        "a @ b",
        "",
        "a +",
        "1j",
        "(" * 500 + "a" + ")" * 500,
        "a" * 2000,
        None,
    ],
)
def test_what_is_not_an_expression_is_refused(text):
    with pytest.raises(ExpressionError):
        parse_expression(text)


@pytest.mark.parametrize(
    "text", ["a / 0", "word + 1", "word < 3", "sqrt(0 - a)", "9.0 ** 9 ** 9 ** 9", "min(word)"]
)
def test_an_expression_without_a_value_says_so(text):
    with pytest.raises(ExpressionError):
        parse_expression(text).value(NUMBERS)


def test_an_unknown_name_gets_the_nearest_one_and_a_name_without_value_is_absent():
    expression = parse_expression("x.z + 1")
    with pytest.raises(ExpressionError, match=r"'x.z' is not a parameter \(did you mean 'x.y'"):
        expression.check_names(NUMBERS, "a parameter")
    with pytest.raises(AbsentError):
        expression.value(NUMBERS)


@pytest.mark.parametrize(
    ("text", "violation"),
    [
        ("a <= 7", 0),
        ("a < 7", 1e-12),
        ("a <= 3.5", 0.5),
        ("a <= 3.5 and b >= 5", 1.0),
        ("a <= 3.5 or b >= 5", 0.5),
        ("a <= 3.5 or b < 3", 0),
        ("word == 'ws'", 1.0),
        ("not a == 7", 1.0),
    ],
)
def test_a_violation_is_the_share_by_which_a_comparison_fails(text, violation):
    assert parse_expression(text).violation(NUMBERS) == pytest.approx(violation)


POINTS = st.lists(st.tuples(*[st.integers(0, 6)] * 3), max_size=12)


@given(POINTS)
@settings(deadline=None)
def test_the_front_is_what_no_other_row_dominates(points):
    kept = nondominated(as_rows(points, 3))
    front = {point for point, stays in zip(points, kept, strict=True) if stays}
    assert front == {p for p in points if not any(dominates(q, p) for q in points)}
    assert len(front) == kept.sum()


@given(POINTS)
@settings(deadline=None)
def test_the_hypervolume_is_the_number_of_unit_cubes_dominated(points):
    cubes = {
        cube
        for cube in itertools.product(range(7), repeat=3)
        if any(all(map(int.__le__, p, cube)) for p in points)
    }
    assert hypervolume(as_rows(points, 3), (7, 7, 7)) == pytest.approx(len(cubes))


@given(st.lists(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=5), max_size=6))
@settings(deadline=None)
def test_a_front_that_grows_is_that_of_all_rows_and_its_hypervolume_never_falls(batches):
    front, before = Front(2), 0.0
    for batch in batches:
        front.add(batch)
        assert front.hypervolume >= before
        before = front.hypervolume
    everything = as_rows([row for batch in batches for row in batch], 2)
    assert front.size == int(nondominated(everything).sum())


def test_one_objective_has_the_best_row_as_its_front():
    assert nondominated(np.array([[3.0], [1.0], [1.0]])).tolist() == [False, True, False]
    assert hypervolume(np.array([[3.0], [1.0]]), (4.0,)) == 3.0


def test_limits_count_before_objectives():
    assert constrained_dominates((9, 9), 0.0, (1, 1), 0.1)
    assert constrained_dominates((9, 9), 0.1, (1, 1), 0.2)
    assert not constrained_dominates((1, 1), 0.1, (9, 9), 0.0)
    assert constrained_dominates((1, 2), 0.0, (1, 3), 0.0)
    assert not constrained_dominates((1, 3), 0.0, (2, 2), 0.0)
    assert math.isclose(hypervolume(as_rows([], 2), (1, 1)), 0.0)
