"""BERT and the Vision Transformer: encoders that read their whole input at once."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator

from accel_sim.workload.family import Encoder, activation, head_dim
from accel_sim.workload.model import Dimension, Flag, LayerCount, Rows
from accel_sim.workload.names import Names
from accel_sim.workload.transformer import (
    AttentionSpec,
    DenseSpec,
    LayerSpec,
    PatchEmbedding,
    Placement,
    PooledHead,
    TokenEmbedding,
    TransformerSpec,
)

# Files list every class by name; only their number matters here.
LabelCount = Annotated[
    Dimension, BeforeValidator(lambda labels: len(labels) if isinstance(labels, dict) else labels)
]

BERT_NAMES = Names(
    tokens="embeddings.word_embeddings",
    positions="embeddings.position_embeddings",
    token_types="embeddings.token_type_embeddings",
    embedding_norm="embeddings.LayerNorm",
    layer="encoder.layer.*",
    q="attention.self.query",
    k="attention.self.key",
    v="attention.self.value",
    output="attention.output.dense",
    norms=("attention.output.LayerNorm", "output.LayerNorm"),
    up="intermediate.dense",
    down="output.dense",
    head="pooler.dense",
)
VIT_NAMES = Names(
    class_token="vit.embeddings.cls_token",
    positions="vit.embeddings.position_embeddings",
    patches="vit.embeddings.patch_embeddings.projection",
    layer="vit.encoder.layer.*",
    q="attention.attention.query",
    k="attention.attention.key",
    v="attention.attention.value",
    output="attention.output.dense",
    norms=("layernorm_before", "layernorm_after"),
    up="intermediate.dense",
    down="output.dense",
    final_norm="vit.layernorm",
    head="classifier",
)


class Bert(Encoder):
    """BERT with its pooler, without a task's head; 128 tokens a sequence unless the phase says otherwise."""

    checkpoint_only: ClassVar[frozenset[str]] = frozenset({"classifier_dropout", "gradient_checkpointing"})
    fixed: ClassVar[dict[str, object]] = {"position_embedding_type": "absolute", "is_decoder": False}

    model_type: Literal["bert"]
    vocab_size: Rows = 30522
    hidden_size: Dimension = 768
    num_hidden_layers: LayerCount = 12
    num_attention_heads: Dimension = 12
    intermediate_size: Dimension = 3072
    max_position_embeddings: Rows = 512
    type_vocab_size: Dimension = 2
    hidden_act: str = "gelu"

    def sequence(self, asked: int | None) -> int:
        """Return the tokens of one input."""
        return asked or min(128, self.max_position_embeddings)

    def spec(self) -> TransformerSpec:
        """Return the normalised description."""
        hidden, heads = self.hidden_size, self.num_attention_heads
        ffn = DenseSpec(self.intermediate_size, activation(self.hidden_act), gated=False, bias=True)
        return TransformerSpec(
            hidden=hidden,
            layers=(LayerSpec(0, ffn),) * self.num_hidden_layers,
            attention=AttentionSpec(
                heads, heads, head_dim(hidden, heads), qkv_bias=True, output_bias=True, causal=False
            ),
            norm="layernorm",
            placement=Placement.POST,
            embedding=TokenEmbedding(
                self.vocab_size,
                hidden,
                positions=self.max_position_embeddings,
                token_types=self.type_vocab_size,
                norm=True,
            ),
            head=PooledHead(hidden, pooler=True),
            final_norm=False,
            names=BERT_NAMES,
        )


class Vit(Encoder):
    """The Vision Transformer with its classifier (1000 classes unless the file lists others)."""

    checkpoint_only: ClassVar[frozenset[str]] = frozenset(
        {"encoder_stride", "pooler_act", "pooler_output_size"}
    )

    model_type: Literal["vit"]
    hidden_size: Dimension = 768
    num_hidden_layers: LayerCount = 12
    num_attention_heads: Dimension = 12
    intermediate_size: Dimension = 3072
    image_size: Dimension = 224
    patch_size: Dimension = 16
    num_channels: Dimension = 3
    qkv_bias: Flag = True
    hidden_act: str = "gelu"
    num_labels: Dimension = 1000
    id2label: LabelCount | None = None

    def sequence(self, asked: int | None) -> int:
        """Return the patches of an image and the class token."""
        if asked is not None:
            raise ValueError("phase.sequence is decided by image_size and patch_size")
        return PatchEmbedding(self.image_size, self.patch_size, self.num_channels).patches + 1

    def spec(self) -> TransformerSpec:
        """Return the normalised description."""
        if self.image_size % self.patch_size:
            raise ValueError(
                f"image_size = {self.image_size} is not a multiple of patch_size = {self.patch_size}"
            )
        hidden, heads = self.hidden_size, self.num_attention_heads
        ffn = DenseSpec(self.intermediate_size, activation(self.hidden_act), gated=False, bias=True)
        return TransformerSpec(
            hidden=hidden,
            layers=(LayerSpec(0, ffn),) * self.num_hidden_layers,
            attention=AttentionSpec(
                heads, heads, head_dim(hidden, heads), qkv_bias=self.qkv_bias, output_bias=True, causal=False
            ),
            norm="layernorm",
            placement=Placement.PRE,
            embedding=PatchEmbedding(self.image_size, self.patch_size, self.num_channels),
            head=PooledHead(self.id2label or self.num_labels, pooler=False),
            names=VIT_NAMES,
        )
