"""What a whole machine must do: price operators under its own bounds, and give ordinary results."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np

from accel_sim.config import Document
from accel_sim.hardware.component import ComponentSpec, MachineModel, OperatorPrices
from accel_sim.simulation import FIDELITIES, simulate
from accel_sim.testing.chips import machine_design
from accel_sim.workload import Workload, lower
from accel_sim.workload.formats import number_format, tensor_format
from accel_sim.workload.hf import read_transformer
from accel_sim.workload.model import Formats
from accel_sim.workload.operators import Operator, macs
from accel_sim.workload.phases import Decode, Generate, Prefill

TINY_MODEL = {
    "model_type": "gpt2",
    "n_embd": 64,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 64,
    "vocab_size": 500,
}


def check_machine(model: MachineModel, spec: ComponentSpec, given: object) -> None:
    """Check a machine's prices on the operators of a small language model, and its results on that model.

    Raises:
        AssertionError: what does not hold, with the parameters as given.
    """
    peaks = model.peak_macs_per_s(spec)
    assert peaks and min(peaks.values()) > 0, f"{given}: its peaks are {peaks}"
    assert model.bandwidth_bytes_per_s(spec) > 0, f"{given}: no bandwidth"
    assert getattr(spec, "capacity", 0) > 0, f"{given}: no capacity"
    for name, peak in peaks.items():
        own = number_format(name)
        reached = model.operand_peak_macs_per_s(spec, own, own)
        assert reached is not None and reached >= peak, f"{given}: {name} reaches {reached} of {peak}"
        workload = _workload(name)
        for phase in (Prefill(batch=2, sequence=24), Decode(batch=1, context=40)):
            graph = lower(workload.with_phase(phase))
            _check_prices(model, spec, [op for block in graph.blocks for op in block.operators], given)
        _check_results(spec, workload, given)


def _workload(name: str) -> Workload:
    """Return a small language model with every tensor in one format."""
    each = tensor_format(name)
    formats = Formats(weights=each, activations=each, kv_cache=each)
    model = read_transformer(Document("tiny", {"model": TINY_MODEL}, {}))
    return Workload("tiny", model, formats, Generate(batch=1, prompt=8, output=9))


def _check_prices(model: MachineModel, spec: ComponentSpec, operators: list[Operator], given: object) -> None:
    prices, again = model.price(spec, operators), model.price(spec, operators)
    names = [field.name for field in fields(OperatorPrices)]
    for name in names:
        values = getattr(prices, name)
        assert values.dtype == np.float64 and values.shape == (len(operators),), f"{given}: {name}: {values!r}"
        assert np.isfinite(values).all() and (values >= 0).all(), f"{given}: {name}: {values}"
        assert (values == getattr(again, name)).all(), f"{given}: {name} changes from call to call"
    dense = np.array([macs(op) for op in operators], dtype=np.float64)
    assert (prices.executed_macs >= dense).all(), f"{given}: MACs are lost"
    assert (prices.kernels >= 1).all(), f"{given}: operators without a kernel"
    fastest = max(model.peak_macs_per_s(spec).values())
    least_s = (prices.read_bytes + prices.write_bytes) / model.bandwidth_bytes_per_s(spec)
    assert (prices.compute_s * fastest >= prices.executed_macs * (1 - 1e-12)).all(), f"{given}: above its peak"
    assert (prices.memory_s >= least_s * (1 - 1e-12)).all(), f"{given}: above its bandwidth"
    written = np.array([op.output.bytes for op in operators])
    assert (prices.write_bytes >= written).all(), f"{given}: results are not written"
    for index, op in enumerate(operators):
        alone = model.price(spec, [op])
        for name in names:
            assert getattr(alone, name)[0] == getattr(prices, name)[index], f"{given}: {name} depends on others"


def _check_results(spec: ComponentSpec, workload: Workload, given: object) -> None:
    """Every fidelity is the same closed form, and the parts of a result add up."""
    design = machine_design(spec.model_dump(mode="json"))
    results = [simulate(design, workload, fidelity=fidelity) for fidelity in FIDELITIES]
    first = results[0].metrics()
    assert all(result.metrics() == first for result in results), f"{given}: fidelities differ"
    result = results[0]
    assert 0 < result.utilization <= 1, f"{given}: a utilization of {result.utilization}"
    assert result.event("executed_macs") >= result.macs > 0, f"{given}: MACs are lost"
    parts = sum(result.latency_breakdown().values())
    assert math.isclose(parts, result.latency_s), f"{given}: operators take {parts} of {result.latency_s} s"
    joules = sum(sum(kinds.values()) for kinds in result.energy_breakdown().values())
    assert math.isclose(joules, result.energy_j), f"{given}: components take {joules} of {result.energy_j} J"
