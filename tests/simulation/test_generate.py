"""Generation as a prefill and decode steps of which only some are simulated."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.hardware.design import load_design
from accel_sim.results.result import Stage
from accel_sim.simulation import INTERPOLATION_TOLERANCE, integrate, simulate
from accel_sim.workload import load_workload
from accel_sim.workload.phases import Decode, Prefill

DESIGN = "npu_128x128_hbm"


def stage(latency_s: float) -> Stage:
    return Stage("", 1.0, latency_s, ())


def total(steps) -> float:
    return sum(weight * one.latency_s for one, weight in steps)


@given(st.integers(1, 10**6), st.integers(0, 5000), st.floats(0, 10), st.floats(1e-9, 10))
def test_linear_functions_are_summed_exactly_from_three_contexts_at_most(first, more, slope, base):
    calls = []

    def step(context: int) -> Stage:
        calls.append(context)
        return stage(base + slope * context)

    last = first + more
    steps = integrate(step, first, last)
    expected = (more + 1) * base + slope * (first + last) * (more + 1) / 2
    assert total(steps) == pytest.approx(expected, rel=1e-9)
    assert sum(weight for _, weight in steps) == pytest.approx(more + 1)
    assert len(calls) == len(set(calls)) <= 3


@settings(max_examples=50)
@given(st.integers(1, 500), st.integers(1, 300), st.integers(1, 900), st.floats(0.001, 1))
def test_a_bend_that_is_named_costs_no_accuracy(first, more, bend, slope):
    def latency_s(context: int) -> float:
        return 5 + slope * min(context, bend)

    steps = integrate(lambda context: stage(latency_s(context)), first, first + more, bends=[bend])
    exact = sum(latency_s(context) for context in range(first, first + more + 1))
    assert total(steps) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("llama3_2_1b", {"model.num_hidden_layers": 2}),
        ("gemma2_2b", {"model.num_hidden_layers": 2, "model.sliding_window": 120}),
        ("opt_125m", {"formats.activations": "bf16", "formats.weights": "bf16", "formats.kv_cache": "bf16"}),
    ],
)
def test_generation_is_the_sum_of_its_stages(name, overrides):
    prompt, output = 100, 65
    settings_ = {f"workload.{path}": value for path, value in overrides.items()}
    generate = {
        "workload.phase.phase": "generate",
        "workload.phase.prompt": prompt,
        "workload.phase.output": output,
    }
    result = simulate(DESIGN, name, overrides=settings_ | generate)
    base, design = load_workload(name, overrides=overrides), load_design(DESIGN)
    stages = [simulate(design, base.with_phase(Prefill(batch=1, sequence=prompt)))]
    stages += [
        simulate(design, base.with_phase(Decode(batch=1, context=context)))
        for context in range(prompt + 1, prompt + output)
    ]
    assert result.macs == sum(one.macs for one in stages)
    assert sum(one.weight for one in result.stages) == output
    exact = sum(one.latency_s for one in stages)
    assert result.latency_s == pytest.approx(exact, rel=INTERPOLATION_TOLERANCE)
    assert result.tokens == output
    for event in ("memory_read_bytes", "memory_write_bytes", "executed_macs"):
        assert result.event(event) == pytest.approx(sum(one.event(event) for one in stages), rel=2e-3)


def test_one_token_takes_the_prefill_alone():
    one = {"workload.phase.phase": "generate", "workload.phase.output": 1, "workload.phase.prompt": 64}
    result = simulate(DESIGN, "llama3_2_1b", overrides=one)
    prefill = simulate(
        DESIGN, "llama3_2_1b", overrides={"workload.phase.phase": "prefill", "workload.phase.sequence": 64}
    )
    assert result.latency_s == prefill.latency_s
    assert [one.name for one in result.stages] == ["prefill"]
