"""Energy and area of whole designs: how they move with node, format and clock."""

from __future__ import annotations

import itertools

import pytest

from accel_sim.config.zoo import entries
from accel_sim.hardware.design import load_design
from accel_sim.simulation import simulate

NODES = ("5 nm", "7 nm", "10 nm", "16 nm", "22 nm", "28 nm", "32 nm", "45 nm", "65 nm", "90 nm", "130 nm")
FORMATS = ("int4", "int8", "int16", "int32")
TINY = 1 + 1e-9


@pytest.mark.parametrize("name", entries("designs"))
def test_a_smaller_node_never_takes_more_area_or_energy(name: str) -> None:
    designs = [load_design(name, {"technology.node": node}) for node in NODES]
    for small, large in itertools.pairwise(designs):
        assert small.area_mm2 <= large.area_mm2 * TINY
        for part, cost in small.costs.items():
            for event, energy_j in cost.energy_j.items():
                assert energy_j <= large.costs[part].energy_j[event] * TINY, (part, event)


@pytest.mark.parametrize("name", ["npu_128x128_hbm", "tpu_v1"])
def test_wider_operands_never_take_less_area_or_energy(name: str) -> None:
    costs = []
    for fmt in FORMATS:
        wide = {"npu.activation_format": fmt, "npu.weight_format": fmt, "npu.accumulator_format": "int48"}
        costs.append(load_design(name, wide).costs["npu"])
    for narrow, wide_cost in itertools.pairwise(costs):
        assert narrow.energy_j["macs"] < wide_cost.energy_j["macs"]
        assert sum(narrow.area_mm2.values()) < sum(wide_cost.area_mm2.values())


@pytest.mark.parametrize("name", ["npu_128x128_hbm", "os_16x16"])
def test_a_faster_clock_never_takes_less_area(name: str) -> None:
    areas = [load_design(name, {"clock": f"{mhz} MHz"}).area_mm2 for mhz in (100, 500, 1000, 2000, 4000)]
    assert areas == sorted(areas)


def test_energy_does_not_depend_on_what_is_folded() -> None:
    few = {"workload.model.num_hidden_layers": 4, "workload.phase.phase": "decode"}
    folded, plain = (simulate("edge_npu", "llama3_2_1b", overrides=few, fold=fold) for fold in (True, False))
    assert folded.energy_breakdown() == plain.energy_breakdown()


def test_a_design_beyond_the_published_nodes_says_so_in_its_results() -> None:
    inside, beyond = (
        simulate("edge_npu", "gemm_sweep", overrides={"technology.node": node}, fidelity="roofline").notes
        for node in ("7 nm", "5 nm")
    )
    assert not any("extrapolated" in note for note in inside)
    assert any("extrapolated" in note for note in beyond)
