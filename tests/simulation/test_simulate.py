"""`simulate`: its arguments, and figures that add up at both fidelities."""

from __future__ import annotations

import math

import pytest

from accel_sim.config import InputError
from accel_sim.config.zoo import entries
from accel_sim.hardware.component import PimModel
from accel_sim.hardware.design import load_design
from accel_sim.simulation import simulate
from accel_sim.testing import small_chip
from accel_sim.workload import load_workload, lower

FORMATS = [f"workload.formats.{tensor}" for tensor in ("weights", "activations", "kv_cache")]
RUNS = (
    ("llama3_2_1b", {"workload.phase.phase": "decode"}),
    ("resnet18", {}),
    ("mobilenet_v2", {"workload.phase.batch": 2}),
    ("bert_base", {}),
    ("gemm_sweep", {}),
)


@pytest.mark.parametrize("design", entries("designs"))
@pytest.mark.parametrize(("name", "overrides"), RUNS, ids=[name for name, _ in RUNS])
def test_the_roofline_is_never_slower_and_both_fidelities_agree_on_the_work(design, name, overrides):
    chip = load_design(design)
    if isinstance(chip.memory.kind.model, PimModel) and "decode" not in overrides.values():
        pytest.skip("a memory multiplies for one token at a time")
    own = next(iter(chip.peaks_macs_per_s)).partition(" ")[0]
    formats = dict.fromkeys(FORMATS, own)
    bound, tile = (
        simulate(design, name, overrides=formats | overrides, fidelity=f) for f in ("roofline", "tile")
    )
    assert 0 < bound.latency_s <= tile.latency_s
    assert bound.macs == tile.macs
    assert 0 < tile.utilization <= bound.utilization <= 1 + 1e-12
    for result in (bound, tile):
        assert sum(result.latency_breakdown().values()) == pytest.approx(result.latency_s)
        energy = sum(part for parts in result.energy_breakdown().values() for part in parts.values())
        assert energy == pytest.approx(result.energy_j)
        area = sum(part for parts in result.area_breakdown().values() for part in parts.values())
        assert area == pytest.approx(result.area_mm2)
        assert all(math.isfinite(value) for value in result.metrics().values())
    for record in tile.stages[0].records:
        assert record.latency_s >= -1e-15
        assert all(busy <= tile.latency_s * (1 + 1e-12) for busy in record.busy_s.values())


def test_folded_and_unfolded_results_are_the_same_to_the_last_digit():
    few = {"workload.model.num_hidden_layers": 3, "workload.phase.phase": "decode"}
    folded, plain = (simulate("edge_npu", "llama3_2_1b", overrides=few, fold=fold) for fold in (True, False))
    assert folded.latency_s == plain.latency_s
    assert (folded.events == plain.events).all()
    assert folded.latency_breakdown() == plain.latency_breakdown()


def test_overrides_go_to_the_design_or_with_a_prefix_to_the_workload():
    result = simulate("edge_npu", "resnet18", overrides={"npu.rows": 32, "workload.phase.batch": 3})
    assert result.design.matrix.spec.rows == 32
    assert result.workload.phase.batch == 3
    assert result.macs == lower(load_workload("resnet18", overrides={"phase.batch": 3})).macs


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"design": "edge_npz"}, "did you mean 'edge_npu'"),
        ({"workload": "resnet81"}, "did you mean 'resnet"),
        ({"fidelity": "tiles"}, "did you mean 'tile'"),
        ({"overrides": {"npu.rwos": 1}}, "did you mean 'rows'"),
        ({"overrides": {"workload.phase.bacth": 1}}, "did you mean 'batch'"),
        ({"workload": load_workload("resnet18"), "overrides": {"workload.phase.batch": 1}}, "loaded workload"),
    ],
)
def test_wrong_arguments_are_answered_in_one_line(arguments, message):
    given = {"design": "edge_npu", "workload": "resnet18"} | arguments
    with pytest.raises(InputError) as caught:
        simulate(**given)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_model_larger_than_the_memory_is_noted():
    small = simulate(small_chip({"dram.capacity": "1 GiB"}), "llama3_2_1b", fidelity="roofline")
    assert any("weights and KV cache take" in note for note in small.notes)
    assert not any("weights and KV cache" in note for note in simulate("edge_npu", "llama3_2_1b").notes)
