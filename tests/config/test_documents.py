"""Documents: YAML as people mean it, errors of one line, overrides by dotted path."""

from __future__ import annotations

import time
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from accel_sim.config import (
    AccelSimError,
    InputError,
    UnknownKeyError,
    check,
    load_document,
    override,
    parse_document,
    parse_scalar,
)
from accel_sim.config.document import LARGEST_EXPANSION
from accel_sim.config.units import Hertz


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: Annotated[int, Field(gt=0)] = 1
    share: Annotated[float, Field(gt=0, le=1)] = 1.0


class Named(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["named"]
    label: str


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    clock: Hertz = 1e9
    parts: list[Part] = []
    by_name: dict[str, Part] = {}
    either: Part | Named | None = None


def refusal(text: str, model: type[BaseModel] = Whole) -> str:
    with pytest.raises(InputError) as error:
        check(model, parse_document(text, "f.yaml"))
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e9", 1e9),
        ("1.0e9", 1e9),
        ("1.0e+9", 1e9),
        ("on", "on"),
        ("no", "no"),
        ("yes", "yes"),
        ("true", True),
        ("010", 10),
        ("12:30", "12:30"),
        ("0x10", 16),
        ("1_000", 1000),
        ("~", None),
        ("", None),
        ("32 MiB", "32 MiB"),
        ("[1, 2]", [1, 2]),
    ],
)
def test_a_scalar_means_what_a_person_means(text, value):
    parsed = parse_scalar(text)
    assert parsed == value
    assert type(parsed) is type(value)


def test_a_value_can_be_changed_without_changing_the_text_it_was_read_from():
    parse_scalar("[1, 2]").append(3)
    assert parse_scalar("[1, 2]") == [1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2\n", "f.yaml:2: not valid YAML: found duplicate key"),
        ("a: [1\n", "not valid YAML"),
        ("a: !!python/object:os.system x\n", "f.yaml"),
        ("a: 2020-01-01\n", "f.yaml:1: a: a date must stand in quotes"),
        ("true: 1\n'True': 2\n", ": True: is given twice"),
        ("b: 1\na: &x [{c: *x}]\n", "f.yaml:2: anchor '&x' contains itself"),
        ("a: " + "[" * 800 + "]" * 800, "nested too deeply"),
        ("a: " + "9" * 5000, "not valid YAML"),
    ],
)
def test_a_malformed_text_is_refused_in_one_line(text, message):
    with pytest.raises(InputError) as error:
        parse_document(text, "f.yaml")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_aliases_that_expand_without_end_are_refused_soon():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    start = time.perf_counter()
    with pytest.raises(InputError, match=r"f.yaml: aliases \(\*name\) expand to more than"):
        parse_document("\n".join(lines), "f.yaml")
    assert time.perf_counter() - start < 10


def test_aliases_as_people_use_them_are_expanded():
    document = parse_document("a: &a {x: 1}\nb: [*a, *a]\nc: {<<: *a, y: 2}\n", "f.yaml")
    assert document.data == {"a": {"x": 1}, "b": [{"x": 1}, {"x": 1}], "c": {"x": 1, "y": 2}}


def test_a_long_text_without_aliases_is_never_too_much():
    count = LARGEST_EXPANSION // 20
    assert len(parse_document(f"a: [{', '.join('1' * count)}]", "f.yaml").data["a"]) == count


def test_files_that_are_no_text_are_refused(tmp_path):
    file = tmp_path / "f.yaml"
    file.write_bytes(b"a: \xff\xfe")
    for path, message in (
        (file, "cannot be read"),
        (tmp_path, "is a folder"),
        (tmp_path / "x", "no such file"),
    ):
        with pytest.raises(InputError, match=message):
            load_document(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x\nclock: 1 parsec\n", "f.yaml:2: clock = 1 parsec: unit 'parsec' is not one of hertz"),
        ("name: x\nclock: 5 ms\n", "unit 'ms' is not one of hertz"),
        ("name: x\nclock: 1e400\n", "must be a finite number of hertz"),
        ("name: x\nclock: on\n", "f.yaml:2: clock = on"),
        (
            "name: x\nparts:\n  - size: 2\n  - sise: 2\n",
            "f.yaml:4: parts.1.sise: unknown key (did you mean 'size'?)",
        ),
        ("name: x\nby_name:\n  a: {sise: 2}\n", "f.yaml:3: by_name.a.sise: unknown key (did you mean 'size'?)"),
        ("name: x\neither: {labl: 2}\n", "f.yaml:2: either.labl: unknown key (did you mean 'label'?)"),
        ("name: x\nparts: [{size: 0}]\n", "f.yaml:2: parts.0.size = 0: must be at least 1"),
        ("name: x\nparts: [{share: 0}]\n", "f.yaml:2: parts.0.share = 0: must be more than 0"),
        ("name: x\nparts: [{share: 2}]\n", "parts.0.share = 2: must be less than or equal to 1"),
        ("name: x\nparts: [3]\n", "f.yaml:2: parts.0 = 3: must be a mapping of keys to values"),
        ("parts: []\n", "f.yaml: name: is required"),
        ("nmae: x\n", "f.yaml:1: nmae: unknown key (did you mean 'name'?)"),
        ('name: x\n"a\\nb": 1\n', r"f.yaml:2: a\nb: unknown key"),
        ('name: x\nclock: "1\\n2"\n', r"f.yaml:2: clock = 1\n2: "),
        ('name: x\n"\\e[31m": 1\n', r"f.yaml:2: \x1b[31m: unknown key"),
        (f"name: x\n{'k' * 500}: 1\n", "kkk...: unknown key"),
    ],
)
def test_a_violation_names_place_path_value_and_what_is_allowed(text, message):
    assert message in refusal(text)


def test_every_error_is_one_printable_line():
    assert str(AccelSimError("a\nb\r\u2028\x1bc µ")) == r"a\nb\r\u2028\x1bc µ"


def test_an_override_says_that_it_is_one():
    document = override(parse_document("name: x\nparts: [{size: 2}]\n", "f.yaml"), {"parts.0.size": 0})
    with pytest.raises(InputError, match=r"^f.yaml, overridden: parts.0.size = 0: must be at least 1$"):
        check(Whole, document)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("prats.0.size", "unknown path 'prats.0.size' (did you mean 'parts'?)"),
        ("parts.1", "unknown path 'parts.1': the list has 1 items"),
        ("parts.x", "unknown path 'parts.x': the list has 1 items"),
        ("parts.²", "unknown path"),
        ("parts.1.size", "unknown path"),
        ("name.x", "unknown path"),
        ("", "unknown path"),
        ("parts.0.", "unknown path"),
        (".", "unknown path"),
    ],
)
def test_an_override_of_nothing_is_refused(path, message):
    document = parse_document("name: x\nparts: [{size: 2}]\n", "f.yaml")
    with pytest.raises(UnknownKeyError) as error:
        override(document, {path: 1})
    assert message in str(error.value)


def test_an_override_leaves_the_document_as_it_was():
    document = parse_document("name: x\nparts: [{size: 2}]\n", "f.yaml")
    changed = override(document, {"parts.0.size": 3, "clock": "2 GHz"})
    assert document.data == {"name": "x", "parts": [{"size": 2}]}
    assert check(Whole, changed).parts[0].size == 3
    assert check(Whole, changed).clock == 2e9
