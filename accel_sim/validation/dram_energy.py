"""Energy of a bit by a DRAM's commands beside published figures; `data/dram_energy.md` says what they count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from accel_sim.hardware.dram import load_preset
from accel_sim.hardware.dram.patterns import PRESET_OF_STANDARD
from accel_sim.mapping.memory_blocks import Block, block_clocks
from accel_sim.validation.reference import (
    Parser,
    ReferenceRow,
    one_of,
    positive,
    read_reference,
    text,
)
from accel_sim.validation.report import Report

REFERENCE = Path(__file__).parent / "data" / "dram_energy.csv"
BURSTS = 1 << 13
FACTOR = 2
_COLUMNS: dict[str, Parser] = {
    "standard": one_of(PRESET_OF_STANDARD),
    "pj_per_bit": positive,
    "includes": text,
    "source": text,
}


def validate(reference: Path | None = None) -> Report:
    """Return energies per bit by cause, and their ratio to published ones.

    Fails when a published figure is below half of what a stream costs or above twice what random access costs.

    Args:
        reference: a CSV file with the columns of `dram_energy.md`; None for the shipped one.

    Raises:
        InputError: the file cannot be read, or a cell is wrong.
    """
    table = [_line(row) for row in read_reference(reference or REFERENCE, _COLUMNS)]
    inside = sum(line["in_range"] for line in table)
    own = [line["stream_over_published"] for line in table if line["charges"] == "currents"]
    divided = [line["stream_over_published"] for line in table if line["charges"] == "per bit"]
    sentences = [
        f"{inside} of {len(table)} published figures lie between half a stream's energy per bit and twice that "
        "of random access.",
    ]
    if own:
        sentences.append(f"A stream by data sheet currents takes {_span(own)} of the published figure.")
    if divided:
        sentences.append(
            f"Presets that divide a published figure take {_span(divided)} of it, by construction."
        )
    return Report(
        suite="dram_energy",
        reference=str(reference) if reference else REFERENCE.name,
        columns=tuple(table[0]),
        rows=tuple(table),
        passed=inside == len(table),
        summary=tuple(sentences),
    )


def _span(ratios: list[float]) -> str:
    return f"{min(ratios):.2f} to {max(ratios):.2f}"


def _line(row: ReferenceRow) -> dict[str, Any]:
    name = PRESET_OF_STANDARD[row["standard"]]
    preset = load_preset(name)
    bits = 8 * BURSTS * preset.preset.burst_bytes
    stream, random = (_pj_per_bit(block_clocks(name, BURSTS, run, False), bits) for run in (BURSTS, 1))
    total, worst, published = sum(stream.values()), sum(random.values()), row["pj_per_bit"]
    return {
        "standard": row["standard"],
        "preset": name,
        "charges": "currents" if preset.preset.currents else "per bit",
        **{f"{cause}_pj": picojoules for cause, picojoules in stream.items()},
        "stream_pj": total,
        "random_pj": worst,
        "published_pj": published,
        "stream_over_published": total / published,
        "in_range": total / FACTOR <= published <= worst * FACTOR,
        "includes": row["includes"],
    }


def _pj_per_bit(block: Block, bits: int) -> dict[str, float]:
    """Return picojoules a bit of a block by cause."""
    joules = block.energy_j
    return {
        "rows": joules["activate"] * 1e12 / bits,
        "arrays": (joules["read"] + joules["write"]) * 1e12 / bits,
        "io": joules["io"] * 1e12 / bits,
        "standby": (joules["background"] + joules["refresh"]) * 1e12 / bits,
    }
