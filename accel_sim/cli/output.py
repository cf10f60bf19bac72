"""What the commands print: tables for a terminal, aligned plain text for a pipe, JSON when asked."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


# A column that may wrap is not made narrower than this.
NARROWEST = 20


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        title: heading.
        number: whether its values are numbers, which are aligned to the right.
        wraps: whether long values may take several lines on a terminal.
    """

    title: str
    number: bool = False
    wraps: bool = False


def print_json(data: Any) -> None:
    """Print data as JSON and nothing else."""
    print(to_json(data))


def to_json(data: Any) -> str:
    """Return data as JSON text; what is not a finite number becomes null."""
    return json.dumps(_finite(data), indent=2, default=_plain, ensure_ascii=False)


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {str(key): _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data


def _plain(value: Any) -> Any:
    item = getattr(value, "item", None)  # numpy's scalars
    return _finite(item()) if callable(item) else str(value)


def console() -> Console:
    """Return a console on the standard output, which prints text as it is."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


def heading(text: str) -> None:
    """Print the line above a group of figures."""
    if sys.stdout.isatty():
        console().print(f"\n{text}", style="bold")
    else:
        print(f"\n{text}")


def line(text: str) -> None:
    """Print a sentence."""
    if sys.stdout.isatty():
        console().print(text)
    else:
        print(text)


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print rows of text under their headings; a table that is too wide for the terminal stays whole."""
    widths = [max(len(c.title), *(len(row[i]) for row in rows), 0) for i, c in enumerate(columns)]
    if sys.stdout.isatty():
        least = sum(
            min(width, NARROWEST) if column.wraps else width
            for column, width in zip(columns, widths, strict=True)
        )
        if least + 3 * len(columns) <= console().width:
            _rich_table(columns, rows)
            return
    for row in ([c.title for c in columns], *rows):
        cells = [
            cell.rjust(width) if column.number else cell.ljust(width)
            for cell, width, column in zip(row, widths, columns, strict=True)
        ]
        print("  ".join(cells).rstrip())


def _rich_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    printed = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for column in columns:
        printed.add_column(
            column.title,
            justify="right" if column.number else "left",
            overflow="fold",
            no_wrap=not column.wraps,
        )
    for row in rows:
        printed.add_row(*(Text(cell) for cell in row))
    console().print(printed)


def facts(rows: Sequence[tuple[str, str, str]]) -> None:
    """Print figures, each with its name before it and a remark behind it."""
    name = max(len(row[0]) for row in rows)
    value = max(len(row[1]) for row in rows)
    for label, figure, remark in rows:
        line(f"  {label.ljust(name)}  {figure.rjust(value)}  {remark}".rstrip())


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """Show on a terminal that something is going on."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield


def remark(text: str) -> None:
    """Print a line for people to the standard error, beside what is printed for programs."""
    print(text, file=sys.stderr)
