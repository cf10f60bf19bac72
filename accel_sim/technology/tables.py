"""The data files of this room, read once each, and interpolation between their rows."""

from __future__ import annotations

import csv
import math
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "data"

Points = Sequence[tuple[float, float]]


@cache
def read_table(name: str) -> tuple[dict[str, str], ...]:
    """Return the rows of `data/NAME.csv`, in file order."""
    with (_FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def log_log(points: Points, x: float) -> float:
    """Return y at x between the points (ascending x), log y being linear in log x; x must lie among them."""
    index = min(bisect_right([point[0] for point in points], x), len(points) - 1)
    (left_x, left_y), (right_x, right_y) = points[index - 1], points[index]
    if x in (left_x, right_x):
        return left_y if x == left_x else right_y
    share = math.log(x / left_x) / math.log(right_x / left_x)
    return left_y * (right_y / left_y) ** share


def check_positive(**values: float) -> None:
    """Raise ValueError for the first value that is not a finite number above 0."""
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} = {value}: must be a finite number above 0")
