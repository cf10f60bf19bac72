"""Results to look at: small runs of real models, and GEMMs made for one limit each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache

import pytest

from accel_sim.results import Result
from accel_sim.simulation import simulate
from accel_sim.workload import Decode, Generate, Prefill, load_workload

os.environ.setdefault("MPLBACKEND", "Agg")

PHASES = {
    "prefill": Prefill(batch=1, sequence=128),
    "decode": Decode(batch=8, context=1024),
    "generate": Generate(batch=2, prompt=64, output=40),
}
INTEGER = {"formats.weights": "int8", "formats.activations": "int8", "formats.kv_cache": "int8"}


@cache
def run(design: str, phase: str, fidelity: str) -> Result:
    overrides = INTEGER if design == "tpu_v1" else {}
    if phase == "inference":
        workload = load_workload("resnet18", overrides={k: v for k, v in overrides.items() if "kv" not in k})
    else:
        workload = load_workload("llama3_8b", phase=PHASES[phase], overrides=overrides)
    return simulate(design, workload, fidelity=fidelity)


@pytest.fixture(scope="session")
def simulated() -> Callable[[str, str, str], Result]:
    """The result of a model's phase (`inference` is ResNet-18, the others Llama 3 8B) on a design, run once."""
    return run


@pytest.fixture(scope="session")
def decode() -> Result:
    """A decode step on the largest design."""
    return run("npu_128x128_hbm", "decode", "tile")


@pytest.fixture(scope="session")
def generate() -> Result:
    """A generation of several stages on the largest design."""
    return run("npu_128x128_hbm", "generate", "tile")


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    import sys

    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
