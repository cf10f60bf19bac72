"""Decode steps of GPT models on PIM-GPT's design: work is conserved, rows are hit as the geometry says."""

from __future__ import annotations

from functools import cache

import pytest

from accel_sim.config import InputError
from accel_sim.results import Result
from accel_sim.simulation import simulate

# Width, layers, heads: GPT-2 (Radford et al. 2019), GPT-3 (Brown et al. 2020, table 2.1; heads that fill it).
GPT3 = {"gpt3_small": (768, 12, 12), "gpt3_medium": (1024, 24, 16), "gpt3_large": (1536, 24, 16)}
MODELS = ("gpt2", "gpt2_medium", "gpt2_large", "gpt2_xl", *GPT3)
BF16 = {f"workload.formats.{tensor}": "bf16" for tensor in ("weights", "activations", "kv_cache")}
# Eight channels of 16 banks of 16 lanes, one column a nanosecond; rows of 64 columns.
LANES, COLUMNS = 8 * 16 * 16, 64


@cache
def step(model: str, context: int = 512, fidelity: str = "tile") -> Result:
    settings = {**BF16, "workload.phase.phase": "decode", "workload.phase.context": context}
    if model in GPT3:
        width, layers, heads = GPT3[model]
        sizes = {"n_embd": width, "n_layer": layers, "n_head": heads, "head_dim": width // heads}
        settings |= {f"workload.model.{name}": value for name, value in sizes.items()}
        model = "gpt3_xl"
    return simulate("pim_gpt", model, overrides=settings, fidelity=fidelity)


@pytest.mark.parametrize("model", MODELS)
def test_every_mac_of_the_model_is_done_in_the_banks_with_little_padding(model: str) -> None:
    result = step(model)
    assert result.event("executed_macs") == result.macs
    assert result.macs <= result.event("pe_cycles") < 1.25 * result.macs


@pytest.mark.parametrize("model", MODELS)
def test_about_98_percent_of_accesses_hit_an_open_row_and_never_more_than_63_of_64(model: str) -> None:
    assert 0.97 < step(model).pim_row_hit_rate <= (COLUMNS - 1) / COLUMNS


@pytest.mark.parametrize("model", MODELS)
def test_a_token_takes_longer_than_the_units_and_the_opening_of_rows(model: str) -> None:
    # 12 ns each to open and to close every row; the rest is refresh, vectors, padding and the chip.
    result = step(model)
    bound_s = result.macs / LANES * (COLUMNS + 24) / COLUMNS * 1e-9
    assert bound_s < result.latency_s < 1.6 * bound_s


def test_a_longer_context_costs_attention_only() -> None:
    short, long = (step("gpt2", context).operators.set_index("operator") for context in (256, 1024))
    for name in short.index:
        if "attention" in name:
            assert long.latency_s[name] > short.latency_s[name]
        elif "qkv" in name or "mlp" in name:
            assert long.latency_s[name] == pytest.approx(short.latency_s[name], rel=1e-6)


def test_vectors_and_results_are_all_that_crosses_the_channels() -> None:
    result = step("gpt2")
    weights_bytes = 2 * sum(row.macs for row in result.operators.itertuples() if row.kind == "Gemm")
    assert 0 < result.memory_bytes < weights_bytes / 10


def test_kernels_are_the_same_at_fidelity_cycle() -> None:
    tile, cycle = step("gpt2"), step("gpt2", fidelity="cycle")
    assert cycle.event("pim_activations") == tile.event("pim_activations")
    assert cycle.latency_s == pytest.approx(tile.latency_s, rel=0.01)


@pytest.mark.parametrize(
    ("channels", "reason"),
    [(2, "dram holds 1 GiB, but weights and KV cache take 1.793 GiB"), (4, "rows of each bank")],
    ids=["bytes", "rows that 1,280 values do not fill"],
)
def test_a_model_that_the_banks_cannot_hold_is_refused(channels: int, reason: str) -> None:
    settings = {**BF16, "dram.channels": channels, "workload.phase.phase": "decode"}
    with pytest.raises(InputError, match=rf"pim_gpt\.yaml:\d+: .*{reason}"):
        simulate("pim_gpt", "gpt2_large", overrides=settings)
