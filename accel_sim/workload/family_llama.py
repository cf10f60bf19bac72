"""LLaMA, Mistral, Qwen and Gemma: gated feed-forward layers, RMS normalization, rotary embedding."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Any, ClassVar, Literal

from accel_sim.workload.family import Decoder, activation, grouped, head_dim, rotated, windows
from accel_sim.workload.model import Dimension, Flag, LayerCount, LayerIndex, Rows
from accel_sim.workload.names import Names
from accel_sim.workload.transformer import (
    AttentionSpec,
    DenseSpec,
    LanguageHead,
    LayerSpec,
    MoeSpec,
    Placement,
    TokenEmbedding,
    TransformerSpec,
)

LayerType = Literal["sliding_attention", "full_attention"]

SANDWICH_NORMS = (
    "input_layernorm",
    "post_attention_layernorm",
    "pre_feedforward_layernorm",
    "post_feedforward_layernorm",
)


class GatedDecoder(Decoder):
    """What the families of this file have in common; each says where it differs."""

    names: ClassVar[Names] = Names()
    placement: ClassVar[Placement] = Placement.PRE

    vocab_size: Rows = 32000
    hidden_size: Dimension = 4096
    intermediate_size: Dimension = 11008
    num_hidden_layers: LayerCount = 32
    num_attention_heads: Dimension = 32
    num_key_value_heads: Dimension | None = None
    head_dim: Dimension | None = None
    max_position_embeddings: Rows = 2048
    hidden_act: str = "silu"
    tie_word_embeddings: Flag = False

    def layer_windows(self) -> list[int]:
        """Return the attention window of each layer in keys, 0 for full attention."""
        return [0] * self.num_hidden_layers

    def feed_forward(self) -> list[DenseSpec | MoeSpec]:
        """Return the feed-forward part of each layer."""
        return [self.dense(self.intermediate_size)] * self.num_hidden_layers

    def dense(self, width: int) -> DenseSpec:
        """Return a gated feed-forward layer."""
        return DenseSpec(width, activation(self.hidden_act, gated=True), gated=True)

    def attention(self, **differences: Any) -> AttentionSpec:
        """Return rotary grouped-query attention, with a family's differences."""
        width = head_dim(self.hidden_size, self.num_attention_heads, self.head_dim)
        kv_heads = grouped(self.num_attention_heads, self.num_key_value_heads)
        return AttentionSpec(
            self.num_attention_heads, kv_heads, width, rotary_dim=rotated(width), **differences
        )

    def spec(self) -> TransformerSpec:
        """Return the normalised description."""
        return TransformerSpec(
            hidden=self.hidden_size,
            layers=tuple(map(LayerSpec, self.layer_windows(), self.feed_forward())),
            attention=self.attention(),
            norm="rmsnorm",
            placement=self.placement,
            embedding=TokenEmbedding(self.vocab_size, self.hidden_size),
            head=LanguageHead(self.tie_word_embeddings),
            names=self.names,
        )


class Llama(GatedDecoder):
    """LLaMA 1 to 3, and what was made in their image (Code Llama, Yi, InternLM)."""

    checkpoint_only: ClassVar[frozenset[str]] = frozenset({"pretraining_tp"})

    model_type: Literal["llama"]
    attention_bias: Flag = False
    mlp_bias: Flag = False

    def attention(self, **differences: Any) -> AttentionSpec:
        """Return attention whose four projections may have biases."""
        return super().attention(qkv_bias=self.attention_bias, output_bias=self.attention_bias, **differences)

    def dense(self, width: int) -> DenseSpec:
        """Return a gated feed-forward layer that may have biases."""
        return DenseSpec(width, activation(self.hidden_act, gated=True), gated=True, bias=self.mlp_bias)


class Mistral(GatedDecoder):
    """Mistral 7B: a sliding window in every layer, or none."""

    model_type: Literal["mistral"]
    intermediate_size: Dimension = 14336
    num_key_value_heads: Dimension | None = 8
    max_position_embeddings: Rows = 4096 * 32
    sliding_window: Rows | None = 4096

    def layer_windows(self) -> list[int]:
        """Return the same window for all layers."""
        return [self.sliding_window or 0] * self.num_hidden_layers


class QwenDecoder(GatedDecoder):
    """Qwen 2 and 3: with `use_sliding_window`, the layers from `max_window_layers` on slide."""

    vocab_size: Rows = 151936
    intermediate_size: Dimension = 22016
    num_key_value_heads: Dimension | None = 32
    max_position_embeddings: Rows = 32768
    use_sliding_window: Flag = False
    sliding_window: Rows | None = 4096
    max_window_layers: LayerIndex = 28
    layer_types: tuple[LayerType, ...] | None = None

    def layer_windows(self) -> list[int]:
        """Return the window of each layer; full attention unless sliding is switched on."""
        window = self.sliding_window if self.use_sliding_window else None
        slides = [window is not None and i >= self.max_window_layers for i in range(self.num_hidden_layers)]
        return windows(self.num_hidden_layers, window, self.layer_types, slides)


class Qwen2(QwenDecoder):
    """Qwen2 and Qwen2.5: biases on the QKV projections only."""

    model_type: Literal["qwen2"]

    def attention(self, **differences: Any) -> AttentionSpec:
        """Return attention with QKV biases."""
        return super().attention(qkv_bias=True, **differences)


class Qwen3(QwenDecoder):
    """Qwen3: normalized query and key heads, and a head width of its own."""

    model_type: Literal["qwen3"]
    head_dim: Dimension | None = 128
    attention_bias: Flag = False

    def attention(self, **differences: Any) -> AttentionSpec:
        """Return attention with normalized heads."""
        biases = {"qkv_bias": self.attention_bias, "output_bias": self.attention_bias}
        return super().attention(qk_norm=True, **biases, **differences)


class GemmaDecoder(GatedDecoder):
    """Gemma 2 and 3: four norms a layer, local and global layers in turn, scaled embedding."""

    names: ClassVar[Names] = Names(norms=SANDWICH_NORMS)
    placement: ClassVar[Placement] = Placement.SANDWICH
    renamed: ClassVar[dict[str, str]] = {"hidden_activation": "hidden_act"}
    checkpoint_only: ClassVar[frozenset[str]] = frozenset({"query_pre_attn_scalar", "cache_implementation"})

    hidden_size: Dimension = 2304
    intermediate_size: Dimension = 9216
    num_hidden_layers: LayerCount = 26
    num_attention_heads: Dimension = 8
    num_key_value_heads: Dimension | None = 4
    head_dim: Dimension | None = 256
    hidden_act: str = "gelu_pytorch_tanh"
    attention_bias: Flag = False
    sliding_window: Rows = 4096
    layer_types: tuple[LayerType, ...] | None = None
    attn_logit_softcapping: float | None = None
    final_logit_softcapping: float | None = None
    tie_word_embeddings: Flag = True

    @abstractmethod
    def is_local(self, index: int) -> bool:
        """Tell whether layer `index` (from 0) has a sliding window."""

    def layer_windows(self) -> list[int]:
        """Return the window of each layer, by `layer_types` or by the family's rule."""
        local = [self.is_local(index) for index in range(self.num_hidden_layers)]
        return windows(self.num_hidden_layers, self.sliding_window, self.layer_types, local)

    def attention(self, **differences: Any) -> AttentionSpec:
        """Return attention with Gemma's options."""
        return super().attention(
            qkv_bias=self.attention_bias,
            output_bias=self.attention_bias,
            softcap=self.attn_logit_softcapping is not None,
            **differences,
        )

    def spec(self) -> TransformerSpec:
        """Return the normalised description."""
        return replace(
            super().spec(),
            embedding=TokenEmbedding(self.vocab_size, self.hidden_size, scaled=True),
            head=LanguageHead(self.tie_word_embeddings, softcap=self.final_logit_softcapping is not None),
        )


class Gemma2(GemmaDecoder):
    """Gemma 2: local and global layers alternate, the first is local; scores and logits are soft-capped."""

    model_type: Literal["gemma2"]
    vocab_size: Rows = 256000
    max_position_embeddings: Rows = 8192
    attn_logit_softcapping: float | None = 50.0
    final_logit_softcapping: float | None = 30.0

    def is_local(self, index: int) -> bool:
        """Tell whether layer `index` is local: every second one, from the first on."""
        return index % 2 == 0


class Gemma3(GemmaDecoder):
    """Gemma 3, the text model: five local layers before each global one, normalized query and key heads.

    A file of the multimodal models nests it under `text_config`; the vision tower is not lowered.
    """

    model_type: Literal["gemma3_text"]
    vocab_size: Rows = 262208
    max_position_embeddings: Rows = 131072
    sliding_window_pattern: Dimension = 6

    def is_local(self, index: int) -> bool:
        """Tell whether layer `index` is local: all but the last of each period."""
        return (index + 1) % self.sliding_window_pattern != 0

    def attention(self, **differences: Any) -> AttentionSpec:
        """Return attention with normalized heads."""
        return super().attention(qk_norm=True, **differences)
