"""A decode step of language models in the banks: MACs and bytes are conserved, rows are hit as PIM-GPT says."""

from __future__ import annotations

import re
from functools import cache

import pytest

from accel_sim.config import InputError
from accel_sim.hardware.pim import pim_device
from accel_sim.hardware.pim.protocol import FOLDER
from accel_sim.mapping.pim_decode import DecodeCost, decode_cost
from accel_sim.workload import lower
from accel_sim.workload.graph import Graph
from accel_sim.workload.load import load_workload
from accel_sim.workload.phases import Decode, Prefill

PIM_GPT, AIM = pim_device("pim_gpt"), pim_device("gddr6_aim", 8)
# Brown et al., 2020, table 2.1, with as many heads as fill the width.
GPT3 = {
    "GPT-3 small": (768, 12, 12),
    "GPT-3 medium": (1024, 24, 16),
    "GPT-3 large": (1536, 24, 16),
    "GPT-3 XL": (2048, 24, 16),
}
GPT2 = {
    "GPT-2 small": "gpt2",
    "GPT-2 medium": "gpt2_medium",
    "GPT-2 large": "gpt2_large",
    "GPT-2 XL": "gpt2_xl",
}
MODELS = (*GPT2, *GPT3)
every_model = pytest.mark.parametrize("model", MODELS)


@cache
def graph_of(model: str, context: int = 512, batch: int = 1) -> Graph:
    phase = Decode(batch=batch, context=context)
    if model in GPT2:
        return lower(load_workload(GPT2[model], phase=phase))
    width, layers, heads = GPT3[model]
    sizes = {"n_embd": width, "n_layer": layers, "n_head": heads, "head_dim": width // heads}
    overrides = {f"model.{name}": value for name, value in sizes.items()}
    return lower(load_workload("gpt3_xl", phase=phase, overrides=overrides))


@cache
def cost_of(model: str, context: int = 512) -> DecodeCost:
    return decode_cost(PIM_GPT, graph_of(model, context))


@every_model
def test_every_mac_of_the_model_is_done_in_the_banks(model: str) -> None:
    assert cost_of(model).macs == graph_of(model).macs


@every_model
def test_every_weight_and_cached_value_is_read_once(model: str) -> None:
    graph, cost = graph_of(model), cost_of(model)
    read = sum(cost_.commands.get("MAC16", 0) * 16 * 32 * times for cost_, times in cost.steps.values())
    compulsory = graph.kv_cache_bytes() + sum(
        operator.n * operator.k * 2 * times
        for operator, times in graph.operators()
        if type(operator).__name__ == "Gemm"
    )
    assert compulsory <= read < 1.25 * compulsory


@every_model
def test_about_98_percent_of_accesses_hit_an_open_row_and_never_more_than_63_of_64(model: str) -> None:
    assert 0.975 < cost_of(model).row_hit_rate <= 63 / 64


@every_model
def test_a_token_takes_longer_than_the_units_and_rows_alone(model: str) -> None:
    # 8 channels of 16 banks of 16 MACs a cycle, and 24 cycles to open each row of 64 columns.
    cost = cost_of(model)
    bound_s = graph_of(model).macs / (8 * 16 * 16) * (64 + 24) / 64 * 1e-9
    assert bound_s < cost.latency_s < 1.35 * bound_s


@every_model
def test_the_published_table_is_what_the_model_gives(model: str) -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    (line,) = [
        line
        for line in text.splitlines()
        if re.search(rf"\| .*{re.escape(model)}( /.*)? \|", line) and "ms" in line
    ]
    ours, aim, hits = line.split("|")[2:5]
    assert ours.strip() == f"{cost_of(model).latency_s * 1e3:.3f} ms"
    assert aim.strip() == f"{decode_cost(AIM, graph_of(model)).latency_s * 1e3:.3f} ms"
    assert hits.strip() == f"{cost_of(model).row_hit_rate:.1%}".replace("%", " %")


def test_a_longer_context_costs_attention_only() -> None:
    short, long = cost_of("GPT-2 small", 256), cost_of("GPT-2 small", 1024)
    for name, (cost, _) in short.steps.items():
        later = long.steps[name][0]
        if "score" in name or "context" in name:
            assert later.cycles > cost.cycles
        elif "append" not in name:
            assert later == cost


def test_grouped_queries_and_experts_are_priced_too() -> None:
    for name in ("llama3_2_1b", "mixtral_8x7b"):
        graph = lower(load_workload(name, phase=Decode(batch=1, context=128)))
        cost = decode_cost(pim_device("newton", 64), graph)
        assert cost.macs == graph.macs


def test_a_batch_repeats_every_product() -> None:
    one, two = (decode_cost(PIM_GPT, graph_of("GPT-2 small", 512, batch)) for batch in (1, 2))
    assert two.macs == 2 * one.macs
    assert 1.8 * one.latency_s < two.latency_s <= 2.05 * one.latency_s


def test_softmax_and_normalization_run_elsewhere() -> None:
    assert any("norm" in name or "ln" in name for name in cost_of("GPT-2 small").elsewhere)
    assert not any("attention.append" in name for name in cost_of("GPT-2 small").elsewhere)


def test_a_model_that_does_not_fit_is_one_clear_error() -> None:
    graph = lower(load_workload("gpt3_175b", phase=Decode(batch=1, context=2048)))
    with pytest.raises(InputError, match=r"takes \d+ rows of each bank: pim_gpt with 8 channels has 16384"):
        decode_cost(PIM_GPT, graph)


def test_only_decode_steps_are_priced() -> None:
    graph = lower(load_workload("gpt2", phase=Prefill(batch=1, sequence=64)))
    with pytest.raises(InputError, match="64 new tokens: PIM prices decode steps"):
        decode_cost(PIM_GPT, graph)
