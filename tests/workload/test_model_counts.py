"""Counts of every shipped model: the lowering against closed forms that do not use it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from closed_forms import closed_form
from graph_checks import check_graph, weight_elements

from accel_sim.config import load_document, zoo
from accel_sim.validation import models
from accel_sim.workload import Decode, Inference, Prefill, load_workload, lower, parameter_count
from accel_sim.workload.operators import Attention, Gemm, macs
from accel_sim.workload.transformer import MoeSpec

NAMES = [name for name, path in zoo.entries("workloads").items() if "model" in load_document(path).data]
DECODERS = [name for name in NAMES if Decode in load_workload(name).model.phases]
ENCODERS = [name for name in NAMES if load_workload(name).model.family in ("bert", "vit")]
NETWORKS = [name for name in NAMES if load_workload(name).model.family == "cnn"]

with models.REFERENCE.open(encoding="utf-8", newline="") as file:
    REFERENCE = {row["workload"]: row for row in csv.DictReader(file)}


def fields(name):
    return load_document(zoo.find("workloads", name)).data["model"]


def is_mixture(workload):
    spec = getattr(workload.model, "spec", None)
    return spec is not None and any(isinstance(layer.ffn, MoeSpec) for layer in spec().layers)


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_table_holds_the_closed_forms(name):
    counts, row = closed_form(name, fields(name)), REFERENCE[name]
    kv_bytes = counts.kv_elements and 2 * counts.kv_elements
    for column, value in {
        "parameters": counts.parameters,
        "linear_macs_per_token": counts.linear_macs,
        "head_macs_per_token": counts.head_macs,
        "kv_bytes_per_token_fp16": kv_bytes,
        "macs": counts.macs,
    }.items():
        assert row[column] == ("" if value is None else str(value)), column


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_table_shows_the_published_figures_of_the_workload(name):
    published, row = load_workload(name).published, REFERENCE[name]
    shown = [published.parameters, published.gmacs] if published else [None, None]
    assert [row["parameters_published"], row["gmacs_published"]] == ["" if v is None else str(v) for v in shown]


def test_the_reference_table_has_every_shipped_model():
    assert sorted(REFERENCE) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_parameters_equal_the_closed_form(name):
    assert parameter_count(load_workload(name)) == closed_form(name, fields(name)).parameters


@pytest.mark.parametrize("name", NAMES)
def test_a_published_count_that_differs_is_explained(name):
    workload = load_workload(name)
    published = workload.published
    if published and published.parameters not in (None, parameter_count(workload)):
        assert published.note
        assert REFERENCE[name]["explanation"] == published.note


@pytest.mark.parametrize("name", NAMES)
def test_weights_of_the_graph_are_the_parameters_of_the_checkpoint(name):
    workload = load_workload(name)
    graph = lower(workload)
    if is_mixture(workload):
        every_expert = 4096
        graph = lower(workload.with_phase(Prefill(batch=1, sequence=every_expert)))
    folded = 0  # batch normalization: weight and bias become one bias
    if workload.model.family == "cnn":
        folded = sum(p.elements for p in workload.model.parameters() if p.name.endswith("batch_norm.weight"))
    assert weight_elements(graph) == parameter_count(workload) - folded


@pytest.mark.parametrize("name", DECODERS)
@pytest.mark.parametrize("batch", [1, 3])
def test_macs_of_a_decode_step_equal_the_closed_form(name, batch):
    workload = load_workload(name, phase=Decode(batch=batch, context=700))
    counts, graph = closed_form(name, fields(name)), lower(workload)
    attention = sum(macs(op) * n for op, n in graph.operators() if isinstance(op, Attention))
    projections = sum(
        macs(op) for op, _ in graph.operators() if op.name.endswith(("project_in", "project_out"))
    )
    spec = workload.model.spec()
    keys = sum(min(700, layer.window or 700) for layer in spec.layers)
    assert attention == batch * 2 * keys * spec.attention.q_width
    assert graph.macs - attention - projections == batch * (counts.linear_macs + counts.head_macs)
    assert graph.tokens == batch
    check_graph(graph)


@pytest.mark.parametrize("name", DECODERS)
def test_macs_of_prefill_equal_the_closed_form(name):
    batch, tokens = 2, 37
    workload = load_workload(name, phase=Prefill(batch=batch, sequence=tokens))
    counts, graph = closed_form(name, fields(name)), lower(workload)
    spec = workload.model.spec()
    attention = batch * tokens * (tokens + 1) * spec.attention.q_width * len(spec.layers)
    projections = sum(
        macs(op) for op, _ in graph.operators() if op.name.endswith(("project_in", "project_out"))
    )
    assert graph.macs - projections == batch * (tokens * counts.linear_macs + counts.head_macs) + attention
    check_graph(graph)


@pytest.mark.parametrize("name", DECODERS)
def test_kv_cache_bytes_per_token_equal_the_closed_form(name):
    workload = load_workload(name, phase=Decode(context=1), overrides={"formats.kv_cache": "fp16"})
    expected = 2 * closed_form(name, fields(name)).kv_elements
    assert 2 * workload.model.kv_elements(1) == expected
    assert lower(workload).kv_cache_bytes() == expected


@pytest.mark.parametrize("name", ENCODERS)
def test_macs_of_an_encoder_equal_the_closed_form(name):
    workload = load_workload(name)
    graph = lower(workload)
    counts = closed_form(name, fields(name))
    if counts.macs is not None:
        assert graph.macs == counts.macs
    tokens = next(op.query_length for op, _ in graph.operators() if isinstance(op, Attention))
    layers = graph.blocks[1]
    linear = sum(macs(op) for op in layers.operators if isinstance(op, Gemm)) * layers.repeat
    assert linear == tokens * counts.linear_macs
    check_graph(graph)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("batch", [1, 5])
def test_macs_of_a_network_equal_the_closed_form_for_every_image(name, batch):
    graph = lower(load_workload(name, phase=Inference(batch=batch)))
    assert graph.macs == batch * closed_form(name, fields(name)).macs
    check_graph(graph)


@pytest.mark.parametrize("name", NETWORKS)
def test_macs_of_a_network_are_within_one_percent_of_the_published(name):
    workload = load_workload(name)
    assert lower(workload).macs / 1e9 == pytest.approx(workload.published.gmacs, rel=0.01)


def test_the_suite_passes_and_prints_ours_beside_closed_form_and_published():
    report = models.validate()
    assert report.passed
    assert len(report.rows) == len(NAMES)
    for row in report.rows:
        assert row["exact"]
        assert bool(row["explanation"]) == bool(row["difference_from_published"])


def test_the_suite_fails_on_a_count_that_is_one_off(tmp_path: Path):
    row = REFERENCE["llama3_8b"] | {"parameters": str(int(REFERENCE["llama3_8b"]["parameters"]) + 1)}
    path = tmp_path / "mine.csv"
    path.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
    report = models.validate(path)
    assert not report.passed
    assert "mine.csv:2: llama3_8b: parameters 8030261248 against 8030261249" in report.summary[-1]


def test_a_published_count_never_decides(tmp_path: Path):
    row = REFERENCE["llama3_8b"] | {"parameters_published": "1"}
    path = tmp_path / "mine.csv"
    path.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
    assert models.validate(path).passed
