"""A small search of simulated designs, with something of everything, that several tests look at."""

from __future__ import annotations

import pytest

from accel_sim import search

SPEC = {
    "name": "small_search",
    "description": "Arrays & buffers <of an edge NPU>",
    "design": "edge_npu",
    "workloads": [
        {"workload": "gemm_sweep", "name": "gemms"},
        {"workload": "llama3_2_1b", "name": "decode", "phase": {"phase": "decode", "context": 64}, "weight": 3},
    ],
    "space": {
        "npu.rows, npu.columns": {"pow2": [16, 128]},
        "npu.dataflow, npu.schedule": [
            ["weight_stationary", "double_buffered"],
            ["output_stationary", "pipelined"],
        ],
        "scratchpad.capacity": ["512 KiB", "1 MiB", "3 MiB"],
        "vector.lanes": {"int": [32, 128, 32], "when": "npu.rows > 16"},
        "clock": {"float": ["400 MHz", "1 GHz"], "log": True},
        "accumulator.width": {"derive": "4 * npu.columns"},
    },
    "constraints": ["npu.rows * scratchpad.capacity <= 128 * 1 MiB"],
    "baselines": {"shipped": "edge_npu", "narrow": {"set": {"npu.rows": 32}}, "tpu": "tpu_v1"},
    "objectives": {"latency_s": "min", "tops_per_w": "max"},
    "limits": {"area_mm2": {"max": 7}, "decode.power_w": {"max": 2.95}},
    "search": {"sampler": "qmc", "budget": 45, "seed": 3, "batch": 15},
}


@pytest.fixture(scope="session")
def small_search(tmp_path_factory):
    """Return the result of the search."""
    return search(SPEC, workers=1, output=tmp_path_factory.mktemp("small"))
