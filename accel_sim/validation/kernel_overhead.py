"""Eager: what a framework's launches cost, fixed on one machine and used to predict others at small batches.

The overhead of a kernel is the median of milliseconds per token over kernels of the decode steps measured on an
H200, so it holds everything that is not the roofline: Python, the dispatcher, the launch, and a GPU that waits.
Nothing else is fixed; every other row is a prediction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from accel_sim.config.errors import InputError
from accel_sim.hardware.design import load_design
from accel_sim.hardware.kernels import Execution, launches
from accel_sim.results.result import Result
from accel_sim.simulation import simulate
from accel_sim.validation.reference import (
    Parser,
    ReferenceRow,
    number,
    one_of,
    read_reference,
    size,
    text,
    whole_number,
)
from accel_sim.validation.report import Report
from accel_sim.workload import Workload, load_workload, lower, parameter_count
from accel_sim.workload.formats import number_format

DATA = Path(__file__).parent / "data"
CALIBRATION, REFERENCE = DATA / "h200_eager_decode.csv", DATA / "small_batch_latency.csv"
CALIBRATED_ON = "h200"
# Kernels that the operators account for, of those profiled; the rest are masks, positions, split products.
LEAST_COUNTED = 0.9

_MEASURED: dict[str, Parser] = {
    "model": text,
    **dict.fromkeys(("layers", "hidden", "heads", "context", "batch", "kernels"), size),
    "parameters": whole_number,
    "dtype": one_of(("float16", "float32")),
    **dict.fromkeys(("ms_per_token", "watt"), number),
}


def _format(cell: str) -> str:
    return number_format(cell).name


_PREDICTED: dict[str, Parser] = {
    **dict.fromkeys(("machine", "framework", "workload"), text),
    "execution": one_of(("eager", "fused")),
    "phase": one_of(("prefill", "decode", "inference")),
    **dict.fromkeys(("batch", "tokens"), size),
    "format": _format,
    "latency_ms": number,
}


@dataclass(frozen=True, slots=True)
class LaunchOverhead:
    """Seconds that a kernel adds in an eager framework: of the fastest, the median and the slowest step."""

    low_s: float
    median_s: float
    high_s: float


@cache
def launch_overhead() -> LaunchOverhead:
    """Return what the decode steps on the H200 say."""
    each = [row["ms_per_token"] * 1e-3 / row["kernels"] for row in _calibration()]
    return LaunchOverhead(min(each), median(each), max(each))


@cache
def _calibration() -> tuple[ReferenceRow, ...]:
    return tuple(read_reference(CALIBRATION, _MEASURED))


def validate(reference: Path | None = None) -> Report:
    """Return predicted beside measured latencies; the calibration's own rows come first and are marked.

    Fails when the models of the calibration do not have the parameters that were measured, or when the kernels
    counted for them are more than the profiled ones or less than LEAST_COUNTED of them. Errors of prediction
    are shown and decide nothing.

    Args:
        reference: a CSV file with the columns of `small_batch_latency.md`; None for the shipped one.

    Raises:
        InputError: the file cannot be read, a row is malformed, or names a machine or workload that is not
            there.
    """
    fixed = [_own_row(row) for row in _calibration()]
    predicted = [_predicted_row(row) for row in read_reference(reference or REFERENCE, _PREDICTED)]
    counted = [line["kernels"] / line["kernels_measured"] for line in fixed]
    same = [parameter_count(_gpt(row)) == row["parameters"] for row in _calibration()]
    return Report(
        suite="eager",
        reference=f"{CALIBRATION.name}, {reference or REFERENCE.name}",
        columns=tuple(fixed[0]),
        rows=(*fixed, *predicted),
        passed=all(same) and min(counted) >= LEAST_COUNTED and max(counted) <= 1,
        summary=_summary(fixed, predicted, counted),
    )


def _gpt(row: ReferenceRow) -> Workload:
    name = {"float16": "fp16", "float32": "fp32"}[row["dtype"]]
    settings = {
        "model.n_layer": row["layers"],
        "model.n_embd": row["hidden"],
        "model.n_head": row["heads"],
        "model.n_positions": 2048 if row["model"].startswith("gpt3") else 1024,
        "phase.phase": "decode",
        "phase.batch": row["batch"],
        "phase.context": row["context"],
    }
    return load_workload("gpt2", overrides=settings | _formats(name))


def _formats(name: str) -> dict[str, str]:
    return {f"formats.{tensor}": name for tensor in ("weights", "activations", "kv_cache")}


def _own_row(row: ReferenceRow) -> dict[str, Any]:
    workload = _gpt(row)
    line = _line(CALIBRATED_ON, "pytorch eager", "eager", workload, row["ms_per_token"] * 1e-3)
    return line | {
        "workload": row["model"],
        "use": "calibration",
        "kernels_measured": row["kernels"],
        "power_w_measured": row["watt"],
    }


def _predicted_row(row: ReferenceRow) -> dict[str, Any]:
    tokens = "context" if row["phase"] == "decode" else "sequence"
    settings = {
        "phase.phase": row["phase"],
        "phase.batch": row["batch"],
        f"phase.{tokens}": row["tokens"],
        **_formats(row["format"]),
    }
    try:
        workload = load_workload(row["workload"], overrides=settings)
        return _line(row["machine"], row["framework"], row["execution"], workload, row["latency_ms"] * 1e-3)
    except InputError as error:
        raise InputError(f"{row.place}: {error}") from None


def _line(
    machine: str, framework: str, execution: Execution, workload: Workload, measured_s: float
) -> dict[str, Any]:
    overhead = launch_overhead()
    design = load_design(machine)
    if design.machine is None:
        raise InputError(f"machine = {machine}: has no roofline_machine to launch kernels on")
    results = [_run(design.machine.name, machine, execution, workload, s) for s in _range(overhead)]
    low_s, ours_s, high_s = (result.latency_s for result in results)
    graph = lower(workload)
    phase = workload.phase
    tokens = phase.model_dump().get("context" if phase.phase == "decode" else "sequence")
    return {
        "use": "prediction",
        "machine": machine,
        "framework": framework,
        "execution": execution,
        "workload": workload.name,
        "phase": phase.phase,
        "batch": phase.batch,
        "tokens": tokens,
        "format": workload.formats.weights.name,
        "kernels": sum(launches(op, execution).kernels * repeat for op, repeat in graph.operators()),
        "kernels_measured": None,
        "latency_s": ours_s,
        "measured_s": measured_s,
        "ratio": ours_s / measured_s,
        "within_range": low_s <= measured_s <= high_s,
        "power_w": results[1].power_w,
        "power_w_measured": None,
    }


def _range(overhead: LaunchOverhead) -> tuple[float, float, float]:
    return overhead.low_s, overhead.median_s, overhead.high_s


def _run(component: str, machine: str, execution: Execution, workload: Workload, overhead_s: float) -> Result:
    settings = {f"{component}.execution": execution, f"{component}.launch_overhead": overhead_s}
    return simulate(machine, workload, overrides=settings)


def _summary(
    fixed: Sequence[Mapping[str, Any]], predicted: Sequence[Mapping[str, Any]], counted: Sequence[float]
) -> tuple[str, ...]:
    low, middle, high = (seconds * 1e6 for seconds in _range(launch_overhead()))
    watts = [line["power_w"] / line["power_w_measured"] for line in fixed]
    sentences = [
        f"A kernel in eager PyTorch takes {middle:.1f} us ({low:.1f} to {high:.1f}) in {len(fixed)} decode "
        f"steps on an H200; operators account for {min(counted):.0%} to {max(counted):.0%} of the kernels "
        "profiled.",
        _statistics("The calibration itself", fixed),
    ]
    for execution, why in (
        ("eager", "predicted on other machines"),
        (
            "fused",
            "engines that merge operators, whose launches are quicker than Python's, as a check of the limit",
        ),
    ):
        lines = [line for line in predicted if line["execution"] == execution]
        if lines:
            sentences.append(_statistics(f"{execution.capitalize()}, {why}", lines))
    sentences.append(f"Power of the calibration's steps, ours over measured: {_spread(watts)}.")
    return tuple(sentences)


def _statistics(what: str, lines: Sequence[Mapping[str, Any]]) -> str:
    ratios = [line["ratio"] for line in lines]
    off = median(abs(ratio - 1) for ratio in ratios)
    inside = sum(line["within_range"] for line in lines)
    return (
        f"{what}: latency over measured {_spread(ratios)}, median error {off:.0%}; {inside} of {len(lines)} "
        "measured lie within the overhead's range."
    )


def _spread(ratios: Sequence[float]) -> str:
    return f"median {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
