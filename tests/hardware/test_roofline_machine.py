"""Whole machines: closed forms by hand, kernels counted against a profile, and what they refuse."""

from __future__ import annotations

import pytest

from accel_sim.config import InputError
from accel_sim.hardware.design import load_design
from accel_sim.hardware.kernels import launches
from accel_sim.results.bottleneck import bottleneck
from accel_sim.simulation import simulate
from accel_sim.testing import small_chip
from accel_sim.testing.chips import machine_design
from accel_sim.workload import load_workload, lower
from accel_sim.workload.formats import number_format

MACHINE = {
    "type": "roofline_machine",
    "peak": {"fp32": "2 TFLOP/s", "fp16": "8 TMAC/s", "int8": "64 TOP/s"},
    "bandwidth": "100 GB/s",
    "capacity": "64 GiB",
    "idle_power": "10 W",
    "busy_power": "100 W",
}
GEMM = {"workload.gemms": [{"name": "product", "m": 64, "n": 2048, "k": 4096}]}
FP16 = {f"workload.formats.{tensor}": "fp16" for tensor in ("weights", "activations")}
EAGER = {"execution": "eager", "launch_overhead": "10 us"}


def test_a_product_takes_the_longer_of_its_arithmetic_and_its_traffic_plus_its_launch():
    traffic_s = 2 * (64 * 4096 + 4096 * 2048 + 64 * 2048) / 100e9
    arithmetic_s = 64 * 2048 * 4096 / 8e12
    assert traffic_s > arithmetic_s
    design = machine_design(MACHINE | {"launch_overhead": "5 us"})
    result = simulate(design, load_workload("gemm_sweep", overrides=_bare(GEMM | FP16)))
    assert result.latency_s == pytest.approx(traffic_s + 5e-6, rel=1e-12)
    slow = machine_design(MACHINE | {"compute_efficiency": 0.01, "launch_overhead": "5 us"})
    result = simulate(slow, load_workload("gemm_sweep", overrides=_bare(GEMM | FP16)))
    assert result.latency_s == pytest.approx(100 * arithmetic_s + 5e-6, rel=1e-12)


def test_energy_is_rest_power_all_the_time_and_the_difference_while_it_works():
    design = machine_design(MACHINE | {"launch_overhead": "5 ms"})
    result = simulate(design, load_workload("gemm_sweep", overrides=_bare(GEMM | FP16)))
    busy_s = result.latency_s - 5e-3
    assert result.energy_j == pytest.approx(10 * result.latency_s + 90 * busy_s, rel=1e-12)
    flat = simulate(machine_design(MACHINE | {"idle_power": "100 W"}), "bert_base", overrides=_of("fp16"))
    assert flat.power_w == pytest.approx(100)


def test_a_decode_step_reads_every_weight_and_the_cache_once_and_writes_the_new_entries():
    workload = load_workload("gpt2_xl", overrides={"phase.phase": "decode", "phase.context": 700})
    graph = lower(workload)
    result = simulate(machine_design(MACHINE), workload)
    activations = sum(
        tensor.bytes * repeat
        for op, repeat in graph.operators()
        for tensor in (*op.inputs, op.output)
        if tensor.residency.value != "kv_cache"
    )
    new_entries = sum(
        op.output.bytes * repeat for op, repeat in graph.operators() if op.output.residency.value == "kv_cache"
    )
    least = graph.weight_bytes() + graph.kv_cache_bytes()
    assert result.memory_bytes == least + activations + new_entries
    assert least > 0.99 * result.memory_bytes


@pytest.mark.parametrize(
    ("name", "weights_and_cache_s"),
    [("gpt2", 831.058e-6), ("gpt2_medium", 2366.368e-6), ("gpt2_large", 5120.648e-6), ("gpt2_xl", 10210.09e-6)],
)
def test_a_decode_step_on_a_t4_is_the_roofline_that_others_computed(name, weights_and_cache_s):
    """Two bytes for each of the step's MACs at 320 GB/s, context 512; activations add less than 1 %."""
    step = {"workload.phase.phase": "decode", "workload.phase.context": 512}
    latency_s = simulate("t4", name, overrides=step).latency_s
    assert weights_and_cache_s * (1 - 1e-3) <= latency_s <= weights_and_cache_s * 1.01


@pytest.mark.parametrize(
    ("left", "right", "tera_macs"),
    [
        ("fp16", "fp16", 8),
        ("fp32", "fp32", 1),
        ("bf16", "bf16", 1),  # fp16 has too few exponent bits
        ("int8", "int8", 32),
        ("fp16", "int4", 8),  # widened to the activations' format
        ("int16", "int16", 1),  # fp32 holds 24 bits
        ("fp64", "fp64", None),
    ],
)
def test_operands_are_computed_in_the_fastest_format_that_holds_both(left, right, tera_macs):
    machine = machine_design(MACHINE).machine
    peak = machine.kind.model.operand_peak_macs_per_s(machine.spec, *map(number_format, (left, right)))
    assert peak == (None if tera_macs is None else tera_macs * 1e12)


def test_a_layer_of_gpt2_is_as_many_kernels_as_were_profiled():
    """23 a layer in fp32 (GPT-2 small and medium on an H200), or 24 in fp16."""
    graph = lower(load_workload("gpt2", overrides={"phase.phase": "decode", "phase.context": 128}))
    layer = next(block for block in graph.blocks if block.repeat == 12)
    assert sum(launches(op, "eager").kernels for op in layer.operators) == 23
    assert sum(launches(op, "fused").kernels for op in layer.operators) == len(layer.operators)


def test_an_eager_prefill_computes_and_moves_the_scores_that_flash_attention_never_writes():
    settings = _of("fp16") | {"workload.phase.sequence": 512}
    fused, eager = (
        simulate(machine_design(MACHINE | {"execution": kind}), "gpt2", overrides=settings)
        for kind in ("fused", "eager")
    )
    scores = 12 * 12 * 512 * 512
    assert eager.event("executed_macs") - fused.macs == 2 * 64 * (scores - 12 * 12 * 512 * 513 // 2)
    assert fused.event("executed_macs") == fused.macs == eager.macs
    eager_bytes, fused_bytes = (
        next(r.memory_bytes for r in result.stages[0].records if r.kind == "Attention")
        for result in (eager, fused)
    )
    assert eager_bytes - fused_bytes == 4 * 2 * 2 * scores  # four times, written and read, two bytes each


def test_every_fidelity_is_the_same_closed_form():
    roofline, tile = (
        simulate("t4", "llama3_2_1b", overrides=_of("fp16"), fidelity=name) for name in ("roofline", "tile")
    )
    assert roofline.metrics() == tile.metrics()


def test_the_bottleneck_is_the_part_that_takes_longest_in_words():
    cases = (
        ({}, "attn.qkv", "bandwidth of machine"),
        ({"compute_efficiency": 1e-4}, "attn.qkv", "compute of machine"),
        (EAGER, "mlp.act", "launch overhead: machine works 1% of the time"),
    )
    for change, name, words in cases:
        result = simulate(machine_design(MACHINE | change), "gpt2", overrides=_of("fp16") | DECODE)
        record = next(r for r in result.stages[0].records if r.name.endswith(name))
        assert bottleneck(record, result.design).startswith(words)


def test_a_machine_too_small_for_the_weights_says_so():
    result = simulate("t4", "llama2_13b", overrides=_of("fp16"))
    assert any("gpu holds" in note for note in result.notes)
    assert any("its area is 0" in note for note in result.notes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"peak": {"fp17": 1}}, r"machine: peak\.fp17|unknown number format.*fp16"),
        ({"peak": {}}, "peak"),
        ({"peak": {"fp16": "3 TB/s"}}, r"unit 'TB/s' is not one of operations per second"),
        ({"idle_power": "200 W"}, r"idle_power = 200 W is above busy_power = 100 W"),
        ({"execution": "lazy"}, "'eager' or 'fused'"),
        ({"compute_efficiency": 1.5}, "less than or equal to 1"),
    ],
)
def test_parameters_that_are_wrong_are_explained(change, message):
    with pytest.raises(InputError, match=message):
        machine_design(MACHINE | change)


def test_a_format_without_a_peak_lists_those_that_have_one():
    message = r"t4\.yaml:\d+: gpu: .*no peak for fp64 x fp64 .*\(known: fp32, fp16, int8, int4\)"
    with pytest.raises(InputError, match=message):
        simulate("t4", "gpt2", overrides=_of("fp64"))


def test_a_machine_stands_alone_in_its_design():
    with pytest.raises(InputError, match="has no other component"):
        small_chip(gpu=MACHINE)
    assert load_design("h200").machine.name == "gpu"


DECODE = {"workload.phase.phase": "decode", "workload.phase.context": 128}


def _of(name):
    return {f"workload.formats.{tensor}": name for tensor in ("weights", "activations", "kv_cache")}


def _bare(settings):
    return {path.removeprefix("workload."): value for path, value in settings.items()}
