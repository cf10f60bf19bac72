"""Stages of designs that are one whole machine: operator after operator, nothing mapped, no event clock."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from accel_sim.config.errors import InputError
from accel_sim.hardware.component import MachineModel, OperatorPrices
from accel_sim.hardware.design import Component, Design
from accel_sim.hardware.events import EVENT_INDEX, EVENTS
from accel_sim.results.bottleneck import BANDWIDTH, COMPUTE, OVERHEAD
from accel_sim.results.record import OperatorRecord
from accel_sim.results.result import Stage
from accel_sim.workload import Graph
from accel_sim.workload.graph import Block
from accel_sim.workload.operators import Operator, macs
from accel_sim.workload.tensors import Residency


def machine_stage(design: Design, machine: Component, graph: Graph, name: str) -> Stage:
    """Return the graph's operators one after the other on a whole machine; their times add up to the latency.

    Raises:
        InputError: an operator that the machine cannot compute.
    """
    model = machine.kind.model
    assert isinstance(model, MachineModel)
    records: list[OperatorRecord] = []
    for block in graph.blocks:
        try:
            prices = model.price(machine.spec, block.operators)
        except ValueError as error:
            place = design.document.place((machine.name,))
            raise InputError(f"{place}: {machine.name}: {error}") from None
        records += _records(block, prices)
    return Stage(
        name=name, weight=1.0, latency_s=sum(record.latency_s for record in records), records=tuple(records)
    )


def _records(block: Block, prices: OperatorPrices) -> Iterator[OperatorRecord]:
    for index, op in enumerate(block.operators):
        events = np.zeros(len(EVENTS))
        events[EVENT_INDEX["executed_macs"]] = prices.executed_macs[index]
        events[EVENT_INDEX["pe_cycles"]] = prices.executed_macs[index]
        events[EVENT_INDEX["memory_read_bytes"]] = prices.read_bytes[index]
        events[EVENT_INDEX["memory_write_bytes"]] = prices.write_bytes[index]
        events[EVENT_INDEX["machine_busy_s"]] = prices.busy_s[index]
        parts = {COMPUTE: prices.compute_s, BANDWIDTH: prices.memory_s, OVERHEAD: prices.overhead_s}
        kernels = int(prices.kernels[index])
        yield OperatorRecord(
            name=op.name,
            fused=(),
            kind=type(op).__name__,
            block=block.name,
            repeat=block.repeat,
            macs=macs(op) * block.repeat,
            latency_s=float(prices.latency_s[index]) * block.repeat,
            busy_s={part: float(seconds[index]) * block.repeat for part, seconds in parts.items()},
            events=events * block.repeat,
            tiling=f"{kernels} kernel{'s' if kernels != 1 else ''}",
            compulsory_bytes=min(
                _compulsory_bytes(op), int(prices.read_bytes[index] + prices.write_bytes[index])
            )
            * block.repeat,
        )


def _compulsory_bytes(op: Operator) -> int:
    """Return the bytes of weights, cache, inputs and outputs of the model that an operator touches."""
    tensors = (*op.inputs, *op.weights, op.output)
    return sum(tensor.bytes for tensor in tensors if tensor.residency is not Residency.ACTIVATION)
