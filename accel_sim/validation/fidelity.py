"""Fidelities: the same runs at `roofline`, `tile` and `cycle`, in bands that follow from how memory is priced.

`data/fidelity.md` derives the bands; nothing in them is fitted to the results.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

from accel_sim.config.document import parse_scalar
from accel_sim.hardware.component import MemoryModel
from accel_sim.hardware.design import Design
from accel_sim.hardware.dram.patterns import grid, streaming_efficiency
from accel_sim.results.result import Result
from accel_sim.simulation import FIDELITIES, simulate
from accel_sim.validation.reference import Parser, ReferenceRow, read_reference, text
from accel_sim.validation.report import Report

REFERENCE = Path(__file__).parent / "data" / "fidelity.csv"
# Of floating point; every duration at `tile` is rounded up.
ROUNDING = 1e-9


def _settings(cell: str) -> dict[str, Any]:
    values = {}
    for setting in filter(None, (part.strip() for part in cell.split(";"))):
        path, equals, value = setting.partition("=")
        if not equals or not path.strip():
            raise ValueError("must be path=value, separated by semicolons")
        values[path.strip()] = parse_scalar(value.strip())
    return values


_COLUMNS: dict[str, Parser] = {"design": text, "workload": text, "overrides": _settings}


def validate(reference: Path | None = None) -> Report:
    """Return latencies at the three fidelities and their ratios. Fails when one leaves its band.

    Args:
        reference: a CSV file with the columns of `fidelity.md`; None for the shipped one.

    Raises:
        InputError: the file cannot be read, or a row names a run that there is not.
    """
    table = [_line(row) for row in read_reference(reference or REFERENCE, _COLUMNS)]
    bounded = sum(line["roofline_holds"] for line in table)
    inside = sum(line["in_band"] for line in table)
    ratios = [line["cycle_over_tile"] for line in table]
    energies = [line["energy_cycle_over_tile"] for line in table]
    return Report(
        suite="fidelity",
        reference=str(reference) if reference else REFERENCE.name,
        columns=tuple(table[0]),
        rows=tuple(table),
        passed=bounded == inside == len(table),
        summary=(
            f"{bounded} of {len(table)} rooflines are below both simulations, {inside} of {len(table)} ratios "
            "of cycle to tile within the band that the access patterns leave.",
            f"cycle / tile is {min(ratios):.3f} to {max(ratios):.3f}: pieces that the table interpolates, "
            f"short transfers that are not streams, refreshes. Energies, not gated: {min(energies):.3f} to "
            f"{max(energies):.3f}.",
        ),
    )


def _line(row: ReferenceRow) -> dict[str, Any]:
    roofline, tile, cycle = (
        simulate(row["design"], row["workload"], overrides=row["overrides"], fidelity=fidelity)
        for fidelity in FIDELITIES
    )
    best, lowest, highest = _rates(tile.design)
    share = _memory_s(tile) / tile.latency_s
    ratio = cycle.latency_s / tile.latency_s
    most = 1 + (highest - 1) * share
    return {
        "design": tile.design.name,
        "workload": tile.workload.name,
        "phase": tile.workload.phase.phase,
        "roofline_s": roofline.latency_s,
        "tile_s": tile.latency_s,
        "cycle_s": cycle.latency_s,
        "tile_over_roofline": tile.latency_s / roofline.latency_s,
        "cycle_over_tile": ratio,
        "least": lowest,
        "most": most,
        "memory_share": share,
        "roofline_holds": roofline.latency_s <= tile.latency_s * (1 + ROUNDING)
        and roofline.latency_s * best <= cycle.latency_s * (1 + ROUNDING),
        "tile_j": tile.energy_j,
        "energy_cycle_over_tile": cycle.energy_j / tile.energy_j,
        "in_band": lowest - ROUNDING <= ratio <= most + ROUNDING,
    }


def _rates(design: Design) -> tuple[float, float, float]:
    """Return the streaming efficiency, and by what a transfer's time at most shrinks and grows at `cycle`."""
    model = design.memory.kind.model
    if not isinstance(model, MemoryModel) or model.channels is None:
        return 1.0, 1.0, 1.0
    preset = model.channels(design.memory.spec).preset
    best = streaming_efficiency(preset)
    grids = [[[cell.efficiency for cell in row] for row in grid(preset, write)] for write in (False, True)]
    step = max(
        max(corners) / min(corners)
        for rows in grids
        for row, below in pairwise(rows)
        for corners in zip(row, row[1:], below, below[1:], strict=False)
    )
    return best, min(best, 1 / step), best / min(rate for rows in grids for row in rows for rate in row)


def _memory_s(result: Result) -> float:
    """Time for which the memory is held, over all stages."""
    name = result.design.memory.name
    return sum(
        stage.weight * record.busy_s.get(name, 0.0) for stage in result.stages for record in stage.records
    )
