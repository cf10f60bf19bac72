"""What hardware costs: energy, area and leakage of arithmetic, memories, links and wires, per node."""

from accel_sim.technology.arithmetic import Operation, multiply_accumulate, operation
from accel_sim.technology.circuits.blocks import StorageCell
from accel_sim.technology.cost import Certainty, Cost, combine, weakest
from accel_sim.technology.memory import (
    DramCost,
    LinkCost,
    dram,
    dram_energy_j_per_byte,
    dram_interface_area_mm2,
    link,
    link_energy_j_per_byte,
    link_interface_area_mm2,
    wire_energy_j_per_byte_mm,
)
from accel_sim.technology.nodes import NodeFactors, node_factors
from accel_sim.technology.register_file import register_file
from accel_sim.technology.sram import sram
from accel_sim.technology.sram_cost import SramCost

__all__ = [
    "Certainty",
    "Cost",
    "DramCost",
    "LinkCost",
    "NodeFactors",
    "Operation",
    "SramCost",
    "StorageCell",
    "combine",
    "dram",
    "dram_energy_j_per_byte",
    "dram_interface_area_mm2",
    "link",
    "link_energy_j_per_byte",
    "link_interface_area_mm2",
    "multiply_accumulate",
    "node_factors",
    "operation",
    "register_file",
    "sram",
    "weakest",
    "wire_energy_j_per_byte_mm",
]
