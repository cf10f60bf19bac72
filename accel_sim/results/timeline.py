"""What held each resource when: the stages of a result one after the other, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from accel_sim.config.errors import InputError
from accel_sim.results.result import Result, Stage

# Columns of the rows of `Stage.intervals` and of `Stage.tasks`.
STREAM, TASK, START, END = 0, 1, 2, 3
TAG, RESOURCE = 0, 1
# Busy spans of a resource that are remembered, because an interval that ends later may begin before them.
SPANS_KEPT = 65536


@dataclass(frozen=True, slots=True)
class StageSpan:
    """One occurrence of a stage on a time axis that has all stages in turn; times in ticks."""

    stage: Stage
    start: int
    end: int


def stage_spans(result: Result) -> list[StageSpan]:
    """Return one occurrence of each stage, one after the other.

    Raises:
        InputError: the result has no timeline.
    """
    spans: list[StageSpan] = []
    for stage in result.stages:
        if stage.intervals is None or stage.tasks is None:
            machine = result.design.machine
            why = (
                f"{machine.name} is a whole machine in closed form"
                if machine
                else "simulate with fidelity 'tile'"
            )
            raise InputError(f"fidelity = {result.fidelity}: has no timeline ({why})")
        start = spans[-1].end if spans else 0
        spans.append(StageSpan(stage, start, start + round(stage.latency_s / stage.tick_s)))
    return spans


def window_ticks(spans: list[StageSpan], window_s: tuple[float, float] | None) -> tuple[int, int]:
    """Return a window of seconds in ticks, cut to the stages; the whole of them for None.

    Raises:
        InputError: a window that is empty or outside the stages.
    """
    end = spans[-1].end if spans else 0
    if window_s is None:
        return 0, end
    tick_s = spans[0].stage.tick_s if spans else 1.0
    first, last = (round(max(0.0, seconds) / tick_s) for seconds in window_s)
    if not first < last or first >= end:
        raise InputError(
            f"window_s = {window_s[0]:g}, {window_s[1]:g}: is empty (allowed: within 0, {end * tick_s:g})"
        )
    return first, min(last, end)


def chunks(spans: list[StageSpan], window: tuple[int, int]) -> Iterator[tuple[StageSpan, np.ndarray]]:
    """Yield int64[n, 4] arrays of (stream, task, start, end), those intervals that overlap a window of ticks.

    Intervals of a stream come in order. A stage is simulated from its beginning to the first chunk that lies
    behind the window.
    """
    first, last = window
    for span in spans:
        if span.end <= first or span.start >= last:
            continue
        assert span.stage.intervals is not None
        for rows in span.stage.intervals():
            rows[:, (START, END)] += span.start
            if rows[:, START].min() >= last:
                break
            kept = rows[(rows[:, END] > first) & (rows[:, START] < last)]
            if len(kept):
                yield span, kept


def resources_of(span: StageSpan, rows: np.ndarray) -> np.ndarray:
    """Return int64[n], the number of the resource that each interval holds."""
    assert span.stage.tasks is not None
    return span.stage.tasks[rows[:, TASK], RESOURCE]


class Occupancy:
    """How long a resource is busy in each bin of a time axis, from intervals that may overlap.

    Requests on a pipe overlap while they take turns, and the pipe works as long as there is one: its busy time
    is that of the union. `busy_ticks` is float64[bins]. An interval may come after others that began later; it
    is counted exactly as long as it begins within the last SPANS_KEPT busy spans.
    """

    def __init__(self, edges: np.ndarray) -> None:
        """edges: float64[bins + 1], ticks."""
        self.edges = edges
        self.busy_ticks = np.zeros(len(edges) - 1)
        self._recent = np.empty((0, 2), dtype=np.int64)

    def add(self, intervals: np.ndarray) -> None:
        """Add int64[n, 2] arrays of (start, end)."""
        spans = union(np.concatenate((self._recent, intervals)))
        self.busy_ticks += self._by_bin(spans) - self._by_bin(self._recent)
        self._recent = spans[-SPANS_KEPT:]

    def _by_bin(self, spans: np.ndarray) -> np.ndarray:
        if not len(spans):
            return np.zeros(len(self.edges) - 1)
        after = np.cumsum(spans[:, 1] - spans[:, 0])
        before = np.concatenate(([0], after[:-1]))
        busy_until = np.stack((before, after), axis=1).ravel()
        return np.diff(np.interp(self.edges, spans.ravel(), busy_until))


def union(intervals: np.ndarray) -> np.ndarray:
    """Return the union of int64[n, 2] intervals as disjoint ones in order; intervals that touch become one."""
    if not len(intervals):
        return intervals
    ordered = intervals[np.argsort(intervals[:, 0], kind="stable")]
    reach = np.maximum.accumulate(ordered[:, 1])
    begins = np.concatenate(([True], ordered[1:, 0] > reach[:-1]))
    ends = np.concatenate((begins[1:], [True]))
    return np.stack((ordered[begins, 0], reach[ends]), axis=1)
