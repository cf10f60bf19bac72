"""Errors a person can act on: what, where, what was given, what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AccelSimError(Exception):
    """Base of every error this package raises on purpose; printed as one line, without a traceback.

    Attributes:
        exit_code: status of the command line when the error ends it.
    """

    exit_code = 1


class InputError(AccelSimError):
    """Something a person wrote is wrong: a file, an option, a value."""

    exit_code = 2


class RunError(AccelSimError):
    """A legal input that could not be simulated."""


def did_you_mean(given: str, allowed: Iterable[str]) -> str:
    """Return the nearest legal names as a parenthesis to append to a message, or all of them when few."""
    names = sorted(set(allowed))
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.6)
    if near:
        return f" (did you mean '{near[0]}'?)"
    if names and len(names) <= 24:
        return f" (allowed: {', '.join(names)})"
    return ""
