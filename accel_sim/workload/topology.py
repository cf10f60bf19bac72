"""Topology files of SCALE-Sim: one layer a line, as convolutions or as matrix products.

Convolutions: `name, ifmap height, ifmap width, filter height, filter width, channels, filters, stride[,
N:M]`; products: `name, M, N, K[, N:M]`. The first line is a header; a comma may end a line. The formats know
no padding (inputs are given padded), no batch and no groups. A layer whose name contains `DP` is depthwise
there, as many one-channel layers as it has channels, and becomes one convolution with as many groups. Source:
SCALE-Sim v3, `scalesim/topology_utils.py`, as described in its README.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accel_sim.config import Document, InputError

_GEMM = ("m", "n", "k")
_CONV = ("height", "width", "kernel height", "kernel width", "in_channels", "out_channels", "stride")


def read_topology(path: Path, source: str | None = None) -> Document:
    """Return the file as a document with `gemms` or `convolutions`, ready to be checked as an operator list.

    Raises:
        InputError: no such file, not text, a line with the wrong number of columns or a size that is no
            number.
    """
    name = source or str(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{name}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{name}: cannot be read: {error}") from None
    key = ""
    entries: list[dict[str, Any]] = []
    lines: dict[tuple[str | int, ...], int] = {}
    for number, row in _rows(text, name):
        kind = _kind(row, f"{name}:{number}")
        if key and kind != key:
            raise InputError(f"{name}:{number}: a file holds either convolutions or matrix products")
        key = kind
        entry = _entry(kind, row, f"{name}:{number}")
        lines |= {(kind, len(entries)): number} | {(kind, len(entries), field): number for field in entry}
        entries.append(entry)
    if not entries:
        raise InputError(f"{name}: has no layers")
    return Document(name, {key: _unique(entries)}, lines)


def _rows(text: str, name: str) -> list[tuple[int, list[str]]]:
    reader = csv.reader(text.splitlines())
    rows = []
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if cells and not cells[-1]:
                cells.pop()
            if any(cells):
                rows.append((reader.line_num, cells))
    except csv.Error as error:
        raise InputError(f"{name}:{reader.line_num}: not valid CSV: {error}") from None
    return rows[1:]


def _kind(row: Sequence[str], place: str) -> str:
    columns = len(row) - (":" in row[-1])
    if columns == 1 + len(_GEMM):
        return "gemms"
    if columns == 1 + len(_CONV):
        return "convolutions"
    raise InputError(
        f"{place}: {len(row)} columns: a matrix product has 4 (name, M, N, K), a convolution 8 (name, ifmap "
        "height and width, filter height and width, channels, filters, stride), and N:M sparsity may follow"
    )


def _entry(kind: str, row: Sequence[str], place: str) -> dict[str, Any]:
    fields = _GEMM if kind == "gemms" else _CONV
    sizes = {field: _size(cell, field, place) for field, cell in zip(fields, row[1:], strict=False)}
    sparsity = {"sparsity": row[-1]} if ":" in row[-1] else {}
    if kind == "gemms":
        return {"name": row[0], **sizes, **sparsity}
    kernel = [sizes.pop("kernel height"), sizes.pop("kernel width")]
    channels = sizes["in_channels"]
    depthwise = {"groups": channels, "out_channels": channels * sizes["out_channels"]} if "DP" in row[0] else {}
    return {"name": row[0], **sizes, "kernel": kernel, **depthwise, **sparsity}


def _size(cell: str, field: str, place: str) -> int:
    if not cell.isdecimal() or len(cell) > 18:
        raise InputError(f"{place}: {field} = {cell}: must be a whole number")
    return int(cell)


def _unique(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Number the layers that share a name, as layer lists of networks often do."""
    names = Counter(entry["name"] for entry in entries)
    seen: dict[str, int] = {}
    for entry in entries:
        if names[entry["name"]] > 1:
            seen[entry["name"]] = seen.get(entry["name"], 0) + 1
            entry["name"] = f"{entry['name']}_{seen[entry['name']]}"
    return entries
