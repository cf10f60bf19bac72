"""What holds of every graph: wiring, conservation, and the sizes of what operators read."""

from __future__ import annotations

import math

from accel_sim.workload import Graph
from accel_sim.workload.graph import Block
from accel_sim.workload.operators import Attention, Conv2d, Gemm, macs
from accel_sim.workload.tensors import Residency


def check_graph(graph: Graph) -> None:
    """Assert that a graph is wired and that its operators' shapes fit their tensors."""
    assert graph.blocks
    assert graph.macs == sum(block.repeat * sum(map(macs, block.operators)) for block in graph.blocks)
    for block in graph.blocks:
        check_block(block)
    for before, after in zip(graph.blocks, graph.blocks[1:], strict=False):
        if not reads_from_outside(after):
            made, read = elements_of(before, before.output), elements_of(after, after.input)
            assert made >= read, (before.name, after.name)


def reads_from_outside(block: Block) -> bool:
    """Tell whether a block's input enters the model there, instead of coming from the block before."""
    tensors = [t for op in block.operators for t in op.inputs if t.name == block.input]
    return any(tensor.residency is Residency.IO for tensor in tensors)


def elements_of(block: Block, name: str) -> int:
    """Return the largest number of elements under which a tensor appears in a block."""
    tensors = [t for op in block.operators for t in (*op.inputs, op.output) if t.name == name]
    return max(tensor.elements for tensor in tensors)


def check_block(block: Block) -> None:
    """Assert that every input is the block's, enters the model, or was written before; names are unique."""
    names = [operator.name for operator in block.operators]
    assert len(names) == len(set(names))
    written: dict[str, int] = {}
    for operator in block.operators:
        assert operator.output.name == operator.name
        for tensor in operator.inputs:
            assert tensor.elements > 0
            if tensor.name == block.input or tensor.residency is Residency.IO:
                continue
            assert tensor.name in written, f"{operator.name} reads {tensor.name}, which nothing wrote"
            # The cache holds what earlier steps wrote, too, and experts read a token once for each choice of
            # it. Of anything else, no more can be read than was made.
            gathered = isinstance(operator, Gemm) and len(operator.inputs) == 2
            if tensor.residency is not Residency.KV_CACHE and not gathered:
                assert tensor.elements <= written[tensor.name]
        for weight in operator.weights:
            assert weight.residency is Residency.WEIGHT
        written[operator.output.name] = operator.output.elements
        check_shapes(operator)
    assert block.output in written
    if block.repeat > 1 and not reads_from_outside(block):
        assert elements_of(block, block.input) == elements_of(block, block.output)


def check_shapes(operator: object) -> None:
    """Assert that an operator's sizes are those of its tensors."""
    if isinstance(operator, Gemm):
        assert operator.inputs[0].elements == operator.batch * operator.m * operator.k
        assert operator.output.elements == operator.batch * operator.m * operator.n
        assert operator.weights[0].elements == operator.batch * operator.n * operator.k
        assert all(bias.elements == operator.batch * operator.n for bias in operator.weights[1:])
    elif isinstance(operator, Conv2d):
        shape = (operator.batch, operator.in_channels, operator.in_height, operator.in_width)
        assert operator.inputs[0].shape == shape
        made = (operator.batch, operator.out_channels, operator.out_height, operator.out_width)
        assert operator.output.shape == made
        filters = operator.out_channels * operator.in_channels // operator.groups * math.prod(operator.kernel)
        assert operator.weights[0].elements == filters
    elif isinstance(operator, Attention):
        query, key, value = operator.inputs
        assert query.elements == operator.batch * operator.query_length * operator.heads * operator.head_dim
        assert key.shape == value.shape
        seen = operator.context
        if operator.window:
            seen = min(seen, operator.window + operator.query_length - 1)
        assert key.elements == operator.batch * seen * operator.kv_heads * operator.head_dim


def weight_elements(graph: Graph) -> int:
    """Return the elements of all weights of a graph, a tied head's only once."""
    seen: dict[str, int] = {}
    for operator, repeat in graph.operators():
        for weight in operator.weights:
            seen[weight.name] = weight.elements * repeat
    return sum(seen.values())
