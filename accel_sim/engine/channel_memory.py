"""Laying out the channel machine's memory: a preset, its policy and the requests as one int64 array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from accel_sim.engine import channel as machine
from accel_sim.engine.access_patterns import AccessStream
from accel_sim.hardware.dram.tables import ResolvedPreset, Rule

Integers = npt.NDArray[np.int64]

ROLES = {
    "activate": machine.ACT,
    "precharge": machine.PRE,
    "read": machine.RD,
    "write": machine.WR,
    "read_precharge": machine.RDA,
    "write_precharge": machine.WRA,
    "precharge_all": machine.PREA,
    "refresh_all": machine.REFA,
    "refresh_bank": machine.REFB,
    "activate_second": machine.ACT2,
    "clock_read": machine.CASR,
    "clock_write": machine.CASW,
}
_ORDER = {
    "round_robin": machine.ROUND_ROBIN,
    "oldest_ready": machine.OLDEST_READY,
    "hits_first": machine.HITS_FIRST,
}
_PRECHARGE = {
    "unless_hits_pending": machine.UNLESS_HITS_PENDING,
    "unless_activated": machine.UNLESS_ACTIVATED,
}
_PAGE = {
    "open": machine.OPEN_PAGE,
    "auto_precharge": machine.AUTO_PRECHARGE,
    "close_after_hits": machine.CLOSE_AFTER_HITS,
    "close_after_timeout": machine.CLOSE_AFTER_TIMEOUT,
}
_REFRESH = {
    "none": machine.NO_REFRESH,
    "staggered": machine.STAGGERED,
    "simultaneous": machine.SIMULTANEOUS,
    "per_bank": machine.PER_BANK,
}
_ISSUE = {
    "one": machine.SINGLE_BUS,
    "row_and_column": machine.ROW_AND_COLUMN,
    "second_of_other_kind": machine.SECOND_OF_OTHER_KIND,
}


@dataclass(frozen=True, slots=True)
class Tables:
    """Structure and timing of a channel.

    A level with as many nodes as the one below it says the same of the same banks, so the two become one;
    one that no constraint looks at is left out.

    Attributes:
        banks_below: banks under one node of each level that is left.
        path: int64[banks, levels] number of each bank's node at each level.
        scope: int64[commands] level of the nodes that a command addresses.
        row_start: int64[commands + 1] where a preceding command's rows begin.
        rows: int64[rows, machine.ROW_FIELDS] the timing table; commands are numbered from 1.
        rings: number of rows that look back over a window.
        groups: int64[banks, 3] command queue, refresh group, and the rank whose background power counts it.
    """

    banks_below: Integers
    path: Integers
    scope: Integers
    row_start: Integers
    rows: Integers
    rings: int
    groups: Integers


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


def lay_out(preset: ResolvedPreset, stream: AccessStream, log_room: int) -> Memory:
    """Return the machine's memory before the first clock.

    Args:
        preset: with the policy to run under.
        stream: the requests; their addresses are decoded by the preset's mapping.
        log_room: commands to record; 0 for none.
    """
    tables = channel_tables(preset)
    setting = settings(preset, tables)
    requests = _requests(preset, stream)
    setting[machine.SHARED_ADDRESSES] = (np.diff(requests[:, machine.KEY]) <= 0).any()
    setting[machine.PER_CYCLE] = stream.per_cycle
    setting[machine.RECORD] = log_room > 0
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
    places[machine.REQUESTS_AT] = plan.take(requests.size)
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
    m[start : start + requests.size] = requests.ravel()
    log = places[machine.LOG_AT]
    first = blocks[0][machine.RANKS]
    ranks = m[first : first + books[machine.RANKS] * len(blocks)]
    return Memory(
        m,
        channels,
        m[start : start + requests.size].reshape(-1, machine.REQUEST_FIELDS),
        ranks.reshape(len(blocks), -1, machine.RANK_FIELDS),
        m[log:].reshape(-1, machine.RECORD_FIELDS),
    )


class _Plan:
    """Gives out consecutive parts of the memory."""

    def __init__(self) -> None:
        self.size = 0

    def take(self, count: int) -> int:
        at = self.size
        self.size += count
        return at


def channel_tables(preset: ResolvedPreset) -> Tables:
    """Return the structure and timing of a channel of a preset."""
    standard = preset.standard
    issued = _issued(preset)
    rules = [rule for rule in preset.rules if rule.preceding in issued and rule.following in issued]
    nodes = [prod(preset.counts[: level + 1]) for level in range(len(preset.counts))]
    used = {rule.level for rule in rules} | {len(nodes) - 1}
    used |= {standard.levels.index(standard.commands[name].scope) for name in issued}
    kept = [i for i, n in enumerate(nodes) if i == len(nodes) - 1 or (i in used and nodes[i + 1] != n)]
    level_of = {i: next(k for k, j in enumerate(kept) if j >= i) for i in range(len(nodes))}
    banks = nodes[-1]
    below = np.array([banks // nodes[i] for i in kept], np.int64)
    first = np.cumsum([0] + [nodes[i] for i in kept[:-1]]).astype(np.int64)
    path = first[None, :] + np.arange(banks, dtype=np.int64)[:, None] // below[None, :]
    scope = [level_of[standard.levels.index(command.scope)] for command in standard.commands.values()]
    rows, starts, rings = _packed_rows(rules, list(standard.commands), level_of, nodes)
    return Tables(below, path, np.array(scope, np.int64), starts, rows, rings, _groups(preset, nodes))


def _issued(preset: ResolvedPreset) -> set[str]:
    """Return the commands that the preset's policy can ever issue; constraints of others never matter."""
    policy = preset.policy
    roles = {"activate", "activate_second", "precharge", "clock_read", "clock_write"}
    if policy.page != "auto_precharge":
        roles |= {"read", "write"}
    if policy.page in ("auto_precharge", "close_after_hits"):
        roles |= {"read_precharge", "write_precharge"}
    if policy.refresh in ("staggered", "simultaneous"):
        roles.add("refresh_all")
    if policy.refresh == "simultaneous":
        roles.add("precharge_all")
    if policy.refresh == "per_bank":
        roles.add("refresh_bank")
    return {name for name, command in preset.standard.commands.items() if command.role in roles}


def _packed_rows(
    rules: Sequence[Rule], names: list[str], level_of: Mapping[int, int], nodes: list[int]
) -> tuple[Integers, Integers, int]:
    """Return the timing table by preceding command, rows of merged levels merged, and the number of windows."""
    packed: dict[tuple[int, int, int, int, int], int] = {}
    for rule in rules:
        if rule.sibling and nodes[rule.level] == nodes[rule.level - 1]:
            continue
        preceding, following = names.index(rule.preceding), names.index(rule.following)
        above = nodes[-1] // nodes[rule.level - 1] if rule.sibling else 0
        key = (preceding, level_of[rule.level], following, rule.window, above)
        packed[key] = max(packed.get(key, 0), rule.latency)
    rows = np.zeros((len(packed), machine.ROW_FIELDS), np.int64)
    starts = np.zeros(len(names) + 1, np.int64)
    rings = 0
    for r, (key, latency) in enumerate(sorted(packed.items())):
        preceding, level, following, window, above = key
        rows[r] = (level, following + 1, latency, window, above, rings)
        rings += window > 1
        starts[preceding + 1] += 1
    return rows, np.cumsum(starts).astype(np.int64), rings


def _groups(preset: ResolvedPreset, nodes: list[int]) -> Integers:
    standard = preset.standard
    banks = np.arange(nodes[-1], dtype=np.int64)
    ranks = [n for n, level in zip(nodes, standard.levels, strict=True) if level in ("pseudochannel", "rank")]
    rank = banks // (nodes[-1] // (ranks[-1] if ranks else 1))
    queue = rank if preset.policy.queues == "per_rank" else banks
    refresh = preset.command("refresh_all")
    scope = standard.levels.index(standard.commands[refresh].scope) if refresh else 0
    return np.stack([queue, banks // (nodes[-1] // nodes[scope]), rank], axis=1).astype(np.int64)


def settings(preset: ResolvedPreset, tables: Tables) -> Integers:
    """Return int64[machine.SETTINGS]: a preset's policy and latencies as the machine reads them."""
    policy = preset.policy
    staged = policy.front == "staged"
    groups = int(tables.groups[:, 1].max()) + 1
    interval = preset.refresh_interval
    if policy.refresh == "staggered":
        interval = interval // groups
    elif policy.refresh == "per_bank":
        interval, groups = preset.refresh_bank_interval or 0, preset.banks
    low = policy.drain_low if staged else -(-policy.drain_low * policy.write_buffer // 1)
    values = {
        machine.STAGED: staged,
        machine.QUEUE_CAPACITY: policy.queue_depth,
        machine.QUEUE_COUNT: int(tables.groups[:, 0].max()) + 1,
        machine.READ_CAPACITY: policy.read_buffer,
        machine.WRITE_CAPACITY: policy.write_buffer,
        machine.UNIFIED: policy.unified,
        machine.ORDER_RULE: _ORDER[policy.order],
        machine.PRECHARGE_RULE: _PRECHARGE[policy.precharge],
        machine.HIT_CAP: policy.hit_cap,
        machine.CAP_STOPS_HITS: policy.cap_stops_hits,
        machine.PROMOTE: policy.activated_first,
        machine.DRAIN_HIGH: policy.drain_high * policy.write_buffer,
        machine.DRAIN_LOW: low,
        machine.PAGE_RULE: _PAGE[policy.page],
        machine.PAGE_TIMEOUT: policy.page_timeout,
        machine.REFRESH_RULE: _REFRESH[policy.refresh],
        machine.REFRESH_INTERVAL: max(1, interval),
        machine.REFRESH_GROUPS: groups,
        machine.BUS_RULE: _ISSUE[policy.issue],
        machine.EDGES: preset.standard.column_edges,
        machine.SPLIT_ACTIVATE: preset.command("activate_second") is not None,
        machine.SPLIT_DEADLINE: preset.second_activate_within,
        machine.READ_LATENCY: preset.read_latency,
        machine.WRITE_LATENCY: preset.write_latency,
        machine.CLOCK_READ: preset.clock_runs_after_read,
        machine.CLOCK_WRITE: preset.clock_runs_after_write,
        machine.CLOCK_SYNC: preset.command("clock_read") is not None and policy.data_clock == "on_demand",
    }
    setting = np.zeros(machine.SETTINGS, np.int64)
    for field, value in values.items():
        setting[field] = int(value)
    return setting


def _requests(preset: ResolvedPreset, stream: AccessStream) -> Integers:
    """Return int64[n, machine.REQUEST_FIELDS]: the requests, their addresses decoded."""
    fields = preset.mapping.decode(stream.address)
    bank = np.zeros(len(stream), np.int64)
    for level, count in zip(preset.standard.levels[1:], preset.counts[1:], strict=True):
        bank = bank * count + fields[level]
    requests = np.empty((len(stream), machine.REQUEST_FIELDS), np.int64)
    requests[:, machine.KEY] = stream.address >> preset.mapping.shift
    requests[:, machine.TO_CHANNEL] = fields["channel"]
    requests[:, machine.TO_BANK] = bank
    requests[:, machine.TO_ROW] = fields["row"]
    requests[:, machine.TO_COLUMN] = fields["column"]
    requests[:, machine.IS_WRITE] = stream.write
    requests[:, machine.ARRIVAL] = stream.arrival
    requests[:, machine.ACCEPTED] = 0
    requests[:, machine.DONE] = machine.NONE
    return requests


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
