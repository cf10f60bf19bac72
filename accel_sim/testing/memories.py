"""What an off-chip memory must do: price access patterns and commands, and compute if it says so."""

from __future__ import annotations

import math

from accel_sim.config import Document
from accel_sim.hardware.component import ComponentSpec, MemoryModel, PimModel
from accel_sim.hardware.design import Design
from accel_sim.simulation import simulate
from accel_sim.testing.chips import small_chip
from accel_sim.testing.machines import TINY_MODEL
from accel_sim.workload import Workload
from accel_sim.workload.formats import tensor_format
from accel_sim.workload.hf import read_transformer
from accel_sim.workload.model import Formats
from accel_sim.workload.phases import Decode

RUNS = (1, 64, 100, 1 << 12, 1 << 20)


def check_memory(model: MemoryModel, spec: ComponentSpec, given: object) -> None:
    """Check a memory's rates, and a decode step of a small language model on a chip that has it.

    Raises:
        AssertionError: what does not hold, with the parameters as given.
    """
    for write in (False, True):
        for run in RUNS:
            for stride in (0, run, 2 * run, 3 * run + 1, 1 << 24):
                slowdown = model.slowdown(spec, run, stride, write)
                assert math.isfinite(slowdown) and slowdown >= 1, (
                    f"{given}: runs of {run} at a stride of {stride} take {slowdown} of a stream"
                )
    assert getattr(spec, "capacity", 0) > 0, f"{given}: no capacity"
    fidelities = ["tile"]
    try:
        channels = model.channels(spec) if model.channels is not None else None
    except ValueError:
        channels = None
    if channels is not None:
        peak = channels.count * channels.bandwidth_bytes_per_s
        sustained = model.bandwidth_bytes_per_s(spec)
        assert sustained <= peak, f"{given}: sustains {sustained} of {peak} bytes a second"
        fidelities.append("cycle")
    number_format = _number_format(model, spec, given)
    design, workload = _chip(spec, number_format), _workload(number_format)
    for fidelity in fidelities:
        _check_run(design, workload, fidelity, isinstance(model, PimModel), given)


def _number_format(model: MemoryModel, spec: ComponentSpec, given: object) -> str:
    """Return what a model is stored in: the units' format where the memory computes."""
    if not isinstance(model, PimModel):
        return "bf16"
    ((name, peak),) = model.peak_macs_per_s(spec).items()
    device = model.device(spec)
    assert peak > 0, f"{given}: its peak is {peak}"
    assert device.lanes(name) >= 1, f"{given}: a column holds no {name}"
    assert device.capacity_bytes > 0, f"{given}: no capacity"
    return name


def _chip(spec: ComponentSpec, number_format: str) -> Design:
    npu = {"type": "systolic_array", "rows": 8, "columns": 8}
    npu |= {"activation_format": number_format, "weight_format": number_format}
    return small_chip(npu=npu, dram=spec.model_dump(mode="json"))


def _workload(number_format: str) -> Workload:
    each = tensor_format(number_format)
    model = read_transformer(Document("tiny", {"model": TINY_MODEL}, {}))
    formats = Formats(weights=each, activations=each, kv_cache=each)
    return Workload("tiny", model, formats, Decode(batch=2, context=40))


def _check_run(design: Design, workload: Workload, fidelity: str, computes: bool, given: object) -> None:
    result, bound = (simulate(design, workload, fidelity=which) for which in (fidelity, "roofline"))
    where = f"{given} at {fidelity}"
    assert result.event("executed_macs") == result.macs == bound.macs, f"{where}: MACs are lost or made"
    in_banks = result.event("executed_macs") - result.event("matrix_macs")
    assert (in_banks > 0) == computes, f"{where}: {in_banks} MACs in banks"
    for event in ("memory_read_bytes", "memory_write_bytes"):
        assert result.event(event) >= bound.event(event), f"{where}: less than the compulsory {event}"
    if fidelity == "tile":
        assert result.latency_s >= bound.latency_s, f"{where}: faster than the roofline"
    assert 0 < result.utilization <= 1, f"{where}: a utilization of {result.utilization}"
    joules = sum(sum(kinds.values()) for kinds in result.energy_breakdown().values())
    assert math.isclose(joules, result.energy_j), f"{where}: components take {joules} of {result.energy_j} J"
    plain = simulate(design, workload, fidelity=fidelity, fold=False)
    assert plain.latency_s == result.latency_s, f"{where}: folding changes the latency"
