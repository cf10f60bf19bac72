"""The kernel that prices transfers by the table of access patterns; see `energy.pattern_traffic`."""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit(cache=True)
def price_transfers(
    count: np.ndarray,
    run: np.ndarray,
    stride: np.ndarray,
    write: np.ndarray,
    burst_bytes: int,
    channels: int,
    slower: float,
    table: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return what each of n transfers asks of all channels.

    Args:
        count: int64[n] bytes.
        run: int64[n] contiguous bytes of each piece.
        stride: int64[n] bytes from the start of one piece to that of the next; 0 for random places.
        write: bool[n] whether it writes.
        burst_bytes: of the preset.
        channels: how many there are.
        slower: the preset's clock over the channels' own.
        table: float64[2, 2, l, s] joules of a run: activates and open rows; by direction, length and spread.

    Returns:
        int64[n] bursts and float64[2, n] joules of activates and of open rows.
    """
    bursts = np.empty(count.size, dtype=np.int64)
    joules = np.empty((2, count.size))
    for i in range(count.size):
        meets_next = 0 < stride[i] <= run[i]
        piece = max(count[i] if meets_next else min(run[i], count[i]), 1)
        run_bursts = -(-piece // burst_bytes)
        whole, rest = count[i] // piece, count[i] % piece
        bursts[i] = whole * run_bursts + -(-rest // burst_bytes)
        strided = stride[i] > 0 and piece < count[i]
        spread = stride[i] / (run_bursts * burst_bytes) if strided else math.inf
        place = 1 if write[i] else 0
        joules[:, i] = _price(bursts[i], run_bursts, spread, channels, slower, table[:, place])
        if strided:
            in_one = _price(bursts[i], bursts[i], math.inf, channels, slower, table[:, place])
            joules[0, i] = max(joules[0, i], in_one[0])
            joules[1, i] = max(joules[1, i], in_one[1])
    return bursts, joules


@njit(cache=True)
def _price(
    bursts: int, run_bursts: int, spread: float, channels: int, slower: float, table: np.ndarray
) -> tuple[float, float]:
    """Return the joules of activates and of open rows for bursts in runs; table: float64[2, l, s]."""
    _, lengths, spreads = table.shape
    length = min(max(run_bursts / channels, 1.0), 2.0 ** (lengths - 1))
    row, down = _between(length, lengths)
    column, across = _between(min(max(spread, 1.0), 2.0 ** (spreads - 1)), spreads)
    runs = bursts / length
    activate, open_rows = table[0], table[1]
    return (
        runs * _interpolated(activate, row, down, column, across),
        slower * runs * _interpolated(open_rows, row, down, column, across),
    )


@njit(cache=True)
def _interpolated(grid: np.ndarray, row: int, down: float, column: int, across: float) -> float:
    """Return the value of float64[l, s] at a share of the way from one row and column to the next."""
    above = (1 - across) * grid[row, column] + across * grid[row, column + 1]
    below = (1 - across) * grid[row + 1, column] + across * grid[row + 1, column + 1]
    return (1 - down) * above + down * below


@njit(cache=True)
def _between(value: float, count: int) -> tuple[int, float]:
    """Return where a value is among `count` powers of two: the one below, and the share of the way from it."""
    _, exponent = math.frexp(value)
    index = min(exponent - 1, count - 2)
    return index, value / 2.0**index - 1
