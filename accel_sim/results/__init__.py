"""Results: figures, frames, breakdowns, bottlenecks, plots and traces."""

from accel_sim.results.record import OperatorRecord
from accel_sim.results.result import Result, Stage

__all__ = ["OperatorRecord", "Result", "Stage"]
