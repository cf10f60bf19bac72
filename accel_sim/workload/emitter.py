"""Emitting operators: names, weights and formats of tensors follow one rule for every kind of model.

The tensor an operator writes carries the operator's name. Its weights are called NAME.weight, NAME.bias and
so on. A reader that needs only a part of a tensor (queries out of a fused QKV product) names the whole tensor
and gives the shape of the part, so that names connect operators and shapes count traffic.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from accel_sim.workload.formats import tensor_format
from accel_sim.workload.graph import Block
from accel_sim.workload.model import Formats
from accel_sim.workload.operators import Conv2d, Elementwise, Embedding, Gemm, Norm, Operator, Pool, Reduction
from accel_sim.workload.tensors import DENSE, Residency, Tensor, ValueStatistics

TOKEN_IDS = tensor_format("int32")


def part(tensor: Tensor, *shape: int) -> Tensor:
    """Return the part (or another view) of a tensor that an operator reads."""
    return replace(tensor, shape=shape)


@dataclass
class Emitter:
    """Collects the operators of one block in execution order; every method returns the tensor it made.

    Attributes:
        formats: number formats of the model.
        prefix: put before every operator's name, such as `layers.0.`.
    """

    formats: Formats
    prefix: str = ""
    operators: list[Operator] = field(default_factory=list)

    def activation(self, name: str, *shape: int, residency: Residency = Residency.ACTIVATION) -> Tensor:
        """Return a tensor in the activation format; it belongs to no operator yet."""
        return Tensor(self.prefix + name, shape, self.formats.activations, residency)

    def vector(self, name: str, *shape: int) -> Tensor:
        """Return a constant kept in the activation format: a bias, a normalization weight."""
        return Tensor(self.prefix + name, shape, self.formats.activations, Residency.WEIGHT)

    def matrix(self, name: str, *shape: int, statistics: ValueStatistics = DENSE) -> Tensor:
        """Return a constant in the weight format."""
        return Tensor(self.prefix + name, shape, self.formats.weights, Residency.WEIGHT, statistics)

    def table(self, name: str, *shape: int) -> Tensor:
        """Return an embedding table. Its name takes no prefix: a tied head reads the same table."""
        return Tensor(name, shape, self.formats.embedding_table, Residency.WEIGHT)

    def gemm(
        self,
        name: str,
        inputs: tuple[Tensor, ...],
        m: int,
        n: int,
        k: int,
        *,
        bias: bool = False,
        batch: int = 1,
        weight: Tensor | None = None,
        residency: Residency = Residency.ACTIVATION,
    ) -> Tensor:
        """Append a layer's product; with `batch` > 1 each product has a weight matrix of its own."""
        leading = (batch,) if batch > 1 else ()
        weights = [weight or self.matrix(f"{name}.weight", *leading, k, n)]
        if bias:
            weights.append(self.vector(f"{name}.bias", *leading, n))
        output = self.activation(name, *leading, m, n, residency=residency)
        accumulator = self.formats.accumulator
        self.operators.append(
            Gemm(self.prefix + name, m, n, k, inputs, tuple(weights), output, batch, accumulator=accumulator)
        )
        return output

    def conv(
        self,
        name: str,
        source: Tensor,
        *,
        batch: int,
        channels: tuple[int, int],
        size: tuple[int, int],
        kernel: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        padding: tuple[int, int] = (0, 0),
        dilation: tuple[int, int] = (1, 1),
        groups: int = 1,
        bias: bool = True,
        statistics: ValueStatistics = DENSE,
        residency: Residency = Residency.ACTIVATION,
    ) -> Tensor:
        """Append a convolution of (in, out) `channels` over an input of (height, width) `size`."""
        weights = [
            self.matrix(f"{name}.weight", channels[1], channels[0] // groups, *kernel, statistics=statistics)
        ]
        if bias:
            weights.append(self.vector(f"{name}.bias", channels[1]))
        shape = Conv2d(
            self.prefix + name,
            batch,
            *channels,
            *size,
            kernel,
            (source,),
            tuple(weights),
            source,
            stride,
            padding,
            dilation,
            groups,
            self.formats.accumulator,
        )
        output = self.activation(
            name, batch, channels[1], shape.out_height, shape.out_width, residency=residency
        )
        self.operators.append(replace(shape, output=output))
        return output

    def norm(self, name: str, kind: str, source: Tensor, rows: int, columns: int) -> Tensor:
        """Append a normalization of `rows` rows; a layernorm has a weight and a bias, an rmsnorm a weight."""
        names = ("weight", "bias") if kind == "layernorm" else ("weight",)
        weights = tuple(self.vector(f"{name}.{which}", columns) for which in names)
        output = self.activation(name, rows, columns)
        self.operators.append(
            Norm(self.prefix + name, kind, rows, columns, (part(source, rows, columns),), weights, output)
        )
        return output

    def elementwise(
        self,
        name: str,
        function: str,
        inputs: tuple[Tensor, ...],
        *shape: int,
        weights: tuple[Tensor, ...] = (),
        residency: Residency = Residency.ACTIVATION,
    ) -> Tensor:
        """Append a function whose output has the given shape."""
        output = self.activation(name, *shape, residency=residency)
        self.operators.append(
            Elementwise(self.prefix + name, function, output.elements, inputs, output, weights)
        )
        return output

    def pool(self, name: str, kind: str, source: Tensor, window: int, *shape: int) -> Tensor:
        """Append a pooling over `window` values whose output has the given shape."""
        output = self.activation(name, *shape)
        self.operators.append(Pool(self.prefix + name, kind, output.elements, window, (source,), output))
        return output

    def reduction(
        self,
        name: str,
        source: Tensor,
        rows: int,
        columns: int,
        residency: Residency = Residency.ACTIVATION,
    ) -> Tensor:
        """Append the sums of `rows` rows."""
        output = self.activation(name, rows, residency=residency)
        self.operators.append(Reduction(self.prefix + name, rows, columns, (source,), output))
        return output

    def embedding(self, name: str, ids: Tensor, tables: tuple[Tensor, ...], tokens: int, width: int) -> Tensor:
        """Append a lookup of one row of every table for each token; the rows are added."""
        output = self.activation(name, tokens, width)
        self.operators.append(Embedding(self.prefix + name, tokens, width, (ids,), tables, output))
        return output

    def block(self, name: str, source: Tensor, output: Tensor, repeat: int = 1) -> Block:
        """Return what was collected as a block from tensor `source` to tensor `output`."""
        return Block(name, tuple(self.operators), source.name, output.name, repeat)
