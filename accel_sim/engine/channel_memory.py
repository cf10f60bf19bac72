"""Laying out the channel machine's memory: a preset, its policy and the requests as one int64 array."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from accel_sim.engine import channel as machine
from accel_sim.engine.access_patterns import AccessStream
from accel_sim.engine.channel_folding import folding, write_folding
from accel_sim.engine.channel_requests import all_differ, write_requests
from accel_sim.engine.channel_tables import ROLES, Integers, Tables, channel_tables, settings
from accel_sim.hardware.dram.tables import ResolvedPreset


@dataclass(frozen=True, slots=True)
class Memory:
    """The machine's memory, and what stands where in it.

    Attributes:
        m: int64[:] all of it.
        channels: int64[channels, fields] view of the channel records.
        requests: int64[n, machine.REQUEST_FIELDS] view of the requests.
        ranks: int64[channels, ranks, machine.RANK_FIELDS] view of the ranks' books.
        log: int64[room, machine.RECORD_FIELDS] view of the recorded commands.
    """

    m: Integers
    channels: Integers
    requests: Integers
    ranks: Integers
    log: Integers


def lay_out(preset: ResolvedPreset, stream: AccessStream, log_room: int, fold: bool = False) -> Memory:
    """Return the machine's memory before the first clock.

    Args:
        preset: with the policy to run under.
        stream: the requests; their addresses are decoded by the preset's mapping.
        log_room: commands to record; 0 for none.
        fold: find the segments of requests that repeat, so that the machine may skip them.
    """
    tables = channel_tables(preset)
    setting = settings(preset, tables)
    key = stream.address >> preset.mapping.shift
    setting[machine.SHARED_ADDRESSES] = (key[1:] <= key[:-1]).any()
    setting[machine.PER_CYCLE] = stream.per_cycle
    setting[machine.RECORD] = log_room > 0
    folds = folding(preset, tables, len(stream), _slots(preset, setting)) if fold else None
    plan = _Plan()
    header = plan.take(machine.HEADER)
    commands = len(preset.standard.commands)
    sizes = _sizes(preset, tables, setting)
    places = {
        machine.ROLES_AT: plan.take(machine.N_ROLES),
        machine.SCOPE_AT: plan.take(commands + 1),
        machine.BELOW_AT: plan.take(len(tables.banks_below)),
        machine.ROW_START_AT: plan.take(commands + 2),
        machine.ROWS_AT: plan.take(tables.rows.size),
        machine.CHANNELS_AT: plan.take(preset.preset.channels * (machine.CHAN_FIELDS + commands + 1)),
    }
    # The ranks' books stand together, so that one view shows those of all channels.
    books = {machine.RANKS: sizes.pop(machine.RANKS)}
    blocks = [{field: plan.take(size) for field, size in books.items()} for _ in range(preset.preset.channels)]
    for block in blocks:
        block.update({field: plan.take(size) for field, size in sizes.items()})
    places |= {field: plan.take(size) for field, size in (folds.sizes if folds else {}).items()}
    places[machine.REQUESTS_AT] = plan.take(len(stream) * machine.REQUEST_FIELDS)
    places[machine.LOG_AT] = plan.take(log_room * machine.RECORD_FIELDS)
    m = np.zeros(plan.size, np.int64)
    m[: machine.SETTINGS] = setting
    for field, at in (places | _counts(preset, tables, setting, len(stream), log_room)).items():
        m[header + field] = at
    _write_tables(m, preset, tables, places)
    width = machine.CHAN_FIELDS + commands + 1
    start = places[machine.CHANNELS_AT]
    channels = m[start : start + preset.preset.channels * width].reshape(-1, width)
    for record, block in zip(channels, blocks, strict=True):
        _write_channel(m, record, block, preset, tables, setting)
    start = places[machine.REQUESTS_AT]
    requests = m[start : start + len(stream) * machine.REQUEST_FIELDS].reshape(-1, machine.REQUEST_FIELDS)
    write_requests(requests, preset, stream)
    if folds:
        write_folding(m, folds, places)
        _allow_folding(m, requests, preset)
    log = places[machine.LOG_AT]
    first = blocks[0][machine.RANKS]
    ranks = m[first : first + books[machine.RANKS] * len(blocks)]
    return Memory(
        m,
        channels,
        requests,
        ranks.reshape(len(blocks), -1, machine.RANK_FIELDS),
        m[log:].reshape(-1, machine.RECORD_FIELDS),
    )


def _allow_folding(m: Integers, requests: Integers, preset: ResolvedPreset) -> None:
    """Find the segments that repeat; without any, or where an address does, nothing can be folded."""
    repeated = machine.find_kinds(m)
    if repeated and m[machine.SHARED_ADDRESSES] and all_differ(requests, preset.mapping):
        m[machine.SHARED_ADDRESSES] = 0
    if not repeated or m[machine.SHARED_ADDRESSES]:
        m[machine.SEGMENT] = 0


class _Plan:
    """Gives out consecutive parts of the memory."""

    def __init__(self) -> None:
        self.size = 0

    def take(self, count: int) -> int:
        at = self.size
        self.size += count
        return at


def _sizes(preset: ResolvedPreset, tables: Tables, setting: Integers) -> dict[int, int]:
    """Return how much of the memory a channel needs for each of its records."""
    policy = preset.policy
    banks = preset.banks
    nodes = int(tables.path.max()) + 1
    slots = _slots(preset, setting)
    return {
        machine.BANKS: banks * machine.BANK_FIELDS,
        machine.NODES: nodes * (len(preset.standard.commands) + 1),
        machine.RINGS: tables.rings * nodes * _ring_size(tables),
        machine.SLOTS: slots * machine.SLOT_FIELDS,
        machine.BUSY: banks,
        machine.BUSY_WRITES: banks,
        machine.ACTIVE: policy.read_buffer + policy.write_buffer + banks,
        machine.OPENING: banks,
        machine.DUE: _due_size(setting),
        machine.RANKS: (int(tables.groups[:, 2].max()) + 1) * machine.RANK_FIELDS,
        machine.TABLE: _table_size(preset, setting) * machine.ENTRY_FIELDS,
    }


def _slots(preset: ResolvedPreset, setting: Integers) -> int:
    policy = preset.policy
    queued = policy.queue_depth * int(setting[machine.QUEUE_COUNT]) if policy.front == "staged" else 0
    return policy.read_buffer + policy.write_buffer + queued + 2 * preset.banks + 1


def _ring_size(tables: Tables) -> int:
    return int(tables.rows[:, machine.ROW_WINDOW].max(initial=1)) + 1


def _due_size(setting: Integers) -> int:
    return 8 * int(setting[machine.REFRESH_GROUPS])


def _table_size(preset: ResolvedPreset, setting: Integers) -> int:
    return 1 << (4 * _slots(preset, setting)).bit_length() if setting[machine.SHARED_ADDRESSES] else 1


def _counts(
    preset: ResolvedPreset, tables: Tables, setting: Integers, requests: int, log_room: int
) -> dict[int, int]:
    return {
        machine.N_LEVELS: len(tables.banks_below),
        machine.N_BANKS: preset.banks,
        machine.N_COMMANDS: len(preset.standard.commands),
        machine.NODE_SIZE: len(preset.standard.commands) + 1,
        machine.N_NODES: int(tables.path.max()) + 1,
        machine.RING_SIZE: _ring_size(tables),
        machine.TABLE_SIZE: _table_size(preset, setting),
        machine.DUE_SIZE: _due_size(setting),
        machine.N_RANKS: int(tables.groups[:, 2].max()) + 1,
        machine.N_CHANNELS: preset.preset.channels,
        machine.N_REQUESTS: requests,
        machine.LOG_ROOM: log_room,
    }


def _write_tables(m: Integers, preset: ResolvedPreset, tables: Tables, places: Mapping[int, int]) -> None:
    for number, command in enumerate(preset.standard.commands.values(), start=1):
        if command.role in ROLES:
            m[places[machine.ROLES_AT] + ROLES[command.role]] = number
        m[places[machine.SCOPE_AT] + number] = tables.scope[number - 1]
    below = places[machine.BELOW_AT]
    m[below : below + len(tables.banks_below)] = tables.banks_below
    rows = places[machine.ROWS_AT]
    starts = places[machine.ROW_START_AT] + 1
    m[starts : starts + len(tables.row_start)] = rows + tables.row_start * machine.ROW_FIELDS
    m[rows : rows + tables.rows.size] = tables.rows.ravel()


def _write_channel(
    m: Integers,
    record: Integers,
    block: Mapping[int, int],
    preset: ResolvedPreset,
    tables: Tables,
    setting: Integers,
) -> None:
    """Fill in a channel's record and everything that it refers to."""
    for field, at in block.items():
        record[field] = at
    empty = (
        machine.FIRST_READ,
        machine.LAST_READ,
        machine.FIRST_WRITE,
        machine.LAST_WRITE,
        machine.FROZEN,
        machine.CAS_SLOT,
        machine.EDGE_CLOCK,
        machine.EDGE_BANK,
        machine.LAST_READ_DONE,
        machine.LAST_WRITE_ISSUE,
    )
    record[list(empty)] = machine.NONE
    refreshes = preset.policy.refresh != "none"
    record[machine.REFRESH_AT] = setting[machine.REFRESH_INTERVAL] if refreshes else machine.INFINITY
    slots = block[machine.SLOTS] + machine.SLOT_FIELDS * np.arange(_slots(preset, setting), dtype=np.int64)
    record[machine.FREE] = slots[0]
    m[slots + machine.NEXT] = np.append(slots[1:], machine.NONE)
    node_size = len(preset.standard.commands) + 1
    numbers = np.arange(int(tables.path.max()) + 1, dtype=np.int64)
    m[block[machine.NODES] + numbers * node_size] = numbers
    rings = block[machine.RINGS]
    ring_size = _ring_size(tables)
    area = m[rings : rings + tables.rings * len(numbers) * ring_size].reshape(-1, ring_size)
    area[:, :-1] = machine.NONE
    banks = m[block[machine.BANKS] : block[machine.BANKS] + preset.banks * machine.BANK_FIELDS]
    bank = banks.reshape(-1, machine.BANK_FIELDS)
    for field in (
        machine.HEAD,
        machine.HEAD_WRITES,
        machine.TAIL,
        machine.TAIL_WRITES,
        machine.ROW_OPEN,
    ):
        bank[:, field] = machine.NONE
    bank[:, machine.INDEX] = np.arange(preset.banks)
    queue, group, rank = tables.groups.T
    bank[:, machine.QUEUE_NUMBER] = queue
    bank[:, machine.QUEUE] = block[machine.BANKS] + queue * machine.BANK_FIELDS
    bank[:, machine.GROUP] = group
    bank[:, machine.RANK] = block[machine.RANKS] + rank * machine.RANK_FIELDS
    bank[:, machine.PATH : machine.PATH + tables.path.shape[1]] = block[machine.NODES] + tables.path * node_size
