"""GPT-2, GPT-3, OPT, BLOOM and Phi: plain feed-forward layers with biases, and layer normalization."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from accel_sim.workload.family import Decoder, activation, grouped, head_dim, rotated
from accel_sim.workload.model import Dimension, Flag, LayerCount, Rows
from accel_sim.workload.names import Names
from accel_sim.workload.transformer import (
    AttentionSpec,
    DenseSpec,
    LanguageHead,
    LayerSpec,
    Placement,
    TokenEmbedding,
    TransformerSpec,
)

GPT2_NAMES = Names(
    tokens="transformer.wte",
    positions="transformer.wpe",
    layer="transformer.h.*",
    qkv="attn.c_attn",
    output="attn.c_proj",
    norms=("ln_1", "ln_2"),
    up="mlp.c_fc",
    down="mlp.c_proj",
    final_norm="transformer.ln_f",
    transposed=True,
)
OPT_NAMES = Names(
    tokens="model.decoder.embed_tokens",
    positions="model.decoder.embed_positions",
    project_in="model.decoder.project_in",
    project_out="model.decoder.project_out",
    layer="model.decoder.layers.*",
    output="self_attn.out_proj",
    norms=("self_attn_layer_norm", "final_layer_norm"),
    up="fc1",
    down="fc2",
    final_norm="model.decoder.final_layer_norm",
)
BLOOM_NAMES = Names(
    tokens="transformer.word_embeddings",
    embedding_norm="transformer.word_embeddings_layernorm",
    layer="transformer.h.*",
    qkv="self_attention.query_key_value",
    output="self_attention.dense",
    up="mlp.dense_h_to_4h",
    down="mlp.dense_4h_to_h",
    final_norm="transformer.ln_f",
)
PHI_NAMES = Names(
    output="self_attn.dense",
    norms=("input_layernorm",),
    up="mlp.fc1",
    down="mlp.fc2",
    final_norm="model.final_layernorm",
)


class Gpt2(Decoder):
    """GPT-2: learned positions, pre-norm."""

    renamed: ClassVar[dict[str, str]] = {
        "hidden_size": "n_embd",
        "num_hidden_layers": "n_layer",
        "num_attention_heads": "n_head",
        "max_position_embeddings": "n_positions",
        "intermediate_size": "n_inner",
    }
    checkpoint_only: ClassVar[frozenset[str]] = frozenset(
        {"n_ctx", "scale_attn_weights", "reorder_and_upcast_attn", "scale_attn_by_inverse_layer_idx"}
        | {f"summary_{what}" for what in ("type", "use_proj", "activation", "proj_to_labels", "first_dropout")}
    )

    model_type: Literal["gpt2"]
    vocab_size: Rows = 50257
    n_positions: Rows = 1024
    n_embd: Dimension = 768
    n_layer: LayerCount = 12
    n_head: Dimension = 12
    n_inner: Dimension | None = None
    activation_function: str = "gelu_new"
    tie_word_embeddings: Flag = True

    def head_width(self) -> int:
        """Return the width of a head."""
        return head_dim(self.n_embd, self.n_head)

    def spec(self) -> TransformerSpec:
        """Return the normalised description."""
        ffn = DenseSpec(
            self.n_inner or 4 * self.n_embd, activation(self.activation_function), gated=False, bias=True
        )
        return TransformerSpec(
            hidden=self.n_embd,
            layers=(LayerSpec(0, ffn),) * self.n_layer,
            attention=AttentionSpec(
                self.n_head, self.n_head, self.head_width(), qkv_bias=True, output_bias=True
            ),
            norm="layernorm",
            placement=Placement.PRE,
            embedding=TokenEmbedding(self.vocab_size, self.n_embd, positions=self.n_positions),
            head=LanguageHead(self.tie_word_embeddings),
            names=GPT2_NAMES,
        )


class Gpt3(Gpt2):
    """GPT-3 (Brown et al., 2020, table 2.1), in GPT-2's terms.

    Two of its sizes have heads that do not add up to the hidden width, hence `head_dim`. Every layer is
    lowered with dense attention; the paper alternates with locally banded layers whose band it does not give.
    """

    model_type: Literal["gpt3"]  # type: ignore[assignment]
    n_positions: Rows = 2048
    head_dim: Dimension | None = None
    activation_function: str = "gelu"

    def head_width(self) -> int:
        """Return the width of a head, as given or an equal share."""
        return head_dim(self.n_embd, self.n_head, self.head_dim)


class Opt(Decoder):
    """OPT: learned positions in a table of two rows more; the 350M model is post-norm, its embedding narrow."""

    checkpoint_only: ClassVar[frozenset[str]] = frozenset({"layerdrop"})
    fixed: ClassVar[dict[str, object]] = {"layer_norm_elementwise_affine": True}

    model_type: Literal["opt"]
    vocab_size: Rows = 50272
    hidden_size: Dimension = 768
    num_hidden_layers: LayerCount = 12
    ffn_dim: Dimension = 3072
    max_position_embeddings: Rows = 2048
    num_attention_heads: Dimension = 12
    do_layer_norm_before: Flag = True
    word_embed_proj_dim: Dimension | None = None
    enable_bias: Flag = True
    activation_function: str = "relu"
    tie_word_embeddings: Flag = True
    remove_final_layer_norm: Flag = Field(False, alias="_remove_final_layer_norm")

    def spec(self) -> TransformerSpec:
        """Return the normalised description."""
        ffn = DenseSpec(self.ffn_dim, activation(self.activation_function), gated=False, bias=self.enable_bias)
        width = head_dim(self.hidden_size, self.num_attention_heads)
        return TransformerSpec(
            hidden=self.hidden_size,
            layers=(LayerSpec(0, ffn),) * self.num_hidden_layers,
            attention=AttentionSpec(
                self.num_attention_heads,
                self.num_attention_heads,
                width,
                qkv_bias=self.enable_bias,
                output_bias=self.enable_bias,
            ),
            norm="layernorm",
            placement=Placement.PRE if self.do_layer_norm_before else Placement.POST,
            embedding=TokenEmbedding(
                self.vocab_size,
                self.word_embed_proj_dim or self.hidden_size,
                positions=self.max_position_embeddings,
                position_offset=2,
            ),
            head=LanguageHead(self.tie_word_embeddings),
            final_norm=self.do_layer_norm_before and not self.remove_final_layer_norm,
            names=OPT_NAMES,
        )


class Bloom(Decoder):
    """BLOOM: ALiBi, whose bias belongs to the scores and costs no operator here, and a normalized embedding."""

    renamed: ClassVar[dict[str, str]] = {
        "n_embed": "hidden_size",
        "num_hidden_layers": "n_layer",
        "num_attention_heads": "n_head",
    }
    checkpoint_only: ClassVar[frozenset[str]] = frozenset(
        {"seq_length", "slow_but_exact", "attention_softmax_in_fp32", "bias_dropout_fusion", "unk_token_id"}
        | {"masked_softmax_fusion", "offset_alibi", "skip_bias_add", "skip_bias_add_qkv", "n_inner"}
    )
    fixed: ClassVar[dict[str, object]] = {"apply_residual_connection_post_layernorm": False}

    model_type: Literal["bloom"]
    vocab_size: Rows = 250880
    hidden_size: Dimension = 64
    n_layer: LayerCount = 2
    n_head: Dimension = 8
    tie_word_embeddings: Flag = True

    def spec(self) -> TransformerSpec:
        """Return the normalised description."""
        ffn = DenseSpec(4 * self.hidden_size, "gelu_tanh", gated=False, bias=True)
        width = head_dim(self.hidden_size, self.n_head)
        return TransformerSpec(
            hidden=self.hidden_size,
            layers=(LayerSpec(0, ffn),) * self.n_layer,
            attention=AttentionSpec(self.n_head, self.n_head, width, qkv_bias=True, output_bias=True),
            norm="layernorm",
            placement=Placement.PRE,
            embedding=TokenEmbedding(self.vocab_size, self.hidden_size, norm=True),
            head=LanguageHead(self.tie_word_embeddings),
            names=BLOOM_NAMES,
        )


class Phi(Decoder):
    """Phi-1, 1.5 and 2: attention and feed-forward part in parallel, partial rotary embedding, biased head."""

    fixed: ClassVar[dict[str, object]] = {"qk_layernorm": False}

    model_type: Literal["phi"]
    vocab_size: Rows = 51200
    hidden_size: Dimension = 2048
    intermediate_size: Dimension = 8192
    num_hidden_layers: LayerCount = 24
    num_attention_heads: Dimension = 32
    num_key_value_heads: Dimension | None = None
    max_position_embeddings: Rows = 2048
    hidden_act: str = "gelu_new"
    partial_rotary_factor: float = Field(0.5, gt=0, le=1)
    tie_word_embeddings: Flag = False

    def spec(self) -> TransformerSpec:
        """Return the normalised description."""
        ffn = DenseSpec(self.intermediate_size, activation(self.hidden_act), gated=False, bias=True)
        width = head_dim(self.hidden_size, self.num_attention_heads)
        return TransformerSpec(
            hidden=self.hidden_size,
            layers=(LayerSpec(0, ffn),) * self.num_hidden_layers,
            attention=AttentionSpec(
                self.num_attention_heads,
                grouped(self.num_attention_heads, self.num_key_value_heads),
                width,
                qkv_bias=True,
                output_bias=True,
                rotary_dim=rotated(width, self.partial_rotary_factor),
            ),
            norm="layernorm",
            placement=Placement.PARALLEL,
            embedding=TokenEmbedding(self.vocab_size, self.hidden_size),
            head=LanguageHead(self.tie_word_embeddings, bias=True),
            names=PHI_NAMES,
        )
