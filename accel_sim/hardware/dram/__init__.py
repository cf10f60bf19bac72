"""DRAM standards as data: levels, commands, timing tables, address mappings and controller policies."""

from accel_sim.hardware.dram.load import STANDARDS, all_presets, load_preset, load_standard
from accel_sim.hardware.dram.mapping import AddressMapping, address_mapping
from accel_sim.hardware.dram.policy import Policy
from accel_sim.hardware.dram.standard import Command, Constraint, Currents, Preset, Standard
from accel_sim.hardware.dram.tables import ResolvedPreset, Rule

__all__ = [
    "STANDARDS",
    "AddressMapping",
    "Command",
    "Constraint",
    "Currents",
    "Policy",
    "Preset",
    "ResolvedPreset",
    "Rule",
    "Standard",
    "address_mapping",
    "all_presets",
    "load_preset",
    "load_standard",
]
