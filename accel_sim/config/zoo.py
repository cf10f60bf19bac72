"""Where the shipped workloads, designs and sweeps are, and how a name becomes a file."""

from __future__ import annotations

from pathlib import Path

from accel_sim.config.errors import InputError, did_you_mean

KINDS = ("workloads", "designs", "sweeps")
_PACKAGE = Path(__file__).resolve().parents[1]


def folder(kind: str) -> Path:
    """Return the folder of a zoo: inside the installed package, or at the top of a source checkout."""
    installed = _PACKAGE / "zoo" / kind
    return installed if installed.is_dir() else _PACKAGE.parent / kind


def entries(kind: str) -> dict[str, Path]:
    """Return the shipped files of a kind by name, in alphabetical order."""
    return {path.stem: path for path in sorted(folder(kind).glob("*.yaml"))}


def title(path: Path) -> str:
    """Return how to call a file in messages: one that was found by its name keeps that, wherever it is."""
    shipped = any(path.parent == folder(kind) for kind in KINDS)
    return path.name if shipped else str(path)


def find(kind: str, name: str | Path) -> Path:
    """Return the file for a path that exists or for the name of a shipped entry.

    Raises:
        InputError: neither; the nearest name is suggested.
    """
    path = Path(name)
    if path.is_file():
        return path
    known = entries(kind)
    if str(name) in known:
        return known[str(name)]
    if path.is_dir():
        raise InputError(f"{name}: is a folder, not a file")
    hint = did_you_mean(path.stem, known)
    raise InputError(f"{name}: no such file, and no shipped {kind[:-1]} of that name{hint}")
