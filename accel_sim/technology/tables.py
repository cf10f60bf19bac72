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


def from_origin(points: Points, x: float) -> float:
    """Return y at x on straight lines through the origin and the points (ascending x).

    Beyond the last point y is in proportion to it.
    """
    last_x, last_y = points[-1]
    if x >= last_x:
        return last_y * x / last_x
    left_x, left_y = 0.0, 0.0
    for right_x, right_y in points:
        if x <= right_x:
            return left_y + (right_y - left_y) * (x - left_x) / (right_x - left_x)
        left_x, left_y = right_x, right_y
    raise AssertionError("unreachable: x is left of the last point")


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
