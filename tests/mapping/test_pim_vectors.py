"""Elementwise operators and sums in the banks: exact kernels, conserved work, the faster side, refusals."""

from __future__ import annotations

import csv
from dataclasses import replace
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_graphs import BF16, assert_same_unfolded, assert_sound, block, elementwise, gemm, graph, run

from accel_sim.cli import main
from accel_sim.config import InputError
from accel_sim.engine.execute import execute
from accel_sim.hardware.pim import pim_device
from accel_sim.mapping.compile import compile_graph
from accel_sim.mapping.machine import TICKS_PER_CYCLE, resolve
from accel_sim.mapping.tiling import TOLERANCE
from accel_sim.results.bottleneck import bottleneck
from accel_sim.simulation import simulate
from accel_sim.testing.chips import small_chip
from accel_sim.validation.pim import HBM_REFERENCE
from accel_sim.workload import Inference, Workload, load_workload, lower
from accel_sim.workload.formats import tensor_format
from accel_sim.workload.graph import Graph
from accel_sim.workload.model import Formats
from accel_sim.workload.operator_list import OperatorList
from accel_sim.workload.operators import Reduction
from accel_sim.workload.tensors import Residency, Tensor

RUNS = settings(max_examples=30, deadline=None, derandomize=True)
# Format, channels, standard of the host's accesses, elementwise functions in the banks.
MEMORIES = {
    "gddr6_aim": ("bf16", 16, "gddr6", ("multiply",)),
    "pim_gpt": ("bf16", 8, "gddr6", ()),
    "newton": ("bf16", 24, "hbm2", ()),
    "hbm_pim": ("fp16", 64, "hbm2", ("add", "multiply", "relu")),
}
FUNCTIONS = {"add": "add", "mul": "multiply", "relu": "relu"}


def chip(protocol, where="auto", *, lanes=64, **overrides):
    """A small chip with a memory that computes; `where` elementwise operators run; no lanes: no vector unit."""
    number_format, channels, standard, _ = MEMORIES[protocol]
    memory = {"type": "pim_memory", "protocol": protocol, "format": number_format, "channels": channels}
    memory |= {"standard": standard, "channel_bandwidth": "32 GB/s", "latency": "50 ns"}
    vector = {"type": "vector_unit", "lanes": lanes} if lanes else None
    settings = {"mapping.elementwise": where} | {key.replace("__", "."): v for key, v in overrides.items()}
    return small_chip(settings, dram=memory, vector=vector)


def kernels(number_format="bf16", batch=1, **lists):
    each = tensor_format(number_format)
    formats = Formats(weights=each, activations=each)
    return Workload("kernels", OperatorList(**lists), formats, Inference(batch=batch))


def one(function, *shape, batch=1, number_format="bf16"):
    entry = {"name": "kernel", "function": function, "shape": shape}
    return kernels(number_format, batch, elementwise=[entry])


def sums(*shape, batch=1, number_format="bf16"):
    return kernels(number_format, batch, reductions=[{"name": "sums", "shape": shape}])


def io(name, *shape):
    return Tensor(name, shape, BF16, Residency.IO)


def reference():
    with HBM_REFERENCE.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["kernel"] in FUNCTIONS]
    assert len(rows) > 20
    return rows


@pytest.mark.parametrize(
    "row", reference(), ids=lambda row: f"{row['kernel']}_{row['out_elems']}_{row['channels']}"
)
def test_an_elementwise_operator_on_hbm_pim_takes_the_cycles_of_the_vendors_simulator(row):
    design = chip("hbm_pim", "banks", dram__latency=0, dram__channels=int(row["channels"]))
    work = one(FUNCTIONS[row["kernel"]], int(row["out_elems"]), number_format="fp16")
    cycles = int(row["pim_cycles"])
    machine = resolve(design, commands=True)
    parity = pim_device("hbm_pim", int(row["channels"]), parity=True)
    machine = replace(machine, pim=replace(machine.pim, device=parity))
    builder = compile_graph(lower(work), machine).builder
    assert execute(builder, 1).total_ticks == cycles * TICKS_PER_CYCLE
    # The simulator refreshes a little early, and holds rows open a little long: before the first refresh (of
    # the second rank, half an interval in) there is no difference.
    if cycles < 3900 // 2:
        assert simulate(design, work, fidelity="cycle").latency_s == pytest.approx(cycles * 1e-9, rel=1e-12)


@st.composite
def vector_work(draw):
    protocol = draw(st.sampled_from(sorted(MEMORIES)))
    shape = draw(
        st.one_of(
            st.tuples(st.integers(1, 200_000)),
            st.tuples(st.integers(1, 300), st.integers(1, 2000)),
            st.tuples(st.integers(1, 9), st.integers(1, 20_000)),
        )
    )
    function = draw(st.sampled_from(["add", "multiply", "relu", "gelu", "sum"]))
    number_format = MEMORIES[protocol][0]
    make = sums if function == "sum" else lambda *s, **k: one(function, *s, **k)
    return protocol, make(*shape, number_format=number_format)


@RUNS
@given(vector_work(), st.sampled_from([8, 64, 512]), st.sampled_from([1, 16]), st.booleans())
def test_the_faster_of_banks_and_chip_is_taken_and_the_roofline_is_below_both(work, lanes, channels, linked):
    protocol, workload = work
    latencies = {}
    for where in ("auto", "banks", "chip"):
        design = chip(protocol, where, lanes=lanes, dram__channels=channels)
        if linked:
            design = with_link(protocol, where, lanes, channels)
        result = simulate(design, workload)
        bound = simulate(design, workload, fidelity="roofline")
        assert 0 < bound.latency_s <= result.latency_s
        assert simulate(design, workload, fold=False).latency_s == result.latency_s
        parts = result.energy_breakdown()
        assert sum(sum(kinds.values()) for kinds in parts.values()) == pytest.approx(result.energy_j)
        assert sum(result.latency_breakdown().values()) == pytest.approx(result.latency_s)
        assert result.utilization == result.macs == 0
        latencies[where] = result.latency_s
        if where == "chip":
            assert result.event("pim_accesses") == 0
    # Both are estimated; the kernel exactly, the chip's overlap nearly so.
    assert latencies["auto"] <= min(latencies["banks"], latencies["chip"]) * (1 + TOLERANCE)


def with_link(protocol, where, lanes, channels):
    number_format, _, standard, _ = MEMORIES[protocol]
    memory = {"type": "pim_memory", "protocol": protocol, "format": number_format, "channels": channels}
    memory |= {"standard": standard, "channel_bandwidth": "32 GB/s", "latency": "50 ns"}
    link = {"type": "link", "standard": "pcie5", "bandwidth": "16 GB/s", "latency": "100 ns"}
    vector = {"type": "vector_unit", "lanes": lanes}
    return small_chip({"mapping.elementwise": where}, dram=memory, vector=vector, host=link)


@pytest.mark.parametrize(
    ("protocol", "function"), [(name, function) for name, (*_, has) in MEMORIES.items() for function in has]
)
def test_large_operands_in_memory_are_computed_there_and_none_crosses_the_channels(protocol, function):
    number_format = MEMORIES[protocol][0]
    elements = 1 << 18
    result = simulate(chip(protocol), one(function, elements, number_format=number_format))
    assert result.event("memory_read_bytes") == result.event("memory_write_bytes") == 0
    assert result.event("scratchpad_read_bytes") == result.event("scratchpad_write_bytes") == 0
    operands = 2 if function == "relu" else 3
    # Commands of all banks of GDDR6-AiM count as an access each, of which a product takes three in four.
    touched = operands * elements // 16 if protocol == "hbm_pim" else elements // 16 * 4
    assert result.event("pim_accesses") == touched
    # HBM-PIM is parked and programmed over the channels, whatever the size.
    larger = simulate(chip(protocol), one(function, 4 * elements, number_format=number_format))
    assert result.event("pim_bus_bytes") == larger.event("pim_bus_bytes") < 2**17
    on_chip = simulate(chip(protocol, "chip"), one(function, elements, number_format=number_format))
    assert on_chip.event("memory_read_bytes") == 2 * (operands - 1) * elements
    assert result.latency_s < on_chip.latency_s
    record = result.stages[0].records[0]
    assert "in the banks" in record.tiling
    assert "kernels in the banks of dram" in bottleneck(record, result.design)


@pytest.mark.parametrize("protocol", MEMORIES)
def test_a_function_without_a_kernel_runs_on_the_chip_wherever_the_design_would_have_it(protocol):
    number_format, *_, has = MEMORIES[protocol]
    for function in {"add", "multiply", "relu", "gelu", "scale"} - set(has):
        works = [
            simulate(chip(protocol, where), one(function, 4096, number_format=number_format))
            for where in ("auto", "banks", "chip")
        ]
        assert len({work.latency_s for work in works}) == 1
        assert works[0].event("pim_accesses") == 0


def test_operands_in_another_format_are_computed_on_the_chip():
    result = simulate(chip("gddr6_aim", "banks"), one("multiply", 1 << 18, number_format="fp16"))
    assert result.event("pim_accesses") == 0
    assert result.event("memory_read_bytes") == 2 * 2 << 18


@RUNS
@given(st.integers(1, 40), st.integers(1, 16 * 16 * 8))
def test_what_does_not_fill_a_tile_is_charged_the_whole(tiles, missing):
    """A tile of HBM-PIM: 8 columns of 16 lanes in 16 banks of each of 64 channels."""
    tile = 16 * 16 * 8 * 64
    design = chip("hbm_pim", "banks")
    whole, odd = (
        simulate(design, one("add", elements, number_format="fp16"))
        for elements in (tiles * tile, tiles * tile - missing + 1)
    )
    assert odd.latency_s == whole.latency_s
    assert odd.event("pim_accesses") == whole.event("pim_accesses") == 3 * tiles * tile // 16


@pytest.mark.parametrize("protocol", ["hbm_pim", "gddr6_aim"])
def test_a_batch_is_as_many_rows_and_a_count_as_many_kernels(protocol):
    number_format = MEMORIES[protocol][0]
    design = chip(protocol, "banks")
    batched = simulate(design, one("multiply", 100, 333, batch=3, number_format=number_format))
    together = simulate(design, one("multiply", 300, 333, number_format=number_format))
    assert batched.latency_s == together.latency_s
    assert (batched.stages[0].records[0].events == together.stages[0].records[0].events).all()
    entry = {"name": "kernel", "function": "multiply", "shape": [300, 333], "count": 5}
    repeated = simulate(design, kernels(number_format, elementwise=[entry]))
    assert repeated.event("pim_accesses") == 5 * together.event("pim_accesses")
    assert repeated.event("pim_energy_fj") == 5 * together.event("pim_energy_fj")


def chain(*functions, rows=64, columns=512, memory="hbm_pim"):
    """Functions one after the other; all but the last leave an activation."""
    source, other = io("a", rows, columns), io("b", rows, columns)
    operators = []
    for index, function in enumerate(functions):
        inputs = (source,) if function in ("relu", "gelu") else (source, other)
        last = index == len(functions) - 1
        operators.append(elementwise(f"op{index}", function, *inputs, keep=not last))
        source = operators[-1].output
    return graph(*operators)


@pytest.mark.parametrize("capacity", ["64 KiB", "16 MiB"])
def test_what_passes_between_kernels_stays_in_the_banks_on_a_chip_without_a_vector_unit(capacity):
    """Also where the chip would have room for it."""
    design = chip("hbm_pim", lanes=0, dram__format="bf16", scratchpad__capacity=capacity)
    result = run(chain("add", "relu", "multiply"), design)
    assert_sound(result)
    assert_same_unfolded(result)
    events = result.events
    assert events["memory_read_bytes"] == events["memory_write_bytes"] == 0
    assert events["pim_accesses"] == (3 + 2 + 3) * ceil(64 * 512 / (16 * 16 * 8)) * 16 * 8


def test_a_product_of_two_banks_leaves_its_result_in_a_third_from_where_the_next_must_have_it_moved():
    size = 2 * 64 * 512
    result = run(chain("multiply", "multiply", "multiply"), chip("gddr6_aim", lanes=0))
    assert_same_unfolded(result)
    assert result.events["memory_read_bytes"] == result.events["memory_write_bytes"] == 2 * size


def test_a_square_needs_its_operand_in_two_banks():
    a = io("a", 64, 512)
    square = run(graph(elementwise("square", "multiply", a, a)), chip("gddr6_aim", "banks"))
    assert square.events["memory_write_bytes"] == square.events["memory_read_bytes"] == a.bytes
    other = run(graph(elementwise("square", "multiply", a, a)), chip("hbm_pim", "banks", dram__format="bf16"))
    assert other.events["memory_write_bytes"] == 0


def test_operands_on_the_chip_are_written_to_the_banks_and_the_result_is_read_back():
    """A product's results are on the chip; a function after the kernel wants its result there."""
    a = io("a", 64, 64)
    exact = elementwise("gelu0", "gelu", a, keep=True)
    clipped = elementwise("relu", "relu", exact.output, keep=True)
    last = elementwise("gelu1", "gelu", clipped.output)
    in_banks, on_chip = (
        run(graph(exact, clipped, last), chip("hbm_pim", where, dram__format="bf16"))
        for where in ("banks", "chip")
    )
    for name in ("memory_read_bytes", "memory_write_bytes"):
        assert in_banks.events[name] == on_chip.events[name] + a.bytes
    assert_sound(in_banks)
    assert_same_unfolded(in_banks)
    # It does not pay, and so is not done unless asked for.
    auto = run(graph(exact, clipped, last), chip("hbm_pim", dram__format="bf16"))
    assert auto.ticks == on_chip.ticks < in_banks.ticks


def test_blocks_that_repeat_over_tensors_in_the_banks_fold():
    x = Tensor("x", (4096, 64), BF16)
    body = elementwise("body", "multiply", x, x, keep=True)
    other = elementwise("other", "add", body.output, body.output, keep=True)
    work = Graph("graph", (block(body, other, repeat=7),))
    for protocol in ("hbm_pim", "gddr6_aim"):
        result = run(work, chip(protocol, "banks", dram__format="bf16"))
        assert_same_unfolded(result)
        assert result.events["pim_accesses"] > 0


@RUNS
@given(st.sampled_from(sorted(MEMORIES)), st.integers(1, 60), st.integers(1, 4000))
def test_a_sum_reads_every_value_once_in_the_banks_and_the_chip_adds_what_they_leave(protocol, rows, columns):
    number_format = MEMORIES[protocol][0]
    result = simulate(chip(protocol, "banks"), sums(rows, columns, number_format=number_format))
    accesses, lanes = result.event("pim_accesses"), 16
    assert accesses * lanes >= rows * columns
    assert result.event("memory_write_bytes") == 2 * rows
    # HBM-PIM leaves lanes of sums in the banks; elsewhere each drain is a sum, which the kernel brings.
    read = result.event("memory_read_bytes")
    if protocol == "hbm_pim":
        assert read >= 32 * rows
        assert result.event("vector_add") == read // 2 - rows
    else:
        assert read == 0
        assert result.event("vector_add") < rows * columns


@pytest.mark.parametrize("protocol", MEMORIES)
def test_a_large_sum_moves_far_fewer_bytes_than_it_adds(protocol):
    number_format = MEMORIES[protocol][0]
    result, on_chip = (
        simulate(chip(protocol, where), sums(1 << 24, number_format=number_format))
        for where in ("auto", "chip")
    )
    moved = ("memory_read_bytes", "memory_write_bytes", "pim_bus_bytes")
    assert sum(result.event(name) for name in moved) < 0.05 * (2 << 24)
    assert on_chip.event("memory_read_bytes") == 2 << 24
    assert result.latency_s < on_chip.latency_s / 2
    assert result.event("pim_energy_fj") > 0


def test_a_sum_that_the_banks_finish_needs_no_vector_unit_and_one_that_they_do_not_is_refused():
    result = simulate(chip("gddr6_aim", lanes=0), sums(100, 500))
    assert result.event("vector_add") == 0 < result.event("pim_accesses")
    with pytest.raises(InputError, match="no component computes element by element, as 'sums' needs") as caught:
        simulate(chip("hbm_pim", lanes=0), sums(100, 500, number_format="fp16"))
    assert "\n" not in str(caught.value) and "dram" in str(caught.value)


def test_a_sum_of_a_kernels_result_takes_it_where_it_lies():
    a, b = io("a", 1, 1 << 20), io("b", 1, 1 << 20)
    product = elementwise("product", "multiply", a, b, keep=True)
    total = Reduction("total", 1, 1 << 20, (product.output,), io("total", 1))
    result = run(graph(product, total), chip("hbm_pim", "banks", dram__format="bf16"))
    assert_same_unfolded(result)
    assert result.events["memory_write_bytes"] == 2
    assert result.events["memory_read_bytes"] < a.bytes


def test_without_a_kernel_for_a_product_before_it_an_epilogue_is_still_fused():
    product = gemm(4, 256, 256, keep=True)
    clipped = elementwise("relu", "relu", product.output)
    fused = run(graph(product, clipped), chip("hbm_pim", dram__format="bf16"))
    assert [m.segment.operator.name for m in fused.compiled.mapped] == ["gemm"]
    alone = run(graph(product, clipped), chip("hbm_pim", lanes=0, dram__format="bf16"))
    assert [m.segment.operator.name for m in alone.compiled.mapped] == ["gemm", "relu"]
    assert alone.events["pim_accesses"] > fused.events["pim_accesses"]


def test_a_memory_that_computes_can_stand_without_a_matrix_unit_and_a_vector_unit():
    memory = {"type": "pim_memory", "protocol": "hbm_pim", "format": "fp16", "channels": 64}
    memory |= {"standard": "hbm2", "channel_bandwidth": "16 GB/s"}
    design = small_chip(npu=None, vector=None, accumulator=None, dram=memory)
    assert simulate(design, one("add", 1 << 20, number_format="fp16")).latency_s > 0


def test_operands_that_do_not_fit_the_banks_are_computed_on_the_chip_or_refused_without_one():
    work = one("multiply", 1 << 14, 1 << 14)
    few = {"dram__channels": 1, "dram__format": "bf16"}
    assert simulate(chip("hbm_pim", **few), work).event("pim_accesses") == 0
    with pytest.raises(InputError) as caught:
        simulate(chip("hbm_pim", lanes=0, **few), work)
    text = str(caught.value)
    assert "'kernel' takes 98304 rows of each bank" in text and "1 channels has 4096 left" in text
    assert "\n" not in text


def test_weights_in_the_banks_leave_operands_the_rest():
    """An addition takes 384 of 4,096 rows: weights of 2,048 leave them, weights of 3,840 do not."""
    vector = elementwise("add", "add", io("a", 1 << 16), io("b", 1 << 16))
    design = chip("hbm_pim", dram__format="bf16", dram__channels=1)
    for outputs, added in ((8192, 0), (15360, 1 << 16)):
        work = Graph("graph", (block(gemm(1, outputs, 2048)), block(vector)))
        # The chip also adds the 16 lanes of every output of the product.
        assert run(work, design).events["vector_add"] == 15 * outputs + added


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["run", "edge_npu", "vector_kernels", "--set", "mapping.elementwise=banks"],
            "does not compute (allowed: auto, chip)",
        ),
        (
            ["run", "edge_npu", "vector_kernels", "--set", "mapping.elementwise=bank"],
            "mapping.elementwise = bank",
        ),
    ],
)
def test_a_place_that_the_design_does_not_have_is_refused_in_one_line(arguments, words, capsys):
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert words in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("design", "number_format"), [("hbm_pim", "fp16"), ("gddr6_aim", "bf16"), ("edge_npu", "bf16")]
)
def test_the_shipped_list_runs_on_shipped_designs_and_no_slower_in_the_banks(design, number_format):
    work = load_workload("vector_kernels", overrides={"formats.activations": number_format})
    results = {
        where: simulate(design, work, overrides={"mapping.elementwise": where}) for where in ("auto", "chip")
    }
    bound = simulate(design, work, fidelity="roofline")
    assert bound.latency_s <= results["auto"].latency_s <= results["chip"].latency_s
    assert (results["auto"].event("pim_accesses") > 0) == (design != "edge_npu")
    for result in results.values():
        assert result.event("memory_read_bytes") + result.event("memory_write_bytes") >= sum(
            record.compulsory_bytes for record in result.stages[0].records
        )
