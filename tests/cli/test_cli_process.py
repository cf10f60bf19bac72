"""The command line as a process of its own: start-up, pipes, an installed wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("numba", "numpy", "pandas", "matplotlib", "optuna", "simpy", "dask", "distributed")


def accel_sim(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "accel_sim", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_help_imports_nothing_heavy():
    code = f"""
import sys
from accel_sim.cli import main
assert main(["--help"]) == 0
assert main(["run", "--help"]) == 0
assert main(["search", "--help"]) == 0
loaded = [name for name in {HEAVY} if name in sys.modules]
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "arguments", [["list", "workloads"], ["list", "suites"], ["show", "llama3_8b"], ["list", "x"]]
)
def test_looking_around_does_not_load_kernels(arguments):
    code = f"""
import sys
from accel_sim.cli import main
main({arguments!r})
loaded = [name for name in ("numba", "pandas", "matplotlib", "optuna") if name in sys.modules]
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("arguments", [["list", "workloads"], ["list", "workloads", "--json"], ["--help"]])
def test_a_reader_that_goes_away_is_no_error(arguments):
    process = subprocess.Popen(
        [sys.executable, "-m", "accel_sim", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.wait(30)


def test_output_is_the_same_text_in_any_locale():
    done = accel_sim(
        "show", "edge_npu", env=os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": ""}
    )
    assert done.returncode == 0, done.stderr
    assert "ridge point" in done.stdout


@pytest.mark.slow
def test_a_wheel_works_from_any_folder(tmp_path):
    source, wheels, target = tmp_path / "source", tmp_path / "wheels", tmp_path / "target"
    _copy_tree(source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    # With what is installed when that can build a wheel; else pip fetches what pyproject.toml asks for.
    here = ["--no-build-isolation"] if int(version("setuptools").partition(".")[0]) >= 77 else []
    subprocess.run([*pip, "wheel", "--no-deps", *here, "-w", str(wheels), str(source)], check=True)
    (wheel,) = wheels.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(target), str(wheel)], check=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"PYTHONPATH": str(target)}
    for arguments, word in (
        (["list", "workloads"], "llama3_8b"),
        (["list", "sweeps"], "quickstart"),
        (["show", "llama3_8b"], "8,030,261,248"),
        (["show", "edge_npu"], "ridge point"),
        (["validate", "models"], "passed"),
    ):
        done = accel_sim(*arguments, cwd=elsewhere, env=environment)
        assert done.returncode == 0, done.stderr
        assert word in done.stdout
    script = subprocess.run(
        [sys.executable, str(target / "bin" / "accel-sim"), "--version"],
        capture_output=True,
        text=True,
        cwd=elsewhere,
        env=environment,
        check=False,
    )
    assert script.stdout.startswith("accel-sim "), script.stderr


def _copy_tree(to: Path) -> None:
    """Copy what a wheel is built from, without caches and folders of results."""
    to.mkdir()
    for name in ("accel_sim", "workloads", "designs", "sweeps"):
        shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, to / name)
