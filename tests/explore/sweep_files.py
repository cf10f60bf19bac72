"""Small sweeps for the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

GEMMS = """\
name: small
gemms:
  - {name: first, m: 64, n: 64, k: 64}
  - {name: second, m: 32, n: 64, k: 64}
"""


def small(folder: Path, **changes: Any) -> dict[str, Any]:
    """Return a sweep of four points that takes milliseconds, with a workload file in `folder`."""
    workload = folder / "small.yaml"
    workload.write_text(GEMMS)
    return {
        "name": "small",
        "designs": ["os_16x16"],
        "workloads": [str(workload)],
        "grid": {"npu.rows": [8, 16], "dram.channels": [1, 2]},
        "metrics": ["latency_s", "energy_j", "area_mm2"],
        "output": {"folder": str(folder / "out"), "plots": False},
        **changes,
    }
