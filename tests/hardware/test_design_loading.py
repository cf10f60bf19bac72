"""Designs from files: what a person gets wrong is answered in one line with its place."""

from __future__ import annotations

from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.config import Document, InputError, parse_document
from accel_sim.config.zoo import entries
from accel_sim.hardware.design import Design, build_design, load_design
from accel_sim.hardware.primitives import PRIMITIVES
from accel_sim.mapping.machine import resolve
from accel_sim.technology import dram, multiply_accumulate, operation, weakest
from accel_sim.testing import SMALL_CHIP

SHIPPED = entries("designs")
TEXT = SHIPPED["edge_npu"].read_text(encoding="utf-8")


def refusal(text=TEXT, overrides=None) -> str:
    with pytest.raises(InputError) as caught:
        build_design(parse_document(text, "edge.yaml"), overrides)
    message = str(caught.value)
    assert "\n" not in message
    return message


def line_of(fragment: str, text=TEXT) -> int:
    return next(i for i, line in enumerate(text.splitlines(), 1) if fragment in line)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_designs_load_with_charges_and_a_source_for_every_figure(name):
    design = load_design(name)
    assert design.name == name
    assert design.area_mm2 > 0 or design.machine
    assert all(cost.sources for cost in design.costs.values())
    for line in SHIPPED[name].read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if value.strip() and key.strip() not in ("name", "description", "source", "type", "holds"):
            assert "#" in line or key.startswith("#"), f"no source beside: {line}"


def test_a_component_is_no_more_certain_than_what_it_is_made_of():
    design = load_design("edge_npu")
    node, array, lanes = design.technology.node, design.matrix.spec, design.vector.spec
    made_of = {
        "npu": [
            multiply_accumulate(array.activation_format, array.weight_format, array.accumulator_format, node),
            operation("register", array.accumulator_format, node),
        ],
        "vector": [operation(kind, lanes.format, node) for kind in PRIMITIVES],
        "dram": [dram(design.memory.spec.standard)],
    }
    for name, costs in made_of.items():
        own = design.costs[name].certainty
        assert all(weakest(own, cost.certainty) == own for cost in costs)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  rows: 64 ", "  rwos: 64 ", "npu.rwos: unknown key (did you mean 'rows'?)"),
        ("  rows: 64 ", "  rows: 0 ", "npu.rows = 0: must be at least 1"),
        ("  rows: 64 ", "  rows: -4 ", "npu.rows = -4: must be at least 1"),
        ("  rows: 64 ", "  rows: 4.5 ", "npu.rows = 4.5: must be a valid integer"),
        ("type: systolic_array", "type: systolic_aray", "did you mean 'systolic_array'?"),
        ("capacity: 2 MiB", "capacity: 2 MHz", "unit 'MHz' is not one of bytes"),
        ("capacity: 2 MiB", "capacity: 2.3 B", "must be a whole number of bytes"),
        ("clock: 1 GHz", "clock: 1 GB", "unit 'GB' is not one of hertz"),
        ("clock: 1 GHz", "clok: 1 GHz", "did you mean 'clock'?"),
        ("  node: 7 nm", "  node: 0.1 nm", "technology.node"),
        ("standard: lpddr5 ", "standard: lpdr5 ", "did you mean 'lpddr5"),
        ("latency: 150 ns", "efficiency: 1.2", "dram.efficiency = 1.2"),
        ("activation_format: bf16", "activation_format: bf17", "did you mean"),
    ],
)
def test_a_wrong_line_is_named_with_what_is_allowed(old, new, message):
    assert old in TEXT
    text = TEXT.replace(old, new, 1)
    answer = refusal(text)
    assert message in answer
    assert answer.startswith(f"edge.yaml:{line_of(new.strip(), text)}: ")


def test_values_that_contradict_each_other_are_refused_at_their_component():
    answer = refusal(TEXT.replace("schedule: pipelined", "schedule: double_buffered"))
    assert answer.startswith(f"edge.yaml:{line_of('npu:')}: npu: ")
    assert "is not one of dataflow 'output_stationary'" in answer


def test_a_supply_that_the_node_does_not_run_at_is_refused():
    assert "must be between 0.35 and 1.05 at 7 nm" in refusal(overrides={"technology.voltage": "2 V"})


def test_components_are_counted_by_what_they_do():
    second = TEXT + "npu2: {type: systolic_array, rows: 4, columns: 4}\n"
    assert "at most one of its matrix units: npu, npu2" in refusal(second)
    without = TEXT.replace("holds: partial_sums", "holds: tiles")
    assert "one of its buffers that hold tiles: scratchpad, accumulator" in refusal(without)
    head, _, rest = TEXT.partition("dram:\n")
    assert "one of its off-chip memories: none" in refusal(head)
    no_units = TEXT[: TEXT.index("npu:")] + TEXT[TEXT.index("scratchpad:") :]
    assert "needs a matrix unit, a vector unit or a memory that computes" in refusal(no_units)
    assert rest


def test_overrides_by_dotted_path_reach_every_value_and_name_the_nearest_path():
    document = parse_document(TEXT, "edge.yaml")
    design = build_design(
        document, {"npu.rows": 32, "clock": "2 GHz", "mapping.attention": "split", "technology.node": "28 nm"}
    )
    assert (design.matrix.spec.rows, design.clock_hz, design.mapping.attention) == (32, 2e9, "split")
    assert "did you mean 'npu'" in refusal(overrides={"npz.rows": 3})
    assert "did you mean 'rows'" in refusal(overrides={"npu.row": 3})
    assert "mapping.attention" in refusal(overrides={"mapping.attention": "fast"})
    assert "a design is a mapping" in refusal("- a list\n")


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 2**70),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ("8", "3 KiB", "1 GHz", "1 GB/s", "int3", "fp64", "uint64", "sram", "hbm3", "tiles", "1 nm")
    ),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
)


@st.composite
def mutated(draw):
    data = deepcopy(dict(SMALL_CHIP))
    for _ in range(draw(st.integers(1, 3))):
        owner = draw(st.sampled_from([None, *data]))
        target = data if owner is None or not isinstance(data[owner], dict) else data[owner]
        action = draw(st.sampled_from(("set", "set", "set", "delete", "add"))) if target else "add"
        key = draw(st.sampled_from(sorted(target, key=str))) if target else ""
        if action == "delete" and len(target) > 1:
            del target[key]
        elif action == "add":
            target[draw(st.text(max_size=5))] = draw(VALUES)
        else:
            target[key] = draw(VALUES)
    return data


@settings(max_examples=400, deadline=None, derandomize=True)
@given(mutated())
def test_a_mutated_design_is_valid_to_the_end_or_refused_in_one_line(data):
    try:
        design = build_design(Document("fuzzed", data, {}))
        resolve(design)
    except InputError as error:
        assert "\n" not in str(error)
        return
    assert isinstance(design, Design)
    assert design.area_mm2 >= 0
    assert design.leakage_w >= 0
