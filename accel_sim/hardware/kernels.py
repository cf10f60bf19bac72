"""How many kernels a framework launches for an operator, and what passes between them through memory.

`eager` is PyTorch running the modules of Hugging Face transformers line by line: every line that computes is
a kernel, which reads its operands from memory and writes its result there. `fused` is one kernel an operator,
with attention that never writes its scores (Dao et al., FlashAttention, 2022).

The eager counts follow the source of transformers 4 (GPT-2's modules and the activations read, the others from
memory) and what PyTorch launches for each line (from memory). So counted, a layer of GPT-2 is 23 kernels in a
decode step; profiled on an H200 with transformers 5 it is 23 to 25, and a step has 12 more, for masks and
positions, that belong to no operator. Leaves out: copies for layout, the copy of the whole cache when it grows,
kernels split along K.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from accel_sim.workload.operators import (
    Attention,
    Conv2d,
    Elementwise,
    Embedding,
    Gemm,
    KvAppend,
    Norm,
    Operator,
    Pool,
    Reduction,
    Rotary,
    Routing,
    Softmax,
)

Execution = Literal["eager", "fused"]


@dataclass(frozen=True, slots=True)
class Launches:
    """Kernels of one operator.

    Attributes:
        kernels: how many are launched.
        between_bytes: bytes of all values that one kernel writes for another of the same operator to read.
    """

    kernels: int
    between_bytes: int = 0


# Kernels of an element-wise function.
FUNCTION_KERNELS: Mapping[str, int] = {
    **dict.fromkeys(("add", "multiply", "scale", "relu", "relu6", "gelu", "silu", "sigmoid", "tanh"), 1),
    "gelu_tanh": 8,  # NewGELUActivation: power, 2 sums, 4 products, tanh
    "silu_multiply": 2,  # LlamaMLP: activation, product
    "gelu_multiply": 2,  # GemmaMLP: torch's own tanh form, product
    "softcap": 3,  # Gemma2Attention: quotient, tanh, product
    "quantize": 4,  # assumed: scale, round, clamp, cast
}
# (kernels, tensors of the result's size between them) of a normalization.
NORM_KERNELS: Mapping[str, tuple[int, int]] = {
    "layernorm": (1, 0),  # torch.nn.LayerNorm
    "rmsnorm": (8, 4),  # LlamaRMSNorm: cast, square, mean, sum, root, product, cast, product with the weight
}
# Score product, scale, mask, softmax, value product; scores pass between each two (eager_attention_forward).
ATTENTION_KERNELS = 5
# Queries and keys each: product with the cosine, negation, concatenation, product with the sine, sum.
ROTARY_KERNELS = 10
# Softmax, choice, sum, quotient, cast (MixtralSparseMoeBlock).
ROUTING_KERNELS = 5


def launches(op: Operator, execution: Execution) -> Launches:
    """Return the kernels of one execution of an operator."""
    return Launches(1) if execution == "fused" else _EAGER[type(op)](op)


def _gemm(op: Gemm) -> Launches:
    """One kernel, its bias included; experts with weights of their own are called one after the other."""
    return Launches(op.batch if op.weights else 1)


def _conv(op: Conv2d) -> Launches:
    """The convolution, and the sum with its bias, which cuDNN's plain convolution does not take."""
    biased = len(op.weights) > 1
    return Launches(1 + biased, op.output.bytes if biased else 0)


def _attention(op: Attention) -> Launches:
    scores = op.batch * op.heads * op.query_length * op.inputs[1].shape[1]
    return Launches(ATTENTION_KERNELS, (ATTENTION_KERNELS - 1) * op.output.format.bytes(scores))


def _norm(op: Norm) -> Launches:
    kernels, between = NORM_KERNELS[op.kind]
    return Launches(kernels, between * op.output.bytes)


def _elementwise(op: Elementwise) -> Launches:
    kernels = FUNCTION_KERNELS[op.function] + max(0, len(op.inputs) - 2)
    return Launches(kernels, (kernels - 1) * op.output.bytes)


def _embedding(op: Embedding) -> Launches:
    """One lookup a table, and sums of what was found."""
    tables = len(op.weights)
    return Launches(2 * tables - 1, 2 * (tables - 1) * op.output.bytes)


def _rotary(op: Rotary) -> Launches:
    return Launches(ROTARY_KERNELS, (ROTARY_KERNELS // 2 - 1) * op.output.bytes)


_EAGER: Mapping[type, Callable[[Any], Launches]] = {
    Gemm: _gemm,
    Conv2d: _conv,
    Attention: _attention,
    Norm: _norm,
    Elementwise: _elementwise,
    Embedding: _embedding,
    Rotary: _rotary,
    KvAppend: lambda op: Launches(2),  # DynamicCache: keys, values
    Routing: lambda op: Launches(ROUTING_KERNELS),
    Softmax: lambda op: Launches(1),
    Pool: lambda op: Launches(1),
    Reduction: lambda op: Launches(1),
}
