"""Workload graphs: blocks of operators, identical layers kept as one block with a repeat count."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from accel_sim.workload.operators import Embedding, Operator, macs
from accel_sim.workload.tensors import Residency


@dataclass(frozen=True, slots=True)
class Parameter:
    """A trained tensor of a model: one row of its checkpoint, `count` times (once for each identical layer)."""

    name: str
    shape: tuple[int, ...]
    count: int = 1

    @property
    def elements(self) -> int:
        """Trained values, over all `count` copies."""
        elements = self.count
        for size in self.shape:
            elements *= size
        return elements


@dataclass(frozen=True, slots=True)
class Block:
    """Operators in execution order, run `repeat` times in sequence.

    Operators are connected by tensor names. A repetition reads what the repetition before it wrote: the
    tensor named `input` of one is the tensor named `output` of the last (of the previous block for the
    first). A block whose input is of residency IO reads from outside the model instead, in every repetition.
    Names of operators are unique within a block; an operator that reads a part of a tensor names the whole and
    gives the shape of the part.
    """

    name: str
    operators: tuple[Operator, ...]
    input: str
    output: str
    repeat: int = 1


@dataclass(frozen=True, slots=True)
class Graph:
    """What one phase of a model executes.

    Attributes:
        name: of the workload and phase, for people.
        blocks: in execution order.
        tokens: output tokens (or images) that the graph yields, for rates per token.
    """

    name: str
    blocks: tuple[Block, ...]
    tokens: int = 1
    notes: tuple[str, ...] = field(default=())

    def operators(self) -> Iterator[tuple[Operator, int]]:
        """Yield every operator with how often it runs."""
        for block in self.blocks:
            for operator in block.operators:
                yield operator, block.repeat

    @property
    def macs(self) -> int:
        """Dense MACs of the whole graph."""
        return sum(macs(operator) * repeat for operator, repeat in self.operators())

    def weight_bytes(self) -> int:
        """Bytes of weights that the graph reads, each once; of embedding tables, the rows looked up."""
        return sum(_weight_bytes(operator) * repeat for operator, repeat in self.operators())

    def kv_cache_bytes(self) -> int:
        """Bytes of KV cache that the graph reads, each once."""
        return sum(
            tensor.bytes * repeat
            for op, repeat in self.operators()
            for tensor in op.inputs
            if tensor.residency is Residency.KV_CACHE
        )


def _weight_bytes(operator: Operator) -> int:
    if isinstance(operator, Embedding):
        rows = operator.tokens
        return sum(table.format.bytes(min(rows, table.shape[0]) * table.shape[1]) for table in operator.weights)
    return sum(weight.bytes for weight in operator.weights)
