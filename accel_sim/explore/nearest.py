"""Where a monotone function of a whole number comes nearest to a target.

The function may refuse numbers by raising an `AccelSimError`. Refused numbers between legal ones are stepped
over, a refusal that has no legal number around it ends the range.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from accel_sim.config import AccelSimError

# How many numbers on either side of a refused one are tried before nothing there is taken to be legal.
REACH = 16


@dataclass(frozen=True, slots=True)
class Nearest:
    """Outcome of a search.

    Attributes:
        number: legal number at which the function is nearest to the target; of those tried that are equally
            near, the one nearest to the start.
        value: the function there.
        first: the function at the start.
        between: whether values on both sides of the target were found, or the target itself.
        constant: whether every value tried was the same.
        refused: the refused number that ended the range, and the reason; None where none did.
    """

    number: int
    value: float
    first: float
    between: bool
    constant: bool
    refused: tuple[int, AccelSimError] | None


def nearest(function: Callable[[int], float], start: int, low: int, high: int, target: float) -> Nearest:
    """Return where the function comes nearest to the target between `low` and `high`, both included.

    From `start` the number is doubled or halved until the target lies between two values, then bisected. The
    function may rise or fall. Should it not be monotone, the answer is the nearest of the values tried.

    Raises:
        AccelSimError: the function refuses `start`.
        ValueError: not 0 <= low <= start <= high.
    """
    if not 0 <= low <= start <= high:
        raise ValueError(f"start = {start}: must be between {low} and {high}, and these not negative")
    search = _Search(function, start, target)
    ends = (high, low) if search.first < target else (low, high)
    if search.first != target:
        for end in ends:
            found = search.walk(end)
            if found is not None:
                search.bisect(found)
                break
            if search.distance(search.best) < search.distance(start):
                break  # a monotone function only leads away from the target on the other side
    values = search.values.values()
    return Nearest(
        number=search.best,
        value=search.values[search.best],
        first=search.first,
        between=min(values) <= target <= max(values),
        constant=min(values) == max(values),
        refused=search.refused,
    )


class _Search:
    """The values found so far."""

    def __init__(self, function: Callable[[int], float], start: int, target: float) -> None:
        self.function, self.start, self.target = function, start, target
        self.first = function(start)
        self.values = {start: self.first}
        self.refusals: dict[int, AccelSimError] = {}
        self.refused: tuple[int, AccelSimError] | None = None

    @property
    def best(self) -> int:
        return min(self.values, key=lambda number: (self.distance(number), abs(number - self.start), number))

    def distance(self, number: int) -> float:
        return abs(self.values[number] - self.target)

    def legal(self, number: int) -> bool:
        if number not in self.values and number not in self.refusals:
            try:
                self.values[number] = self.function(number)
            except AccelSimError as error:
                self.refusals[number] = error
        return number in self.values

    def crossed(self, number: int) -> bool:
        """Tell whether the target lies between the values at the start and at a number, or at the latter."""
        value = self.values[number]
        return value >= self.target if self.first < self.target else value <= self.target

    def near(self, number: int, low: int, high: int) -> int | None:
        """Return the legal number nearest to one, from `low` to `high`."""
        for distance in range(REACH + 1):
            for candidate in dict.fromkeys((number - distance, number + distance)):
                if low <= candidate <= high and self.legal(candidate):
                    return candidate
        return None

    def walk(self, end: int) -> tuple[int, int] | None:
        """Go from the start towards `end` until the target is crossed; return the last two numbers, or None."""
        here, wall = self.start, None
        rises = end > here
        while here != end:
            ahead = _doubled(here, end) if wall is None else _middle(here, wall)
            if ahead == here:
                break
            if rises:
                found = self.near(ahead, here + 1, end if wall is None else wall - 1)
            else:
                found = self.near(ahead, end if wall is None else wall + 1, here - 1)
            if found is None:
                wall = ahead
                self.refused = (ahead, self.refusals[ahead])
            elif self.crossed(found):
                return here, found
            else:
                here = found
        return None

    def bisect(self, pair: tuple[int, int]) -> None:
        """Narrow two numbers on different sides of the target down to neighbours."""
        before, after = pair
        while self.values[after] != self.target:
            low, high = sorted((before, after))
            found = self.near((low + high) // 2, low + 1, high - 1) if high - low > 1 else None
            if found is None:
                return
            if self.crossed(found):
                after = found
            else:
                before = found


def _doubled(number: int, end: int) -> int:
    return min(max(2 * number, 1), end) if end > number else max(number // 2, end)


def _middle(number: int, other: int) -> int:
    """Return the number half way to another, rounded towards the first."""
    half = abs(other - number) // 2
    return number + half if other > number else number - half
