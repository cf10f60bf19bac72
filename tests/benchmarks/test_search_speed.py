"""Speed of a search, to be read, never to pass or fail: `pytest tests/benchmarks -k search --benchmark-only`.

`extra_info` divides the time of a design: the sampler's, the driver's own, which includes writing to disk, and
waiting for evaluations. On a machine with other work all of them grow.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from accel_sim.explore.search.outcome import SearchResult
from accel_sim.explore.search.plan import SearchPlan, plan_search
from accel_sim.explore.search.search import run_plan
from accel_sim.explore.search.spec import read_search
from accel_sim.explore.store import Outcome

DECODE = {
    "name": "decode",
    "design": "npu_128x128_hbm",
    "workloads": [{"workload": "llama3_8b", "phase": {"phase": "decode", "batch": 8, "context": 2048}}],
    "space": {
        "npu.rows": {"pow2": [32, 256]},
        "npu.columns": {"pow2": [32, 256]},
        "npu.count": {"int": [1, 16]},
        "vector.lanes": {"pow2": [256, 4096]},
        "scratchpad.capacity": {"pow2": ["4 MiB", "64 MiB"]},
        "accumulator.capacity": {"pow2": ["1 MiB", "16 MiB"]},
        "dram.channels": {"int": [8, 48, 4]},
        "clock": {"float": ["500 MHz", "1.5 GHz"]},
    },
    "constraints": ["npu.rows * npu.columns * npu.count <= 262144"],
    "objectives": {"latency_s": "min", "energy_j": "min"},
    "limits": {"area_mm2": {"max": 200}},
}


def plan_of(budget: int, **options: Any) -> SearchPlan:
    options = {"sampler": "nsga2", "budget": budget, **options}
    return plan_search(*read_search({**DECODE, "search": options}))


def report(benchmark: Any, result: SearchResult) -> None:
    designs = result.count()["distinct"]
    spent = result.spent
    benchmark.extra_info |= {
        "designs": designs,
        "designs_per_s": round(designs / spent.total, 1),
        "sampler_ms_per_design": round(1e3 * spent.sampler / designs, 3),
        "own_ms_per_design": round(1e3 * spent.own / designs, 3),
        "of_which_storing_ms": round(1e3 * spent.storing / designs, 3),
        "waiting_ms_per_design": round(1e3 * spent.waiting / designs, 3),
    }


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Path]:
    """Yield new folders."""

    def made() -> Iterator[Path]:
        for number in range(1000):
            folder = tmp_path / str(number)
            folder.mkdir()
            yield folder

    return made()


@pytest.mark.parametrize("in_flight", [1, 2])
def test_a_search_for_llama3_8b_decode_designs_on_two_workers(
    benchmark: Any, folders: Iterator[Path], in_flight: int
) -> None:
    """End to end at `tile` with NSGA-II, the start of two processes included."""
    plan = plan_of(500, in_flight=in_flight)
    results = []
    benchmark.pedantic(lambda: results.append(run_plan(plan, next(folders), 2, _silent)), rounds=3)
    report(benchmark, min(results, key=lambda result: result.spent.total))


@pytest.mark.parametrize("sampler", ["nsga2", "random", "tpe"])
def test_a_search_whose_evaluations_are_free(
    benchmark: Any, folders: Iterator[Path], monkeypatch: pytest.MonkeyPatch, sampler: str
) -> None:
    """What driver and sampler cost: candidates become designs and keys, and their metrics are made up."""
    plan = plan_of(300 if sampler == "tpe" else 1000, sampler=sampler)
    names = plan.simulated.mix_metrics
    monkeypatch.setattr(type(plan.simulated), "evaluate", property(lambda self: _Free(names)))
    results, processor = [], []

    def job() -> None:
        begin = time.process_time()
        results.append(run_plan(plan, next(folders), 1, _silent))
        processor.append(time.process_time() - begin)

    benchmark.pedantic(job, rounds=3, warmup_rounds=1)
    best = min(results, key=lambda result: result.spent.own)
    report(benchmark, best)
    # Of all: sampler, driver, and making up the metrics. Other work on the machine does not lengthen it.
    benchmark.extra_info["processor_ms_per_design"] = round(1e3 * min(processor) / best.count()["distinct"], 3)


class _Free:
    """Makes up metrics from the key of a task."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def __call__(self, task: Any) -> Outcome:
        metrics = {
            name: 1 + int(task.key[2 * i : 2 * i + 2] or "0", 16) / 256 for i, name in enumerate(self._names)
        }
        return Outcome(task.key, "ok", metrics, None, 1e-6)


def _silent(_: Any) -> None:
    return
