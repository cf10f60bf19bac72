"""The layer language of convolutional networks."""

from __future__ import annotations

import pytest
from graph_checks import check_graph

from accel_sim.config import InputError
from accel_sim.workload import Inference, load_workload, lower, parameters
from accel_sim.workload.operators import Conv2d, Elementwise, Pool


def network(tmp_path, layers, settings="batch_norm: true, activation: relu, "):
    path = tmp_path / "n.yaml"
    path.write_text(f"name: n\nmodel: {{model_type: cnn, input: [3, 16, 16], {settings}layers: [{layers}]}}\n")
    return path


def refusal(path):
    with pytest.raises(InputError) as error:
        load_workload(path)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_a_normalized_convolution_has_a_bias_and_its_parameters_are_kept(tmp_path):
    workload = load_workload(network(tmp_path, "{conv: {channels: 8, kernel: 3}}"))
    graph = lower(workload)
    check_graph(graph)
    conv, relu = graph.blocks[0].operators
    assert isinstance(conv, Conv2d)
    assert len(conv.weights) == 2
    assert relu.function == "relu"
    assert [(p.name, p.shape) for p in parameters(workload)] == [
        ("layers.0.conv.weight", (8, 3, 3, 3)),
        ("layers.0.batch_norm.weight", (8,)),
        ("layers.0.batch_norm.bias", (8,)),
    ]


def test_settings_of_a_layer_come_before_those_of_the_network(tmp_path):
    layer = "{conv: {channels: 8, kernel: 3, batch_norm: false, bias: false, activation: none}}"
    graph = lower(load_workload(network(tmp_path, layer)))
    (conv,) = graph.blocks[0].operators
    assert len(conv.weights) == 1


def test_padding_keeps_the_size_unless_it_is_given(tmp_path):
    layers = "{conv: {channels: 8, kernel: [3, 5]}}, {conv: {channels: 8, kernel: 3, padding: 0, dilation: 2}}"
    graph = lower(load_workload(network(tmp_path, layers)))
    convolutions = [op for op, _ in graph.operators() if isinstance(op, Conv2d)]
    assert [(op.out_height, op.out_width) for op in convolutions] == [(16, 16), (12, 12)]


def test_repeated_blocks_fold_and_the_rest_shares_blocks(tmp_path):
    block = "{residual: {body: [{conv: {channels: 8, kernel: 3}}], activation: relu}}"
    stem, head = "{conv: {channels: 8, kernel: 3}}", "{linear: {features: 2}}"
    layers = f"{stem}, {{repeat: {{times: 5, layers: [{block}]}}}}, {head}"
    graph = lower(load_workload(network(tmp_path, layers)))
    check_graph(graph)
    assert [(b.name, b.repeat) for b in graph.blocks] == [("layers.0", 1), ("layers.1", 5), ("layers.6", 1)]


def test_a_residual_adds_the_body_to_the_shortcut(tmp_path):
    body = "{conv: {channels: 8, kernel: 3, stride: 2}}"
    layers = f"{{residual: {{body: [{body}], shortcut: [{{conv: {{channels: 8, kernel: 1, stride: 2}}}}]}}}}"
    graph = lower(load_workload(network(tmp_path, layers)))
    check_graph(graph)
    add = graph.blocks[0].operators[-1]
    assert isinstance(add, Elementwise)
    assert add.output.shape == (1, 8, 8, 8)


def test_pooling_has_the_window_it_says(tmp_path):
    layers = (
        "{max_pool: {kernel: 3, stride: 2, padding: 1}}, {average_pool: {kernel: 2}}, {global_average_pool: {}}"
    )
    graph = lower(load_workload(network(tmp_path, layers), phase=Inference(batch=2)))
    pools = [op for op, _ in graph.operators() if isinstance(op, Pool)]
    assert [(op.kind, op.window, op.output.shape) for op in pools] == [
        ("max", 9, (2, 3, 8, 8)),
        ("average", 4, (2, 3, 4, 4)),
        ("average", 16, (2, 3, 1, 1)),
    ]


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("", "layers"),
        ("{}", "must be one of conv, max_pool"),
        ("{conv: {channels: 8, kernel: 3}, linear: {features: 2}}", "must be one of conv, max_pool"),
        ("{convolution: {channels: 8, kernel: 3}}", "model.layers.0.convolution: unknown key"),
        ("{conv: {channels: 8}}", "model.layers.0.conv.kernel: is required"),
        ("{conv: {channels: 0, kernel: 3}}", "channels = 0: must be at least 1"),
        ("{conv: {channels: 8, kernel: 40, padding: 0}}", "an input of 3 x 16 x 16 is too small"),
        ("{conv: {channels: 8, kernel: 3, groups: 2}}", "2 groups do not divide 3 and 8 channels"),
        ("{conv: {channels: 8, kernel: 3, activation: swoosh}}", "activation = swoosh"),
        ("{residual: {body: [{conv: {channels: 8, kernel: 3}}]}}", "the body makes 8 x 16 x 16 of 3 x 16 x 16"),
        ("{residual: {body: []}}", "body"),
        (
            "{repeat: {times: 256, layers: [{repeat: {times: 256, layers: [{max_pool: {kernel: 1}}]}}]}}",
            "65536 layers",
        ),
        ("{conv: 3}", "conv"),
        ("{conv: null}", "must be one of"),
        ("3", "layers.0"),
    ],
)
def test_a_network_that_cannot_be_is_refused(tmp_path, layers, message):
    assert message in refusal(network(tmp_path, layers))


def test_a_sequence_has_no_meaning_for_images():
    with pytest.raises(InputError, match="no meaning for images"):
        lower(load_workload("resnet18", phase=Inference(sequence=5)))
    with pytest.raises(InputError, match="decided by image_size"):
        lower(load_workload("vit_b_16", phase=Inference(sequence=5)))
