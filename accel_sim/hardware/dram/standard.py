"""A DRAM standard as data: levels, commands, constraints between commands, and presets of real parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from accel_sim.hardware.dram.expressions import Formula, names_in
from accel_sim.hardware.dram.policy import Policy

Level = Literal["channel", "pseudochannel", "rank", "sid", "bankgroup", "bank"]
# What a command does to the banks it addresses; `other` leaves their rows alone.
Role = Literal[
    "activate",
    "precharge",
    "read",
    "write",
    "read_precharge",
    "write_precharge",
    "precharge_all",
    "refresh_all",
    "refresh_bank",
    "activate_second",
    "clock_read",
    "clock_write",
    "other",
]
LEVELS: tuple[Level, ...] = get_args(Level)
ROLES: tuple[Role, ...] = tuple(role for role in get_args(Role) if role != "other")
COLUMN_ROLES = ("read", "write", "read_precharge", "write_precharge")

Size = Annotated[int, Field(ge=1, le=2**24)]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Command(_Data):
    """A command of a standard.

    Attributes:
        role: what it does.
        scope: level of the node it addresses; all banks below take part.
        cycles: clocks that it holds the command bus; its timings count from and to the last of them.
    """

    role: Role
    scope: Level = "bank"
    cycles: Annotated[int, Field(ge=1, le=8)] = 1


class Constraint(_Data):
    """A minimum distance between two commands to the same node of a level.

    Attributes:
        level: where both commands meet.
        preceding: names of commands, separated by blanks.
        following: names of commands, separated by blanks.
        latency: clocks between them, a formula.
        window: counts from the window-th latest preceding command, so that tFAW is a window of 4.
        sibling: holds between nodes of the level under one parent instead of within one.
    """

    level: Level
    preceding: str
    following: str
    latency: Formula
    window: Annotated[int, Field(ge=1, le=64)] = 1
    sibling: bool = False

    @field_validator("latency")
    @classmethod
    def _is_formula(cls, value: Formula) -> Formula:
        names_in(value)
        return value


class Currents(_Data):
    """Supply and currents of one device, for `technology.dram_energy`.

    Attributes:
        vdd_v: core supply.
        idd0_a: one-bank activate-precharge; idd2n_a, idd3n_a: standby, precharged and active; idd4r_a, idd4w_a:
            read and write bursts; idd5b_a: refresh.
        source: where they are from, or `assumed`.
    """

    vdd_v: Annotated[float, Field(gt=0, le=10)]
    idd0_a: Annotated[float, Field(ge=0, le=10)]
    idd2n_a: Annotated[float, Field(ge=0, le=10)]
    idd3n_a: Annotated[float, Field(ge=0, le=10)]
    idd4r_a: Annotated[float, Field(ge=0, le=10)]
    idd4w_a: Annotated[float, Field(ge=0, le=10)]
    idd5b_a: Annotated[float, Field(ge=0, le=10)]
    source: str


class Preset(_Data):
    """A part and how a channel is built of it.

    Attributes:
        extends: another preset of the file, whose values hold where this gives none (mappings key by key).
        source: where the timings are from.
        tck_ps: one clock, in which all latencies count.
        channels: channels that requests interleave over.
        counts: nodes of each level under one node of the level above, from the second level on.
        rows: of a bank.
        columns: bursts of a row.
        burst_bytes: what one column command moves, so the size of a request.
        devices: devices that share a rank's work, for the energy.
        timings: parameters, in clocks or as formulas over each other and `tCK_ns`.
        mapping: fields of an address from the most to the least significant, separated by commas; `column` may
            appear twice, the second time as `column:2` with its number of low bits.
        xor_column: fields that are xor-ed with the column's low bits in turn.
        currents: of a device; None where no data sheet gives them.
        io_pj_per_bit: energy of moving a bit between the device and the controller.
        core_pj_per_bit: energy of the core's reads and writes for a bit, where there are no currents.
        activate_pj: energy of an activate with its precharge in all devices, where there are no currents.
        energy_source: where these are from.
        policy: the name of a policy of the file, or its values.
    """

    extends: str | None = None
    source: str
    tck_ps: Annotated[float, Field(gt=0, le=1e6)]
    channels: Size = 1
    counts: dict[Level, Size]
    rows: Size
    columns: Size
    burst_bytes: Size
    devices: Size = 1
    timings: dict[str, Formula]
    mapping: str
    xor_column: tuple[str, ...] = ()
    currents: Currents | None = None
    io_pj_per_bit: Annotated[float, Field(ge=0, le=1000)] = 0.0
    core_pj_per_bit: Annotated[float, Field(ge=0, le=1000)] | None = None
    activate_pj: Annotated[float, Field(ge=0, le=1e6)] = 0.0
    energy_source: str = "assumed"
    policy: str | Policy = "default"

    @field_validator("timings")
    @classmethod
    def _are_formulas(cls, value: Mapping[str, Formula]) -> Mapping[str, Formula]:
        for formula in value.values():
            names_in(formula)
        return value


class Standard(_Data):
    """A standard with its presets: one YAML file.

    Attributes:
        name: as the field calls it.
        source: where levels, commands and constraints are from.
        levels: from the channel down to the bank.
        commands: by name; the order numbers them.
        constraints: rows of the timing table.
        require: conditions that a preset's parameters must fulfil.
        burst: clocks that the data of a column command holds the data bus.
        read_latency: from a read command to the end of its data.
        write_latency: from a write command to the end of its data.
        refresh_interval: between two refreshes of a rank.
        refresh_bank_interval: between two refreshes of single banks of a rank.
        command_buses: `row_and_column` where row and column commands have pins of their own.
        column_edges: column commands and activates start on every second clock, precharges on any, with the
            rule of HBM3 for a precharge beside a row command of the edge before.
        second_activate_within: clocks in which the second half of a split activate must follow.
        clock_runs_after_read: clocks from a read until the data clock stops.
        clock_runs_after_write: the same from a write.
        policies: named policies, `default` among them.
        presets: by name.
    """

    name: str
    source: str
    levels: tuple[Level, ...]
    commands: dict[str, Command]
    constraints: tuple[Constraint, ...]
    require: tuple[str, ...] = ()
    burst: Formula
    read_latency: Formula
    write_latency: Formula
    refresh_interval: Formula
    refresh_bank_interval: Formula | None = None
    command_buses: Literal["one", "row_and_column"] = "one"
    column_edges: bool = False
    second_activate_within: Formula = 0
    clock_runs_after_read: Formula = 0
    clock_runs_after_write: Formula = 0
    policies: dict[str, Policy]
    presets: dict[str, Preset]

    @field_validator("levels")
    @classmethod
    def _from_channel_to_bank(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        order = [LEVELS.index(level) for level in value]
        if value[:1] != ("channel",) or value[-1] != "bank" or order != sorted(set(order)):
            raise ValueError(f"must go from channel to bank in the order {', '.join(LEVELS)}")
        return value

    def command_number(self, name: str) -> int:
        """Return the number of a command in the tables."""
        return list(self.commands).index(name)
