"""`accel-sim list`: what is shipped, with a line on each."""

from __future__ import annotations

from collections.abc import Callable

from accel_sim.cli.output import Column, print_json, table
from accel_sim.config import InputError, did_you_mean, load_document, zoo


def list_kind(kind: str, as_json: bool) -> None:
    """Print the names of a kind with their descriptions.

    Raises:
        InputError: no such kind.
    """
    if kind not in KINDS:
        raise InputError(f"list {kind}: nothing is called so{did_you_mean(kind, KINDS)}")
    entries = KINDS[kind]()
    if as_json:
        print_json([{"name": name, "description": text} for name, text in entries.items()])
    else:
        table([Column("name"), Column("description", wraps=True)], list(entries.items()))


def _zoo(kind: str) -> Callable[[], dict[str, str]]:
    return lambda: {name: _description(path) for name, path in zoo.entries(kind).items()}


def _description(path: zoo.Path) -> str:
    data = load_document(path).data
    return str(data.get("description") or "") if isinstance(data, dict) else ""


def _components() -> dict[str, str]:
    from accel_sim.hardware.component import find_kind, kind_names

    return {name: find_kind(name).summary for name in kind_names()}


def _suites() -> dict[str, str]:
    from accel_sim.validation.suites import SUITES

    return {name: suite.description for name, suite in SUITES.items()}


KINDS: dict[str, Callable[[], dict[str, str]]] = {
    "designs": _zoo("designs"),
    "workloads": _zoo("workloads"),
    "sweeps": _zoo("sweeps"),
    "searches": _zoo("searches"),
    "lotteries": _zoo("lotteries"),
    "papers": _zoo("papers"),
    "components": _components,
    "suites": _suites,
}
