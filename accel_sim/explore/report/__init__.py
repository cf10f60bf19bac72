"""The results of a search or a sweep as one page that needs nothing else."""

from accel_sim.explore.report.page import write_report

__all__ = ["write_report"]
