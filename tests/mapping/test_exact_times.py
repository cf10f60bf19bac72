"""Times that can be written down by hand: one tile is loaded, computed by its schedule, stored."""

from __future__ import annotations

import math

import numpy as np
import pytest
from small_graphs import conv, gemm, graph, run

from accel_sim.hardware.components.systolic_schedules import SYSTOLIC_SCHEDULES, tile_cycles
from accel_sim.mapping.machine import TICKS_PER_CYCLE
from accel_sim.testing.chips import small_chip

BANDWIDTH_BYTES_PER_CYCLE = 1024
ROWS, COLUMNS = 8, 4
WIDE = {"type": "sram", "capacity": "16 MiB", "width": 4096, "read_ports": 64, "write_ports": 64}


def chip(schedule, latency_cycles=0, **overrides):
    return small_chip(
        overrides,
        npu={
            "type": "systolic_array",
            "rows": ROWS,
            "columns": COLUMNS,
            "dataflow": str(schedule.dataflow),
            "schedule": str(schedule.schedule),
        },
        scratchpad=WIDE,
        accumulator={**WIDE, "holds": "partial_sums"},
        dram={
            "type": "dram",
            "standard": "hbm2",
            "channel_bandwidth": BANDWIDTH_BYTES_PER_CYCLE * 1e9,
            "efficiency": 1.0,
            "latency": latency_cycles * 1e-9,
            "capacity": "1 GiB",
        },
    )


def cycles_of_one_tile(schedule, m, n, k):
    sizes = (np.array([size]) for size in (m, n, k))
    interval, result = tile_cycles(*sizes, ROWS, COLUMNS, schedule.code)
    return int(interval[0]), int(result[0])


def transfer_ticks(count):
    return math.ceil(count * TICKS_PER_CYCLE / BANDWIDTH_BYTES_PER_CYCLE)


@pytest.mark.parametrize("shape", [(1, 1, 1), (8, 4, 8), (5, 3, 7), (9, 5, 17), (16, 8, 16), (1, 40, 3)])
@pytest.mark.parametrize("schedule", SYSTOLIC_SCHEDULES, ids=lambda s: f"{s.dataflow}-{s.schedule}")
def test_one_tile_takes_its_loads_its_schedule_and_its_store_one_after_the_other(schedule, shape):
    m, n, k = shape
    result = run(graph(gemm(m, n, k)), chip(schedule))
    nest = result.compiled.mapped[0].tiling
    if nest.loops:
        pytest.skip("the mapping overlaps loads and compute by cutting this product")
    interval, readable = cycles_of_one_tile(schedule, m, n, k)
    loads = transfer_ticks(2 * m * k) + transfer_ticks(2 * k * n)
    store = transfer_ticks(2 * m * n)
    compute = readable * TICKS_PER_CYCLE
    assert result.ticks == loads + max(compute + store, interval * TICKS_PER_CYCLE)


def test_latency_is_paid_once_before_and_once_after_a_single_tile():
    schedule = SYSTOLIC_SCHEDULES[0]
    slow, fast = (run(graph(gemm(4, 4, 4)), chip(schedule, latency)) for latency in (1000, 0))
    assert slow.compiled.mapped[0].tiling.loops == fast.compiled.mapped[0].tiling.loops == ()
    assert slow.cycles - fast.cycles == pytest.approx(2000, abs=2 / TICKS_PER_CYCLE)


@pytest.mark.parametrize("schedule", SYSTOLIC_SCHEDULES, ids=lambda s: f"{s.dataflow}-{s.schedule}")
def test_tiles_that_never_wait_for_data_follow_each_other_at_the_schedules_interval(schedule):
    m, n, k = 640, 64, 256
    result = run(graph(gemm(m, n, k)), chip(schedule, **{"dram.channel_bandwidth": "1 PB/s"}))
    nest = result.compiled.mapped[0].tiling
    trips = dict(nest.loops)
    bounds, sizes = (m, n, k), nest.tiling.sizes
    total = 0
    for i in range(trips.get(0, 1)):
        for j in range(trips.get(1, 1)):
            for d in range(trips.get(2, 1)):
                tile = [min(s, b - x * s) for s, b, x in zip(sizes, bounds, (i, j, d), strict=True)]
                total += cycles_of_one_tile(schedule, *tile)[0]
    # Beside the units' work there is only the first tile's load, the last result's way out and its store.
    interval, readable = cycles_of_one_tile(schedule, *sizes)
    moved = 2 * (m * k + k * n + m * n)
    slack = max(0, readable - interval) + moved / (4096 * 64) + 2
    assert total <= result.cycles <= total + slack


def test_a_pointwise_convolution_is_timed_like_the_product_it_is():
    schedule = SYSTOLIC_SCHEDULES[-1]
    pointwise = run(graph(conv(1, (24, 32), (6, 10), (1, 1))), chip(schedule))
    product = run(graph(gemm(60, 32, 24)), chip(schedule))
    names = ("executed_macs", "pe_cycles", "memory_read_bytes", "memory_write_bytes")
    if pointwise.compiled.mapped[0].tiling.loops == product.compiled.mapped[0].tiling.loops == ():
        assert pointwise.ticks == product.ticks
        assert [pointwise.events[name] for name in names] == [product.events[name] for name in names]
    assert pointwise.events["executed_macs"] == product.events["executed_macs"] == 60 * 32 * 24
