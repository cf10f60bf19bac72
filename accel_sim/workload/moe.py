"""Mixture-of-experts layers: how tokens spread over experts, and the operators that follow."""

from __future__ import annotations

from typing import NamedTuple

from accel_sim.workload.emitter import Emitter, part
from accel_sim.workload.operators import Routing
from accel_sim.workload.tensors import Tensor
from accel_sim.workload.transformer import MoeSpec


class ExpertGroup(NamedTuple):
    """`experts` experts that receive `tokens` tokens each."""

    experts: int
    tokens: int


def balanced(tokens: int, top_k: int, experts: int) -> tuple[ExpertGroup, ...]:
    """Return the load of the experts that have any, as even as whole tokens allow.

    The tokens * top_k assignments go to as many experts as there are assignments, at most all; so one or two
    group sizes arise, which differ by one token. Trained routers come close to this only on average: a skewed
    load raises the time of the busiest expert, not the work.
    """
    assignments = tokens * top_k
    busy = min(experts, assignments)
    size, longer = divmod(assignments, busy)
    groups = (ExpertGroup(longer, size + 1), ExpertGroup(busy - longer, size))
    return tuple(group for group in groups if group.experts)


def moe(emit: Emitter, spec: MoeSpec, source: Tensor, tokens: int, hidden: int) -> Tensor:
    """Append router, routing, experts and their weighted sum; return the (tokens, hidden) result.

    Each group of experts with equal load is one batched product. The routing's output is a second input of
    the experts' first products: it orders and gathers their rows.
    """
    logits = emit.gemm("moe.router", (source,), tokens, spec.experts, hidden)
    chosen = emit.activation("moe.routing", tokens, spec.top_k)
    emit.operators.append(Routing(chosen.name, tokens, spec.experts, spec.top_k, (logits,), chosen))
    groups = balanced(tokens, spec.top_k, spec.experts)
    results = []
    for index, group in enumerate(groups):
        name = f"moe.experts.{index}" if len(groups) > 1 else "moe.experts"
        results.append(_experts(emit, name, spec, group, source, chosen, hidden))
    assignments = tokens * spec.top_k
    total = emit.elementwise("moe.weigh", "multiply", (*results, chosen), assignments, hidden)
    if spec.top_k > 1:
        total = emit.elementwise(
            "moe.combine", "add", (part(total, tokens, hidden),) * spec.top_k, tokens, hidden
        )
    if spec.shared_width:
        shared = _shared_expert(emit, spec, source, tokens, hidden)
        total = emit.elementwise("moe.add_shared", "add", (total, shared), tokens, hidden)
    return total


def _experts(
    emit: Emitter, name: str, spec: MoeSpec, group: ExpertGroup, source: Tensor, chosen: Tensor, hidden: int
) -> Tensor:
    rows = group.experts * group.tokens
    inputs = (part(source, rows, hidden), part(chosen, rows))
    both = emit.gemm(f"{name}.gate_up", inputs, group.tokens, 2 * spec.width, hidden, batch=group.experts)
    active = emit.elementwise(f"{name}.act", f"{spec.activation}_multiply", (both,), rows, spec.width)
    return emit.gemm(f"{name}.down", (active,), group.tokens, hidden, spec.width, batch=group.experts)


def _shared_expert(emit: Emitter, spec: MoeSpec, source: Tensor, tokens: int, hidden: int) -> Tensor:
    width = spec.shared_width
    both = emit.gemm("moe.shared.gate_up", (source,), tokens, 2 * width, hidden)
    active = emit.elementwise("moe.shared.act", f"{spec.activation}_multiply", (both,), tokens, width)
    down = emit.gemm("moe.shared.down", (active,), tokens, hidden, width)
    gate = emit.gemm("moe.shared.gate", (source,), tokens, 1, hidden)
    scale = emit.elementwise("moe.shared.sigmoid", "sigmoid", (gate,), tokens, 1)
    return emit.elementwise("moe.shared.scale", "multiply", (down, scale), tokens, hidden)
