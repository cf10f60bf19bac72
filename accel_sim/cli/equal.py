"""`--iso` and `--scale` of `accel-sim compare`: designs scaled to equal the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accel_sim.cli.output import waiting
from accel_sim.config import InputError, did_you_mean

if TYPE_CHECKING:
    from accel_sim.explore.iso import Match

QUANTITIES = ("area", "power", "peak")


@dataclass(frozen=True, slots=True)
class Equal:
    """The options as given.

    Attributes:
        iso: one of QUANTITIES, or None for a comparison of the designs as they are.
        scales: `PATH`, or `DESIGN=PATH` with a design as it was given.
    """

    iso: str | None = None
    scales: tuple[str, ...] = ()

    def paths(self, designs: Sequence[str]) -> dict[str, str | None]:
        """Return the path to scale of each design but the first; None stands for its default.

        Raises:
            InputError: an unknown quantity, --scale without --iso, a design that is not scaled, a path or
                design given twice.
        """
        if self.iso is None and self.scales:
            raise InputError(
                f"--scale {self.scales[0]}: needs --iso {', '.join(QUANTITIES[:-1])} or {QUANTITIES[-1]}"
            )
        if self.iso is not None and self.iso not in QUANTITIES:
            raise InputError(f"--iso {self.iso}: is not known{did_you_mean(self.iso, QUANTITIES)}")
        paths: dict[str | None, str] = {}
        for given in self.scales:
            design, equals, path = given.rpartition("=")
            name = design if equals else None
            if not path or (equals and not design):
                raise InputError(f"--scale {given}: must be a path such as npu.count, or DESIGN=PATH")
            if name is not None and name not in designs[1:]:
                raise InputError(
                    f"--scale {given}: '{name}' is not a design to scale{did_you_mean(name, designs[1:])}"
                )
            if name in paths:
                raise InputError(f"--scale {given}: a path is given twice")
            paths[name] = path
        return {design: paths.get(design, paths.get(None)) for design in designs[1:]}


def scaled(
    equal: Equal, designs: Sequence[str], workload: str, overrides: dict[str, Any], fidelity: str
) -> list[Match | None]:
    """Return for each design how it was scaled to equal the first; None for the first, and without --iso.

    Raises:
        InputError: options that are wrong, a target out of reach.
    """
    paths = equal.paths(designs)
    if equal.iso is None:
        return [None] * len(designs)
    from accel_sim.explore.iso import AREA, PEAK, match, power
    from accel_sim.hardware.design import load_design
    from accel_sim.simulation import split_overrides
    from accel_sim.workload import load_workload

    on_design, on_workload = split_overrides(overrides)
    if equal.iso == "power":
        quantity = power(load_workload(workload, overrides=on_workload), fidelity)
    else:
        quantity = {"area": AREA, "peak": PEAK}[equal.iso]
    target = quantity.of(load_design(designs[0], on_design))
    matches: list[Match | None] = [None]
    for name in designs[1:]:
        with waiting(f"scaling {name}"):
            matches.append(match(load_design(name, on_design), quantity, target, paths[name]))
    return matches


def as_data(done: Match) -> dict[str, Any]:
    """Return a match as plain data for JSON; values are in SI units."""
    return {
        "quantity": done.quantity,
        "target": done.target,
        "parameter": done.parameter.path,
        "before": done.parameter.value,
        "after": done.after,
        "quantity_before": done.quantity_before,
        "quantity_after": done.quantity_after,
        "residual": done.residual,
    }
