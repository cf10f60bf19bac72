"""Keys and values in the banks: every element its own place, new tokens on open rows, rows opened once."""

from __future__ import annotations

from itertools import pairwise
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.config import InputError
from accel_sim.engine.pim_run import play
from accel_sim.hardware.pim import pim_device
from accel_sim.hardware.pim.attention import (
    KvLayout,
    append_keys,
    append_values,
    context_program,
    score_program,
)
from accel_sim.hardware.pim.hbm import gemv
from accel_sim.hardware.pim.hbm_attention import matrix_place
from accel_sim.mapping.pim_attention import Attention, attention_costs

AIM = pim_device("gddr6_aim", 1, refresh=False)
NEWTON = pim_device("newton", 1, refresh=False)
few = settings(max_examples=20, deadline=None)
layouts = st.builds(
    KvLayout,
    device=st.sampled_from([AIM, NEWTON]),
    heads=st.integers(1, 20),
    head_dim=st.sampled_from([16, 40, 64, 96, 128]),
    lanes=st.just(16),
    most_tokens=st.integers(1, 300),
)


@few
@given(layout=layouts)
def test_no_two_keys_share_a_column_and_none_crosses_a_row(layout: KvLayout) -> None:
    places = set()
    for token in range(layout.most_tokens):
        for head in range(layout.heads):
            bank, row, column = layout.key_place(token, head)
            assert column + layout.key_columns <= layout.device.columns
            assert row < layout.row_parts * layout.key_rows
            places.update((bank, row, column + offset) for offset in range(layout.key_columns))
    assert len(places) == layout.most_tokens * layout.heads * layout.key_columns


@few
@given(layout=layouts)
def test_no_two_values_share_a_place(layout: KvLayout) -> None:
    places = set()
    for token in range(0, layout.most_tokens, 7):
        for head in range(layout.heads):
            for dimension in range(layout.head_dim):
                bank, row, column = layout.value_place(token, head, dimension)
                assert 0 <= column < layout.device.columns
                assert row < layout.heads * layout.value_tiles * layout.value_rows
                places.add((bank, row, column, token % layout.lanes))
    assert len(places) == len(range(0, layout.most_tokens, 7)) * layout.heads * layout.head_dim


@few
@given(layout=layouts)
def test_the_keys_of_neighbouring_tokens_of_a_bank_share_rows(layout: KvLayout) -> None:
    rows = [layout.key_place(token, 0)[1] for token in range(0, layout.most_tokens, layout.device.banks)]
    changes = sum(after != before for before, after in pairwise(rows))
    assert changes == ceil(len(rows) / layout.tokens_per_row) - 1


@few
@given(layout=layouts, queries=st.integers(1, 4))
def test_scores_open_every_row_of_keys_once_whatever_the_group(layout: KvLayout, queries: int) -> None:
    played = play(layout.device, score_program(layout, layout.most_tokens, queries))
    loads = 0
    if layout.device is NEWTON:
        # A row of the operand is opened in one bank for every load, unless it still is.
        loads = played.commands["ACT"]
    rows = layout.row_parts * layout.key_rows * layout.device.banks
    reopened = queries * rows if layout.device is NEWTON else rows
    assert rows <= played.activations - loads <= reopened
    name = "MAC16" if layout.device is AIM else "COMP"
    slots = ceil(layout.most_tokens / layout.device.banks)
    assert played.commands[name] == slots * layout.heads * layout.key_columns * queries


@few
@given(layout=layouts, queries=st.integers(2, 4))
def test_queries_outside_load_the_buffer_once_each(layout: KvLayout, queries: int) -> None:
    rows, whole = (
        play(layout.device, score_program(layout, layout.most_tokens, queries, outer))
        for outer in ("rows", "queries")
    )
    name = "MAC16" if layout.device is AIM else "COMP"
    load = layout.device.protocol.pim.roles.load
    assert whole.commands[name] == rows.commands[name]
    assert whole.commands[load] <= rows.commands[load]
    if layout.device.protocol.pim.roles.load_row:
        assert whole.commands[load] == queries * layout.row_parts


@few
@given(layout=layouts, queries=st.integers(1, 3))
def test_sums_of_values_multiply_every_column_for_every_query(layout: KvLayout, queries: int) -> None:
    played = play(layout.device, context_program(layout, layout.most_tokens, queries))
    name = "MAC16" if layout.device is AIM else "COMP"
    columns = ceil(layout.most_tokens / layout.lanes)
    assert played.commands[name] == layout.heads * layout.value_tiles * columns * queries


@few
@given(layout=layouts, token=st.integers(0, 299))
def test_a_new_token_is_written_where_scores_and_sums_look_for_it(layout: KvLayout, token: int) -> None:
    token %= layout.most_tokens
    per_burst = layout.device.protocol.structure.host_bytes // layout.device.protocol.structure.column_bytes
    keys = append_keys(layout, token).lines.tolist()
    for head in range(layout.heads):
        bank, row, column = layout.key_place(token, head)
        last = (column + layout.key_columns - 1) // per_burst
        assert any(
            line[1:3] == [bank, row] and line[3] <= column // per_burst and last < line[3] + line[4]
            for line in keys
        )
    written = {tuple(line[1:4]) for line in append_values(layout, token).lines.tolist()}
    for head in range(layout.heads):
        for dimension in range(layout.head_dim):
            bank, row, column = layout.value_place(token, head, dimension)
            assert (bank, row, column // per_burst) in written


@few
@given(
    kv_heads=st.sampled_from([1, 2, 4, 8, 12]),
    group=st.sampled_from([1, 2, 4]),
    tokens=st.integers(1, 900),
)
def test_attention_multiplies_every_query_with_every_key_and_value(
    kv_heads: int, group: int, tokens: int
) -> None:
    device = pim_device("gddr6_aim", 8)
    costs = attention_costs(device, Attention(kv_heads * group, kv_heads, 64, tokens))
    for step in ("score", "context"):
        assert costs[step].macs == kv_heads * group * 64 * tokens
        assert costs[step].lane_macs >= costs[step].macs
    assert costs["append_keys"].energy_j > 0


def test_scores_of_a_longer_cache_never_cost_less() -> None:
    device = pim_device("newton", 8)
    cycles = [
        attention_costs(device, Attention(8, 8, 128, tokens))["score"].cycles for tokens in (64, 512, 2048)
    ]
    assert cycles == sorted(cycles)


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (Attention(7, 2, 64, 10), "query_heads = 7: must be a multiple of kv_heads = 2"),
        (Attention(2, 2, 64, 0), "tokens = 0: must be at least 1"),
        (Attention(2, 2, 4096, 10), "a key of 4096 elements takes 256 columns: a row of gddr6_aim has 64"),
        (Attention(64, 64, 128, 10**7), "a cache of"),
    ],
)
def test_what_cannot_be_laid_out_is_one_clear_error(work: Attention, message: str) -> None:
    with pytest.raises(InputError) as caught:
        attention_costs(pim_device("gddr6_aim", 8), work)
    assert message in str(caught.value)


HBM = pim_device("hbm_pim", 1)


@few
@given(outputs=st.integers(1, 200), inputs=st.integers(1, 40))
def test_every_column_of_a_matrix_has_its_own_place_in_hbm_pim(outputs: int, inputs: int) -> None:
    places = {
        matrix_place(HBM, inputs, output, column) for output in range(outputs) for column in range(inputs)
    }
    assert len(places) == outputs * inputs
    tiles, parts = ceil(outputs / 64), ceil(inputs / 8)
    read = {
        (line[1], line[2], line[3] + offset)
        for line in gemv(HBM, outputs, inputs).program.lines.tolist()
        if line[0] == list(HBM.protocol.commands).index("RD") and line[2] < 4096
        for offset in range(line[4])
    }
    # The host addresses banks 0 and 1, which all even and all odd banks follow.
    assert {(bank % 2, row, column) for bank, row, column in places} <= read
    assert len(read) == tiles * parts * 64


@few
@given(kv_heads=st.sampled_from([1, 2, 8, 96]), group=st.sampled_from([1, 4]), tokens=st.integers(1, 600))
def test_hbm_pim_attends_as_products_head_by_head(kv_heads: int, group: int, tokens: int) -> None:
    costs = attention_costs(pim_device("hbm_pim"), Attention(kv_heads * group, kv_heads, 128, tokens))
    for step in ("score", "context"):
        assert costs[step].macs == kv_heads * group * 128 * tokens
        assert costs[step].lane_macs >= costs[step].macs
    assert costs["append_keys"].commands["WR"] == kv_heads * 8
    assert costs["append_values"].commands["WR"] >= kv_heads * 128 / 8
