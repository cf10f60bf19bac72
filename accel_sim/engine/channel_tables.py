"""A preset as the channel machine reads it: structure, timing rows and policy settings as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from accel_sim.engine import channel as machine
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

    A level with as many nodes as the one below it says the same of the same banks, so the two become one; one
    that no constraint looks at is left out.

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
    # Below one write is none, so a low watermark of 0 means that the buffer runs empty.
    low = policy.drain_low if staged else max(1, -(-policy.drain_low * policy.write_buffer // 1))
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
