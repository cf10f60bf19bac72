"""Fits the table of SRAM macros to runs of CACTI; `python -m accel_sim.technology.sram_fit` rewrites it.

The runs cover 870 of the 1,484 macros that the grid of `sram_table` allows (a bank has at least 64 rows). The
others are filled in by a Gaussian process on the logarithms (kriging): a figure is a power law, plus what
deviates smoothly from it, plus what CACTI's choice of subarrays adds. That choice jumps from shape to shape but
is nearly the same at each node, so a macro known at one node is known within a few per cent at the others.

All but access time is then made to rise with capacity, area and energies also with width and node, area also
with the number of banks: the table is replaced by the mean of its smallest majorant and its largest minorant
that do so. No other table that does is closer to it in its largest change.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from accel_sim.technology.sram_table import AXES, QUANTITIES, SIZES_BYTES
from accel_sim.technology.tables import read_table

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

FOLDS = 10

_GRID_SHAPE = tuple(len(values) for values in AXES.values())
# Size may double its figure: 1, less what rounding to five digits may add.
_DOUBLES = 1 - 3e-4

_CENTRE = np.array([17.0, 7.5, 2.0, 5.0])  # log2 of size, width, banks and node in the middle of the grid

# The axes along which a quantity never falls: 0 size, 1 width, 2 banks, 3 node.
_RISES_ALONG = {
    "read_energy_pJ": (0, 1, 3),
    "write_energy_pJ": (0, 1, 3),
    "leak_mW_total": (0,),
    "area_mm2": (0, 1, 2, 3),
}


@dataclass(frozen=True)
class CactiRuns:
    """Runs of CACTI.

    Attributes:
        inputs: float64[n, 4], log2 of size in bytes, width in bits, banks and node in nm.
        logs: float64[n, 5], natural logarithm of each of `QUANTITIES`, in CACTI's units.
    """

    inputs: Array
    logs: Array

    @cached_property
    def rows(self) -> Indices:
        """int64[n], the row of the table that each run is at."""
        at = [
            np.abs(np.log2(values) - column[:, None]).argmin(axis=1)
            for values, column in zip(AXES.values(), self.inputs.T, strict=True)
        ]
        return np.ravel_multi_index(at, _GRID_SHAPE)

    @cached_property
    def shapes(self) -> Indices:
        """int64[n], a number for each combination of size, width and banks."""
        return self.rows // _GRID_SHAPE[3]


class Fit:
    """A table fitted to runs of CACTI, with or without some of them."""

    def __init__(self, runs: CactiRuns) -> None:
        self.runs = runs
        covariance = _covariance(runs.inputs, runs.inputs) + 0.005**2 * np.eye(len(runs.inputs))
        self._precision = np.linalg.inv(covariance)
        self._weights = self._precision @ runs.logs
        self._response = _covariance(_grid(), runs.inputs) @ self._precision
        self._logs = self._response @ runs.logs

    def table(self, without: Indices | None = None) -> Array:
        """Return float64[rows of the table, 5], the logarithms that the table holds.

        Args:
            without: int64[k], runs to be left out; the result is that of a fit to the others.
        """
        logs = self._logs
        if without is not None:
            block = self._precision[np.ix_(without, without)]
            logs = logs - self._response[:, without] @ np.linalg.solve(block, self._weights[without])
        return np.stack(
            [_monotone(name, column) for name, column in zip(QUANTITIES, logs.T, strict=True)], axis=1
        )

    def errors(self) -> Array:
        """Return float64[n, 5], relative errors at the runs themselves, all of them fitted to."""
        return self._relative(self.table(), np.arange(len(self.runs.rows)))

    def cross_validated_errors(self, groups: Indices) -> Array:
        """Return float64[n, 5], relative errors at each run of the fit to all runs of other groups.

        Args:
            groups: int64[n], the group of each run.
        """
        errors = np.empty_like(self.runs.logs)
        for group in np.unique(groups):
            left_out = np.flatnonzero(groups == group)
            errors[left_out] = self._relative(self.table(left_out), left_out)
        return errors

    def _relative(self, table: Array, runs: Indices) -> Array:
        return np.abs(np.exp(table[self.runs.rows[runs]] - self.runs.logs[runs]) - 1)


def shipped_runs() -> CactiRuns:
    """Return the runs in `data/cacti_sram.csv`."""
    rows = read_table("cacti_sram")
    inputs = np.array([[float(row[name]) for name in AXES] for row in rows])
    values = np.array([[float(row[name]) for name in QUANTITIES] for row in rows])
    return CactiRuns(np.log2(inputs), np.log(values))


def random_folds(count: int) -> Indices:
    """Return int64[count], a fixed random assignment to `FOLDS` equal groups."""
    return np.random.default_rng(0).permutation(count) % FOLDS


def percentile(errors: Array, percent: float) -> float:
    """Return the smallest of the errors that at least `percent` of them do not exceed."""
    return float(np.percentile(errors, percent, method="inverted_cdf"))


def _grid() -> Array:
    axes = np.meshgrid(*(np.log2(values) for values in AXES.values()), indexing="ij")
    return np.stack([axis.ravel() for axis in axes], axis=1)


def _covariance(left: Array, right: Array) -> Array:
    """Return float64[n, m], the prior covariance of the logarithms at float64[n, 4] and float64[m, 4].

    Lengths are in octaves, deviations in the natural logarithm. Halving or doubling any of them moves the
    cross-validated errors by a point or less.
    """
    a, b = left - _CENTRE, right - _CENTRE
    difference = a[:, None] - b[None]
    shape, node = difference[..., :3], np.abs(difference[..., 3])
    node_known = np.exp(-node / 3)
    power_law = 100 + 4 * (a[:, :3] @ b[:, :3].T)
    node_factor = 4.0 * (node < 1e-9)
    smooth = _twice_smooth(_distance(shape, (8, 5, 5))) * (1 + 0.03 * np.exp(-node))
    subarrays = 0.1**2 * np.exp(-_distance(shape, (1, 2, 1))) * node_known
    # 1, 4 and 16 banks make a square; 2 and 8 do not.
    bank_layout = 0.05**2 * np.cos(np.pi * shape[..., 2]) * np.exp(-_distance(shape, (3, 3, 3)))
    return cast(Array, power_law + node_factor + smooth + subarrays + bank_layout)


def _distance(difference: Array, lengths: tuple[float, float, float]) -> Array:
    return cast(Array, np.sqrt(((difference / np.array(lengths)) ** 2).sum(axis=-1)))


def _twice_smooth(distance: Array) -> Array:
    """Return the Matern covariance of order 5/2."""
    scaled = np.sqrt(5) * distance
    return cast(Array, (1 + scaled + scaled**2 / 3) * np.exp(-scaled))


def _monotone(name: str, logs: Array) -> Array:
    axes = _RISES_ALONG.get(name, ())
    table = logs.reshape(_GRID_SHAPE)
    majorant, minorant = _envelope(table, axes, np.maximum, 1), _envelope(table, axes, np.minimum, -1)
    return (majorant + minorant).ravel() / 2


def _envelope(table: Array, axes: tuple[int, ...], extreme: np.ufunc, direction: int) -> Array:
    """Return the nearest table that rises along the axes and lies on one side of this one.

    That is the side of `np.maximum` in direction 1, of `np.minimum` in direction -1. Where a table rises with
    size and width it also at most doubles with size at the greatest width: a wider memory is several macros of
    that width, which together must not come out smaller than one.
    """
    doubling = np.log(SIZES_BYTES)[:, None, None] * _DOUBLES
    while True:
        before = table.copy()
        if 0 in axes and 1 in axes:
            per_size = table[:, -1] - doubling
            table = table.copy()
            table[:, -1] = _accumulate(per_size, 0, extreme, -direction) + doubling
        for axis in axes:
            table = _accumulate(table, axis, extreme, direction)
        if np.allclose(table, before, rtol=0, atol=1e-9):
            return table


def _accumulate(values: Array, axis: int, extreme: np.ufunc, direction: int) -> Array:
    if direction > 0:
        return cast(Array, extreme.accumulate(values, axis=axis))
    return cast(Array, np.flip(extreme.accumulate(np.flip(values, axis), axis=axis), axis))


def write_table(path: Path) -> None:
    """Write the table fitted to the shipped runs."""
    values = np.exp(Fit(shipped_runs()).table())
    inputs = np.rint(2 ** _grid()).astype(int)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*AXES, *QUANTITIES])
        writer.writerows(
            [*row, *(f"{value:.5g}" for value in figures)]
            for row, figures in zip(inputs.tolist(), values.tolist(), strict=True)
        )


def error_table() -> str:
    """Return the errors of the fit to the shipped runs in Markdown, as `data/README.md` lists them."""
    runs = shipped_runs()
    fit = Fit(runs)
    sizes = runs.rows // int(np.prod(_GRID_SHAPE[1:]))
    compared = {
        "points it was fitted to": fit.errors(),
        "a tenth left out": fit.cross_validated_errors(random_folds(len(runs.rows))),
        "a shape left out at every node": fit.cross_validated_errors(runs.shapes),
        "a size left out altogether": fit.cross_validated_errors(sizes),
    }
    lines = [f"| median / 95th percentile / largest, % | {' | '.join(QUANTITIES)} |", "|---" * 6 + "|"]
    for name, errors in compared.items():
        cells = (
            " / ".join(f"{100 * percentile(column, percent):.1f}" for percent in (50, 95, 100))
            for column in errors.T
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    write_table(Path(__file__).parent / "data" / "sram_table.csv")
    print(error_table())
