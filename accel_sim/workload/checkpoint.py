"""Parameters of a transformer, tensor by tensor, under the names its family's checkpoints use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from accel_sim.workload.graph import Parameter
from accel_sim.workload.transformer import (
    DenseSpec,
    MoeSpec,
    PatchEmbedding,
    PooledHead,
    TokenEmbedding,
    TransformerSpec,
)


def transformer_parameters(spec: TransformerSpec) -> tuple[Parameter, ...]:
    """Return every trained tensor of a transformer; a tied head is the token table and appears once."""
    return (*_embedding(spec), *_layers(spec), *_head(spec))


def _linear(spec: TransformerSpec, name: str, n: int, k: int, count: int, bias: bool) -> Iterator[Parameter]:
    yield Parameter(f"{name}.weight", (k, n) if spec.names.transposed else (n, k), count)
    if bias:
        yield Parameter(f"{name}.bias", (n,), count)


def _norm(kind: str, name: str, width: int, count: int = 1) -> Iterator[Parameter]:
    yield Parameter(f"{name}.weight", (width,), count)
    if kind == "layernorm":
        yield Parameter(f"{name}.bias", (width,), count)


def _embedding(spec: TransformerSpec) -> Iterator[Parameter]:
    names, embedding = spec.names, spec.embedding
    if isinstance(embedding, PatchEmbedding):
        yield Parameter(names.class_token, (1, 1, spec.hidden))
        yield Parameter(names.positions, (1, embedding.patches + 1, spec.hidden))
        yield Parameter(
            f"{names.patches}.weight", (spec.hidden, embedding.channels, embedding.patch, embedding.patch)
        )
        yield Parameter(f"{names.patches}.bias", (spec.hidden,))
        return
    yield Parameter(f"{names.tokens}.weight", (embedding.vocabulary, embedding.width))
    if embedding.positions:
        rows = embedding.positions + embedding.position_offset
        yield Parameter(f"{names.positions}.weight", (rows, spec.hidden))
    if embedding.token_types:
        yield Parameter(f"{names.token_types}.weight", (embedding.token_types, spec.hidden))
    if embedding.norm:
        yield from _norm(spec.norm, names.embedding_norm, spec.hidden)
    if embedding.width != spec.hidden:
        yield Parameter(f"{names.project_in}.weight", (spec.hidden, embedding.width))
        yield Parameter(f"{names.project_out}.weight", (embedding.width, spec.hidden))


def _layers(spec: TransformerSpec) -> Iterator[Parameter]:
    names, attention, count = spec.names, spec.attention, len(spec.layers)
    widths = (
        {names.qkv: attention.q_width + 2 * attention.kv_width}
        if names.qkv
        else {names.q: attention.q_width, names.k: attention.kv_width, names.v: attention.kv_width}
    )
    for name, width in widths.items():
        yield from _linear(spec, f"{names.layer}.{name}", width, spec.hidden, count, attention.qkv_bias)
    output = f"{names.layer}.{names.output}"
    yield from _linear(spec, output, spec.hidden, attention.q_width, count, attention.output_bias)
    if attention.qk_norm:
        yield Parameter(f"{names.layer}.{names.q_norm}.weight", (attention.head_dim,), count)
        yield Parameter(f"{names.layer}.{names.k_norm}.weight", (attention.head_dim,), count)
    for name in names.norms:
        yield from _norm(spec.norm, f"{names.layer}.{name}", spec.hidden, count)
    for ffn, layers in Counter(layer.ffn for layer in spec.layers).items():
        yield from _dense(spec, ffn, layers) if isinstance(ffn, DenseSpec) else _experts(spec, ffn, layers)


def _dense(spec: TransformerSpec, ffn: DenseSpec, count: int) -> Iterator[Parameter]:
    names = spec.names
    for name in (names.gate, names.up) if ffn.gated else (names.up,):
        yield from _linear(spec, f"{names.layer}.{name}", ffn.width, spec.hidden, count, ffn.bias)
    yield from _linear(spec, f"{names.layer}.{names.down}", spec.hidden, ffn.width, count, ffn.bias)


def _experts(spec: TransformerSpec, ffn: MoeSpec, count: int) -> Iterator[Parameter]:
    names, hidden = spec.names, spec.hidden
    yield Parameter(f"{names.layer}.{names.router}.weight", (ffn.experts, hidden), count)
    gate, up, down = names.expert
    for name, shape in ((gate, (ffn.width, hidden)), (up, (ffn.width, hidden)), (down, (hidden, ffn.width))):
        yield Parameter(f"{names.layer}.{name}.weight", shape, count * ffn.experts)
    if ffn.shared_width:
        shared = f"{names.layer}.{names.shared}"
        yield Parameter(f"{shared}.gate_proj.weight", (ffn.shared_width, hidden), count)
        yield Parameter(f"{shared}.up_proj.weight", (ffn.shared_width, hidden), count)
        yield Parameter(f"{shared}.down_proj.weight", (hidden, ffn.shared_width), count)
        yield Parameter(f"{shared}_gate.weight", (1, hidden), count)


def _head(spec: TransformerSpec) -> Iterator[Parameter]:
    names, head = spec.names, spec.head
    if spec.final_norm:
        yield from _norm(spec.norm, names.final_norm, spec.hidden)
    if isinstance(head, PooledHead):
        yield Parameter(f"{names.head}.weight", (head.outputs, spec.hidden))
        yield Parameter(f"{names.head}.bias", (head.outputs,))
        return
    if isinstance(spec.embedding, TokenEmbedding):
        if not head.tied:
            yield Parameter(f"{names.head}.weight", (spec.embedding.vocabulary, spec.embedding.width))
        if head.bias:
            yield Parameter(f"{names.head}.bias", (spec.embedding.vocabulary,))
