"""Configuration documents: YAML or JSON as plain data, with the line of every key.

YAML is read as version 1.2 with ruamel's safe construction, so `1e9` is a number, `on` a word, `010` ten and
`12:30` a word, and a key given twice is an error.
"""

from __future__ import annotations

import copy
import datetime
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from accel_sim.config import zoo
from accel_sim.config.errors import InputError, UnknownKeyError, shortened

Key = str | int
# Values that aliases may add to what a text holds itself; real files use a few dozen.
LARGEST_EXPANSION = 100_000


@dataclass(frozen=True)
class Document:
    """A parsed file: plain data, and where each key stands.

    Attributes:
        source: name to print in errors, usually the path as it was given.
        data: dicts, lists and scalars; treated as read-only.
        lines: 1-based line of each key path.
        overridden: key paths whose value does not come from the file.
    """

    source: str
    data: Any
    lines: Mapping[tuple[Key, ...], int]
    overridden: frozenset[tuple[Key, ...]] = frozenset()

    def place(self, path: Sequence[Key]) -> str:
        """Return `file:line` of the nearest enclosing key that stands in the file."""
        for end in range(len(path), -1, -1):
            here = tuple(path[:end])
            if here in self.overridden:
                return f"{self.source}, overridden"
            line = self.lines.get(here)
            if line is not None:
                return f"{self.source}:{line}"
        return self.source

    def error(self, path: Sequence[Key], message: str) -> InputError:
        """Return (not raise) an error that names place, dotted path and what is wrong with it.

        A message that begins with `unknown key` makes an `UnknownKeyError`.
        """
        dotted = ".".join(map(shortened, path))
        kind = UnknownKeyError if message.startswith("unknown key") else InputError
        return kind(f"{self.place(path)}: {dotted + ': ' if dotted else ''}{message}")

    def part(self, path: Sequence[Key]) -> Document:
        """Return what stands at a key path as a document of its own, with its lines."""
        data, length = self.data, len(path)
        for key in path:
            data = data[key]
        lines = {own[length:]: line for own, line in self.lines.items() if own[:length] == tuple(path)}
        overridden = frozenset(own[length:] for own in self.overridden if own[:length] == tuple(path))
        return Document(self.source, data, lines, overridden)

    def with_data(self, data: Any) -> Document:
        """Return the document with other data, keeping the lines for what did not move."""
        return Document(self.source, data, self.lines, self.overridden)


def load_document(path: Path | str, source: str | None = None) -> Document:
    """Read a YAML or JSON file.

    Raises:
        InputError: no such file, not text, not YAML, a key given twice.
    """
    path = Path(path)
    name = source or zoo.title(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{name}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{name}: is a folder, not a file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{name}: cannot be read: {error}") from None
    return parse_document(text, name)


def parse_document(text: str, source: str) -> Document:
    """Parse YAML (or JSON, which is YAML) text; see `load_document`.

    The last texts are remembered, so that reading a file again for every point of a sweep costs nothing.
    """
    return _parse(text, source)


@lru_cache(maxsize=128)
def _parse(text: str, source: str) -> Document:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = YAML(typ="rt", pure=True)
    try:
        with warnings.catch_warnings():
            # Of an anchor given twice, which is legal.
            warnings.simplefilter("ignore")
            if "&" in text and "*" in text:
                _refuse_cycles(YAML(typ="rt", pure=True).compose(text), source)
            tree = yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        problem = (error.problem or error.context or "malformed").split("\n")[0]
        raise InputError(f"{source}{line}: not valid YAML: {problem}") from None
    except RecursionError:
        raise InputError(f"{source}: nested too deeply") from None
    except (
        YAMLError,
        ValueError,
        TypeError,
        AttributeError,
        LookupError,
        ArithmeticError,
        AssertionError,
    ) as error:
        # ruamel lets some malformed scalars and tags escape as plain Python errors.
        problem = next(iter(str(error).splitlines()), "") or "malformed"
        raise InputError(f"{source}: not valid YAML: {problem}") from None
    # Without aliases a text cannot hold more values than characters.
    plain = _Plain(source, limit=len(text) + LARGEST_EXPANSION)
    try:
        data = plain.of(tree, ())
    except RecursionError:
        raise InputError(f"{source}: nested too deeply") from None
    return Document(source, data, plain.lines)


def _refuse_cycles(root: Any, source: str) -> None:
    """Refuse an anchor that contains itself, which would be read as nothing where it does."""
    finished: set[int] = set()

    def visit(node: Any, above: frozenset[int]) -> None:
        if id(node) in above:
            place = f"{source}:{node.start_mark.line + 1}"
            raise InputError(f"{place}: anchor '&{node.anchor}' contains itself")
        if id(node) in finished or not isinstance(node.value, list):
            return
        for child in node.value:
            for part in child if isinstance(child, tuple) else (child,):
                visit(part, above | {id(node)})
        finished.add(id(node))

    if root is not None:
        visit(root, frozenset())


def parse_scalar(text: str) -> Any:
    """Return the value a piece of YAML stands for, as in `--set npu.rows=256`."""
    return copy.deepcopy(parse_document(text, f"'{shortened(text)}'").data)


class _Plain:
    """Turns ruamel's nodes into plain data, and collects the line of every key path on the way."""

    def __init__(self, source: str, limit: int) -> None:
        self.source = source
        self.limit = limit
        self.seen = 0
        self.lines: dict[tuple[Key, ...], int] = {}

    def of(self, node: Any, path: tuple[Key, ...]) -> Any:
        from ruamel.yaml.comments import CommentedMap, CommentedSeq
        from ruamel.yaml.scalarbool import ScalarBoolean
        from ruamel.yaml.scalarfloat import ScalarFloat
        from ruamel.yaml.scalarint import ScalarInt
        from ruamel.yaml.scalarstring import ScalarString

        self.seen += 1
        if self.seen > self.limit:
            raise InputError(f"{self.source}: aliases (*name) expand to more than {self.limit:,} values")
        if isinstance(node, CommentedMap):
            return self._mapping(node, path)
        if isinstance(node, CommentedSeq):
            return [self._child(node, index, index, value, path) for index, value in enumerate(node)]
        if isinstance(node, ScalarBoolean):
            return bool(node)
        if isinstance(node, ScalarFloat):
            return float(node)
        if isinstance(node, ScalarInt):
            return int(node)
        if isinstance(node, ScalarString):
            return str(node)
        if node is None or isinstance(node, str | int | float | bool):
            return node
        if isinstance(node, datetime.date):
            raise self._error(path, "a date must stand in quotes")
        raise self._error(path, f"a value of type {type(node).__name__} is not allowed here")

    def _mapping(self, node: Any, path: tuple[Key, ...]) -> dict[Key, Any]:
        result: dict[Key, Any] = {}
        for key, value in node.items():
            name = int(key) if isinstance(key, int) and not isinstance(key, bool) else str(key)
            if name in result:
                raise self._error((*path, name), "is given twice")
            result[name] = self._child(node, key, name, value, path)
        return result

    def _child(self, node: Any, key: Any, name: Key, value: Any, path: tuple[Key, ...]) -> Any:
        here = (*path, name)
        known = node.lc.data or {}
        position = known.get(key)
        self.lines[here] = position[0] + 1 if position else self.lines.get(path, 1)
        return self.of(value, here)

    def _error(self, path: tuple[Key, ...], message: str) -> InputError:
        return Document(self.source, None, self.lines).error(path, message)
