"""`accel-sim compare`: one workload on several designs, with ratios to the first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from accel_sim.cli.equal import Equal, as_data, scaled
from accel_sim.cli.options import PhaseOptions, describe_phase, parse_settings, phase_overrides
from accel_sim.cli.output import Column, line, print_json, remark, table, waiting
from accel_sim.cli.run import brief
from accel_sim.config import InputError
from accel_sim.results.wording import format_metric
from accel_sim.simulation import simulate

if TYPE_CHECKING:
    from accel_sim.explore.iso import Match


def compare(
    designs: list[str],
    workload: str,
    options: PhaseOptions,
    settings: list[str],
    fidelity: str,
    equal: Equal,
    as_json: bool,
) -> None:
    """Simulate each design and print the metrics side by side."""
    if len(designs) < 2:
        raise InputError(f"compare {designs[0]}: at least two designs are needed")
    overrides = phase_overrides(workload, options, parse_settings(settings))
    matches = scaled(equal, designs, workload, overrides, fidelity)
    results = []
    for design, done in zip(designs, matches, strict=True):
        own = overrides | ({done.parameter.path: done.after} if done else {})
        with waiting(f"{workload} on {design}"):
            results.append(simulate(design, workload, overrides=own, fidelity=fidelity))
    metrics = [result.metrics() for result in results]
    ratios = [{name: _ratio(m[name], metrics[0][name]) for name in metrics[0]} for m in metrics]
    _warn(designs, matches)
    if as_json:
        entries = zip(designs, results, ratios, matches, strict=True)
        print_json(
            [
                brief(result) | {"given": given, "ratio": ratio, "scaled": as_data(done) if done else None}
                for given, result, ratio, done in entries
            ]
        )
        return
    line(
        f"{results[0].workload.name}: {describe_phase(results[0].workload.phase)}, fidelity {fidelity}; "
        "in brackets: ratio to the first"
    )
    line("")
    if equal.iso:
        _print_matches(equal.iso, designs, matches)
    columns = [Column("metric"), *(Column(design, number=True) for design in designs)]
    table(columns, [(name, *_cells(name, metrics, ratios)) for name in metrics[0]])
    for given, result in zip(designs, results, strict=True):
        for note in result.notes:
            line(f"{given}: {note}")


def _print_matches(iso: str, designs: Sequence[str], matches: Sequence[Match | None]) -> None:
    """Print what was scaled, and how near it came to the first design."""
    rows = [
        (
            name,
            done.parameter.path,
            done.parameter.text(done.parameter.value),
            done.parameter.text(done.after),
            format_metric(done.quantity, done.quantity_before),
            format_metric(done.quantity, done.quantity_after),
            format_metric(done.quantity, done.target),
            f"{done.residual:+.2%}",
        )
        for name, done in zip(designs, matches, strict=True)
        if done
    ]
    titles = ("from", "to", f"{iso} before", "after", "target", "residual")
    table([Column("scaled"), Column("parameter"), *(Column(title, number=True) for title in titles)], rows)
    line("")


def _warn(designs: Sequence[str], matches: Sequence[Match | None]) -> None:
    """Tell on the standard error which designs are not as equal as one may think."""
    for name, done in zip(designs, matches, strict=True):
        if done and done.coarse:
            side = "above" if done.residual > 0 else "below"
            remark(
                f"{name}: {done.quantity} is {abs(done.residual):.1%} {side} that of {designs[0]}: "
                f"no step of {done.parameter.path} comes nearer"
            )


def _ratio(value: float, first: float) -> float | None:
    return value / first if first else None


def _cells(name: str, metrics: list[dict[str, float]], ratios: list[dict[str, float | None]]) -> list[str]:
    cells = [format_metric(name, metrics[0][name])]
    for values, ratio in zip(metrics[1:], ratios[1:], strict=True):
        share = ratio[name]
        cells.append(f"{format_metric(name, values[name])} ({share:.3g})" if share is not None else "")
    return cells
