"""`result.plot`: pictures of a result; each method returns matplotlib Axes.

Matplotlib is loaded when the first picture is drawn. With `ax` given a picture is drawn there, else on a figure
of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from accel_sim.results.result import Result


@dataclass(frozen=True, slots=True)
class Plots:
    """Pictures of one result."""

    result: Result

    def roofline(self, *, ax: Axes | None = None) -> Axes:
        """Operators over operational intensity, under the ceilings of matrix peak and memory bandwidth.

        The size of a point shows its share of the latency, its colour what limits it. Operators that do not
        multiply and accumulate are not shown.
        """
        from accel_sim.results.roofline_plot import roofline_plot

        return roofline_plot(self.result, ax)

    def latency(self, by: str = "operator", *, ax: Axes | None = None) -> Axes:
        """Latency by `operator`, `kind`, `block` or `stage`, coloured by what limits; adds up to the latency.

        The largest twelve have bars of their own.
        """
        from accel_sim.results.bars import latency_bars

        return latency_bars(self.result, by, ax)

    def energy(self, by: str = "component", *, ax: Axes | None = None) -> Axes:
        """Energy by `component`, `operator`, `kind`, `block` or `stage`; adds up to the energy."""
        from accel_sim.results.bars import energy_bars

        return energy_bars(self.result, by, ax)

    def area(self, *, ax: Axes | None = None) -> Axes:
        """Area by component and part; adds up to the area."""
        from accel_sim.results.bars import area_bars

        return area_bars(self.result, ax)

    def utilization(
        self, *, bins: int = 300, window_s: tuple[float, float] | None = None, ax: Axes | None = None
    ) -> Axes:
        """Busy time of each resource over time, in `bins` bins of the whole run or of a window of seconds.

        Runs the simulation once more without skipping what repeats, so it takes longer than the simulation did.

        Raises:
            InputError: the result has no timeline (roofline).
        """
        from accel_sim.results.utilization_plot import utilization_plot

        return utilization_plot(self.result, bins, window_s, ax)
