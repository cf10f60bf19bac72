"""Where the shipped workloads, designs, sweeps and the like are, and how a name becomes a file."""

from __future__ import annotations

from pathlib import Path

from accel_sim.config.errors import InputError, did_you_mean

KINDS = ("workloads", "designs", "sweeps", "searches", "lotteries", "papers")
# Where the entries of a kind are, if not in a folder of that name.
_FOLDERS = {"papers": "sweeps/papers", "searches": "sweeps", "lotteries": "sweeps"}
# Names of kinds that share the folder of another one.
_NAMES = {"searches": "search_", "lotteries": "lottery"}
_PACKAGE = Path(__file__).resolve().parents[1]


def folder(kind: str) -> Path:
    """Return the folder of a zoo: inside the installed package, or at the top of a source checkout."""
    name = _FOLDERS.get(kind, kind)
    installed = _PACKAGE / "zoo" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def entries(kind: str) -> dict[str, Path]:
    """Return the shipped files of a kind by name, in alphabetical order."""
    own = _NAMES.get(kind, "")
    others = tuple(name for other, name in _NAMES.items() if other != kind and folder(other) == folder(kind))
    return {
        path.stem: path
        for path in sorted(folder(kind).glob("*.yaml"))
        if path.stem.startswith(own) and not path.stem.startswith(others)
    }


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
    raise InputError(f"{name}: no such file, and no shipped {_singular(kind)} of that name{hint}")


def _singular(kind: str) -> str:
    return {"searches": "search", "lotteries": "lottery"}.get(kind, kind[:-1])


def locate(kind: str, name: str, beside: Path | None) -> Path:
    """Return the file that a file names: from the working directory, beside that file, or shipped.

    Raises:
        InputError: there is none.
    """
    if beside is not None and not Path(name).is_file():
        near = beside.parent / name
        if near.is_file():
            return near
    try:
        return find(kind, name)
    except (OSError, ValueError) as error:  # a name that cannot be a path at all
        raise InputError(f"{name!r}: {error}") from None
