"""Which primitive operations the functions of vector operators take.

The primitives are what a vector unit's parameters speak of. The counts are those of a straightforward
implementation without fused multiply-add: an exponential counts as one `exp`, however the unit makes it.
"""

from __future__ import annotations

from collections.abc import Mapping

from accel_sim.technology.arithmetic import Operation

PRIMITIVES: tuple[Operation, ...] = ("add", "multiply", "max", "exp", "rsqrt", "divide")

# Operations for each output element.
_SIGMOID = {"exp": 1, "add": 1, "divide": 1}
_TANH = {"exp": 1, "add": 2, "divide": 1}  # 1 - 2 / (exp(2x) + 1), the doubling folded into exp
_GELU_TANH = {"multiply": 4, "add": 4, "exp": 1, "divide": 1}  # Hendrycks and Gimpel 2016, tanh form
FUNCTIONS: Mapping[str, Mapping[str, float]] = {
    "add": {"add": 1},
    "multiply": {"multiply": 1},
    "scale": {"multiply": 1},
    "relu": {"max": 1},
    "relu6": {"max": 2},
    # Exact GELU by the rational erf of Abramowitz and Stegun 7.1.26: 5 terms, one exp, one divide.
    "gelu": {"multiply": 8, "add": 7, "exp": 1, "divide": 1},
    "gelu_tanh": _GELU_TANH,
    "silu": {**_SIGMOID, "multiply": 1},
    "sigmoid": _SIGMOID,
    "tanh": _TANH,
    "silu_multiply": {**_SIGMOID, "multiply": 2},
    "gelu_multiply": {**_GELU_TANH, "multiply": 5},
    "softcap": {**_TANH, "multiply": 2},
    "quantize": {"multiply": 1, "add": 1, "max": 2},  # scale, zero point, clamp on both sides
}

# One pass over the row each: maximum; subtract, exp, sum; scale by the reciprocal (one divide a row).
SOFTMAX_PASSES: tuple[Mapping[str, float], ...] = ({"max": 1}, {"add": 2, "exp": 1}, {"multiply": 1})
SOFTMAX_PER_ROW: Mapping[str, float] = {"divide": 1}

# Online softmax of one score (Milakov and Gimelshein 2018): the three passes at once, without the final scale.
ONLINE_SOFTMAX: Mapping[str, float] = {"max": 1, "add": 2, "exp": 1}
# Rescaling of one output element when the running maximum of its row moves, done for every tile of keys.
ONLINE_RESCALE: Mapping[str, float] = {"multiply": 1, "add": 1}

NORM_PASSES: Mapping[str, tuple[Mapping[str, float], ...]] = {
    # mean; centred square sum; scale and shift
    "layernorm": ({"add": 1}, {"add": 2, "multiply": 1}, {"add": 2, "multiply": 2}),
    # square sum; scale by the row's factor and by the weight
    "rmsnorm": ({"add": 1, "multiply": 1}, {"multiply": 2}),
}
NORM_PER_ROW: Mapping[str, float] = {"rsqrt": 1, "multiply": 2}

# Rotary embedding: x cos + rotate(x) sin.
ROTARY: Mapping[str, float] = {"multiply": 2, "add": 1}
