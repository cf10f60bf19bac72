"""Matrix products and convolutions in the units of the tiling search, and the loop nests they become."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from accel_sim.config.errors import InputError, RunError
from accel_sim.config.identity import Same
from accel_sim.engine.program import VARIANTS
from accel_sim.mapping.machine import LARGEST_AMOUNT, TICKS_PER_CYCLE, Machine
from accel_sim.mapping.plan import Place, Segment
from accel_sim.mapping.tiling import Found, K, M, N, Product, Tiling, require, search
from accel_sim.workload.operators import Conv2d, Gemm
from accel_sim.workload.tensors import Tensor

GROUPS = -1  # axis of the loop over groups


def product_of(segment: Segment, machine: Machine) -> Product:
    """Return the matrix product of a segment in loop units.

    Raises:
        InputError: the matrix unit is missing or cannot take operands of these formats.
    """
    op = segment.operator
    assert isinstance(op, Gemm | Conv2d)
    left = segment.sources[0]
    right = op.weights[0] if op.weights else op.inputs[1]
    check_formats(machine, op.name, left.tensor, right)
    return _product(Same(segment), float(machine.sum_bits))


@lru_cache(maxsize=4096)
def _product(same: Same[Segment], sum_bits: float) -> Product:
    segment, op = same.value, same.value.operator
    assert isinstance(op, Gemm | Conv2d)
    left = segment.sources[0]
    right = op.weights[0] if op.weights else op.inputs[1]
    results = op.batch * op.m * op.n if isinstance(op, Gemm) else _conv_results(op)
    extra_bytes = sum(s.tensor.bytes for s in segment.extra_sources if s.place is not Place.CHIP)
    extra_bytes += sum(weight.bytes for o in segment.epilogue for weight in o.weights)
    shape = _gemm_shape(op) if isinstance(op, Gemm) else _conv_shape(op)
    return Product(
        **shape,
        left_bits=stored_bits(left.tensor),
        right_bits=stored_bits(right),
        # An epilogue that merges halves writes fewer values than the product has.
        output_bits=segment.output.bytes * 8 / results,
        sum_bits=sum_bits,
        left_in_memory=left.place is not Place.CHIP,
        right_in_memory=bool(op.weights) or segment.sources[1].place is not Place.CHIP,
        output_in_memory=segment.place is not Place.CHIP,
        epilogue_bits=extra_bytes * 8 / results,
        right_by_tile=bool(op.weights),
    )


def _gemm_shape(op: Gemm) -> dict[str, int]:
    return {
        "groups": op.batch,
        "rows": op.m,
        "columns": op.n,
        "depth": op.k,
        "row_scale": 1,
        "depth_scale": 1,
        "image_rows": op.m,
        "row_stride": 1,
        "row_reach": 1,
        "input_rows": op.m,
        "left_row_elements": 1,
    }


def _conv_results(op: Conv2d) -> int:
    return op.batch * op.out_channels * op.out_height * op.out_width


def _conv_shape(op: Conv2d) -> dict[str, int]:
    return {
        "groups": op.groups,
        "rows": op.batch * op.out_height,
        "columns": op.out_channels // op.groups,
        "depth": op.in_channels // op.groups,
        "row_scale": op.out_width,
        "depth_scale": op.kernel[0] * op.kernel[1],
        "image_rows": op.out_height,
        "row_stride": _step(op, 0),
        "row_reach": _reach(op, 0),
        "input_rows": touched(op, 0),
        "left_row_elements": touched(op, 1),
    }


def _pitch(op: Conv2d, axis: int) -> int:
    """Distance of neighbouring touched positions: more than 1 where stride and dilation share a factor."""
    return math.gcd(op.stride[axis], op.dilation[axis])


def _overlaps(op: Conv2d, axis: int) -> bool:
    """Whether windows of neighbouring outputs overlap or interleave, padding aside."""
    return op.dilation[axis] * (op.kernel[axis] - 1) + 1 >= op.stride[axis]


def _reach(op: Conv2d, axis: int) -> int:
    """Touched input rows (or columns) from the first to the last that one output needs."""
    if not _overlaps(op, axis):
        return op.kernel[axis]
    return op.dilation[axis] * (op.kernel[axis] - 1) // _pitch(op, axis) + 1


def _step(op: Conv2d, axis: int) -> int:
    """Touched input rows between neighbouring outputs; rows that a large stride skips are never loaded."""
    return op.stride[axis] // _pitch(op, axis) if _overlaps(op, axis) else op.kernel[axis]


def touched(op: Conv2d, axis: int) -> int:
    """Return the input rows (axis 0) or columns (axis 1) that a convolution reads at all, padding excluded."""
    size, outputs = (op.in_height, op.out_height) if axis == 0 else (op.in_width, op.out_width)
    return _touched(size, outputs, op.kernel[axis], op.stride[axis], op.padding[axis], op.dilation[axis])


@lru_cache(maxsize=4096)
def _touched(size: int, outputs: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    reads = np.zeros(size, dtype=bool)
    for tap in range(kernel):
        first = tap * dilation - padding
        skipped = max(0, -(first // stride))
        reads[first + skipped * stride : max(0, first + (outputs - 1) * stride + 1) : stride] = True
    return int(reads.sum())


def stored_bits(tensor: Tensor) -> float:
    """Return the bits in memory of an element, its share of the tensor's scales and last byte included."""
    return tensor.bytes * 8 / tensor.elements


def check_formats(machine: Machine, name: str, left: Tensor, right: Tensor) -> None:
    """Raise an InputError when there is no matrix unit, or none that can hold the operands' values."""
    where = machine.design.document.source
    if machine.matrix is None:
        raise InputError(f"{where}: no component multiplies matrices, which '{name}' needs")
    reason = machine.matrix_model.refuses(machine.matrix.spec, left.format.element, right.format.element)
    if reason:
        raise InputError(
            f"{where}: {machine.matrix.name} {reason} (an operand of '{name}'); change the component's formats "
            "or the workload's formats.activations and formats.weights"
        )


@dataclass(frozen=True)
class Nest:
    """The loops of a tiled product as streams run them.

    Attributes:
        loops: (axis, trips) from outside to inside, only loops of more than one trip.
        left, right, region: loops that enclose the load of a left tile, of a right tile, and a *region*: the
            results whose sums are complete at the same time.
    """

    product: Product
    tiling: Tiling
    loops: tuple[tuple[int, int], ...]
    left: int
    right: int
    region: int

    @cached_property
    def positions(self) -> tuple[int, int, int]:
        """Index of the m, n and k loops, -1 of one that is not there."""
        axes = [axis for axis, _ in self.loops]
        m, n, k = (axes.index(axis) if axis in axes else -1 for axis in (M, N, K))
        return m, n, k

    def position(self, axis: int) -> int:
        """Return the index of an axis's loop, -1 if it has none."""
        return self.positions[axis]

    @property
    def rows_in_order(self) -> bool:
        """Whether the outermost loop runs over rows that follow one another."""
        row_loop_outside = bool(self.loops) and self.loops[0][0] == M and self.region > 0
        return row_loop_outside and (self.product.groups == 1 or self.product.row_scale > 1)

    @cached_property
    def tile_sizes(self) -> tuple[tuple[int, int, int], ...]:
        """Sizes (m, n, k) of a tile by variant: bits 0, 1, 2 say that m, n, k is in its last iteration."""
        axes = []
        for axis, bound in ((M, self.product.rows), (N, self.product.columns), (K, self.product.depth)):
            size = self.tiling.sizes[axis]
            axes.append((size, bound - (-(-bound // size) - 1) * size))
        return tuple((axes[M][v & 1], axes[N][v >> 1 & 1], axes[K][v >> 2 & 1]) for v in range(VARIANTS))

    @cached_property
    def region_results(self) -> tuple[int, ...]:
        """Results of a region by variant; a loop inside the region counts with its whole bound."""
        inside = {axis for axis, _ in self.loops[self.region :]}
        g, p = self.tiling.groups, self.product
        return tuple(
            g * (p.rows if M in inside else m) * p.row_scale * (p.columns if N in inside else n)
            for m, n, _ in self.tile_sizes
        )

    @cached_property
    def left_bytes(self) -> tuple[int, ...]:
        """Bytes loaded for a left tile by variant; rows that the tile before it also has are not loaded again.

        They are kept when the row loop steps directly from tile to tile, that is unless the k loop is inside.
        """
        p, g = self.product, self.tiling.groups
        trips = -(-p.rows // self.tiling.sizes[M])
        keeps_overlap = self.position(K) < self.position(M)
        whole = -(-p.rows // p.image_rows) * p.input_rows
        each = self.tiling.sizes[M] * whole // p.rows
        shared = (each, whole - (trips - 1) * each)
        return tuple(
            to_bytes(
                g
                * (shared[v & 1] if keeps_overlap and trips > 1 else p.left_rows(m))
                * p.left_row_elements
                * k,
                p.left_bits,
            )
            for v, (m, _, k) in enumerate(self.tile_sizes)
        )

    @cached_property
    def right_bytes(self) -> tuple[int, ...]:
        """Bytes of a right tile by variant."""
        p, g = self.product, self.tiling.groups
        return tuple(to_bytes(g * k * p.depth_scale * n, p.right_bits) for _, n, k in self.tile_sizes)

    @cached_property
    def left_runs(self) -> tuple[int, ...]:
        """Contiguous bytes of a left tile by variant: of a row of the operand, or all if it has whole rows."""
        p = self.product
        return tuple(
            size if k == p.depth else to_bytes(p.left_row_elements * k, p.left_bits)
            for (_, _, k), size in zip(self.tile_sizes, self.left_bytes, strict=True)
        )

    @cached_property
    def right_runs(self) -> tuple[int, ...]:
        """Contiguous bytes of a right tile by variant, stored column by column (as keys are)."""
        p = self.product
        return tuple(
            size if k == p.depth else to_bytes(k * p.depth_scale, p.right_bits)
            for (_, _, k), size in zip(self.tile_sizes, self.right_bytes, strict=True)
        )

    @cached_property
    def left_stride(self) -> int:
        """Bytes from row to row of the left operand, of one group."""
        p = self.product
        return to_bytes(p.left_row_elements * p.depth, p.left_bits)

    @cached_property
    def right_stride(self) -> int:
        """Bytes from column to column of the right operand, of one group."""
        p = self.product
        return to_bytes(p.depth * p.depth_scale, p.right_bits)

    @cached_property
    def output_bytes(self) -> tuple[int, ...]:
        """Bytes of a region's results by variant, as they are written."""
        return self.region_bytes(self.product.output_bits)

    @cached_property
    def output_runs(self) -> tuple[int, ...]:
        """Contiguous bytes of a region's results by variant, as they are written."""
        return self.region_runs(self.product.output_bits)

    @cached_property
    def output_stride(self) -> int:
        """Bytes from row to row of the results, as they are written."""
        return to_bytes(self.product.columns, self.product.output_bits)

    @cached_property
    def sum_bytes(self) -> tuple[int, ...]:
        """Bytes of the accumulators that a region takes, by variant."""
        return self.region_bytes(self.product.sum_bits)

    @cached_property
    def extra_bytes(self) -> tuple[int, ...]:
        """Bytes of a region's further inputs by variant."""
        return self.region_bytes(self.product.epilogue_bits)

    @cached_property
    def extra_runs(self) -> tuple[int, ...]:
        """Contiguous bytes of a region's further inputs by variant."""
        return self.region_runs(self.product.epilogue_bits)

    @cached_property
    def extra_stride(self) -> int:
        """Bytes from row to row of the further inputs."""
        return to_bytes(self.product.columns, self.product.epilogue_bits)

    def region_bytes(self, bits: float) -> tuple[int, ...]:
        """Bytes of a region's results of `bits` each, by variant."""
        return tuple(to_bytes(results, bits) for results in self.region_results)

    def region_runs(self, bits: float) -> tuple[int, ...]:
        """Contiguous bytes of a region's results of `bits` each: of a row, or all if rows are whole."""
        inside = {axis for axis, _ in self.loops[self.region :]}
        return tuple(
            to_bytes(results if N in inside or n == self.product.columns else n, bits)
            for results, (_, n, _) in zip(self.region_results, self.tile_sizes, strict=True)
        )

    @cached_property
    def left_space(self) -> int:
        """Bytes of the scratchpad that a left tile takes, overlap included."""
        m, _, k = self.tiling.sizes
        p = self.product
        return to_bytes(self.tiling.groups * p.left_rows(m) * p.left_row_elements * k, p.left_bits)


def to_bytes(elements: int, bits: float) -> int:
    """Return the bytes of that many elements, rounded up."""
    exact = elements * bits
    return -(-int(exact) // 8) if exact == int(exact) else int(exact // 8) + 1


@lru_cache(maxsize=4096)
def nest_of(product: Product, tiling: Tiling) -> Nest:
    """Return the loop nest of a tiling."""
    trips = tiling.trips(product)
    candidates = [(GROUPS, product.groups // tiling.groups), *((axis, trips[axis]) for axis in tiling.order)]
    loops = tuple((axis, count) for axis, count in candidates if count > 1)

    def enclosing(*axes: int) -> int:
        return max((i + 1 for i, (axis, _) in enumerate(loops) if axis in axes), default=0)

    region = enclosing(GROUPS, M, N)
    for index, (axis, _) in enumerate(loops):
        if axis == K:
            # Whatever runs inside the k loop stays in the accumulators until that loop ends.
            region = min(region, index)
    return Nest(product, tiling, loops, enclosing(GROUPS, M, K), enclosing(GROUPS, N, K), region)


def best_nest(product: Product, name: str, machine: Machine, tile_bytes: int) -> Nest:
    """Return the loop nest of the best tiling; see `best_tiling`."""
    return nest_of(product, best_tiling(product, name, machine, tile_bytes).tiling)


def best_tiling(product: Product, name: str, machine: Machine, tile_bytes: int) -> Found:
    """Return the best tiling and its expected time.

    Raises:
        RunError: no tile fits the buffers, or one has more accesses than can be counted; `name` is the operator
            to name.
    """
    found = require(search(product, machine, tile_bytes), name, machine, tile_bytes)
    tiling = found.tiling
    m, n, k = tiling.sizes
    macs = tiling.groups * m * product.row_scale * n * k * product.depth_scale
    accesses = macs * max(product.left_bits + product.right_bits, product.sum_bits) / 8
    if accesses * TICKS_PER_CYCLE > LARGEST_AMOUNT:
        raise RunError(
            f"{machine.design.document.source}: a tile of '{name}' with {macs:.3g} multiply-accumulates is too "
            "large to count; its buffers are larger than any"
        )
    return found
