"""The search for tilings knows that pieces of rows are slower than streams."""

from __future__ import annotations

import numpy as np
import pytest

from accel_sim.mapping import tiling
from accel_sim.simulation import simulate
from accel_sim.workload import Inference, Workload
from accel_sim.workload.model import Formats
from accel_sim.workload.operator_list import OperatorList

# Arrays so large that loads decide. Rows are so long that their pieces open a row of the memory each.
LARGE = {"npu.rows": 256, "npu.columns": 256}


def seconds(m: int, n: int, k: int) -> float:
    workload = Workload(
        name="one",
        model=OperatorList(gemms=[{"name": "one", "m": m, "n": n, "k": k}]),
        formats=Formats(weights="bf16", activations="bf16"),
        phase=Inference(),
    )
    return simulate("npu_128x128_hbm", workload, overrides=LARGE).latency_s


@pytest.mark.parametrize("shape", [(2048, 8192, 8192), (2048, 16384, 2048)], ids=str)
def test_a_search_that_takes_pieces_for_streams_finds_slower_tiles(
    shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = seconds(*shape)
    monkeypatch.setattr(tiling, "_slower", lambda found, machine: np.ones((3, found.places)))
    assert found < 0.9 * seconds(*shape)
