"""Random model descriptions: each lowers to a consistent graph with exact counts, or is refused in one line."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from closed_forms import language_model
from graph_checks import check_graph
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accel_sim.config import InputError
from accel_sim.workload import Decode, Inference, Prefill, load_workload, lower, parameter_count
from accel_sim.workload.hf import FAMILIES
from accel_sim.workload.operators import Attention, macs

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
SIZES = st.one_of(st.integers(1, 64), st.sampled_from([128, 256, 1024, 2**20]))


def field_names(family):
    model = FAMILIES[family]
    names = {field.alias or name for name, field in model.model_fields.items()} | set(model.renamed)
    return [*sorted(names - {"model_type"}), "quantization_config", "sliding_window", "surprise"]


@st.composite
def anything(draw):
    family = draw(st.sampled_from(sorted(FAMILIES)))
    keys = draw(st.lists(st.sampled_from(field_names(family)), unique=True, max_size=8))
    return {"model_type": family} | {key: draw(st.one_of(SIZES, SIZES, JUNK)) for key in keys}


@st.composite
def sensible(draw):
    """Draw a small decoder whose sizes fit each other, with every size written out."""
    family = draw(
        st.sampled_from(["llama", "mistral", "qwen2", "qwen3", "qwen3_moe", "qwen2_moe", "mixtral", "gemma2"])
    )
    kv_heads, groups = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    heads, head_dim = kv_heads * groups, 2 * draw(st.integers(1, 8))
    experts = draw(st.integers(1, 6))
    return {
        "model_type": family,
        "hidden_size": draw(st.integers(1, 40)),
        "intermediate_size": draw(st.integers(1, 50)),
        "num_hidden_layers": draw(st.integers(1, 7)),
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": head_dim,
        "vocab_size": draw(st.integers(1, 99)),
        "tie_word_embeddings": draw(st.booleans()),
    } | {
        "mixtral": {"num_local_experts": experts, "num_experts_per_tok": draw(st.integers(1, experts))},
        "qwen2_moe": {
            "num_experts": experts,
            "num_experts_per_tok": draw(st.integers(1, experts)),
            "moe_intermediate_size": draw(st.integers(1, 9)),
            "shared_expert_intermediate_size": draw(st.integers(1, 9)),
            "decoder_sparse_step": draw(st.integers(1, 3)),
        },
        "qwen3_moe": {
            "num_experts": experts,
            "num_experts_per_tok": draw(st.integers(1, experts)),
            "moe_intermediate_size": draw(st.integers(1, 9)),
            "mlp_only_layers": draw(st.lists(st.integers(0, 6), max_size=3)),
        },
    }.get(family, {})


def load(config, suffix, **arguments):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"fuzz{suffix}"
        content = {"name": "fuzz", "model": config} if suffix == ".yaml" else config
        path.write_text(json.dumps(content))
        return load_workload(path, **arguments)


@QUICK
@given(anything(), st.sampled_from([".yaml", ".json"]), st.integers(1, 3), st.integers(1, 40))
def test_any_description_lowers_or_is_refused_in_one_line(config, suffix, batch, tokens):
    phases = (
        Prefill(batch=batch, sequence=tokens),
        Decode(batch=batch, context=tokens),
        Inference(batch=batch),
    )
    try:
        workload = load(config, suffix)
        for phase in phases:
            if isinstance(phase, workload.model.phases):
                check_graph(lower(workload.with_phase(phase)))
        assert parameter_count(workload) > 0
    except InputError as error:
        assert "\n" not in str(error)


@QUICK
@given(sensible(), st.integers(1, 3), st.integers(1, 30))
def test_a_sensible_decoder_has_the_counts_of_the_closed_form(config, batch, tokens):
    workload = load(config, ".yaml")
    expected = language_model(config)
    assert parameter_count(workload) == expected.parameters
    assert workload.model.kv_elements(1) == expected.kv_elements
    graph = lower(workload.with_phase(Prefill(batch=batch, sequence=tokens)))
    check_graph(graph)
    attention = sum(macs(op) * n for op, n in graph.operators() if isinstance(op, Attention))
    assert graph.macs - attention == batch * (tokens * expected.linear_macs + expected.head_macs)


@QUICK
@given(
    st.dictionaries(st.text("abcdefghw_", max_size=6), JUNK, max_size=4),
    st.sampled_from(["model", "formats", "phase", "published"]),
)
def test_junk_in_any_section_is_refused_in_one_line(junk, section):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fuzz.yaml"
        path.write_text(json.dumps({"name": "fuzz", "model": {"model_type": "gpt2"}} | {section: junk}))
        try:
            lower(load_workload(path))
        except InputError as error:
            assert "\n" not in str(error)
