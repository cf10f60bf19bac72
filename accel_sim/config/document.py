"""Configuration documents: YAML or JSON with the line of every key, checked by pydantic models.

YAML is read as version 1.2 with ruamel's safe construction, so `1e9` is a number, `on` a word, `010` ten and
`12:30` a word, and a key given twice is an error.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from accel_sim.config.errors import InputError, did_you_mean

Key = str | int
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Document:
    """A parsed file: plain data, and where each key stands.

    Attributes:
        source: name to print in errors, usually the path as it was given.
        data: dicts, lists and scalars; treated as read-only.
        lines: 1-based line of each key path.
    """

    source: str
    data: Any
    lines: Mapping[tuple[Key, ...], int]

    def place(self, path: Sequence[Key]) -> str:
        """Return `file:line` of the nearest enclosing key that stands in the file."""
        for end in range(len(path), -1, -1):
            line = self.lines.get(tuple(path[:end]))
            if line is not None:
                return f"{self.source}:{line}"
        return self.source

    def error(self, path: Sequence[Key], message: str) -> InputError:
        """Return (not raise) an error that names place, dotted path and what is wrong with it."""
        dotted = ".".join(map(str, path))
        return InputError(f"{self.place(path)}: {dotted + ': ' if dotted else ''}{message}")

    def with_data(self, data: Any) -> Document:
        """Return the document with other data, keeping the lines for what did not move."""
        return Document(self.source, data, self.lines)


def load_document(path: Path | str, source: str | None = None) -> Document:
    """Read a YAML or JSON file.

    Raises:
        InputError: no such file, not text, not YAML, a key given twice.
    """
    path = Path(path)
    name = source or str(path)
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
    """Parse YAML (or JSON, which is YAML) text; see `load_document`."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = YAML(typ="rt", pure=True)
    try:
        tree = yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        problem = (error.problem or error.context or "malformed").split("\n")[0]
        raise InputError(f"{source}{line}: not valid YAML: {problem}") from None
    except (YAMLError, ValueError, RecursionError, TypeError, AttributeError, KeyError, IndexError) as error:
        # ruamel lets some malformed scalars and tags escape as plain Python errors.
        raise InputError(
            f"{source}: not valid YAML: {str(error).splitlines()[0] if str(error) else 'malformed'}"
        ) from None
    lines: dict[tuple[Key, ...], int] = {}
    try:
        data = _plain(tree, (), lines)
    except ValueError as error:
        raise InputError(f"{source}: {error}") from None
    except RecursionError:
        raise InputError(f"{source}: nested too deeply, or an anchor that contains itself") from None
    return Document(source, data, lines)


def parse_scalar(text: str) -> Any:
    """Return the value a piece of YAML stands for, as in `--set npu.rows=256`."""
    return parse_document(text, f"'{text}'").data


def _plain(node: Any, path: tuple[Key, ...], lines: dict[tuple[Key, ...], int]) -> Any:
    from ruamel.yaml.comments import CommentedMap, CommentedSeq
    from ruamel.yaml.scalarbool import ScalarBoolean
    from ruamel.yaml.scalarfloat import ScalarFloat
    from ruamel.yaml.scalarint import ScalarInt
    from ruamel.yaml.scalarstring import ScalarString

    if isinstance(node, CommentedMap):
        result = {}
        for key, value in node.items():
            name = key if isinstance(key, int) and not isinstance(key, bool) else str(key)
            here = (*path, name)
            lines[here] = node.lc.key(key)[0] + 1 if key in (node.lc.data or {}) else lines.get(path, 1)
            result[name] = _plain(value, here, lines)
        return result
    if isinstance(node, CommentedSeq):
        items = []
        for index, value in enumerate(node):
            here = (*path, index)
            lines[here] = node.lc.item(index)[0] + 1 if index in (node.lc.data or {}) else lines.get(path, 1)
            items.append(_plain(value, here, lines))
        return items
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
    raise ValueError(f"a value of type {type(node).__name__} is not allowed here")


def check(model: type[Model], document: Document, at: Sequence[Key] = ()) -> Model:
    """Return the part of the document at path `at`, validated as `model`.

    Raises:
        InputError: the first violation, with its place, what was given and what is allowed.
    """
    data = document.data
    for key in at:
        data = data[key]
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _explain(model, document, tuple(at), error) from None


def _explain(
    model: type[BaseModel], document: Document, at: tuple[Key, ...], error: ValidationError
) -> InputError:
    problems = error.errors(include_url=False)
    # A misspelt key also leaves a required one missing; the misspelling is what a person wants to read.
    problem = min(problems, key=lambda p: {"extra_forbidden": 0, "missing": 2}.get(p["type"], 1))
    location = tuple(key for key in problem["loc"] if not str(key).startswith(("function-", "tagged-")))
    path = (*at, *location)
    given = problem["input"]
    if problem["type"] == "extra_forbidden":
        allowed = _field_names(model, location[:-1])
        return document.error(path, f"unknown key{did_you_mean(str(location[-1]), allowed)}")
    if problem["type"] == "missing":
        return document.error(path, "is required")
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message.replace("Input should be", "must be").replace("greater than or equal to 1", "at least 1")
    message = (
        message.replace("must be greater than 0", "must be at least 1") if isinstance(given, int) else message
    )
    if isinstance(given, dict | list) or given is None:
        return document.error(path, message)
    dotted = ".".join(map(str, path))
    shown = str(given) if len(str(given)) <= 60 else f"{str(given)[:57]}..."
    return InputError(f"{document.place(path)}: {dotted} = {shown}: {message}")


def _field_names(model: Any, location: Sequence[Key]) -> list[str]:
    for key in location:
        fields = getattr(model, "model_fields", {})
        annotation = fields[key].annotation if key in fields else None
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        model = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
    fields = getattr(model, "model_fields", {})
    return [field.alias or name for name, field in fields.items()]


def override(document: Document, settings: Mapping[str, Any], origin: str | None = None) -> Document:
    """Return the document with values set by dotted path, such as `{"npu.rows": 256}`.

    The path must lead through existing keys; whether its last part is a legal key is for `check` to say.

    Raises:
        InputError: a path that does not exist, with the nearest one that does; `origin` is the place to print.
    """
    if not settings:
        return document
    data = copy.deepcopy(document.data)
    for path, value in settings.items():
        keys = path.split(".")
        node = data
        for depth, key in enumerate(keys[:-1]):
            child = _child(node, key)
            if not isinstance(child, dict | list):
                known = [".".join([*keys[:depth], str(name)]) for name in _keys(node)]
                where = origin or document.source
                raise InputError(
                    f"{where}: unknown path '{path}'{did_you_mean('.'.join(keys[: depth + 1]), known)}"
                )
            node = child
        last = keys[-1]
        if isinstance(node, list):
            if not last.isdigit() or int(last) >= len(node):
                raise InputError(
                    f"{origin or document.source}: unknown path '{path}': the list has {len(node)} items"
                )
            node[int(last)] = value
        else:
            node[last] = value
    return document.with_data(data)


def _keys(node: Any) -> list[Key]:
    return list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []


def _child(node: Any, key: str) -> Any:
    if isinstance(node, dict):
        return node.get(key)
    if isinstance(node, list) and key.isdigit() and int(key) < len(node):
        return node[int(key)]
    return None
