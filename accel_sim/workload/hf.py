"""Reading Hugging Face model configurations: which family, which fields count, what must be refused.

A field of a configuration file is one of four things: one of the family's own (sizes and options), one that
changes neither sizes nor operators (token ids, dropout, initializers, rotary base), one whose name says that
it changes the arithmetic in a way no lowering here knows (quantization, latent attention, experts in a dense
family), or none of these. The third kind is refused unless its value switches it off. The last is ignored in
a `config.json`, which its owner fills as they like, and is a misspelling in a file written for this program.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from accel_sim.config import Document, InputError, check, did_you_mean
from accel_sim.workload.family import TransformerFamily
from accel_sim.workload.family_encoder import Bert, Vit
from accel_sim.workload.family_gpt import Bloom, Gpt2, Gpt3, Opt, Phi
from accel_sim.workload.family_llama import Gemma2, Gemma3, Llama, Mistral, Qwen2, Qwen3
from accel_sim.workload.family_moe import Mixtral, Qwen2Moe, Qwen3Moe

FAMILIES: dict[str, type[TransformerFamily]] = {
    "gpt2": Gpt2,
    "gpt3": Gpt3,
    "opt": Opt,
    "bloom": Bloom,
    "phi": Phi,
    "llama": Llama,
    "mistral": Mistral,
    "qwen2": Qwen2,
    "qwen3": Qwen3,
    "gemma2": Gemma2,
    "gemma3_text": Gemma3,
    "mixtral": Mixtral,
    "qwen2_moe": Qwen2Moe,
    "qwen3_moe": Qwen3Moe,
    "bert": Bert,
    "vit": Vit,
}
NESTED = {"gemma3": "gemma3_text"}
"""Multimodal types whose text model stands under `text_config`, and the type it has."""

# Fields of all families that change neither the sizes of tensors nor the operators that run.
INERT = re.compile(
    r"_name_or_path|_attn_implementation|architectures|auto_map|(torch_)?dtype|transformers_version|use_cache"
    r"|rope_(theta|scaling|parameters|local_base_freq)|id2label|label2id|problem_type|return_dict|torchscript"
    r"|output_(attentions|hidden_states)|task_specific_params|finetuning_task|gradient_checkpointing|prefix"
    r"|initializer_(range|factor)|init_std|chunk_size_feed_forward|model_max_length"
    r"|\w+_token_(id|index)|\w*dropout(_prob)?|\w+_pdrop|\w+_eps|\w+_epsilon"
)

# What the name of a field that changes the arithmetic looks like.
ARITHMETIC = re.compile(
    r"quantiz|expert|moe|lora|mamba|ssm|conv|cross_attention|is_encoder_decoder|is_decoder|sparse|softcap"
    r"|sliding|window|layer_types|parallel|alibi|multi_query|nextn|mtp|head_dim|kv_heads|key_value_heads|bias"
    r"|layernorm|layer_norm|_norm|rotary|vision_config|audio_config|text_config|decoder_layers|encoder_layers"
    r"|position_embedding|pruned_heads|multiplier|residual|sink|bidirectional|per_layer|ffn|mlp|adapter"
    r"|hidden_act|activation"
)

# Fields of other architectures that come along when a `config.json` is copied into a workload: refused for
# what they do, not as misspellings, and accepted when they are switched off.
FOREIGN = re.compile(
    r"quantization_config|is_(encoder_)?decoder|add_cross_attention|cross_attention_hidden_size|pruned_heads"
    r"|(q|kv)_lora_rank|qk_(nope|rope)_head_dim|v_head_dim|n_(routed|shared)_experts|num_(local_)?experts"
    r"|num_experts_per_tok|vision_config|(use_)?sliding_window|layer_types|tie_encoder_decoder"
)


def is_transformer(model_type: object) -> bool:
    """Tell whether a family of transformers goes by this `model_type`."""
    return isinstance(model_type, str) and NESTED.get(model_type, model_type) in FAMILIES


def family_of(document: Document) -> type[TransformerFamily]:
    """Return the family that the `model_type` of the document's model names.

    Raises:
        InputError: no `model_type`, or one that is not supported.
    """
    model = document.data["model"]
    if "model_type" not in model:
        raise document.error(("model", "model_type"), f"is required{did_you_mean('', FAMILIES)}")
    name = model["model_type"]
    if not is_transformer(name):
        hint = did_you_mean(str(name), [*FAMILIES, "cnn"])
        raise document.error(("model", "model_type"), f"architecture '{name}' is not supported{hint}")
    return FAMILIES[NESTED.get(name, name)]


def tolerate(document: Document) -> Document:
    """Return the document of a `config.json` without the fields that its family does not know.

    Raises:
        InputError: a field that changes the arithmetic in a way that is not supported.
    """
    document = _normalised(document)
    family = family_of(document)
    kept = {}
    for key, value in document.data["model"].items():
        if key in _fields(family) or key in family.fixed:
            kept[key] = value
        elif not _is_inert(family, key) and ARITHMETIC.search(key) and not _is_off(value):
            raise _unsupported(document, key)
    return _with_model(document, kept)


def read_transformer(document: Document) -> TransformerFamily:
    """Return the model under `model:`.

    Raises:
        InputError: an unsupported architecture or option, an unknown or malformed field, sizes that do not
            fit each other.
    """
    document = _normalised(document)
    family = family_of(document)
    kept = {}
    for key, value in document.data["model"].items():
        if key in _fields(family):
            kept[key] = value
        elif key in family.fixed:
            if value is not None and value != family.fixed[key]:
                message = f"only {family.fixed[key]!r} is supported, not {value!r}"
                raise document.error(("model", key), message)
        elif FOREIGN.fullmatch(key):
            if not _is_off(value):
                raise _unsupported(document, key)
        elif not _is_inert(family, key):
            allowed = [*_fields(family), *family.renamed]
            raise document.error(("model", key), f"unknown key{did_you_mean(key, allowed)}")
    return check(family, _with_model(document, kept), ("model",))


def _normalised(document: Document) -> Document:
    """Return the document with a nested text model at the top, and each field under its family's name."""
    document = _unnested(document)
    family = family_of(document)
    lines = dict(document.lines)
    model: dict[str, Any] = {}
    for key, value in document.data["model"].items():
        name = family.renamed.get(str(key), str(key))
        if name in model and model[name] != value:
            raise document.error(("model", key), f"is another name of '{name}', which has another value")
        model[name] = value
        lines.setdefault(("model", name), lines.get(("model", key), lines.get(("model",), 1)))
    return _with_model(replace(document, lines=lines), model)


def _unnested(document: Document) -> Document:
    model = document.data["model"]
    kind = model.get("model_type")
    if not isinstance(kind, str) or kind not in NESTED:
        return document
    text = model.get("text_config")
    if not isinstance(text, dict):
        return _with_model(document, model | {"model_type": NESTED[kind]})
    moved = {
        ("model", *path[2:]): line for path, line in document.lines.items() if path[1:2] == ("text_config",)
    }
    outer = {key: model[key] for key in ("quantization_config", "is_encoder_decoder") if key in model}
    document = replace(document, lines=dict(document.lines) | moved)
    return _with_model(document, text | outer | {"model_type": NESTED[kind]})


def _fields(family: type[TransformerFamily]) -> set[str]:
    return {field.alias or name for name, field in family.model_fields.items()}


def _is_inert(family: type[TransformerFamily], key: str) -> bool:
    return key in family.checkpoint_only or INERT.fullmatch(key) is not None


def _is_off(value: object) -> bool:
    return value is None or value is False or value in (0, "", [], {})


def _unsupported(document: Document, key: str) -> InputError:
    hint = "; give number formats under 'formats'" if key == "quantization_config" else ""
    kind = document.data["model"]["model_type"]
    return document.error(("model", key), f"not supported by the lowering of '{kind}'{hint}")


def _with_model(document: Document, model: dict[str, Any]) -> Document:
    return document.with_data(document.data | {"model": model})
