"""Graphs of one or a few operators, and what a run of one on a design shows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from accel_sim.engine import machine as engine
from accel_sim.engine import machine_memory
from accel_sim.engine.execute import Timeline, execute
from accel_sim.engine.program import TAG
from accel_sim.hardware.design import Design
from accel_sim.hardware.events import EVENTS
from accel_sim.mapping.compile import Compiled, compile_graph
from accel_sim.mapping.machine import TICKS_PER_CYCLE, Machine, resolve
from accel_sim.mapping.roofline import Floor, floor, unit_ticks
from accel_sim.workload.formats import tensor_format
from accel_sim.workload.graph import Block, Graph
from accel_sim.workload.operators import Attention, Conv2d, Elementwise, Gemm, Operator
from accel_sim.workload.tensors import Residency, Tensor

BF16 = tensor_format("bf16")


def block(*operators: Operator, repeat: int = 1, name: str = "block") -> Block:
    return Block(name, operators, operators[0].inputs[0].name, operators[-1].output.name, repeat)


def graph(*operators: Operator, repeat: int = 1) -> Graph:
    return Graph("graph", (block(*operators, repeat=repeat),))


def gemm(m, n, k, batch=1, *, name="gemm", source=None, weights="bf16", keep=False) -> Gemm:
    """A product whose input comes from outside unless `source` is given; the output leaves unless kept."""
    source = source or Tensor(f"{name}.input", (batch, m, k), BF16, Residency.IO)
    weight = Tensor(f"{name}.weight", (batch, k, n), tensor_format(weights), Residency.WEIGHT)
    output = Tensor(name, (batch, m, n), BF16, Residency.ACTIVATION if keep else Residency.IO)
    return Gemm(name, m, n, k, (source,), (weight,), output, batch)


def conv(
    batch,
    channels,
    size,
    kernel,
    stride=(1, 1),
    padding=(0, 0),
    dilation=(1, 1),
    groups=1,
    *,
    name="conv",
    source=None,
    keep=False,
) -> Conv2d:
    source = source or Tensor(f"{name}.input", (batch, channels[0], *size), BF16, Residency.IO)
    weight = Tensor(f"{name}.weight", (channels[1], channels[0] // groups, *kernel), BF16, Residency.WEIGHT)
    op = Conv2d(
        name, batch, *channels, *size, kernel, (source,), (weight,), source, stride, padding, dilation, groups
    )
    shape = (batch, channels[1], op.out_height, op.out_width)
    return replace(op, output=Tensor(name, shape, BF16, Residency.ACTIVATION if keep else Residency.IO))


def attention(
    batch,
    queries,
    context,
    heads,
    kv_heads,
    head_dim,
    *,
    causal=True,
    window=0,
    softcap=False,
    name="attention",
) -> Attention:
    seen = min(context, window + queries - 1) if window else context
    query = Tensor(f"{name}.query", (batch, queries, heads * head_dim), BF16, Residency.IO)
    cache = Tensor(f"{name}.cache", (batch, seen, kv_heads * head_dim), BF16, Residency.KV_CACHE)
    output = Tensor(name, query.shape, BF16, Residency.IO)
    return Attention(
        name,
        batch,
        queries,
        context,
        heads,
        kv_heads,
        head_dim,
        (query, cache, cache),
        (),
        output,
        causal=causal,
        window=window,
        softcap=softcap,
    )


def elementwise(name, function, *sources, elements=None, keep=False) -> Elementwise:
    shape = sources[0].shape
    if elements is not None:
        shape = (*shape[:-1], elements // int(np.prod(shape[:-1])))
    output = Tensor(name, shape, BF16, Residency.ACTIVATION if keep else Residency.IO)
    return Elementwise(name, function, output.elements, sources, output)


@dataclass(frozen=True)
class Run:
    """A graph compiled and run. `levels`: of tile space and sum space, at the start and at the end."""

    graph: Graph
    machine: Machine
    compiled: Compiled
    timeline: Timeline
    levels: tuple[np.ndarray, np.ndarray]

    @property
    def ticks(self) -> int:
        return self.timeline.total_ticks

    @property
    def cycles(self) -> float:
        return self.ticks / TICKS_PER_CYCLE

    @property
    def events(self) -> dict[str, int]:
        counts = self.compiled.events(self.timeline.executions).sum(axis=0)
        return dict(zip(EVENTS, counts.tolist(), strict=True))

    @property
    def floors(self) -> list[tuple[Floor, int]]:
        return [(floor(op, self.machine), repeat) for op, repeat in self.graph.operators()]

    @property
    def roofline_ticks(self) -> float:
        totals: dict[str, float] = {}
        for least, repeat in self.floors:
            for unit, ticks in unit_ticks(least, self.machine).items():
                totals[unit] = totals.get(unit, 0.0) + ticks * repeat
        return max(totals.values())

    def intervals(self) -> list[tuple[str, str, str, int, int]]:
        """(operator, stream, resource, start, end) of everything that held a resource, in ticks."""
        from accel_sim.engine.execute import trace

        names = [m.segment.operator.name for m in self.compiled.mapped]
        builder, tasks = self.compiled.builder, self.compiled.builder.build()[0].task
        rows = np.concatenate(list(trace(builder, len(names))) or [np.empty((0, 4), dtype=np.int64)])
        resource = self.timeline.task_resource
        return [
            (
                names[tasks[t, TAG]],
                builder.streams[s].name,
                self.timeline.resource_names[resource[t]],
                int(start),
                int(end),
            )
            for s, t, start, end in rows
        ]


def run(graph: Graph, design: Design, *, fold: bool = True) -> Run:
    machine = resolve(design)
    compiled = compile_graph(graph, machine)
    timeline = execute(compiled.builder, len(compiled.mapped), fold=fold)
    program, levels, starts = compiled.builder.build()
    memory = machine_memory.lay_out(program, levels, starts, len(compiled.mapped))
    no_trace = np.empty((0, 4), dtype=np.int64)
    assert engine.run(memory.m, True, no_trace, 10**7) == engine.FINISHED
    return Run(graph, machine, compiled, timeline, (levels[:2], memory.token[:2, engine.LEVEL]))


def assert_sound(result: Run) -> None:
    """What must hold of every run: nothing is lost, nothing is free, every buffer byte is given back."""
    events = result.events
    assert (result.levels[0] == result.levels[1]).all(), "credits of a buffer are lost or made"
    assert result.ticks >= result.roofline_ticks * (1 - 1e-12)
    assert events["executed_macs"] >= result.graph.macs
    assert events["pe_cycles"] >= events["executed_macs"]
    for event, least in (
        ("memory_read_bytes", sum(f.memory_read_bytes * r for f, r in result.floors)),
        ("memory_write_bytes", sum(f.memory_write_bytes * r for f, r in result.floors)),
        ("link_bytes", sum(f.link_bytes * r for f, r in result.floors)),
    ):
        assert events[event] >= least, event
    operations: dict[str, float] = {}
    for least, repeat in result.floors:
        for name, count in least.operations.items():
            operations[name] = operations.get(name, 0.0) + count * repeat
    for name, count in operations.items():
        assert events[f"vector_{name}"] >= count * (1 - 1e-9), name


def assert_same_unfolded(result: Run) -> None:
    """Skipping periods changes nothing."""
    plain = execute(result.compiled.builder, len(result.compiled.mapped), fold=False)
    assert plain.total_ticks == result.timeline.total_ticks
    for name in ("executions", "busy_ticks", "elapsed_ticks"):
        assert (getattr(plain, name) == getattr(result.timeline, name)).all(), name
