"""Designs of equal area, power or peak: one parameter scaled until a quantity matches a target."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from accel_sim.config import InputError
from accel_sim.explore.nearest import Nearest, nearest
from accel_sim.hardware.component import MatrixModel
from accel_sim.hardware.design import Design, build_design, load_design
from accel_sim.hardware.parameters import Parameter, find_parameter
from accel_sim.simulation import simulate
from accel_sim.workload import Workload

# A match further away than this is called coarse, and out of reach where no step leads further.
COARSE = 0.01
# Steps between zero and the starting value of a parameter that need not be whole.
FINENESS = 10_000_000
# Most by which a parameter without an upper bound is multiplied.
LARGEST_FACTOR = 2**40


@dataclass(frozen=True, slots=True)
class Quantity:
    """What designs are matched in: a name with its unit, and the function of a design."""

    name: str
    of: Callable[[Design], float]


AREA = Quantity("area_mm2", lambda design: design.area_mm2)
PEAK = Quantity("peak_macs_per_s", lambda design: design.peak_macs_per_s)


def power(workload: Workload | str | Path, fidelity: str = "tile") -> Quantity:
    """Return the mean power of a workload's run, leakage included, as a quantity."""
    return Quantity("power_w", lambda design: simulate(design, workload, fidelity=fidelity).power_w)


@dataclass(frozen=True, slots=True)
class Match:
    """A design with one parameter scaled.

    Attributes:
        design: as scaled.
        parameter: what was scaled; its value is the one before.
        after: value of the parameter after scaling.
        quantity: name of the quantity matched.
        quantity_before, quantity_after: the quantity before and after scaling.
        target: what it was to be.
    """

    design: Design
    parameter: Parameter
    after: float
    quantity: str
    quantity_before: float
    quantity_after: float
    target: float

    @property
    def residual(self) -> float:
        """How far the quantity is above the target, as a share of the target."""
        return self.quantity_after / self.target - 1

    @property
    def coarse(self) -> bool:
        """Whether the steps of the parameter are too coarse to come within COARSE of the target."""
        return abs(self.residual) > COARSE


def match(design: Design | str | Path, quantity: Quantity, target: float, path: str | None = None) -> Match:
    """Return the design with the parameter at `path` scaled to where the quantity is nearest to the target.

    Integers move in steps of 1, sizes of whole KiB in steps of 1 KiB, other numbers in steps of 1e-7 of their
    value. The quantity is taken to be monotone in the parameter; where it is not, the nearest of the values
    tried is returned. Values that the design refuses are stepped over.

    design: a `Design`, a YAML file or the name of a shipped design. path: by default the parameter that the
    kind of the matrix unit scales by.

    Raises:
        InputError: a target that is not above 0, no such parameter or not a number, a target out of its reach.

    >>> match("edge_npu", PEAK, 8 * 4.096e12).after
    8
    """
    if not isinstance(design, Design):
        design = load_design(design)
    if not (target > 0 and math.isfinite(target)):
        raise InputError(f"{quantity.name} = {target:g}: must be more than 0 to be matched")
    parameter = find_parameter(design, path or default_path(design))
    scale = _scale(design, parameter)

    def scaled(number: int) -> Design:
        return build_design(design.document, {parameter.path: scale.at(number)})

    found = nearest(lambda number: quantity.of(scaled(number)), scale.start, scale.low, scale.high, target)
    result = Match(
        design=scaled(found.number),
        parameter=parameter,
        after=scale.at(found.number),
        quantity=quantity.name,
        quantity_before=found.first,
        quantity_after=found.value,
        target=target,
    )
    if result.coarse and not found.between:
        raise _out_of_reach(design, result, scale, found)
    return result


def default_path(design: Design) -> str:
    """Return the path of what makes more of the design's matrix unit.

    Raises:
        InputError: no matrix unit, or one whose kind names nothing to scale by.
    """
    advice = "name the parameter to scale (--scale PATH)"
    unit = design.matrix
    if unit is None:
        raise InputError(f"{design.document.source}: has no matrix unit; {advice}")
    assert isinstance(unit.kind.model, MatrixModel)
    field = unit.kind.model.scales
    if field is None:
        place = design.document.place((unit.name,))
        raise InputError(f"{place}: {unit.name}: {unit.kind.name} does not say what it scales by; {advice}")
    return f"{unit.name}.{field}"


@dataclass(frozen=True, slots=True)
class _Scale:
    """Values of a parameter by whole number, from number `low` to number `high`, with its own at `start`."""

    parameter: Parameter
    step: int
    start: int
    low: int
    high: int

    def at(self, number: int) -> float:
        if self.parameter.whole:
            return self.step * number
        return self.parameter.value * number / FINENESS

    def text(self, number: int) -> str:
        return self.parameter.text(self.at(number))


def _scale(design: Design, parameter: Parameter) -> _Scale:
    value = parameter.value
    if value < 0 or (value == 0 and not parameter.whole):
        place = design.document.place(parameter.path.split("."))
        raise InputError(f"{place}: {parameter.path} = {value:g}: must be more than 0 to be scaled")
    step = 1024 if parameter.dimension == "bytes" and parameter.whole and value % 1024 == 0 else 1
    start = int(value) // step if parameter.whole else FINENESS
    low, high = min(start, 1), max(start, 1) * LARGEST_FACTOR

    def numbers(bound: float) -> float:
        return bound / step if parameter.whole else bound / value * FINENESS

    if math.isfinite(parameter.low):
        low = min(start, max(0, math.ceil(numbers(parameter.low))))
    if numbers(parameter.high) < high:
        high = max(start, math.floor(numbers(parameter.high)))
    scale = _Scale(parameter, step, start, low, high)
    # A bound of more than 0 is less than a step above it.
    return replace(scale, low=low + 1) if scale.at(low) < parameter.low else scale


def _out_of_reach(design: Design, result: Match, scale: _Scale, found: Nearest) -> InputError:
    path = result.parameter.path
    place = design.document.place(path.split("."))
    reached = f"{result.quantity} = {result.target:.5g} is out of reach: from {scale.text(scale.low)} to "
    reached += f"{scale.text(scale.high)} it comes no nearer than {result.quantity_after:.5g}, at "
    reached += scale.text(found.number)
    if found.constant:
        reached += " as everywhere"
    if found.refused is not None:
        number, reason = found.refused
        reached += f" ({scale.text(number)} is refused: {reason})"
    return InputError(f"{place}: {path}: {reached}")
