"""Mixtral, Qwen2-MoE and Qwen3-MoE: decoders whose feed-forward layers are mixtures of experts."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from accel_sim.workload.family import activation
from accel_sim.workload.family_llama import GatedDecoder, QwenDecoder
from accel_sim.workload.model import Dimension, Flag, LayerCount, LayerIndex, Rows
from accel_sim.workload.names import Names
from accel_sim.workload.transformer import AttentionSpec, DenseSpec, MoeSpec

Experts = Annotated[int, Field(gt=0, le=4096, strict=True)]

ROUTER_FIELDS = frozenset(
    {"output_router_logits", "router_aux_loss_coef", "router_jitter_noise", "norm_topk_prob"}
)
MIXTRAL_NAMES = Names(
    router="block_sparse_moe.gate",
    expert=(
        "block_sparse_moe.experts.*.w1",
        "block_sparse_moe.experts.*.w3",
        "block_sparse_moe.experts.*.w2",
    ),
)


class Mixtral(GatedDecoder):
    """Mixtral: every layer is a mixture of experts."""

    names: ClassVar[Names] = MIXTRAL_NAMES
    checkpoint_only: ClassVar[frozenset[str]] = ROUTER_FIELDS

    model_type: Literal["mixtral"]
    intermediate_size: Dimension = 14336
    num_key_value_heads: Dimension | None = 8
    max_position_embeddings: Rows = 4096 * 32
    sliding_window: Rows | None = None
    num_local_experts: Experts = 8
    num_experts_per_tok: Experts = 2

    def layer_windows(self) -> list[int]:
        """Return the same window for all layers."""
        return [self.sliding_window or 0] * self.num_hidden_layers

    def feed_forward(self) -> list[DenseSpec | MoeSpec]:
        """Return a mixture for every layer."""
        _check_choice(self.num_experts_per_tok, self.num_local_experts)
        act = activation(self.hidden_act, gated=True)
        mixture = MoeSpec(self.num_local_experts, self.num_experts_per_tok, self.intermediate_size, act)
        return [mixture] * self.num_hidden_layers


class QwenMoe(QwenDecoder):
    """Qwen mixtures: every `decoder_sparse_step`-th layer is one, except those in `mlp_only_layers`."""

    checkpoint_only: ClassVar[frozenset[str]] = ROUTER_FIELDS

    num_experts: Experts
    num_experts_per_tok: Experts
    moe_intermediate_size: Dimension
    decoder_sparse_step: Dimension = 1
    mlp_only_layers: tuple[LayerIndex, ...] = ()

    def shared_width(self) -> int:
        """Return the width of the expert all tokens visit, 0 for none."""
        return 0

    def feed_forward(self) -> list[DenseSpec | MoeSpec]:
        """Return a mixture or a dense layer for each layer."""
        _check_choice(self.num_experts_per_tok, self.num_experts)
        act = activation(self.hidden_act, gated=True)
        mixture = MoeSpec(
            self.num_experts, self.num_experts_per_tok, self.moe_intermediate_size, act, self.shared_width()
        )
        dense = self.dense(self.intermediate_size)
        return [mixture if self._is_sparse(index) else dense for index in range(self.num_hidden_layers)]

    def _is_sparse(self, index: int) -> bool:
        return index not in self.mlp_only_layers and (index + 1) % self.decoder_sparse_step == 0


class Qwen2Moe(QwenMoe):
    """Qwen1.5-MoE and Qwen2-MoE: a shared expert with a gate of its own, QKV biases."""

    model_type: Literal["qwen2_moe"]
    hidden_size: Dimension = 2048
    intermediate_size: Dimension = 5632
    num_hidden_layers: LayerCount = 24
    num_attention_heads: Dimension = 16
    num_key_value_heads: Dimension | None = 16
    num_experts: Experts = 60
    num_experts_per_tok: Experts = 4
    moe_intermediate_size: Dimension = 1408
    shared_expert_intermediate_size: Dimension = 5632
    qkv_bias: Flag = True

    def shared_width(self) -> int:
        """Return the width of the shared expert."""
        return self.shared_expert_intermediate_size

    def attention(self, **differences: Any) -> AttentionSpec:
        """Return attention with QKV biases."""
        return super().attention(qkv_bias=self.qkv_bias, **differences)


class Qwen3Moe(QwenMoe):
    """Qwen3-MoE: normalized query and key heads, no shared expert."""

    model_type: Literal["qwen3_moe"]
    hidden_size: Dimension = 2048
    intermediate_size: Dimension = 6144
    num_hidden_layers: LayerCount = 24
    num_attention_heads: Dimension = 32
    num_key_value_heads: Dimension | None = 4
    num_experts: Experts = 128
    num_experts_per_tok: Experts = 8
    moe_intermediate_size: Dimension = 768
    attention_bias: Flag = False

    def attention(self, **differences: Any) -> AttentionSpec:
        """Return attention with normalized heads."""
        biases = {"qkv_bias": self.attention_bias, "output_bias": self.attention_bias}
        return super().attention(qk_norm=True, **biases, **differences)


def _check_choice(top_k: int, experts: int) -> None:
    if top_k > experts:
        raise ValueError(f"num_experts_per_tok = {top_k} is more than the {experts} experts")
