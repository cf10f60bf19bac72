"""Prices a decode step of a language model on a PIM memory: every matrix product in the banks.

Matrices are split over channels and banks, heads lie next to each other in rows, keys are written in rows and
values transposed, so that later reads hit open rows (the mapping of PIM-GPT). Operators follow each other:
the memory does one at a time. Softmax, normalizations and activations belong to a processor beside it, whose
time is not in here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from accel_sim.config.errors import InputError
from accel_sim.hardware.pim.device import PimDevice
from accel_sim.mapping.pim_attention import Attention, attention_costs, cache_rows
from accel_sim.mapping.pim_cost import PimCost, gemv_cost, matrix_rows
from accel_sim.workload import operators as ops
from accel_sim.workload.graph import Graph


@dataclass(frozen=True)
class DecodeCost:
    """Price of a graph.

    Attributes:
        steps: price of each operator's part, `operator` or `operator.score` and so on, and how often it runs.
        elsewhere: operators that no bank executes.
    """

    steps: Mapping[str, tuple[PimCost, int]]
    elsewhere: tuple[str, ...]

    def total(self, figure: Callable[[PimCost], float]) -> float:
        """Return the sum of a figure of every price, times how often it runs."""
        return sum(figure(cost) * times for cost, times in self.steps.values())

    @property
    def latency_s(self) -> float:
        """Time of all steps, one after the other."""
        return self.total(lambda cost: cost.latency_s)

    @property
    def energy_j(self) -> float:
        """Energy of all commands, and of standby while they last."""
        return self.total(lambda cost: cost.energy_j + cost.background_j)

    @property
    def macs(self) -> int:
        """Products of operands that exist."""
        return int(self.total(lambda cost: cost.macs))

    @property
    def row_hit_rate(self) -> float:
        """Share of column accesses that found their row open and already used."""
        return self.total(lambda cost: cost.row_hits) / self.total(lambda cost: cost.accesses)


def decode_cost(device: PimDevice, graph: Graph) -> DecodeCost:
    """Return the price of one decode step.

    Args:
        device: holds all weights and the cache.
        graph: of a decode phase.

    Raises:
        InputError: another phase, a format the units do not have, or a model that does not fit.
    """
    steps: dict[str, tuple[PimCost, int]] = {}
    elsewhere = []
    rows = 0
    for operator, times in graph.operators():
        parts = dict(_parts(device, operator))
        if not parts and not isinstance(operator, ops.KvAppend):
            elsewhere.append(operator.name)
        rows += times * _rows(device, operator)
        steps.update({name: (cost, times) for name, cost in parts.items()})
    device.check_rows(rows, f"{graph.name} with its cache")
    return DecodeCost(steps, tuple(elsewhere))


def _parts(device: PimDevice, operator: ops.Operator) -> Iterator[tuple[str, PimCost]]:
    if isinstance(operator, ops.Gemm) and operator.weights:
        # Experts have matrices of their own, and work one after the other.
        cost = gemv_cost(device, operator.n, operator.k, operator.m * operator.batch, _format(operator))
        yield operator.name, cost
    elif isinstance(operator, ops.Attention):
        for step, cost in attention_costs(device, _attention(operator), _format(operator)).items():
            for request in range(operator.batch):
                yield f"{operator.name}.{step}" + (f".{request}" if operator.batch > 1 else ""), cost


def _rows(device: PimDevice, operator: ops.Operator) -> int:
    """Return the rows of each bank that an operator's weights or cache take."""
    if isinstance(operator, ops.Gemm) and operator.weights:
        return operator.batch * matrix_rows(device, operator.n, operator.k, _format(operator))
    if isinstance(operator, ops.Attention):
        return operator.batch * cache_rows(device, _attention(operator), _format(operator))
    return 0


def _attention(operator: ops.Attention) -> Attention:
    if operator.query_length != 1:
        raise InputError(f"{operator.name}: {operator.query_length} new tokens: PIM prices decode steps, of 1")
    keys = min(operator.window or operator.context, operator.context)
    return Attention(operator.heads, operator.kv_heads, operator.head_dim, keys)


def _format(operator: ops.Gemm | ops.Attention) -> str:
    tensor = operator.weights[0] if operator.weights else operator.inputs[1]
    return tensor.format.element.name
