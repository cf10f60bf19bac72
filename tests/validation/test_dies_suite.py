"""Area checks of dies: the shipped table, and a person's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from accel_sim.config import InputError
from accel_sim.hardware.design import load_design
from accel_sim.validation.suites import run_suite

HEADER = "design,part,components,published_mm2,source,certainty"


def written(folder: Path, *lines: str) -> Path:
    path = folder / "dies.csv"
    path.write_text("\n".join([HEADER, *lines]), encoding="utf-8")
    return path


def test_every_component_of_a_shipped_die_stands_for_one_published_part() -> None:
    report = run_suite("dies")
    assert report.passed
    for name in ("ga100", "tpu_v1"):
        whole = next(row for row in report.rows if row["design"] == name and row["part"] == "whole die")
        parts = [row for row in report.rows if row["design"] == name and row is not whole]
        assert sum(row["published_mm2"] for row in parts) == pytest.approx(whole["published_mm2"])
        assert sum(row["ours_mm2"] or 0 for row in parts) == pytest.approx(load_design(name).area_mm2)


def test_interfaces_whose_area_has_a_source_are_within_a_factor_of_1_6_of_the_die() -> None:
    # PHYs and controllers are published figures of their own; nothing of this die was used for them.
    rows = {row["part"]: row for row in run_suite("dies").rows if row["design"] == "ga100"}
    for part in ("memory PHY and controllers", "link PHY and controllers"):
        assert 1 / 1.6 <= rows[part]["ratio"] <= 1.6


def test_a_table_of_ones_own_is_compared_with_ones_own_design(tmp_path: Path) -> None:
    report = run_suite("dies", written(tmp_path, "edge_npu,arrays,npu,2,mine,measured"))
    area_mm2 = sum(load_design("edge_npu").costs["npu"].area_mm2.values())
    assert report.rows[0]["ratio"] == pytest.approx(area_mm2 / 2)


def test_a_component_that_is_not_there_is_one_error_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, "edge_npu,arrays,npus,2,mine,measured")
    with pytest.raises(
        InputError, match=r"dies.csv:2: components = npus: is not in edge_npu \(did you mean 'npu'"
    ):
        run_suite("dies", path)
