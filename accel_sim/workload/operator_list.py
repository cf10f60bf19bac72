"""Plain lists of matrix products and convolutions, for sweeps of shapes and for layer lists of other tools."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from accel_sim.workload.cnn_layers import Extent, Margins, Pair
from accel_sim.workload.emitter import Emitter
from accel_sim.workload.graph import Block, Parameter
from accel_sim.workload.model import INFERENCE_ONLY, AnyPhase, Dimension, Formats, ModelSpec, Rows
from accel_sim.workload.operators import conv_output
from accel_sim.workload.phases import Inference
from accel_sim.workload.tensors import DENSE, Residency, Tensor, ValueStatistics

Count = Annotated[int, Field(gt=0, le=2**20, strict=True)]
Label = Annotated[str, Field(min_length=1, max_length=100)]


def _n_of_m(value: object) -> object:
    """Read `2:4`, which YAML files must quote no more than a clock time."""
    if not isinstance(value, str):
        return value
    kept, colon, of = value.partition(":")
    if not (colon and kept.strip().isdecimal() and of.strip().isdecimal()):
        raise ValueError("structured sparsity is written N:M, such as 2:4")
    return int(kept), int(of)


def _at_most_all(value: tuple[int, int]) -> tuple[int, int]:
    if value[0] > value[1]:
        raise ValueError(f"{value[0]} of {value[1]} values cannot be non-zero")
    return value


Sparsity = Annotated[
    tuple[Annotated[int, Field(gt=0, le=1024)], Annotated[int, Field(gt=0, le=1024)]],
    BeforeValidator(_n_of_m),
]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Label
    count: Count = 1
    sparsity: Sparsity | None = None

    @model_validator(mode="after")
    def _sensible(self) -> _Entry:
        if self.sparsity is not None:
            _at_most_all(self.sparsity)
        return self

    @property
    def statistics(self) -> ValueStatistics:
        """What is known of the weights' values."""
        if self.sparsity is None:
            return DENSE
        kept, of = self.sparsity
        return ValueStatistics(zero_fraction=1 - kept / of, n_of_m=self.sparsity)


class GemmEntry(_Entry):
    """`batch` products (m x k) @ (k x n) with constant right operands, `count` times.

    Attributes:
        sparsity: N:M pattern of the right operand along k.
    """

    m: Rows
    n: Rows
    k: Rows
    batch: Count = 1


class ConvEntry(_Entry):
    """A convolution of `batch` images, `count` times; sizes as in `Conv2d`.

    Attributes:
        sparsity: N:M pattern of the weights along the input channels.
    """

    in_channels: Dimension
    out_channels: Dimension
    height: Extent
    width: Extent
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Margins = (0, 0)
    dilation: Pair = (1, 1)
    groups: Dimension = 1
    batch: Count = 1

    @model_validator(mode="after")
    def _has_output(self) -> ConvEntry:
        for size, axis in ((self.height, 0), (self.width, 1)):
            window = (self.kernel[axis], self.stride[axis], self.padding[axis], self.dilation[axis])
            if conv_output(size, *window) < 1:
                raise ValueError(f"an input of {self.height} x {self.width} is too small for its kernel")
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ValueError(f"{self.groups} groups do not divide the channels")
        return self


class OperatorList(ModelSpec):
    """Independent operators, run one after another; nothing flows between them.

    The phase's batch multiplies the rows of a product and the images of a convolution.
    """

    phases: ClassVar[tuple[type[AnyPhase], ...]] = INFERENCE_ONLY

    gemms: tuple[GemmEntry, ...] = ()
    convolutions: tuple[ConvEntry, ...] = ()

    @model_validator(mode="after")
    def _names(self) -> OperatorList:
        names = Counter(entry.name for entry in (*self.gemms, *self.convolutions))
        if not names:
            raise ValueError("at least one operator is needed")
        name, times = names.most_common(1)[0]
        if times > 1:
            raise ValueError(f"the name '{name}' is given {times} times")
        return self

    @property
    def family(self) -> str:
        """What the list holds."""
        return "convolutions" if not self.gemms else "gemms" if not self.convolutions else "operators"

    def blocks(self, phase: AnyPhase, formats: Formats) -> tuple[Block, ...]:
        """Return one block for each operator."""
        if isinstance(phase, Inference) and phase.sequence is not None:
            raise ValueError("phase.sequence has no meaning for a list of operators")
        gemms = [_gemm(entry, phase.batch, formats) for entry in self.gemms]
        return (*gemms, *(_conv(entry, phase.batch, formats) for entry in self.convolutions))

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the right operands of products and the filters of convolutions."""
        gemms = [Parameter(f"{e.name}.weight", (e.k, e.n), e.count * e.batch) for e in self.gemms]
        filters = [
            Parameter(f"{e.name}.weight", (e.out_channels, e.in_channels // e.groups, *e.kernel), e.count)
            for e in self.convolutions
        ]
        return (*gemms, *filters)


def _gemm(entry: GemmEntry, batch: int, formats: Formats) -> Block:
    emit = Emitter(formats)
    rows = entry.m * batch
    leading = (entry.batch,) if entry.batch > 1 else ()
    source = Tensor(f"{entry.name}.input", (*leading, rows, entry.k), formats.activations, Residency.IO)
    weight = emit.matrix(f"{entry.name}.weight", *leading, entry.k, entry.n, statistics=entry.statistics)
    output = emit.gemm(
        entry.name,
        (source,),
        rows,
        entry.n,
        entry.k,
        batch=entry.batch,
        weight=weight,
        residency=Residency.IO,
    )
    return emit.block(entry.name, source, output, entry.count)


def _conv(entry: ConvEntry, batch: int, formats: Formats) -> Block:
    emit = Emitter(formats)
    images = entry.batch * batch
    shape = (images, entry.in_channels, entry.height, entry.width)
    source = Tensor(f"{entry.name}.input", shape, formats.activations, Residency.IO)
    output = emit.conv(
        entry.name,
        source,
        batch=images,
        channels=(entry.in_channels, entry.out_channels),
        size=(entry.height, entry.width),
        kernel=entry.kernel,
        stride=entry.stride,
        padding=entry.padding,
        dilation=entry.dilation,
        groups=entry.groups,
        bias=False,
        statistics=entry.statistics,
        residency=Residency.IO,
    )
    return emit.block(entry.name, source, output, entry.count)
