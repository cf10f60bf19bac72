"""Quantities as text, and back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.config.units import format_quantity, parse_quantity


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.integers(0, 2**50))
def test_a_number_of_bytes_is_read_back_exactly(count):
    assert parse_quantity(format_quantity(count, "bytes"), "bytes") == count


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.floats(1e-12, 900), st.sampled_from(("hertz", "seconds", "watts", "bytes per second")))
def test_a_quantity_is_read_back_to_seven_digits(value, dimension):
    value = value if dimension in ("seconds", "watts") else value * 1e12 + 1
    assert parse_quantity(format_quantity(value, dimension), dimension) == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize(
    ("value", "dimension", "text"),
    [
        (2**21, "bytes", "2 MiB"),
        (2**21 + 1024, "bytes", "2049 KiB"),
        (1000, "bytes", "1000 B"),
        (1.05e9, "hertz", "1.05 GHz"),
        (7.0, "nanometres", "7 nm"),
        (0.75, "volts", "750 mV"),
        (94, None, "94"),
        (0.1 + 0.2, None, "0.3"),
    ],
)
def test_a_quantity_is_written_as_in_a_design_file(value, dimension, text):
    assert format_quantity(value, dimension) == text
