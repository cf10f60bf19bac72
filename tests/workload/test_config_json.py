"""Real and broken Hugging Face configurations: lowered exactly, or refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from accel_sim.config import InputError
from accel_sim.workload import Decode, load_workload, lower, parameter_count, parameters

CONFIGS = Path(__file__).parent / "hf_configs"
LLAMA = json.loads((CONFIGS / "meta-llama--Meta-Llama-3.1-8B.json").read_text())


def write(tmp_path, config, name="config.json"):
    path = tmp_path / name
    path.write_text(json.dumps(config, indent=1))
    return path


@pytest.mark.parametrize(
    ("file", "shipped"),
    [
        ("meta-llama--Meta-Llama-3.1-8B", "llama3_1_8b"),
        ("meta-llama--Meta-Llama-3.1-70B", "llama3_1_70b"),
        ("mistralai--Mixtral-8x7B-v0.1", "mixtral_8x7b"),
        ("Qwen--Qwen3-0.6B", "qwen3_0_6b"),
        ("Qwen--Qwen3-8B", "qwen3_8b"),
        ("Qwen--Qwen3-30B-A3B", "qwen3_30b_a3b"),
    ],
)
def test_a_published_file_lowers_to_the_shipped_workload(file, shipped):
    theirs, ours = load_workload(CONFIGS / f"{file}.json"), load_workload(shipped)
    assert theirs.name == file
    assert theirs.model.spec() == ours.model.spec()
    assert theirs.formats.weights.name == "bf16"
    assert lower(theirs).blocks == lower(ours).blocks


@pytest.mark.parametrize(
    ("file", "architecture"),
    [("deepseek-ai--DeepSeek-V3", "deepseek_v3"), ("openai--gpt-oss-20b", "gpt_oss")],
)
def test_an_unsupported_architecture_is_refused_by_name(file, architecture):
    with pytest.raises(InputError, match=f"architecture '{architecture}' is not supported"):
        load_workload(CONFIGS / f"{file}.json")


@pytest.mark.parametrize("name", ["falcon", "mamba", "deepseek_v2", "t5", "gpt_neox", "llama4", None, 7, [1]])
def test_other_architectures_are_refused(tmp_path, name):
    with pytest.raises(InputError, match="is not supported"):
        load_workload(write(tmp_path, LLAMA | {"model_type": name}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("quantization_config", {"quant_method": "fp8"}),
        ("is_encoder_decoder", True),
        ("kv_lora_rank", 512),
        ("num_local_experts", 8),
        ("n_routed_experts", 64),
        ("sliding_window", 4096),
        ("attn_logit_softcapping", 50.0),
        ("use_parallel_residual", True),
        ("layer_types", ["sliding_attention"] * 32),
        ("cross_attention_layers", [3, 8]),
        ("num_nextn_predict_layers", 1),
        ("partial_rotary_factor", 0.5),
        ("residual_multiplier", 0.22),
    ],
)
def test_an_option_that_changes_the_arithmetic_is_refused(tmp_path, key, value):
    with pytest.raises(
        InputError, match=rf"config.json:\d+: model.{key}: not supported by the lowering of 'llama'"
    ):
        load_workload(write(tmp_path, LLAMA | {key: value}))


@pytest.mark.parametrize("key", ["quantization_config", "sliding_window", "num_experts", "pruned_heads"])
def test_an_option_that_is_switched_off_is_accepted(tmp_path, key):
    workload = load_workload(write(tmp_path, LLAMA | {key: None}))
    assert parameter_count(workload) == 8030261248


def test_fields_without_effect_are_ignored_whatever_they_hold(tmp_path):
    extra = {
        "rope_scaling": {"type": "yarn", "factor": 8},
        "bos_token_id": [1],
        "my_note": {"a": "b"},
        "use_cache": 3,
    }
    assert parameter_count(load_workload(write(tmp_path, LLAMA | extra))) == 8030261248


def test_the_name_is_the_folder_of_a_config_json(tmp_path):
    (tmp_path / "my-llama").mkdir()
    assert load_workload(write(tmp_path / "my-llama", LLAMA)).name == "my-llama"


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("float16", "fp16"), ("float32", "fp32"), ("bfloat16", "bf16"), (None, "bf16"), (4, "bf16")],
)
def test_formats_follow_the_dtype(tmp_path, dtype, expected):
    workload = load_workload(write(tmp_path, LLAMA | {"torch_dtype": dtype}))
    assert {f.name for f in (workload.formats.weights, workload.formats.kv_cache)} == {expected}


def test_gemma_3_multimodal_files_give_their_text_model(tmp_path):
    text = {"hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34, "sliding_window": 1024}
    vision = {"model_type": "siglip_vision_model", "hidden_size": 1152}
    config = {
        "model_type": "gemma3",
        "text_config": text | {"model_type": "gemma3_text"},
        "vision_config": vision,
    }
    workload = load_workload(write(tmp_path, config))
    assert workload.model.spec() == load_workload("gemma3_4b").model.spec()
    config["text_config"]["hidden_size"] = -1
    with pytest.raises(InputError, match=r"config.json:\d+: model.hidden_size = -1"):
        load_workload(write(tmp_path, config))


def test_bloom_files_spell_their_fields_in_three_ways(tmp_path):
    spelled = {
        "model_type": "bloom",
        "n_embed": 14336,
        "num_attention_heads": 112,
        "n_layer": 70,
        "vocab_size": 250880,
    }
    assert parameter_count(load_workload(write(tmp_path, spelled))) == 176247271424
    with pytest.raises(InputError, match="another name of 'hidden_size'"):
        load_workload(write(tmp_path, spelled | {"hidden_size": 1024}))


def test_layer_types_take_the_place_of_the_pattern(tmp_path):
    kinds = ["full_attention", "sliding_attention", "full_attention"]
    config = {"model_type": "gemma2", "num_hidden_layers": 3, "layer_types": kinds, "sliding_window": 7}
    spec = load_workload(write(tmp_path, config)).model.spec()
    assert [layer.window for layer in spec.layers] == [0, 7, 0]
    with pytest.raises(InputError, match="layer_types has 3 entries for 4 layers"):
        load_workload(write(tmp_path, config | {"num_hidden_layers": 4}))


def test_qwen_slides_from_the_named_layer_on(tmp_path):
    config = {"model_type": "qwen2", "num_hidden_layers": 5, "use_sliding_window": True, "max_window_layers": 3}
    spec = load_workload(write(tmp_path, config | {"sliding_window": 99})).model.spec()
    assert [layer.window for layer in spec.layers] == [0, 0, 0, 99, 99]


def test_vit_takes_its_classes_from_the_labels(tmp_path):
    config = {"model_type": "vit", "id2label": {str(i): "x" for i in range(10)}}
    assert lower(load_workload(write(tmp_path, config))).blocks[-1].operators[-1].n == 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_key_value_heads": 5}, "num_attention_heads = 32 is not a multiple of num_key_value_heads = 5"),
        ({"hidden_size": 4097}, "the hidden width 4097 is not a multiple of the 32 attention heads"),
        ({"hidden_size": 0}, "model.hidden_size = 0: must be at least 1"),
        ({"hidden_size": 2**40}, "model.hidden_size = 1099511627776: must be less than or equal to 1048576"),
        ({"hidden_size": "wide"}, "model.hidden_size = wide: must be a valid integer"),
        ({"hidden_size": 4096.0}, "model.hidden_size = 4096.0: must be a valid integer"),
        ({"hidden_size": True}, "model.hidden_size = True: must be a valid integer"),
        (
            {"num_hidden_layers": 10**9},
            "model.num_hidden_layers = 1000000000: must be less than or equal to 1024",
        ),
        ({"hidden_act": "relu2"}, "activation 'relu2' is not supported"),
        ({"head_dim": 5}, "rotary embedding turns pairs of values"),
        ({"tie_word_embeddings": "no"}, "model.tie_word_embeddings = no: must be a valid boolean"),
    ],
)
def test_sizes_that_cannot_be_are_refused_with_their_place(tmp_path, change, message):
    with pytest.raises(InputError, match=r"config\.json") as error:
        load_workload(write(tmp_path, LLAMA | change))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_chosen_expert_count_beyond_the_experts_is_refused(tmp_path):
    with pytest.raises(InputError, match="num_experts_per_tok = 9 is more than the 8 experts"):
        load_workload(write(tmp_path, {"model_type": "mixtral", "num_experts_per_tok": 9}))


def test_checkpoint_names_are_those_of_the_family():
    names = {p.name: (p.shape, p.count) for p in parameters(load_workload("qwen3_30b_a3b", phase=Decode()))}
    assert names["model.layers.*.self_attn.q_proj.weight"] == ((4096, 2048), 48)
    assert names["model.layers.*.mlp.experts.*.down_proj.weight"] == ((2048, 768), 48 * 128)
    gpt2 = {p.name: p.shape for p in parameters(load_workload("gpt2"))}
    assert gpt2["transformer.h.*.attn.c_attn.weight"] == (768, 2304)
    opt = {p.name: p.shape for p in parameters(load_workload("opt_350m"))}
    assert opt["model.decoder.embed_positions.weight"] == (2050, 1024)
    assert opt["model.decoder.project_in.weight"] == (1024, 512)
