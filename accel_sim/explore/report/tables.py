"""Cells that a page can sort by, and the lines on where results came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: as it is shown.
        order: what it is sorted by; None for a text, which is sorted by itself.
        link: of a file beside the page.
    """

    text: str
    order: str | None = None
    link: str | None = None


def number_cell(value: float, text: str) -> Cell:
    """Return the cell of a number."""
    return Cell(text, repr(float(value)))


def text_cell(text: str, link: str | None = None) -> Cell:
    """Return the cell of a text."""
    return Cell(text, None, link)


def provenance(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a person needs to make the results again."""
    git = manifest.get("git") or {}
    commit = f", commit {git['commit'][:12]}{', changed' if git['changed'] else ''}" if git else ""
    packages = ", ".join(f"{name} {version}" for name, version in manifest["packages"].items() if version)
    return [
        ("accel_sim", f"{manifest['accel_sim']}{commit}"),
        ("model", manifest["model_sha256"][:16]),
        ("Python", f"{manifest['python']} with {packages}"),
        ("platform", manifest["platform"]),
        ("started, finished", f"{manifest['started']}, {manifest['finished']}"),
        *(
            (f"input {name_of(entry['file'])}", f"sha256 {entry['sha256'][:16]}")
            for entry in manifest["inputs"]
        ),
    ]


def name_of(file: str) -> str:
    """Return the last part of a path of either kind of system."""
    return file.replace("\\", "/").rpartition("/")[2]
