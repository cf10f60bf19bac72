"""Breakdowns and frames add up to the result's figures."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accel_sim.results import Result
from accel_sim.simulation import simulate
from accel_sim.workload import Prefill, load_workload

EXACT = 1e-9
DESIGNS = ("npu_128x128_hbm", "edge_npu", "os_16x16", "tpu_v1")
CASES = [
    (design, phase, fidelity)
    for design in DESIGNS
    for phase in ("prefill", "decode", "generate", "inference")
    for fidelity in ("tile", "roofline")
]


@pytest.fixture(params=CASES, ids="-".join)
def result(request: pytest.FixtureRequest, simulated: Callable[[str, str, str], Result]) -> Result:
    return simulated(*request.param)


def test_breakdowns_add_up(result: Result) -> None:
    assert sum(result.latency_breakdown().values()) == pytest.approx(result.latency_s, rel=EXACT)
    energy = sum(sum(kinds.values()) for kinds in result.energy_breakdown().values())
    assert energy == pytest.approx(result.energy_j, rel=EXACT)
    area = sum(sum(parts.values()) for parts in result.area_breakdown().values())
    assert area == pytest.approx(result.area_mm2, rel=EXACT)
    assert result.dynamic_energy_j + result.leakage_energy_j == pytest.approx(result.energy_j, rel=EXACT)


def test_operators_add_up_over_weighted_stages(result: Result) -> None:
    frame = result.operators
    assert frame.latency_s.sum() == pytest.approx(result.latency_s, rel=EXACT)
    assert frame.energy_j.sum() == pytest.approx(result.energy_j, rel=EXACT)
    assert frame.share.sum() == pytest.approx(1, rel=EXACT)
    assert frame.macs.sum() == pytest.approx(result.macs, rel=EXACT)
    traffic = frame.memory_read_bytes.sum() + frame.memory_write_bytes.sum()
    assert traffic == pytest.approx(result.memory_bytes, rel=EXACT)


def test_energy_adds_up_over_operators_and_over_components(result: Result) -> None:
    by_part = result.operator_energy.groupby("component")[["dynamic_energy_j", "leakage_energy_j"]].sum()
    for name, kinds in result.energy_breakdown().items():
        assert by_part.dynamic_energy_j[name] == pytest.approx(kinds["dynamic"], rel=EXACT)
        assert by_part.leakage_energy_j[name] == pytest.approx(kinds["leakage"], rel=EXACT)
    frame = result.operators
    by_operator = result.operator_energy.groupby(["stage", "operator"]).sum(numeric_only=True)
    for kind in ("dynamic_energy_j", "leakage_energy_j"):
        own = frame.groupby(["stage", "operator"])[kind].sum()
        assert (by_operator[kind] - own).abs().max() <= EXACT * result.energy_j


def test_no_operator_has_a_negative_latency(result: Result) -> None:
    assert (result.operators.latency_s >= 0).all()


def test_skipping_repetitions_attributes_latency_to_the_same_operators() -> None:
    workload = load_workload("llama3_8b", phase=Prefill(batch=1, sequence=2048))
    folded, whole = (simulate("npu_128x128_hbm", workload, fold=fold) for fold in (True, False))
    assert folded.latency_breakdown() == pytest.approx(whole.latency_breakdown(), rel=EXACT, abs=1e-15)


def test_no_operator_uses_more_than_the_peak(result: Result) -> None:
    assert result.operators.utilization.between(0, 1 + EXACT).all()
    assert 0 < result.utilization <= 1 + EXACT


def test_stage_weights_count_every_token(generate: Result) -> None:
    decode_steps = sum(stage.weight for stage in generate.stages if stage.name.startswith("decode"))
    assert decode_steps == pytest.approx(generate.workload.phase.output - 1, rel=EXACT)


def test_figures_are_plain_data(decode: Result) -> None:
    import json

    assert json.loads(json.dumps(decode.to_dict()))["metrics"]["latency_s"] == decode.latency_s
