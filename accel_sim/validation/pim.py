"""PIM memories against their simulators: GDDR6-AiM and HBM-PIM, cycles and commands, exact or failed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from accel_sim.engine.pim_run import Played, play
from accel_sim.hardware.pim import hbm
from accel_sim.hardware.pim.device import PimDevice, pim_device
from accel_sim.hardware.pim.program import BANK, COLUMN, COMMAND, COUNT, LINE_COLUMNS, ROW, Program
from accel_sim.hardware.pim.protocol import load_protocol
from accel_sim.hardware.pim.tables import command_index
from accel_sim.hardware.pim.tiles import TileStream, tiled_gemv
from accel_sim.validation.pim_events import Event, events
from accel_sim.validation.reference import ReferenceRow, one_of, read_reference, size, text, whole_number
from accel_sim.validation.report import Report

DATA = Path(__file__).parent / "data"
AIM_REFERENCE, HBM_REFERENCE, HBM_TRACE = DATA / "aim.csv", DATA / "hbm_pim.csv", DATA / "hbm_pim_trace.csv"

Predictor = Callable[[ReferenceRow], dict[str, int]]
FP16_LANES, FP16_BYTES = 16, 2
LARGEST_OPERAND = 2**26


def elements(cell: str) -> int:
    """Return a cell that must be a number of elements."""
    value = whole_number(cell)
    if not 1 <= value <= LARGEST_OPERAND:
        raise ValueError(f"must be from 1 to {LARGEST_OPERAND}")
    return value


def columns_of_row(cell: str) -> int:
    """Return a cell that must be a number of columns that one row of GDDR6-AiM has."""
    value = size(cell)
    columns = load_protocol("gddr6_aim").structure.columns
    if value > columns:
        raise ValueError(f"must be from 1 to {columns}, the columns of a row")
    return value


_AIM_COLUMNS = {
    **dict.fromkeys(("channels", "out_tiles", "in_tiles"), size),
    "in_cols_per_tile": columns_of_row,
    "cycles": whole_number,
}
# Commands by channel, under the protocol's names.
AIM_COMMANDS = {
    "n_ACT16": "ACT16",
    "n_PREA": "PREA",
    "n_MAC16": "MAC16",
    "n_WRGB": "WRGB",
    "n_WRMAC16": "WRMAC16",
    "n_RDMAC16": "RDMAC16",
    "n_TMOD": "TMOD",
    "n_REFab": "REFab",
    "n_ACT4": "ACT4",
    "n_ACT": "ACT",
}
HBM_KERNELS = ("gemv", "gemvtree", "add", "mul", "relu")
_HBM_COLUMNS = {
    "kernel": one_of(HBM_KERNELS),
    **dict.fromkeys(("out_elems", "in_elems"), elements),
    **dict.fromkeys(("batch", "channels"), size),
    "pim_cycles": whole_number,
}
_HBM_OPTIONAL = dict.fromkeys(("host_baseline_cycles", "pim_rd_cmds", "pim_wr_cmds"), whole_number)


def predict_aim(row: ReferenceRow) -> dict[str, int]:
    """Return what the model gives for a row, keyed by its columns."""
    device = pim_device("gddr6_aim", row["channels"], refresh=False)
    played = play(device, aim_program(device, row["out_tiles"], row["in_cols_per_tile"], row["in_tiles"]))
    return {
        "cycles": played.cycles,
        **{column: played.commands.get(name, 0) for column, name in AIM_COMMANDS.items()},
    }


def aim_program(device: PimDevice, out_tiles: int, columns: int, in_tiles: int) -> Program:
    """Return a product of 16 outputs a tile with `in_tiles` rows of `columns` columns each."""
    if in_tiles == 1 or columns == device.columns:
        return tiled_gemv(device, out_tiles * device.banks, columns * in_tiles)
    stream = TileStream(device)
    for tile in range(out_tiles):
        stream.clear()
        for part in range(in_tiles):
            stream.load(columns)
            stream.compute(tile * in_tiles + part, 0, columns)
        stream.drain()
    return stream.program()


def predict_hbm_pim(row: ReferenceRow) -> dict[str, int]:
    """Return what the model gives for a row, keyed by its columns."""
    device = _hbm_device(row["channels"])
    played = play(device, hbm_kernel(device, row).program)
    return {
        "pim_cycles": played.cycles,
        "pim_rd_cmds": played.commands.get("RD", 0) * row["channels"],
        "pim_wr_cmds": played.commands.get("WR", 0) * row["channels"],
        "host_baseline_cycles": host_stream_cycles(device, row),
    }


@lru_cache(maxsize=64)
def _hbm_device(channels: int) -> PimDevice:
    return pim_device("hbm_pim", channels, parity=True)


def hbm_kernel(device: PimDevice, row: ReferenceRow) -> hbm.HbmKernel:
    """Return one channel's share of a row's kernel."""
    if row["kernel"].startswith("gemv"):
        outputs, inputs = ceil(row["out_elems"] / device.channels), ceil(row["in_elems"] / FP16_LANES)
        tree = row["kernel"] == "gemvtree"
        return hbm.gemv(device, outputs, inputs, row["batch"], tree=tree, separate=False)
    columns = ceil(ceil(row["out_elems"] / FP16_LANES) / device.channels)
    return hbm.elementwise(device, columns, row["kernel"])


def host_stream_cycles(device: PimDevice, row: ReferenceRow) -> int:
    """Return the cycles in which the host reads all inputs of a kernel, and then writes all its outputs.

    Bursts take turns over channels, banks and bank groups. Channels with as many bursts are played once.
    """
    reads, writes = _host_bursts(row)
    last_read = max(_played_stream(device, *share, 0).cycles for share in _channel_shares(device, reads, 0))
    shares = _channel_shares(device, reads, writes)
    return max(last_read, *(_played_stream(device, *share, last_read).cycles for share in shares))


def _host_bursts(row: ReferenceRow) -> tuple[int, int]:
    def bursts(elements: int) -> int:
        return ceil(elements * FP16_BYTES / 32)

    outputs, inputs, batch = row["out_elems"], row["in_elems"], row["batch"]
    if row["kernel"].startswith("gemv"):
        return bursts(outputs * inputs) + bursts(inputs * batch), bursts(outputs * batch)
    return bursts(inputs) * (1 if row["kernel"] == "relu" else 2), bursts(outputs)


def _channel_shares(device: PimDevice, reads: int, writes: int) -> set[tuple[int, int]]:
    """Return the different (reads, writes) of a channel; the writes go on where the reads stop."""
    channels = device.channels
    return {
        (
            len(range(channel, reads, channels)),
            len(range(reads + (channel - reads) % channels, reads + writes, channels)),
        )
        for channel in range(channels)
    } - {(0, 0)}


@lru_cache(maxsize=256)
def _played_stream(device: PimDevice, reads: int, writes: int, write_from: int) -> Played:
    structure = device.protocol.structure
    burst = np.arange(reads + writes)
    # The simulator's address map: bank of a group first, then bank group, column, row.
    inner, rest = burst % structure.banks_per_group, burst // structure.banks_per_group
    group, rest = rest % structure.bankgroups, rest // structure.bankgroups
    lines = np.zeros((reads + writes, LINE_COLUMNS), np.int64)
    lines[:, COMMAND] = np.where(
        burst < reads, command_index(device.protocol, "RD"), command_index(device.protocol, "WR")
    )
    lines[:, BANK] = group * structure.banks_per_group + inner
    lines[:, ROW], lines[:, COLUMN] = np.divmod(rest, structure.columns)
    lines[:, COUNT] = 1
    release = np.where(burst < reads, 0, write_from)
    return play(device, Program(device.protocol, lines), release=release)


def validate_aim(reference: Path | None = None) -> Report:
    """Return how many rows of each number of input tiles the model reproduces to the cycle and command.

    Args:
        reference: a CSV file with the columns of `aim.md`; None for the shipped one.

    Raises:
        InputError: the file cannot be read, or a row is malformed.
    """
    rows = read_reference(reference or AIM_REFERENCE, _AIM_COLUMNS, dict.fromkeys(AIM_COMMANDS, whole_number))
    return _report(
        "aim",
        reference or AIM_REFERENCE,
        rows,
        predict_aim,
        lambda row: f"in_tiles = {row['in_tiles']}",
        "cycles",
    )


def validate_hbm_pim(reference: Path | None = None) -> Report:
    """Return how many rows of each kernel the model reproduces to the cycle and command.

    With the shipped reference, also how many events of the shipped command traces.

    Args:
        reference: a CSV file with the columns of `hbm_pim.md`; None for the shipped one.

    Raises:
        InputError: the file cannot be read, or a row is malformed.
    """
    rows = read_reference(reference or HBM_REFERENCE, _HBM_COLUMNS, _HBM_OPTIONAL)
    report = _report(
        "hbm_pim",
        reference or HBM_REFERENCE,
        rows,
        predict_hbm_pim,
        lambda row: str(row["kernel"]),
        "pim_cycles",
    )
    if reference:
        return report
    exact, total = 0, 0
    for name in TRACES:
        expected = read_trace(HBM_TRACE, name)
        found = trace_events(name)
        total += len(expected)
        exact += (
            sum(a == b for a, b in zip(expected, found, strict=False)) if len(expected) == len(found) else 0
        )
    return Report(
        suite=report.suite,
        reference=f"{HBM_REFERENCE.name}, {HBM_TRACE.name}",
        columns=report.columns,
        rows=report.rows,
        passed=report.passed and exact == total,
        summary=(*report.summary, f"{exact} of {total} events of the command traces agree in every field."),
    )


# Kernels of the shipped traces, on one channel: kernel, outputs, inputs.
TRACES = {
    "gemv_64x256": ("gemv", 64, 256),
    "add_4096": ("add", 4096, 4096),
    "relu_4096": ("relu", 4096, 4096),
}


def trace_events(name: str) -> list[Event]:
    """Return the events of a traced kernel as the model has them."""
    kernel, outputs, inputs = TRACES[name]
    device = _hbm_device(1)
    values = {"kernel": kernel, "out_elems": outputs, "in_elems": inputs, "batch": 1}
    built = hbm_kernel(device, ReferenceRow("", 0, values))
    played = play(device, built.program, trace=True)
    return list(events(device.protocol, played.trace, built.instructions, zeroes_sums=kernel == "gemv"))


def read_trace(path: Path, name: str) -> list[Event]:
    """Return the events of a trace file; labels of activations are the driver's and left out."""
    fields = {"bank": _or_empty, "row": _or_empty, "col": _or_empty}
    rows = read_reference(path, {"trace": text, "cycle": whole_number, "event": text, **fields, "detail": str})
    return [
        Event(
            row["cycle"],
            row["event"],
            row["bank"],
            row["row"],
            row["col"],
            "" if row["event"] == "ACTIVATE" or row["event"] == "HAB" else row["detail"],
        )
        for row in rows
        if row["trace"] == name
    ]


def _or_empty(cell: str) -> int:
    return whole_number(cell) if cell else -1


def _report(
    suite: str,
    reference: Path,
    rows: Sequence[ReferenceRow],
    predict: Predictor,
    group: Callable[[ReferenceRow], str],
    main: str,
) -> Report:
    """Return the comparison of every column that the reference has, grouped."""
    off = [_differences(row, predict) for row in rows]
    groups: dict[str, list[dict[str, int]]] = {}
    for row, found in zip(rows, off, strict=True):
        groups.setdefault(group(row), []).append(found)
    table = tuple(_line(name, found, main) for name, found in groups.items())
    wrong = [(row, found) for row, found in zip(rows, off, strict=True) if any(found.values())]
    summary = [f"{len(rows) - len(wrong)} of {len(rows)} rows agree exactly in every compared column."]
    for row, found in wrong[:1]:
        text_ = ", ".join(f"{name} {value:+d}" for name, value in found.items() if value)
        summary.append(f"First difference, prediction minus reference: {row.place}: {text_}.")
    return Report(
        suite,
        reference.name if reference.parent == DATA else str(reference),
        tuple(table[0]),
        table,
        not wrong,
        tuple(summary),
    )


def _differences(row: ReferenceRow, predict: Predictor) -> dict[str, int]:
    return {name: value - row[name] for name, value in predict(row).items() if name in row.values}


def _line(name: str, found: Sequence[dict[str, int]], main: str) -> dict[str, Any]:
    return {
        "kernel": name,
        "rows": len(found),
        "exact_rows": sum(not any(each.values()) for each in found),
        "exact_cycles": sum(each[main] == 0 for each in found),
        "largest_difference_cycles": max((each[main] for each in found), key=abs),
    }
