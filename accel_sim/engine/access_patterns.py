"""Streams of memory requests: addresses, directions and when they are offered; and named patterns of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class AccessStream:
    """Requests in the order in which they are offered.

    Attributes:
        address: int64[n] byte addresses; each request moves one burst.
        write: bool[n] direction.
        arrival: int64[n] clock before which a request is not offered, not decreasing.
        per_cycle: most requests offered in one clock.
    """

    address: Integers
    write: npt.NDArray[np.bool_]
    arrival: Integers
    per_cycle: int = 1

    def __post_init__(self) -> None:
        if not (self.address.shape == self.write.shape == self.arrival.shape and self.address.ndim == 1):
            raise ValueError("address, write and arrival must be arrays of one length")
        if self.per_cycle < 1:
            raise ValueError(f"per_cycle = {self.per_cycle}: must be at least 1")
        if self.address.size and (self.address.min() < 0 or self.arrival.min() < 0):
            raise ValueError("addresses and arrivals must not be negative")
        if (np.diff(self.arrival) < 0).any():
            raise ValueError("arrivals must not decrease")

    def __len__(self) -> int:
        return int(self.address.size)


def _sequential(count: int, size: int, p1: int, p2: int) -> Integers:
    return np.arange(count, dtype=np.int64) * size


def _triad(count: int, size: int, p1: int, p2: int) -> Integers:
    index = np.arange(count, dtype=np.int64)
    return (index % 3) * p1 + (index // 3) * size


def _random(count: int, size: int, p1: int, p2: int) -> Integers:
    """Return lines of the first p1 bytes by the 64-bit generator of Knuth's MMIX, seeded with p2."""
    if p1 < size:
        raise ValueError(f"p1 = {p1}: must hold at least one request of {size} bytes")
    multiplier, increment = np.uint64(6364136223846793005), np.uint64(1442695040888963407)
    with np.errstate(over="ignore"):
        # x[i] = m^(i+1) x0 + c (1 + m + ... + m^i), modulo 2^64.
        powers = np.cumprod(np.full(count, multiplier, np.uint64))
        sums = np.cumsum(np.concatenate([np.ones(min(count, 1), np.uint64), powers[:-1]]))
        state: npt.NDArray[np.uint64] = (powers * np.uint64(p2 % 2**64) + increment * sums).astype(np.uint64)
    lines = (state >> np.uint64(24)) % np.uint64(p1 // size)
    return lines.astype(np.int64) * size


def _strided(count: int, size: int, p1: int, p2: int) -> Integers:
    return np.arange(count, dtype=np.int64) * p1 % p2


def _streams(count: int, size: int, p1: int, p2: int) -> Integers:
    index = np.arange(count, dtype=np.int64)
    return index % p1 * p2 + index // p1 * size


def _reads(index: Integers) -> npt.NDArray[np.bool_]:
    return np.zeros(index.shape, np.bool_)


def _writes(index: Integers) -> npt.NDArray[np.bool_]:
    return np.ones(index.shape, np.bool_)


def _every_third_writes(index: Integers) -> npt.NDArray[np.bool_]:
    return index % 3 == 2


@dataclass(frozen=True, slots=True)
class Pattern:
    """A way to fill an `AccessStream`.

    Attributes:
        addresses: of (count, request bytes, p1, p2).
        writes: direction of each request index.
        needs: which of p1 and p2 must be at least 1.
    """

    addresses: Callable[[int, int, int, int], Integers]
    writes: Callable[[Integers], npt.NDArray[np.bool_]]
    needs: tuple[str, ...] = ()


PATTERNS: dict[str, Pattern] = {
    "seq_read": Pattern(_sequential, _reads),
    "seq_write": Pattern(_sequential, _writes),
    "mix21": Pattern(_sequential, _every_third_writes),
    "triad": Pattern(_triad, _every_third_writes, ("p1",)),
    "rand_read": Pattern(_random, _reads, ("p1",)),
    "rand_write": Pattern(_random, _writes, ("p1",)),
    "rand_mix": Pattern(_random, _every_third_writes, ("p1",)),
    "stride_read": Pattern(_strided, _reads, ("p1", "p2")),
    "stride_write": Pattern(_strided, _writes, ("p1", "p2")),
    "streams": Pattern(_streams, _reads, ("p1", "p2")),
}


def access_stream(
    pattern: str,
    size_bytes: int,
    request_bytes: int,
    p1: int = 0,
    p2: int = 0,
    gap_cycles: int = 0,
    per_cycle: int = 1,
) -> AccessStream:
    """Return a stream that moves `size_bytes` by one of `PATTERNS`.

    Args:
        pattern: `seq_read`, `seq_write`, `mix21` (sequential, every third a write), `triad` (three interleaved
            sequential streams p1 bytes apart, the third written), `rand_read`, `rand_write`, `rand_mix`
            (uniform over p1 bytes, seed p2), `stride_read`, `stride_write` (p1 bytes apart, modulo p2) or
            `streams` (p1 interleaved sequential reads, p2 bytes apart).
        size_bytes: moved in all.
        request_bytes: bytes of a request.
        p1: see the patterns.
        p2: see the patterns.
        gap_cycles: request i is not offered before clock i x gap_cycles.
        per_cycle: most requests offered in one clock.

    Raises:
        ValueError: an unknown pattern or a parameter it cannot use.
    """
    if pattern not in PATTERNS:
        raise ValueError(f"unknown pattern '{pattern}' (allowed: {', '.join(PATTERNS)})")
    entry = PATTERNS[pattern]
    for name, value in (("p1", p1), ("p2", p2)):
        if name in entry.needs and value < 1:
            raise ValueError(f"{name} = {value}: must be at least 1 for {pattern}")
    count = size_bytes // request_bytes
    index = np.arange(count, dtype=np.int64)
    return AccessStream(
        entry.addresses(count, request_bytes, p1, p2), entry.writes(index), index * gap_cycles, per_cycle
    )
