"""Lowering of a transformer to blocks: embedding, folded layers, head."""

from __future__ import annotations

from accel_sim.workload.emitter import TOKEN_IDS, Emitter, part
from accel_sim.workload.folding import Group, fold
from accel_sim.workload.graph import Block
from accel_sim.workload.layer import Run, layer
from accel_sim.workload.model import Formats
from accel_sim.workload.tensors import Residency, Tensor
from accel_sim.workload.transformer import (
    LayerSpec,
    PatchEmbedding,
    PooledHead,
    TokenEmbedding,
    TransformerSpec,
)


def transformer_blocks(spec: TransformerSpec, run: Run, formats: Formats) -> tuple[Block, ...]:
    """Return embedding, layers and head of a transformer as blocks.

    Equal layers are one block that repeats; where layers alternate, the block is one period of the
    alternation. A block of layers is named after its first layer, `layers.0`, and so are its operators. The
    language-model head runs on the last new token of each sequence, as servers do.
    """
    groups = [_layers(spec, group, run, formats) for group in fold(spec.layers)]
    return (_embedding(spec, run, formats), *groups, _head(spec, run, formats))


def _embedding(spec: TransformerSpec, run: Run, formats: Formats) -> Block:
    emit = Emitter(formats, "embedding.")
    if isinstance(spec.embedding, PatchEmbedding):
        source = emit.activation(
            "images",
            run.batch,
            spec.embedding.channels,
            spec.embedding.image,
            spec.embedding.image,
            residency=Residency.IO,
        )
        return emit.block("embedding", source, _patches(emit, spec, spec.embedding, run, source))
    source = Tensor("embedding.ids", (run.batch, run.query), TOKEN_IDS, Residency.IO)
    return emit.block("embedding", source, _tokens(emit, spec, spec.embedding, run, source))


def _patches(
    emit: Emitter, spec: TransformerSpec, embedding: PatchEmbedding, run: Run, source: Tensor
) -> Tensor:
    patch, image = (embedding.patch,) * 2, (embedding.image,) * 2
    channels = (embedding.channels, spec.hidden)
    patches = emit.conv(
        "patches", source, batch=run.batch, channels=channels, size=image, kernel=patch, stride=patch
    )
    weights = (emit.vector("class_token", 1, spec.hidden), emit.vector("positions", run.query, spec.hidden))
    return emit.elementwise("add_positions", "add", (patches,), run.tokens, spec.hidden, weights=weights)


def _tokens(emit: Emitter, spec: TransformerSpec, embedding: TokenEmbedding, run: Run, ids: Tensor) -> Tensor:
    tokens, hidden, names = run.tokens, spec.hidden, spec.names
    tables = [emit.table(f"{names.tokens}.weight", embedding.vocabulary, embedding.width)]
    positions = []
    if embedding.positions:
        rows = embedding.positions + embedding.position_offset
        positions.append(emit.table(f"{names.positions}.weight", rows, hidden))
    if embedding.token_types:
        positions.append(emit.table(f"{names.token_types}.weight", embedding.token_types, hidden))
    if embedding.width == hidden:
        stream = emit.embedding("tokens", ids, (*tables, *positions), tokens, hidden)
    else:
        narrow = emit.embedding("tokens", ids, tuple(tables), tokens, embedding.width)
        stream = emit.gemm("project_in", (narrow,), tokens, hidden, embedding.width)
        if positions:
            places = emit.embedding("positions", ids, tuple(positions), tokens, hidden)
            stream = emit.elementwise("add_positions", "add", (stream, places), tokens, hidden)
    if embedding.norm:
        stream = emit.norm("norm", spec.norm, stream, tokens, hidden)
    if embedding.scaled:
        stream = emit.elementwise("scale", "scale", (stream,), tokens, hidden)
    return stream


def _layers(spec: TransformerSpec, group: Group[LayerSpec], run: Run, formats: Formats) -> Block:
    emit = Emitter(formats)
    source = Tensor(f"layers.{group.first}.input", (run.tokens, spec.hidden), formats.activations)
    stream = source
    for offset, which in enumerate(group.unit):
        emit.prefix = f"layers.{group.first + offset}."
        stream = layer(emit, spec, which, run, stream)
    return emit.block(f"layers.{group.first}", source, stream, group.repeat)


def _head(spec: TransformerSpec, run: Run, formats: Formats) -> Block:
    emit = Emitter(formats, "head.")
    hidden, head = spec.hidden, spec.head
    source = emit.activation("input", run.tokens, hidden)
    stream = emit.norm("norm", spec.norm, source, run.tokens, hidden) if spec.final_norm else source
    if isinstance(head, PooledHead):
        first = part(stream, run.batch, hidden)
        if head.pooler:
            pooled = emit.gemm("pooler", (first,), run.batch, head.outputs, hidden, bias=True)
            return emit.block(
                "head", source, emit.elementwise("tanh", "tanh", (pooled,), run.batch, head.outputs)
            )
        classes = emit.gemm(
            "classifier", (first,), run.batch, head.outputs, hidden, bias=True, residency=Residency.IO
        )
        return emit.block("head", source, classes)
    assert isinstance(spec.embedding, TokenEmbedding), "a language head reads tokens"
    width, vocabulary = spec.embedding.width, spec.embedding.vocabulary
    if width != hidden:
        stream = emit.gemm("project_out", (stream,), run.tokens, width, hidden)
    name = spec.names.tokens if head.tied else spec.names.head
    weight = emit.table(f"{name}.weight", width, vocabulary)
    last = (part(stream, run.batch, width),)
    leaves = Residency.ACTIVATION if head.softcap else Residency.IO
    logits = emit.gemm(
        "logits", last, run.batch, vocabulary, width, bias=head.bias, weight=weight, residency=leaves
    )
    if head.softcap:
        logits = emit.elementwise(
            "softcap", "softcap", (logits,), run.batch, vocabulary, residency=Residency.IO
        )
    return emit.block("head", source, logits)
