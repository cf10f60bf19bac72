"""Processes that tests watch. How long things take decides nothing, so waiting ends only when all is lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_SECONDS = 600.0


def wait_until(condition: Callable[[], object], what: str = "nothing happened") -> None:
    """Wait for something that is sure to come."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def _status(stat: Path) -> list[str] | None:
    """Return the fields of a process after its name: its state, its parent, ..."""
    try:
        return stat.read_text().rpartition(")")[2].split()
    except OSError:
        return None


def is_running(pid: int) -> bool:
    """Tell whether a process is there and has not ended."""
    fields = _status(Path(f"/proc/{pid}/stat"))
    return fields is not None and fields[0] != "Z"


def below(pid: int) -> set[int]:
    """Return the running processes that a process has started, and those that these have."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        fields = _status(stat)
        if fields is not None and fields[0] != "Z":
            parents[int(stat.parent.name)] = int(fields[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}
