"""Dependencies between segments as counts of finished rows.

A segment that finishes its rows in order gives them one tile of rows at a time, and a reader that takes rows in
the same order starts as soon as its first ones are there. Where the orders differ, all rows are given, or
taken, at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from accel_sim.engine.program import VARIANTS


@dataclass(frozen=True, slots=True)
class RowSteps:
    """How a stream moves through the rows of a tensor.

    Attributes:
        total: rows in all.
        before: rows needed before the first step, beyond what the step itself covers (a convolution's halo).
        each, last: rows of every step but the last, and of the last; None when there are no steps in row order.
    """

    total: int
    before: int = 0
    each: int | None = None
    last: int = 0

    @property
    def in_order(self) -> bool:
        """Whether the stream advances row by row."""
        return self.each is not None

    def amounts(self) -> list[int]:
        """Return the rows of a step by variant; bit 0 marks the last step."""
        assert self.each is not None
        return [self.last if variant & 1 else self.each for variant in range(VARIANTS)]


def row_steps(total: int, step: int, trips: int, before: int = 0) -> RowSteps:
    """Return steps of `step` rows, the last one taking what is left; all at once if that is not possible."""
    last = total - before - (trips - 1) * step
    if trips <= 1 or last < 0:
        return RowSteps(total)
    return RowSteps(total, before, step, last)


@dataclass(frozen=True, slots=True)
class Edge:
    """A dependency of a reader on a writer.

    Attributes:
        token: counts the reader's rows that are there.
        rows: the reader's rows in all, which every completion of the writer gives.
        writer_rows: the writer's rows in all.
    """

    token: int
    rows: int
    writer_rows: int

    @property
    def by_rows(self) -> bool:
        """Whether writer and reader count the same rows."""
        return self.rows == self.writer_rows
