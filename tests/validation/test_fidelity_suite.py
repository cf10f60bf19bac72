"""Fidelities beside one another: the shipped runs, a person's own, and bands that a wrong price leaves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from accel_sim.config import InputError
from accel_sim.hardware.dram.patterns import grid, streaming_efficiency
from accel_sim.validation import fidelity
from accel_sim.validation.suites import run_suite


def written(folder: Path, *lines: str) -> Path:
    path = folder / "fidelity.csv"
    path.write_text("\n".join(["design,workload,overrides", *lines]), encoding="utf-8")
    return path


def test_the_shipped_runs_are_above_the_roofline_and_inside_their_bands() -> None:
    report = run_suite("fidelity")
    assert report.passed
    assert len(report.rows) >= 8
    for row in report.rows:
        assert row["roofline_s"] <= row["tile_s"]
        assert row["least"] <= row["cycle_over_tile"] <= row["most"]
        assert row["least"] < 1 <= row["most"]
        assert row["tile_over_roofline"] == pytest.approx(row["tile_s"] / row["roofline_s"])


def test_a_table_of_ones_own_runs_ones_own_overrides(tmp_path: Path) -> None:
    formats = ";".join(f"workload.formats.{name}=bf16" for name in ("weights", "activations", "kv_cache"))
    path = written(
        tmp_path,
        "edge_npu,resnet18,dram.channels=2; dram.preset=LPDDR4-3200",
        f"pim_gpt,gpt2,workload.phase.phase=decode;{formats};",
    )
    report = run_suite("fidelity", path)
    assert report.passed and report.reference == str(path)
    own, pim = report.rows
    # The rates between which `tile` interpolates differ by no more than this.
    step = 1.0
    for write in (False, True):
        rates = np.array([[cell.efficiency for cell in row] for row in grid("LPDDR4-3200", write)])
        for row, column in np.ndindex(rates.shape[0] - 1, rates.shape[1] - 1):
            corners = rates[row : row + 2, column : column + 2]
            step = max(step, corners.max() / corners.min())
    assert own["least"] == pytest.approx(min(streaming_efficiency("LPDDR4-3200"), 1 / step))
    # A memory without a command-level model of its host's traffic is the same at both.
    assert (pim["least"], pim["cycle_over_tile"], pim["most"]) == (1, 1, 1)


@pytest.mark.parametrize("factor", [0.3, 12.0])
def test_a_price_of_commands_that_is_wrong_leaves_the_band(
    factor: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accel_sim.mapping import memory_blocks

    right = memory_blocks.block_s
    monkeypatch.setattr(memory_blocks, "block_s", lambda *given: factor * right(*given))
    report = fidelity.validate(written(tmp_path, "edge_npu,llama3_2_1b,workload.phase.phase=decode"))
    assert not report.passed


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("edge_npu,resnet18,dram.channels", "fidelity.csv:2: overrides = dram.channels: must be path=value"),
        ("edge_npz,resnet18,", "did you mean 'edge_npu'"),
        ("edge_npu,resnet18,dram.chanels=2", "did you mean 'channels'"),
        ("edge_npu,resnet18,dram.efficiency=0.8", "dram.efficiency = 0.8: stands for the commands"),
    ],
)
def test_a_run_that_there_is_not_is_one_error(line: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        run_suite("fidelity", written(tmp_path, line))
    assert message in str(caught.value) and "\n" not in str(caught.value)
