"""`simulate(design, workload)`: the one call that everything above uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from accel_sim.closed_form import machine_stage
from accel_sim.config.errors import InputError, did_you_mean
from accel_sim.config.identity import Same
from accel_sim.config.units import format_bytes
from accel_sim.engine.execute import Timeline, execute, trace
from accel_sim.hardware.component import PimModel
from accel_sim.hardware.design import Design, build_design, load_design
from accel_sim.hardware.events import EVENT_INDEX, EVENTS
from accel_sim.mapping.compile import Mapped, compile_graph
from accel_sim.mapping.machine import TICKS_PER_CYCLE, Machine, resolve
from accel_sim.mapping.pim_operands import in_banks
from accel_sim.mapping.pim_vector import has_kernel
from accel_sim.mapping.plan import Segment
from accel_sim.mapping.roofline import floor, least_work, unit_ticks
from accel_sim.mapping.streams import ACTIVATE, BURSTS, OPEN
from accel_sim.results.record import OperatorRecord
from accel_sim.results.result import Result, Stage
from accel_sim.workload import (
    Decode,
    Generate,
    Graph,
    Prefill,
    Workload,
    kv_cache_bytes,
    load_workload,
    lower,
    parameters,
)
from accel_sim.workload.operators import Attention, macs

Fidelity = Literal["roofline", "tile", "cycle"]
FIDELITIES: tuple[str, ...] = get_args(Fidelity)
# Decode steps between two simulated contexts are interpolated while a third between them is met this closely.
INTERPOLATION_TOLERANCE = 1e-3


def simulate(
    design: Design | str | Path,
    workload: Workload | str | Path,
    *,
    overrides: Mapping[str, Any] | None = None,
    fidelity: str = "tile",
    fold: bool = True,
) -> Result:
    """Return latency, energy and area of a workload on a design.

    Args:
        design: a `Design`, the path of a YAML file, or the name of a shipped design.
        workload: a `Workload`, a path, or the name of a shipped workload.
        overrides: values by dotted path; a path that begins with `workload.` is one of the workload's.
        fidelity: `roofline` (closed-form lower bound), `tile` (event-driven over tiles, memory by bandwidth) or
            `cycle` (the same, memory command by command).
        fold: skip what repeats exactly; the result is the same, only sooner there.

    Raises:
        InputError: files, paths or values that are wrong, operators or formats the design cannot run.
        RunError: buffers too small for any tile.

    >>> simulate("npu_128x128_hbm", "llama3_8b", overrides={"npu.rows": 256}).latency_s  # doctest: +SKIP
    """
    if fidelity not in FIDELITIES:
        raise InputError(f"fidelity = {fidelity}: is not known{did_you_mean(fidelity, FIDELITIES)}")
    on_design, on_workload = split_overrides(overrides or {})
    design = _resolve_design(design, on_design)
    if isinstance(workload, Workload):
        if on_workload:
            raise InputError("overrides of a workload need its file or name, not a loaded workload")
    else:
        workload = load_workload(workload, overrides=on_workload)
    _check_capacity(design, workload)
    stages = _stages(workload, _runner(design, fidelity, fold))
    return Result(
        design=design,
        workload=workload,
        fidelity=fidelity,
        stages=stages,
        tokens=_tokens(workload),
        notes=_notes(design, workload),
        settings=dict(overrides or {}),
    )


def split_overrides(overrides: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the overrides of the design and those of the workload (without their `workload.` prefix)."""
    prefix = "workload."
    on_workload = {path[len(prefix) :]: value for path, value in overrides.items() if path.startswith(prefix)}
    on_design = {path: value for path, value in overrides.items() if not path.startswith(prefix)}
    return on_design, on_workload


def _resolve_design(design: Design | str | Path, overrides: Mapping[str, Any]) -> Design:
    if not isinstance(design, Design):
        return load_design(design, overrides)
    return build_design(design.document, overrides) if overrides else design


StageRunner = Callable[[Graph, str], Stage]


def _runner(design: Design, fidelity: str, fold: bool) -> StageRunner:
    """Return the function that simulates a graph; a whole machine is in closed form at every fidelity."""
    if design.machine is not None:
        return partial(machine_stage, design, design.machine)
    machine = resolve(design, commands=fidelity == "cycle")
    return partial(_roofline_stage, machine) if fidelity == "roofline" else partial(_tile_stage, machine, fold)


def _stages(workload: Workload, run: StageRunner) -> tuple[Stage, ...]:
    phase = workload.phase
    if not isinstance(phase, Generate):
        return (run(lower(workload), phase.phase),)
    prefill = run(lower(workload.with_phase(phase.prefill)), "prefill")
    contexts = phase.contexts
    if not contexts:
        return (prefill,)

    def step(context: int) -> Stage:
        return run(lower(workload.with_phase(phase.decode(context))), f"decode at {context}")

    last = lower(workload.with_phase(phase.decode(contexts[-1])))
    windows = {op.window for op, _ in last.operators() if isinstance(op, Attention)}
    steps = integrate(step, contexts[0], contexts[-1], bends=sorted(windows))
    return (prefill, *(replace(stage, weight=weight) for stage, weight in steps))


def integrate(
    step: Callable[[int], Stage], first: int, last: int, bends: Iterable[int] = ()
) -> list[tuple[Stage, float]]:
    """Return the stages to simulate between two contexts, with weights that sum over every context.

    The latency is taken to be linear between two contexts if it is so within INTERPOLATION_TOLERANCE at the one
    half way; else both halves are treated in the same way, down to single contexts. Counts that are linear in
    the context, such as MACs, are exact; so are those that change their slope at one of the contexts `bends`,
    as MACs do where a sliding window is full.
    """
    known: dict[int, Stage] = {}
    weights: dict[int, float] = {}

    def at(context: int) -> Stage:
        if context not in known:
            known[context] = step(context)
            weights[context] = 0.0
        return known[context]

    def add(low: int, high: int) -> None:
        """Add the contexts low + 1 ... high, interpolated between low and high."""
        span = high - low
        # sum over i = 1..span of i / span
        upper = (span + 1) / 2
        weights[low] += span - upper
        weights[high] += upper

    def visit(low: int, high: int) -> None:
        if high - low < 2:
            at(low), at(high)
            add(low, high)
            return
        middle = (low + high) // 2
        share = (middle - low) / (high - low)
        expected = at(low).latency_s * (1 - share) + at(high).latency_s * share
        if abs(at(middle).latency_s - expected) <= INTERPOLATION_TOLERANCE * expected:
            add(low, middle)
            add(middle, high)
        else:
            visit(low, middle)
            visit(middle, high)

    at(first)
    weights[first] += 1.0
    borders = [first, *(bend for bend in bends if first < bend < last), last]
    for low, high in pairwise(borders):
        if high > low:
            visit(low, high)
    return [(known[context], weights[context]) for context in sorted(known)]


def _tile_stage(machine: Machine, fold: bool, graph: Graph, name: str) -> Stage:
    compiled = compile_graph(graph, machine)
    timeline = execute(compiled.builder, len(compiled.mapped), fold=fold)
    tick_s = 1 / (machine.design.clock_hz * TICKS_PER_CYCLE)
    latency_s = timeline.total_ticks * tick_s
    names = timeline.resource_names
    busy_s = (_busy_by_tag(timeline, len(compiled.mapped)) * tick_s).tolist()
    elapsed_s = (timeline.elapsed_ticks[: len(compiled.mapped)] * tick_s).tolist()
    events = compiled.events(timeline.executions).astype(np.float64)
    rows = zip(compiled.mapped, _closed(elapsed_s, latency_s), busy_s, events, strict=True)
    return Stage(
        name=name,
        weight=1.0,
        latency_s=latency_s,
        records=tuple(
            _record(mapped, own_s, {name: s for name, s in zip(names, busy, strict=True) if s}, counts, machine)
            for mapped, own_s, busy, counts in rows
        ),
        intervals=lambda: trace(compiled.builder, len(compiled.mapped)),
        tasks=np.array((timeline.task_tag, timeline.task_resource)).T,
        resources=names,
        tick_s=tick_s,
        streams=tuple(stream.name for stream in compiled.builder.streams),
    )


def _busy_by_tag(timeline: Timeline, tags: int) -> np.ndarray:
    """Return int64[tag, resource], the ticks for which each operator held each resource."""
    # Tasks without a resource, -1, count in a last column of their own.
    busy = np.zeros((tags, len(timeline.resource_names) + 1), dtype=np.int64)
    np.add.at(busy, (timeline.task_tag, timeline.task_resource), timeline.busy_ticks)
    return busy[:, :-1]


def _closed(elapsed_s: Sequence[float], latency_s: float) -> list[float]:
    """Return the operators' times; the last also has what comes after all results: tokens on their way."""
    rest = latency_s - sum(elapsed_s)
    return [*elapsed_s[:-1], *(last + rest for last in elapsed_s[-1:])]


def _record(
    mapped: Mapped, latency_s: float, busy_s: dict[str, float], events: np.ndarray, machine: Machine
) -> OperatorRecord:
    block, segment = mapped.block, mapped.segment
    either = tuple(has_kernel(op, machine) for op in segment.operators) if machine.pim else ()
    stays = in_banks(segment.operator, machine)
    dense, compulsory = _least(Same(segment), machine.link is not None, stays, either)
    return OperatorRecord(
        name=segment.operator.name,
        fused=tuple([op.name for op in segment.epilogue]),
        kind=type(segment.operator).__name__,
        block=block.name,
        repeat=block.repeat,
        macs=dense * block.repeat,
        latency_s=latency_s,
        busy_s=busy_s,
        events=events,
        tiling=mapped.describe(),
        compulsory_bytes=compulsory * block.repeat,
    )


@lru_cache(maxsize=4096)
def _least(segment: Same[Segment], linked: bool, stays: bool, either: tuple[bool, ...]) -> tuple[int, int]:
    """Return the MACs of a segment and the bytes that no mapping avoids; see `least_work` and `floor`.

    either: of each operator, whether banks or chip may run it; empty where none may.
    """
    first, *epilogue = segment.value.operators
    works = [least_work(first, linked, stays), *(least_work(op, linked, False) for op in epilogue)]
    moved = [work.memory_bytes for work in works]
    if either:
        moved = [0 if free else count for free, count in zip(either, moved, strict=True)]
    return sum(macs(op) for op in segment.value.operators), sum(moved)


def _roofline_stage(machine: Machine, graph: Graph, name: str) -> Stage:
    tick_s = 1 / (machine.design.clock_hz * TICKS_PER_CYCLE)
    rows = []
    totals: dict[str, float] = {}
    for block in graph.blocks:
        for op in block.operators:
            least = floor(op, machine)
            busy = {unit: ticks * block.repeat * tick_s for unit, ticks in unit_ticks(least, machine).items()}
            for unit, seconds in busy.items():
                totals[unit] = totals.get(unit, 0.0) + seconds
            events = np.zeros(len(EVENTS))
            events[EVENT_INDEX["executed_macs"]] = least.macs + least.bank_macs
            events[EVENT_INDEX["matrix_macs"]] = least.macs
            events[EVENT_INDEX["pe_cycles"]] = least.macs + least.bank_macs
            events[EVENT_INDEX["memory_read_bytes"]] = least.memory_read_bytes
            events[EVENT_INDEX["memory_write_bytes"]] = least.memory_write_bytes
            events[EVENT_INDEX["link_bytes"]] = least.link_bytes
            if machine.memory.traffic is not None:
                moved = np.array([least.memory_read_bytes, least.memory_write_bytes])
                asked = machine.memory.traffic(moved, moved, np.zeros_like(moved), np.array([False, True]))
                events[list(BURSTS)] = asked.bursts
                events[ACTIVATE] = asked.activate_j.sum() * 1e12
                events[OPEN] = asked.open_j.sum() * 1e12
            for primitive, count in least.operations.items():
                events[EVENT_INDEX[f"vector_{primitive}"]] = count
            rows.append((block, op, least, busy, events * block.repeat))
    latency_s = max(totals.values(), default=0.0)
    own = [max(busy.values(), default=0.0) for _, _, _, busy, _ in rows]
    # Operators overlap in the bound, so their own times are scaled to add up to it.
    scale = latency_s / sum(own) if sum(own) else 0.0
    records = tuple(
        OperatorRecord(
            name=op.name,
            fused=(),
            kind=type(op).__name__,
            block=block.name,
            repeat=block.repeat,
            macs=(least.macs + least.bank_macs) * block.repeat,
            latency_s=seconds * scale,
            busy_s=busy,
            events=events,
            tiling="",
            compulsory_bytes=least.memory_bytes * block.repeat,
        )
        for (block, op, least, busy, events), seconds in zip(rows, own, strict=True)
    )
    return Stage(name=name, weight=1.0, latency_s=latency_s, records=records)


def _tokens(workload: Workload) -> int:
    phase = workload.phase
    if isinstance(phase, Generate):
        return phase.batch * phase.output
    return phase.batch


def _notes(design: Design, workload: Workload) -> tuple[str, ...]:
    """What to know beside the figures: the graph's notes, a memory too small, prices out of range."""
    problem = _overflow(design, workload)
    return (*_graph_notes(Same(workload)), *([problem] if problem else ()), *design.notes)


@lru_cache(maxsize=64)
def _graph_notes(same: Same[Workload]) -> tuple[str, ...]:
    workload, phase = same.value, same.value.phase
    return lower(workload.with_phase(phase.prefill) if isinstance(phase, Generate) else workload).notes


def _overflow(design: Design, workload: Workload) -> str | None:
    """Return in words that weights and KV cache do not fit the memory, None if they do."""
    weights, cache = _footprint(Same(workload))
    capacity = getattr(design.memory.spec, "capacity", None)
    if capacity is None or weights + cache <= capacity:
        return None
    return (
        f"{design.memory.name} holds {format_bytes(capacity)}, but weights and KV cache take "
        f"{format_bytes(weights + cache)}"
    )


@lru_cache(maxsize=64)
def _footprint(same: Same[Workload]) -> tuple[float, float]:
    """Return the bytes of a workload's weights, and the most of its KV cache."""
    workload, phase = same.value, same.value.phase
    weights = sum(p.elements for p in parameters(workload)) * workload.formats.weights.bits / 8
    cache = 0
    if isinstance(phase, Prefill):
        cache = phase.batch * kv_cache_bytes(workload, phase.sequence)
    elif isinstance(phase, Decode):
        cache = phase.batch * kv_cache_bytes(workload, phase.context)
    elif isinstance(phase, Generate):
        cache = phase.batch * kv_cache_bytes(workload, phase.prompt + phase.output)
    return weights, cache


def _check_capacity(design: Design, workload: Workload) -> None:
    """Refuse a model that does not fit a memory that computes; from another one it might come in turns."""
    if isinstance(design.memory.kind.model, PimModel):
        problem = _overflow(design, workload)
        if problem:
            place = design.document.place((design.memory.name,))
            raise InputError(f"{place}: {problem}, and it computes only on what lies in it")
