"""The one check that nothing a program counts can leave int64."""

from __future__ import annotations

from collections.abc import Sequence

from accel_sim.config.errors import RunError
from accel_sim.engine.program import OP_END, OP_LOOP, VARIANTS, Stream
from accel_sim.hardware.events import EVENTS
from accel_sim.mapping.machine import LARGEST_AMOUNT
from accel_sim.mapping.streams import Streams


def check_amounts(streams: Streams, names: Sequence[str]) -> None:
    """Raise a RunError if the ticks or the events of a program may exceed LARGEST_AMOUNT.

    names: of the operators, by tag. The sum of all durations bounds the run, whatever overlaps in it; a loop
    that grows with the index of its enclosing loop is taken at its longest.
    """
    runs: dict[int, int] = {}
    for stream in streams.builder.streams:
        runs |= _executions(stream)
    # If every task had the largest of all amounts: true of all but absurd programs, and cheap to tell.
    largest = max(streams.builder.longest_ticks, max(streams.charged, default=0))
    if largest * sum(runs.values()) <= LARGEST_AMOUNT:
        return
    ticks: dict[int, int] = {}
    for task, tag, duration in streams.builder.durations():
        ticks[tag] = ticks.get(tag, 0) + runs[task] * duration
    _check(streams, ticks, "ticks of 1/1024 cycle", names)
    for event, name in enumerate(EVENTS):
        counts: dict[int, int] = {}
        for row, (task, tag, counter) in enumerate(streams.charges):
            if counter == event:
                amounts = streams.charged[row * VARIANTS : (row + 1) * VARIANTS]
                counts[tag] = counts.get(tag, 0) + runs[task] * max(amounts)
        _check(streams, counts, name, names)


def _check(streams: Streams, amounts: dict[int, int], unit: str, names: Sequence[str]) -> None:
    total = sum(amounts.values())
    if total > LARGEST_AMOUNT:
        worst = max(amounts, key=lambda tag: amounts[tag])
        raise RunError(
            f"{streams.machine.design.document.source}: a run of about {total:.3g} {unit} is too long to count "
            f"(at most {LARGEST_AMOUNT:.3g}), most of it in '{names[worst]}'"
        )


def _executions(stream: Stream) -> dict[int, int]:
    """Return at most how often each task of a stream runs, by its number."""
    runs: dict[int, int] = {}
    # Of each open loop: iterations in all, and the largest count of one pass.
    passes: list[tuple[int, int]] = [(1, 1)]
    for op, arg, slope, _ in stream.code:
        times, longest = passes[-1]
        if op == OP_LOOP:
            count = arg + max(0, slope) * (longest - 1)
            passes.append((times * count, count))
        elif op == OP_END:
            passes.pop()
        else:
            runs[arg] = times
    return runs
