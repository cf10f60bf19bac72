"""Room and tables for folding in the channel machine: what it needs to skip segments whose course is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from accel_sim.engine import channel as machine
from accel_sim.engine.channel_tables import Integers, Tables
from accel_sim.hardware.dram.tables import ResolvedPreset

# Requests of a segment for each channel, at least. Shorter ones lose less where a refresh falls, longer ones
# cost less for each request; a power of two divides passes over rows and banks.
_SEGMENT = 64
# Fewer segments than this cannot repeat often enough to be worth a look.
_FEWEST = 8
# Words of memory for known segments, at most (32 MB, of which pages that are not used cost nothing).
_MOST_WORDS = 1 << 22
_SMALLEST_HASH = 1 << 10


@dataclass(frozen=True, slots=True)
class Folding:
    """What folding needs.

    Attributes:
        segment: requests of a segment.
        segments: full ones, each with a request after it.
        siblings: int64[n, machine.SIBLING_FIELDS] first clocks raised at nodes not above a command's bank.
        windows: int64[n, machine.WINDOW_FIELDS] constraints over a window.
        entry: words of a known segment at most.
        sizes: words of each part of the memory.
    """

    segment: int
    segments: int
    siblings: Integers
    windows: Integers
    entry: int
    sizes: Mapping[int, int]


def folding(preset: ResolvedPreset, tables: Tables, requests: int, slots: int) -> Folding | None:
    """Return what folding a stream of so many requests needs; None when it is too short to be folded.

    Args:
        preset: what it runs on, with its policy.
        tables: of the preset.
        requests: of the stream.
        slots: of a channel.
    """
    channels, policy = preset.preset.channels, preset.policy
    segment = max(_SEGMENT * channels, policy.read_buffer)
    segment = 1 << (segment - 1).bit_length()
    segments = (requests - 1) // segment
    if segments < _FEWEST:
        return None
    siblings, windows = _siblings(preset, tables), _windows(preset, tables)
    nodes = int(tables.path.max()) + 1
    banks = channels * preset.banks
    waiting = channels * slots
    touched = banks if policy.page == "close_after_timeout" else min(banks, segment + waiting)
    commands = len(preset.standard.commands)
    state = (
        channels * (32 + commands + int(tables.groups[:, 2].max()) + int(siblings[:, machine.NODE_COUNT].sum()))
        + 6 * waiting
        + min(touched * len(tables.banks_below), channels * nodes)
        * (commands + int(windows[:, machine.WINDOW_COUNT].sum()))
        + 7 * touched
    )
    entry = 4 * state + 2 * segment + machine.E_FIELDS
    places = max(_SMALLEST_HASH, 1 << (2 * segments).bit_length())
    sizes = {
        machine.SIBLINGS_AT: siblings.size,
        machine.WINDOWS_AT: windows.size,
        machine.KINDS_AT: segments,
        machine.HASH_AT: places,
        machine.RECENT_AT: slots,
        machine.WAITING_AT: waiting,
        machine.STAYING_AT: waiting,
        machine.SECTIONS_AT: channels * machine.SECTIONS,
        machine.TOUCHED_AT: banks,
        machine.TOUCHED_NODES_AT: channels * nodes * machine.TOUCHED_FIELDS,
        machine.MARKS_AT: channels * nodes,
        machine.MEMO_AT: max(2 * entry, min(_MOST_WORDS, (segments + 1) * entry)),
    }
    return Folding(segment, segments, siblings, windows, entry, sizes)


def write_folding(m: Integers, fold: Folding, places: Mapping[int, int]) -> None:
    """Write the header's fields and the tables of folding into the machine's memory."""
    header = {
        machine.SEGMENT: fold.segment,
        machine.FOLD_END: places[machine.REQUESTS_AT] + fold.segments * fold.segment * machine.REQUEST_FIELDS,
        machine.SIBLINGS: len(fold.siblings),
        machine.WINDOWS: len(fold.windows),
        machine.HASH_SIZE: fold.sizes[machine.HASH_AT],
        machine.ENTRY_ROOM: fold.entry,
        machine.MEMO_END: places[machine.MEMO_AT] + fold.sizes[machine.MEMO_AT],
        machine.CREDIT: machine.PATIENCE,
        machine.RECENT: fold.sizes[machine.RECENT_AT],
    }
    for field, value in header.items():
        m[field] = value
    for at, table in ((machine.SIBLINGS_AT, fold.siblings), (machine.WINDOWS_AT, fold.windows)):
        m[places[at] : places[at] + table.size] = table.ravel()


def _siblings(preset: ResolvedPreset, tables: Tables) -> Integers:
    """Return the first clocks that commands other than refreshes raise at nodes not above their own bank."""
    refreshes = ("refresh_all", "refresh_bank", "precharge_all")
    found = set()
    for number, command in enumerate(preset.standard.commands.values()):
        for row in tables.rows[tables.row_start[number] : tables.row_start[number + 1]]:
            level = int(row[machine.ROW_LEVEL])
            if command.role not in refreshes and (row[machine.ROW_ABOVE] or level > tables.scope[number]):
                first = int(tables.path[:, level].min())
                count = len(np.unique(tables.path[:, level]))
                found.add((first, count, int(row[machine.ROW_FOLLOWING])))
    return np.array(sorted(found), np.int64).reshape(-1, machine.SIBLING_FIELDS)


def _windows(preset: ResolvedPreset, tables: Tables) -> Integers:
    fields = [machine.ROW_LEVEL, machine.ROW_WINDOW, machine.ROW_LATENCY, machine.ROW_RING]
    return tables.rows[tables.rows[:, machine.ROW_WINDOW] > 1][:, fields]
