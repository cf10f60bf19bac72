"""Small designs for tests: a whole chip around the component that is tested."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from accel_sim.config import Document
from accel_sim.hardware.design import Design, build_design

SMALL_CHIP: Mapping[str, Any] = {
    "name": "small_chip",
    "clock": "1 GHz",
    "technology": {"node": "7 nm"},
    "npu": {"type": "systolic_array", "rows": 8, "columns": 8},
    "vector": {"type": "vector_unit", "lanes": 8},
    "scratchpad": {
        "type": "sram",
        "capacity": "64 KiB",
        "width": "32 B",
        "banks": 8,
        "read_ports": 2,
    },
    "accumulator": {"type": "sram", "holds": "partial_sums", "capacity": "16 KiB", "width": "32 B", "banks": 4},
    "dram": {
        "type": "dram",
        "standard": "hbm2",
        "channel_bandwidth": "16 GB/s",
        "efficiency": 1.0,
        "latency": 0,
        "capacity": "64 GiB",
    },
}
"""Keys and values of a design, as its file would hold them; its memory is a bandwidth, for times by hand."""


def small_chip(overrides: Mapping[str, Any] | None = None, **parts: Mapping[str, Any] | None) -> Design:
    """Return SMALL_CHIP as a design, with components replaced or added by name (None removes one).

    overrides: values by dotted path, set last; `npu=None` gives a chip without a matrix unit.

    Raises:
        InputError: what `build_design` says of the result.
    """
    data = deepcopy(dict(SMALL_CHIP))
    for name, part in parts.items():
        if part is None:
            data.pop(name, None)
        else:
            data[name] = dict(part)
    return build_design(Document("small_chip", data, {}), overrides)


def machine_design(machine: Mapping[str, Any], overrides: Mapping[str, Any] | None = None) -> Design:
    """Return a design that is one whole machine, called `machine`.

    Raises:
        InputError: what `build_design` says of it.
    """
    data = {key: SMALL_CHIP[key] for key in ("name", "clock", "technology")} | {"machine": dict(machine)}
    return build_design(Document("machine", data, {}), overrides)
