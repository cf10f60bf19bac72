"""What is remembered between designs: it changes no result, and it does not grow without bound."""

from __future__ import annotations

import functools
import gc
import itertools
from typing import Any

import pytest

from accel_sim.config import InputError
from accel_sim.hardware.design import build_design, load_design
from accel_sim.simulation import simulate
from accel_sim.workload import Decode, Inference, Workload, load_workload

AXES: dict[str, tuple[Any, ...]] = {
    "npu.rows": (64, 24),
    "dram.channels": (4, 3),
    "scratchpad.capacity": ("2 MiB", "1 MiB"),
    "vector.lanes": (64, 8),
}


def remembering() -> list[Any]:
    """Every table of results that this package keeps."""
    return [
        found
        for found in gc.get_objects()
        if isinstance(found, functools._lru_cache_wrapper) and found.__module__.startswith("accel_sim")
    ]


def figures(overrides: dict[str, Any], workload: Workload) -> tuple[dict[str, float], list[Any]]:
    result = simulate(build_design(load_design("edge_npu").document, overrides), workload)
    rows = [
        (r.name, r.latency_s, r.tiling, r.events.tolist()) for stage in result.stages for r in stage.records
    ]
    return result.metrics(), rows


@pytest.mark.parametrize(
    "workload",
    [
        load_workload("qwen2_0_5b", phase=Decode(batch=2, context=100)),
        load_workload("alexnet", phase=Inference()),
    ],
    ids=lambda workload: workload.name,
)
def test_a_design_has_the_same_figures_after_its_neighbours_as_alone(workload: Workload) -> None:
    points = [dict(zip(AXES, values, strict=True)) for values in itertools.product(*AXES.values())]
    after_others = [figures(point, workload) for point in points]
    for point, found in list(zip(points, after_others, strict=True))[::5]:
        for table in remembering():
            table.cache_clear()
        assert figures(point, workload) == found, point


def test_a_value_that_only_compares_equal_to_one_seen_before_is_checked() -> None:
    document = load_design("edge_npu").document
    build_design(document, {"npu.count": 1})
    with pytest.raises(InputError, match=r"npu\.count = True"):
        build_design(document, {"npu.count": True})


def test_an_override_leaves_the_document_that_it_is_given_alone() -> None:
    document = load_design("edge_npu").document
    before = repr(document.data)
    changed = build_design(document, {"vector.latency_cycles.exp": 9, "vector.latency_cycles.divide": 3})
    assert changed.document.data["vector"]["latency_cycles"] == {"exp": 9, "rsqrt": 8, "divide": 3}
    assert repr(document.data) == before


def test_every_table_that_a_design_fills_has_a_bound() -> None:
    figures({}, load_workload("qwen2_0_5b", phase=Decode(context=10)))
    unbounded = [
        table.__name__
        for table in remembering()
        if table.cache_parameters()["maxsize"] is None
        and table.__module__.startswith(("accel_sim.mapping", "accel_sim.simulation", "accel_sim.config"))
    ]
    assert unbounded == []
