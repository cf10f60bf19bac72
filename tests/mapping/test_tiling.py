"""The tiling search against a slow twin that walks every loop nest, holding one tile of each operand."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_graphs import conv, gemm, graph, run

from accel_sim.hardware.component import GemmTiles
from accel_sim.mapping import tiling
from accel_sim.mapping.machine import TICKS_PER_CYCLE, Machine, resolve
from accel_sim.mapping.plan import plan_blocks
from accel_sim.mapping.products import product_of
from accel_sim.mapping.tile_sizes import candidate_sizes
from accel_sim.mapping.tiling import ORDERS, TOLERANCE, Product, Tiling, search
from accel_sim.testing.chips import small_chip

CHIP = {"scratchpad.capacity": "4 KiB", "accumulator.capacity": "1 KiB"}


def product(op, design):
    (plan,) = plan_blocks(graph(op).blocks, resolve(design))
    return product_of(plan.segments[0], resolve(design))


@dataclass
class Walk:
    """What a walked nest loads and holds. Bytes; `open_sums`: most of unfinished sums at any moment."""

    left: float = 0.0
    right: float = 0.0
    left_loads: int = 0
    right_loads: int = 0
    open_sums: float = 0.0
    compute_cycles: int = 0


@cache
def rows_of(p: Product, first: int, count: int) -> frozenset[int]:
    """Touched input rows of output rows first ... first + count - 1, counted over all images."""
    rows = set()
    for row in range(first, first + count):
        image, inside = divmod(row, p.image_rows)
        start = inside * p.row_stride
        rows |= {image * p.input_rows + r for r in range(start, min(start + p.row_reach, p.input_rows))}
    return frozenset(rows)


def walk(p: Product, tiling: Tiling, machine: Machine) -> Walk:
    found = Walk()
    bounds, sizes = (p.rows, p.columns, p.depth), tiling.sizes
    trips = [-(-bound // size) for bound, size in zip(bounds, sizes, strict=True)]
    held_left = held_right = None
    held_rows: frozenset[int] = frozenset()
    left_key = None
    depths: dict[tuple[int, int, int], int] = {}
    sums: dict[tuple[int, int, int], float] = {}
    for group in range(p.groups // tiling.groups):
        for indices in itertools.product(*(range(trips[axis]) for axis in tiling.order)):
            at = dict(zip(tiling.order, indices, strict=True))
            i, j, d = at[0], at[1], at[2]
            m, n, k = (min(s, b - x * s) for s, b, x in zip(sizes, bounds, (i, j, d), strict=True))
            if (group, i, d) != held_left:
                held_left = (group, i, d)
                rows = rows_of(p, i * sizes[0], m)
                # Rows of the tile before are kept when it was of the same depth and group.
                new = rows - held_rows if left_key == (group, d) else rows
                held_rows, left_key = rows, (group, d)
                found.left += tiling.groups * len(new) * p.left_row_elements * k * p.left_bits / 8
                found.left_loads += 1
            if (group, j, d) != held_right:
                held_right = (group, j, d)
                found.right += tiling.groups * k * p.depth_scale * n * p.right_bits / 8
                found.right_loads += 1
            key = (group, i, j)
            sums[key] = tiling.groups * m * p.row_scale * n * p.sum_bits / 8
            depths[key] = depths.get(key, 0) + 1
            found.open_sums = max(found.open_sums, sum(sums.values()))
            if depths[key] == trips[2]:
                del sums[key]
            found.compute_cycles += tile_cycles(p, machine, tiling.groups, m, n, k)
    return found


@cache
def tile_cycles(p: Product, machine: Machine, g: int, m: int, n: int, k: int) -> int:
    sizes = (np.array([size]) for size in (g, m * p.row_scale, n, k * p.depth_scale))
    price = machine.matrix_model.price(machine.matrix.spec, GemmTiles(*sizes))
    reads = -(-(price.a_reads[0] * p.left_bits + price.b_reads[0] * p.right_bits) // 8)
    sums = max(price.partial_reads[0], price.partial_writes[0]) * p.sum_bits // 8
    return max(
        int(price.interval[0]),
        int(-(-reads // machine.scratchpad_read_bytes_per_cycle)),
        int(-(-sums // machine.accumulator_bytes_per_cycle)),
    )


def candidates(p: Product, machine: Machine):
    granules = machine.matrix_model.granule(machine.matrix.spec)
    scales = (p.row_scale, 1, p.depth_scale)
    sizes = [
        candidate_sizes(bound, max(1, granule // scale))
        for bound, granule, scale in zip((p.rows, p.columns, p.depth), granules, scales, strict=True)
    ]
    for size in itertools.product(*sizes):
        for order in ORDERS:
            yield Tiling(1, size, order)


def priced(p: Product, tiling: Tiling, machine: Machine, tile_bytes: int) -> float:
    """Ticks by the stated estimate: the busier of compute and memory, the way in and out; inf if illegal."""
    found = walk(p, tiling, machine)
    m, n, k = tiling.sizes
    g = tiling.groups
    left = g * p.left_rows(m) * p.left_row_elements * k * p.left_bits / 8
    right = g * k * p.depth_scale * n * p.right_bits / 8
    several = p.groups * p.rows * p.row_scale * p.columns * p.sum_bits / 8 > found.open_sums
    if found.open_sums * (2 if several else 1) > machine.accumulator_bytes:
        return np.inf
    if left * min(2, found.left_loads) + right * min(2, found.right_loads) > tile_bytes:
        return np.inf
    per_byte = machine.memory.ticks_per_byte
    stored = p.groups * p.rows * p.row_scale * p.columns * p.output_bits / 8
    out = found.open_sums * p.output_bits / p.sum_bits
    moved = found.left + found.right + stored
    busy = max(found.compute_cycles * TICKS_PER_CYCLE, moved * per_byte)
    return busy + (left + right + out) * per_byte + machine.memory.latency_ticks


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.integers(1, 60),
    st.sampled_from((1e9, 16e9, 256e9)),
    st.sampled_from(("weight_stationary", "input_stationary")),
)
def test_the_search_finds_the_best_of_all_candidates_that_a_slow_twin_walks(m, n, k, bandwidth, dataflow):
    design = small_chip(CHIP | {"dram.channel_bandwidth": bandwidth, "npu.dataflow": dataflow})
    machine, p = resolve(design), product(gemm(m, n, k), design)
    found = search(p, machine, machine.tile_bytes)
    best = min(priced(p, tiling, machine, machine.tile_bytes) for tiling in candidates(p, machine))
    assert priced(p, found.tiling, machine, machine.tile_bytes) == pytest.approx(found.estimate_ticks, rel=1e-6)
    assert found.estimate_ticks <= best * (1 + TOLERANCE) + 1e-6


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.integers(1, 40),
    st.integers(8, 40),
    st.integers(1, 5),
    st.integers(1, 3),
    st.sampled_from((1e9, 16e9)),
    st.sampled_from((1024, 4096)),
)
def test_the_search_finds_the_best_of_all_candidates_for_a_convolution_with_its_halo(
    channels, height, kernel, stride, bandwidth, capacity
):
    chip = {
        "scratchpad.capacity": capacity,
        "accumulator.capacity": "1 KiB",
        "dram.channel_bandwidth": bandwidth,
    }
    design = small_chip(chip | {"scratchpad.banks": 1})
    machine = resolve(design)
    p = product(conv(1, (channels, 8), (height, 5), (kernel, 1), (stride, 1)), design)
    found = search(p, machine, machine.tile_bytes)
    best = min(priced(p, tiling, machine, machine.tile_bytes) for tiling in candidates(p, machine))
    if found is None:
        assert best == np.inf
        return
    # The halo of a whole image's tiles counts once more for each tile; the twin sees the borders of the image.
    assert priced(p, found.tiling, machine, machine.tile_bytes) == pytest.approx(found.estimate_ticks, rel=1e-3)
    assert found.estimate_ticks <= best * (1 + TOLERANCE) + 1e-6


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.integers(1, 70),
    st.integers(1, 70),
    st.integers(1, 70),
    st.sampled_from((1, 3, 4)),
    st.sampled_from((512, 2048, 65536)),
    st.sampled_from((1e9, 64e9)),
)
def test_a_product_moves_exactly_what_its_walked_nest_loads(m, n, k, batch, capacity, bandwidth):
    design = small_chip(CHIP | {"scratchpad.capacity": capacity, "dram.channel_bandwidth": bandwidth})
    result = run(graph(gemm(m, n, k, batch)), design)
    nest = result.compiled.mapped[0].tiling
    found = walk(nest.product, nest.tiling, result.machine)
    assert result.events["memory_read_bytes"] == found.left + found.right
    assert result.events["memory_write_bytes"] == 2 * batch * m * n
    assert found.open_sums <= result.machine.accumulator_bytes
    assert nest.left_space + nest.right_bytes[0] <= result.machine.tile_bytes


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.integers(1, 3),
    st.integers(1, 24),
    st.integers(7, 40),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(1, 2),
    st.sampled_from((2048, 8192, 65536)),
)
def test_a_convolution_loads_no_row_twice_that_the_tile_before_it_has(
    batch, channels, height, kernel, stride, dilation, capacity
):
    if dilation * (kernel - 1) + 1 > height:
        return
    op = conv(batch, (channels, 8), (height, 9), (kernel, 1), (stride, 1), dilation=(dilation, 1))
    result = run(graph(op), small_chip(CHIP | {"scratchpad.capacity": capacity}))
    nest = result.compiled.mapped[0].tiling
    found = walk(nest.product, nest.tiling, result.machine)
    rows, image = nest.tiling.sizes[0], nest.product.image_rows
    assert rows % image == 0 or image % rows == 0, "a tile covers rows of one image, or whole images"
    rows_inside_depth = nest.position(2) < nest.position(0)
    loaded = result.events["memory_read_bytes"]
    if rows_inside_depth or len(nest.loops) <= 1:
        assert loaded == found.left + found.right
    else:
        assert loaded >= found.left + found.right
    tallest = max(
        len(rows_of(nest.product, first, min(nest.tiling.sizes[0], nest.product.rows - first)))
        for first in range(0, nest.product.rows, nest.tiling.sizes[0])
    )
    row_bytes = nest.product.left_row_elements * nest.tiling.sizes[2] * nest.product.left_bits / 8
    assert tallest * row_bytes <= nest.left_space
    touched = {row * stride + tap * dilation for row in range(op.out_height) for tap in range(kernel)}
    left_passes = found.left / (batch * channels * len(touched) * 9 * 2)
    if rows_inside_depth or len(nest.loops) <= 1:
        assert left_passes == pytest.approx(round(left_passes)), "each pass loads every touched row once"


def test_the_simulated_time_of_the_chosen_tiling_is_close_to_the_best_of_all_tilings():
    from accel_sim.engine.execute import execute
    from accel_sim.mapping.matrix_segment import write_matrix_segment
    from accel_sim.mapping.products import nest_of
    from accel_sim.mapping.streams import Streams

    for (m, n, k), bandwidth in itertools.product(((40, 40, 40), (50, 36, 20), (8, 100, 30)), (2e9, 16e9)):
        design = small_chip(CHIP | {"dram.channel_bandwidth": bandwidth})
        machine = resolve(design)
        (plan,) = plan_blocks(graph(gemm(m, n, k)).blocks, machine)
        p = product_of(plan.segments[0], machine)

        def ticks(tiling, machine=machine, plan=plan, p=p):
            streams = Streams(machine, machine.tile_bytes)
            write_matrix_segment(streams, plan.segments[0], nest_of(p, tiling), [None, None], [])
            return execute(streams.builder, 1).total_ticks

        legal = [t for t in candidates(p, machine) if priced(p, t, machine, machine.tile_bytes) < np.inf]
        best = min(ticks(tiling) for tiling in legal)
        assert ticks(search(p, machine, machine.tile_bytes).tiling) <= 1.15 * best, (m, n, k, bandwidth)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(st.sampled_from((512, 2048, 8192, 65536)), st.sampled_from((512, 1024, 8192))),
        min_size=2,
        max_size=6,
    ),
    st.sampled_from((("weight_stationary", "double_buffered"), ("output_stationary", "pipelined"))),
)
def test_what_a_search_finds_does_not_depend_on_what_was_searched_before(buffers, array):
    flow = dict(zip(("npu.dataflow", "npu.schedule"), array, strict=True))
    p = product(gemm(40, 72, 96), small_chip(flow))

    def find(scratchpad: int, accumulator: int):
        changed = {"scratchpad.capacity": f"{scratchpad} B", "accumulator.capacity": f"{accumulator} B"}
        machine = resolve(small_chip(flow | changed))
        return search(p, machine, machine.tile_bytes)

    one_after_the_other = [find(*sizes) for sizes in buffers]
    for sizes, found in zip(buffers, one_after_the_other, strict=True):
        tiling._candidates.cache_clear()
        tiling._on_unit.cache_clear()
        assert find(*sizes) == found


def test_of_orders_that_are_the_same_nest_one_stands_for_all():
    for mask in range(8):
        several = [axis for axis in range(3) if mask >> axis & 1]
        nests = [tuple(axis for axis in order if axis in several) for order in ORDERS]
        standing = [nest for nest, stands in zip(nests, tiling._DISTINCT[mask], strict=True) if stands]
        assert sorted(standing) == sorted(set(nests))
