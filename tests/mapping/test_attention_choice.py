"""What is decided about attention as a whole: fused or split, the cache's loads, the format of its sums."""

from __future__ import annotations

import pytest

from accel_sim import RunError, simulate
from accel_sim.mapping.machine import resolve
from accel_sim.mapping.plan import OUTSIDE, plan_blocks
from accel_sim.mapping.products import product_of
from accel_sim.testing import small_chip
from accel_sim.workload import Decode, Prefill, load_workload, lower
from accel_sim.workload.operators import Attention
from accel_sim.workload.tensors import Residency

PHASES = [
    Decode(batch=32, context=4096),
    Decode(batch=1, context=2048),
    Decode(batch=8, context=1000),
    Prefill(sequence=512),
    Prefill(sequence=2048),
]


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: "-".join(map(str, phase.model_dump().values())))
@pytest.mark.parametrize("design", ["npu_128x128_hbm", "edge_npu", "os_16x16"])
def test_the_automatic_choice_is_as_fast_as_the_faster_of_the_two(design, phase):
    workload = load_workload("llama3_8b", phase=phase, overrides={"model.num_hidden_layers": 1})
    took = {
        policy: simulate(design, workload, overrides={"mapping.attention": policy}).latency_s
        for policy in ("auto", "fused", "split")
    }
    assert took["auto"] <= 1.01 * min(took["fused"], took["split"])


@pytest.mark.parametrize("design", ["npu_128x128_hbm", "edge_npu"])
@pytest.mark.parametrize("batch", [1, 32])
def test_fused_attention_of_a_decode_step_runs_at_the_speed_of_the_memory(design, batch):
    """A step reads the cache once; the tiling must leave room for loads to go on while tiles are computed."""
    workload = load_workload(
        "llama3_8b", phase=Decode(batch=batch, context=4096), overrides={"model.num_hidden_layers": 1}
    )
    bound = simulate(design, workload, fidelity="roofline").latency_s
    assert simulate(design, workload, overrides={"mapping.attention": "fused"}).latency_s <= 1.03 * bound


def key_producers(phase):
    graph = lower(load_workload("llama3_8b", phase=phase))
    plans = plan_blocks(graph.blocks, resolve(small_chip()))
    segments = [s for plan in plans for s in plan.segments if isinstance(s.operator, Attention)]
    return {source.producer for segment in segments for source in segment.sources[1:]}


def test_a_decode_step_loads_the_cache_before_its_own_entries_are_appended():
    assert key_producers(Decode(batch=2, context=64)) == {OUTSIDE}


def test_a_prefill_waits_for_the_entries_it_makes():
    assert OUTSIDE not in key_producers(Prefill(sequence=64))


def test_fused_attention_that_does_not_fit_is_refused_not_split():
    chip = small_chip({"mapping.attention": "fused", "accumulator.capacity": "256 B"})
    with pytest.raises(RunError, match=r"mapping\.attention = fused: no tile of 'layers\.0\.attn\.attention'"):
        simulate(chip, load_workload("llama3_8b", phase=Decode(batch=1, context=64)))


@pytest.mark.parametrize(("accumulator", "bits"), [("fp32", 32), ("fp16", 16), ("bf16", 16)])
def test_partial_sums_have_the_format_of_the_array(accumulator, bits):
    machine = resolve(small_chip({"npu.accumulator_format": accumulator}))
    graph = lower(load_workload("llama3_8b", phase=Decode(batch=1, context=64)))
    plan = plan_blocks(graph.blocks, machine)[1]
    assert product_of(plan.segments[1], machine).sum_bits == bits


def test_logits_leave_the_chip_after_their_soft_cap():
    head = lower(load_workload("gemma2_2b", phase=Decode(batch=1, context=64))).blocks[-1]
    leaving = [op.name for op in head.operators if op.output.residency is Residency.IO]
    assert leaving == ["head.softcap"]
