"""The launch overhead is what the measurements say, and predictions use nothing else of them."""

from __future__ import annotations

import csv
from statistics import median

import pytest

from accel_sim.config import InputError
from accel_sim.simulation import simulate
from accel_sim.validation.kernel_overhead import CALIBRATION, REFERENCE, launch_overhead, validate


@pytest.fixture(scope="module")
def report():
    return validate()


def test_the_overhead_is_the_median_of_what_was_measured_with_its_range():
    """24.1 us, 20.9 to 52.5: as those who measured give them, and from the file without our reader."""
    with CALIBRATION.open(encoding="utf-8") as file:
        each = [float(row["ms_per_token"]) * 1e-3 / float(row["kernels"]) for row in csv.DictReader(file)]
    found = launch_overhead()
    assert (found.low_s, found.median_s, found.high_s) == (min(each), median(each), max(each))
    rounded = [f"{seconds * 1e6:.1f}" for seconds in (found.low_s, found.median_s, found.high_s)]
    assert rounded == ["20.9", "24.1", "52.5"]


def test_no_machine_of_the_calibration_is_among_the_predictions(report):
    machines = {use: {row["machine"] for row in report.rows if row["use"] == use} for use in USES}
    assert machines["calibration"] and machines["prediction"]
    assert not machines["calibration"] & machines["prediction"]


def test_a_prediction_is_the_roofline_and_the_launches_on_top(report):
    row = next(r for r in report.rows if (r["machine"], r["framework"]) == ("rtx_3090", "pytorch eager"))
    formats = {f"workload.formats.{tensor}": "fp32" for tensor in ("weights", "activations", "kv_cache")}
    phase = {"workload.phase.phase": "decode", "workload.phase.context": 257}
    bare = simulate("rtx_3090", "gpt2", overrides={"gpu.execution": "eager"} | phase | formats)
    expected = bare.latency_s + row["kernels"] * launch_overhead().median_s
    assert row["latency_s"] == pytest.approx(expected, rel=1e-12)


def test_every_row_of_both_files_is_there_and_the_models_are_those_that_were_measured(report):
    lines = sum(len(file.read_text(encoding="utf-8").splitlines()) - 1 for file in (CALIBRATION, REFERENCE))
    assert len(report.rows) == lines
    assert report.passed


def test_kernels_that_are_counted_are_never_more_than_those_profiled(report):
    for row in report.rows:
        if row["kernels_measured"]:
            assert 0.9 * row["kernels_measured"] <= row["kernels"] <= row["kernels_measured"]


HEADER = "machine,framework,execution,workload,phase,batch,tokens,format,latency_ms\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("t5,x,eager,gpt2,decode,1,8,fp16,1\n", r":2: t5: no such file, and no shipped design"),
        ("t4,x,lazy,gpt2,decode,1,8,fp16,1\n", r":2: execution = lazy: is not known \(allowed: eager, fused\)"),
        ("t4,x,eager,gpt2,decode,1,8,fp17,1\n", r":2: format = fp17: unknown number format"),
        ("os_16x16,x,eager,gpt2,decode,1,8,fp16,1\n", r":2: machine = os_16x16: has no roofline_machine"),
    ],
)
def test_a_reference_of_ones_own_is_checked(tmp_path, line, message):
    file = tmp_path / "mine.csv"
    file.write_text(HEADER + line, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        validate(file)


USES = ("calibration", "prediction")
