"""Formatting, lint, types and the direction of imports, checked with the tools that contributors run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = {
    "ruff format": ["-m", "ruff", "format", "--check", "."],
    "ruff lint": ["-m", "ruff", "check", "."],
    "mypy": ["-m", "mypy"],
    "import contracts": ["-c", "from importlinter.cli import lint_imports_command as c; c()"],
}


@pytest.mark.slow
@pytest.mark.parametrize("tool", TOOLS)
def test_the_tree_passes(tool: str) -> None:
    run = subprocess.run([sys.executable, *TOOLS[tool]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr}"
