"""Running request streams through DRAM channels: from a preset to the machine's arrays, and back to figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
import numpy.typing as npt

from accel_sim.engine import channel as machine
from accel_sim.engine.access_patterns import AccessStream
from accel_sim.hardware.dram.policy import Policy
from accel_sim.hardware.dram.standard import ROLES
from accel_sim.hardware.dram.tables import ResolvedPreset, Rule

Integers = npt.NDArray[np.int64]

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


@dataclass(frozen=True)
class ChannelResult:
    """What a stream cost.

    Attributes:
        preset: what it ran on, with the policy it ran under.
        stream: what ran.
        accepted: int64[n] clock at which the controller took each request.
        done: int64[n] clock at which its data had passed; -1 for a write that the policy left in its buffer.
        counts: int64[channels, commands] commands issued, in the order of the standard's commands.
        stats: int64[channels, machine.STATS].
        active_cycles: int64[channels, ranks] clocks in which a bank of the rank was open.
        last_cycle: last clock at which read data arrived or a write issued.
        commands: int64[m, machine.RECORD_FIELDS] every command, when it was recorded; else empty.
    """

    preset: ResolvedPreset
    stream: AccessStream
    accepted: Integers
    done: Integers
    counts: Integers
    stats: Integers
    active_cycles: Integers
    last_cycle: int
    commands: Integers

    @property
    def total_cycles(self) -> int:
        """Clocks until the last data had passed."""
        last_write = self.last_write_issue_cycle
        return max(self.last_read_cycle, last_write + self.preset.write_latency if last_write >= 0 else 0)

    @property
    def last_read_cycle(self) -> int:
        """Clock at which the last read data arrived, 0 without reads."""
        return max(0, int(self.stats[:, machine.LAST_READ_DONE].max()) - self._lag)

    @property
    def last_write_issue_cycle(self) -> int:
        """Clock of the last write command, -1 without writes."""
        last = int(self.stats[:, machine.LAST_WRITE_ISSUE].max())
        return last - self._lag if last >= 0 else -1

    @property
    def _lag(self) -> int:
        """Clocks from the offer of a request to the clock in which a command may issue for it."""
        return 0 if self.preset.policy.front == "staged" else 1

    @property
    def accept_cycles(self) -> int:
        """Clock after the last request was taken."""
        return int(self.stats[:, machine.LAST_ACCEPT].max())

    @property
    def time_s(self) -> float:
        """`total_cycles` in seconds."""
        return self.total_cycles * self.preset.tck_s

    @property
    def moved_bytes(self) -> int:
        """Bytes of the requests."""
        return len(self.stream) * self.preset.preset.burst_bytes

    @property
    def bandwidth_bytes_per_s(self) -> float:
        """Bytes moved over time."""
        return self.moved_bytes / self.time_s if self.time_s else 0.0

    @cached_property
    def read_latency_cycles(self) -> Integers:
        """int64[reads] clocks from acceptance to data of every read, queueing included."""
        reads = ~self.stream.write
        return self.done[reads] - self.accepted[reads]

    @cached_property
    def write_latency_cycles(self) -> Integers:
        """int64[writes] clocks from acceptance to data of every write that was issued."""
        writes = self.stream.write & (self.done >= 0)
        return self.done[writes] - self.accepted[writes]

    def count(self, role: str) -> int:
        """Return how many commands of a role issued; 0 for one that the standard lacks."""
        name = self.preset.command(role)
        return self.command_counts.get(name, 0) if name else 0

    @cached_property
    def command_counts(self) -> Mapping[str, int]:
        """Commands issued by name, over all channels."""
        total = self.counts.sum(axis=0)
        return {name: int(n) for name, n in zip(self.preset.standard.commands, total, strict=True)}

    def statistic(self, field: int) -> int:
        """Return a field of `stats`, summed over the channels."""
        return int(self.stats[:, field].sum())


def run_channel(
    preset: ResolvedPreset, stream: AccessStream, policy: Policy | None = None, record: bool = False
) -> ChannelResult:
    """Return what a stream of requests costs on the channels of a preset.

    Requests are offered in order; one that finds its controller full holds up those behind it.

    Args:
        preset: see `hardware.dram.load_preset`.
        stream: the requests, each of `burst_bytes`.
        policy: of the controllers; None for the preset's own.
        record: keep every command with its clock and address.
    """
    if policy is not None:
        preset = preset.with_policy(policy)
    device = device_tables(preset)
    requests, shared = _requests(preset, stream)
    setting = _settings(preset, stream.per_cycle, shared, record)
    room = 4 * len(stream) + 64 if record else 0
    while True:
        state = fresh_state(preset, device, setting, len(stream), room)
        last = int(machine.run_channels(state, device, setting, requests))
        if state.logged[0] <= room:
            break
        room = int(state.logged[0])
    commands = state.log[: state.logged[0]] if record else state.log
    return ChannelResult(
        preset=preset,
        stream=stream,
        accepted=state.accepted,
        done=state.done,
        counts=state.counts,
        stats=state.stats,
        active_cycles=state.rank[:, :, 2].copy(),
        last_cycle=last,
        commands=commands,
    )


def device_tables(preset: ResolvedPreset) -> machine.Device:
    """Return the structure and timing of a channel as the machine's arrays.

    A level with as many nodes as the one below it says the same of the same banks, so the two become one.
    """
    standard = preset.standard
    nodes = [prod(preset.counts[: level + 1]) for level in range(len(preset.counts))]
    kept = [i for i, n in enumerate(nodes) if i == len(nodes) - 1 or nodes[i + 1] != n]
    level_of = {i: next(k for k, j in enumerate(kept) if j >= i) for i in range(len(nodes))}
    banks = nodes[-1]
    banks_below = np.array([banks // nodes[i] for i in kept], np.int64)
    first = np.cumsum([0] + [nodes[i] for i in kept[:-1]]).astype(np.int64)
    path = first[None, :] + np.arange(banks, dtype=np.int64)[:, None] // banks_below[None, :]
    names = list(standard.commands)
    rows, starts = _packed_rows(preset.rules, names, level_of, nodes)
    roles = np.full(machine.ROLES, -1, np.int64)
    for number, command in enumerate(standard.commands.values()):
        if command.role != "other":
            roles[ROLES_IN_MACHINE[command.role]] = number
    scope = np.array(
        [level_of[standard.levels.index(command.scope)] for command in standard.commands.values()], np.int64
    )
    return machine.Device(
        path, first, banks_below, rows, starts, scope, roles, _groups(preset, nodes)
    )


ROLES_IN_MACHINE = {
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
assert set(ROLES_IN_MACHINE) == set(ROLES)


def _packed_rows(
    rules: tuple[Rule, ...], names: list[str], level_of: Mapping[int, int], nodes: list[int]
) -> tuple[Integers, Integers]:
    """Return the timing table by preceding command, rows of merged levels merged."""
    packed: dict[tuple[int, int, int, int, bool], int] = {}
    for rule in rules:
        alone = rule.sibling and nodes[rule.level] == nodes[rule.level - 1]
        if alone:
            continue
        key = (
            names.index(rule.preceding),
            level_of[rule.level],
            names.index(rule.following),
            rule.window,
            rule.sibling,
        )
        packed[key] = max(packed.get(key, 0), rule.latency)
    rows = np.zeros((len(packed), machine.ROW_FIELDS), np.int64)
    starts = np.zeros(len(names) + 1, np.int64)
    rings: dict[tuple[int, int, int], int] = {}
    for r, (key, latency) in enumerate(sorted(packed.items())):
        preceding, level, following, window, sibling = key
        ring = rings.setdefault((r, 0, 0), len(rings)) if window > 1 else 0
        rows[r] = (level, following, latency, window, sibling, ring)
        starts[preceding + 1] += 1
    return rows, np.cumsum(starts).astype(np.int64)


def _groups(preset: ResolvedPreset, nodes: list[int]) -> Integers:
    """Return of each bank its command queue, its refresh group and the rank its power counts to."""
    banks = np.arange(nodes[-1], dtype=np.int64)
    queue = banks
    if preset.policy.queues == "per_rank":
        queue = banks // (nodes[-1] // _rank_nodes(preset, nodes))
    group = banks
    refresh = preset.command("refresh_all")
    if refresh is not None:
        scope = preset.standard.levels.index(preset.standard.commands[refresh].scope)
        group = banks // (nodes[-1] // nodes[scope])
    rank = banks // (nodes[-1] // _rank_nodes(preset, nodes))
    return np.stack([queue, group, rank], axis=1).astype(np.int64)


def _rank_nodes(preset: ResolvedPreset, nodes: list[int]) -> int:
    """Return how many ranks (or pseudo-channels) a channel has."""
    levels = preset.standard.levels
    places = [i for i, level in enumerate(levels) if level in ("pseudochannel", "rank")]
    return nodes[places[-1]] if places else 1


def _settings(preset: ResolvedPreset, per_cycle: int, shared: bool, record: bool) -> Integers:
    policy = preset.policy
    staged = policy.front == "staged"
    nodes = [prod(preset.counts[: level + 1]) for level in range(len(preset.counts))]
    groups = _groups(preset, nodes)
    refresh_groups = int(groups[:, 1].max()) + 1
    interval = preset.refresh_interval
    if policy.refresh == "staggered":
        interval = max(1, interval // refresh_groups)
    elif policy.refresh == "per_bank":
        assert preset.refresh_bank_interval is not None
        interval = preset.refresh_bank_interval
        refresh_groups = preset.banks
    split = preset.command("activate_second") is not None
    low = policy.drain_low if staged else -(-policy.drain_low * policy.write_buffer // 1)
    values = {
        machine.STAGED: staged,
        machine.QUEUE_CAPACITY: policy.queue_depth,
        machine.READ_CAPACITY: policy.read_buffer,
        machine.WRITE_CAPACITY: policy.write_buffer,
        machine.UNIFIED: policy.unified,
        machine.ORDER_RULE: _ORDER[policy.order],
        machine.PRECHARGE_RULE: _PRECHARGE[policy.precharge],
        machine.HIT_CAP: policy.hit_cap,
        machine.CAP_STOPS_HITS: policy.cap_stops_hits,
        machine.PROMOTE: policy.activated_first,
        machine.DRAIN_HIGH: int(policy.drain_high * policy.write_buffer),
        machine.DRAIN_LOW: int(low),
        machine.PAGE_RULE: _PAGE[policy.page],
        machine.PAGE_TIMEOUT: policy.page_timeout,
        machine.REFRESH_RULE: _REFRESH[policy.refresh],
        machine.REFRESH_INTERVAL: interval,
        machine.REFRESH_GROUPS: refresh_groups,
        machine.BUS_RULE: _ISSUE[policy.issue],
        machine.EDGES: preset.standard.column_edges,
        machine.SPLIT_ACTIVATE: split,
        machine.SPLIT_DEADLINE: preset.second_activate_within,
        machine.READ_LATENCY: preset.read_latency,
        machine.WRITE_LATENCY: preset.write_latency,
        machine.CLOCK_READ: preset.clock_runs_after_read,
        machine.CLOCK_WRITE: preset.clock_runs_after_write,
        machine.CLOCK_SYNC: preset.command("clock_read") is not None and policy.data_clock == "on_demand",
        machine.SHARED_ADDRESSES: shared,
        machine.PER_CYCLE: per_cycle,
        machine.RECORD: record,
        machine.QUEUE_COUNT: int(groups[:, 0].max()) + 1,
    }
    setting = np.zeros(machine.SETTINGS, np.int64)
    for field, value in values.items():
        setting[field] = int(value)
    return setting


def _requests(preset: ResolvedPreset, stream: AccessStream) -> tuple[machine.Requests, bool]:
    """Return the decoded requests, and whether any two may be for the same data."""
    fields = preset.mapping.decode(stream.address)
    bank = np.zeros(len(stream), np.int64)
    for level, count in zip(preset.standard.levels[1:], preset.counts[1:], strict=True):
        bank = bank * count + fields[level]
    key = stream.address >> preset.mapping.shift
    requests = machine.Requests(
        key,
        fields["channel"],
        bank,
        fields["row"],
        fields["column"],
        stream.write.astype(np.int64),
        stream.arrival,
    )
    return requests, bool((np.diff(key) <= 0).any())


def fresh_state(
    preset: ResolvedPreset, device: machine.Device, setting: Integers, requests: int, room: int
) -> machine.State:
    """Return the machine's state before the first clock, with room for `room` recorded commands."""
    channels, banks = preset.preset.channels, preset.banks
    commands = len(preset.standard.commands)
    policy = preset.policy
    queued = policy.queue_depth * int(setting[machine.QUEUE_COUNT]) if policy.front == "staged" else 0
    slots = policy.read_buffer + policy.write_buffer + queued + 2 * banks + 2
    entries = 1 << (4 * slots).bit_length()
    chan = np.zeros((channels, machine.CHAN_FIELDS), np.int64)
    for field in (machine.FIRST_R, machine.LAST_R, machine.FIRST_W, machine.LAST_W):
        chan[:, field] = -1
    for field in (machine.FROZEN, machine.CAS_SLOT, machine.EDGE_CLOCK, machine.EDGE_BANK):
        chan[:, field] = -1
    refreshes = policy.refresh != "none"
    chan[:, machine.REFRESH_AT] = setting[machine.REFRESH_INTERVAL] if refreshes else machine.INFINITY
    slot = np.full((channels, slots, machine.SLOT_FIELDS), -1, np.int64)
    slot[:, :-1, machine.NEXT] = np.arange(1, slots)
    bank = np.zeros((channels, banks, machine.BANK_FIELDS), np.int64)
    for field in (machine.HEAD, machine.HEAD_WRITES, machine.TAIL, machine.TAIL_WRITES, machine.ROW_OPEN):
        bank[:, :, field] = -1
    stats = np.zeros((channels, machine.STATS), np.int64)
    stats[:, machine.LAST_READ_DONE] = -1
    stats[:, machine.LAST_WRITE_ISSUE] = -1
    windows = device.rows[:, machine.ROW_WINDOW]
    rings = int((windows > 1).sum())
    nodes = int(device.path.max()) + 1
    ring = np.full((channels, max(rings, 1), nodes, int(windows.max(initial=1)) + 1), -1, np.int64)
    ring[..., -1] = 0
    ranks = int(device.groups[:, 2].max()) + 1
    shared_entries = entries if setting[machine.SHARED_ADDRESSES] else 1
    return machine.State(
        bank=bank,
        slot=slot,
        chan=chan,
        ready=np.zeros((channels, nodes, commands), np.int64),
        ring=ring,
        busy=np.zeros((channels, 2, banks + 1), np.int64),
        held=np.zeros((channels, 2, banks), np.int64),
        due=np.zeros((channels, 8 * max(int(setting[machine.REFRESH_GROUPS]), 1)), np.int64),
        rank=np.zeros((channels, ranks, 3), np.int64),
        table=np.zeros((channels, shared_entries, 3), np.int64),
        stats=stats,
        counts=np.zeros((channels, commands), np.int64),
        log=np.zeros((room, machine.RECORD_FIELDS), np.int64),
        logged=np.zeros(1, np.int64),
        accepted=np.zeros(requests, np.int64),
        done=np.full(requests, -1, np.int64),
    )
