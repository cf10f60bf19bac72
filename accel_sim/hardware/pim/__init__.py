"""DRAM with compute at its banks: protocols as data, command programs, kernels laid out in banks and rows.

The programs are played by `accel_sim.engine.pim_run` and priced by `accel_sim.mapping.pim_cost`.
"""

from accel_sim.hardware.pim.device import PimDevice, pim_device
from accel_sim.hardware.pim.program import Builder, Program
from accel_sim.hardware.pim.protocol import load_protocol, protocol_names
from accel_sim.hardware.pim.specs import Protocol

__all__ = ["Builder", "PimDevice", "Program", "Protocol", "load_protocol", "pim_device", "protocol_names"]
