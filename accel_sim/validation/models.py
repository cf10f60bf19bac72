"""Models: parameters, MACs and KV-cache bytes of shipped workloads against closed forms, exact or failed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from accel_sim.validation.reference import ReferenceRow, number, one_of, read_reference, text, whole_number
from accel_sim.validation.report import Report
from accel_sim.workload import Workload, load_workload, lower, parameter_count
from accel_sim.workload.operators import Attention, Gemm, macs
from accel_sim.workload.phases import Decode, Inference

REFERENCE = Path(__file__).parent / "data" / "models.csv"
BYTES_PER_FP16 = 2
GMACS_ROUNDING = 0.005


def _optional(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda cell: parse(cell) if cell else None


_COLUMNS = {"workload": text, "parameters": whole_number}
_COUNTS = ("linear_macs_per_token", "head_macs_per_token", "kv_bytes_per_token_fp16", "macs")
_OPTIONAL: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys((*_COUNTS, "parameters_published"), _optional(whole_number)),
    **dict.fromkeys(("gmacs_published", "gmacs_tolerance_pct"), _optional(number)),
    "fields": one_of(("checked", "memory")),
    "explanation": str,
}


def count(workload: Workload) -> dict[str, int]:
    """Return the counts of a workload, under the names of the reference's columns.

    MACs per token are those of one decode step of one sequence, or of one token of an encoder; `macs` is all
    of the graph.
    """
    decodes = Decode in workload.model.phases
    graph = lower(workload.with_phase(Decode(batch=1, context=1) if decodes else Inference(batch=1)))
    tokens = next((op.query_length for op, _ in graph.operators() if isinstance(op, Attention)), 1)
    linear = sum(
        macs(operator) * block.repeat
        for block in graph.blocks
        if block.name.startswith("layers.")
        for operator in block.operators
        if isinstance(operator, Gemm)
    )
    head = sum(macs(operator) for operator, _ in graph.operators() if operator.name == "head.logits")
    return {
        "parameters": parameter_count(workload),
        "linear_macs_per_token": linear // tokens,
        "head_macs_per_token": head,
        "kv_bytes_per_token_fp16": BYTES_PER_FP16 * workload.model.kv_elements(1),
        "macs": graph.macs,
    }


def validate(reference: Path | None = None) -> Report:
    """Return the counts of every model of the reference beside the closed forms and what is published.

    A row passes when every count equals its closed form and GMACs are within their tolerance, where one is
    given, of a figure that is rounded to two decimals. Published parameter counts are shown and decide nothing.

    Args:
        reference: a CSV file with the columns of `models.md`; None for the shipped one.

    Raises:
        InputError: the file cannot be read, a row is malformed, or it names a workload that does not load.
    """
    rows = read_reference(reference or REFERENCE, _COLUMNS, _OPTIONAL)
    table, failed = [], []
    for row in rows:
        counts = count(load_workload(row["workload"]))
        wrong = _wrong(row, counts)
        table.append(_line(row, counts, wrong))
        if wrong:
            failed.append((row, counts, wrong))
    return Report(
        suite="models",
        reference=str(reference) if reference else REFERENCE.name,
        columns=tuple(table[0]),
        rows=tuple(table),
        passed=not failed,
        summary=_summary(rows, table, failed),
    )


def _wrong(row: ReferenceRow, counts: dict[str, int]) -> list[str]:
    exact = [name for name in ("parameters", *_COUNTS) if row.values.get(name) not in (None, counts[name])]
    published, tolerance = row.values.get("gmacs_published"), row.values.get("gmacs_tolerance_pct")
    if published is not None and tolerance is not None:
        allowed = published * tolerance / 100 + GMACS_ROUNDING
        if abs(counts["macs"] / 1e9 - published) > allowed:
            exact.append("gmacs_published")
    return exact


def _ratio(ours: float, published: float | None) -> float | None:
    return ours / published if published else None


def _line(row: ReferenceRow, counts: dict[str, int], wrong: list[str]) -> dict[str, Any]:
    published = row.values.get("parameters_published")
    return {
        "workload": row["workload"],
        "fields": row.values.get("fields"),
        "parameters": counts["parameters"],
        "closed_form": row["parameters"],
        "published": published,
        "difference_from_published": counts["parameters"] - published if published else None,
        "macs_over_published": _ratio(counts["macs"] / 1e9, row.values.get("gmacs_published")),
        "exact": not wrong,
        "explanation": row.values.get("explanation", ""),
    }


def _summary(
    rows: list[ReferenceRow],
    table: list[dict[str, Any]],
    failed: list[tuple[ReferenceRow, dict[str, int], list[str]]],
) -> tuple[str, ...]:
    verdict = f"{len(rows) - len(failed)} of {len(rows)} models equal their closed forms in every count."
    published = [line for line in table if line["published"]]
    same = sum(line["difference_from_published"] == 0 for line in published)
    shown = f"{same} of {len(published)} published parameter counts are met exactly; the others are explained."
    if not failed:
        return (verdict, shown)
    row, counts, wrong = failed[0]
    off = ", ".join(f"{name} {counts.get(name, counts['macs'])} against {row[name]}" for name in wrong)
    return (verdict, shown, f"First difference: {row.place}: {row['workload']}: {off}.")
