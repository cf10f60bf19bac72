"""The shipped papers: one test for each gated claim, and what every file owes its reader."""

from __future__ import annotations

import pytest

from accel_sim.config import zoo
from accel_sim.config.units import parse_quantity
from accel_sim.validation.claims import read_paper, reproduce
from accel_sim.validation.claims.outcome import FAILED, MISSED, NEEDS
from accel_sim.validation.kernel_overhead import launch_overhead

PAPERS = {name: read_paper(name) for name in zoo.entries("papers")}
GATED = [(name, claim) for name, file in PAPERS.items() for claim in file.paper.claims if claim.gated]
READY = [name for name, file in PAPERS.items() if not file.needs]


@pytest.mark.parametrize(("name", "claim"), GATED, ids=[f"{name}-{claim.id}" for name, claim in GATED])
def test_a_gated_claim_reproduces(name, claim):
    for outcome in reproduce(PAPERS[name], (claim,)):
        if outcome.verdict == NEEDS:
            pytest.skip(outcome.reason)
        assert not outcome.failed, f"{outcome.verdict}: {outcome.reason}: {outcome.comparisons}"


@pytest.mark.parametrize("name", PAPERS)
def test_a_paper_whose_designs_are_not_there_says_so(name):
    """Such a paper is a skipped test with its reason, so that nobody takes it for one that ran."""
    file = PAPERS[name]
    if file.needs:
        pytest.skip("; ".join(file.needs.values()))
    assert all(outcome.verdict not in (NEEDS, FAILED) for outcome in reproduce(file))


@pytest.mark.parametrize("name", READY)
def test_what_does_not_reproduce_is_explained(name):
    for outcome in reproduce(PAPERS[name]):
        assert outcome.verdict != MISSED or outcome.claim.explanation, outcome.claim.id


@pytest.mark.parametrize("name", PAPERS)
def test_a_paper_is_in_the_list(name):
    readme = (zoo.folder("papers") / "README.md").read_text(encoding="utf-8")
    assert f"[{name}]({name}.yaml)" in readme


def test_at_least_one_claim_is_gated_and_runs():
    assert any(name in READY for name, _ in GATED)


def test_launches_cost_what_the_calibration_says_wherever_a_file_has_them():
    found = 0
    overhead = launch_overhead()
    for file in PAPERS.values():
        for entry in file.paper.designs.values():
            for path, value in entry.settings.items():
                if path.endswith("launch_overhead"):
                    found += 1
                    low, high = (parse_quantity(end, "seconds") for end in entry.range[path])
                    assert parse_quantity(value, "seconds") == pytest.approx(overhead.median_s, abs=0.05e-6)
                    assert low == pytest.approx(overhead.low_s, abs=0.05e-6)
                    assert high == pytest.approx(overhead.high_s, abs=0.05e-6)
                    assert any("h200_eager_decode" in one.data for one in file.paper.calibrated_on)
    assert found


def test_the_claims_of_pim_gpt_are_all_there_and_those_from_memory_are_only_shown():
    claims = {claim.id: claim for claim in PAPERS["pim_gpt"].paper.claims}
    published = {claim_id: claims[claim_id].published for claim_id in PIM_GPT_ABSTRACTS}
    assert published == PIM_GPT_ABSTRACTS
    assert not any(claim.gated for claim in claims.values() if claim.certainty == "memory")


# arXiv 2310.09385: abstract of version 1; energy of version 2.
PIM_GPT_ABSTRACTS = {
    "speedup_over_gpu": (41, 137),
    "speedup_over_cpu": (631, 1074),
    "energy_over_gpu": (123, 383),
    "energy_over_cpu": (320, 602),
    "energy_over_gpu_v1": (339, 1085),
    "energy_over_cpu_v1": (890, 1632),
}
