"""What cannot be mapped is refused in one line that names the operator and the part of the chip."""

from __future__ import annotations

import pytest
from small_graphs import BF16, conv, elementwise, gemm, graph, run

from accel_sim.config import InputError, RunError
from accel_sim.mapping.machine import LARGEST_AMOUNT, resolve
from accel_sim.testing.chips import small_chip
from accel_sim.workload.tensors import Residency, Tensor


def refusal(kind, work, chip, *needles):
    with pytest.raises(kind) as caught:
        run(work, chip)
    text = str(caught.value)
    assert "\n" not in text
    for needle in needles:
        assert needle in text, text


def test_a_scratchpad_too_small_for_any_tile_is_named_with_the_operator():
    chip = small_chip({"scratchpad.capacity": 256, "scratchpad.banks": 1})
    refusal(RunError, graph(gemm(64, 64, 64)), chip, "small_chip:", "'gemm'", "256 bytes of 'scratchpad'")


def test_partial_sums_too_large_for_their_buffer_are_named_with_the_operator():
    chip = small_chip({"accumulator.capacity": 64, "accumulator.banks": 1})
    refusal(RunError, graph(conv(1, (8, 8), (64, 64), (3, 3))), chip, "'conv'", "64 bytes hold partial sums")


def test_a_row_that_cannot_even_be_cut_to_pieces_is_refused():
    source = Tensor("wide", (1, 10**9), BF16, Residency.IO)
    work = graph(elementwise("scale", "scale", source))
    assert run(work, small_chip()).events["memory_read_bytes"] >= 2 * 10**9


def test_a_chip_without_a_matrix_unit_runs_vectors_and_refuses_products():
    chip = small_chip(npu=None)
    source = Tensor("x", (8, 8), BF16, Residency.IO)
    assert run(graph(elementwise("scale", "scale", source)), chip).ticks > 0
    refusal(InputError, graph(gemm(8, 8, 8)), chip, "no component multiplies matrices", "'gemm'")


def test_a_chip_without_a_vector_unit_runs_products_and_refuses_functions():
    chip = small_chip(vector=None)
    assert run(graph(gemm(8, 8, 8)), chip).ticks > 0
    first = gemm(8, 8, 8, name="first", keep=True)
    work = graph(first, elementwise("act", "gelu", first.output))
    refusal(InputError, work, chip, "no component computes element by element", "'act'")


def test_operands_the_array_cannot_hold_are_refused_with_both_formats():
    chip = small_chip({"npu.weight_format": "int8"})
    refusal(InputError, graph(gemm(8, 8, 8)), chip, "npu computes int8, which cannot hold bf16", "'gemm'")


@pytest.mark.parametrize(
    "overrides",
    [
        {"clock": "1 Hz"},
        {"npu.rows": 1, "npu.columns": 1},
        {"npu.rows": 1, "npu.columns": 1, "scratchpad.capacity": 2**50, "accumulator.capacity": 2**50},
        {"npu.rows": 2**16, "npu.columns": 2**16, "scratchpad.capacity": 2**45, "accumulator.capacity": 2**50},
    ],
)
def test_amounts_that_cannot_be_counted_end_in_one_error_and_never_in_a_number(overrides):
    refusal(RunError, graph(gemm(2**20, 2**20, 2**20)), small_chip(overrides), "'gemm'", "to count")


def test_the_largest_runs_that_are_still_counted_are_counted_right():
    """2**50 MACs, one each cycle: past int32 and past exact floats of ticks, within int64."""
    work = graph(gemm(2**16, 2**17, 2**17))
    chip = small_chip({"npu.rows": 1, "npu.columns": 1, "dram.channel_bandwidth": "1 TB/s"})
    result = run(work, chip)
    assert result.events["executed_macs"] == 2**50
    assert 2**50 <= result.cycles < 1.5 * 2**50
    assert result.ticks < LARGEST_AMOUNT


@pytest.mark.parametrize(
    "value", [{"dram.channel_bandwidth": 1e-300}, {"dram.latency": "1e6 s", "clock": "1 THz"}]
)
def test_a_memory_too_slow_to_count_is_an_error_of_the_design(value):
    with pytest.raises(InputError, match="dram: is too slow to count"):
        resolve(small_chip(value))
