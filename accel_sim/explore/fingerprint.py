"""Content hashes: two points with the same key are the same simulation, in this process or any other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from accel_sim import __version__
from accel_sim.workload import Workload

SCHEMA = 1
# What people call a thing and say about it does not change what it costs.
WORDS = frozenset({"name", "description", "source", "published"})
# The rooms whose code and tables decide what a simulation returns.
ROOMS = ("config", "workload", "technology", "hardware", "mapping", "engine", "results", "simulation.py")
_PACKAGE = Path(__file__).resolve().parents[1]


@cache
def model_text() -> str:
    """Return a hash of the package's version and of the code and tables that results come from.

    A result of other code is not a result of this code, so that an edit never meets old points.
    """
    digest = hashlib.sha256(f"{__version__} {SCHEMA}".encode())
    for room in ROOMS:
        top = _PACKAGE / room
        files = (
            [top]
            if top.is_file()
            else sorted(p for p in top.rglob("*") if p.suffix in (".py", ".csv", ".yaml"))
        )
        for file in files:
            digest.update(file.relative_to(_PACKAGE).as_posix().encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def text_of_data(data: Mapping[str, Any]) -> str:
    """Return the canonical text of a design's data."""
    return json.dumps({k: v for k, v in data.items() if k not in WORDS}, sort_keys=True, default=str)


def text_of_workload(workload: Workload) -> str:
    """Return the canonical text of a workload."""
    parts = {f.name: getattr(workload, f.name) for f in fields(workload) if f.name not in WORDS}
    plain = {
        name: [type(part).__name__, part.model_dump(mode="json")] if isinstance(part, BaseModel) else part
        for name, part in parts.items()
    }
    return json.dumps(plain, sort_keys=True, default=str)


def key_of(design: str, workload: str, fidelity: str) -> str:
    """Return the key of a point from the texts of its parts."""
    whole = "\n".join((model_text(), fidelity, design, workload))
    return hashlib.sha256(whole.encode()).hexdigest()


def file_hash(path: Path) -> str:
    """Return the sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
