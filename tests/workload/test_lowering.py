"""Properties of lowered transformers: structure of each family, phases, windows, experts, formats."""

from __future__ import annotations

import pytest
from graph_checks import check_graph
from hypothesis import given
from hypothesis import strategies as st

from accel_sim.config import InputError
from accel_sim.workload import (
    Decode,
    Generate,
    Inference,
    Prefill,
    kv_cache_bytes,
    kv_cache_bytes_per_token,
    load_workload,
    lower,
)
from accel_sim.workload.folding import fold
from accel_sim.workload.moe import balanced
from accel_sim.workload.operators import (
    Attention,
    Elementwise,
    Gemm,
    KvAppend,
    Norm,
    Rotary,
    Routing,
    macs,
)
from accel_sim.workload.tensors import Residency


def operators(graph, kind):
    return [(op, n) for op, n in graph.operators() if isinstance(op, kind)]


def layer_names(graph):
    return [op.name.split(".", 2)[2] for op in graph.blocks[1].operators]


def score_pairs(graph):
    return sum(op.score_pairs * n for op, n in operators(graph, Attention))


@pytest.mark.parametrize("name", ["llama3_8b", "gemma2_2b", "gemma3_1b", "mistral_7b"])
def test_decode_at_growing_context_visits_the_pairs_of_a_causal_prefill(name):
    overrides = {} if name == "llama3_8b" else {"model.sliding_window": 5}
    workload = load_workload(name, overrides=overrides)
    tokens = 13
    steps = sum(score_pairs(lower(workload.with_phase(Decode(context=c)))) for c in range(1, tokens + 1))
    assert steps == score_pairs(lower(workload.with_phase(Prefill(sequence=tokens))))


def test_a_layer_of_llama_is_what_the_paper_draws():
    assert layer_names(lower(load_workload("llama3_8b"))) == [
        "attn.norm",
        "attn.qkv",
        "attn.rotary",
        "attn.kv_cache",
        "attn.attention",
        "attn.output",
        "attn.residual",
        "mlp.norm",
        "mlp.gate_up",
        "mlp.act",
        "mlp.down",
        "mlp.residual",
    ]


def test_a_post_norm_layer_normalizes_after_each_addition():
    names = layer_names(lower(load_workload("opt_350m")))
    assert names.index("attn.norm") == names.index("attn.residual") + 1
    assert names.index("mlp.norm") == names.index("mlp.residual") + 1
    assert not any(op.name == "head.norm" for op, _ in lower(load_workload("opt_350m")).operators())


def test_a_sandwich_layer_has_four_norms():
    graph = lower(load_workload("gemma2_2b"))
    assert sum(isinstance(op, Norm) for op in graph.blocks[1].operators) == 2 * 4


def test_phi_adds_attention_and_mlp_in_one_sum():
    graph = lower(load_workload("phi_2"))
    added = next(op for op in graph.blocks[1].operators if op.name.endswith(".residual"))
    assert [t.name.rpartition("layers.0.")[2] for t in added.inputs] == ["input", "attn.output", "mlp.down"]
    assert sum(isinstance(op, Norm) for op in graph.blocks[1].operators) == 1


def test_partial_rotary_turns_part_of_each_head():
    (rotary, _), *_ = operators(lower(load_workload("phi_2", phase=Decode())), Rotary)
    assert rotary.elements == 64 * 32  # 0.4 of 80 values, 32 query and 32 key heads


def test_qwen3_normalizes_query_and_key_heads():
    graph = lower(load_workload("qwen3_8b", phase=Decode(batch=2)))
    norm = next(op for op, _ in operators(graph, Norm) if op.name.endswith("attn.qk_norm"))
    assert (norm.rows, norm.columns) == (2 * (32 + 8), 128)


def test_gemma_alternates_in_one_block_and_keeps_execution_order():
    workload = load_workload("gemma3_1b", phase=Decode(context=4096))
    graph = lower(workload)
    order = []
    for block in graph.blocks:
        windows = [op.window for op in block.operators if isinstance(op, Attention)]
        order += windows * block.repeat
    assert order == [0 if (i + 1) % 6 == 0 else 512 for i in range(26)]
    assert [block.repeat for block in graph.blocks] == [1, 4, 2, 1]


def test_a_window_bounds_what_decode_reads_and_what_a_sequence_keeps():
    workload = load_workload("mistral_7b", phase=Decode(context=10_000))
    (attention, _), *_ = operators(lower(workload), Attention)
    assert attention.inputs[1].shape[1] == 4096
    assert kv_cache_bytes(workload, 10_000) == 4096 * kv_cache_bytes_per_token(workload)


def test_prefill_runs_the_head_on_the_last_token_only():
    graph = lower(load_workload("llama3_8b", phase=Prefill(batch=4, sequence=100)))
    head = graph.blocks[-1].operators[-1]
    assert isinstance(head, Gemm)
    assert head.m == 4
    assert head.output.residency is Residency.IO


def test_the_cache_is_written_before_it_is_read():
    graph = lower(load_workload("qwen2_7b", phase=Decode(batch=3, context=50)))
    (append, _), *_ = operators(graph, KvAppend)
    (attention, _), *_ = operators(graph, Attention)
    assert append.output.shape == (3, 1, 2 * 4 * 128)
    assert [t.name for t in attention.inputs[1:]] == [append.output.name] * 2
    assert attention.inputs[1].residency is Residency.KV_CACHE


def test_an_encoder_has_neither_a_cache_nor_a_mask():
    graph = lower(load_workload("bert_base"))
    assert not operators(graph, KvAppend)
    assert all(not op.causal and op.score_pairs == 128 * 128 for op, _ in operators(graph, Attention))


def test_soft_caps_of_gemma_2_are_kept():
    graph = lower(load_workload("gemma2_9b"))
    assert all(op.softcap for op, _ in operators(graph, Attention))
    assert graph.blocks[-1].operators[-1].function == "softcap"


def test_mixed_formats_reach_their_tensors():
    overrides = {"formats.weights": "int4/g128", "formats.kv_cache": "int8", "formats.embeddings": "fp16"}
    graph = lower(load_workload("llama3_8b", phase=Decode(), overrides=overrides))
    formats = {w.name: w.format.name for op, _ in graph.operators() for w in op.weights}
    assert formats["layers.0.attn.qkv.weight"] == "int4/g128:fp16"
    assert formats["layers.0.attn.norm.weight"] == "bf16"
    assert formats["lm_head.weight"] == formats["model.embed_tokens.weight"] == "fp16"
    (append, _), *_ = operators(graph, KvAppend)
    assert append.output.format.name == "int8"


def test_an_embedding_reads_the_rows_it_looks_up():
    one = lower(load_workload("llama3_8b", phase=Prefill(sequence=1)))
    two = lower(load_workload("llama3_8b", phase=Prefill(sequence=2)))
    assert two.weight_bytes() - one.weight_bytes() == 4096 * 2


def test_lowering_is_remembered():
    assert lower(load_workload("llama3_8b")) is lower(load_workload("llama3_8b"))


def test_generation_is_a_prefill_and_decode_steps_over_growing_context():
    phase = Generate(batch=2, prompt=10, output=4)
    workload = load_workload("gpt2", phase=phase)
    with pytest.raises(InputError, match="stage by stage"):
        lower(workload)
    assert phase.prefill == Prefill(batch=2, sequence=10)
    assert [phase.decode(c) for c in phase.contexts] == [Decode(batch=2, context=c) for c in (11, 12, 13)]
    assert lower(workload.with_phase(phase.decode(11))).tokens == 2


@pytest.mark.parametrize(
    ("name", "phase"),
    [("llama3_8b", Inference()), ("resnet50", Prefill()), ("bert_base", Decode()), ("gemm_sweep", Generate())],
)
def test_a_phase_that_a_model_does_not_have_is_refused(name, phase):
    with pytest.raises(InputError, match=f"no phase '{phase.phase}'"):
        load_workload(name, phase=phase)
    with pytest.raises(InputError, match=f"no phase '{phase.phase}'"):
        load_workload(name).with_phase(phase)


def test_more_tokens_than_learned_positions_are_noted():
    assert "2048 learned positions" in lower(load_workload("gpt3_175b", phase=Decode(context=3072))).notes[0]
    assert lower(load_workload("llama3_8b", phase=Decode(context=100_000))).notes == ()


def test_counts_beyond_int64_are_refused():
    with pytest.raises(InputError, match="too many to count"):
        lower(load_workload("llama3_1_405b", phase=Prefill(batch=2**20, sequence=2**24)))


@given(st.integers(1, 500), st.integers(1, 16), st.integers(1, 200))
def test_experts_share_all_assignments_as_evenly_as_tokens_allow(tokens, top_k, experts):
    groups = balanced(tokens, top_k, experts)
    assert sum(group.experts * group.tokens for group in groups) == tokens * top_k
    assert sum(group.experts for group in groups) == min(experts, tokens * top_k)
    assert max(group.tokens for group in groups) - min(group.tokens for group in groups) <= 1
    assert len(groups) <= 2


@pytest.mark.parametrize("batch", [1, 5, 64])
@pytest.mark.parametrize("name", ["mixtral_8x7b", "qwen3_30b_a3b", "qwen1_5_moe_a2_7b"])
def test_a_mixture_does_the_work_of_its_chosen_experts(name, batch):
    workload = load_workload(name, phase=Decode(batch=batch))
    graph = lower(workload)
    ffn = workload.model.spec().layers[0].ffn
    experts = [op for op in graph.blocks[1].operators if isinstance(op, Gemm) and "moe.experts" in op.name]
    assert sum(map(macs, experts)) == batch * ffn.top_k * 3 * workload.model.hidden_size * ffn.width
    (routing, _), *_ = operators(graph, Routing)
    assert (routing.tokens, routing.experts, routing.top_k) == (batch, ffn.experts, ffn.top_k)
    assert all(routing.name in {t.name for t in op.inputs} for op in experts if op.name.endswith("gate_up"))


def test_sparse_steps_and_dense_layers_keep_their_order():
    overrides = {
        "model.decoder_sparse_step": 2,
        "model.mlp_only_layers": [1, 5],
        "model.num_hidden_layers": 9,
    }
    workload = load_workload("qwen3_30b_a3b", phase=Decode(), overrides=overrides)
    graph = lower(workload)
    check_graph(graph)
    order = []
    for block in graph.blocks:
        kinds = [
            op.name.split(".")[2] for op in block.operators if op.name.endswith(("moe.router", "mlp.down"))
        ]
        order += kinds * block.repeat
    assert order == ["moe" if i in (3, 7) else "mlp" for i in range(9)]


@given(st.lists(st.integers(0, 2), max_size=40))
def test_folding_keeps_every_item_in_order(items):
    groups = fold(items)
    assert [item for group in groups for item in group.unit * group.repeat] == items
    starts = [group.first for group in groups]
    assert starts == [sum(len(g.unit) * g.repeat for g in groups[:i]) for i in range(len(groups))]


def test_folding_takes_the_shortest_period():
    assert [(len(g.unit), g.repeat) for g in fold([1, 1, 1, 1, 1, 0] * 4 + [1, 1])] == [(6, 4), (1, 2)]
    assert [(len(g.unit), g.repeat) for g in fold([0] + [1] * 27)] == [(1, 1), (1, 27)]


def test_gated_and_plain_activations_read_what_they_need():
    gated = next(op for op, _ in operators(lower(load_workload("llama3_8b")), Elementwise) if "act" in op.name)
    assert gated.function == "silu_multiply"
    assert gated.inputs[0].elements == 2 * gated.elements
    plain = next(op for op, _ in operators(lower(load_workload("opt_125m")), Elementwise) if "act" in op.name)
    assert plain.function == "relu"
    assert plain.inputs[0].elements == plain.elements
