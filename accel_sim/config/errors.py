"""Errors a person can act on: what, where, what was given, what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AccelSimError(Exception):
    """Base of every error this package raises on purpose; printed as one line, without a traceback.

    Characters that would break the line, or that a terminal would act on, are shown as escapes.

    Attributes:
        exit_code: status of the command line when the error ends it.
    """

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class InputError(AccelSimError):
    """Something a person wrote is wrong: a file, an option, a value."""

    exit_code = 2


class UnknownKeyError(InputError):
    """A key or dotted path that does not exist, as against a value that is wrong."""


class RunError(AccelSimError):
    """A legal input that could not be simulated."""


def one_line(text: str) -> str:
    r"""Return the text with every character that is not printable as an escape such as `\n`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def shortened(value: object, length: int = 60) -> str:
    """Return a value as text for a message, cut where it is longer than `length`."""
    text = str(value)
    return text if len(text) <= length else f"{text[: length - 3]}..."


def did_you_mean(given: str, allowed: Iterable[str]) -> str:
    """Return the nearest legal names as a parenthesis to append to a message, or all of them when few."""
    names = sorted(set(allowed))
    near = difflib.get_close_matches(given[:200], names, n=1, cutoff=0.6)
    if near:
        return f" (did you mean '{near[0]}'?)"
    if names and len(names) <= 24:
        return f" (allowed: {', '.join(names)})"
    return ""
