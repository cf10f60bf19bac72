"""What a validation suite hands to the command line: a table, a verdict, and how it was reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Report:
    """Outcome of comparing a model with its reference.

    Attributes:
        suite: name of the suite.
        reference: the file compared with.
        columns: keys of the rows, in print order, with units in their names.
        rows: one dict for each line of the table.
        passed: whether every gated figure is within its bound.
        summary: sentences that a person reads under the table, verdict first.
    """

    suite: str
    reference: str
    columns: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    passed: bool
    summary: tuple[str, ...] = field(default=())
