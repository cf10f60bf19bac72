"""Reading reference tables: CSV files of measurements, checked cell by cell, with the line of every row."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel_sim.config.errors import InputError, did_you_mean

Parser = Callable[[str], Any]

_LARGEST_COUNT = 2**20


@dataclass(frozen=True, slots=True)
class ReferenceRow:
    """One line of a reference table.

    Attributes:
        source: the file, as it was given.
        line: 1-based line in the file.
        values: parsed cells by column; an optional column the file does not have is absent.
    """

    source: str
    line: int
    values: Mapping[str, Any]

    def __getitem__(self, column: str) -> Any:
        return self.values[column]

    @property
    def place(self) -> str:
        """`file:line`, to begin an error message with."""
        return f"{self.source}:{self.line}"


def text(cell: str) -> str:
    """Return a cell that must not be empty."""
    if not cell:
        raise ValueError("must not be empty")
    return cell


def whole_number(cell: str) -> int:
    """Return a cell that must be an integer."""
    try:
        return int(cell)
    except ValueError:
        raise ValueError("must be a whole number") from None


def number(cell: str) -> float:
    """Return a cell that must be a finite number."""
    try:
        value = float(cell)
    except ValueError:
        raise ValueError("must be a number") from None
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


def positive(cell: str) -> float:
    """Return a cell that must be a finite number above 0."""
    value = number(cell)
    if value <= 0:
        raise ValueError("must be above 0")
    return value


def maybe(parse: Parser) -> Parser:
    """Return a parser of cells that may be empty, which gives None, and else are what `parse` accepts."""
    return lambda cell: parse(cell) if cell else None


def size(cell: str) -> int:
    """Return a cell that must be a count from 1 to 2**20, so that a product of three still fits int64."""
    value = whole_number(cell)
    if not 1 <= value <= _LARGEST_COUNT:
        raise ValueError(f"must be from 1 to {_LARGEST_COUNT}")
    return value


def one_of(names: Iterable[str]) -> Parser:
    """Return a parser of cells that must be one of `names`."""
    allowed = tuple(names)

    def parse(cell: str) -> str:
        if cell not in allowed:
            raise ValueError(f"is not known{did_you_mean(cell, allowed)}")
        return cell

    return parse


def read_reference(
    path: Path, columns: Mapping[str, Parser], optional: Mapping[str, Parser] | None = None
) -> list[ReferenceRow]:
    """Return the rows of a CSV file with a header; columns that are not asked for are ignored.

    Args:
        path: the file; UTF-8, with or without a byte-order mark.
        columns: a parser for each required column, which raises ValueError with what is allowed.
        optional: the same for columns that are read when the file has them.

    Raises:
        InputError: an unreadable or empty file, a missing or repeated column, a row of the wrong width, or a
            cell that its parser refuses; the message names file and line.
    """
    source = str(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            lines = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except FileNotFoundError:
        raise InputError(f"{source}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{source}: is a folder, not a file") from None
    except csv.Error as error:
        raise InputError(f"{source}:{reader.line_num}: not valid CSV: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{source}: cannot be read: {error}") from None
    if not lines:
        raise InputError(f"{source}:1: is empty (expected a header with {', '.join(columns)})")
    header_line, cells = lines[0]
    header = [cell.strip() for cell in cells]
    parsers = _parsers(f"{source}:{header_line}", header, columns, optional or {})
    if len(lines) == 1:
        raise InputError(f"{source}:{header_line}: has a header, but no rows")
    return [_row(source, line, header, cells, parsers) for line, cells in lines[1:]]


def _parsers(
    place: str, header: list[str], columns: Mapping[str, Parser], optional: Mapping[str, Parser]
) -> dict[str, Parser]:
    for column in columns:
        if column not in header:
            raise InputError(f"{place}: column '{column}' is missing (required: {', '.join(columns)})")
    parsers = {**columns, **{name: parse for name, parse in optional.items() if name in header}}
    for column in parsers:
        if header.count(column) > 1:
            raise InputError(f"{place}: column '{column}' is given {header.count(column)} times")
    return parsers


def _row(
    source: str, line: int, header: list[str], cells: list[str], parsers: Mapping[str, Parser]
) -> ReferenceRow:
    if len(cells) != len(header):
        raise InputError(f"{source}:{line}: has {len(cells)} cells: must be {len(header)}, as in the header")
    values = {}
    for column, cell in zip(header, cells, strict=True):
        if column in parsers:
            try:
                values[column] = parsers[column](cell.strip())
            except ValueError as error:
                raise InputError(f"{source}:{line}: {column} = {cell.strip()}: {error}") from None
    return ReferenceRow(source, line, values)
