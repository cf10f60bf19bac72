"""Attention as three segments: score product, softmax, value product, the scores in memory in between."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from accel_sim.config.identity import Same
from accel_sim.mapping.attention_tiling import visible_keys
from accel_sim.mapping.plan import OUTSIDE, Place, Segment, Source
from accel_sim.workload.operators import Attention, Elementwise, Gemm, Softmax
from accel_sim.workload.tensors import Tensor


def split_attention(segment: Segment) -> tuple[Segment, Segment, Segment]:
    """Return the three segments; every query meets every key that any query may see, masked or not.

    Query heads that share a KV head are rows of one product. The producers of the sources are kept; the
    scores' producers are for the caller to connect, in order. The same segment gives the same three.
    """
    return _split(Same(segment))


@lru_cache(maxsize=1024)
def _split(same: Same[Segment]) -> tuple[Segment, Segment, Segment]:
    segment, op = same.value, same.value.operator
    assert isinstance(op, Attention)
    groups, share = op.batch * op.kv_heads, op.heads // op.kv_heads
    rows = share * op.query_length
    query, key, value = segment.sources[:3]
    keys = visible_keys(op)
    scores = Tensor(f"{op.name}.scores", (groups, rows, keys), query.tensor.format)
    weights = replace(scores, name=f"{op.name}.weights")

    def outside(tensor: Tensor) -> Source:
        return Source(tensor, Place.MEMORY, OUTSIDE)

    first = Gemm(
        scores.name, rows, keys, op.head_dim, (query.tensor, key.tensor), (), scores, groups, op.accumulator
    )
    middle = Softmax(weights.name, groups * rows, keys, (scores,), weights)
    last = Gemm(
        op.name, rows, op.head_dim, keys, (weights, value.tensor), (), op.output, groups, op.accumulator
    )
    capped = replace(scores, name=f"{op.name}.capped")
    cap = Elementwise(capped.name, "softcap", scores.elements, (scores,), capped)
    return (
        Segment(first, (cap,) if op.softcap else (), (query, key), (), scores, Place.MEMORY),
        Segment(middle, (), (outside(scores),), (), weights, Place.MEMORY),
        Segment(last, (), (outside(weights), value), (), segment.output, segment.place),
    )
