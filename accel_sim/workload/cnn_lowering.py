"""Lowering of convolutional networks to blocks, and their parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from accel_sim.workload.cnn_layers import (
    Conv,
    GlobalPooling,
    Item,
    Linear,
    Residual,
    Shape,
    unrolled,
)
from accel_sim.workload.emitter import Emitter, part
from accel_sim.workload.folding import fold
from accel_sim.workload.graph import Block, Parameter
from accel_sim.workload.model import Formats
from accel_sim.workload.tensors import Residency, Tensor


class Unit(NamedTuple):
    """A layer and the shape it reads: what must be equal for two layers to fold."""

    item: Item
    source: Shape


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a convolution does when it does not say."""

    batch_norm: bool
    activation: str

    def normalized(self, conv: Conv) -> bool:
        """Tell whether batch normalization follows a convolution."""
        return self.batch_norm if conv.batch_norm is None else conv.batch_norm

    def biased(self, conv: Conv) -> bool:
        """Tell whether a convolution has a bias of its own."""
        return not self.normalized(conv) if conv.bias is None else conv.bias


def cnn_blocks(
    items: Sequence[Item], source: Shape, defaults: Defaults, batch: int, formats: Formats
) -> tuple[Block, ...]:
    """Return the operators of a network over `batch` images.

    Layers that repeat on one shape are a block of their own, named after the first of them; those in between
    share one.
    """
    image = Tensor("images", (batch, *source), formats.activations, Residency.IO)
    blocks: list[Block] = []
    lowering = _Lowering(Emitter(formats), defaults, batch)
    stream, start = image, "layers.0"
    for group in fold(_units(items, source)):
        if group.repeat > 1 and lowering.emit.operators:
            blocks.append(lowering.emit.block(start, image, stream))
            lowering = _Lowering(Emitter(formats), defaults, batch)
        if not lowering.emit.operators:
            start = f"layers.{group.first}"
            if blocks:
                image = stream = Tensor(f"{start}.input", (batch, *group.unit[0].source), formats.activations)
        for offset, unit in enumerate(group.unit):
            stream = lowering.append(f"layers.{group.first + offset}", unit, stream)
        if group.repeat > 1:
            blocks.append(lowering.emit.block(start, image, stream, group.repeat))
            lowering = _Lowering(Emitter(formats), defaults, batch)
    if lowering.emit.operators:
        blocks.append(lowering.emit.block(start, image, stream))
    return tuple(blocks)


def cnn_parameters(items: Sequence[Item], source: Shape, defaults: Defaults) -> tuple[Parameter, ...]:
    """Return the trained tensors, batch normalization's included (running statistics are not trained)."""
    return tuple(
        parameter
        for group in fold(_units(items, source))
        for offset, unit in enumerate(group.unit)
        for parameter in _parameters(f"layers.{group.first + offset}", unit, defaults, group.repeat)
    )


def _units(items: Sequence[Item], source: Shape) -> list[Unit]:
    units = []
    for item in unrolled(items):
        units.append(Unit(item, source))
        source = item.kind.output(source)
    return units


@dataclass
class _Lowering:
    emit: Emitter
    defaults: Defaults
    batch: int

    def append(self, name: str, unit: Unit, stream: Tensor) -> Tensor:
        """Append a layer under a name; return its output."""
        layer, source = unit.item.kind, unit.source
        if isinstance(layer, Conv):
            return self._conv(f"{name}.conv", layer, source, stream)
        if isinstance(layer, Linear):
            return self._linear(f"{name}.linear", layer, source, stream)
        if isinstance(layer, Residual):
            return self._residual(name, layer, source, stream)
        made = layer.output(source)
        if isinstance(layer, GlobalPooling):
            return self.emit.pool(
                f"{name}.pool", "average", stream, source.height * source.width, self.batch, *made
            )
        kind = "max" if unit.item.name == "max_pool" else "average"
        return self.emit.pool(
            f"{name}.pool", kind, stream, layer.kernel[0] * layer.kernel[1], self.batch, *made
        )

    def _conv(self, name: str, layer: Conv, source: Shape, stream: Tensor) -> Tensor:
        output = self.emit.conv(
            name,
            stream,
            batch=self.batch,
            channels=(source.channels, layer.channels),
            size=(source.height, source.width),
            kernel=layer.kernel,
            stride=layer.stride,
            padding=layer.margins(),
            dilation=layer.dilation,
            groups=layer.group_count(source),
            bias=self.defaults.biased(layer) or self.defaults.normalized(layer),
        )
        return self._activate(f"{name}.act", layer.activation or self.defaults.activation, output)

    def _linear(self, name: str, layer: Linear, source: Shape, stream: Tensor) -> Tensor:
        width = source.channels * source.height * source.width
        flat = (part(stream, self.batch, width),)
        output = self.emit.gemm(name, flat, self.batch, layer.features, width, bias=layer.bias)
        return self._activate(f"{name}.act", layer.activation, output)

    def _residual(self, name: str, layer: Residual, source: Shape, stream: Tensor) -> Tensor:
        body = self._branch(f"{name}.body", layer.body, source, stream)
        passed = self._branch(f"{name}.shortcut", layer.shortcut, source, stream)
        total = self.emit.elementwise(f"{name}.add", "add", (body, passed), *body.shape)
        return self._activate(f"{name}.act", layer.activation, total)

    def _branch(self, name: str, items: Sequence[Item], source: Shape, stream: Tensor) -> Tensor:
        for index, unit in enumerate(_units(items, source)):
            stream = self.append(f"{name}.{index}", unit, stream)
        return stream

    def _activate(self, name: str, function: str, stream: Tensor) -> Tensor:
        if function == "none":
            return stream
        return self.emit.elementwise(name, function, (stream,), *stream.shape)


def _parameters(name: str, unit: Unit, defaults: Defaults, count: int) -> Iterator[Parameter]:
    layer, source = unit.item.kind, unit.source
    if isinstance(layer, Conv):
        shape = (layer.channels, source.channels // layer.group_count(source), *layer.kernel)
        yield Parameter(f"{name}.conv.weight", shape, count)
        if defaults.biased(layer):
            yield Parameter(f"{name}.conv.bias", (layer.channels,), count)
        if defaults.normalized(layer):
            yield Parameter(f"{name}.batch_norm.weight", (layer.channels,), count)
            yield Parameter(f"{name}.batch_norm.bias", (layer.channels,), count)
    elif isinstance(layer, Linear):
        width = source.channels * source.height * source.width
        yield Parameter(f"{name}.linear.weight", (layer.features, width), count)
        if layer.bias:
            yield Parameter(f"{name}.linear.bias", (layer.features,), count)
    elif isinstance(layer, Residual):
        for branch, items in (("body", layer.body), ("shortcut", layer.shortcut)):
            for index, inner in enumerate(_units(items, source)):
                yield from _parameters(f"{name}.{branch}.{index}", inner, defaults, count)
