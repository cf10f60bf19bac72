"""Plain operator lists and SCALE-Sim topologies."""

from __future__ import annotations

import pytest
from graph_checks import check_graph

from accel_sim.config import InputError
from accel_sim.workload import Inference, load_workload, lower
from accel_sim.workload.operators import macs
from accel_sim.workload.tensors import ValueStatistics

GEMM = "Layer, M, N, K,\nfirst, 31, 32, 33,\nsecond, 1, 2, 3, 2:4,\n"
CONV = "Layer, H, W, R, S, C, F, stride,\nconv1, 230, 230, 7, 7, 3, 64, 2,\nDP1, 114, 114, 3, 3, 64, 1, 1,\n"


def write(tmp_path, text, name="t.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def refusal(path):
    with pytest.raises(InputError) as error:
        load_workload(path)
    return str(error.value)


def test_a_product_is_repeated_batched_and_scaled_by_the_phase(tmp_path):
    text = (
        "name: g\ngemms:\n- {name: a, m: 2, n: 3, k: 5}\n- {name: b, m: 7, n: 11, k: 13, batch: 4, count: 6}\n"
    )
    graph = lower(load_workload(write(tmp_path, text, "g.yaml"), phase=Inference(batch=10)))
    check_graph(graph)
    first, second = (block.operators[0] for block in graph.blocks)
    assert (first.m, first.batch, second.m, second.batch, graph.blocks[1].repeat) == (20, 1, 70, 4, 6)
    assert graph.macs == 20 * 3 * 5 + 6 * 4 * 70 * 11 * 13


def test_products_and_convolutions_can_stand_together(tmp_path):
    conv = (
        "{name: c, in_channels: 8, out_channels: 4, height: 9, width: 7, kernel: 3, stride: 2, padding: [1, 0]}"
    )
    text = f"name: both\ngemms: [{{name: a, m: 2, n: 3, k: 5}}]\nconvolutions: [{conv}]\n"
    graph = lower(load_workload(write(tmp_path, text, "g.yaml")))
    check_graph(graph)
    assert graph.macs == 30 + 4 * 5 * 3 * 8 * 9


def test_functions_and_sums_of_tensors_stand_in_a_list_and_a_batch_makes_more_rows(tmp_path):
    text = """name: v
elementwise:
- {name: sum, function: add, shape: [6, 5]}
- {name: gate, function: silu_multiply, shape: [7]}
reductions: [{name: rows, shape: [2, 3, 4], count: 9}]
"""
    graph = lower(load_workload(write(tmp_path, text, "v.yaml"), phase=Inference(batch=10)))
    check_graph(graph)
    added, gated, summed = (block.operators[0] for block in graph.blocks)
    assert added.output.shape == (60, 5) and added.elements == 300
    assert [tensor.elements for tensor in added.inputs] == [300, 300]
    # A vector of a batch is a row of a matrix; gate and up halves lie side by side.
    assert gated.output.shape == (10, 7) and gated.inputs[0].shape == (10, 14)
    assert (summed.rows, summed.columns, summed.output.elements, graph.blocks[2].repeat) == (60, 4, 60, 9)
    assert summed.inputs[0].elements == 10 * 2 * 3 * 4
    assert graph.macs == 0 and load_workload(write(tmp_path, text, "v.yaml")).model.family == "operators"


def test_a_gemm_topology_becomes_products_with_their_sparsity(tmp_path):
    workload = load_workload(write(tmp_path, GEMM))
    assert workload.name == "t"
    graph = lower(workload)
    check_graph(graph)
    assert [macs(block.operators[0]) for block in graph.blocks] == [31 * 32 * 33, 6]
    weights = [block.operators[0].weights[0].statistics for block in graph.blocks]
    assert weights == [ValueStatistics(), ValueStatistics(zero_fraction=0.5, n_of_m=(2, 4))]


def test_a_convolution_topology_becomes_unpadded_convolutions(tmp_path):
    graph = lower(load_workload(write(tmp_path, CONV)))
    check_graph(graph)
    first, depthwise = (block.operators[0] for block in graph.blocks)
    assert (first.out_height, first.out_width) == (112, 112)
    assert macs(first) == 112 * 112 * 64 * 147
    assert (depthwise.groups, depthwise.out_channels) == (64, 64)


def test_trailing_commas_blank_lines_and_carriage_returns_do_not_matter(tmp_path):
    plain = GEMM.replace(",\n", "\n").replace("\n", "\r\n") + "\r\n"
    assert load_workload(write(tmp_path, plain)).model == load_workload(write(tmp_path, GEMM)).model


def test_layers_of_the_same_name_are_numbered(tmp_path):
    graph = lower(load_workload(write(tmp_path, "h,M,N,K\na,1,2,3\na,4,5,6\n")))
    assert [block.name for block in graph.blocks] == ["a_1", "a_2"]


def test_a_file_can_name_a_topology_beside_it():
    graph = lower(load_workload("alexnet_topology"))
    convolutions = [op for op, _ in lower(load_workload("alexnet")).operators() if op.name.endswith("conv")]
    assert [macs(op) for op, _ in graph.operators()] == [macs(op) for op in convolutions]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("h,M,N,K\na,1,2\n", "t.csv:2: 3 columns"),
        ("h,M,N,K\na,1,2,3\nb,1,2,x\n", "t.csv:3: k = x: must be a whole number"),
        ("h,M,N,K\na,1,2,-3\n", "t.csv:2: k = -3: must be a whole number"),
        ("h,M,N,K\na,1,2,0\n", "t.csv:2: gemms.0.k = 0: must be at least 1"),
        ("h,M,N,K\na,1,2,99999999999999999999\n", "t.csv:2: k = 99999999999999999999"),
        (
            "h,M,N,K\na,1,2,999999999\n",
            "t.csv:2: gemms.0.k = 999999999: must be less than or equal to 16777216",
        ),
        ("h,M,N,K\na,1,2,3,4:2\n", "4 of 2 values cannot be non-zero"),
        ("h,M,N,K\na,1,2,3,a:b\n", "structured sparsity is written N:M"),
        ("h,M,N,K\na,1,2,3\nb,8,8,3,3,1,1,1\n", "t.csv:3: a file holds either"),
        ("h,H,W,R,S,C,F,s\nb,2,2,3,3,1,1,1\n", "is too small for its kernel"),
        ("h,M,N,K\n", "has no layers"),
        ("", "has no layers"),
    ],
)
def test_a_mistake_in_a_topology_is_named_with_its_line(tmp_path, text, message):
    assert message in refusal(write(tmp_path, text))


def test_what_is_no_text_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xff\xfe\x00a")
    assert "cannot be read" in refusal(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gemms: []", "at least one operator"),
        ("gemms: [{name: a, m: 1, n: 2}]", "gemms.0.k: is required"),
        ("gemms: [{name: a, m: 1, n: 2, k: 3, kk: 4}]", "gemms.0.kk: unknown key"),
        ("gemms: [{name: a, m: 1, n: 2, k: 3}, {name: a, m: 1, n: 2, k: 3}]", "the name 'a' is given 2 times"),
        ("gemms: 3", "gemms"),
        (
            "elementwise: [{name: a, function: ad, shape: [3]}]",
            "elementwise.0.function = ad: unknown function (did",
        ),
        (
            "elementwise: [{name: a, function: add, shape: [3, 0]}]",
            "elementwise.0.shape.1 = 0: must be at least 1",
        ),
        ("elementwise: [{name: a, function: add, shape: []}]", "elementwise.0.shape"),
        ("reductions: [{name: a, shape: [17179869184, 1024]}]", "elements: must be at most"),
        (
            "gemms: [{name: a, m: 1, n: 2, k: 3}]\nreductions: [{name: a, shape: [3]}]",
            "the name 'a' is given 2 times",
        ),
        (
            "convolutions: [{name: c, in_channels: 3, out_channels: 4, height: 8, width: 8, kernel: 3, "
            "groups: 2}]",
            "groups",
        ),
        ("topology: missing.csv", "no such file"),
        ("topology: 3", "topology"),
    ],
)
def test_a_mistake_in_a_list_is_refused(tmp_path, text, message):
    assert message in refusal(write(tmp_path, f"name: l\n{text}\n", "l.yaml"))
