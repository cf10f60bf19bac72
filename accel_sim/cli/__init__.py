"""The command line: `accel-sim COMMAND ...`, one module for each group of commands."""

from accel_sim.cli.app import main

__all__ = ["main"]
