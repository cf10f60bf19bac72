"""What every component kind must do, ours or anyone's, as assertions that need no test framework.

    from accel_sim.testing import check_component

    def test_my_unit():
        check_component("my_unit", [{"lanes": 8}, {"lanes": 64}])

The specs are given from small to large: none may take less area than the one before it.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from accel_sim.config import Document, check, parse_document
from accel_sim.hardware.component import (
    BufferModel,
    ChannelModel,
    ComponentCost,
    ComponentSpec,
    GemmPrice,
    GemmTiles,
    Kind,
    LinkModel,
    MachineModel,
    MatrixModel,
    MemoryModel,
    Surroundings,
    VectorModel,
    find_kind,
)
from accel_sim.hardware.design import Design
from accel_sim.hardware.primitives import FUNCTIONS, PRIMITIVES
from accel_sim.simulation import simulate
from accel_sim.testing.chips import machine_design, small_chip
from accel_sim.testing.machines import check_machine
from accel_sim.testing.memories import check_memory
from accel_sim.workload import Workload
from accel_sim.workload.formats import TensorFormat
from accel_sim.workload.model import Formats
from accel_sim.workload.operator_list import GemmEntry, OperatorList
from accel_sim.workload.phases import Inference

CHIP = Surroundings(node_nm=7.0, voltage_v=None, clock_hz=1e9)
# What a buffer holds, and the name of the part of the small chip that does.
BUFFER_USES = {"tiles": "scratchpad", "partial_sums": "accumulator", "nothing_mapped": "registers"}
SHAPES = ((1, 1, 1), (1, 64, 300), (129, 5, 7), (64, 64, 64), (300, 1, 40), (256, 512, 128))


def check_component(name: str, specs: Sequence[Mapping[str, Any]]) -> None:
    """Check a registered component kind with parameters of several sizes, the smallest first.

    name: of the kind. specs: parameters as a design would give them, without `type`.

    Raises:
        AssertionError: what does not hold, with the parameters.
    """
    kind = find_kind(name)
    assert kind.summary, f"{name}: its spec has no docstring"
    areas = []
    for given in specs:
        spec = _spec(kind, given)
        _check_round_trip(kind, spec)
        cost = kind.model.cost(spec, CHIP)
        _check_cost(cost, kind.model.cost(spec, CHIP), given)
        areas.append(sum(cost.area_mm2.values()))
        if isinstance(kind.model, MatrixModel):
            _check_matrix(kind.model, spec, cost, given)
            _check_products(kind.model, spec, given)
        elif isinstance(kind.model, VectorModel):
            _check_vector(kind.model, spec, cost, given)
        elif isinstance(kind.model, BufferModel):
            _check_buffer(spec, cost, given)
        elif isinstance(kind.model, ChannelModel):
            _check_channel(kind.model, spec, cost, given)
            if isinstance(kind.model, MemoryModel):
                check_memory(kind.model, spec, given)
        elif isinstance(kind.model, MachineModel):
            check_machine(kind.model, spec, given)
        _check_on_chip(kind, spec, cost, given)
    assert areas == sorted(areas), f"{name}: a larger one takes less area: {areas}"


def _spec(kind: Kind, given: Mapping[str, Any]) -> ComponentSpec:
    return check(kind.spec, Document(kind.name, {"type": kind.name, **given}, {}))


def _check_round_trip(kind: Kind, spec: ComponentSpec) -> None:
    """A spec written as YAML and read again is the same spec, and equal specs are equal keys."""
    from ruamel.yaml import YAML

    text = io.StringIO()
    YAML(typ="safe", pure=True).dump(spec.model_dump(mode="json"), text)
    again = check(kind.spec, parse_document(text.getvalue(), kind.name))
    assert again == spec, f"{kind.name}: {spec} is read back as {again}"


def _check_cost(cost: ComponentCost, again: ComponentCost, given: object) -> None:
    assert cost == again, f"{given}: charges change from call to call"
    for what, figures in (("energy", cost.energy_j), ("area", cost.area_mm2)):
        for name, value in figures.items():
            assert math.isfinite(value) and value >= 0, f"{given}: {what} of {name} is {value}"
    assert math.isfinite(cost.leakage_w) and cost.leakage_w >= 0, f"{given}: leakage is {cost.leakage_w}"
    assert any(cost.energy_j.values()) or cost.leakage_w, f"{given}: it costs no energy"
    assert cost.sources, f"{given}: its figures have no source"


def _tiles(groups: int) -> GemmTiles:
    m, n, k = np.array(SHAPES, dtype=np.int64).T
    return GemmTiles(np.full(len(SHAPES), groups, dtype=np.int64), m, n, k)


def _check_matrix(model: MatrixModel, spec: ComponentSpec, cost: ComponentCost, given: object) -> None:
    peak = model.peak_macs_per_cycle(spec)
    assert peak > 0, f"{given}: its peak is {peak}"
    assert len(model.granule(spec)) == 3 and min(model.granule(spec)) >= 1, f"{given}: {model.granule(spec)}"
    left, right, _ = model.formats(spec)
    assert model.refuses(spec, left, right) is None, f"{given}: it refuses its own formats"
    assert "macs" in cost.energy_j, f"{given}: a MAC has no energy"
    if model.scales is not None:
        value = getattr(spec, model.scales, None)
        assert type(value) in (int, float), f"{given}: it scales by '{model.scales}', which is {value}"
    for groups in (1, 3):
        tiles = _tiles(groups)
        price, again = model.price(spec, tiles), model.price(spec, tiles)
        for name in GemmPrice.__slots__:
            values = getattr(price, name)
            assert values.dtype == np.int64 and values.shape == tiles.m.shape, f"{given}: {name}: {values!r}"
            assert (values >= 0).all(), f"{given}: {name} is negative: {values}"
            assert (values == getattr(again, name)).all(), f"{given}: {name} changes from call to call"
        macs = tiles.g * tiles.m * tiles.n * tiles.k
        assert (price.interval * peak >= macs).all(), f"{given}: tiles are faster than the peak of {peak}"
        assert (price.result >= 1).all(), f"{given}: results before anything has run"
        assert (price.partial_writes >= tiles.g * tiles.m * tiles.n).all(), f"{given}: results are lost"
        assert (price.a_reads >= tiles.g * tiles.m * tiles.k).all(), f"{given}: left operands are not read"
        assert (price.b_reads >= tiles.g * tiles.k * tiles.n).all(), f"{given}: right operands are not read"
        for i in range(len(SHAPES)):
            alone = model.price(spec, GemmTiles(*(getattr(tiles, axis)[i : i + 1] for axis in "gmnk")))
            assert alone.interval[0] == price.interval[i], f"{given}: a tile's price depends on its neighbours"


def _check_products(model: MatrixModel, spec: ComponentSpec, given: object) -> None:
    """Products on a small chip with this unit: dense MACs, at most all PEs busy, not below the roofline."""
    left, right, accumulator = model.formats(spec)
    formats = Formats(
        weights=TensorFormat(right),
        activations=TensorFormat(left),
        kv_cache=TensorFormat(left),
        accumulator=accumulator,
    )
    shapes = {f"gemm_{m}_{n}_{k}": (m, n, k) for m, n, k in SHAPES}
    entries = tuple(GemmEntry(name=name, m=m, n=n, k=k) for name, (m, n, k) in shapes.items())
    workload = Workload("products", OperatorList(gemms=entries), formats, Inference())
    chip = small_chip(
        {"scratchpad.capacity": "8 MiB", "accumulator.capacity": "2 MiB"}, npu=spec.model_dump(mode="json")
    )
    result, bound = simulate(chip, workload), simulate(chip, workload, fidelity="roofline")
    assert result.event("executed_macs") == result.macs == bound.macs, f"{given}: MACs are lost or made"
    assert result.event("pe_cycles") >= result.macs, f"{given}: tiles are faster than the peak"
    assert 0 < result.utilization <= 1, f"{given}: a utilization of {result.utilization}"
    assert result.latency_s >= bound.latency_s, f"{given}: faster than the roofline"
    faster = simulate(chip, workload, overrides={"dram.channel_bandwidth": "64 GB/s"})
    assert faster.latency_s <= result.latency_s * 1.05, f"{given}: more bandwidth makes it slower"


def _check_vector(model: VectorModel, spec: ComponentSpec, cost: ComponentCost, given: object) -> None:
    for name in PRIMITIVES:
        assert name in cost.energy_j, f"{given}: '{name}' has no energy"
    elements = np.array([0, 1, 2, 7, 64, 1000, 10**6], dtype=np.int64)
    for function, operations in FUNCTIONS.items():
        cycles = model.cycles(spec, operations, elements)
        assert cycles.dtype == np.int64 and cycles.shape == elements.shape, f"{given}: {cycles!r}"
        assert cycles[0] == 0, f"{given}: {function} of nothing takes {cycles[0]} cycles"
        assert (np.diff(cycles) >= 0).all(), f"{given}: {function} of more elements is faster"
        for count, taken in zip(elements.tolist(), cycles.tolist(), strict=True):
            least = model.least_cycles(spec, {name: times * count for name, times in operations.items()})
            assert taken >= least * (1 - 1e-12), f"{given}: {function} of {count} is faster than its bound"


def _check_buffer(spec: ComponentSpec, cost: ComponentCost, given: object) -> None:
    for name in ("capacity", "read_bytes_per_cycle", "write_bytes_per_cycle"):
        assert getattr(spec, name) > 0, f"{given}: {name}"
    assert getattr(spec, "holds", None) in BUFFER_USES, f"{given}: what does it hold?"
    assert {"read_bytes", "write_bytes"} <= cost.energy_j.keys(), f"{given}: bytes have no energy"


def _check_channel(model: ChannelModel, spec: ComponentSpec, cost: ComponentCost, given: object) -> None:
    assert model.bandwidth_bytes_per_s(spec) > 0, f"{given}: no bandwidth"
    assert model.latency_s(spec) >= 0, f"{given}: a negative latency"
    assert model.quantum_bytes(spec) >= 1, f"{given}: an empty quantum"
    # A memory with commands charges bursts, any other channel charges bytes, and none both.
    unit = "burst" if "read_burst" in cost.energy_j else "bytes"
    moves = {name for name in cost.energy_j if name.partition("_")[0] in ("read", "write")}
    assert moves == {f"read_{unit}", f"write_{unit}"}, f"{given}: {unit} have no energy"


def _check_on_chip(kind: Kind, spec: ComponentSpec, cost: ComponentCost, given: object) -> None:
    """The component's charges enter a chip's as they are."""
    design = _chip_with(kind, spec)
    part = next(c.name for c in design.components.values() if c.kind is kind and c.spec == spec)
    assert design.costs[part] == cost, f"{given}: on a chip it charges {design.costs[part]}"
    total = sum(sum(c.area_mm2.values()) for c in design.costs.values())
    assert math.isclose(design.area_mm2, total), f"{given}: the areas do not add up"


def _chip_with(kind: Kind, spec: ComponentSpec) -> Design:
    given = spec.model_dump(mode="json")
    if isinstance(kind.model, MatrixModel):
        return small_chip(npu=given)
    if isinstance(kind.model, VectorModel):
        return small_chip(vector=given)
    if isinstance(kind.model, MemoryModel):
        return small_chip(dram=given)
    if isinstance(kind.model, LinkModel):
        return small_chip(host=given)
    if isinstance(kind.model, MachineModel):
        return machine_design(given)
    name = BUFFER_USES[getattr(spec, "holds", "tiles")]
    parts: dict[str, Mapping[str, Any]] = {name: given}
    return small_chip(**parts)
