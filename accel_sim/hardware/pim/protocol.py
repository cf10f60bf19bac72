"""DRAM-PIM protocols: loading and checking them.

A protocol is data: commands, timings, and constraint rows that say how many cycles must pass between a
command and a later one that share a node of the channel: the channel itself, a rank, a bank group or a bank.
A machine is built from the rows alone; no command has rules in code.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from accel_sim.config.checking import check
from accel_sim.config.document import Document, load_document
from accel_sim.config.errors import InputError, did_you_mean
from accel_sim.hardware.pim.formula import Formula
from accel_sim.hardware.pim.specs import Protocol

FOLDER = Path(__file__).parent / "protocols"


def protocol_names() -> tuple[str, ...]:
    """Return the names of the protocols that are shipped."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@lru_cache(maxsize=32)
def load_protocol(name: str, *, parity: bool = False, concurrent: bool = False) -> Protocol:
    """Return a shipped protocol by name, or one from a YAML file by path.

    Args:
        name: such as `gddr6_aim`, or a path that ends in `.yaml`.
        parity: leave out the rows that the simulator it was taken from does not enforce.
        concurrent: with a second row buffer in each bank, where the protocol says what that changes.

    Raises:
        InputError: no such protocol, or a file that does not describe one; the message names file and line.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else FOLDER / f"{name}.yaml"
    if path.parent == FOLDER and path.stem not in protocol_names():
        raise InputError(f"unknown PIM protocol '{name}'{did_you_mean(name, protocol_names())}")
    document = _with_base(load_document(path, source=None if path.parent != FOLDER else f"{name}.yaml"))
    protocol = check(Protocol, document).model_copy(update={"parity": parity})
    _check_names(protocol, document)
    return _with_second_buffer(protocol, document) if concurrent else protocol


def _with_second_buffer(protocol: Protocol, document: Document) -> Protocol:
    """Return the variant with two row buffers a bank."""
    change = protocol.concurrent
    if change is None:
        raise document.error((), "has one row buffer a bank (`concurrent` is not given)")
    timings = {name: protocol.cycles(value) for name, value in change.timings.items()}
    commands = {
        name: protocol.commands[name].model_copy(update={"row_buffer": buffer})
        for name, buffer in change.commands.items()
    }
    roles = protocol.pim.roles and protocol.pim.roles.model_copy(update=change.roles)
    return protocol.model_copy(
        update={
            "timings": protocol.timings | timings,
            "commands": protocol.commands | commands,
            "pim": protocol.pim.model_copy(update={"roles": roles}),
        }
    )


def _with_base(document: Document) -> Document:
    """Return a document with what it leaves out taken from the protocol that it names as `based_on`.

    Mappings are merged key by key, everything else is replaced.
    """
    if not isinstance(document.data, dict) or "based_on" not in document.data:
        return document
    own = dict(document.data)
    base = own.pop("based_on")
    if base not in protocol_names():
        place = document.place(("based_on",))
        raise InputError(
            f"{place}: based_on = {base}: is not a protocol{did_you_mean(str(base), protocol_names())}"
        )
    return document.with_data(_merged(_with_base(load_document(FOLDER / f"{base}.yaml")).data, own))


def _merged(base: object, own: object) -> object:
    if not (isinstance(base, dict) and isinstance(own, dict)):
        return own
    return {**base, **{key: _merged(base.get(key), value) for key, value in own.items()}}


def _check_names(protocol: Protocol, document: Document) -> None:
    """Refuse names of commands and timings that do not exist, and rows that columns do not divide."""
    structure = protocol.structure
    if structure.row_bytes % structure.column_bytes:
        raise document.error(
            ("structure", "row_bytes"),
            f"{structure.row_bytes} is not a multiple of column_bytes = {structure.column_bytes}",
        )
    for index, row in enumerate(protocol.constraints):
        for key, names in (("preceding", row.preceding), ("following", row.following)):
            for name in names:
                if name != "*" and name not in protocol.commands:
                    hint = did_you_mean(name, protocol.commands)
                    raise document.error(("constraints", index, key), f"unknown command '{name}'{hint}")
        _check_formula(protocol, document, ("constraints", index, "latency"), row.latency)
    roles = protocol.pim.roles
    for key, name in (roles.model_dump() if roles else {}).items():
        if isinstance(name, str) and name not in protocol.commands:
            hint = did_you_mean(name, protocol.commands)
            raise document.error(("pim", "roles", key), f"unknown command '{name}'{hint}")
    if roles and protocol.pim.buffer_bytes < structure.row_bytes:
        raise document.error(
            ("pim", "buffer_bytes"),
            f"{protocol.pim.buffer_bytes} does not hold a row of {structure.row_bytes} B",
        )
    for name, lanes in protocol.pim.formats.items():
        if structure.column_bytes * 8 % lanes:
            raise document.error(
                ("pim", "formats", name), f"{lanes} lanes do not divide a column of {structure.column_bytes} B"
            )
    for name, command in protocol.commands.items():
        _check_formula(protocol, document, ("commands", name, "latency"), command.latency)
        for other in (*(command.needs_row or ()), command.needs_closed):
            if other is not None and other not in protocol.commands:
                raise document.error(("commands", name), f"unknown command '{other}'")


def _check_formula(
    protocol: Protocol, document: Document, path: tuple[str | int, ...], formula: Formula
) -> None:
    try:
        cycles = protocol.cycles(formula)
    except ValueError as error:
        raise document.error(path, f"{formula}: {error}") from None
    if cycles < 0:
        raise document.error(path, f"{formula} = {cycles}: must be at least 0")
