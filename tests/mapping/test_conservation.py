"""What no mapping may lose or make: MACs, bytes, operations, buffer space, time.

Random operators on random small chips, then every shipped workload on shipped designs.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from small_graphs import (
    assert_same_unfolded,
    assert_sound,
    attention,
    block,
    conv,
    elementwise,
    gemm,
    graph,
    run,
)

from accel_sim.config import RunError
from accel_sim.config.zoo import entries
from accel_sim.hardware.components.systolic_schedules import SYSTOLIC_SCHEDULES
from accel_sim.hardware.design import load_design
from accel_sim.testing.chips import small_chip
from accel_sim.workload import load_workload, lower
from accel_sim.workload.graph import Graph
from accel_sim.workload.operators import Attention

RUNS = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
SIZE = st.one_of(st.integers(1, 4), st.integers(1, 200))


@st.composite
def chips(draw):
    schedule = draw(st.sampled_from(SYSTOLIC_SCHEDULES))
    accumulator = draw(st.sampled_from((None, 512, 4096, 2**18)))
    return small_chip(
        {"mapping.attention": draw(st.sampled_from(("auto", "fused", "split")))},
        npu={
            "type": "systolic_array",
            "rows": draw(st.sampled_from((1, 2, 8, 16))),
            "columns": draw(st.sampled_from((1, 3, 8))),
            "count": draw(st.sampled_from((1, 1, 2, 3))),
            "dataflow": str(schedule.dataflow),
            "schedule": str(schedule.schedule),
        },
        scratchpad={
            "type": "sram",
            "capacity": draw(st.sampled_from((1024, 4096, 65536, 2**20))),
            "width": draw(st.sampled_from((4, 32, 64))),
        },
        accumulator=accumulator
        and {"type": "sram", "holds": "partial_sums", "capacity": accumulator, "width": 16},
        dram={
            "type": "dram",
            "standard": "hbm2",
            "channel_bandwidth": draw(st.sampled_from((1e9, 16e9, 1e12))),
            "latency": draw(st.sampled_from((0, 1e-7))),
            "capacity": 2**40,
        },
        **({"host": {"type": "link", "standard": "pcie5", "bandwidth": 4e9}} if draw(st.booleans()) else {}),
    )


def sound_run(work, chip):
    try:
        result = run(work, chip)
    except RunError as error:
        assume("no tile of" not in str(error))
        raise
    assert_sound(result)
    return result


@RUNS
@given(
    chips(),
    SIZE,
    SIZE,
    SIZE,
    st.sampled_from((1, 1, 2, 6)),
    st.sampled_from(("bf16", "int8", "int4/g32:fp16")),
    st.integers(1, 4),
)
def test_a_product_executes_its_dense_macs_and_moves_at_least_its_operands(
    chip, m, n, k, batch, weights, repeat
):
    result = sound_run(graph(gemm(m, n, k, batch, weights=weights), repeat=repeat), chip)
    assert result.events["executed_macs"] == batch * m * n * k * repeat
    assert_same_unfolded(result)


@st.composite
def convolutions(draw):
    pair = st.tuples(st.integers(1, 5), st.integers(1, 5))
    kernel, stride, dilation = draw(pair), draw(pair), draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    padding = draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
    size = draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    groups = draw(st.sampled_from((1, 1, 2, 5)))
    inputs, outputs = groups * draw(st.integers(1, 9)), groups * draw(st.integers(1, 9))
    if draw(st.booleans()) and groups > 1:
        groups = inputs
        outputs = inputs * draw(st.integers(1, 2))
    for axis in range(2):
        assume(size[axis] + 2 * padding[axis] >= dilation[axis] * (kernel[axis] - 1) + 1)
    batch = draw(st.integers(1, 3))
    return conv(batch, (inputs, outputs), size, kernel, stride, padding, dilation, groups)


@RUNS
@given(chips(), convolutions(), st.integers(1, 2))
def test_a_convolution_executes_its_dense_macs_and_moves_at_least_what_it_touches(chip, op, repeat):
    work = graph(op, repeat=repeat)
    result = sound_run(work, chip)
    assert result.events["executed_macs"] == work.macs
    assert_same_unfolded(result)


@st.composite
def attentions(draw):
    kv_heads, share = draw(st.sampled_from((1, 2, 3))), draw(st.sampled_from((1, 2, 5)))
    queries = draw(st.one_of(st.just(1), st.integers(1, 200)))
    causal = draw(st.booleans())
    context = queries + draw(st.one_of(st.just(0), st.integers(0, 300)))
    window = draw(st.one_of(st.just(0), st.integers(1, context + 50))) if causal else 0
    return attention(
        draw(st.integers(1, 3)),
        queries,
        context,
        kv_heads * share,
        kv_heads,
        draw(st.sampled_from((4, 16, 20))),
        causal=causal,
        window=window,
        softcap=draw(st.booleans()),
    )


@RUNS
@given(chips(), attentions(), st.integers(1, 2))
def test_attention_executes_at_least_the_pairs_that_its_mask_lets_through(chip, op, repeat):
    work = graph(op, repeat=repeat)
    result = sound_run(work, chip)
    if not op.causal:
        assert result.events["executed_macs"] == work.macs
    assert_same_unfolded(result)


@RUNS
@given(chips(), SIZE, SIZE, st.sampled_from(("gelu", "silu_multiply", "add")), st.integers(1, 3))
def test_a_chain_of_product_function_and_product_is_sound_fused_or_not(chip, m, k, function, repeat):
    first = gemm(m, 2 * k, k, name="first", keep=True)
    if function == "add":
        middle = elementwise("middle", "add", first.output, first.output, keep=True)
    else:
        elements = m * k if function == "silu_multiply" else None
        middle = elementwise("middle", function, first.output, elements=elements, keep=True)
    last = gemm(m, 3, middle.output.shape[-1], name="last", source=middle.output)
    work = graph(first, middle, last, repeat=repeat)
    result = sound_run(work, chip)
    assert result.events["executed_macs"] == work.macs
    assert_same_unfolded(result)


def test_a_convolution_that_sees_only_padding_loads_no_input():
    op = conv(1, (2, 4), (1, 1), (2, 1), (5, 1), (2, 0))
    result = run(graph(op), small_chip())
    assert_sound(result)
    assert result.events["memory_read_bytes"] == op.weights[0].bytes


def test_operands_that_fit_on_chip_are_moved_once_where_bandwidth_is_scarce():
    buffers = {"scratchpad.capacity": "1 MiB", "accumulator.capacity": "256 KiB"}
    chip = small_chip(buffers | {"dram.channel_bandwidth": "100 MB/s"})
    for m, n, k in ((33, 17, 65), (128, 128, 128), (1, 500, 3), (7, 9, 1000)):
        events = run(graph(gemm(m, n, k)), chip).events
        assert events["memory_read_bytes"] == 2 * (m * k + k * n)
        assert events["memory_write_bytes"] == 2 * m * n


def bf16(name, **overrides):
    formats = {f"formats.{tensor}": "bf16" for tensor in ("weights", "activations", "kv_cache")}
    return load_workload(name, overrides=formats | overrides)


CNNS = ("alexnet", "mobilenet_v2", "resnet18", "resnet50", "vgg16")
MODELS = (
    ("llama3_2_1b", {"phase.phase": "prefill", "phase.sequence": 500}),
    ("llama3_8b", {"phase.phase": "decode", "phase.batch": 3}),
    ("gemma2_2b", {"phase.phase": "prefill", "phase.sequence": 5000}),
    ("gemma3_1b", {"phase.phase": "decode", "phase.context": 2000}),
    ("mixtral_8x7b", {"phase.phase": "decode", "phase.batch": 7}),
    ("qwen1_5_moe_a2_7b", {"phase.phase": "prefill", "phase.sequence": 77}),
    ("opt_350m", {"phase.phase": "decode"}),
    ("phi_2", {"phase.phase": "prefill", "phase.sequence": 257}),
    ("bloom_176b", {"phase.phase": "decode"}),
    ("bert_base", {"phase.batch": 2}),
    ("vit_b_16", {}),
    ("gemm_sweep", {}),
)


@pytest.mark.parametrize("design", ["os_16x16", "edge_npu", "npu_128x128_hbm"])
@pytest.mark.parametrize("name", CNNS)
def test_convolutional_networks_execute_exactly_their_dense_macs(name, design):
    work = lower(bf16(name))
    result = run(work, load_design(design))
    assert_sound(result)
    macs = result.compiled.events(result.timeline.executions)[:, 0]
    for mapped in result.compiled.mapped:
        dense = Graph("one", (block(*mapped.segment.operators, repeat=mapped.block.repeat),)).macs
        assert macs[mapped.tag] == dense, mapped.segment.operator.name


@pytest.mark.parametrize("design", ["os_16x16", "edge_npu", "npu_128x128_hbm"])
@pytest.mark.parametrize(("name", "overrides"), MODELS, ids=[name for name, _ in MODELS])
def test_models_are_sound_on_shipped_designs(name, overrides, design):
    work = lower(bf16(name, **overrides))
    result = run(work, load_design(design))
    assert_sound(result)
    masked = any(isinstance(op, Attention) and (op.causal or op.window) for op, _ in work.operators())
    assert masked or result.events["executed_macs"] == work.macs


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("name", ["resnet18", "bert_base", "gemm_sweep"])
def test_models_are_sound_on_the_first_tpu_with_its_link(name, batch):
    formats = {f"formats.{tensor}": "int8" for tensor in ("weights", "activations", "kv_cache")}
    work = lower(load_workload(name, overrides={**formats, "phase.batch": batch}))
    result = run(work, load_design("tpu_v1"))
    assert_sound(result)
    assert result.events["executed_macs"] == work.macs


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(entries("workloads")))
def test_every_shipped_workload_is_sound_on_a_shipped_design(name):
    assert_sound(run(lower(bf16(name)), load_design("npu_128x128_hbm")))


UNFOLDED = (
    ("llama3_2_1b", {"model.num_hidden_layers": 4, "phase.phase": "prefill", "phase.sequence": 300}),
    ("llama3_8b", {"model.num_hidden_layers": 5, "phase.phase": "decode"}),
    ("gemma2_2b", {"model.num_hidden_layers": 6, "phase.phase": "decode", "phase.context": 700}),
    ("mixtral_8x7b", {"model.num_hidden_layers": 3, "phase.phase": "decode", "phase.batch": 2}),
    ("bert_base", {"model.num_hidden_layers": 3}),
    ("resnet18", {}),
)


@pytest.mark.parametrize(("name", "overrides"), UNFOLDED, ids=[name for name, _ in UNFOLDED])
def test_folded_runs_equal_unfolded_ones(name, overrides):
    assert_same_unfolded(run(lower(bf16(name, **overrides)), load_design("npu_128x128_hbm")))
