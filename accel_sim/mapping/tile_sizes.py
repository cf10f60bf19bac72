"""Which tile sizes the searches try along a loop."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=4096)
def candidate_sizes(bound: int, granule: int) -> tuple[int, ...]:
    """Return tile sizes to try along a loop of `bound` units: nearly equal parts in multiples of the granule.

    1, 2, 3, 4, 6, 8, 16, 32, ... parts down to one granule; parts are balanced so that the last tile is not
    needlessly small.
    """
    limit = -(-bound // granule)
    parts = [count for count in (1, 2, 3, 4, 6, 8) if count <= limit]
    while parts[-1] < limit:
        parts.append(min(limit, 2 * parts[-1]))
    equal = (ceil_div(bound, count) for count in parts)
    return tuple(dict.fromkeys(min(bound, ceil_div(size, granule) * granule) for size in equal))


def ceil_div(amount: int, part: int) -> int:
    """Return how many parts cover an amount."""
    return -(-amount // part)


@lru_cache(maxsize=1024)
def group_sizes(groups: int) -> tuple[int, ...]:
    """Return divisors of the group count, at most a dozen, spread over its range."""
    divisors = [d for d in range(1, min(groups, 4096) + 1) if groups % d == 0]
    if groups not in divisors:
        divisors.append(groups)
    step = -(-len(divisors) // 12)
    return tuple(sorted({*divisors[::step], divisors[-1]}))
