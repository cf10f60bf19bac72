"""A preset resolved: parameters in clocks, timing table as integers, policy; and whether it is legal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod

from accel_sim.config import Document, did_you_mean
from accel_sim.hardware.dram.expressions import Formula, evaluate, holds, names_in
from accel_sim.hardware.dram.mapping import AddressMapping, address_mapping
from accel_sim.hardware.dram.policy import Policy
from accel_sim.hardware.dram.standard import COLUMN_ROLES, Constraint, Preset, Standard

# More makes no sense for a part, and arrays are allocated by it.
MOST_BANKS = 4096
NEEDED_ROLES = ("activate", "precharge", "read", "write")


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the timing table, between single commands.

    Attributes:
        level: number of the level where the commands meet, 0 for the channel.
        preceding, following: names of the commands.
        latency: clocks between their issues.
        window: counts from the window-th latest preceding command.
        sibling: between nodes of the level instead of within one.
        formula: what the latency came from.
    """

    level: int
    preceding: str
    following: str
    latency: int
    window: int
    sibling: bool
    formula: str


@dataclass(frozen=True, slots=True)
class ResolvedPreset:
    """A preset ready to run.

    Attributes:
        name: of the preset.
        standard: its standard.
        preset: as it was written.
        timings: every parameter in clocks.
        counts: nodes of each level under one node of the level above, from the channel (1) to the bank.
        rules: the timing table.
        burst_clocks: clocks that a burst holds the data bus.
        read_latency, write_latency: from a command to the end of its data.
        refresh_interval: clocks between two refreshes of a rank.
        refresh_bank_interval: clocks between two single-bank refreshes, or None.
        second_activate_within, clock_runs_after_read, clock_runs_after_write: see `Standard`.
        mapping: of byte addresses.
        policy: the preset's own.
    """

    name: str
    standard: Standard
    preset: Preset
    timings: Mapping[str, int]
    counts: tuple[int, ...]
    rules: tuple[Rule, ...]
    burst_clocks: int
    read_latency: int
    write_latency: int
    refresh_interval: int
    refresh_bank_interval: int | None
    second_activate_within: int
    clock_runs_after_read: int
    clock_runs_after_write: int
    mapping: AddressMapping
    policy: Policy

    @property
    def banks(self) -> int:
        """Banks of a channel."""
        return prod(self.counts)

    @property
    def ranks(self) -> int:
        """Parts of a channel that are refreshed on their own: ranks, or pseudo-channels."""
        return prod(self.counts[: self.standard.levels.index(_refresh_level(self)) + 1])

    @property
    def tck_s(self) -> float:
        """One clock."""
        return self.preset.tck_ps * 1e-12

    @property
    def peak_bytes_per_s(self) -> float:
        """What the data bus of one channel moves at most, over all pseudo-channels: a burst each burst time."""
        return self.preset.burst_bytes * self.buses / (self.burst_clocks * self.tck_s)

    @property
    def buses(self) -> int:
        """Data buses of a channel: its pseudo-channels, or one."""
        levels = self.standard.levels
        return self.counts[levels.index("pseudochannel")] if "pseudochannel" in levels else 1

    def command(self, role: str) -> str | None:
        """Return the name of the command that plays a role, or None."""
        names = (name for name, command in self.standard.commands.items() if command.role == role)
        return next(names, None)

    def with_policy(self, policy: Policy) -> ResolvedPreset:
        """Return the preset under another policy.

        Raises:
            InputError: the policy needs a command or parameter that the standard lacks.
        """
        changed = replace(self, policy=policy)
        _check_policy(changed, Document(self.standard.name, {}, {}), ("presets", self.name))
        return changed

    def with_channels(self, channels: int) -> ResolvedPreset:
        """Return the preset with its requests interleaved over another number of channels, a power of two."""
        part = self.preset.model_copy(update={"channels": channels})
        document = Document(self.standard.name, {}, {})
        mapping = _mapping(self.standard, part, self.counts, document, ("presets", self.name))
        return replace(self, preset=part, mapping=mapping)


def resolve(standard: Standard, name: str, document: Document) -> ResolvedPreset:
    """Return a preset of a standard with every formula evaluated.

    Raises:
        InputError: a formula, a size, a condition or a policy is wrong; the message names its line.
    """
    preset = standard.presets[name]
    at: tuple[str, ...] = ("presets", name)
    _check_commands(standard, document)
    timings = _timings(preset, document, at)
    _check_conditions(standard, timings, document, at)
    counts = _counts(standard, preset, document, at)

    def whole(field: str, formula: Formula | None) -> int:
        if formula is None:
            return 0
        return _evaluate(formula, timings, document, (field,))

    rules = _rules(standard, timings, document)
    interval_bank = standard.refresh_bank_interval
    resolved = ResolvedPreset(
        name=name,
        standard=standard,
        preset=preset,
        timings=timings,
        counts=counts,
        rules=rules,
        burst_clocks=whole("burst", standard.burst),
        read_latency=whole("read_latency", standard.read_latency),
        write_latency=whole("write_latency", standard.write_latency),
        refresh_interval=whole("refresh_interval", standard.refresh_interval),
        refresh_bank_interval=None if interval_bank is None else whole("refresh_bank_interval", interval_bank),
        second_activate_within=whole("second_activate_within", standard.second_activate_within),
        clock_runs_after_read=whole("clock_runs_after_read", standard.clock_runs_after_read),
        clock_runs_after_write=whole("clock_runs_after_write", standard.clock_runs_after_write),
        mapping=_mapping(standard, preset, counts, document, at),
        policy=_policy(standard, preset, document, at),
    )
    _check_policy(resolved, document, at)
    return resolved


def _check_commands(standard: Standard, document: Document) -> None:
    roles: list[str] = [command.role for command in standard.commands.values()]
    for role in NEEDED_ROLES:
        if roles.count(role) != 1:
            raise document.error(("commands",), f"{roles.count(role)} commands have role {role}: must be 1")
    for name, command in standard.commands.items():
        if command.scope not in standard.levels:
            raise document.error(("commands", name, "scope"), f"{command.scope} is not one of the levels")
        if command.role != "other" and roles.count(command.role) > 1:
            raise document.error(
                ("commands", name, "role"), f"{command.role} is the role of another command too"
            )
    for index, row in enumerate(standard.constraints):
        here = ("constraints", index)
        if row.level not in standard.levels:
            raise document.error((*here, "level"), f"{row.level} is not one of the levels")
        for side in ("preceding", "following"):
            for name in getattr(row, side).split() or [""]:
                if name not in standard.commands:
                    hint = did_you_mean(name, standard.commands)
                    raise document.error((*here, side), f"unknown command '{name}'{hint}")
        if row.sibling and (row.level == "channel" or row.window > 1):
            raise document.error(here, "a sibling row has a level below the channel and no window")


def _timings(preset: Preset, document: Document, at: Sequence[str]) -> dict[str, int]:
    """Return all parameters in clocks, each evaluated after those that it uses."""
    values: dict[str, int | Fraction] = {"tCK_ns": Fraction(str(preset.tck_ps)) / 1000}
    waiting: list[str] = []

    def value_of(name: str) -> None:
        here = (*at, "timings", name)
        if name in waiting:
            raise document.error(here, f"'{name}' is defined by itself")
        waiting.append(name)
        for used in sorted(names_in(preset.timings[name])):
            if used in preset.timings and used not in values:
                value_of(used)
        value = _evaluate(preset.timings[name], values, document, here)
        if not 0 <= value <= 2**40:
            raise document.error(here, f"is {value} clocks: must be from 0 to 2**40")
        values[name] = value
        waiting.remove(name)

    for name in preset.timings:
        if name not in values:
            value_of(name)
    del values["tCK_ns"]
    return {name: int(value) for name, value in values.items()}


def _evaluate(
    formula: Formula, values: Mapping[str, int | Fraction], document: Document, at: Sequence[str | int]
) -> int:
    try:
        return evaluate(formula, values)
    except ValueError as error:
        raise document.error(at, str(error)) from None


def _check_conditions(
    standard: Standard, timings: Mapping[str, int], document: Document, at: Sequence[str]
) -> None:
    for index, condition in enumerate(standard.require):
        try:
            fulfilled = holds(condition, timings)
        except ValueError as error:
            raise document.error(("require", index), str(error)) from None
        if not fulfilled:
            given = ", ".join(f"{name} = {timings[name]}" for name in sorted(names_in(condition)))
            raise document.error((*at, "timings"), f"must fulfil {condition} (given: {given})")


def _counts(standard: Standard, preset: Preset, document: Document, at: Sequence[str]) -> tuple[int, ...]:
    for level in preset.counts:
        if level not in standard.levels[1:]:
            raise document.error(
                (*at, "counts", level), f"unknown level{did_you_mean(level, standard.levels[1:])}"
            )
    for level in standard.levels[1:]:
        if level not in preset.counts:
            raise document.error((*at, "counts"), f"the number of each {level} is missing")
    counts = (1, *(preset.counts[level] for level in standard.levels[1:]))
    if prod(counts) > MOST_BANKS:
        raise document.error((*at, "counts"), f"make {prod(counts)} banks: must be at most {MOST_BANKS}")
    return counts


def _mapping(
    standard: Standard, preset: Preset, counts: Sequence[int], document: Document, at: Sequence[str]
) -> AddressMapping:
    sizes: dict[str, int] = {
        "channel": preset.channels,
        **dict(zip(standard.levels[1:], counts[1:], strict=True)),
    }
    sizes |= {"row": preset.rows, "column": preset.columns}
    try:
        return address_mapping(preset.mapping, sizes, preset.burst_bytes, preset.xor_column)
    except ValueError as error:
        raise document.error((*at, "mapping"), str(error)) from None


def _policy(standard: Standard, preset: Preset, document: Document, at: Sequence[str]) -> Policy:
    if isinstance(preset.policy, Policy):
        return preset.policy
    if preset.policy not in standard.policies:
        hint = did_you_mean(preset.policy, standard.policies)
        raise document.error((*at, "policy"), f"unknown policy '{preset.policy}'{hint}")
    return standard.policies[preset.policy]


def _check_policy(resolved: ResolvedPreset, document: Document, at: Sequence[str]) -> None:
    """Refuse a policy that needs commands or parameters that the standard does not have."""
    policy = resolved.policy
    needs = {
        "refresh_all": policy.refresh in ("staggered", "simultaneous"),
        "precharge_all": policy.refresh == "simultaneous",
        "refresh_bank": policy.refresh == "per_bank",
        "read_precharge": policy.page in ("auto_precharge", "close_after_hits"),
        "write_precharge": policy.page in ("auto_precharge", "close_after_hits"),
    }
    for role, needed in needs.items():
        if needed and resolved.command(role) is None:
            raise document.error((*at, "policy"), f"needs a command with role {role}, which the standard lacks")
    if policy.refresh == "per_bank":
        if resolved.refresh_bank_interval is None:
            raise document.error((*at, "policy"), "refresh per_bank needs a refresh_bank_interval")
        if not 0 < resolved.refresh_bank_interval * resolved.banks <= resolved.refresh_interval:
            raise document.error(
                (*at, "policy"),
                f"refresh per_bank takes {resolved.refresh_bank_interval} x {resolved.banks} clocks: "
                f"must be at most {resolved.refresh_interval}",
            )
    if policy.issue != "one" and resolved.standard.command_buses == "one":
        raise document.error((*at, "policy"), f"issue {policy.issue} needs command_buses row_and_column")
    if policy.issue != "row_and_column" and resolved.standard.column_edges:
        raise document.error((*at, "policy"), f"column_edges needs issue row_and_column, not {policy.issue}")
    if resolved.command("activate_second") and not (policy.activated_first and policy.issue == "one"):
        raise document.error((*at, "policy"), "split activates need activated_first and issue one")
    _check_refresh(resolved, document, at)
    ranks = resolved.ranks
    if policy.refresh != "none" and resolved.refresh_interval < ranks:
        raise document.error(
            (*at, "timings"), f"the refresh interval must be at least {ranks}, a clock for each rank"
        )


def _check_refresh(resolved: ResolvedPreset, document: Document, at: Sequence[str]) -> None:
    """Refuse refreshes that take longer than the time between them, which would leave none for requests."""
    policy = resolved.policy
    if policy.refresh == "none":
        return
    role = "refresh_bank" if policy.refresh == "per_bank" else "refresh_all"
    every = resolved.refresh_bank_interval if policy.refresh == "per_bank" else resolved.refresh_interval
    following = ("activate", "refresh_all") if role == "refresh_all" else ("refresh_bank",)
    names = [resolved.command(name) for name in following]
    bank_level = len(resolved.counts) - 1
    takes = max(
        (
            rule.latency
            for rule in resolved.rules
            if rule.preceding == resolved.command(role) and rule.following in names and rule.level < bank_level
        ),
        default=0,
    )
    if every is None or every <= takes:
        raise document.error((*at, "timings"), f"a refresh takes {takes} clocks and comes every {every}")


def _refresh_level(resolved: ResolvedPreset) -> str:
    """Return the level that an all-bank refresh addresses."""
    name = resolved.command("refresh_all")
    return resolved.standard.commands[name].scope if name else "channel"


def _rules(standard: Standard, timings: Mapping[str, int], document: Document) -> tuple[Rule, ...]:
    """Return the timing table between single commands, and what the command bus adds to it."""
    cycles = {name: command.cycles for name, command in standard.commands.items()}
    rules: dict[tuple[int, str, str, int, bool], Rule] = {}

    def add(row: Constraint, preceding: str, following: str, latency: int) -> None:
        level = standard.levels.index(row.level)
        key = (level, preceding, following, row.window, row.sibling)
        if key not in rules or rules[key].latency < latency:
            formula = str(row.latency)
            rules[key] = Rule(level, preceding, following, latency, row.window, row.sibling, formula)

    for index, row in enumerate(standard.constraints):
        latency = _evaluate(row.latency, timings, document, ("constraints", index, "latency"))
        for preceding in row.preceding.split():
            for following in row.following.split():
                add(row, preceding, following, latency + cycles[preceding] - cycles[following])
    for preceding, count in cycles.items():
        for following in standard.commands:
            if count > 1 and _same_bus(standard, preceding, following):
                bus = Constraint(level="channel", preceding=preceding, following=following, latency=count)
                add(bus, preceding, following, count)
    return tuple(rule for rule in rules.values() if rule.latency > 0)


def _same_bus(standard: Standard, one: str, other: str) -> bool:
    if standard.command_buses == "one":
        return True
    columns = [standard.commands[name].role in COLUMN_ROLES for name in (one, other)]
    return columns[0] == columns[1]
