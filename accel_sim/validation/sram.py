"""On-chip memories: the cost of `sram` against runs of CACTI, with the error on runs it was not fitted to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.config.errors import InputError
from accel_sim.technology import SramCost, sram
from accel_sim.technology.sram_fit import Fit, percentile, random_folds, shipped_runs
from accel_sim.technology.sram_table import QUANTITIES
from accel_sim.validation.reference import ReferenceRow, number, read_reference
from accel_sim.validation.report import Report

REFERENCE = Path(__file__).parents[1] / "technology" / "data" / "cacti_sram.csv"

MEDIAN_TARGET_PCT, P95_TARGET_PCT = 5.0, 20.0


def _positive(cell: str) -> float:
    value = number(cell)
    if value <= 0:
        raise ValueError("must be above 0")
    return value


_INPUTS = ("size_bytes", "width_bits", "banks", "tech_nm")
_COLUMNS = dict.fromkeys((*_INPUTS, *QUANTITIES), _positive)

_SHORT = dict(zip(QUANTITIES, ("read energy", "write energy", "leakage", "area", "access time"), strict=True))

# Errors of every row by what the judging fit had seen; the key is a prefix of the report's columns.
_Errors = dict[str, NDArray[np.float64]]


def predict(row: ReferenceRow) -> tuple[float, ...]:
    """Return what `sram` gives for a row, in the order and the units of `QUANTITIES`.

    Raises:
        InputError: there is no such memory.
    """
    cost, width_bytes = _cost(row), row["width_bits"] / 8
    return (
        cost.read_energy_j_per_byte * width_bytes * 1e12,
        cost.write_energy_j_per_byte * width_bytes * 1e12,
        cost.leakage_w * 1e3,
        cost.area_mm2,
        cost.access_time_s * 1e9,
    )


def validate(reference: Path | None = None) -> Report:
    """Return the relative error of each quantity at each node, and whether it is within its target.

    Rows that the shipped table was fitted to say little about it. When the reference has others, those alone
    are judged; when it has none, each run is judged also by fits that have not seen it: a tenth of the runs
    left out at random, and a shape (size, width, banks) left out at every node. It passes when every median
    is at most 5 % and every 95th percentile at most 20 %, and area and leakage do not fall with size.

    Args:
        reference: a CSV file with the columns of `cacti_sram.csv`; None for the shipped one. Times are in ns,
            energies in pJ an access, leakage in mW and area in mm2 of the whole memory.

    Raises:
        InputError: the file cannot be read, or a row is malformed or describes no possible memory.
    """
    rows = read_reference(reference or REFERENCE, _COLUMNS)
    fitted_to = set(map(_figures, read_reference(REFERENCE, _COLUMNS)))
    unseen = [row for row in rows if _figures(row) not in fitted_to]
    judged = unseen or rows
    errors = {"": _errors(judged)}
    if not unseen:
        errors |= _cross_validated(judged)
    table = [
        _line(quantity, index, node_nm, judged, errors)
        for index, quantity in enumerate(QUANTITIES)
        for node_nm in (*sorted({row["tech_nm"] for row in judged}), None)
    ]
    falls = _falls(rows)
    return Report(
        suite="sram",
        reference=str(reference) if reference else REFERENCE.name,
        columns=tuple(table[0]),
        rows=tuple(table),
        passed=all(line["met"] for line in table) and not falls,
        summary=_summary(rows, judged, errors, table, falls),
    )


def _cost(row: ReferenceRow) -> SramCost:
    try:
        return sram(row["size_bytes"], row["width_bits"] / 8, row["banks"], row["tech_nm"])
    except ValueError as error:
        raise InputError(f"{row.place}: {error}") from None


def _inputs(row: ReferenceRow) -> tuple[float, ...]:
    return tuple(row[name] for name in _INPUTS)


def _figures(row: ReferenceRow) -> tuple[float, ...]:
    return (*_inputs(row), *(row[name] for name in QUANTITIES))


def _errors(rows: Sequence[ReferenceRow]) -> NDArray[np.float64]:
    """Return float64[rows, quantities], relative errors."""
    predicted = np.array([predict(row) for row in rows])
    return np.abs(predicted / np.array([[row[name] for name in QUANTITIES] for row in rows]) - 1)


def _cross_validated(rows: Sequence[ReferenceRow]) -> _Errors:
    """Return the errors of rows that are all shipped runs, by fits that have not seen them."""
    runs = shipped_runs()
    fit = Fit(runs)
    run_of = {_inputs(row): index for index, row in enumerate(read_reference(REFERENCE, _COLUMNS))}
    chosen = [run_of[_inputs(row)] for row in rows]
    return {
        "cv_": fit.cross_validated_errors(random_folds(len(runs.rows)))[chosen],
        "shape_": fit.cross_validated_errors(runs.shapes)[chosen],
    }


def _line(
    quantity: str, index: int, node_nm: float | None, rows: Sequence[ReferenceRow], errors: _Errors
) -> dict[str, Any]:
    chosen = [node_nm in (None, row["tech_nm"]) for row in rows]
    line: dict[str, Any] = {
        "quantity": quantity,
        "node_nm": "all" if node_nm is None else f"{node_nm:g}",
        "rows": sum(chosen),
    }
    met = True
    for prefix, of_rows in errors.items():
        percents = 100 * of_rows[chosen, index]
        median, p95 = percentile(percents, 50), percentile(percents, 95)
        line |= {
            f"{prefix}median_pct": round(median, 2),
            f"{prefix}p95_pct": round(p95, 2),
            f"{prefix}largest_pct": round(float(percents.max()), 2),
        }
        met = met and median <= MEDIAN_TARGET_PCT and p95 <= P95_TARGET_PCT
    return line | {"target_pct": f"{MEDIAN_TARGET_PCT:g} / {P95_TARGET_PCT:g}", "met": met}


def _falls(rows: Iterable[ReferenceRow]) -> list[str]:
    """Return where area or leakage falls from one size of the reference to its next."""

    def memory(row: ReferenceRow) -> tuple[float, ...]:
        return _inputs(row)[1:]

    figures: dict[str, Callable[[SramCost], float]] = {
        "area": lambda cost: cost.area_mm2,
        "leakage": lambda cost: cost.leakage_w,
    }
    found = []
    for _, group in groupby(sorted(rows, key=lambda row: (memory(row), row["size_bytes"])), memory):
        for small, large in pairwise(group):
            costs = _cost(small), _cost(large)
            found += [
                f"{large.place}: {name} is below that of {small['size_bytes']:g} bytes"
                for name, figure in figures.items()
                if figure(costs[0]) > figure(costs[1])
            ]
    return found


def _summary(
    rows: Sequence[ReferenceRow],
    judged: Sequence[ReferenceRow],
    errors: _Errors,
    table: Sequence[dict[str, Any]],
    falls: Sequence[str],
) -> tuple[str, ...]:
    missed = [line for line in table if not line["met"]]
    sentences = [f"{len(table) - len(missed)} of {len(table)} lines are within their targets."]
    if missed:
        sentences.append(f"First miss: {missed[0]['quantity']}, node {missed[0]['node_nm']}.")
    if len(errors) > 1:
        sentences.append(
            f"All {len(rows)} rows were used in the fit, so that its own error on them says little. Errors "
            f"(median / 95th percentile) of fits that had not seen the row: {_worded(table, 'cv_')} with a "
            f"tenth of the runs left out (cv), {_worded(table, 'shape_')} with a shape left out at every node."
        )
    else:
        sentences.append(
            f"{len(judged)} of {len(rows)} rows were not used in the fit, and those are judged; "
            f"median / 95th percentile: {_worded(table, '')}."
        )
    sentences.append(
        f"{falls[0]}." if falls else "Area and leakage never fall from one size of the reference to its next."
    )
    return tuple(sentences)


def _worded(table: Sequence[dict[str, Any]], prefix: str) -> str:
    whole = [line for line in table if line["node_nm"] == "all"]
    return ", ".join(
        f"{_SHORT[line['quantity']]} {line[f'{prefix}median_pct']:.1f} / {line[f'{prefix}p95_pct']:.1f} %"
        for line in whole
    )
