"""Planning of a block: which operators run as one, and which tensors stay on chip.

A *segment* is what is tiled and streamed as one: an operator with the elementwise operators that follow it on
the same results (its epilogue). Activations stay in the scratchpad while they live if they fit there together
with the others, small ones first; the rest, weights and the KV cache are in memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from accel_sim.config.identity import Same
from accel_sim.mapping.machine import Machine
from accel_sim.mapping.pim_vector import always_in_banks
from accel_sim.workload.graph import Block
from accel_sim.workload.operators import (
    Attention,
    Conv2d,
    Elementwise,
    Embedding,
    Gemm,
    KvAppend,
    Norm,
    Operator,
    Reduction,
    Rotary,
    Routing,
    Softmax,
)
from accel_sim.workload.tensors import Residency, Tensor

BLOCK_INPUT = -1  # producer of a tensor that enters the block
OUTSIDE = -2  # producer of a tensor that is there from the start


class Place(Enum):
    """Where a tensor is between the segments that write and read it."""

    MEMORY = "memory"
    CHIP = "chip"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Source:
    """An input of a segment: the (part of a) tensor, where it is, and the segment that makes it."""

    tensor: Tensor
    place: Place
    producer: int


@dataclass(frozen=True, slots=True)
class Segment:
    """Operators that are streamed as one.

    Attributes:
        operator: the operator that decides the tiling.
        epilogue: elementwise operators on its results, in order.
        sources: the operator's inputs.
        extra_sources: what the epilogue reads besides the results (a residual).
        output, place: what is written, and where.
    """

    operator: Operator
    epilogue: tuple[Operator, ...]
    sources: tuple[Source, ...]
    extra_sources: tuple[Source, ...]
    output: Tensor
    place: Place

    @property
    def operators(self) -> tuple[Operator, ...]:
        """All operators of the segment."""
        return (self.operator, *self.epilogue)

    @property
    def input_rows(self) -> int:
        """Rows in whose order the segment can take its first input."""
        op = self.operator
        return op.batch * op.in_height if isinstance(op, Conv2d) else self.rows

    @property
    def rows(self) -> int:
        """Rows in whose order the segment can give results."""
        op = self.operator
        if isinstance(op, Gemm):
            return op.batch * op.m
        if isinstance(op, Conv2d):
            return op.batch * op.out_height
        if isinstance(op, Attention):
            return op.batch * op.query_length
        return vector_shape(op)[0]


def vector_shape(op: Operator) -> tuple[int, int]:
    """Return rows and columns of a vector operator's iteration space."""
    if isinstance(op, Softmax | Norm | Reduction):
        return op.rows, op.columns
    if isinstance(op, Embedding):
        return op.tokens, op.width
    if isinstance(op, Routing):
        return op.tokens, op.experts
    if isinstance(op, Rotary):
        return op.tokens, max(1, op.elements // op.tokens)
    if isinstance(op, KvAppend):
        return op.tokens, max(1, op.output.elements // op.tokens)
    columns = op.output.shape[-1] if op.output.shape else 1
    return max(1, op.output.elements // columns), columns


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """Segments of a block in execution order, and the most bytes of activations it keeps on chip at a time."""

    block: Block
    segments: tuple[Segment, ...]
    resident_bytes: int


def plan_blocks(blocks: Iterable[Block], machine: Machine) -> tuple[BlockPlan, ...]:
    """Return a plan of every block. Tensors between blocks stay on chip if every block has room for them.

    Equal choices give the same objects, so that what is known of a segment is known by its identity.
    """
    limit = int(machine.policy.resident_fraction * machine.tile_bytes)
    fuses = machine.policy.fuse_epilogues and machine.vector is not None
    same = tuple(Same(block) for block in blocks)
    banked = tuple(_banked(block.value, machine) for block in same)
    return _plan(same, banked, limit, fuses, machine.link is not None)


def _banked(block: Block, machine: Machine) -> frozenset[str]:
    """Return the names of the operators that run in the memory's banks whatever their operands' places."""
    if machine.pim is None:
        return frozenset()
    return frozenset(op.name for op in block.operators if always_in_banks(op, machine))


Fused = tuple[tuple[Operator, tuple[Operator, ...]], ...]


@lru_cache(maxsize=1024)
def _plan(
    blocks: tuple[Same[Block], ...],
    banked: tuple[frozenset[str], ...],
    limit: int,
    fuses: bool,
    linked: bool,
) -> tuple[BlockPlan, ...]:
    """Return the plan of blocks.

    banked: names of each block's operators that run in the banks. limit: bytes of activations on the chip.
    fuses: whether products take epilogues. linked: what enters and leaves passes a link.
    """
    pairs = tuple(zip(blocks, banked, strict=True))
    kept = [_keep(block, names, limit, fuses, carried=True) for block, names in pairs]
    carried = all(
        {block.value.input, block.value.output} <= keep for block, (keep, _) in zip(blocks, kept, strict=True)
    )
    if not carried:
        kept = [_keep(block, names, limit, fuses, carried=False) for block, names in pairs]
    return tuple(
        BlockPlan(block.value, _segments(block, fuses, linked, keep), resident)
        for block, (keep, resident) in zip(blocks, kept, strict=True)
    )


@lru_cache(maxsize=1024)
def _fused(same: Same[Block], fuses: bool) -> Fused:
    """Return operators with their epilogues, which are empty unless `fuses`."""
    block = same.value
    readers: dict[str, list[Operator]] = {}
    for op in block.operators:
        for name in {tensor.name for tensor in op.inputs}:
            readers.setdefault(name, []).append(op)
    made = {op.output.name: index for index, op in enumerate(block.operators)}
    groups: list[tuple[Operator, tuple[Operator, ...]]] = []
    taken: set[str] = set()
    for index, op in enumerate(block.operators):
        if op.name in taken:
            continue
        epilogue: list[Operator] = []
        if isinstance(op, Gemm | Conv2d) and fuses:
            output = op.output
            while True:
                following = readers.get(output.name, [])
                if len(following) != 1 or output.name == block.output or output.residency is Residency.IO:
                    break
                follower = following[0]
                if not isinstance(follower, Elementwise) or not _same_results(output, follower):
                    break
                # What else it reads must have been made before the product starts.
                others = [tensor.name for tensor in follower.inputs if tensor.name != output.name]
                if any(made.get(name, -1) >= index for name in others):
                    break
                epilogue.append(follower)
                output = follower.output
        taken.update(follower.name for follower in epilogue)
        groups.append((op, tuple(epilogue)))
    return tuple(groups)


def _same_results(output: Tensor, follower: Elementwise) -> bool:
    halves = follower.function.endswith("_multiply") and follower.elements * 2 == output.elements
    return follower.elements == output.elements or halves


def _final(op: Operator, epilogue: tuple[Operator, ...]) -> Tensor:
    return (epilogue[-1] if epilogue else op).output


def _keep(
    same: Same[Block], banked: frozenset[str], limit: int, fuses: bool, carried: bool
) -> tuple[frozenset[str], int]:
    """Return the names of activations that stay on chip, and the most bytes they take together."""
    block, groups = same.value, _fused(same, fuses)
    count = len(groups)
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    size: dict[str, int] = {}
    for index, (op, epilogue) in enumerate(groups):
        output = _final(op, epilogue)
        if output.residency is Residency.ACTIVATION:
            first[output.name], size[output.name] = index, output.bytes
            last[output.name] = count - 1 if output.name == block.output else index
        inside = {o.output.name for o in (op, *epilogue)}
        for tensor in (tensor for o in (op, *epilogue) for tensor in o.inputs):
            if tensor.name in inside or tensor.residency is not Residency.ACTIVATION:
                continue
            if tensor.name == block.input and tensor.name not in first:
                first[tensor.name], size[tensor.name] = 0, tensor.bytes
            if tensor.name in first:
                last[tensor.name] = index
                size[tensor.name] = max(size[tensor.name], tensor.bytes)
    borders = {block.input, block.output}
    in_banks = _between_kernels(groups, banked)
    names = [name for name in first if (carried or name not in borders) and name not in in_banks]
    names.sort(key=lambda name: (name not in borders, size[name], first[name]))
    live = [0] * max(1, count)
    keep: set[str] = set()
    for name in names:
        span = range(first[name], last[name] + 1)
        if max(live[i] for i in span) + size[name] <= limit:
            keep.add(name)
            for i in span:
                live[i] += size[name]
    # What enters or leaves the graph (images, token ids, logits) takes no room.
    keep |= {name for name in borders if name not in first}
    return frozenset(keep), max(live)


def _between_kernels(groups: Fused, banked: frozenset[str]) -> frozenset[str]:
    """Return the tensors that kernels in the banks leave for other kernels there, and for nothing else."""
    made = {op.output.name for op, _ in groups if op.name in banked}
    if not made:
        return frozenset()
    read = {tensor.name for op, _ in groups for tensor in op.inputs if op.name in banked}
    elsewhere = {
        tensor.name
        for op, epilogue in groups
        for each in (op, *epilogue)
        for tensor in each.inputs
        if each.name not in banked
    }
    return frozenset(made & read - elsewhere)


def _cached_before(op: Operator, tensor: Tensor) -> bool:
    """Whether a cache tensor can be loaded before this step's entries are appended to it.

    So it is in a decode step: all entries but the newest are in memory, and the newest is forwarded on chip, at
    the same time as the query that waits for it.
    """
    return tensor.residency is Residency.KV_CACHE and isinstance(op, Attention) and op.query_length < op.context


@lru_cache(maxsize=4096)
def _segments(same: Same[Block], fuses: bool, linked: bool, keep: frozenset[str]) -> tuple[Segment, ...]:
    block, groups = same.value, _fused(same, fuses)
    maker = {_final(op, epilogue).name: index for index, (op, epilogue) in enumerate(groups)}

    def place(tensor: Tensor) -> Place:
        if tensor.residency is Residency.IO:
            return Place.LINK if linked else Place.MEMORY
        if tensor.residency is Residency.ACTIVATION and tensor.name in keep:
            return Place.CHIP
        return Place.MEMORY

    def source(tensor: Tensor, reader: int) -> Source:
        producer = maker.get(tensor.name, OUTSIDE)
        if producer == OUTSIDE and tensor.name == block.input and tensor.residency is Residency.ACTIVATION:
            producer = BLOCK_INPUT
        if producer >= reader or _cached_before(groups[reader][0], tensor):
            producer = OUTSIDE
        return Source(tensor, place(tensor), producer)

    segments = []
    for index, (op, epilogue) in enumerate(groups):
        inside = {o.output.name for o in (op, *epilogue)}
        extra = [t for o in epilogue for t in o.inputs if t.name not in inside]
        output = _final(op, epilogue)
        segments.append(
            Segment(
                operator=op,
                epilogue=epilogue,
                sources=tuple(source(tensor, index) for tensor in op.inputs),
                extra_sources=tuple(source(tensor, index) for tensor in extra),
                output=output,
                place=place(output),
            )
        )
    return tuple(segments)
