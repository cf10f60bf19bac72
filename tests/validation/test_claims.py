"""Claims: ratios, aggregates, ranges and verdicts on machines that are known by hand, and bad files."""

from __future__ import annotations

import json
import math

import pytest

from accel_sim.cli import main
from accel_sim.config import InputError
from accel_sim.validation.claims import read_paper, reproduce
from accel_sim.validation.claims.outcome import ABSENT, MISSED, NEEDS, REPRODUCED, SHOWN, UNMEASURED

MACHINE = """\
name: {name}
clock: 1 GHz
technology: {{node: 7 nm}}
gpu:
  type: roofline_machine
  peak: {{fp16: 1 PFLOP/s}}
  bandwidth: {bandwidth}
  capacity: 1 TiB
  busy_power: 1 W
"""
HEAD = """\
title: A paper
venue: Nowhere
year: 2020
url: https://example.org
description: Made up for a test
designs:
  fast: {design: fast.yaml}
  slow: {design: slow.yaml}
  launched: {design: slow.yaml, set: {gpu.launch_overhead: 1 s}, range: {gpu.launch_overhead: [0 s, 2 s]}}
  gone: {design: gone}
  nobody: {absent: nobody knows}
workloads:
  small: {workload: product.yaml}
  large: {workload: product.yaml, phase: {batch: 4096}}
claims:
"""
PRODUCT = """\
name: product
gemms: [{name: product, m: 1, n: 4096, k: 4096}]
formats: {weights: fp16, activations: fp16}
"""
CLAIM = (
    "{id: one, statement: s, metric: latency_s, design: fast, baselines: [slow], workloads: [small, large], "
)
TAIL = "certainty: table, source: table 1"


def bytes_of(batch):
    return 2 * (batch * 4096 + 4096 * 4096 + batch * 4096)


@pytest.fixture
def paper(tmp_path):
    """A function that writes a paper's file beside a machine and one of a quarter of its bandwidth."""
    (tmp_path / "fast.yaml").write_text(MACHINE.format(name="fast", bandwidth="40 GB/s"))
    (tmp_path / "slow.yaml").write_text(MACHINE.format(name="slow", bandwidth="10 GB/s"))
    (tmp_path / "product.yaml").write_text(PRODUCT)

    def write(*claims, head=HEAD):
        file = tmp_path / "paper.yaml"
        file.write_text(head + "".join(f"  - {claim}\n" for claim in claims))
        return file

    return write


def run(file):
    return reproduce(read_paper(file))


def test_a_gain_is_the_baseline_over_ours_and_the_other_way_round(paper):
    (outcome,) = run(paper(f"{CLAIM}published: {{small: 4, large: 5}}, tolerance: 0.01, {TAIL}}}"))
    assert [c.ours for c in outcome.comparisons] == pytest.approx([4, 4])
    assert [c.ratio for c in outcome.comparisons] == pytest.approx([1, 0.8])
    assert outcome.verdict == MISSED
    (outcome,) = run(paper(f"{CLAIM}compare: design_over_baseline, published: 0.25, over: mean, {TAIL}}}"))
    assert outcome.comparisons[0].ours == pytest.approx(0.25)
    assert outcome.verdict == SHOWN


def test_a_value_is_in_the_unit_it_is_published_in(paper):
    claim = (
        "{id: one, statement: s, metric: latency_s, compare: value, design: fast, workloads: [small], "
        f"published: 0.84 ms, tolerance: 0.01, {TAIL}}}"
    )
    (outcome,) = run(paper(claim))
    assert outcome.comparisons[0].ours == pytest.approx(bytes_of(1) / 40e9)
    assert outcome.comparisons[0].published == pytest.approx(0.84e-3)
    assert outcome.verdict == REPRODUCED


@pytest.mark.parametrize(
    ("over", "of"),
    [
        ("min", min),
        ("max", max),
        ("mean", lambda values: sum(values) / 2),
        ("geomean", lambda values: math.sqrt(values[0] * values[1])),
    ],
)
def test_one_figure_of_several_workloads_is_their_aggregate(paper, over, of):
    claim = (
        "{id: one, statement: s, metric: latency_s, compare: value, design: fast, workloads: [small, large], "
        f"over: {over}, published: 1 s, {TAIL}}}"
    )
    (outcome,) = run(paper(claim))
    assert outcome.comparisons[0].figure == over
    assert outcome.comparisons[0].ours == pytest.approx(of([bytes_of(batch) / 40e9 for batch in (1, 4096)]))


def test_a_published_range_is_met_by_the_least_and_the_most_of_the_workloads(paper):
    claim = (
        "{id: one, statement: s, metric: latency_s, compare: value, design: fast, workloads: [large, small], "
        f"published: [0.8 ms, 2.5 ms], {TAIL}}}"
    )
    (outcome,) = run(paper(claim))
    assert [c.figure for c in outcome.comparisons] == ["least", "most"]
    assert [c.ours for c in outcome.comparisons] == pytest.approx([bytes_of(b) / 40e9 for b in (1, 4096)])


def test_every_baseline_has_its_own_ratio_and_the_first_one_gates(paper):
    claim = CLAIM.replace("[slow]", "[launched, slow, gone, nobody]")
    outcomes = run(paper(f"{claim}over: max, published: 4, tolerance: 0.1, gated: true, {TAIL}}}"))
    assert [outcome.baseline for outcome in outcomes] == ["launched", "slow", "gone", "nobody"]
    assert [outcome.verdict for outcome in outcomes] == [MISSED, REPRODUCED, NEEDS, ABSENT]
    assert [outcome.gates for outcome in outcomes] == [True, False, False, False]
    assert [outcome.failed for outcome in outcomes] == [True, False, False, False]


def test_a_range_of_settings_becomes_a_range_of_the_ratio(paper):
    claim = CLAIM.replace("[slow]", "[launched]").replace("[small, large]", "[small]")
    (outcome,) = run(paper(f"{claim}published: 4, {TAIL}}}"))
    fast_s, slow_s = (bytes_of(1) / bandwidth for bandwidth in (40e9, 10e9))
    comparison = outcome.comparisons[0]
    found = (comparison.low, comparison.ours, comparison.high)
    assert found == pytest.approx([(slow_s + launch_s) / fast_s for launch_s in (0, 1, 2)])


def test_settings_of_a_design_may_change_the_workload(paper):
    head = HEAD.replace("{design: slow.yaml}", "{design: fast.yaml, set: {workload.formats.weights: int4}}", 1)
    claim = CLAIM.replace("[small, large]", "[small]")
    (outcome,) = run(paper(f"{claim}compare: design_over_baseline, published: 4, {TAIL}}}", head=head))
    activations = 2 * 2 * 4096
    assert outcome.comparisons[0].ours == pytest.approx(bytes_of(1) / (4096 * 4096 / 2 + activations))


def test_a_design_that_is_not_there_is_no_failure(paper, capsys):
    claim = f"{CLAIM}over: max, published: 4, tolerance: 0.1, gated: true, {TAIL}}}"
    file = paper(claim.replace("design: fast", "design: gone"))
    assert main(["reproduce", str(file)]) == 0
    assert "needs design gone, which is not there" in capsys.readouterr().out


def test_a_gated_claim_that_misses_ends_with_code_1_and_says_why(paper, capsys):
    miss = f"{CLAIM}over: max, published: 5, tolerance: 0.1, gated: true, explanation: it is slow, {TAIL}}}"
    assert main(["reproduce", str(paper(miss))]) == 1
    out = capsys.readouterr().out
    assert "not reproduced (gated): off by 20% (allowed 10%)" in out
    assert "why not: it is slow" in out
    hit = miss.replace("published: 5", "published: 4")
    assert main(["reproduce", str(paper(hit))]) == 0
    assert "1 of 1 gated claims hold" in capsys.readouterr().out
    assert main(["reproduce", str(paper(miss.replace("gated: true, ", "")))]) == 0


def test_json_holds_what_the_table_shows(paper, capsys):
    unmeasured = f"{{id: two, statement: s, unmeasured: nobody can, published: a lot, {TAIL}}}"
    file = paper(f"{CLAIM}over: max, published: 5, tolerance: 0.1, {TAIL}}}", unmeasured)
    assert main(["reproduce", str(file), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    first, second = data["claims"]
    assert first["figures"][0]["ratio"] == pytest.approx(0.8)
    assert first["verdict"] == MISSED
    assert set(first["ours_by_workload"]) == {"small", "large"}
    assert (second["verdict"], second["published"]) == (UNMEASURED, "a lot")


def test_without_a_paper_all_are_listed(capsys):
    assert main(["reproduce"]) == 0
    out = capsys.readouterr().out
    assert "marlin" in out and "pim_gpt" in out
    assert main(["list", "papers"]) == 0
    assert "marlin" in capsys.readouterr().out


GOOD = f"{CLAIM}over: max, published: 4, {TAIL}}}"


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        (GOOD.replace("latency_s", "latencies"), r":\d+: claims\.0\.metric: 'latencies' is not a metric"),
        (GOOD.replace("[slow]", "[slwo]"), r"claims\.0\.baselines: 'slwo' is not among .*did you mean 'slow'"),
        (GOOD.replace("[small, large]", "[smal]"), r"claims\.0\.workloads: 'smal' is not among .*'small'"),
        (GOOD.replace("over: max, ", ""), r"claims\.0: one figure for several workloads needs 'over'"),
        (GOOD.replace("baselines: [slow], ", ""), r"claims\.0: .*baselines do not go together"),
        (GOOD.replace("source", "gated: true, source"), r"claims\.0: a gated claim needs a metric and a tol"),
        (
            GOOD.replace("certainty: table", "certainty: memory, gated: true, tolerance: 0.1"),
            r"claims\.0: a figure from memory cannot be gated",
        ),
        (GOOD.replace("statement", "statment"), r"claims\.0\.statment: unknown key \(did you mean 'statement'"),
        (
            GOOD.replace("published: 4", "published: {smal: 4}"),
            r"claims\.0: 'smal' is not one of its workloads",
        ),
        (GOOD.replace("metric: latency_s, ", ""), r"claims\.0: needs either 'metric' or 'unmeasured'"),
        (GOOD.replace("certainty: table", "certainty: rumour"), r"claims\.0\.certainty = rumour: must be"),
    ],
)
def test_a_claim_that_is_wrong_is_told_where(paper, capsys, claim, message):
    file = paper(claim)
    with pytest.raises(InputError, match=message):
        read_paper(file)
    assert main(["reproduce", str(file)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "paper.yaml:" in error


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "gpu.launch_overhead: 1 s",
            "gpu.lunch: 1 s",
            r"paper\.yaml:\d+: designs\.launched\.set: .*gpu\.lunch",
        ),
        ("[0 s, 2 s]", "[0 s, 2 W]", r"designs\.launched\.range: .*unit 'W' is not one of seconds"),
        ("batch: 4096", "bacth: 1", r"workloads\.large\.set: .*did you mean 'batch'"),
        ("product.yaml}", "produce.yaml}", r"paper\.yaml:\d+: produce\.yaml: no such file"),
        ("{absent: nobody knows}", "{note: x}", r"designs\.nobody: needs either 'design' or 'absent'"),
        ("year: 2020", "year: 2020\nfidelity: tiel", r"fidelity: 'tiel' is not known \(did you mean 'tile'"),
    ],
)
def test_a_file_that_is_wrong_is_told_where(paper, old, new, message):
    with pytest.raises(InputError, match=message):
        read_paper(paper(GOOD, head=HEAD.replace(old, new, 1)))


def test_ids_are_used_once(paper):
    with pytest.raises(InputError, match=r"claims\.1\.id: 'one' is there twice"):
        read_paper(paper(GOOD, GOOD))
