"""The card for notebooks is well-formed, self-contained and escaped; the texts are short."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from accel_sim.results import Result
from accel_sim.results.bottleneck import LIMITS

HOSTILE = '<script>alert("x")</script> & more'


class Checker(HTMLParser):
    """Collects texts and attributes, and insists that every element is closed where it was opened."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def widths(page: Checker) -> list[float]:
    """Percentages of the segments of the energy bar."""
    styles = [value or "" for name, value in page.attributes if name == "style"]
    return [float(style.split("width:")[1].split("%")[0]) for style in styles if style.startswith("width:")]


@pytest.mark.parametrize("which", ["decode", "generate"])
def test_the_card_is_well_formed_and_shows_figures_and_operators(
    which: str, request: pytest.FixtureRequest
) -> None:
    result: Result = request.getfixturevalue(which)
    page = Checker(result._repr_html_())
    text = " ".join(page.texts)
    for shown in ("latency", "energy", "mm²", "utilization", "layers.0.mlp.down ×32"):
        assert shown in text
    assert any(kind in text for kind in LIMITS)
    assert sum(widths(page)) == pytest.approx(100, abs=0.05)


def test_the_card_refers_to_nothing_outside(decode: Result) -> None:
    html = decode._repr_html_()
    assert "http" not in html
    assert not {name for name, _ in Checker(html).attributes} - {"style", "title"}
    assert Checker(html).tags <= {"div", "span", "table", "thead", "tbody", "tr", "th", "td"}


def test_every_text_is_escaped(decode: Result) -> None:
    stage = decode.stages[0]
    records = tuple(
        replace(record, name=HOSTILE, busy_s={HOSTILE: record.latency_s}) for record in stage.records
    )
    hostile = replace(
        decode,
        design=replace(decode.design, name=HOSTILE, description=HOSTILE),
        workload=replace(decode.workload, name=HOSTILE),
        stages=(replace(stage, name=HOSTILE, records=records), replace(stage, name=HOSTILE, records=records)),
        notes=(HOSTILE,),
    )
    html = hostile._repr_html_()
    page = Checker(html)
    assert "script" not in page.tags
    assert "<script" not in html
    assert sum(HOSTILE in text for text in page.texts) > 10


def test_notes_are_shown(decode: Result) -> None:
    noted = replace(decode, notes=("memory is too small",))
    assert "memory is too small" in noted._repr_html_()
    assert str(noted).endswith("note: memory is too small")


def test_texts_are_short(decode: Result) -> None:
    assert repr(decode).startswith("<Result llama3_8b decode on npu_128x128_hbm (tile): ")
    assert "\n" not in repr(decode)
    lines = str(decode).splitlines()
    assert lines[0] in repr(decode)
    assert len(lines) < 20 + len(decode.notes)
    assert "layers.0.mlp.gate_up ×32" in str(decode)
    assert len(repr(decode.stages[0])) < 200


def test_an_empty_result_has_a_card_too(decode: Result) -> None:
    empty = replace(decode, stages=(replace(decode.stages[0], records=(), latency_s=0.0),))
    Checker(empty._repr_html_())
    assert "0 s" in str(empty)
