"""Setting values of a document by dotted path: the syntax of `--set`, of grids and of search spaces."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from accel_sim.config.document import Document, Key
from accel_sim.config.errors import UnknownKeyError, did_you_mean


def override(document: Document, settings: Mapping[str, Any], origin: str | None = None) -> Document:
    """Return the document with values set by dotted path, such as `{"npu.rows": 256}`.

    The path must lead through existing keys; whether its last part is a legal key is for `check` to say. What
    no path leads through is shared with the document given.

    Raises:
        UnknownKeyError: a path that does not exist, with the nearest one that does; `origin` is the
            place to print.
    """
    if not settings:
        return document
    data = copy.copy(document.data)
    overridden = set(document.overridden)
    place = origin or document.source
    for path, value in settings.items():
        keys = path.split(".")
        node = data
        reached: tuple[Key, ...] = ()
        for key in keys[:-1]:
            child = _child(node, key)
            if not isinstance(child, dict | list):
                raise _unknown_path(place, path, reached, key, node)
            here: Key = int(key) if isinstance(node, list) else key
            reached = (*reached, here)
            node[here] = copy.copy(child)
            node = node[here]
        last: Key = keys[-1]
        if isinstance(node, list):
            if not _is_index(keys[-1], node):
                raise UnknownKeyError(f"{place}: unknown path '{path}': the list has {len(node)} items")
            last = int(last)
        elif not isinstance(node, dict) or not last:
            raise _unknown_path(place, path, reached, keys[-1], node)
        node[last] = value
        overridden.add((*reached, last))
    return Document(document.source, data, document.lines, frozenset(overridden))


def _unknown_path(place: str, path: str, reached: tuple[Key, ...], key: str, node: Any) -> UnknownKeyError:
    known = [".".join(map(str, (*reached, name))) for name in _keys(node)]
    hint = did_you_mean(".".join(map(str, (*reached, key))), known)
    return UnknownKeyError(f"{place}: unknown path '{path}'{hint}")


def _keys(node: Any) -> list[Key]:
    return list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []


def _child(node: Any, key: str) -> Any:
    if isinstance(node, dict):
        return node.get(key)
    if isinstance(node, list) and _is_index(key, node):
        return node[int(key)]
    return None


def _is_index(key: str, node: list[Any]) -> bool:
    return key.isdecimal() and len(key) < 10 and int(key) < len(node)
