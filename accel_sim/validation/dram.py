"""DRAM channels: cycles, commands and energy against runs of cycle-level simulators, exact or failed.

The configurations that the reference names are parity presets under `data/dram_parity`: each simulator's own
constraint rows and policies as data, run by the same machine as our own presets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from accel_sim.config.errors import InputError
from accel_sim.engine import channel as machine
from accel_sim.engine.access_patterns import PATTERNS, AccessStream, access_stream
from accel_sim.engine.channel_energy import energy_j
from accel_sim.engine.channel_run import ChannelResult, run_channel
from accel_sim.hardware.dram import ResolvedPreset, all_presets
from accel_sim.validation.reference import ReferenceRow, number, one_of, read_reference, whole_number
from accel_sim.validation.report import Report

REFERENCE = Path(__file__).parent / "data" / "dram.csv"
PARITY = Path(__file__).parent / "data" / "dram_parity"

MOST_REQUESTS = 2**22
# Latencies are printed to three digits, energies to a thousandth of a picojoule.
LATENCY_ROUNDING = 0.002
ENERGY_ROUNDING_PJ = 0.002
ENERGY_RELATIVE = 1e-9

Counter = Callable[[ChannelResult], int]


def _statistic(staged: int, direct: int) -> Counter:
    """Return a counter of a statistic that the two kinds of controller define differently."""
    return lambda result: result.statistic(staged if result.preset.policy.front == "staged" else direct)


def _commands(*roles: str) -> Counter:
    return lambda result: sum(result.count(role) for role in roles)


COUNTS: Mapping[str, Counter] = {
    "total_cycles": lambda result: result.total_cycles,
    "accept_cycles": lambda result: result.accept_cycles,
    "last_read_cycle": lambda result: result.last_read_cycle,
    "last_wr_issue_cycle": lambda result: max(0, result.last_write_issue_cycle),
    "max_rd_latency_cyc": lambda result: int(result.read_latency_cycles.max(initial=0)),
    "rd_cmds": _commands("read", "read_precharge"),
    "wr_cmds": _commands("write", "write_precharge"),
    "acts": _commands("activate"),
    "pres": _commands("precharge"),
    "refs": _commands("refresh_all"),
    "undrained_writes": lambda result: result.statistic(machine.WRITES),
    "rd_row_hits": _statistic(machine.READ_CAS_HITS, machine.READ_HITS),
    "wr_row_hits": _statistic(machine.WRITE_CAS_HITS, machine.WRITE_HITS),
    "rd_row_misses": lambda result: result.statistic(machine.READ_MISSES),
    "rd_row_conflicts": lambda result: result.statistic(machine.READ_CONFLICTS),
    "wr_row_misses": lambda result: result.statistic(machine.WRITE_MISSES),
    "wr_row_conflicts": lambda result: result.statistic(machine.WRITE_CONFLICTS),
    "rd_forwarded": lambda result: result.statistic(machine.FORWARDED),
    "wr_coalesced": lambda result: result.statistic(machine.MERGED_WRITES),
    "rank_active_cycles": lambda result: int(result.active_cycles.sum()),
}
ENERGIES = {
    "act_pJ": "activate",
    "rd_pJ": "read",
    "wr_pJ": "write",
    "ref_pJ": "refresh",
    "bg_pJ": "background",
}


def _optional(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a parser that reads an empty cell, a figure that this simulator does not print, as None."""
    return lambda cell: parse(cell) if cell else None


def natural(cell: str) -> int:
    """Return a cell that must be a whole number from 0 to 2**62."""
    value = whole_number(cell)
    if not 0 <= value <= 2**62:
        raise ValueError("must be from 0 to 2**62")
    return value


def parity_presets() -> Mapping[str, ResolvedPreset]:
    """Return the simulators' configurations by the names that the references use."""
    return all_presets(PARITY)


def stream_of(row: ReferenceRow, preset: ResolvedPreset) -> AccessStream:
    """Return the requests of a reference row.

    Raises:
        InputError: too many requests, or parameters that the pattern cannot use.
    """
    values = row.values
    burst = preset.preset.burst_bytes
    if values["size_bytes"] // burst > MOST_REQUESTS:
        raise InputError(
            f"{row.place}: size_bytes = {values['size_bytes']}: more than {MOST_REQUESTS} requests"
        )
    try:
        return access_stream(
            values["pattern"],
            values["size_bytes"],
            burst,
            values["p1"],
            values["p2"],
            values["gap_cycles"],
            values.get("inj_per_cycle", 1),
        )
    except ValueError as error:
        raise InputError(f"{row.place}: {error}") from None


def predict(row: ReferenceRow) -> dict[str, float]:
    """Return what the machine gives for a reference row, keyed by the columns that it is compared in."""
    preset = parity_presets()[row["config"]]
    result = run_channel(preset, stream_of(row, preset))
    latencies = result.read_latency_cycles
    figures: dict[str, float] = {name: count(result) for name, count in COUNTS.items()}
    figures["avg_rd_latency_cyc"] = float(latencies.mean()) if latencies.size else 0.0
    energies = energy_j(result)
    figures |= {column: energies[cause] * 1e12 for column, cause in ENERGIES.items()}
    figures["total_pJ"] = sum(energies.values()) * 1e12
    return figures


def validate(reference: Path | None = None) -> Report:
    """Return how many rows of each configuration and pattern are reproduced in every column of the file.

    Args:
        reference: a CSV file with the columns of `dram.md`; None for the shipped one.

    Raises:
        InputError: the file cannot be read, or a row is malformed.
    """
    required = {
        "config": one_of(parity_presets()),
        "pattern": one_of(PATTERNS),
        "size_bytes": natural,
        "gap_cycles": natural,
        "p1": natural,
        "p2": natural,
        "total_cycles": natural,
    }
    figures = [*COUNTS, "avg_rd_latency_cyc", *ENERGIES, "total_pJ"]
    optional = {"inj_per_cycle": natural} | {
        name: _optional(number) for name in figures if name not in required
    }
    rows = read_reference(reference or REFERENCE, required, optional)
    found = [(row, _differences(row, predict(row))) for row in rows]
    kinds = dict.fromkeys((row["config"], row["pattern"]) for row in rows)
    order = list(dict.fromkeys(config for config, _ in kinds))
    table = tuple(_line(*kind, found) for kind in sorted(kinds, key=lambda kind: order.index(kind[0])))
    wrong = [(row, differences) for row, differences in found if any(differences.values())]
    return Report(
        suite="dram",
        reference=str(reference) if reference else REFERENCE.name,
        columns=tuple(table[0]),
        rows=table,
        passed=not wrong,
        summary=_summary(len(rows), wrong),
    )


def _differences(row: ReferenceRow, figures: Mapping[str, float]) -> dict[str, float]:
    """Return prediction minus reference for each column that the row has, 0 within the reference's rounding."""
    differences = {}
    for name, value in figures.items():
        given = row.values.get(name)
        if given is None:
            continue
        difference = value - given
        rounding = 0.0
        if name == "avg_rd_latency_cyc":
            rounding = LATENCY_ROUNDING
        elif name.endswith("_pJ"):
            rounding = ENERGY_ROUNDING_PJ + ENERGY_RELATIVE * abs(given)
        differences[name] = 0.0 if abs(difference) <= rounding else difference
    return differences


def _line(config: str, pattern: str, found: Sequence[tuple[ReferenceRow, dict[str, float]]]) -> dict[str, Any]:
    """Return the table's line of a configuration and pattern.

    Cycles are off by so many; of other columns it is the largest difference, relative to the reference.
    """
    mine = [(row, off) for row, off in found if (row["config"], row["pattern"]) == (config, pattern)]
    cycles = [abs(off["total_cycles"]) for _, off in mine]

    def largest(names: Sequence[str]) -> float:
        return max(
            (
                abs(off[name]) / max(abs(float(row[name])), 1.0)
                for row, off in mine
                for name in names
                if name in off
            ),
            default=0.0,
        )

    return {
        "config": config,
        "pattern": pattern,
        "rows": len(mine),
        "exact_rows": sum(not any(off.values()) for _, off in mine),
        "median_cycles_off": median(cycles),
        "most_cycles_off": max(cycles),
        "commands_off": largest(["acts", "pres", "refs", "rd_cmds", "wr_cmds"]),
        "row_hits_off": largest(["rd_row_hits", "wr_row_hits"]),
        "read_latency_off": largest(["avg_rd_latency_cyc", "max_rd_latency_cyc"]),
        "energy_off": largest([*ENERGIES, "total_pJ"]),
    }


def _summary(count: int, wrong: Sequence[tuple[ReferenceRow, Mapping[str, float]]]) -> tuple[str, ...]:
    verdict = f"{count - len(wrong)} of {count} runs agree exactly in every compared column."
    if not wrong:
        return (verdict,)
    row, differences = wrong[0]
    off = ", ".join(f"{name} {value:+g}" for name, value in differences.items() if value)
    return (verdict, f"First difference, prediction minus reference: {row.place}: {row['config']}: {off}.")
