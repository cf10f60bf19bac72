"""Operators with exact shapes. They know tensors and arithmetic, never hardware.

Every operator has a `name`, the activations it reads (`inputs`), the constants it reads (`weights`) and the
tensor it writes (`output`). `macs(op)` counts dense multiply-accumulates; what a machine executes (padded,
skipped, bit-serial) is the machine's to report.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import singledispatch

from accel_sim.workload.formats import NumberFormat, number_format
from accel_sim.workload.tensors import Tensor

FP32 = number_format("fp32")


@dataclass(frozen=True, slots=True)
class Gemm:
    """`batch` independent products (M x K) @ (K x N), plus an optional bias of N.

    The right operand is `weights[0]` for a layer of a network and `inputs[1]` for a product of two
    activations, which has no weights. A further input of a layer only orders its rows (routing of experts).
    Each product of a batch has a right operand of its own (experts, heads); products that share theirs are
    one product with a larger M. A second weight, if any, is the bias.
    """

    name: str
    m: int
    n: int
    k: int
    inputs: tuple[Tensor, ...]
    weights: tuple[Tensor, ...]
    output: Tensor
    batch: int = 1
    accumulator: NumberFormat = FP32


@dataclass(frozen=True, slots=True)
class Conv2d:
    """A two-dimensional convolution over `batch` images, channels first in the formulas.

    Attributes:
        in_channels, out_channels, groups: as in every framework; depthwise has groups = in_channels.
        in_height, in_width: input without padding.
        kernel, stride, padding, dilation: (height, width) each; padding is per side.
    """

    name: str
    batch: int
    in_channels: int
    out_channels: int
    in_height: int
    in_width: int
    kernel: tuple[int, int]
    inputs: tuple[Tensor, ...]
    weights: tuple[Tensor, ...]
    output: Tensor
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    accumulator: NumberFormat = FP32

    @property
    def out_height(self) -> int:
        """Rows of the output."""
        return conv_output(self.in_height, self.kernel[0], self.stride[0], self.padding[0], self.dilation[0])

    @property
    def out_width(self) -> int:
        """Columns of the output."""
        return conv_output(self.in_width, self.kernel[1], self.stride[1], self.padding[1], self.dilation[1])


def conv_output(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Return the output size of a convolution or pooling along one axis (floor convention)."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


@dataclass(frozen=True, slots=True)
class Attention:
    """softmax(Q K^T / sqrt(d)) V for `batch` sequences; one operator, which a mapping may fuse or split.

    `inputs` are Q (batch, query_length, heads x head_dim), K and V (batch, keys, kv_heads x head_dim each;
    usually of residency KV_CACHE, then two parts of the tensor that a `KvAppend` writes to). `keys` is the
    context, or what a window lets any of the queries see of it.

    Attributes:
        query_length: new tokens of each sequence, the last of its context.
        context: keys each sequence has, the new ones included.
        heads, kv_heads: equal for MHA, kv_heads = 1 for MQA, in between for GQA.
        causal: query i sees keys up to its own position only.
        window: sliding window in keys, 0 for none.
        softcap: a tanh soft cap is applied to the scores (Gemma 2).
    """

    name: str
    batch: int
    query_length: int
    context: int
    heads: int
    kv_heads: int
    head_dim: int
    inputs: tuple[Tensor, ...]
    weights: tuple[Tensor, ...]
    output: Tensor
    causal: bool = True
    window: int = 0
    softcap: bool = False
    accumulator: NumberFormat = FP32

    @property
    def score_pairs(self) -> int:
        """(query, key) pairs of one head of one sequence that the mask lets through."""
        q, context = self.query_length, self.context
        window = min(self.window or context, context)
        if not self.causal:
            return q * window
        # Query i (0-based) sees min(window, context - q + i + 1) keys.
        first = context - q + 1
        growing = max(0, min(q, window - first + 1))
        return growing * first + growing * (growing - 1) // 2 + (q - growing) * window


@dataclass(frozen=True, slots=True)
class Softmax:
    """Softmax over the last axis of a (rows, columns) matrix."""

    name: str
    rows: int
    columns: int
    inputs: tuple[Tensor, ...]
    output: Tensor
    weights: tuple[Tensor, ...] = ()


@dataclass(frozen=True, slots=True)
class Norm:
    """Normalization of each row of a (rows, columns) matrix; `kind` is `layernorm` or `rmsnorm`.

    Batch normalization of inference is folded into its convolution and does not appear.
    """

    name: str
    kind: str
    rows: int
    columns: int
    inputs: tuple[Tensor, ...]
    weights: tuple[Tensor, ...]
    output: Tensor


@dataclass(frozen=True, slots=True)
class Elementwise:
    """A function of `elements` output values, reading one value of each input for each.

    `function` names what is computed (`relu`, `gelu`, `silu_multiply`, `add`, ...: the keys of FUNCTIONS);
    how many primitive operations that takes is the machine's to say. An input may be longer than the output
    (`silu_multiply` reads gate and up halves from one tensor).
    """

    name: str
    function: str
    elements: int
    inputs: tuple[Tensor, ...]
    output: Tensor
    weights: tuple[Tensor, ...] = ()


FUNCTIONS = (
    "add",
    "multiply",
    "scale",
    "relu",
    "relu6",
    "gelu",
    "gelu_tanh",
    "silu",
    "sigmoid",
    "tanh",
    "silu_multiply",
    "gelu_multiply",
    "softcap",
    "quantize",
)


@dataclass(frozen=True, slots=True)
class Pool:
    """Max or average pooling (`kind`) over windows of `window` values, giving `elements` outputs."""

    name: str
    kind: str
    elements: int
    window: int
    inputs: tuple[Tensor, ...]
    output: Tensor
    weights: tuple[Tensor, ...] = ()


@dataclass(frozen=True, slots=True)
class Reduction:
    """The sum over the last axis of a (rows, columns) matrix; one row for the sum of a whole tensor."""

    name: str
    rows: int
    columns: int
    inputs: tuple[Tensor, ...]
    output: Tensor
    weights: tuple[Tensor, ...] = ()


@dataclass(frozen=True, slots=True)
class Embedding:
    """A lookup of `tokens` rows of `width` values in `weights[0]` (rows x width); further weights are added."""

    name: str
    tokens: int
    width: int
    inputs: tuple[Tensor, ...]
    weights: tuple[Tensor, ...]
    output: Tensor


@dataclass(frozen=True, slots=True)
class Rotary:
    """Rotary position embedding of `elements` values (queries and keys) of `tokens` tokens."""

    name: str
    tokens: int
    elements: int
    inputs: tuple[Tensor, ...]
    output: Tensor
    weights: tuple[Tensor, ...] = ()


@dataclass(frozen=True, slots=True)
class KvAppend:
    """The write of new keys and values to the cache: `output` holds just the new entries (KV_CACHE).

    It carries the cache's name, by which attention reads it.
    """

    name: str
    tokens: int
    inputs: tuple[Tensor, ...]
    output: Tensor
    weights: tuple[Tensor, ...] = ()


@dataclass(frozen=True, slots=True)
class Routing:
    """MoE routing: softmax over `experts` and the choice of `top_k` for each of `tokens` tokens.

    `inputs[0]` holds the router's logits (a Gemm made them).
    """

    name: str
    tokens: int
    experts: int
    top_k: int
    inputs: tuple[Tensor, ...]
    output: Tensor
    weights: tuple[Tensor, ...] = ()


Operator = (
    Gemm
    | Conv2d
    | Attention
    | Softmax
    | Norm
    | Elementwise
    | Pool
    | Reduction
    | Embedding
    | Rotary
    | KvAppend
    | Routing
)


@singledispatch
def macs(operator: object) -> int:
    """Return the dense multiply-accumulates of an operator (attention: those its mask lets through).

    Work of vector units (norms, softmax, activations) is not counted in MACs.
    """
    return 0


@macs.register
def _(op: Gemm) -> int:
    return op.batch * op.m * op.n * op.k


@macs.register
def _(op: Conv2d) -> int:
    per_output = (op.in_channels // op.groups) * math.prod(op.kernel)
    return op.batch * op.out_channels * op.out_height * op.out_width * per_output


@macs.register
def _(op: Attention) -> int:
    return 2 * op.batch * op.heads * op.score_pairs * op.head_dim
