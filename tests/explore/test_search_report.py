"""The page about a search: what stands in it, that it needs nothing else, that a browser shows it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from accel_sim import InputError, sweep
from accel_sim.cli import main
from accel_sim.explore.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")


class Page(HTMLParser):
    """The tables of a page as text, and every attribute that could make a browser fetch something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.fetched: list[str] = []
        self.links: list[str] = []
        self._table = ""
        self._cell: list[str] | None = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        own = dict(attrs)
        self.fetched += [own[key] for key in ("src", "xlink:href", "srcset", "data", "poster") if key in own]
        if tag == "link":
            self.fetched.append(own.get("href", ""))
        if tag == "a":
            self.links.append(own["href"])
        if tag == "table":
            self._table = own["id"]
            self.tables[self._table] = []
        if tag == "tr":
            self.tables[self._table].append([])
        if tag in ("td", "th"):
            self._cell = []

    def handle_data(self, data):
        if self._cell is not None:
            self._cell.append(data)

    def handle_endtag(self, tag):
        if tag in ("td", "th") and self._cell is not None:
            self.tables[self._table][-1].append("".join(self._cell))
            self._cell = None


@pytest.fixture(scope="module")
def page(small_search, tmp_path_factory):
    """Return the file of a page that was written elsewhere, from a copy of the folder."""
    folder = tmp_path_factory.mktemp("elsewhere") / "copied"
    shutil.copytree(small_search.folder, folder)
    return write_report(folder)


def test_the_table_of_the_front_has_its_designs_with_their_files(page, small_search):
    found = Page(page.read_text(encoding="utf-8"))
    head, *rows = found.tables["front"]
    assert [int(row[0]) for row in rows] == [t.number for t in small_search.front]
    assert {"latency_s", "tops_per_w", "area_mm2", "decode.power_w", "clock", "capacity"} <= set(head)
    assert len(found.links) == len(small_search.front)
    for link, trial in zip(found.links, small_search.front, strict=True):
        assert f"# Trial {trial.number} of" in (page.parent / link).read_text()
    for row, trial in zip(rows, small_search.front, strict=True):
        assert float(row[head.index("tops_per_w")]) == pytest.approx(trial.score.values[1], rel=1e-3)


def test_baselines_reasons_and_counts_are_those_of_the_search(page, small_search):
    text = page.read_text(encoding="utf-8")
    tables = Page(text).tables
    assert [row[1:3] for row in tables["baselines"][1:]] == [
        [t.name, small_search.verdict(t)] for t in small_search.baselines
    ]
    for key, count in small_search.count().items():
        label = {"distinct": "distinct designs", "trials": "proposals", "illegal": "illegal"}.get(key)
        assert label is None or f"<b>{count}</b>{label}" in text
    reasons = {reason: int(count) for count, reason in tables["reasons"][1:]}
    broken = "illegal: breaks npu.rows * scratchpad.capacity <= 128 * 1 MiB"
    assert reasons[broken] == small_search.count()["illegal"]
    over = [t for t in small_search.trials if t.score and not t.repeated and t.score.limited[0] > 7]
    assert reasons["beyond the limit: area_mm2 at most 7 mm²"] == len(over) > 0
    assert "Arrays &amp; buffers &lt;of an edge NPU&gt;" in text


def test_the_page_needs_nothing_from_outside(page):
    text = page.read_text(encoding="utf-8")
    assert all(each.startswith(("data:", "#")) for each in Page(text).fetched)
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", re.sub(r"base64,[^\"]*", "", text))
    assert "default-src 'none'" in text


def test_identifiers_are_there_once_and_every_reference_has_one(page):
    text = page.read_text(encoding="utf-8")
    identifiers = re.findall(r'\bid="([^"]*)"', text)
    assert len(identifiers) == len(set(identifiers))
    assert set(re.findall(r'(?:href="#|url\(#)([^")]*)', text)) <= set(identifiers)


def test_the_command_writes_the_same_page_again_and_says_where(page, tmp_path, capsys):
    again = tmp_path / "again.html"
    assert main(["report", str(page.parent), "-o", str(again)]) == 0
    assert capsys.readouterr().out.startswith(f"{again}: ")
    there, here = (re.sub(r'href="[^"]*yaml"', "", each.read_text(encoding="utf-8")) for each in (again, page))
    assert there == here


def test_what_is_wrong_with_a_folder_is_one_line(page, tmp_path, capsys):
    for folder, word in ((tmp_path / "nowhere", "no such folder"), (tmp_path, "is not a folder of results")):
        assert main(["report", str(folder)]) == 2
        error = capsys.readouterr().err
        assert word in error and error.count("\n") == 1
    assert main(["report", str(page.parent), "-o", str(tmp_path / "a" / "b.html")]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_a_search_without_a_feasible_design_says_what_is_in_the_way(page, tmp_path):
    shutil.copytree(page.parent, tmp_path / "none")
    manifest = tmp_path / "none" / "manifest.json"
    data = json.loads(manifest.read_text())
    data["search"]["limits"]["area_mm2"]["max"] = 0.001
    manifest.write_text(json.dumps(data))
    with pytest.raises(InputError, match=r"no design is within the limits yet.*most often: beyond .*area_mm2"):
        write_report(tmp_path / "none")


def test_a_sweep_has_a_page_too(tmp_path):
    points = {
        "name": "pages",
        "designs": ["edge_npu"],
        "workloads": ["gemm_sweep"],
        "grid": {"npu.rows": [32, 64]},
        "metrics": ["latency_s"],
        "output": {"folder": str(tmp_path)},
    }
    found = sweep(points, workers=1)
    page = write_report(tmp_path)
    text = page.read_text(encoding="utf-8")
    assert all(each.startswith("data:") for each in Page(text).fetched)
    head, *rows = Page(text).tables["points"]
    assert [row[head.index("npu.rows")] for row in rows] == ["32", "64"]
    assert f"{found.rows[0]['latency_s'] * 1e3:.4g} ms" in rows[0]


def chromium(page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a headless browser on a page; its messages, the console's among them, are on the error output."""
    plain = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage"]
    quiet = ["--no-first-run", "--disable-background-networking", "--enable-logging=stderr", "--log-level=0"]
    command = [CHROMIUM, *plain, *quiet, f"--user-data-dir={page.parent / 'profile'}", *options, page.as_uri()]
    environment = {**os.environ, "HOME": str(page.parent)}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)


def console(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if ":CONSOLE" in line]


def changed(page: Path, addition: str) -> Path:
    """Return a copy of a page with something before its end."""
    other = page.with_name("changed.html")
    other.write_text(
        page.read_text(encoding="utf-8").replace("</body>", f"{addition}</body>"), encoding="utf-8"
    )
    return other


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_the_page_without_complaint(page, scheme, tmp_path):
    from matplotlib.image import imread

    picture = tmp_path / "page.png"
    settings = "--blink-settings=preferredColorScheme=" + {"dark": "0", "light": "1"}[scheme]
    done = chromium(page, "--window-size=1200,3200", settings, f"--screenshot={picture}")
    assert picture.is_file(), done.stderr
    assert console(done) == []
    pixels = np.asarray(imread(picture))[..., :3]
    assert pixels.shape[:2] == (3200, 1200)
    background = np.median(pixels.reshape(-1, 3), axis=0)
    assert (background.mean() < 0.3) == (scheme == "dark")
    # Every sixth of the page has something on it: text, pictures, tables.
    for part in np.array_split(np.abs(pixels - background).max(axis=2) > 0.2, 6):
        assert 0.002 < part.mean() < 0.5


@pytest.mark.slow
@needs_chromium
def test_whatever_the_page_asked_for_would_be_refused_and_seen(page):
    done = chromium(changed(page, '<img src="http://127.0.0.1:9/x.png">'), "--dump-dom")
    assert any("Content Security Policy" in line for line in console(done))


@pytest.mark.slow
@needs_chromium
def test_a_click_on_a_heading_sorts_the_designs_by_it_and_a_second_turns_them_round(page, small_search):
    head = Page(page.read_text(encoding="utf-8")).tables["front"][0]
    place = head.index("tops_per_w")
    click = f"document.querySelectorAll('#front th')[{place}].click();"
    numbers = [t.number for t in sorted(small_search.front, key=lambda t: t.score.values[1])]
    for clicks, wanted in ((1, numbers), (2, numbers[::-1])):
        done = chromium(changed(page, f"<script>{clicks * click}</script>"), "--dump-dom")
        assert console(done) == []
        assert [int(row[0]) for row in Page(done.stdout).tables["front"][1:]] == wanted


@pytest.mark.slow
@needs_chromium
def test_points_of_the_front_in_the_picture_name_their_designs(page, small_search):
    dom = chromium(page, "--dump-dom").stdout
    group = dom[dom.index('id="pareto01-front-0-1"') :]
    titles = re.findall(r"<title>trial: (\d+)", group)
    assert [int(number) for number in titles] == [t.number for t in small_search.front]
