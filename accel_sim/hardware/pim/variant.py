"""Protocols with other banks, rows and multipliers than their file has.

What follows from the change is scaled: energies of commands that act on all banks with the number of banks,
activations with the length of a row, multiplications with the multipliers of a bank. All of that is assumed;
left out are periphery that does not grow with them, timings of longer rows, and the area of the memory's dies.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from accel_sim.hardware.pim.protocol import load_protocol
from accel_sim.hardware.pim.specs import CommandEnergy, Constraint, Protocol


@dataclass(frozen=True, slots=True)
class Changes:
    """What of a protocol is other than in its file; None leaves it.

    Attributes:
        bankgroups, banks_per_group: of a rank.
        rows, row_bytes: of a bank.
        macs_per_bank: multipliers, for the number format that the design computes in. With fewer than a column
            has values, a column takes several intervals; with more, columns are that much wider.
    """

    bankgroups: int | None = None
    banks_per_group: int | None = None
    rows: int | None = None
    row_bytes: int | None = None
    macs_per_bank: int | None = None


@lru_cache(maxsize=256)
def protocol_variant(name: str, number_format: str, changes: Changes) -> Protocol:
    """Return a protocol with changes; without any it is that of `load_protocol`.

    Raises:
        ValueError: multipliers that are neither multiple nor part of the protocol's, rows that columns do not
            divide, or a protocol that places its registers in rows (mode switches), which has no variants.
        InputError: as of `load_protocol`.
    """
    base = load_protocol(name)
    given = {key: getattr(changes, key) for key in ("bankgroups", "banks_per_group", "rows", "row_bytes")}
    structure = base.structure.model_copy(
        update={key: value for key, value in given.items() if value is not None}
    )
    lanes = base.pim.formats[number_format]
    if structure == base.structure and changes.macs_per_bank in (None, lanes):
        return base
    if base.modes is not None or base.pim.roles is None:
        raise ValueError(f"{base.name} has one structure only: its mode switches are accesses of given rows")
    macs = changes.macs_per_bank or lanes
    wider, passes = max(1, macs // lanes), max(1, lanes // macs)
    if macs * passes != lanes * wider:
        raise ValueError(
            f"macs_per_bank = {macs}: must be a multiple or a part of the {lanes} values of a column"
        )
    structure = structure.model_copy(update={"column_bytes": structure.column_bytes * wider})
    if structure.row_bytes % structure.column_bytes:
        raise ValueError(
            f"row_bytes = {structure.row_bytes}: must be a multiple of {structure.column_bytes} B columns"
        )
    compute = base.pim.roles.compute
    factors = _energy_factors(base, structure.banks / base.structure.banks, structure.row_bytes, wider)
    return base.model_copy(
        update={
            "structure": structure.model_copy(update={"burst_bytes": base.structure.host_bytes}),
            "pim": base.pim.model_copy(
                update={
                    "formats": {fmt: count * wider for fmt, count in base.pim.formats.items()},
                    "buffer_bytes": max(base.pim.buffer_bytes, structure.row_bytes),
                }
            ),
            "constraints": [*base.constraints, *_passes(base, compute, passes)],
            "energy": base.energy.model_copy(
                update={
                    "commands": {n: _scaled(e, factors.get(n, 1.0)) for n, e in base.energy.commands.items()}
                }
            ),
        }
    )


def _passes(base: Protocol, compute: str, passes: int) -> list[Constraint]:
    """Return the row that makes a column take several intervals of the computing command."""
    if passes == 1:
        return []
    intervals = [
        base.cycles(row.latency)
        for row in base.constraints
        if row.window == 1 and compute in row.preceding and compute in row.following
    ]
    row = Constraint(level="channel", preceding=[compute], following=[compute], latency=passes * max(intervals))
    return [row]


def _energy_factors(base: Protocol, banks: float, row_bytes: int, wider: int) -> dict[str, float]:
    """Return by how much the energy of each command changes."""
    longer = row_bytes / base.structure.row_bytes
    factors = {}
    for name, command in base.commands.items():
        of_all = banks if command.scope == "channel" else 1.0
        if command.opens:
            factors[name] = of_all * longer
        elif command.column == "compute":
            factors[name] = of_all * wider
        elif name == base.refresh.command:
            factors[name] = of_all * longer
    return factors


def _scaled(energy: CommandEnergy, factor: float) -> CommandEnergy:
    if factor == 1.0:
        return energy
    return energy.model_copy(
        update={
            "joules": f"{factor!r} * ({energy.joules})",
            "per_column": f"{factor!r} * ({energy.per_column})",
            "certainty": "assumed",
        }
    )
