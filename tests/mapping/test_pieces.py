"""The search for tilings knows that pieces of rows are slower than streams."""

from __future__ import annotations

import numpy as np
import pytest

from accel_sim.mapping import tiling
from accel_sim.simulation import simulate
from accel_sim.workload import Inference, Workload
from accel_sim.workload.model import Formats
from accel_sim.workload.operator_list import OperatorList


def seconds(size: int) -> float:
    workload = Workload(
        name="one",
        model=OperatorList(gemms=[{"name": "one", "m": size, "n": size, "k": size}]),
        formats=Formats(weights="bf16", activations="bf16"),
        phase=Inference(),
    )
    return simulate("npu_128x128_hbm", workload).latency_s


@pytest.mark.parametrize("size", [2048, 4096])
def test_a_search_that_takes_pieces_for_streams_finds_slower_tiles(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = seconds(size)
    monkeypatch.setattr(tiling, "_slower", lambda found, machine: np.ones((3, found.places)))
    assert found < 0.9 * seconds(size)
