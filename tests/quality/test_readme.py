"""The README's example of a processing element, and its design, do what they say."""

from __future__ import annotations

import re
from pathlib import Path

import accel_sim
from accel_sim.config import override, parse_document
from accel_sim.hardware.design import build_design

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


def block_after(heading: str, language: str) -> str:
    match = re.search(rf"## {heading}.*?```{language}\n(.*?)```", README, re.DOTALL)
    assert match is not None
    return match[1]


def test_the_design_of_the_readme_runs() -> None:
    design = build_design(parse_document(block_after("A design", "yaml"), "README.md"))
    result = accel_sim.simulate(design, "gemm_sweep", fidelity="tile")
    assert 0 < result.utilization <= 1


def test_the_processing_element_of_the_readme_runs_in_that_design() -> None:
    code = compile(
        block_after("A processing element of your own", "python"), "README.md", "exec", dont_inherit=True
    )
    exec(code, {"__name__": "readme_example"})
    document = parse_document(block_after("A design", "yaml"), "README.md")
    document = override(document, {"npu": {"type": "tensor_core"}})
    result = accel_sim.simulate(build_design(document), "gemm_sweep")
    assert result.event("executed_macs") == result.macs
    assert 0 < result.utilization <= 1
