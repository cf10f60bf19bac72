"""What a DRAM-PIM protocol consists of: structure, commands, constraint rows, roles, energies."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from accel_sim.hardware.pim.formula import Formula, evaluate

Level = Literal["channel", "rank", "bankgroup", "bank"]
Scope = Literal["none", "channel", "rank", "bankgroup", "bank"]
Elementwise = Literal["add", "mul", "relu"]
Count = Annotated[int, Field(gt=0)]


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Structure(_Spec):
    """What the device is made of; rows and columns are of one bank."""

    channels: Count
    ranks: Count
    bankgroups: Count
    banks_per_group: Count
    rows: Count
    row_bytes: Count
    column_bytes: Count
    burst_bytes: int = 0

    @property
    def host_bytes(self) -> int:
        """Bytes that one read or write of the host moves."""
        return self.burst_bytes or self.column_bytes

    @property
    def banks(self) -> int:
        """Banks of one rank."""
        return self.bankgroups * self.banks_per_group

    @property
    def columns(self) -> int:
        """Column commands that a row takes to read."""
        return self.row_bytes // self.column_bytes


class Roles(_Spec):
    """Commands that a matrix product on all banks is made of.

    Attributes:
        load: fills the operand buffer from the host, column by column.
        load_row: `load` copies a row of a bank instead, which the host has written before.
        clear: sets the accumulators.
        compute: multiplies a column of every bank with one of the buffer.
        drain: reads the accumulators of all banks.
        accumulates: sums stay in the accumulators while the buffer is loaded anew.
        setup: registers of the controller that the host sets first, one instruction each.
        multiply: elementwise product of two banks of each bank group, into a third.
    """

    load: str
    compute: str
    drain: str | None = None
    clear: str | None = None
    load_row: bool = False
    accumulates: bool = True
    setup: int = 0
    multiply: str | None = None


class Pim(_Spec):
    """The compute units.

    Attributes:
        banks_per_unit: banks that share one.
        buffer_bytes: of the operand buffer.
        formats: lanes of a column by number format.
        registers: of one bank's side of a unit (HBM-PIM: GRF_A, GRF_B); instructions: of its program memory.
        tree_fill: columns that a burst takes at least, for the adder tree to fill.
    """

    banks_per_unit: Count
    buffer_bytes: Count
    formats: dict[str, Count]
    roles: Roles | None = None
    registers: int = 0
    instructions: int = 0
    tree_fill: int = 0


class Command(_Spec):
    """What a command occupies and does to rows.

    Attributes:
        scope: what it occupies; `none` is the channel's buses without any bank.
        opens, closes: rows of every bank in scope.
        column: what it does with a column of the open row.
        needs_row: [opener, closer] to issue before it when the banks in scope do not hold its row.
        needs_closed: the command that closes the banks in scope before it.
        mode: of the device, where the protocol has a `mode_switch`.
        latency: cycles from the command to the end of what it does.
        blocking: the host waits for that end before it decodes its next instruction.
        burst: one command for all columns of a line; it occupies the units for as long as they take.
        row_buffer: 1 for the second row buffer of a bank, where banks have two; 2 for both.
    """

    scope: Scope
    opens: bool = False
    closes: bool = False
    column: Literal["read", "write", "compute"] | None = None
    needs_row: tuple[str, str] | None = None
    needs_closed: str | None = None
    mode: Literal["memory", "register"] = "memory"
    latency: Formula = 1
    blocking: bool = False
    burst: bool = False
    row_buffer: Literal[0, 1, 2] = 0


class Constraint(_Spec):
    """Cycles from a command to a later one on the same node; `window` n: from the n-th last such command."""

    level: Level
    preceding: list[str]
    following: list[str]
    latency: Formula
    window: Count = 1
    absent_in_reference: bool = False


class Refresh(_Spec):
    """The refresh command of a rank, and its interval."""

    command: str
    interval: Formula


class Queue(_Spec):
    """A reordering queue: its depth, and cycles from a column command to the host's completion."""

    entries: Count
    read_done: Formula
    write_done: Formula


class Access(_Spec):
    """A reserved address whose access switches the mode."""

    row: int
    column: int = 0
    banks: list[int] = []


class Modes(_Spec):
    """Mode switches of HBM-PIM."""

    reserved: int
    park: Access
    enter: Access
    leave: Access
    registers: dict[str, int]
    addressable: list[int]


class CommandEnergy(_Spec):
    """Energy of a command, a formula of `act`, `read`, `write`, `refresh`, and how far to trust it.

    `per_column` comes on top for each column of a burst.
    """

    joules: str
    per_column: str = "0"
    certainty: Literal["sourced", "scaled", "assumed"]
    source: str


class Concurrent(_Spec):
    """What changes when banks have a second row buffer, so that the host and PIM can work at the same time."""

    timings: dict[str, int | str]
    commands: dict[str, Literal[0, 1, 2]]
    roles: dict[str, str | bool | None] = {}


class EnergySpec(_Spec):
    """Supply voltage and currents, from which `hardware.pim.energy` prices commands."""

    vdd_v: float
    idd_ma: dict[str | int, float]
    commands: dict[str, CommandEnergy]


class Protocol(_Spec):
    """A DRAM-PIM standard: see the module.

    With `parity` it does as the simulator that it was taken from: rows that are not enforced there are left
    out; its queue holds a row open that only a barrier wants, and activates banks though a refresh is waiting.
    """

    name: str
    tck_ns: Annotated[float, Field(gt=0)]
    controller: Literal["in_order", "fr_fcfs"]
    structure: Structure
    pim: Pim
    timings: dict[str, int]
    commands: dict[str, Command]
    constraints: list[Constraint]
    refresh: Refresh
    energy: EnergySpec
    mode_switch: str | None = None
    queue: Queue | None = None
    modes: Modes | None = None
    concurrent: Concurrent | None = None
    parity: bool = False

    # Loaded once each, and keys of caches: compared by identity.
    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __repr__(self) -> str:
        return f"<protocol {self.name}>"

    def cycles(self, formula: Formula) -> int:
        """Return the value of a formula of the protocol's timings.

        Raises:
            ValueError: it is not a formula, or names an unknown timing.
        """
        return int(evaluate(formula, self.timings))

    @property
    def rows(self) -> tuple[Constraint, ...]:
        """The constraints in force."""
        return tuple(row for row in self.constraints if not (self.parity and row.absent_in_reference))
