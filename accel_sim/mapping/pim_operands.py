"""Which operators the banks of a memory compute, on which operands, and whether those fit."""

from __future__ import annotations

from math import ceil

from accel_sim.config.errors import InputError
from accel_sim.mapping.attention_tiling import visible_keys
from accel_sim.mapping.machine import Machine, Pim
from accel_sim.mapping.pim_attention import Attention as CacheKernel
from accel_sim.mapping.pim_attention import cache_rows
from accel_sim.mapping.pim_cost import matrix_rows
from accel_sim.workload.formats import number_format
from accel_sim.workload.graph import Graph
from accel_sim.workload.operators import Attention, Gemm, KvAppend, Operator
from accel_sim.workload.tensors import Tensor


def in_banks(op: Operator, machine: Machine) -> bool:
    """Whether an operator runs at the memory's banks: its large operand lies there, and they can do it."""
    if machine.pim is None:
        return False
    if isinstance(op, Gemm):
        return bool(op.weights)
    return isinstance(op, Attention | KvAppend) and machine.pim.attends


def check_operands(op: Operator, machine: Machine) -> None:
    """Refuse what neither the banks nor the chip can compute.

    Raises:
        InputError: a matrix that is stored in another format than the units', a vector that would lose values
            in it, or attention that the banks do not have on a chip without a matrix unit.
    """
    pim = machine.pim
    if pim is None:
        return
    where = f"{machine.design.document.source}: {machine.memory.name} ({pim.device.name})"
    if in_banks(op, machine):
        for tensor in _matrices(op):
            if tensor.format.name != pim.number_format:
                raise InputError(
                    f"{where} computes {pim.number_format} as it is stored, and '{tensor.name}' is "
                    f"{tensor.format.name}; change {machine.memory.name}.format or the workload's formats"
                )
        vector = op.inputs[0]
        if not number_format(pim.number_format).holds(vector.format.element):
            raise InputError(
                f"{where} computes {pim.number_format}, which cannot hold {vector.format.name} (an operand "
                f"of '{op.name}'); change the workload's formats.activations"
            )
    elif isinstance(op, Attention) and machine.matrix is None:
        raise InputError(
            f"{where} has no operand buffer for all banks, which attention needs; '{op.name}' takes a matrix "
            "unit on the chip, and there is none"
        )


def free_rows(graph: Graph, machine: Machine) -> int:
    """Return the rows of each bank that weights and cache leave free; 0 where the memory does not compute.

    Rows are not shared: what is narrower than a row, or a little wider than one, leaves the rest of it empty.
    Matrices that do not divide over the channels take turns with what is left over.

    Raises:
        InputError: a model whose weights and cache take more rows of the banks than there are.
    """
    if machine.pim is None:
        return 0
    device = machine.pim.device
    rows = ceil(sum(times * _rows(op, machine.pim) for op, times in graph.operators()) / device.channels)
    if rows > device.rows:
        where = f"{machine.design.document.place((machine.memory.name,))}: {machine.memory.name}"
        raise InputError(
            f"{where}: {graph.name} and its cache take {rows} rows of each bank: {device.name} with "
            f"{device.channels} channels has {device.rows}"
        )
    return device.rows - rows


def _rows(op: Operator, pim: Pim) -> int:
    """Return the rows that an operator's weights or cache take of one bank of each channel, all channels."""
    device, stored = pim.device, pim.number_format
    if isinstance(op, Gemm) and op.weights:
        rows = matrix_rows(device, op.n, op.k, stored)
    elif isinstance(op, Attention) and pim.attends:
        kernel = CacheKernel(op.heads, op.kv_heads, op.head_dim, visible_keys(op))
        rows = cache_rows(device, kernel, stored)
    else:
        return 0
    return op.batch * sum(each * channels for each, channels in rows)


def _matrices(op: Operator) -> tuple[Tensor, ...]:
    if isinstance(op, Gemm):
        return op.weights[:1]
    return op.inputs[1:] if isinstance(op, Attention) else (op.output,)
