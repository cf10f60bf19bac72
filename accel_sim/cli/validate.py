"""`accel-sim validate`: a suite's table and verdict."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from accel_sim.cli.output import Column, line, print_json, table, waiting
from accel_sim.config import InputError
from accel_sim.validation.suites import SUITES, run_suite


def validate(suite: str, reference: Path | None, as_json: bool) -> None:
    """Print how a model stands to its reference; the exit code is 1 when it is out of bounds."""
    if suite in SUITES and reference is not None and not reference.is_file():
        raise InputError(f"--reference {reference}: no such file")
    with waiting(f"validating {suite}"):
        report = run_suite(suite, reference)
    if as_json:
        print_json(asdict(report))
    else:
        line(f"{report.suite}: {SUITES[suite].description} Reference: {report.reference}.")
        line("")
        columns = [Column(name, number=_is_numeric(report.rows, name)) for name in report.columns]
        table(columns, [[_cell(row.get(name)) for name in report.columns] for row in report.rows])
        line("")
        for sentence in report.summary:
            line(sentence)
        line("passed" if report.passed else "FAILED")
    if not report.passed:
        raise typer.Exit(1)


def _is_numeric(rows: tuple[dict[str, Any], ...], name: str) -> bool:
    return all(isinstance(row.get(name), int | float | None) for row in rows)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
