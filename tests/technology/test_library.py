"""The library: every entry answers, says where it is extrapolated, and refuses what makes no sense."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_sim.technology.library import ENTRIES, as_data, find, quote
from accel_sim.technology.quotes import Conditions, operands

AT = Conditions(node_nm=28)
SIZES = (1, 2, 3, 4, 5, 7, 8, 13, 16, 31, 32, 64, 100)
# Banks and width of a memory are a matter of its own model.
OPTIONS = [(name, option) for name, entry in ENTRIES.items() for option in entry.options if name != "sram"]


def numbers(answer):
    rest = (answer.area_mm2, answer.leakage_w, answer.delay_s)
    return [*answer.energy_j.values(), *(value for value in rest if value is not None)]


@pytest.mark.parametrize("node_nm", [45, 28, 7, 5])
@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_answers_its_example_and_says_where_it_is_extrapolated(name, node_nm):
    answer = quote(name, find(name).example, Conditions(node_nm))
    assert all(math.isfinite(value) and value > 0 for value in numbers(answer))
    assert answer.source
    extrapolated = any("extrapolated" in note for note in answer.notes)
    if node_nm < 7:
        assert extrapolated or answer.certainty == "assumed"
    else:
        assert not extrapolated
    json.dumps(as_data(answer), allow_nan=False)


@pytest.mark.parametrize("name", [name for name in ENTRIES if name not in ("sram", "dram", "link", "wire")])
def test_a_unit_of_cells_shrinks_from_node_to_node_in_energy_area_and_delay(name):
    answers = [quote(name, find(name).example, Conditions(node_nm)) for node_nm in (45, 28, 7, 5)]
    for larger, smaller in itertools.pairwise(answers):
        assert smaller.cells == larger.cells
        assert all(a < b for a, b in zip(numbers(smaller), numbers(larger), strict=True))


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_more_of_an_option_is_never_cheaper(name, option):
    answers = [quote(name, find(name).example, AT, **{option: size}) for size in SIZES]
    for less, more in itertools.pairwise(answers):
        for a, b in zip(numbers(less), numbers(more), strict=True):
            assert a <= b * (1 + 1e-9)
    assert answers[-1].area_mm2 > answers[0].area_mm2


@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items() if "clock" in entry.follows])
def test_a_faster_clock_never_makes_a_unit_smaller(name):
    clocks = [None, 1e8, 3e8, 1e9, 2e9, 4e9]
    answers = [quote(name, find(name).example, replace(AT, clock_hz=clock_hz)) for clock_hz in clocks]
    areas = [answer.area_mm2 for answer in answers]
    assert areas == sorted(areas)
    assert areas[-1] > areas[0]


WORDS = {"supply": {"voltage_v": 0.8}, "clock": {"clock_hz": 3e9}, "activity": {"activity": 0.1}}


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("name", ENTRIES)
def test_a_condition_changes_the_answer_or_is_named_as_idle(name, word):
    entry = find(name)
    usual, changed = (quote(name, entry.example, at) for at in (AT, replace(AT, **WORDS[word])))
    idle = f"does not depend on the {word} given" in changed.notes
    assert idle == (word not in entry.follows)
    assert (numbers(usual) == numbers(changed)) == idle


def test_several_idle_conditions_are_named_together():
    answer = quote("dram", "hbm2", Conditions(45, voltage_v=0.9, clock_hz=1e9, activity=0.1))
    assert answer.notes == ("does not depend on the supply and the clock and the activity given",)


def test_a_wire_costs_in_proportion_to_its_length():
    one, ten = (quote("wire", length, AT).energy_j["bit"] for length in ("1 mm", "10 mm"))
    assert ten == pytest.approx(10 * one)


def test_a_dot_product_of_one_term_is_a_multiply_accumulate():
    dot, mac = quote("dot", "int8xint8+int32", AT, terms=1), quote("mac", "int8xint8+int32", AT)
    assert dict(dot.cells) == dict(mac.cells)


def test_a_carry_save_sum_has_no_adder_to_wait_for():
    plain, save = (quote(name, "int8xint8+int32", AT) for name in ("mac", "carry_save_mac"))
    wide = quote("carry_save_mac", "int8xint8+int64", AT)
    assert save.delay_s < plain.delay_s
    assert wide.delay_s == save.delay_s


def test_an_unsigned_operand_takes_one_booth_digit_more():
    signed, unsigned = (quote("booth", name, AT).cells["and_or22"] for name in ("int8", "uint8"))
    assert (signed, unsigned) == (4, 5)


def test_operands_are_read_with_and_without_their_sum():
    a, b, total = operands("e8m0xfp8 + fp32")
    assert (a.name, b.name, total.name) == ("e8m0", "fp8_e4m3", "fp32")
    assert operands("int8xint4")[2] is None


MISTAKES = [
    ("routr", "64 bit", {}, r"unknown unit 'routr' \(did you mean 'router'\?\)"),
    ("", "int8", {}, r"unknown unit '' \(allowed: mac, carry_save_mac, dot,"),
    ("mac", "int8", {}, r"must be written AxB\+SUM, such as int8xint8\+int32"),
    ("mac", "int8xint8", {}, r"a multiply-accumulate needs its sum, such as int8xint8\+fp32"),
    ("mac", "int8xitn8+int32", {}, r"itn8: unknown number format \(did you mean 'int8'\?\)"),
    ("mac", "int8xint8+int32", {"terms": 4}, r"mac has no option 'terms' \(allowed: none\)"),
    ("dot", "int8xint8+int32", {"term": 4}, r"dot has no option 'term' \(allowed: terms\)"),
    ("dot", "fp16xfp16+fp32", {}, "a dot product is of integers"),
    ("carry_save_mac", "int8xint8", {}, "must be integers with a sum"),
    ("carry_save_mac", "int8xint8+fp32", {}, "must be integers with a sum"),
    ("add", "int0", {}, "unknown number format"),
    ("add", "int65", {}, "unknown number format"),
    ("add", "int1\uff12", {}, "unknown number format"),
    *((name, "fp16", {}, "must be an integer format") for name in ("tree", "count", "booth", "ent", "serial")),
    ("convert", "int8", {}, "must be written FROM->TO"),
    ("convert", "int8->", {}, "unknown number format"),
    ("sram", "512", {"width": 0}, r"width = 0: must be a whole number from 1 to 2\^40"),
    ("sram", "512 kg", {}, "unit 'kg' is not one of bytes"),
    ("sram", "0 B", {}, "must be a finite number above 0"),
    ("sram", "-1 KiB", {}, "must be a finite number above 0"),
    ("dram", "hbm9", {}, "unknown DRAM standard 'hbm9'"),
    ("link", "pcie9", {}, "unknown link 'pcie9'"),
    ("wire", "0 mm", {}, "must be above 0 mm"),
    ("wire", "-1 mm", {}, "must be above 0 mm"),
    ("wire", "1 GHz", {}, "unit 'GHz' is not one of metres"),
    *(("router", size, {}, "must be a whole number of bits from 1") for size in ("0 bit", "-8 B", "1.5 bit")),
    *(
        ("tree", "int8", {"terms": value}, "must be a whole number from 1")
        for value in (0, -1, 2.5, 2**41, math.nan, math.inf)
    ),
]


@pytest.mark.parametrize(("name", "subject", "options", "message"), MISTAKES)
def test_a_mistake_is_a_value_error_that_says_what_is_allowed(name, subject, options, message):
    with pytest.raises(ValueError, match=message) as caught:
        quote(name, subject, AT, **options)
    assert "\n" not in str(caught.value)


CONDITIONS = [
    ({"node_nm": 0}, "node_nm = 0: must be between 5 and 130"),
    ({"node_nm": math.nan}, "node_nm = nan: must be between 5 and 130"),
    ({"voltage_v": 0}, "voltage_v = 0: must be between 0.45 and 1.35 at 28 nm"),
    ({"voltage_v": math.nan}, "voltage_v = nan: must be between"),
    ({"clock_hz": 0}, "clock_hz = 0: must be a finite number above 0"),
    ({"clock_hz": -1e9}, "must be a finite number above 0"),
    ({"clock_hz": math.nan}, "must be a finite number above 0"),
    ({"clock_hz": 1e12}, r"clock_hz = 1e\+12: must be at most .*, one inverter between flip-flops at 28 nm"),
    ({"activity": -0.1}, "activity = -0.1: must be from 0 to 2"),
    ({"activity": math.nan}, "activity = nan: must be from 0 to 2"),
]


@pytest.mark.parametrize(("given", "message"), CONDITIONS)
@pytest.mark.parametrize("name", ["mac", "dram", "sram"])
def test_conditions_that_cannot_be_are_refused_even_where_they_are_idle(name, given, message):
    with pytest.raises(ValueError, match=message):
        quote(name, find(name).example, replace(AT, **given))


@given(st.sampled_from(sorted(ENTRIES)), st.text(max_size=30))
def test_any_subject_is_priced_or_refused_with_a_value_error(name, subject):
    try:
        answer = quote(name, subject, AT)
    except ValueError:
        return
    assert all(value >= 0 for value in numbers(answer))
