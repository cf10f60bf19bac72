"""No operator computes on data that is not there yet: read from traces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from small_graphs import BF16, assert_sound, block, conv, elementwise, gemm, graph, run

from accel_sim.engine.execute import trace
from accel_sim.engine.program import TAG
from accel_sim.hardware.design import load_design
from accel_sim.mapping.plan import Place
from accel_sim.testing.chips import small_chip
from accel_sim.workload import load_workload, lower
from accel_sim.workload.graph import Graph
from accel_sim.workload.operators import Gemm, Routing
from accel_sim.workload.tensors import Residency, Tensor

CHIPS = {
    "kept on chip": {"scratchpad.capacity": "1 MiB", "accumulator.capacity": "256 KiB"},
    "through memory": {"scratchpad.capacity": "8 KiB", "mapping.resident_fraction": 0},
}


def times(result, operator, stream):
    """Sorted (start, end) of what an operator did in a stream."""
    return sorted(
        (start, end) for name, s, _, start, end in result.intervals() if (name, s) == (operator, stream)
    )


def left_loads(result, index):
    """Sorted (start, end) of the loads of a product's left operand; `index`: of its segment."""
    mapped = result.compiled.mapped[index]
    nest = mapped.tiling
    program = result.compiled.builder.build()[0]
    rows = np.concatenate(list(trace(result.compiled.builder, len(result.compiled.mapped))))
    load = [stream.name for stream in result.compiled.builder.streams].index("load")
    own = rows[(rows[:, 0] == load) & (program.task[rows[:, 1], TAG] == mapped.tag)]
    tasks = np.unique(own[:, 1])
    # At one level of the nest the left operand is loaded before the right one.
    left = own[own[:, 1] == tasks[0 if nest.left <= nest.right else -1]]
    return sorted(map(tuple, left[:, 2:].tolist()))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.integers(1, 3),
    st.integers(5, 40),
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(0, 2),
    st.integers(1, 2),
)
@example(3, 10, 5, 1, 0, 2)
@example(3, 9, 5, 1, 0, 1)
def test_a_convolution_never_loads_rows_that_its_producer_has_not_stored(
    batch, height, kernel, stride, padding, dilation
):
    assume(height + 2 * padding >= dilation * (kernel - 1) + 1)
    first = conv(batch, (4, 8), (height, 24), (1, 1), name="first", keep=True)
    second = conv(
        batch,
        (8, 4),
        (height, 24),
        (kernel, 1),
        (stride, 1),
        (padding, 0),
        (dilation, 1),
        name="second",
        source=first.output,
    )
    result = run(graph(first, second), small_chip(CHIPS["through memory"]))
    assert_sound(result)
    maker, reader = (mapped.tiling for mapped in result.compiled.mapped)
    stored, loads = times(result, "first", "store"), left_loads(result, 1)
    if not (maker.rows_in_order and reader.rows_in_order):
        assert loads[0][0] >= stored[-1][1]
        return
    size, trips = reader.tiling.sizes[0], -(-reader.product.rows // reader.tiling.sizes[0])
    made, making = maker.tiling.sizes[0], -(-maker.product.rows // maker.tiling.sizes[0])
    for index in range(trips):
        needed = 0
        for row in range(index * size, min((index + 1) * size, reader.product.rows)):
            image, inside = divmod(row, second.out_height)
            last = min(inside * stride + dilation * (kernel - 1) - padding, height - 1)
            needed = max(needed, image * height + last + 1)
        if needed:
            ready = stored[-(-needed // made) * (len(stored) // making) - 1][1]
            assert loads[index * (len(loads) // trips)][0] >= ready


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(1, 300), st.integers(1, 64), st.integers(1, 64))
def test_a_product_never_starts_on_rows_that_the_vector_unit_has_not_finished(m, n, k):
    source = Tensor("source", (m, k), BF16, Residency.IO)
    first = elementwise("first", "gelu", source, keep=True)
    result = run(
        graph(first, gemm(m, n, k, name="second", source=first.output)), small_chip(CHIPS["kept on chip"])
    )
    assert_sound(result)
    assert result.compiled.mapped[0].segment.place is Place.CHIP
    reader = result.compiled.mapped[1].tiling
    done, starts = times(result, "first", "vector"), times(result, "second", "matrix")
    made = -(-m // len(done))
    trips = -(-m // reader.tiling.sizes[0]) if reader.rows_in_order else 1
    for index in range(trips):
        needed = min(m, (index + 1) * reader.tiling.sizes[0]) if reader.rows_in_order else m
        # All tiles of the vector unit but the last have the same rows.
        ready = done[-(-needed // made) - 1][1]
        assert starts[index * (len(starts) // trips)][0] >= ready


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(1, 300), st.integers(1, 64), st.integers(1, 64))
def test_a_vector_unit_never_loads_rows_that_a_product_has_not_stored(m, n, k):
    first = gemm(m, n, k, name="first", keep=True)
    work = graph(first, elementwise("second", "gelu", first.output))
    result = run(work, small_chip(CHIPS["through memory"] | {"mapping.fuse_epilogues": False}))
    assert_sound(result)
    maker = result.compiled.mapped[0].tiling
    stored, loads = times(result, "first", "store"), times(result, "second", "load")
    taken = -(-m // len(loads))
    if not maker.rows_in_order:
        assert loads[0][0] >= stored[-1][1]
        return
    made, making = maker.tiling.sizes[0], -(-m // maker.tiling.sizes[0])
    for index, (start, _) in enumerate(loads):
        needed = min(m, (index + 1) * taken)
        assert start >= stored[-(-needed // made) * (len(stored) // making) - 1][1]


def test_a_reader_of_rows_in_order_starts_before_its_producer_has_finished():
    first = conv(1, (4, 8), (64, 32), (1, 1), name="first", keep=True)
    second = conv(1, (8, 4), (64, 32), (3, 1), name="second", source=first.output)
    result = run(graph(first, second), small_chip(CHIPS["through memory"]))
    maker, reader = (mapped.tiling for mapped in result.compiled.mapped)
    assert maker.rows_in_order
    assert reader.rows_in_order
    assert left_loads(result, 1)[0][0] < times(result, "first", "store")[-1][1]


def test_a_tensor_in_memory_is_loaded_only_after_it_is_stored():
    first = gemm(64, 64, 32, name="first", keep=True)
    second = gemm(64, 16, 64, name="second", source=first.output)
    result = run(graph(first, second), small_chip(CHIPS["through memory"]))
    stores, computes = times(result, "first", "store"), times(result, "second", "matrix")
    assert computes[0][0] >= stores[0][1]
    if not result.compiled.mapped[1].tiling.rows_in_order:
        assert computes[0][0] >= stores[-1][1]


def test_experts_load_their_weights_only_after_the_routing_has_chosen_them():
    work = lower(
        load_workload("mixtral_8x7b", overrides={"phase.phase": "decode", "model.num_hidden_layers": 2})
    )
    result = run(work, load_design("npu_128x128_hbm"))
    (layers,) = (b for b in work.blocks if b.repeat == 2)
    (routing,) = (op.name for op in layers.operators if isinstance(op, Routing))
    expert = next(op.name for op in layers.operators if isinstance(op, Gemm) and len(op.inputs) > 1)
    chosen, loads = times(result, routing, "vector"), times(result, expert, "load")
    assert loads[0][0] >= chosen[0][1]
    assert loads[-1][1] >= chosen[-1][1]


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("llama3_2_1b", {"model.num_hidden_layers": 3, "phase.phase": "prefill", "phase.sequence": 64}),
        ("gemma2_2b", {"model.num_hidden_layers": 4, "phase.phase": "decode", "phase.context": 100}),
        ("vit_ti_16", {"model.num_hidden_layers": 2}),
        ("bert_base", {"model.num_hidden_layers": 2, "phase.sequence": 64}),
    ],
)
@pytest.mark.parametrize("design", ["os_16x16", "npu_128x128_hbm"])
def test_layers_compute_in_order_from_the_embedding_to_the_head(name, overrides, design):
    formats = {f"formats.{tensor}": "bf16" for tensor in ("weights", "activations", "kv_cache")}
    work = lower(load_workload(name, overrides=formats | overrides))
    result = run(work, load_design(design))
    per_layer = next(b for b in work.blocks if b.repeat > 1 or b.name.startswith("layers"))
    first_gemm, *_, last_gemm = (op.name for op in per_layer.operators if isinstance(op, Gemm))
    starts, ends = times(result, first_gemm, "matrix"), times(result, last_gemm, "matrix")
    assert len(starts) % per_layer.repeat == len(ends) % per_layer.repeat == 0
    per_start, per_end = len(starts) // per_layer.repeat, len(ends) // per_layer.repeat
    for layer in range(per_layer.repeat - 1):
        # The residual stream of one layer is complete in rows before the next layer multiplies these rows.
        assert starts[(layer + 1) * per_start][0] >= ends[layer * per_end][1]
    head = next(op.name for op in work.blocks[-1].operators if isinstance(op, Gemm))
    assert times(result, head, "matrix")[0][0] >= ends[0][1]


def test_repeating_a_block_takes_as_long_as_writing_it_out():
    """The tensor carried from layer to layer costs the same in a loop as between different blocks."""

    def layer(index):
        source = gemm(32, 32, 32, name=f"before{index}", keep=True).output
        return gemm(32, 32, 32, name=f"layer{index}", source=source, keep=True)

    repeated = run(graph(layer(0), repeat=4), small_chip(CHIPS["kept on chip"]))
    blocks = tuple(
        replace(block(layer(i), name=f"block{i}"), input=f"before{i}", output=f"layer{i}") for i in range(4)
    )
    written = run(Graph("written", blocks), small_chip(CHIPS["kept on chip"]))
    assert repeated.ticks == written.ticks
