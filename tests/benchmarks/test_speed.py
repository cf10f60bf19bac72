"""Speed of the main jobs, to be read, never to pass or fail: `pytest tests/benchmarks --benchmark-only`.

Every benchmark runs once before it is timed, so that compiling is not in the figure.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import accel_sim
from accel_sim.engine.access_patterns import access_stream
from accel_sim.engine.channel_run import run_channel
from accel_sim.hardware.design import build_design
from accel_sim.hardware.dram import load_preset
from accel_sim.mapping.memory_blocks import block_clocks
from accel_sim.workload import Decode, Inference, Prefill


def timed(benchmark: Any, job: Any) -> None:
    job()
    benchmark(job)


def test_resnet50_on_a_128x128_array(benchmark: Any) -> None:
    design = accel_sim.load_design("npu_128x128_hbm", {"npu.count": 1})
    workload = accel_sim.load_workload("resnet50", phase=Inference(batch=1))
    timed(benchmark, lambda: accel_sim.simulate(design, workload).latency_s)


def test_llama3_8b_prefill_of_2048_tokens(benchmark: Any) -> None:
    design = accel_sim.load_design("npu_128x128_hbm")
    workload = accel_sim.load_workload("llama3_8b", phase=Prefill(sequence=2048))
    timed(benchmark, lambda: accel_sim.simulate(design, workload).latency_s)


def test_a_llama3_8b_decode_step_command_by_command(benchmark: Any) -> None:
    """Blocks of traffic that were priced before are known, as in a search that leaves the memory alone."""
    design = accel_sim.load_design("npu_128x128_hbm")
    workload = accel_sim.load_workload("llama3_8b", phase=Decode(batch=8, context=2048))
    timed(benchmark, lambda: accel_sim.simulate(design, workload, fidelity="cycle").latency_s)


def test_pricing_the_blocks_of_a_llama3_8b_decode_step(benchmark: Any) -> None:
    """The same with no block known, as in a search over memories."""
    design = accel_sim.load_design("npu_128x128_hbm")
    workload = accel_sim.load_workload("llama3_8b", phase=Decode(batch=8, context=2048))

    def step() -> float:
        block_clocks.cache_clear()
        return accel_sim.simulate(design, workload, fidelity="cycle").latency_s

    timed(benchmark, step)


@pytest.mark.parametrize("path", ["dram.channels", "npu.rows"])
def test_a_point_of_a_llama3_8b_decode_sweep(benchmark: Any, path: str) -> None:
    """A new value every time, so that no tiling is known; the memory's values leave the tiles' prices known."""
    design = accel_sim.load_design("npu_128x128_hbm")
    workload = accel_sim.load_workload("llama3_8b", phase=Decode(batch=8, context=2048))
    values = iter(range(17, 100_000))

    def point() -> dict[str, float]:
        changed = build_design(design.document, {path: next(values)})
        return accel_sim.simulate(changed, workload).metrics()

    timed(benchmark, point)


@pytest.mark.parametrize("preset", ["DDR4-3200", "HBM2-2000", "HBM3-6400"])
@pytest.mark.parametrize("pattern", ["seq_read", "rand_read"])
def test_65536_requests_to_a_dram_channel(benchmark: Any, preset: str, pattern: str) -> None:
    part = load_preset(preset)
    stream = access_stream(pattern, 65536 * part.preset.burst_bytes, part.preset.burst_bytes, p1=2**28, p2=1)
    timed(benchmark, lambda: run_channel(part, stream).total_cycles)


@pytest.mark.parametrize("preset", ["DDR4-3200", "HBM2-2000", "HBM3-6400"])
def test_a_million_sequential_requests_to_a_dram_channel(benchmark: Any, preset: str) -> None:
    """Most are skipped; an LM head is up to sixteen times as long."""
    part = load_preset(preset)
    stream = access_stream("seq_read", 10**6 * part.preset.burst_bytes, part.preset.burst_bytes)
    timed(benchmark, lambda: run_channel(part, stream).total_cycles)


def test_a_sweep_of_1000_points(benchmark: Any, tmp_path: Path) -> None:
    """Llama 3 8B decode, two workers, their start included."""
    runs = iter(range(1000))
    benchmark.pedantic(
        lambda: accel_sim.sweep("llama_decode_1000", workers=2, output=tmp_path / str(next(runs))), rounds=3
    )


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["run", "os_16x16", "gemm_sweep"]],
    ids=["help", "cached first run"],
)
def test_a_command_from_the_shell(benchmark: Any, arguments: list[str]) -> None:
    command = [sys.executable, "-m", "accel_sim", *arguments]
    timed(benchmark, lambda: subprocess.run(command, check=True, capture_output=True))
