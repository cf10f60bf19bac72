"""From a search file to its space: every path, value and expression checked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from accel_sim.config import Document, InputError, did_you_mean, load_document
from accel_sim.config.document import Key
from accel_sim.config.units import parse_quantity
from accel_sim.explore.entries import PREFIX, DesignRow, WorkloadRow, bare, check_paths, dotted
from accel_sim.explore.grid import Axis
from accel_sim.explore.search.domains import Convert, Finite, read_domain
from accel_sim.explore.search.expressions import Expression, ExpressionError, parse_expression
from accel_sim.explore.search.space import Parameter, Space, in_order
from accel_sim.explore.search.spec import SearchSpec
from accel_sim.hardware.design import Design, build_design
from accel_sim.hardware.parameters import find_parameter
from accel_sim.workload import load_workload

DESIGN = "design"
KEYS = ("choice", "int", "pow2", "float", "log", "derive", "when")


def read_space(
    spec: SearchSpec, document: Document, designs: Sequence[DesignRow], workloads: Sequence[WorkloadRow]
) -> Space:
    """Return the space of a search file.

    Raises:
        InputError: paths, values or expressions that are wrong, with their line.
    """
    built = [build_design(row.document, row.settings) for row in designs]
    parameters = []
    if len(designs) > 1:
        parameters.append(
            Parameter(DESIGN, (DESIGN,), Finite(tuple(row.label for row in designs), ordered=False))
        )
    taken: set[str] = {DESIGN} if parameters else set()
    for key, given in spec.space.items():
        parameter = _parameter(document, str(key), given, built, taken)
        _check_home(document, parameter, designs, workloads)
        parameters.append(parameter)
    constraints = [
        _expression(document, ("constraints", number), text) for number, text in enumerate(spec.constraints)
    ]
    places: list[tuple[tuple[Key, ...], Expression]] = [
        *((("constraints", number), constraint) for number, constraint in enumerate(constraints)),
        *(
            (("space", parameter.name, key), expression)
            for parameter in parameters
            for key, expression in (("when", parameter.when), ("derive", parameter.derive))
            if expression is not None
        ),
    ]
    constants: dict[str, Any] = {}
    for place, expression in places:
        for name in sorted(expression.names - taken):
            constants[name] = _constant(document, place, name, built, taken)
    try:
        in_order(parameters)
    except ExpressionError as error:
        raise document.error(("space",), str(error)) from None
    return Space(tuple(parameters), tuple(constraints), constants)


def _parameter(
    document: Document, key: str, given: Any, designs: Sequence[Design], taken: set[str]
) -> Parameter:
    place = ("space", key)
    paths = tuple(path.strip() for path in key.split(","))
    for path in paths:
        if not path:
            raise document.error(place, "a path is empty")
        if path in taken:
            raise document.error(place, f"'{path}' is given twice")
        taken.add(path)
    if len({path.startswith(PREFIX) for path in paths}) > 1:
        raise document.error(place, "paths of a design and of a workload cannot move together")
    when = derive = None
    if isinstance(given, dict):
        for name in given:
            if name not in KEYS:
                raise document.error((*place, name), f"unknown key{did_you_mean(str(name), KEYS)}")
        if "when" in given:
            when = _expression(document, (*place, "when"), given["when"])
        if "derive" in given:
            if len(given) > 1 + ("when" in given):
                raise document.error(place, "what is derived has no values of its own")
            derive = _expression(document, (*place, "derive"), given["derive"])
            return Parameter(key, paths, None, when, derive)
        given = {name: value for name, value in given.items() if name != "when"}
    try:
        converts = [_converter(designs, path) for path in paths]
        return Parameter(key, paths, read_domain(given, *converts), when)
    except ValueError as error:
        raise document.error(place, str(error)) from None


def _converter(designs: Sequence[Design], path: str) -> Convert:
    """Return what turns a value as written into the SI unit of its path."""
    dimension = next((d for d in (dimension_of(design, path) for design in designs) if d), None)

    def convert(value: Any) -> Any:
        if dimension is None or isinstance(value, bool) or not isinstance(value, int | float | str):
            return value
        number = parse_quantity(value, dimension)
        return int(number) if number.is_integer() else number

    return convert


def dimension_of(design: Design, path: str) -> str | None:
    """Return what a path of a design measures, one of the keys of `UNITS`; None for a plain number or none."""
    try:
        return find_parameter(design, path).dimension
    except InputError:
        return None


def _check_home(
    document: Document, parameter: Parameter, designs: Sequence[DesignRow], workloads: Sequence[WorkloadRow]
) -> None:
    """Refuse a path that does not exist: in every design and workload, or in one where there is a condition."""
    domain = parameter.domain
    first = 1 if domain is None else domain.decode(domain.at(0.0))
    values = first if isinstance(first, tuple) else (first,) * len(parameter.paths)
    axis = Axis(parameter.paths, (values,), ("space", parameter.name))
    problems: list[InputError] = []
    found = 0
    if parameter.paths[0].startswith(PREFIX):
        for home in workloads:
            data = {"workload": load_document(home.path).data if home.path.suffix != ".csv" else {}}
            found += _has(document, axis, data, _loads(home), problems)
    else:
        for row in designs:
            found += _has(document, axis, row.document.data, _builds(row), problems)
    if problems and not (parameter.when is not None and found):
        raise problems[0]


def _has(document: Document, axis: Axis, data: Any, build: Any, problems: list[InputError]) -> bool:
    try:
        check_paths(document, axis, data, build)
    except InputError as error:
        problems.append(error)
        return False
    return True


def _builds(row: DesignRow) -> Any:
    return lambda values: build_design(row.document, {**row.settings, **values})


def _loads(row: WorkloadRow) -> Any:
    return lambda values: load_workload(row.path, overrides={**row.settings, **bare(values)})


def _expression(document: Document, place: tuple[Key, ...], text: Any) -> Expression:
    try:
        return parse_expression(text)
    except ExpressionError as error:
        raise document.error(place, str(error)) from None


def _constant(
    document: Document, place: tuple[Key, ...], name: str, designs: Sequence[Design], taken: set[str]
) -> Any:
    """Return the value of a name that is not searched: of the design, where there is one only."""
    if len(designs) == 1:
        try:
            return find_parameter(designs[0], name).value
        except InputError:
            value = _at(designs[0].document.data, name)
            if isinstance(value, str | bool):
                return value
    known = {*taken, *(dotted(designs[0].document.data) if len(designs) == 1 else ())}
    what = "a parameter" if len(designs) > 1 else "a parameter or a value of the design"
    raise document.error(place, f"'{name}' is not {what}{did_you_mean(name, known)}")


def _at(data: Any, path: str) -> Any:
    for key in path.split("."):
        data = data.get(key) if isinstance(data, Mapping) else None
    return data
