"""Any text is either a document or one line of error."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.config import InputError, override, parse_document
from accel_sim.config.units import UNITS, parse_quantity

PIECES = st.sampled_from(
    [
        "a",
        ": ",
        "\n",
        "  ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "&x ",
        "*x",
        "!!int ",
        "!t ",
        "|",
        ">",
        "'",
        '"',
        "#",
        "1e9",
        "010",
        "12:30",
        "~",
        "<<",
        "? ",
        "%YAML 1.1\n",
        "---\n",
        "...",
        "\t",
        "\x00",
        "é",
        "0x",
        "on",
        ".inf",
    ]
)


def parses_or_explains(text: str) -> None:
    try:
        document = parse_document(text, "f.yaml")
    except InputError as error:
        assert str(error).isprintable()
        assert str(error).startswith("f.yaml")
    else:
        plain(document.data)


def plain(data: object) -> None:
    if isinstance(data, dict):
        for key, value in data.items():
            assert type(key) in (str, int)
            plain(value)
    elif isinstance(data, list):
        for value in data:
            plain(value)
    else:
        assert data is None or type(data) in (str, int, float, bool)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=25).map("".join))
def test_pieces_of_yaml_parse_or_are_explained(text):
    parses_or_explains(text)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60))
def test_any_text_parses_or_is_explained(text):
    parses_or_explains(text)


@settings(max_examples=200, deadline=None)
@given(
    st.text(alphabet="ab.01 -²", max_size=12),
    st.dictionaries(st.text("ab", max_size=2), st.lists(st.integers(), max_size=2), max_size=3),
)
def test_any_path_overrides_or_is_explained(path, data):
    document = parse_document("x: 1", "f.yaml").with_data(data)
    try:
        changed = override(document, {path: 5})
    except InputError as error:
        assert str(error).isprintable()
    else:
        assert changed.data != data or changed.data == override(changed, {path: 5}).data


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=15), st.floats(), st.integers(), st.none()), st.sampled_from(list(UNITS)))
def test_any_quantity_is_a_finite_number_or_a_value_error(value, dimension):
    try:
        number = parse_quantity(value, dimension)
    except ValueError as error:
        assert str(error)
    else:
        assert abs(number) < float("inf")
