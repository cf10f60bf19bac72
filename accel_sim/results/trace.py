"""Export of a timeline as a Chrome JSON trace, for ui.perfetto.dev and chrome://tracing.

The chip is a process. Each stream on each resource is a track of its own, because requests on a pipe overlap
between streams and slices on a track must not. Counters show how much of the bandwidth of memory and link is
used. Events are written as they come, so a trace may be larger than the memory.
"""

from __future__ import annotations

import gzip
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np

from accel_sim.config.errors import InputError
from accel_sim.config.units import format_si
from accel_sim.results.timeline import (
    END,
    START,
    STREAM,
    TAG,
    TASK,
    Occupancy,
    StageSpan,
    chunks,
    resources_of,
    stage_spans,
    window_ticks,
)

if TYPE_CHECKING:
    from accel_sim.results.result import Result

CHIP = 1  # process
STAGES = 1  # track of the stages
# A track is numbered (resource + 1) x this + stream.
STREAMS_AT_MOST = 1000
COUNTER_SAMPLES = 1000
# At most this part of the events are samples of counters.
COUNTER_SHARE = 0.05
PS_PER_US = 10**6


def write_trace(
    result: Result,
    path: str | Path,
    *,
    window_s: tuple[float, float] | None = None,
    limit: int = 1_000_000,
) -> int:
    """Write the timeline of a result as a Chrome JSON trace and return the number of events.

    Stages follow each other, each in one occurrence. Times are microseconds, with six decimals; all are half a
    picosecond late, so that viewers that cut them to nanoseconds never see a slice begin before the one ahead
    of it ends. The file is complete or not there.

    Args:
        result: of a simulation with a timeline.
        path: ends in `.json` or `.json.gz`.
        window_s: seconds from and to; slices that overlap this window are written.
        limit: events to write at most; the trace stops there, and its metadata say so.

    Raises:
        InputError: a result without timeline, another suffix, an empty window, a file that cannot be written.
    """
    path = Path(path)
    if not path.name.endswith((".json", ".json.gz")):
        raise InputError(f"path = {path}: is not the name of a trace (allowed: *.json, *.json.gz)")
    if limit < 1:
        raise InputError(f"limit = {limit}: must be at least 1")
    spans = stage_spans(result)
    window = window_ticks(spans, window_s)
    with _replacing(path) as file:
        return _Writer(result, spans, window, limit, file).write()


@contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    """Give a text file that takes the place of `path` when it is finished, and vanishes on an error."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as raw:
            if path.suffix == ".gz":
                # Without name and time, equal traces are equal files.
                with (
                    gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=5, mtime=0) as packed,
                    io.TextIOWrapper(packed, encoding="utf-8") as file,
                ):
                    yield file
            else:
                with io.TextIOWrapper(raw, encoding="utf-8") as file:
                    yield file
        part.replace(path)
    except OSError as error:
        raise InputError(f"path = {path}: cannot be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)


class _Writer:
    """A trace on its way to a file.

    Attributes:
        room: slices that may still be written.
        reached: tick up to which slices were written.
        occupancy: busy time of memory and link, by resource number.
        separator: what goes before the next event.
    """

    def __init__(
        self, result: Result, spans: list[StageSpan], window: tuple[int, int], limit: int, file: TextIO
    ) -> None:
        self.result, self.spans, self.window, self.limit, self.file = result, spans, window, limit, file
        self.tick_s = spans[0].stage.tick_s if spans else 1.0
        names = spans[0].stage.resources if spans else ()
        channels = [part.name for part in (result.design.memory, result.design.link) if part is not None]
        numbers = [number for number, name in enumerate(names) if name in channels]
        samples = min(COUNTER_SAMPLES, int(limit * COUNTER_SHARE) // max(len(numbers), 1) - 1)
        edges = np.linspace(*window, max(samples, 0) + 1)
        self.occupancy = {number: Occupancy(edges) for number in numbers} if samples > 0 else {}
        self.room = limit - len(self.occupancy) * (max(samples, 0) + 1)
        self.reached = window[0]
        self.tracks: set[int] = set()
        self.separator = "\n"

    def write(self) -> int:
        """Write everything and return the number of slices and samples."""
        room = self.room
        self.file.write('{"displayTimeUnit": "ns", "traceEvents": [')
        self._name("process_name", STAGES, self.result.design.name)
        self._name("thread_name", STAGES, "stages")
        truncated, present = False, None
        for span, rows in chunks(self.spans, self.window):
            if span is not present and self.room:
                present = span
                self._stage(span)
            truncated = len(rows) > self.room
            if self.room and len(rows):
                self._slices(span, rows[: self.room])
            if truncated:
                break
        samples = self._counters(self.window[1] if not truncated else self.reached)
        self.file.write(f'\n], "otherData": {json.dumps(self._metadata(truncated))}}}\n')
        return room - self.room + samples

    def _emit(self, events: list[str]) -> None:
        if events:
            self.file.write(self.separator + ",\n".join(events))
            self.separator = ",\n"

    def _name(self, what: str, track: int, name: str) -> None:
        """Name a process or a track, and put the track at its place in the order of numbers."""
        head = f'{{"ph":"M","pid":{CHIP},"tid":{track},"name":'
        events = [f'{head}"{what}","args":{{"name":{json.dumps(name)}}}}}']
        if what == "thread_name":
            events.append(f'{head}"thread_sort_index","args":{{"sort_index":{track}}}}}')
        self._emit(events)

    def _picoseconds(self, ticks: np.ndarray) -> np.ndarray:
        return np.rint(ticks * (self.tick_s * 1e12)).astype(np.int64)

    def _stage(self, span: StageSpan) -> None:
        start, end = self._picoseconds(np.array([span.start, span.end])).tolist()
        name = json.dumps(span.stage.name)
        self._emit([_slice(name, '"stage"', STAGES, start, end - start, f'{{"weight":{span.stage.weight:g}}}')])
        self.room -= 1

    def _slices(self, span: StageSpan, rows: np.ndarray) -> None:
        assert span.stage.tasks is not None
        resources = resources_of(span, rows)
        for number, occupancy in self.occupancy.items():
            occupancy.add(rows[resources == number][:, (START, END)])
        tracks = (resources + 1) * STREAMS_AT_MOST + rows[:, STREAM]
        self._name_tracks(span, tracks)
        names = [json.dumps(record.name) for record in span.stage.records]
        kinds = [json.dumps(record.kind) for record in span.stage.records]
        starts = self._picoseconds(rows[:, START])
        columns = (
            span.stage.tasks[rows[:, TASK], TAG],
            tracks,
            starts,
            self._picoseconds(rows[:, END]) - starts,
        )
        self._emit(
            [
                _slice(names[tag], kinds[tag], track, start, duration)
                for tag, track, start, duration in zip(*(c.tolist() for c in columns), strict=True)
            ]
        )
        self.room -= len(rows)
        self.reached = int(rows[:, END].max())

    def _name_tracks(self, span: StageSpan, tracks: np.ndarray) -> None:
        for track in np.unique(tracks).tolist():
            if track in self.tracks:
                continue
            self.tracks.add(track)
            resource, stream = divmod(track, STREAMS_AT_MOST)
            streams = span.stage.streams
            name = streams[stream] if stream < len(streams) else f"stream {stream}"
            self._name("thread_name", track, f"{span.stage.resources[resource - 1]}: {name}")

    def _counters(self, end: int) -> int:
        """Write the samples of the bins that end by `end`; return how many."""
        written = 0
        for number, occupancy in self.occupancy.items():
            bins = int(np.searchsorted(occupancy.edges, end, side="right")) - 1
            width = np.diff(occupancy.edges)[:bins]
            percent = 100 * occupancy.busy_ticks[:bins] / width
            times = self._picoseconds(occupancy.edges[: bins + 1]).tolist()
            name = json.dumps(f"{self.spans[0].stage.resources[number]} bandwidth used (%)")
            self._emit(
                [
                    f'{{"ph":"C","name":{name},"pid":{CHIP},"ts":{_us(time)},"args":{{"%":{value:.2f}}}}}'
                    for time, value in zip(times, [*percent.tolist(), 0.0], strict=True)
                ]
            )
            written += len(times)
        return written

    def _metadata(self, truncated: bool) -> dict[str, object]:
        result, tick_s = self.result, self.tick_s
        first, last = (tick * tick_s for tick in self.window)
        data: dict[str, object] = {
            "design": result.design.name,
            "workload": result.workload.name,
            "phase": result.workload.phase.model_dump(),
            "fidelity": result.fidelity,
            "clock_hz": result.design.clock_hz,
            "tick_s": tick_s,
            "window_s": [first, last],
            "stages": [{"name": span.stage.name, "weight": span.stage.weight} for span in self.spans],
        }
        if truncated:
            reached = format_si(self.reached * tick_s, "s")
            data["note"] = (
                f"stopped at {self.limit} events, at {reached} of {format_si(last, 's')}; "
                f"raise the limit or choose a window to see the rest"
            )
        return data


def _us(picoseconds: int) -> str:
    """Return a time in microseconds; see `write_trace` for the half picosecond."""
    whole, rest = divmod(picoseconds, PS_PER_US)
    return f"{whole}.{rest:06d}5"


def _slice(name: str, category: str, track: int, start: int, duration: int, args: str = "") -> str:
    """Return a slice on a track; start and duration in picoseconds, texts as JSON."""
    whole, rest = divmod(duration, PS_PER_US)
    more = f',"args":{args}' if args else ""
    return (
        f'{{"ph":"X","name":{name},"cat":{category},"pid":{CHIP},"tid":{track},"ts":{_us(start)},'
        f'"dur":{whole}.{rest:06d}{more}}}'
    )
