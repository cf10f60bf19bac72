"""Each limit is named where a GEMM is made to meet it, and records decide at the thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from accel_sim.hardware.design import Design, load_design
from accel_sim.hardware.events import EVENT_INDEX, EVENTS
from accel_sim.results import OperatorRecord
from accel_sim.results.bottleneck import LIMITS, OVERHEAD, Limit, bottleneck, limit
from accel_sim.simulation import simulate
from accel_sim.workload import Inference, Workload
from accel_sim.workload.model import Formats
from accel_sim.workload.operator_list import OperatorList

# Pieces of rows are served as fast as streams, so that the array is what is short.
EVEN_MEMORY = {"dram.efficiency": 0.85}
FAST_MEMORY = {**EVEN_MEMORY, "dram.channel_bandwidth": "4 TB/s"}


def gemm(m: int, n: int, k: int, number_format: str = "bf16") -> Workload:
    return Workload(
        name="one",
        model=OperatorList(gemms=[{"name": "one", "m": m, "n": n, "k": k}]),
        formats=Formats(weights=number_format, activations=number_format),
        phase=Inference(),
    )


def limit_of(design: str, workload: Workload, overrides: dict[str, Any] | None = None) -> Limit:
    result = simulate(design, workload, overrides=overrides)
    return limit(result.stages[0].records[0], result.design)


def test_a_large_gemm_is_limited_by_compute() -> None:
    found = limit_of("npu_128x128_hbm", gemm(8192, 8192, 8192), EVEN_MEMORY)
    assert (found.kind, found.component) == ("compute", "npu")
    assert found.words == "compute of npu (100% of its PEs filled)"


def test_a_matrix_vector_product_is_limited_by_memory_bandwidth() -> None:
    found = limit_of("npu_128x128_hbm", gemm(1, 8192, 8192), EVEN_MEMORY)
    assert (found.kind, found.component, found.words) == ("bandwidth", "dram", "bandwidth of dram")


def test_a_tiny_gemm_is_limited_by_latency() -> None:
    found = limit_of("npu_128x128_hbm", gemm(16, 16, 16))
    assert (found.kind, found.component) == ("latency", None)
    assert found.words.startswith("latency: the busiest unit")


@pytest.mark.parametrize("shape", [(16, 4096, 4096), (4096, 16, 4096), (4096, 4096, 16)], ids=str)
def test_a_skinny_gemm_loses_a_big_array_to_the_mapping(shape: tuple[int, int, int]) -> None:
    found = limit_of("npu_128x128_hbm", gemm(*shape), FAST_MEMORY)
    assert (found.kind, found.component) == ("mapping loss", "npu")


def test_activations_over_a_host_link_are_limited_by_it() -> None:
    found = limit_of("tpu_v1", gemm(4096, 256, 1024, "int8"))
    assert (found.kind, found.component, found.words) == ("bandwidth", "host", "bandwidth of host")


def test_products_in_a_memorys_banks_are_limited_by_its_kernels_and_not_by_its_channel() -> None:
    found = limit_of("pim_gpt", gemm(1, 4096, 4096))
    assert (found.kind, found.component) == ("compute", "dram")
    assert found.words == "kernels in the banks of dram (100% of their lanes filled)"
    # Three outputs on the sixteen banks of one channel.
    narrow = limit_of("pim_gpt", gemm(1, 3, 4096))
    assert (narrow.kind, narrow.component) == ("mapping loss", "dram")
    assert narrow.words == f"mapping loss: kernels in dram fill {3 / 16:.0%} of its lanes"


@pytest.fixture(scope="module")
def chip() -> Design:
    return load_design("npu_128x128_hbm")


def record(latency_s: float = 1.0, macs: int = 0, compulsory_bytes: int = 0, **given: Any) -> OperatorRecord:
    """A record; keywords are busy seconds by component, and counts of events."""
    events = np.zeros(len(EVENTS))
    for name in set(given) & set(EVENTS):
        events[EVENT_INDEX[name]] = given.pop(name)
    return OperatorRecord("one", (), "Gemm", "all", 1, macs, latency_s, given, events, "", compulsory_bytes)


def test_the_words_of_every_limit(chip: Design) -> None:
    cases = [
        (record(latency_s=0.0, npu=0.5), "hidden behind other operators"),
        (record(), "latency: no unit, memory or link works"),
        (record(dram=0.59, npu=0.5), "latency: the busiest unit, dram, works 59% of the time"),
        (record(vector=0.6, npu=0.5), "compute of vector"),
        (record(npu=0.9, macs=90, executed_macs=90, pe_cycles=100), "compute of npu (90% of its PEs filled)"),
        (
            record(npu=0.9, macs=45, executed_macs=90, pe_cycles=100),
            "compute of npu (90% of its PEs filled, 50% of that masked)",
        ),
        (
            record(npu=0.9, macs=49, executed_macs=49, pe_cycles=100),
            "mapping loss: tiles hold npu but fill 49% of its PEs",
        ),
        (
            record(npu=0.9, macs=49, executed_macs=49, pe_cycles=100, accumulator_stall_cycles=0.45 * 1.05e9),
            "bandwidth of accumulator: npu waits for its ports 50% of the time",
        ),
        (
            record(npu=0.9, macs=69, executed_macs=69, pe_cycles=100, scratchpad_stall_cycles=0.27 * 1.05e9),
            "bandwidth of scratchpad: npu waits for its ports 30% of the time",
        ),
        (
            record(npu=0.9, macs=90, executed_macs=90, pe_cycles=100, scratchpad_stall_cycles=0.09 * 1.05e9),
            "compute of npu (90% of its PEs filled)",
        ),
        (
            record(vector=0.8, vector_stall_cycles=0.4 * 1.05e9),
            "bandwidth of scratchpad: vector waits for its ports 50% of the time",
        ),
        (record(dram=0.9, memory_read_bytes=100, compulsory_bytes=90), "bandwidth of dram"),
        (
            record(dram=0.9, memory_read_bytes=100, memory_write_bytes=100, compulsory_bytes=50),
            "bandwidth of dram (75% of the traffic is not compulsory)",
        ),
    ]
    assert [bottleneck(case, chip) for case, _ in cases] == [words for _, words in cases]
    assert {limit(case, chip).kind for case, _ in cases} == set(LIMITS) - {OVERHEAD}  # of whole machines


def test_masked_work_is_no_mapping_loss(chip: Design) -> None:
    causal = record(npu=0.9, macs=50, executed_macs=100, pe_cycles=110)
    assert limit(causal, chip).kind == "compute"
