"""Parameters of a search as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from accel_sim.config.units import format_quantity


def format_value(value: object, column: str) -> str:
    """Return a value of a parameter with the unit that its column names; nothing for None."""
    if value is None:
        return ""
    dimension = dimension_in(column)
    if dimension and isinstance(value, int | float):
        return format_quantity(value if dimension == "bytes" else float(f"{value:.5g}"), dimension)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def dimension_in(column: str) -> str | None:
    """Return what a column measures, such as `bytes` for `scratchpad.capacity [bytes]`; None for a number."""
    return column.partition(" [")[2].rstrip("]") or None


def short_names(paths: Sequence[str]) -> list[str]:
    """Return the last parts of paths, with what stands before where that is not enough."""
    last = [path.rpartition(".")[2] for path in paths]
    return [name if last.count(name) == 1 else path for name, path in zip(last, paths, strict=True)]
