"""Names of a transformer's tensors in the checkpoints of its family."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Names:
    """Names in a checkpoint, without the `.weight` and `.bias` endings; the defaults are LLaMA's.

    `*` stands for the index of a layer or expert. Names below `layer` are relative to it. `qkv`, where not
    empty, is a fused projection in place of `q`, `k` and `v`; `expert` holds gate, up and down of each
    expert.
    """

    tokens: str = "model.embed_tokens"
    positions: str = ""
    token_types: str = ""
    embedding_norm: str = ""
    class_token: str = ""
    patches: str = ""
    project_in: str = ""
    project_out: str = ""
    layer: str = "model.layers.*"
    q: str = "self_attn.q_proj"
    k: str = "self_attn.k_proj"
    v: str = "self_attn.v_proj"
    qkv: str = ""
    output: str = "self_attn.o_proj"
    q_norm: str = "self_attn.q_norm"
    k_norm: str = "self_attn.k_norm"
    norms: tuple[str, ...] = ("input_layernorm", "post_attention_layernorm")
    gate: str = "mlp.gate_proj"
    up: str = "mlp.up_proj"
    down: str = "mlp.down_proj"
    router: str = "mlp.gate"
    expert: tuple[str, str, str] = (
        "mlp.experts.*.gate_proj",
        "mlp.experts.*.up_proj",
        "mlp.experts.*.down_proj",
    )
    shared: str = "mlp.shared_expert"
    final_norm: str = "model.norm"
    head: str = "lm_head"
    transposed: bool = False  # GPT-2 keeps its matrices as (in, out)
