"""One transformer layer as operators: attention, feed-forward part, normalizations, residual additions."""

from __future__ import annotations

from dataclasses import dataclass

from accel_sim.workload.emitter import Emitter, part
from accel_sim.workload.moe import moe
from accel_sim.workload.operators import Attention, KvAppend, Norm, Rotary
from accel_sim.workload.tensors import Residency, Tensor
from accel_sim.workload.transformer import AttentionSpec, DenseSpec, LayerSpec, Placement, TransformerSpec


@dataclass(frozen=True, slots=True)
class Run:
    """How much runs: `query` new tokens of each of `batch` sequences, which then have `context` tokens."""

    batch: int
    query: int
    context: int

    @property
    def tokens(self) -> int:
        """New tokens of all sequences."""
        return self.batch * self.query


def layer(emit: Emitter, spec: TransformerSpec, which: LayerSpec, run: Run, source: Tensor) -> Tensor:
    """Append a layer that reads the residual stream `source`; return the stream after it."""
    tokens, hidden, kind = run.tokens, spec.hidden, spec.norm

    def norm(name: str, tensor: Tensor) -> Tensor:
        return emit.norm(name, kind, tensor, tokens, hidden)

    def add(name: str, *tensors: Tensor) -> Tensor:
        return emit.elementwise(name, "add", tensors, tokens, hidden)

    if spec.placement is Placement.PARALLEL:
        normed = norm("norm", source)
        attended = attention(emit, spec, which.window, run, normed)
        return add("residual", source, attended, feed_forward(emit, which, tokens, hidden, normed))
    if spec.placement is Placement.POST:
        middle = norm(
            "attn.norm", add("attn.residual", source, attention(emit, spec, which.window, run, source))
        )
        return norm("mlp.norm", add("mlp.residual", middle, feed_forward(emit, which, tokens, hidden, middle)))
    sandwich = spec.placement is Placement.SANDWICH
    attended = attention(emit, spec, which.window, run, norm("attn.norm", source))
    middle = add("attn.residual", source, norm("attn.post_norm", attended) if sandwich else attended)
    fed = feed_forward(emit, which, tokens, hidden, norm("mlp.norm", middle))
    return add("mlp.residual", middle, norm("mlp.post_norm", fed) if sandwich else fed)


def attention(emit: Emitter, spec: TransformerSpec, window: int, run: Run, source: Tensor) -> Tensor:
    """Append the fused QKV product, the write to the cache, attention and the output projection."""
    shape, tokens = spec.attention, run.tokens
    q_width, kv_width = shape.q_width, shape.kv_width
    qkv = emit.gemm("attn.qkv", (source,), tokens, q_width + 2 * kv_width, spec.hidden, bias=shape.qkv_bias)
    qk = _rotated(emit, shape, tokens, _normed_heads(emit, shape, tokens, qkv))
    query = part(qk, run.batch, run.query, q_width)
    if shape.causal:
        seen = min(run.context, window + run.query - 1) if window else run.context
        cache = _append(emit, run, kv_width, qk, qkv)
        key = value = part(cache, run.batch, seen, kv_width)
    else:
        key, value = part(qk, run.batch, run.context, kv_width), part(qkv, run.batch, run.context, kv_width)
    output = emit.activation("attn.attention", run.batch, run.query, q_width)
    emit.operators.append(
        Attention(
            output.name,
            run.batch,
            run.query,
            run.context,
            shape.heads,
            shape.kv_heads,
            shape.head_dim,
            (query, key, value),
            (),
            output,
            causal=shape.causal,
            window=window,
            softcap=shape.softcap,
            accumulator=emit.formats.accumulator,
        )
    )
    rows = part(output, tokens, q_width)
    return emit.gemm("attn.output", (rows,), tokens, spec.hidden, q_width, bias=shape.output_bias)


def _normed_heads(emit: Emitter, shape: AttentionSpec, tokens: int, qkv: Tensor) -> Tensor:
    if not shape.qk_norm:
        return qkv
    heads, dim = shape.heads + shape.kv_heads, shape.head_dim
    output = emit.activation("attn.qk_norm", tokens, heads * dim)
    weights = (emit.vector("attn.q_norm.weight", dim), emit.vector("attn.k_norm.weight", dim))
    source = part(qkv, tokens, heads * dim)
    emit.operators.append(Norm(output.name, "rmsnorm", tokens * heads, dim, (source,), weights, output))
    return output


def _rotated(emit: Emitter, shape: AttentionSpec, tokens: int, source: Tensor) -> Tensor:
    if not shape.rotary_dim:
        return source
    heads = shape.heads + shape.kv_heads
    output = emit.activation("attn.rotary", tokens, heads * shape.head_dim)
    inputs = (part(source, tokens, heads * shape.head_dim),)
    emit.operators.append(Rotary(output.name, tokens, tokens * heads * shape.rotary_dim, inputs, output))
    return output


def _append(emit: Emitter, run: Run, kv_width: int, qk: Tensor, qkv: Tensor) -> Tensor:
    tokens = run.tokens
    fused = qk.name == qkv.name
    inputs = (
        (part(qkv, tokens, 2 * kv_width),)
        if fused
        else (part(qk, tokens, kv_width), part(qkv, tokens, kv_width))
    )
    name = emit.prefix + "attn.kv_cache"
    output = Tensor(name, (run.batch, run.query, 2 * kv_width), emit.formats.kv_cache, Residency.KV_CACHE)
    emit.operators.append(KvAppend(name, tokens, inputs, output))
    return output


def feed_forward(emit: Emitter, which: LayerSpec, tokens: int, hidden: int, source: Tensor) -> Tensor:
    """Append a dense feed-forward layer or a mixture of experts."""
    ffn = which.ffn
    if not isinstance(ffn, DenseSpec):
        return moe(emit, ffn, source, tokens, hidden)
    if ffn.gated:
        up = emit.gemm("mlp.gate_up", (source,), tokens, 2 * ffn.width, hidden, bias=ffn.bias)
    else:
        up = emit.gemm("mlp.up", (source,), tokens, ffn.width, hidden, bias=ffn.bias)
    function = f"{ffn.activation}_multiply" if ffn.gated else ffn.activation
    active = emit.elementwise("mlp.act", function, (up,), tokens, ffn.width)
    return emit.gemm("mlp.down", (active,), tokens, hidden, ffn.width, bias=ffn.bias)
