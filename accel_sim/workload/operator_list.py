"""Plain lists of operators, for sweeps of shapes, vector kernels, and layer lists of other tools."""

from __future__ import annotations

import math
from collections import Counter
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from accel_sim.config.errors import did_you_mean
from accel_sim.workload.cnn_layers import Extent, Margins, Pair
from accel_sim.workload.emitter import Emitter
from accel_sim.workload.graph import Block, Parameter
from accel_sim.workload.model import INFERENCE_ONLY, AnyPhase, Dimension, Formats, ModelSpec, Rows
from accel_sim.workload.operators import FUNCTIONS, conv_output
from accel_sim.workload.phases import Inference
from accel_sim.workload.tensors import DENSE, Residency, Tensor, ValueStatistics

Count = Annotated[int, Field(gt=0, le=2**20, strict=True)]
Label = Annotated[str, Field(min_length=1, max_length=100)]
# A vector's length; and the elements of a tensor, so that bytes and ticks stay countable.
Extended = Annotated[int, Field(gt=0, le=2**34, strict=True)]
LARGEST_TENSOR = 2**40
# Fields of an operator list, in the order in which they run.
LISTS = ("gemms", "convolutions", "elementwise", "reductions")


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


class _Operator(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Label
    count: Count = 1


class _Entry(_Operator):
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


def _known_function(value: str) -> str:
    if value not in FUNCTIONS:
        raise ValueError(f"unknown function{did_you_mean(value, FUNCTIONS)}")
    return value


def _within_int64(value: tuple[int, ...]) -> tuple[int, ...]:
    if math.prod(value) > LARGEST_TENSOR:
        raise ValueError(f"{math.prod(value)} elements: must be at most {LARGEST_TENSOR}")
    return value


Shape = Annotated[tuple[Extended, ...], Field(min_length=1, max_length=8), AfterValidator(_within_int64)]


class VectorEntry(_Operator):
    """A function of tensors of one `shape`, element by element, `count` times.

    Attributes:
        function: `add`, `multiply`, `relu`, ...; sums and products take two tensors, `silu_multiply` and
            `gelu_multiply` one with both halves side by side, the others one.
        shape: of the result; rows of the last axis are what a mapping cuts it into.
    """

    function: Annotated[str, AfterValidator(_known_function)]
    shape: Shape


class ReductionEntry(_Operator):
    """The sums over the last axis of a tensor of `shape`, `count` times."""

    shape: Shape


class OperatorList(ModelSpec):
    """Independent operators, run one after another; nothing flows between them.

    The phase's batch multiplies the rows of a product, the images of a convolution, and the first axis of a
    tensor (of a vector: how many there are).
    """

    phases: ClassVar[tuple[type[AnyPhase], ...]] = INFERENCE_ONLY

    gemms: tuple[GemmEntry, ...] = ()
    convolutions: tuple[ConvEntry, ...] = ()
    elementwise: tuple[VectorEntry, ...] = ()
    reductions: tuple[ReductionEntry, ...] = ()

    @model_validator(mode="after")
    def _names(self) -> OperatorList:
        names = Counter(entry.name for _, entries in self._lists() for entry in entries)
        if not names:
            raise ValueError("at least one operator is needed")
        name, times = names.most_common(1)[0]
        if times > 1:
            raise ValueError(f"the name '{name}' is given {times} times")
        return self

    def _lists(self) -> tuple[tuple[str, tuple[_Operator, ...]], ...]:
        return tuple((name, getattr(self, name)) for name in LISTS)

    @property
    def family(self) -> str:
        """What the list holds: `gemms`, `convolutions`, ..., or `operators` if several."""
        kinds = [name for name, entries in self._lists() if entries]
        return kinds[0] if len(kinds) == 1 else "operators"

    def blocks(self, phase: AnyPhase, formats: Formats) -> tuple[Block, ...]:
        """Return one block for each operator."""
        if isinstance(phase, Inference) and phase.sequence is not None:
            raise ValueError("phase.sequence has no meaning for a list of operators")
        return (
            *(_gemm(entry, phase.batch, formats) for entry in self.gemms),
            *(_conv(entry, phase.batch, formats) for entry in self.convolutions),
            *(_vector(entry, phase.batch, formats) for entry in self.elementwise),
            *(_reduction(entry, phase.batch, formats) for entry in self.reductions),
        )

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


def _vector(entry: VectorEntry, batch: int, formats: Formats) -> Block:
    emit = Emitter(formats)
    shape = _batched(entry.shape, batch)
    operands = ["left", "right"] if entry.function in ("add", "multiply") else ["input"]
    halves = 2 if entry.function.endswith("_multiply") else 1
    sources = tuple(
        Tensor(f"{entry.name}.{which}", (*shape[:-1], halves * shape[-1]), formats.activations, Residency.IO)
        for which in operands
    )
    output = emit.elementwise(entry.name, entry.function, sources, *shape, residency=Residency.IO)
    return emit.block(entry.name, sources[0], output, entry.count)


def _reduction(entry: ReductionEntry, batch: int, formats: Formats) -> Block:
    emit = Emitter(formats)
    *rows, columns = _batched(entry.shape, batch)
    source = Tensor(f"{entry.name}.input", (*rows, columns), formats.activations, Residency.IO)
    output = emit.reduction(entry.name, source, math.prod(rows), columns, residency=Residency.IO)
    return emit.block(entry.name, source, output, entry.count)


def _batched(shape: tuple[int, ...], batch: int) -> tuple[int, ...]:
    return (batch * shape[0], *shape[1:]) if len(shape) > 1 else (batch, *shape) if batch > 1 else shape
