"""The record of how a table came about: versions, inputs, counts, times."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from accel_sim import __version__
from accel_sim.explore.fingerprint import SCHEMA, file_hash, model_text
from accel_sim.explore.plan import Plan
from accel_sim.explore.table import SweepResult

PACKAGES = ("numpy", "numba", "pandas", "pydantic")
_CHECKOUT = Path(__file__).resolve().parents[2]


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def manifest(plan: Plan, result: SweepResult, started: str) -> dict[str, Any]:
    """Return what a person needs to make the table again, or to see why another one differs."""
    return {
        **circumstances(plan.spec.name, PACKAGES),
        "sweep": plan.spec.model_dump(mode="json", by_alias=True),
        "inputs": inputs(plan.files),
        "points": {
            "all": len(result.rows),
            "ok": len(result.rows) - result.failed,
            "failed": result.failed,
            "infeasible": result.infeasible,
            "computed_by_this_run": result.computed,
        },
        "columns": {
            "inputs": list(result.inputs),
            "metrics": list(dict.fromkeys((*plan.spec.metrics, *plan.spec.constraints))),
        },
        "started": started,
        "finished": now(),
    }


def circumstances(name: str, packages: Sequence[str]) -> dict[str, Any]:
    """Return the versions of everything that had a hand in a result."""
    return {
        "schema_version": SCHEMA,
        "name": name,
        "accel_sim": __version__,
        "model_sha256": model_text(),
        "python": platform.python_version(),
        "packages": {package: _version(package) for package in packages},
        "platform": platform.platform(),
        "git": _git_state(),
        "command_line": sys.argv,
    }


def inputs(files: Sequence[Path]) -> list[dict[str, str]]:
    """Return files with their hashes."""
    return [{"file": str(path), "sha256": file_hash(path)} for path in files]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git_state() -> dict[str, Any] | None:
    """Return commit and whether there are changes, where the package runs from a checkout."""
    if not (_CHECKOUT / ".git").exists():
        return None
    try:
        commit = _git("rev-parse", "HEAD")
        return {"commit": commit.strip(), "changed": bool(_git("status", "--porcelain").strip())}
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(_CHECKOUT), *arguments], capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout
