"""The layer language of convolutional networks, and the shape each layer makes of its input.

    - conv: {channels: 64, kernel: 7, stride: 2}    # padding, dilation, groups, bias, batch_norm, activation
    - max_pool: {kernel: 3, stride: 2, padding: 1}  # average_pool likewise
    - global_average_pool: {}
    - linear: {features: 1000}                      # flattens what it reads; bias, activation
    - residual: {body: [...], shortcut: [...], activation: relu}
    - repeat: {times: 3, layers: [...]}

Kernels, strides and paddings are one number or [height, width].
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from accel_sim.workload.model import Dimension, Flag
from accel_sim.workload.operators import conv_output


def _pair(value: Any) -> Any:
    return (value, value) if isinstance(value, int) else value


Extent = Annotated[int, Field(gt=0, le=2**14, strict=True)]
Pair = Annotated[tuple[Extent, Extent], BeforeValidator(_pair)]
Margin = Annotated[int, Field(ge=0, le=2**14, strict=True)]
Margins = Annotated[tuple[Margin, Margin], BeforeValidator(_pair)]
Activation = Literal["relu", "relu6", "silu", "gelu", "sigmoid", "tanh", "none"]
Times = Annotated[int, Field(gt=0, le=256, strict=True)]


def some(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Return a list of layers that is not empty.

    Raises:
        ValueError: it is.
    """
    if not items:
        raise ValueError("must have at least one layer")
    return items


class Shape(NamedTuple):
    """Channels, height and width of one image's activations."""

    channels: int
    height: int
    width: int


class _Layer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Conv(_Layer):
    """A convolution with optional batch normalization (folded into it) and activation.

    `padding`, where not given, keeps the size of an odd kernel at stride 1. `groups: depthwise` gives each
    channel a filter of its own. `bias` is there unless normalization follows. None leaves a choice to the
    network.
    """

    channels: Dimension
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Margins | None = None
    dilation: Pair = (1, 1)
    groups: Dimension | Literal["depthwise"] = 1
    bias: Flag | None = None
    batch_norm: Flag | None = None
    activation: Activation | None = None

    def margins(self) -> tuple[int, int]:
        """Return the padding of each side, (height, width)."""
        if self.padding is not None:
            return self.padding
        (high, wide), (down, across) = self.kernel, self.dilation
        return (high - 1) * down // 2, (wide - 1) * across // 2

    def group_count(self, source: Shape) -> int:
        """Return the number of groups for an input.

        Raises:
            ValueError: channels that the groups do not share evenly.
        """
        groups = source.channels if self.groups == "depthwise" else self.groups
        if source.channels % groups or self.channels % groups:
            raise ValueError(f"{groups} groups do not divide {source.channels} and {self.channels} channels")
        return groups

    def output(self, source: Shape) -> Shape:
        """Return the shape of the output."""
        self.group_count(source)
        return Shape(self.channels, *_windows(source, self.kernel, self.stride, self.margins(), self.dilation))


class Pooling(_Layer):
    """Windows of `kernel`; the stride is the kernel unless it is given."""

    kernel: Pair
    stride: Pair | None = None
    padding: Margins = (0, 0)

    def output(self, source: Shape) -> Shape:
        """Return the shape of the output."""
        stride = self.stride or self.kernel
        return Shape(source.channels, *_windows(source, self.kernel, stride, self.padding, (1, 1)))


class GlobalPooling(_Layer):
    """One value for each channel."""

    def output(self, source: Shape) -> Shape:
        """Return the shape of the output."""
        return Shape(source.channels, 1, 1)


class Linear(_Layer):
    """A fully connected layer on the flattened input."""

    features: Dimension
    bias: Flag = True
    activation: Activation = "none"

    def output(self, source: Shape) -> Shape:
        """Return the shape of the output."""
        return Shape(self.features, 1, 1)


class Residual(_Layer):
    """`body` of the input, plus the input itself or what `shortcut` makes of it, then an activation."""

    body: Annotated[tuple[Item, ...], AfterValidator(some)]
    shortcut: tuple[Item, ...] = ()
    activation: Activation = "none"

    def output(self, source: Shape) -> Shape:
        """Return the shape of the output.

        Raises:
            ValueError: the two branches make different shapes.
        """
        made, passed = output_shape(self.body, source), output_shape(self.shortcut, source)
        if made != passed:
            raise ValueError(f"the body makes {_show(made)} of {_show(source)}, the shortcut {_show(passed)}")
        return made


class Repeat(_Layer):
    """`layers`, `times` times in sequence."""

    times: Times
    layers: Annotated[tuple[Item, ...], AfterValidator(some)]


Kind = Conv | Pooling | GlobalPooling | Linear | Residual


class Item(_Layer):
    """One entry of a list of layers: exactly one of its fields is given."""

    conv: Conv | None = None
    max_pool: Pooling | None = None
    average_pool: Pooling | None = None
    global_average_pool: GlobalPooling | None = None
    linear: Linear | None = None
    residual: Residual | None = None
    repeat: Repeat | None = None

    @model_validator(mode="after")
    def _one(self) -> Item:
        if len(self.model_fields_set) != 1 or getattr(self, self.name) is None:
            raise ValueError(f"must be one of {', '.join(type(self).model_fields)}, with its settings")
        return self

    @property
    def name(self) -> str:
        """The field that is given."""
        return next(iter(self.model_fields_set))

    @property
    def kind(self) -> Kind:
        """The layer itself; repetitions are unrolled before anyone asks."""
        layer = getattr(self, self.name)
        assert not isinstance(layer, Repeat), "unrolled"
        return layer


def layer_count(items: Sequence[Item]) -> int:
    """Return how many layers there are with repetitions written out, those of residual branches included."""
    count = 0
    for item in items:
        if item.repeat is not None:
            count += item.repeat.times * layer_count(item.repeat.layers)
        elif item.residual is not None:
            count += 1 + layer_count(item.residual.body) + layer_count(item.residual.shortcut)
        else:
            count += 1
    return count


def unrolled(items: Sequence[Item]) -> Iterator[Item]:
    """Yield the layers with every repetition written out."""
    for item in items:
        if item.repeat is None:
            yield item
            continue
        for _ in range(item.repeat.times):
            yield from unrolled(item.repeat.layers)


def output_shape(items: Sequence[Item], source: Shape) -> Shape:
    """Return the shape that layers in sequence make of their input.

    Raises:
        ValueError: an input that is too small for a window, groups that do not divide channels.
    """
    for item in unrolled(items):
        source = item.kind.output(source)
        if math.prod(source) > 2**40:
            raise ValueError(f"activations of {_show(source)} are too large")
    return source


def _windows(
    source: Shape,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
) -> tuple[int, int]:
    sizes = (source.height, source.width)
    made = [conv_output(*axis) for axis in zip(sizes, kernel, stride, padding, dilation, strict=True)]
    if min(made) < 1:
        raise ValueError(f"an input of {_show(source)} is too small for a kernel of {kernel[0]} x {kernel[1]}")
    return made[0], made[1]


def _show(shape: Shape) -> str:
    return " x ".join(map(str, shape))
