"""Tables: what their columns are, and designs looked up in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sweep_files import small

from accel_sim import sweep
from accel_sim.config import InputError
from accel_sim.explore.design_table import make_table, read_table
from accel_sim.explore.tabulated import split_table, tabulated_designs

TABLE = """\
trial,sampler,batch,rows,word,time_printed,latency_ns,tokens_per_s,seconds
0,tpe,0,8,a,5 us,5000,1.5,0.1
1,tpe,0,16,b,2500 ns,2500,3,0.2
2,random,1,8,a,5 us,5000,1.5,0.1
3,random,1,32,,,,,0.1
"""


def written(folder: Path, text: str = TABLE, name: str = "designs.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_metrics_end_in_units_inputs_stand_before_them_and_the_record_is_neither(tmp_path):
    table = read_table(written(tmp_path))
    assert table.metrics == ("latency_ns", "tokens_per_s")
    assert table.inputs == ("rows", "word", "time_printed")
    assert table.columns["rows"] == (8, 16, 8, 32)
    assert table.columns["word"][3] is None


def test_asking_for_one_metric_does_not_make_the_others_inputs(tmp_path):
    table = read_table(written(tmp_path), metrics=["tokens_per_s"])
    assert table.metrics == ("tokens_per_s",)
    assert "latency_ns" not in table.inputs


def test_the_manifest_of_a_sweep_tells_inputs_from_metrics(tmp_path):
    result = sweep(small(tmp_path), workers=1)
    table = read_table(result.folder)
    assert table.inputs == result.inputs
    assert table.metrics == ("latency_s", "energy_j", "area_mm2")
    assert "batch" in table.inputs
    assert json.loads((result.folder / "manifest.json").read_text())["columns"]["inputs"] == list(table.inputs)


def test_a_design_is_evaluated_to_its_row_and_met_once(tmp_path):
    known = tabulated_designs(read_table(written(tmp_path), inputs=["rows", "word"]))
    assert known.candidates == ({"rows": 8, "word": "a"}, {"rows": 16, "word": "b"})
    assert known.evaluate({"word": "b", "rows": 16}) == {"latency_ns": 2500, "tokens_per_s": 3}


@pytest.mark.parametrize(
    ("candidate", "message"),
    [
        ({"rows": 8, "word": "b"}, "no such design: rows 8, word b"),
        ({"rows": 8}, "does not say its 'word'"),
        ({"rows": 8, "wrd": "a"}, "did you mean 'word'"),
        ({"rows": True, "word": "a"}, "no such design"),
    ],
)
def test_a_design_that_is_not_in_the_table_is_one_error(tmp_path, candidate, message):
    known = tabulated_designs(read_table(written(tmp_path), inputs=["rows", "word"]))
    with pytest.raises(InputError) as caught:
        known.evaluate(candidate)
    assert message in str(caught.value)


def test_rows_of_one_design_that_do_not_agree_are_refused():
    table = make_table({"rows": [1, 2, 1], "latency_s": [1.0, 2.0, 3.0]})
    with pytest.raises(InputError, match=":3: the design of line 1 with other metrics"):
        tabulated_designs(table)


def test_a_split_table_has_each_row_once_and_the_column_no_longer(tmp_path):
    parts = split_table(read_table(written(tmp_path)), "word")
    assert {word: len(part) for word, part in parts.items()} == {"a": 2, "b": 1, "None": 1}
    assert all("word" not in part.inputs for part in parts.values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rows,latency_s\n1,2,3\n", "designs.csv:2: has 3 cells: must be 2"),
        ("rows,rows,latency_s\n1,2,3\n", "designs.csv:1: column 'rows'"),
        ("rows,latency_s\n", "designs.csv: has no rows"),
        ("rows,word\n1,2\n", "no column is a metric"),
        ("latency_s,rows\n1,2\n", "no column is an input"),
        ('rows,latency_s\n1,"2\n', "designs.csv: cannot be read"),
    ],
)
def test_a_table_that_cannot_be_read_is_one_error(tmp_path, text, message):
    with pytest.raises(InputError) as caught:
        read_table(written(tmp_path, text))
    assert message in str(caught.value) and "\n" not in str(caught.value)
