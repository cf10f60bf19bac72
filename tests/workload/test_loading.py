"""Workload files: what is accepted, what is refused and with which words, overrides, the shipped zoo."""

from __future__ import annotations

import pickle
import subprocess
import sys
import time

import pytest
from graph_checks import check_graph

from accel_sim.config import InputError, zoo
from accel_sim.workload import Decode, Inference, Prefill, load_workload, lower
from accel_sim.workload.catalog import readme, replaced

LLAMA = """\
name: small
model:
  model_type: llama
  hidden_size: 64
  num_attention_heads: 4
  num_hidden_layers: 2
phase: {phase: prefill, sequence: 16}
"""


def write(tmp_path, text, name="w.yaml"):
    path = tmp_path / name
    path.write_text(text)
    return path


def refusal(path, **arguments):
    with pytest.raises(InputError) as error:
        lower(load_workload(path, **arguments))
    message = str(error.value)
    assert "\n" not in message
    return message


def test_at_least_forty_workloads_are_shipped():
    assert len(zoo.entries("workloads")) >= 40


@pytest.mark.parametrize("name", zoo.entries("workloads"))
def test_a_shipped_workload_is_named_after_its_file_and_has_a_source(name):
    workload = load_workload(name)
    assert workload.name == name
    assert workload.description
    assert workload.source
    check_graph(lower(workload))


def test_the_list_of_shipped_workloads_is_in_step():
    text = readme().read_text(encoding="utf-8")
    assert replaced(text) == text, "run python -m accel_sim.workload.catalog"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("hidden_size", "hiden_size", "w.yaml:4: model.hiden_size: unknown key (did you mean 'hidden_size'?)"),
        ("name:", "nam:", "w.yaml:1: nam: unknown key (did you mean 'name'?)"),
        (
            "model_type: llama",
            "model_type: lama",
            "w.yaml:3: model.model_type: architecture 'lama' is not supported",
        ),
        ("  model_type: llama\n", "", "w.yaml:2: model.model_type: is required"),
        ("hidden_size: 64", "hidden_size: -64", "w.yaml:4: model.hidden_size = -64: must be at least 1"),
        (
            "hidden_size: 64",
            "hidden_size: 1e3",
            "w.yaml:4: model.hidden_size = 1000.0: must be a valid integer",
        ),
        ("phase: prefill", "phase: prefil", "w.yaml:7: phase.phase: unknown phase (did you mean 'prefill'?)"),
        ("sequence: 16", "sequense: 16", "w.yaml:7: phase.sequense: unknown key (did you mean 'sequence'?)"),
        ("sequence: 16", "sequence: 0", "w.yaml:7: phase.sequence = 0: must be at least 1"),
        ("phase: {phase: prefill, sequence: 16}", "phase: {}", "w.yaml:7: phase.phase: is required"),
        ("phase: {phase: prefill, sequence: 16}", "phase: [1]", "w.yaml:7: phase: must be a valid dictionary"),
        ("model:\n", "model: 4\nx:\n", "w.yaml:3: x: unknown key"),
        (
            "phase: {",
            "formats: {weights: int99}\nphase: {",
            "w.yaml:7: formats.weights = int99: unknown number format",
        ),
        (
            "phase: {",
            "formats: {wieghts: int8}\nphase: {",
            "formats.wieghts: unknown key (did you mean 'weights'?)",
        ),
        (
            "model:\n",
            "config: x.json\nmodel:\n",
            "exactly one of model, config, topology, gemms, convolutions, elementwise",
        ),
        ("name: small", "name: small\nname: large", "w.yaml:2: not valid YAML"),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_line(tmp_path, old, new, message):
    assert old in LLAMA
    assert message in refusal(write(tmp_path, LLAMA.replace(old, new, 1)))


@pytest.mark.parametrize("text", ["", "[]", "just words", "{a: [", "model: {model_type: llama"])
def test_what_is_no_workload_is_refused(tmp_path, text):
    assert "w.yaml" in refusal(write(tmp_path, text))


def test_a_missing_file_suggests_the_nearest_shipped_name():
    assert "did you mean 'llama3_8b'?" in refusal("llama3_8bb")


def test_a_broken_config_json_is_named_with_its_line(tmp_path):
    assert "c.json:2" in refusal(write(tmp_path, '{"a": 1,\n"b": ]}', "c.json"))
    assert "c.json" in refusal(write(tmp_path, "[1, 2]", "c.json"))


def test_a_file_can_name_a_config_json_beside_it(tmp_path):
    config = '{"model_type": "llama", "torch_dtype": "float16", "num_hidden_layers": 3}'
    write(tmp_path, config, "c.json")
    path = write(tmp_path, "name: mine\nconfig: c.json\nformats: {weights: int4/g128}\n")
    workload = load_workload(path, overrides={"model.num_hidden_layers": 2})
    assert workload.name == "mine"
    assert workload.model.num_hidden_layers == 2
    assert workload.formats.weights.name == "int4/g128:fp16"
    assert workload.formats.activations.name == "fp16"
    assert "c.json, overridden: model.num_hiden_layers" in refusal(
        path, overrides={"model.num_hiden_layers": 2}
    )
    assert "no such file" in refusal(write(tmp_path, "name: mine\nconfig: d.json\n"))


def test_overrides_reach_every_section():
    overrides = {"phase.batch": 3, "formats.weights": "int8", "model.num_hidden_layers": 4, "name": "mine"}
    workload = load_workload("llama3_8b", overrides=overrides)
    assert workload.phase == Prefill(batch=3, sequence=2048)
    assert workload.formats.weights.name == "int8"
    assert lower(workload).blocks[1].repeat == 4
    assert workload.name == "mine"


def test_overriding_the_kind_of_phase_starts_from_its_defaults_and_keeps_the_batch():
    overrides = {"phase.phase": "decode", "phase.context": 300}
    assert load_workload("llama3_8b", overrides=overrides).phase == Decode(batch=1, context=300)


def test_a_phase_given_as_an_object_takes_the_place_of_the_files():
    assert load_workload("llama3_8b", phase=Decode(batch=7)).phase == Decode(batch=7)
    overrides = {"phase.context": 9}
    assert load_workload("llama3_8b", phase=Decode(batch=7), overrides=overrides).phase == Decode(
        batch=7, context=9
    )


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"phase.contxt": 3}, "phase.contxt: unknown key"),
        ({"phas.batch": 3}, "unknown path 'phas.batch' (did you mean 'phase'?)"),
        ({"model.hidden_sise": 3}, "model.hidden_sise: unknown key (did you mean 'hidden_size'?)"),
        ({"model": 3}, "model: must be a mapping"),
        ({"phase": 3}, "phase"),
        ({"formats": None}, "formats"),
    ],
)
def test_a_mistaken_override_is_refused(overrides, message):
    assert message in refusal("llama3_8b", overrides=overrides)


def test_a_document_without_a_phase_has_the_usual_one(tmp_path):
    assert load_workload(write(tmp_path, LLAMA.rpartition("phase: {")[0])).phase == Prefill()
    assert load_workload(write(tmp_path, "name: v\nmodel: {model_type: vit}\n")).phase == Inference()


def test_equal_workloads_are_equal_keys_and_survive_pickling():
    workload = load_workload("resnet50")
    again = pickle.loads(pickle.dumps(workload))
    assert again == workload
    assert hash(again) == hash(workload)


def test_loading_is_quick():
    load_workload("llama3_8b")
    start = time.perf_counter()
    load_workload("llama3_8b")
    assert time.perf_counter() - start < 0.05


def test_the_room_imports_nothing_heavy():
    code = (
        "import accel_sim.workload, sys; print([m for m in ('numpy', 'numba', 'pandas') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )
