"""The space of a search: one declaration that every sampler sees in the same way.

A candidate is a tuple of codes, one for each parameter that is searched, in the order of the file; the code of
a parameter whose condition does not hold is None. So equal candidates are equal tuples.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

from accel_sim.config import InputError
from accel_sim.explore.search.domains import Code, Domain, Finite
from accel_sim.explore.search.expressions import AbsentError, Expression, ExpressionError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Codes = tuple[Code | None, ...]
# Parts of a space with more combinations than this are not counted.
MOST_COUNTED = 1 << 18
MOST_DRAWS = 10_000


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a space.

    Attributes:
        name: as in the file; of several paths, with commas between them.
        paths: dotted paths that it sets.
        domain: what it may be; None where it follows from others.
        when: it exists only where this holds.
        derive: what it follows from.
    """

    name: str
    paths: tuple[str, ...]
    domain: Domain | None
    when: Expression | None = None
    derive: Expression | None = None

    @property
    def needs(self) -> frozenset[str]:
        """Names that must have their values first."""
        return frozenset().union(*(e.names for e in (self.when, self.derive) if e is not None))


@dataclass(frozen=True)
class Space:
    """Parameters in the order of the file, and what must hold among them.

    Attributes:
        parameters: searched and derived.
        constraints: candidates that break one are illegal. One over a parameter that a candidate does not have
            holds.
        constants: values of other names in expressions.
    """

    parameters: tuple[Parameter, ...]
    constraints: tuple[Expression, ...] = ()
    constants: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def searched(self) -> tuple[Parameter, ...]:
        """The parameters that samplers choose, in the order of codes."""
        return tuple(parameter for parameter in self.parameters if parameter.domain is not None)

    @cached_property
    def domains(self) -> tuple[Domain, ...]:
        """Their domains."""
        return tuple(p.domain for p in self.searched if p.domain is not None)

    @cached_property
    def _order(self) -> tuple[tuple[Parameter, int | None], ...]:
        """Parameters so that each comes after those it needs, with the number of their code."""
        number = {parameter.name: index for index, parameter in enumerate(self.searched)}
        return tuple((parameter, number.get(parameter.name)) for parameter in in_order(self.parameters))

    def values(self, codes: Sequence[Code | None]) -> dict[str, Any]:
        """Return the value of every path that a candidate has; see `assigned`."""
        return self.assigned(codes)[0]

    def canonical(self, codes: Sequence[Code | None]) -> Codes:
        """Return the codes with None for parameters that the candidate does not have."""
        return self.assigned(codes)[1]

    def assigned(self, codes: Sequence[Code | None]) -> tuple[dict[str, Any], Codes]:
        """Return `values` and `canonical` codes of a candidate; codes of parameters it lacks are ignored.

        Raises:
            ExpressionError: a derived value or a condition cannot be computed.
        """
        names = dict(self.constants)
        values: dict[str, Any] = {}
        kept: list[Code | None] = [None] * len(self.searched)
        for parameter, number in self._order:
            code = None if number is None else codes[number]
            found = self._one(parameter, code, names)
            if found is None:
                continue
            if number is not None:
                kept[number] = code
            values |= found
            names |= found
        return values, tuple(kept)

    @staticmethod
    def _one(parameter: Parameter, code: Code | None, names: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the values that a parameter sets, None where it does not exist."""
        try:
            if parameter.when is not None and not parameter.when.value(names):
                return None
            if parameter.derive is not None:
                value = parameter.derive.value(names)
                if isinstance(value, float) and value.is_integer():
                    value = int(value)
            else:
                assert parameter.domain is not None
                if code is None:
                    raise ExpressionError(f"{parameter.name} has no value")
                value = parameter.domain.decode(code)
        except AbsentError:
            return None
        if len(parameter.paths) == 1:
            return {parameter.paths[0]: value}
        parts = value if isinstance(value, tuple) else (value,) * len(parameter.paths)
        return dict(zip(parameter.paths, parts, strict=True))

    def violation(self, values: Mapping[str, Any]) -> float:
        """Return by how much values break the constraints, 0 where they break none."""
        names = {**self.constants, **values}
        return sum(_broken(constraint, names) for constraint in self.constraints)

    def encode(self, values: Mapping[str, Any]) -> Codes | None:
        """Return the candidate with these values, None where there is none; other values may be there too."""
        codes: list[Code | None] = []
        for parameter, domain in zip(self.searched, self.domains, strict=True):
            if any(path not in values for path in parameter.paths):
                codes.append(None)
                continue
            own = tuple(values[path] for path in parameter.paths)
            code = domain.encode(own[0]) if all(value == own[0] for value in own) else None
            codes.append(domain.encode(own) if code is None and isinstance(domain, Finite) else code)
        try:
            found, kept = self.assigned(codes)
        except ExpressionError:
            return None
        same = all(path in values and values[path] == value for path, value in found.items())
        return kept if same else None

    def distributions(self) -> dict[str, BaseDistribution]:
        """Return Optuna's distribution of each searched parameter; they sample codes."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        result: dict[str, BaseDistribution] = {}
        for parameter, domain in zip(self.searched, self.domains, strict=True):
            if not isinstance(domain, Finite):
                result[parameter.name] = FloatDistribution(domain.low, domain.high, log=domain.log)
            elif domain.ordered:
                result[parameter.name] = IntDistribution(0, len(domain.values) - 1)
            else:
                result[parameter.name] = CategoricalDistribution(range(len(domain.values)))
        return result

    def at(self, shares: Sequence[float]) -> tuple[Code, ...]:
        """Return the codes at a point of the unit cube, one coordinate for each searched parameter."""
        return tuple(domain.at(share) for domain, share in zip(self.domains, shares, strict=True))

    def sample(self, generator: random.Random) -> Codes:
        """Return a legal candidate, uniform in each parameter among the legal ones.

        Raises:
            InputError: none was found in MOST_DRAWS draws.
        """
        for _ in range(MOST_DRAWS):
            codes = self.at([generator.random() for _ in self.domains])
            try:
                values, kept = self.assigned(codes)
            except ExpressionError:
                continue
            if self.violation(values) == 0:
                return kept
        raise InputError(f"space: no candidate that meets the constraints in {MOST_DRAWS:,} draws")

    @property
    def finite(self) -> bool:
        """Whether the candidates can be counted."""
        return all(isinstance(domain, Finite) for domain in self.domains)

    @cached_property
    def most(self) -> int | None:
        """Combinations before conditions and constraints; None where there are real numbers."""
        return prod(len(d.values) for d in self.domains if isinstance(d, Finite)) if self.finite else None

    @cached_property
    def size(self) -> int | None:
        """Legal candidates, exactly; None where there are real numbers, or too many combinations to count."""
        if not self.finite:
            return None
        count = 1
        for part in self._parts():
            if len(part.searched) == 1 and not part.constraints and part.parameters[0].when is None:
                count *= part.most or 1
                continue
            if (part.most or 0) > MOST_COUNTED:
                return None
            count *= sum(1 for _ in part.enumerate())
        return count

    def _parts(self) -> list[Space]:
        """Return spaces that no expression connects; the space is their product."""
        groups: list[tuple[set[str], list[Parameter], list[Expression]]] = []

        def join(names: set[str], parameters: list[Parameter], constraints: list[Expression]) -> None:
            touched = [group for group in groups if group[0] & names]
            for group in touched:
                groups.remove(group)
                names, parameters, constraints = (
                    names | group[0],
                    parameters + group[1],
                    constraints + group[2],
                )
            groups.append((names, parameters, constraints))

        for parameter in self.parameters:
            join({*parameter.paths, *(parameter.needs - self.constants.keys())}, [parameter], [])
        for constraint in self.constraints:
            join(set(constraint.names - self.constants.keys()) or {""}, [], [constraint])
        rank = {parameter.name: number for number, parameter in enumerate(self.parameters)}
        return [
            Space(tuple(sorted(ps, key=lambda p: rank[p.name])), tuple(cs), self.constants)
            for _, ps, cs in groups
        ]

    def enumerate(self) -> Iterator[Codes]:
        """Yield every legal candidate once; parameters that others depend on move slowest.

        Raises:
            InputError: a parameter is a real number.
        """
        if not self.finite:
            real = next(
                p.name for p, d in zip(self.searched, self.domains, strict=True) if not isinstance(d, Finite)
            )
            raise InputError(f"space: cannot be enumerated, as '{real}' is a float")
        yield from self._from(0, dict(self.constants), [None] * len(self.searched))

    @cached_property
    def _due(self) -> tuple[tuple[Expression, ...], ...]:
        """Constraints by the step of the enumeration from which on their names are settled."""
        step = {path: number for number, (p, _) in enumerate(self._order) for path in p.paths}
        due: list[list[Expression]] = [[] for _ in range(len(self._order) + 1)]
        for constraint in self.constraints:
            due[max((step.get(name, -1) for name in constraint.names), default=-1) + 1].append(constraint)
        return tuple(map(tuple, due))

    def _from(self, depth: int, names: dict[str, Any], codes: list[Code | None]) -> Iterator[Codes]:
        if any(_broken(constraint, names) for constraint in self._due[depth]):
            return
        if depth == len(self._order):
            yield tuple(codes)
            return
        parameter, number = self._order[depth]
        domain = parameter.domain
        choices: Sequence[int | None] = range(len(domain.values)) if isinstance(domain, Finite) else (None,)
        for code in choices:
            try:
                found = self._one(parameter, code, names)
            except ExpressionError:
                continue
            if found is None:
                yield from self._from(depth + 1, names, codes)
                return
            if number is not None:
                codes[number] = code
            yield from self._from(depth + 1, {**names, **found}, codes)
            if number is not None:
                codes[number] = None


def _broken(constraint: Expression, names: Mapping[str, Any]) -> float:
    try:
        return constraint.violation(names)
    except AbsentError:
        return 0.0
    except ExpressionError:
        return 1.0


def in_order(parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """Return the parameters so that each comes after those it needs, otherwise as they are.

    Raises:
        ExpressionError: one that needs itself, with the circle.
    """
    home = {path: parameter for parameter in parameters for path in parameter.paths}
    done: dict[str, Parameter] = {}

    def visit(parameter: Parameter, above: tuple[str, ...]) -> None:
        if parameter.name in done:
            return
        if parameter.name in above:
            raise ExpressionError(
                f"needs itself: {' -> '.join((*above[above.index(parameter.name) :], parameter.name))}"
            )
        for name in sorted(parameter.needs):
            if name in home:
                visit(home[name], (*above, parameter.name))
        done[parameter.name] = parameter

    for parameter in parameters:
        visit(parameter, ())
    return tuple(done.values())
