"""Checking documents with pydantic models: the first violation becomes one line a person can act on."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from accel_sim.config.document import Document, Key
from accel_sim.config.errors import InputError, did_you_mean, shortened

Model = TypeVar("Model", bound=BaseModel)


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


def check_once(model: type[Model], document: Document, at: Sequence[Key] = ()) -> Model:
    """Return what `check` returns, and the same object for the same data; the model must be frozen.

    A search changes few values at a time, so most parts of a document were seen before.
    """
    data = document.data
    for key in at:
        data = data[key]
    try:
        # Text is a more exact key than values: to those, 1 is True.
        return _validated(model, pickle.dumps(data))  # type: ignore[return-value]
    except Exception:
        # Wrong data, or such as no file holds: `check` says what is wrong, and where.
        return check(model, document, at)


@lru_cache(maxsize=1024)
def _validated(model: type[BaseModel], data: bytes) -> BaseModel:
    return model.model_validate(pickle.loads(data))


def _explain(
    model: type[BaseModel], document: Document, at: tuple[Key, ...], error: ValidationError
) -> InputError:
    problems = error.errors(include_url=False)
    # A misspelt key also leaves a required one missing; the misspelling is what a person wants to read.
    problem = min(problems, key=lambda p: {"extra_forbidden": 0, "missing": 2}.get(p["type"], 1))
    location = _in_data(document.data, at, problem["loc"], problem["type"] == "missing")
    path = (*at, *location)
    given = problem["input"]
    if problem["type"] == "extra_forbidden":
        hint = did_you_mean(str(location[-1]), _field_names(model, location[:-1]))
        return document.error(path, f"unknown key{hint}")
    if problem["type"] == "missing":
        return document.error(path, "is required")
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message.replace("Input should be", "must be")
    if problem["type"] in ("greater_than", "greater_than_equal"):
        message = _at_least(problem)
    elif problem["type"] in ("model_type", "model_attributes_type"):
        message = "must be a mapping of keys to values"
    if isinstance(given, dict | list) or given is None:
        return document.error(path, message)
    dotted = ".".join(map(shortened, path))
    return InputError(f"{document.place(path)}: {dotted} = {shortened(given)}: {message}")


def _at_least(problem: Any) -> str:
    """Return a lower bound in words; `more than 0` of a whole number is `at least 1`."""
    limit = problem["ctx"].get("ge", problem["ctx"].get("gt"))
    if problem["type"] == "greater_than_equal":
        return f"must be at least {limit}"
    return f"must be at least {limit + 1}" if isinstance(limit, int) else f"must be more than {limit:g}"


def _in_data(data: Any, at: Sequence[Key], location: Sequence[Key], missing: bool) -> tuple[Key, ...]:
    """Return the part of pydantic's location that a person wrote, without the names of union members."""
    for key in at:
        data = data[key]
    path: list[Key] = []
    for depth, key in enumerate(location):
        if isinstance(data, dict):
            written = key in data or (missing and depth == len(location) - 1)
        else:
            written = isinstance(data, list) and isinstance(key, int) and key < len(data)
        if written:
            path.append(key)
            data = data.get(key) if isinstance(data, dict) else data[int(key)]
    return tuple(path)


def _field_names(model: type[BaseModel], location: Sequence[Key]) -> list[str]:
    """Return the keys that are legal at a location inside a model."""
    models = {model}
    for key in location:
        annotations = [
            field.annotation
            for candidate in models
            for name, field in candidate.model_fields.items()
            if key in (name, field.alias)
        ]
        # An index, or a key of a plain dict: what it leads to is already among the models.
        models = {m for a in annotations for m in _models_in(a)} if annotations else models
    return [field.alias or name for m in models for name, field in m.model_fields.items()]


def _models_in(annotation: Any) -> set[type[BaseModel]]:
    """Return the models that a type is made of: itself, members of a union, items of a container."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {model for part in get_args(annotation) for model in _models_in(part)}
