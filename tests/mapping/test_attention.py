"""Attention: tiles under masks and windows, fused against split, what both execute and load."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_graphs import assert_sound, attention, graph, run

from accel_sim.config import InputError
from accel_sim.hardware.primitives import FUNCTIONS
from accel_sim.mapping.attention_tiling import AttentionTiling, query_blocks, visible_keys
from accel_sim.testing.chips import small_chip

BIG = {"scratchpad.capacity": "4 MiB", "accumulator.capacity": "1 MiB"}


def policy(which, **overrides):
    return small_chip(BIG | {"mapping.attention": which} | overrides)


def seen(op, query):
    """Positions of the keys that a query of the last `query_length` positions attends to."""
    position = op.context - op.query_length + query
    first = max(0, position - op.window + 1) if op.window else 0
    return range(first, position + 1) if op.causal else range(op.context)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.integers(1, 60),
    st.integers(0, 60),
    st.integers(0, 70),
    st.booleans(),
    st.integers(1, 8),
    st.integers(1, 8),
)
def test_blocks_cover_in_whole_tiles_what_their_queries_see_and_no_more(
    queries, past, window, causal, keys, multiple
):
    context = queries + past
    op = attention(1, queries, context, 1, 1, 4, causal=causal, window=window if causal else 0)
    size = min(queries, keys * multiple)
    if causal and size < queries and size % keys:
        return
    position = 0
    for group in query_blocks(op, size, keys):
        for index in range(group.blocks):
            block = range(position, position + group.queries)
            position += group.queries
            union = {key for query in block for key in seen(op, query)}
            tiles = group.trips + group.growth * index
            assert tiles == -(-len(union) // keys)
            assert group.last_keys == len(union) - (tiles - 1) * keys
    assert position == queries
    assert visible_keys(op) == len({key for query in range(queries) for key in seen(op, query)})


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.sampled_from((1, 3, 7, 64, 197)),
    st.sampled_from((0, 1, 60, 300)),
    st.sampled_from((0, 1, 33, 5000)),
    st.sampled_from(((1, 1), (6, 2), (5, 1), (4, 4))),
    st.sampled_from(("fused", "split")),
    st.sampled_from((BIG, {"scratchpad.capacity": "4 KiB", "accumulator.capacity": "4 KiB"})),
)
def test_fused_and_split_execute_what_a_count_of_tiles_explains(queries, past, window, heads, which, buffers):
    op = attention(2, queries, queries + past, *heads, 16, window=window)
    result = run(graph(op), policy(which, **buffers))
    assert_sound(result)
    tiling = result.compiled.mapped[0].tiling
    pairs = queries * visible_keys(op)
    if which == "fused":
        assert isinstance(tiling, AttentionTiling)
        if tiling.resident_keys:
            assert result.events["memory_read_bytes"] == sum(tensor.bytes for tensor in op.inputs)
        pairs = 0
        for first in range(0, queries, tiling.queries):
            block = range(first, min(first + tiling.queries, queries))
            pairs += len(block) * len({key for query in block for key in seen(op, query)})
    assert result.events["executed_macs"] == 2 * 2 * heads[0] * 16 * pairs


@pytest.mark.parametrize("queries", [1, 197, 4097])
@pytest.mark.parametrize("which", ["fused", "split"])
def test_unmasked_attention_executes_its_dense_macs_and_loads_its_operands_at_least_once(queries, which):
    op = attention(1, queries, queries, 3, 3, 20, causal=False)
    result = run(graph(op), policy(which))
    assert_sound(result)
    assert result.events["executed_macs"] == graph(op).macs == 2 * 3 * 20 * queries**2


@pytest.mark.parametrize("window", [0, 64, 1000])
def test_a_decode_step_loads_exactly_the_visible_cache_once(window):
    op = attention(4, 1, 500, 8, 2, 32, window=window)
    result = run(graph(op), policy("fused"))
    cache = 2 * 4 * min(500, window or 500) * 2 * 32 * 2
    assert result.events["memory_read_bytes"] == cache + op.inputs[0].bytes
    assert result.events["memory_write_bytes"] == op.output.bytes


@pytest.mark.parametrize("which", ["fused", "split"])
def test_a_soft_cap_is_computed_for_every_score(which):
    plain, capped = (
        run(graph(attention(1, 8, 40, 2, 1, 16, softcap=cap)), policy(which)).events for cap in (False, True)
    )
    for primitive, count in FUNCTIONS["softcap"].items():
        scores = capped["executed_macs"] // (2 * 16)
        assert capped[f"vector_{primitive}"] - plain[f"vector_{primitive}"] == count * scores


def test_the_automatic_choice_is_about_as_fast_as_the_faster_of_both():
    for op in (attention(1, 128, 128, 4, 4, 32), attention(2, 1, 700, 8, 2, 64), attention(1, 40, 40, 2, 1, 8)):
        fused, split, auto = (run(graph(op), policy(which)).ticks for which in ("fused", "split", "auto"))
        assert auto <= 1.1 * min(fused, split)


@pytest.mark.parametrize("which", ["fused", "split", "auto"])
def test_attention_without_a_vector_unit_names_what_is_missing(which):
    chip = small_chip(BIG | {"mapping.attention": which}, vector=None)
    with pytest.raises(InputError, match="no component computes element by element, as 'attention"):
        run(graph(attention(1, 8, 8, 2, 2, 8)), chip)
