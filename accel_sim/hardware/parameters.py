"""Numbers of a design by dotted path, with what their fields allow: what can be scaled or searched over."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from accel_sim.config import InputError, UnknownKeyError, did_you_mean
from accel_sim.config.errors import shortened
from accel_sim.config.units import Dimension, Hertz, format_quantity
from accel_sim.hardware.design import Design


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number of a design.

    Attributes:
        path: dotted path, as in an override.
        value: present value, in the SI unit of its dimension.
        dimension: what it measures, one of the keys of `config.units.UNITS`; None for plain numbers.
        whole: whether it must be an integer.
        low, high: least and greatest value its field allows; infinite where it sets no bound.
    """

    path: str
    value: float
    dimension: str | None
    whole: bool
    low: float
    high: float

    def text(self, value: float) -> str:
        """Return a value as a design file would give it."""
        return format_quantity(value, self.dimension)


def find_parameter(design: Design, path: str) -> Parameter:
    """Return the parameter at a dotted path, defaults included.

    Raises:
        UnknownKeyError: no such path, with the nearest one.
        InputError: what stands there is not a number, or nothing does.
    """
    keys = path.split(".")
    value, annotation = _resolve(design, path, keys)
    if type(value) not in (int, float):
        shown = f" = {shortened(value)}" if isinstance(value, bool | str) else ""
        problem = "is not given" if value is None else "is not a number"
        raise InputError(f"{design.document.place(keys)}: {path}{shown}: {problem}")
    numeric, marks = _number(annotation)
    low, high = _bounds(marks, whole=numeric is int)
    dimension = next((mark.name for mark in marks if isinstance(mark, Dimension)), None)
    return Parameter(path, value, dimension, numeric is int, low, high)


def _resolve(design: Design, path: str, keys: Sequence[str]) -> tuple[Any, Any]:
    """Return the value at a path and the annotation of its type."""
    node: Any = {name: component.spec for name, component in design.components.items()}
    node |= {"clock": design.clock_hz, "technology": design.technology, "mapping": design.mapping}
    annotation: Any = None
    for depth, key in enumerate(keys):
        known = _children(node)
        if key not in known:
            near = [".".join((*keys[:depth], name)) for name in known]
            hint = did_you_mean(".".join(keys[: depth + 1]), near)
            raise UnknownKeyError(f"{design.document.source}: unknown path '{shortened(path)}'{hint}")
        annotation = Hertz if (depth, key) == (0, "clock") else _annotation(node, key, annotation)
        node = known[key]
    return node, annotation


def _children(node: Any) -> Mapping[str, Any]:
    if isinstance(node, BaseModel):
        return {name: getattr(node, name) for name in type(node).model_fields}
    if isinstance(node, dict):
        return {str(key): value for key, value in node.items()}
    return {str(index): value for index, value in enumerate(node)} if isinstance(node, list | tuple) else {}


def _annotation(node: Any, key: str, annotation: Any) -> Any:
    """Return the type of a child: a model's field as declared, or what a container holds."""
    if isinstance(node, BaseModel):
        field = type(node).model_fields[key]
        return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    items = get_args(_number(annotation)[0]) if annotation is not None else ()
    return items[-1] if items else None


def _number(annotation: Any) -> tuple[Any, list[Any]]:
    """Return a type without its annotations and without None, and all marks in them."""
    marks: list[Any] = []
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *found = get_args(annotation)
            for mark in found:
                marks += mark.metadata if isinstance(mark, FieldInfo) else [mark]
        elif get_origin(annotation) in (Union, UnionType):
            members = [member for member in get_args(annotation) if member is not type(None)]
            if len(members) != 1:
                return annotation, marks
            annotation = members[0]
        else:
            return annotation, marks


def _bounds(marks: Sequence[Any], whole: bool) -> tuple[float, float]:
    """Return the closed bounds that the marks `ge`, `gt`, `le` and `lt` leave together."""
    low, high = -math.inf, math.inf
    for mark in marks:
        least, above = getattr(mark, "ge", None), getattr(mark, "gt", None)
        most, below = getattr(mark, "le", None), getattr(mark, "lt", None)
        if least is not None:
            low = max(low, math.ceil(least) if whole else least)
        if above is not None:
            low = max(low, math.floor(above) + 1 if whole else math.nextafter(above, math.inf))
        if most is not None:
            high = min(high, math.floor(most) if whole else most)
        if below is not None:
            high = min(high, math.ceil(below) - 1 if whole else math.nextafter(below, -math.inf))
    return low, high
