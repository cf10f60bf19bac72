"""The validation suites by name; a suite's module is imported when it runs."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from accel_sim.config.errors import InputError, did_you_mean
from accel_sim.validation.report import Report


@dataclass(frozen=True, slots=True)
class Suite:
    """A comparison of one kind of model with its reference.

    Attributes:
        module: where its `validate(reference: Path | None) -> Report` is.
        description: one line for a list of suites.
        function: what to call instead of `validate`.
    """

    module: str
    description: str
    function: str = "validate"


SUITES: dict[str, Suite] = {
    "systolic": Suite(
        "accel_sim.validation.systolic",
        "Cycles of systolic arrays against register-level simulation, exact.",
    ),
    "dram": Suite(
        "accel_sim.validation.dram",
        "Cycles, commands and energy of DRAM channels against DRAMsim3 and Ramulator 2.1, exact.",
    ),
    "dram_energy": Suite(
        "accel_sim.validation.dram_energy",
        "Energy per bit of DRAM commands, streaming and random, beside published figures for whole memories.",
    ),
    "dram_commands": Suite(
        "accel_sim.validation.dram_commands",
        "Every command of a DRAM channel with its clock and address against the same simulators.",
    ),
    "models": Suite(
        "accel_sim.validation.models",
        "Parameters, MACs and KV-cache bytes of language models against published counts.",
    ),
    "arithmetic": Suite(
        "accel_sim.validation.arithmetic",
        "Energy and area of arithmetic units against published primitives, ratios by source.",
    ),
    "synthesis": Suite(
        "accel_sim.validation.synthesis",
        "Carry-save against plain multiply-accumulate arrays, predicted and synthesized.",
    ),
    "dies": Suite(
        "accel_sim.validation.dies",
        "Area trees of designs against the published parts of the chips they are like.",
    ),
    "sram": Suite(
        "accel_sim.validation.sram",
        "Energy, leakage, area and access time of on-chip memories against CACTI 7.",
    ),
    "aim": Suite(
        "accel_sim.validation.pim",
        "Cycles and commands of GDDR6-AiM matrix products against its simulator, exact.",
        "validate_aim",
    ),
    "hbm_pim": Suite(
        "accel_sim.validation.pim",
        "Cycles and commands of HBM-PIM kernels and of the host's streams against its simulator, exact.",
        "validate_hbm_pim",
    ),
    "fidelity": Suite(
        "accel_sim.validation.fidelity",
        "Latency at roofline, tile and cycle, within bands that follow from how memory is priced.",
    ),
    "eager": Suite(
        "accel_sim.validation.kernel_overhead",
        "Small-batch latencies of GPUs as rooflines with kernel launches against measured ones.",
    ),
    "dramgym": Suite(
        "accel_sim.validation.dramgym",
        "Errors of a forest over simulated DRAM controllers against an independent measurement of the same.",
    ),
}


def run_suite(name: str, reference: Path | None = None) -> Report:
    """Return the report of a suite on its shipped reference, or on a file of the same columns.

    Raises:
        InputError: there is no suite of that name, or the reference is malformed.
    """
    suite = SUITES.get(name)
    if suite is None:
        raise InputError(f"unknown suite '{name}'{did_you_mean(name, SUITES)}")
    report: Report = getattr(import_module(suite.module), suite.function)(reference)
    return report
