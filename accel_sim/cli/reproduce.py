"""`accel-sim reproduce`: the claims of a paper, ours beside what is published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import typer

from accel_sim.cli.output import Column, line, print_json, table, waiting
from accel_sim.config import zoo
from accel_sim.results.wording import format_metric
from accel_sim.validation.claims import Claim, ClaimFile, Comparison, Outcome, read_paper, reproduce
from accel_sim.validation.claims.outcome import MISSED, NEEDS, as_data


def list_papers(as_json: bool) -> None:
    """Print the shipped papers, how many claims each has, and whether its designs are there."""
    files = [read_paper(name) for name in zoo.entries("papers")]
    if as_json:
        print_json([_summary(file) for file in files])
        return
    columns = [Column("paper"), Column("claims", number=True), Column("gated", number=True), Column("status")]
    rows = [
        (one["name"], str(one["claims"]), str(one["gated"]), one["status"], one["title"])
        for one in map(_summary, files)
    ]
    table([*columns, Column("title", wraps=True)], rows)


def _summary(file: ClaimFile) -> dict[str, Any]:
    claims = file.paper.claims
    return {
        "name": file.name,
        "title": file.paper.title,
        "claims": len(claims),
        "gated": sum(claim.gated for claim in claims),
        "status": "; ".join(dict.fromkeys(file.needs.values())) or "ready",
    }


def reproduce_paper(paper: str, as_json: bool) -> None:
    """Print the outcome of every claim; the exit code is 1 when a gated one fails."""
    file = read_paper(paper)
    with waiting(f"reproducing {file.name}"):
        outcomes = reproduce(file)
    if as_json:
        about = file.paper.model_dump(mode="json", by_alias=True, exclude={"claims"})
        print_json({"name": file.name, **about, "claims": [as_data(outcome) for outcome in outcomes]})
    else:
        _print(file, outcomes)
    if any(outcome.failed for outcome in outcomes):
        raise typer.Exit(1)


def _print(file: ClaimFile, outcomes: Sequence[Outcome]) -> None:
    paper = file.paper
    line(f"{paper.title} ({paper.venue}, {paper.year}), {paper.url}")
    for fixed in paper.calibrated_on:
        line(f"calibrated: {fixed.what}, on {fixed.data}")
    line("")
    titles = ("ours", "over its range", "published", "ratio")
    columns = [Column("claim"), Column("baseline"), Column("figure")]
    columns += [*(Column(title, number=True) for title in titles), Column("verdict", wraps=True)]
    table(columns, [row for outcome in outcomes for row in _rows(outcome)])
    line("")
    for claim in paper.claims:
        _print_claim(claim, [outcome for outcome in outcomes if outcome.claim is claim])
    for name, entry in paper.designs.items():
        if entry.note:
            line(f"{name}: {entry.note}")
    line("")
    line(sentence(outcomes))


def _rows(outcome: Outcome) -> Iterable[tuple[str, ...]]:
    """Yield a row for each figure; name and verdict stand in the first."""
    claim = outcome.claim
    gate = " (gated)" if outcome.gates else ""
    verdict = "" if outcome.verdict == NEEDS else f"{outcome.verdict}{gate}"
    words = ": ".join(part for part in (verdict, outcome.reason) if part)
    head = (claim.id, outcome.baseline or "")
    if not outcome.comparisons:
        yield (*head, "", "", "", _published(claim), "", words)
    for index, comparison in enumerate(outcome.comparisons):
        start = head if index == 0 else ("", "")
        yield (*start, comparison.figure, *_cells(claim, comparison), words if index == 0 else "")


def _cells(claim: Claim, one: Comparison) -> tuple[str, str, str, str]:
    spread = ""
    if one.low is not None and one.high is not None:
        spread = f"{_text(claim, one.low)} to {_text(claim, one.high)}"
    return _text(claim, one.ours), spread, _text(claim, one.published), f"{one.ratio:.3g}"


def _text(claim: Claim, value: float) -> str:
    """Return a metric with its unit, or a ratio."""
    return format_metric(claim.metric or "", value) if claim.compare == "value" else f"{value:.4g}x"


def _published(claim: Claim) -> str:
    """Return what is published of a claim that did not run."""
    value = claim.published
    if isinstance(value, str):
        return value
    values = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else (value,)
    texts = [f"{number:g}" if claim.metric is None else _text(claim, number) for number in values]
    return (" to " if isinstance(value, tuple) else " / ").join(texts)


def _print_claim(claim: Claim, outcomes: Sequence[Outcome]) -> None:
    line(f"{claim.id}: {claim.statement} [{claim.certainty}: {claim.source}]")
    if claim.explanation:
        missed = any(outcome.verdict == MISSED for outcome in outcomes)
        line(f"  {'why not: ' if missed else ''}{claim.explanation}")


def sentence(outcomes: Sequence[Outcome]) -> str:
    """Return in a sentence how many claims came out how."""
    gated = [outcome for outcome in outcomes if outcome.gates and outcome.verdict != NEEDS]
    held = sum(not outcome.failed for outcome in gated)
    counts = Counter(outcome.verdict for outcome in outcomes)
    parts = ", ".join(f"{count} {name}" for name, count in counts.items() if name != NEEDS)
    gates = f"{held} of {len(gated)} gated claims hold" if gated else "nothing gated ran"
    needs = Counter(outcome.reason for outcome in outcomes if outcome.verdict == NEEDS)
    waiting_for = (f"{count} {'need' if count > 1 else 'needs'}{words[5:]}" for words, count in needs.items())
    return "; ".join(part for part in (gates, parts, *waiting_for) if part)
