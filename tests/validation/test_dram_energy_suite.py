"""Energies of DRAM commands beside published ones: sums, bounds, and a person's own figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from accel_sim.config import InputError
from accel_sim.hardware.dram.patterns import PRESET_OF_STANDARD
from accel_sim.technology import dram
from accel_sim.validation import dram_energy
from accel_sim.validation.suites import run_suite

HEADER = "standard,pj_per_bit,includes,source"


def written(folder: Path, *lines: str) -> Path:
    path = folder / "energies.csv"
    path.write_text("\n".join([HEADER, *lines]), encoding="utf-8")
    return path


def test_every_preset_of_a_standard_is_compared_and_causes_add_up() -> None:
    report = run_suite("dram_energy")
    assert report.passed
    assert {row["preset"] for row in report.rows} == set(PRESET_OF_STANDARD.values())
    for row in report.rows:
        parts = [row[f"{cause}_pj"] for cause in ("rows", "arrays", "io", "standby")]
        assert row["stream_pj"] == pytest.approx(sum(parts))
        assert row["stream_pj"] < row["random_pj"]
        assert row["stream_over_published"] == pytest.approx(row["stream_pj"] / row["published_pj"])


def test_the_published_figures_are_those_that_price_a_memory_by_the_bit() -> None:
    for row in run_suite("dram_energy").rows:
        assert row["published_pj"] == pytest.approx(dram(row["standard"]).energy_j_per_byte / 8e-12)


def test_hbm2_by_its_commands_streams_at_three_and_a_half_to_four_picojoules_a_bit() -> None:
    """O'Connor et al., MICRO 2017: 3.92 with the activates of their traffic."""
    (row,) = (row for row in run_suite("dram_energy").rows if row["standard"] == "hbm2")
    assert 3.5 <= row["stream_pj"] <= 3.92 <= row["random_pj"]


@pytest.mark.parametrize(("published", "passed"), [("1.7", False), ("1.9", True), ("14", True), ("15", False)])
def test_a_figure_below_half_a_stream_or_above_twice_random_access_fails(
    published: str, passed: bool, tmp_path: Path
) -> None:
    assert dram_energy.validate(written(tmp_path, f"hbm2,{published},all,mine")).passed is passed


def test_a_standard_without_a_preset_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"energies.csv:2: standard"):
        dram_energy.validate(written(tmp_path, "gddr7,9,all,mine"))
