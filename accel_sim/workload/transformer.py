"""What a transformer is made of, in one form for all families: they normalise into it, lowering reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from accel_sim.workload.names import Names


class Placement(Enum):
    """Where a layer normalizes."""

    PRE = "pre"  # x + f(norm(x)), twice (GPT-2, LLaMA)
    POST = "post"  # norm(x + f(x)), twice (BERT, OPT-350M)
    SANDWICH = "sandwich"  # x + norm(f(norm(x))), twice (Gemma 2 and 3)
    PARALLEL = "parallel"  # x + attention(norm(x)) + mlp(norm(x)), one norm (Phi-2)


@dataclass(frozen=True, slots=True)
class AttentionSpec:
    """Self-attention of every layer.

    Attributes:
        heads, kv_heads, head_dim: heads * head_dim need not equal the hidden width.
        qkv_bias, output_bias: biases of the projections.
        rotary_dim: values of each head that rotary embedding turns; 0 for none.
        qk_norm: every query and key head is normalized (RMS) before the scores.
        softcap: scores pass a tanh soft cap.
        causal: a decoder with a KV cache; False for an encoder.
    """

    heads: int
    kv_heads: int
    head_dim: int
    qkv_bias: bool = False
    output_bias: bool = False
    rotary_dim: int = 0
    qk_norm: bool = False
    softcap: bool = False
    causal: bool = True

    @property
    def q_width(self) -> int:
        """Values of all query heads of a token."""
        return self.heads * self.head_dim

    @property
    def kv_width(self) -> int:
        """Values of all key heads of a token, which are as many as those of all value heads."""
        return self.kv_heads * self.head_dim


@dataclass(frozen=True, slots=True)
class DenseSpec:
    """A feed-forward layer: down(act(up(x))), or down(act(gate(x)) * up(x)) when gated."""

    width: int
    activation: str
    gated: bool
    bias: bool = False


@dataclass(frozen=True, slots=True)
class MoeSpec:
    """A mixture of gated experts, of which each token visits `top_k`.

    Attributes:
        width: of one expert.
        shared_width: of the expert that every token visits, scaled by a sigmoid gate of its own; 0 for none.
    """

    experts: int
    top_k: int
    width: int
    activation: str
    shared_width: int = 0


@dataclass(frozen=True, slots=True)
class LayerSpec:
    """What may differ between layers: the attention window in keys (0 for all) and the feed-forward part."""

    window: int
    ffn: DenseSpec | MoeSpec


@dataclass(frozen=True, slots=True)
class TokenEmbedding:
    """Token, position and token-type tables.

    Attributes:
        width: of the token table; where it is not the hidden width, a projection follows (OPT-350M).
        positions: learned positions, 0 for none (rotary, ALiBi); `position_offset` more rows stand in the
            table.
        token_types: rows of a segment table (BERT), 0 for none.
        norm: the sum is normalized (BERT, BLOOM).
        scaled: the sum is multiplied by the square root of the hidden width (Gemma).
    """

    vocabulary: int
    width: int
    positions: int = 0
    position_offset: int = 0
    token_types: int = 0
    norm: bool = False
    scaled: bool = False


@dataclass(frozen=True, slots=True)
class PatchEmbedding:
    """Square image patches, a class token and learned positions (ViT)."""

    image: int
    patch: int
    channels: int

    @property
    def patches(self) -> int:
        """Patches of an image; its sequence has one token more."""
        return (self.image // self.patch) ** 2


@dataclass(frozen=True, slots=True)
class LanguageHead:
    """Logits over the vocabulary for the last token of each sequence; `tied` to the token table or not."""

    tied: bool
    bias: bool = False
    softcap: bool = False


@dataclass(frozen=True, slots=True)
class PooledHead:
    """A dense layer with bias on the first token of each sequence, followed by tanh when it is a pooler."""

    outputs: int
    pooler: bool


@dataclass(frozen=True, slots=True)
class TransformerSpec:
    """A transformer of any supported family.

    Attributes:
        hidden: width of the residual stream.
        layers: in execution order.
        norm: `layernorm` or `rmsnorm`.
        final_norm: a normalization follows the last layer.
        names: of the checkpoint's tensors.
    """

    hidden: int
    layers: tuple[LayerSpec, ...]
    attention: AttentionSpec
    norm: str
    placement: Placement
    embedding: TokenEmbedding | PatchEmbedding
    head: LanguageHead | PooledHead
    final_norm: bool = True
    names: Names = field(default_factory=Names)

    @property
    def kv_width(self) -> int:
        """Cached values of one token in one layer, keys and values together."""
        return 2 * self.attention.kv_width if self.attention.causal else 0
