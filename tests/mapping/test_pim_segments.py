"""Models on a memory that computes: what is conserved, what adds up, and what is refused in one line."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_graphs import assert_same_unfolded, attention, gemm, graph, run

from accel_sim.cli import main
from accel_sim.config import InputError
from accel_sim.hardware.pim.protocol import load_protocol
from accel_sim.mapping.machine import TICKS_PER_CYCLE, resolve
from accel_sim.mapping.pim_cost import gemv_cost
from accel_sim.simulation import simulate
from accel_sim.testing.chips import small_chip
from accel_sim.workload import kv_cache_bytes, load_workload, lower, parameters
from accel_sim.workload.operators import Gemm

PIM = {"type": "pim_memory", "channel_bandwidth": "32 GB/s", "latency": "50 ns"}
# Protocol, format, channels, and the standard of the host's accesses; and whether the banks attend.
MEMORIES = {
    "gddr6_aim": ("bf16", 16, "gddr6", True),
    "pim_gpt": ("bf16", 8, "gddr6", True),
    "newton": ("bf16", 24, "hbm2", True),
    "hbm_pim": ("fp16", 64, "hbm2", False),
}
LAYERS = {"workload.model.num_hidden_layers": 3}
RUNS = settings(max_examples=25, deadline=None, derandomize=True)


def chip(protocol, *, matrix=True, **overrides):
    """A small chip with a memory that computes; its matrix unit is for what the banks cannot do."""
    number_format, channels, standard, _ = MEMORIES[protocol]
    npu = {"type": "systolic_array", "rows": 8, "columns": 8}
    npu |= {"activation_format": number_format, "weight_format": number_format}
    memory = {**PIM, "protocol": protocol, "format": number_format, "channels": channels, "standard": standard}
    return small_chip(
        {f"dram.{key}": value for key, value in overrides.items()}, npu=npu if matrix else None, dram=memory
    )


def decode(number_format="bf16", context=200, batch=1):
    formats = {f"workload.formats.{tensor}": number_format for tensor in ("weights", "activations", "kv_cache")}
    phase = {"workload.phase.phase": "decode", "workload.phase.context": context, "workload.phase.batch": batch}
    return formats | phase


def products(workload):
    """Products with weights, and how often they run."""
    return [(op, count) for op, count in lower(workload).operators() if isinstance(op, Gemm) and op.weights]


@pytest.mark.parametrize("name", ["gpt2", "llama3_2_1b"])
@pytest.mark.parametrize("protocol", MEMORIES)
def test_a_decode_step_executes_its_dense_macs_and_its_weights_stay_in_the_banks(protocol, name):
    number_format, _, _, attends = MEMORIES[protocol]
    design = chip(protocol)
    result = simulate(design, name, overrides=decode(number_format))
    bound = simulate(design, name, overrides=decode(number_format), fidelity="roofline")
    assert result.event("executed_macs") == result.macs == bound.macs
    assert result.event("pe_cycles") >= result.event("executed_macs")
    assert (result.event("matrix_macs") == 0) == attends
    workload = result.workload
    weights = 2 * sum(p.elements for p in parameters(workload))
    cache = kv_cache_bytes(workload, 200)
    # A column of partial sums for every output, where lanes are left apart.
    left = 0 if attends else sum(32 * op.m * op.n * count for op, count in products(workload))
    read = result.event("memory_read_bytes") - left
    assert read < 0.01 * weights + (0 if attends else 2 * cache)
    # One sequence uses every weight in the banks once, and a column of it is one access.
    column_bytes = load_protocol(protocol).structure.column_bytes
    assert result.event("pim_accesses") * column_bytes >= 2 * (result.macs - result.event("matrix_macs"))
    assert 0 < bound.latency_s <= result.latency_s
    assert 0 < result.utilization <= bound.utilization <= 1 + 1e-12
    assert sum(result.latency_breakdown().values()) == pytest.approx(result.latency_s)
    parts = result.energy_breakdown()
    assert sum(sum(kinds.values()) for kinds in parts.values()) == pytest.approx(result.energy_j)
    assert parts["dram"]["dynamic"] >= result.event("pim_energy_fj") * 1e-15 > 0
    assert (parts["npu"]["dynamic"] == 0) == attends


@pytest.mark.parametrize("protocol", MEMORIES)
def test_folded_runs_equal_unfolded_ones(protocol):
    overrides = decode(MEMORIES[protocol][0], batch=2) | LAYERS
    folded, plain = (
        simulate(chip(protocol), "llama3_2_1b", overrides=overrides, fold=fold) for fold in (True, False)
    )
    assert folded.latency_s == plain.latency_s
    assert (folded.events == plain.events).all()


def test_kernels_are_simulated_command_by_command_at_both_fidelities():
    tile, cycle = (
        simulate("pim_gpt", "gpt2", overrides=decode(), fidelity=fidelity) for fidelity in ("tile", "cycle")
    )
    assert tile.latency_s == cycle.latency_s
    assert (tile.events == cycle.events).all()


def kernel_ticks(cost, design):
    return math.ceil(cost.latency_s * design.clock_hz * TICKS_PER_CYCLE)


@RUNS
@given(
    st.sampled_from(sorted(MEMORIES)),
    st.integers(1, 3),
    st.integers(1, 3000),
    st.integers(1, 3000),
    st.integers(1, 3),
)
def test_a_product_takes_its_vectors_its_kernel_and_its_results_one_after_the_other(protocol, m, n, k, repeat):
    """Nothing overlaps in one product: transfers and kernel end a latency after they leave the memory.

    A unit of HBM-PIM leaves its 16 lanes apart, in the banks; Newton and PIM-GPT send a sum for each row of an
    operand, GDDR6-AiM for each or for all.
    """
    design = chip(protocol, format="bf16")
    machine = resolve(design)
    work = graph(gemm(m, n, k), repeat=repeat)
    result = run(work, design)
    cost = gemv_cost(machine.pim.device, n, k, m, machine.pim.number_format)
    vectors, results = (
        machine.memory.ticks(2 * m * size, 2 * m * size, 0, write) for size, write in ((k, 0), (n, 1))
    )
    added = result.events["vector_add"] // repeat
    row = 1024 if protocol != "newton" else 512
    rows = -(-k // row)
    if protocol == "hbm_pim":
        assert added == 15 * m * n
    elif protocol != "gddr6_aim":
        assert added == (rows - 1) * m * n
    assert added in (0, (rows - 1) * m * n) or protocol == "hbm_pim"
    left = 32 * m * n if protocol == "hbm_pim" else 0
    lanes = machine.vector_model.cycles(machine.vector.spec, {"add": 1}, np.array([added]))[0] * TICKS_PER_CYCLE
    busy = vectors + kernel_ticks(cost, design) + machine.memory.ticks(left, left, 0, False) + lanes + results
    once = busy + (3 + (left > 0)) * machine.memory.latency_ticks
    assert result.ticks <= repeat * (once + 1)
    # The next product's vectors come while this one's sums are added.
    assert result.ticks >= repeat * (busy - lanes - 1)
    if repeat == 1:
        assert result.ticks == pytest.approx(once, abs=1)
    assert result.events["executed_macs"] == work.macs == m * n * k * repeat
    assert result.events["memory_read_bytes"] == (2 * m * k + left) * repeat
    assert result.events["memory_write_bytes"] == 2 * m * n * repeat
    assert_same_unfolded(result)


@RUNS
@given(
    st.sampled_from(["gddr6_aim", "pim_gpt", "newton"]),
    st.integers(1, 3),
    st.integers(1, 700),
    st.sampled_from([(4, 4), (8, 2), (3, 3), (6, 1)]),
    st.sampled_from([16, 64, 96]),
    st.sampled_from([0, 0, 50]),
)
def test_attention_in_the_banks_executes_its_visible_pairs(protocol, batch, context, heads, dim, window):
    op = attention(batch, 1, context, *heads, dim, window=min(window, context))
    work = graph(op)
    result = run(work, chip(protocol))
    seen = min(context, window) if window else context
    assert result.events["executed_macs"] == work.macs == 2 * batch * heads[0] * dim * seen
    # Neither keys nor values cross the channel.
    assert result.events["memory_read_bytes"] == op.inputs[0].bytes
    assert result.events["memory_write_bytes"] == op.output.bytes
    assert result.ticks >= result.roofline_ticks * (1 - 1e-12)
    assert_same_unfolded(result)


@pytest.mark.parametrize("protocol", MEMORIES)
def test_more_channels_are_never_slower(protocol):
    number_format, channels, _, _ = MEMORIES[protocol]
    latencies = [
        simulate(chip(protocol, channels=count), "gpt2", overrides=decode(number_format)).latency_s
        for count in (channels, 2 * channels, 4 * channels)
    ]
    assert latencies == sorted(latencies, reverse=True)


@pytest.mark.parametrize("protocol", MEMORIES)
def test_a_batch_shares_no_column_of_weights(protocol):
    """A bank multiplies one column with one vector at a time: b sequences take b times the accesses of one."""
    number_format = MEMORIES[protocol][0]
    one, four = (
        simulate(chip(protocol), "gpt2", overrides=decode(number_format, batch=batch)) for batch in (1, 4)
    )
    assert four.event("executed_macs") == four.macs == 4 * one.macs
    assert four.event("pim_accesses") == 4 * one.event("pim_accesses")
    assert one.latency_s < four.latency_s
    design = chip(protocol)
    least_s = four.macs / sum(design.peaks_macs_per_s.values())
    assert four.latency_s >= least_s


def refusal(design, workload, overrides, *needles):
    with pytest.raises(InputError) as caught:
        simulate(design, workload, overrides=overrides)
    text = str(caught.value)
    assert "\n" not in text
    for needle in needles:
        assert needle in text, text


def test_prefill_is_refused_in_one_line_with_exit_code_2(capsys):
    formats = [f"--set=workload.formats.{tensor}=bf16" for tensor in ("weights", "activations", "kv_cache")]
    code = main(["run", "pim_gpt", "gpt2", "--phase", "prefill", *formats])
    out = capsys.readouterr()
    assert code == 2
    assert out.err.count("\n") == 1 and "one new token" in out.err and "--phase decode" in out.err
    assert "Traceback" not in out.err


def test_a_model_that_does_not_fit_the_banks_is_refused_where_another_memory_only_notes_it():
    refusal(
        "pim_gpt",
        "llama3_8b",
        decode(),
        "pim_gpt.yaml:",
        "dram holds 4 GiB",
        "KV cache take 14.9",
        "lies in it",
    )
    assert simulate("pim_gpt", "llama3_8b", overrides=decode() | {"dram.channels": 32}).latency_s > 0


@pytest.mark.parametrize(
    ("tensor", "given", "words"),
    [
        ("weights", "fp16", "'layers.0.attn.qkv.weight' is fp16"),
        ("weights", "int4/g128:fp16", "'layers.0.attn.qkv.weight' is int4/g128:fp16"),
        ("kv_cache", "int8", "'layers.0.attn.kv_cache' is int8"),
        ("activations", "fp32", "bf16, which cannot hold fp32"),
    ],
)
def test_operands_that_the_units_do_not_compute_as_stored_are_refused(tensor, given, words):
    formats = decode() | {f"workload.formats.{tensor}": given}
    refusal("pim_gpt", "llama3_2_1b", formats, "pim_gpt.yaml: dram (pim_gpt) computes bf16", words)


def test_activations_that_the_units_format_holds_are_converted_on_the_chip():
    narrow = decode() | {"workload.formats.activations": "int8"}
    assert simulate("pim_gpt", "llama3_2_1b", overrides=narrow).latency_s > 0


def test_a_bf16_model_is_refused_by_units_of_fp16_and_a_format_by_a_protocol_without_it():
    refusal(chip("hbm_pim"), "gpt2", decode("bf16"), "dram (hbm_pim) computes fp16 as it is stored", "is bf16")
    with pytest.raises(InputError, match="newton does not compute in int4"):
        chip("newton", format="int4")


def test_attention_without_an_operand_buffer_runs_on_the_matrix_unit_or_is_refused():
    design = chip("hbm_pim")
    result = simulate(design, "gpt2", overrides=decode("fp16"))
    attending = [r for r in result.stages[0].records if r.kind == "Attention"]
    assert sum(r.macs for r in attending) == result.event("matrix_macs") > 0
    cache = kv_cache_bytes(result.workload, 200)
    assert result.event("memory_read_bytes") >= cache
    refusal(
        chip("hbm_pim", matrix=False),
        "gpt2",
        decode("fp16"),
        "small_chip: dram (hbm_pim) has no operand buffer for all banks",
        "'layers.0.attn.attention'",
    )


def test_convolutions_need_a_matrix_unit():
    workload = load_workload("resnet18", overrides={"formats.weights": "bf16", "formats.activations": "bf16"})
    refusal(chip("gddr6_aim", matrix=False), workload, {}, "no component multiplies matrices")
    assert simulate(chip("gddr6_aim"), workload).event("matrix_macs") > 0


def test_a_protocol_based_on_another_takes_from_it_what_it_leaves_out(tmp_path):
    text = "based_on: gddr6_aim\nname: slow\ntimings:\n  nRCDRDMAC: 60\n"
    path = tmp_path / "slow.yaml"
    path.write_text(text, encoding="utf-8")
    memory = {**PIM, "protocol": "gddr6_aim", "channels": 16, "standard": "gddr6"}
    base, slow = (
        simulate(small_chip({"dram.protocol": which}, dram=memory), "gpt2", overrides=decode())
        for which in ("gddr6_aim", str(path))
    )
    assert slow.macs == base.macs
    assert slow.latency_s > base.latency_s
    path = tmp_path / "lost.yaml"
    path.write_text(text.replace("gddr6_aim", "gddr6_aimm"), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        small_chip({"dram.protocol": str(path)}, dram=memory)
    assert f"{path}:1: based_on = gddr6_aimm" in str(caught.value) and "gddr6_aim'" in str(caught.value)
