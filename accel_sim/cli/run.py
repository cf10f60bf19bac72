"""`accel-sim run`: one workload on one design, and where its time and energy go."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel_sim.cli.options import PhaseOptions, describe_phase, parse_settings, phase_overrides
from accel_sim.cli.output import Column, facts, heading, line, print_json, remark, table, to_json, waiting
from accel_sim.config import InputError
from accel_sim.config.units import format_bytes, format_si
from accel_sim.results.result import Result
from accel_sim.simulation import simulate

TOP_OPERATORS = 10


@dataclass(frozen=True, slots=True)
class Files:
    """What to write besides the summary; `-` as the JSON file means the standard output, and nothing else."""

    json: str | None = None
    trace: Path | None = None
    csv: Path | None = None

    def check(self, fidelity: str) -> None:
        """Refuse what cannot be written before time is spent on a run.

        Raises:
            InputError: a file that cannot be written.
        """
        named = {"--json": self.json, "--trace": self.trace, "--csv": self.csv}
        for option, name in named.items():
            if name is None or str(name) == "-":
                continue
            path = Path(name)
            if path.is_dir():
                raise InputError(f"{option} {path}: is a folder, not a file")
            if not path.parent.is_dir():
                raise InputError(f"{option} {path}: no such folder: {path.parent}")
        if self.trace is not None and not self.trace.name.endswith((".json", ".json.gz")):
            raise InputError(f"--trace {self.trace}: must be called *.json or *.json.gz")
        if self.trace is not None and fidelity == "roofline":
            raise InputError("--trace: a roofline has no timeline; use --fidelity tile")


@dataclass(slots=True)
class Timing:
    """Seconds of a run: compiling kernels (or loading compiled ones), and the rest."""

    compiling_s: float = 0.0
    simulating_s: float = 0.0

    def sentence(self) -> str:
        """Say how long it took."""
        return (
            f"simulating took {self.simulating_s:.3g} s, "
            f"and compiling kernels or loading compiled ones {self.compiling_s:.3g} s"
        )


@contextmanager
def timed() -> Iterator[Timing]:
    """Measure what happens inside, with numba's work apart from ours."""
    from numba.core import event

    timing = Timing()
    start = time.perf_counter()
    with event.install_recorder("numba:compiler_lock") as recorder:
        yield timing
    elapsed = time.perf_counter() - start
    depth = 0
    for moment, what in recorder.buffer:
        if depth == 0:
            began = moment
        depth += 1 if what.is_start else -1
        if depth == 0:
            timing.compiling_s += moment - began
    timing.simulating_s = elapsed - timing.compiling_s


def run(
    design: str, workload: str, options: PhaseOptions, settings: list[str], fidelity: str, files: Files
) -> None:
    """Simulate, print the summary, write the files asked for."""
    files.check(fidelity)
    overrides = phase_overrides(workload, options, parse_settings(settings))
    with waiting(f"{workload} on {design}"), timed() as timing:
        result = simulate(design, workload, overrides=overrides, fidelity=fidelity)
    written = [str(path) for path in (files.trace, files.csv) if path]
    if files.trace:
        result.trace(files.trace)
    if files.csv:
        result.operators.to_csv(files.csv, index=False)
    if files.json:
        data = result.to_dict() | {
            "timing": {"simulating_s": timing.simulating_s, "compiling_s": timing.compiling_s}
        }
        if files.json == "-":
            print_json(data)
            return
        Path(files.json).write_text(to_json(data) + "\n", encoding="utf-8")
        written.append(files.json)
    print_summary(result)
    line("")
    line(timing.sentence())
    for path in written:
        remark(f"wrote {path}")


def print_summary(result: Result) -> None:
    """Print the figures, the breakdowns and the operators that take longest."""
    line(
        f"{result.workload.name} on {result.design.name}: {describe_phase(result.workload.phase)}, "
        f"fidelity {result.fidelity}"
    )
    shown = {path: v for path, v in result.settings.items() if not path.startswith("workload.phase.")}
    if shown:
        line("with " + ", ".join(f"{path}={value}" for path, value in shown.items()))
    line("")
    facts(_figures(result))
    heading("Energy and area by component")
    _print_components(result)
    heading("Operators that take longest")
    _print_operators(result)
    if result.notes:
        heading("Notes")
        for note in result.notes:
            line(f"  {note}")


def _figures(result: Result) -> list[tuple[str, str, str]]:
    design, metrics = result.design, result.metrics()
    latency = metrics["latency_s"]
    bandwidth = metrics["memory_bytes"] / latency if latency else 0.0
    most = design.memory_bandwidth_bytes_per_s
    rate = {"inference": "inputs/s", "prefill": "prompts/s"}.get(result.workload.phase.phase, "tokens/s")
    peak = result.peak_macs_per_s
    return [
        (
            "latency",
            format_si(latency, "s"),
            f"{metrics['cycles']:,.0f} cycles at {format_si(design.clock_hz, 'Hz')}",
        ),
        ("throughput", f"{metrics['tokens_per_s']:.4g} {rate}", f"{format_si(metrics['macs'], 'MAC')} in all"),
        ("utilization", f"{metrics['utilization']:.2%}", f"of {format_si(peak, 'MAC/s')}" if peak else ""),
        (
            "memory traffic",
            format_bytes(metrics["memory_bytes"]),
            f"{format_si(bandwidth, 'B/s')}, {bandwidth / most:.0%} of what {design.memory.name} sustains",
        ),
        (
            "energy",
            format_si(metrics["energy_j"], "J"),
            f"{format_si(metrics['leakage_energy_j'], 'J')} of it leakage and background",
        ),
        ("mean power", format_si(metrics["power_w"], "W"), f"{metrics['tops_per_w']:.3g} TOPS/W"),
        (
            "area",
            f"{metrics['area_mm2']:.4g} mm²",
            f"{design.technology.node:g} nm, without wiring between blocks",
        ),
    ]


def _print_components(result: Result) -> None:
    energy, area = result.energy_breakdown(), result.area_breakdown()
    total = result.energy_j
    rows = [
        (
            name,
            format_si(parts["dynamic"], "J"),
            format_si(parts["leakage"], "J"),
            f"{sum(parts.values()) / total:.1%}" if total else "",
            f"{sum(area.get(name, {}).values()):.4g} mm²",
        )
        for name, parts in energy.items()
    ]
    columns = [Column("component"), *(Column(t, number=True) for t in ("dynamic", "leakage", "share", "area"))]
    table(columns, rows)
    memory = result.design.memory.name
    causes = result.energy_causes()[memory]
    if len(causes) > 1:
        shares = ", ".join(f"{cause} {format_si(joules, 'J')}" for cause, joules in causes.items())
        line(f"energy of {memory}: {shares}")


def _print_operators(result: Result) -> None:
    frame = result.operators
    top = frame.sort_values("share", ascending=False, kind="stable").head(TOP_OPERATORS)
    several = frame["stage"].nunique() > 1 if "stage" in frame else False
    rows = []
    for row in top.to_dict(orient="records"):
        name = f"{row['stage']}: {row['operator']}" if several else str(row["operator"])
        rows.append(
            (
                name,
                f"{row['repeat']}",
                format_si(row["latency_s"], "s"),
                f"{row['share']:.1%}",
                f"{row['utilization']:.1%}",
                str(row["bottleneck"]),
            )
        )
    columns = [
        Column("operator"),
        Column("repeats", number=True),
        Column("latency", number=True),
        Column("share", number=True),
        Column("utilization", number=True),
        Column("limited by", wraps=True),
    ]
    table(columns, rows)
    rest = len(frame) - len(top)
    if rest > 0:
        line(f"and {rest} more, {1 - float(top['share'].sum()):.1%} of the latency")


def brief(result: Result) -> dict[str, Any]:
    """Return the result as plain data without its operators."""
    return {key: value for key, value in result.to_dict().items() if key != "operators"}
