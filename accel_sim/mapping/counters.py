"""What a program counts besides time: the events that energy and the conservation laws are made from."""

from __future__ import annotations

from accel_sim.hardware.primitives import PRIMITIVES

COUNTERS = (
    "executed_macs",  # multiply-accumulates the matrix unit performs, masked and widened ones included
    "pe_cycles",  # cycles x MACs per cycle for which tiles hold the matrix unit: executed_macs plus idle PEs
    "memory_read_bytes",
    "memory_write_bytes",
    "link_bytes",
    "scratchpad_read_bytes",
    "scratchpad_write_bytes",
    "accumulator_read_bytes",
    "accumulator_write_bytes",
    *(f"vector_{name}" for name in PRIMITIVES),
)
INDEX = {name: index for index, name in enumerate(COUNTERS)}
