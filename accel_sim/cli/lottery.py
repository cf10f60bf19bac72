"""`accel-sim lottery`: base rates, contestants, what each choice is worth, and what the figures say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from accel_sim.cli.output import Column, heading, line, print_json, table
from accel_sim.cli.progress import Shown, shown
from accel_sim.explore.lottery.lottery import LotteryProgress
from accel_sim.explore.lottery.lottery import lottery as run_lottery
from accel_sim.explore.lottery.outcome import ContestResult, LotteryResult
from accel_sim.explore.lottery.verdict import verdict

FILES = (
    *("curves.csv", "contestants.csv", "comparison.csv", "ranking.csv", "base_rates.csv"),
    *("curves.png", "boxes.png", "verdict.txt", "manifest.json"),
)


def lottery(file: str, workers: int | None, output: Path | None, restart: bool, as_json: bool) -> None:
    """Run a lottery and print what it found."""
    with shown(_shown) as progress:
        result = run_lottery(file, workers=workers, output=output, restart=restart, progress=progress)
    if as_json:
        print_json(
            {
                "name": result.plan.spec.name,
                "folder": str(result.folder),
                "base_rates": result.base_rows,
                "contestants": result.contestant_rows,
                "comparison": result.comparison_rows,
                "ranking": result.ranking_rows,
                "verdict": verdict(result),
            }
        )
        return
    _print(result)


def _shown(progress: LotteryProgress) -> Shown:
    whole = f"{progress.stage}: {progress.done} of {progress.total}, {progress.seconds:.0f} s"
    return Shown(progress.done, progress.total, progress.stage, whole)


def _print(result: LotteryResult) -> None:
    spec = result.plan.spec
    runs = len(result.contests) * len(result.labels) * spec.seeds
    line(
        f"{spec.name}: {len(result.labels)} contestants, {len(result.contests)} problems, {spec.seeds} seeds; "
        f"{runs} runs of {spec.budget} distinct designs, {result.computed} of them now"
    )
    _base_rates(result)
    for found in result.contests:
        _contest(result, found)
    _choices(result)
    _ranking(result)
    heading("what this says")
    for sentence in verdict(result):
        line(sentence)
    line("")
    for name in FILES:
        if (result.folder / name).exists():
            line(str(result.folder / name))


def _base_rates(result: LotteryResult) -> None:
    heading("base rate: random designs near the best known, and how many random search needs to meet one")
    names = [name for name in result.base_rows[0] if name.startswith(("within", "evaluations"))]
    titles = [name.replace("evaluations_to", "needed for").replace("_", " ") for name in names]
    table(
        [
            Column("problem"),
            Column("designs"),
            Column("number", number=True),
            *(Column(t, True) for t in titles),
        ],
        [
            [
                row["problem"],
                f"{row['designs_of']}{', every one' if row['every_design'] else ''}",
                f"{row['designs']:,}",
                *(_percent(row[n]) if n.startswith("within") else f"{row[n]:.3g}" for n in names),
            ]
            for row in result.base_rows
        ],
    )
    for found in result.contests:
        for own in found.contest.table.trust if found.contest.table else ():
            line(
                f"{found.contest.name}: {own.kind} answers for what the table does not have; on designs left "
                f"out its rank correlation is {own.correlation:.3f}, its error {own.error_pct:.2g} % "
                f"(nearest known design: {own.nearest_correlation:.2f}, {own.nearest_error_pct:.2g} %)"
            )


def _contest(result: LotteryResult, found: ContestResult) -> None:
    marks = result.plan.spec.marks
    what = "beyond the best known" if found.yard.single else "hypervolume missing"
    goals = ", ".join(found.contest.goals.names)
    heading(f"{found.contest.name} ({goals}): {what}, median over seeds, quartiles at the end")
    rows = [row for row in result.contestant_rows if row["problem"] == found.contest.name]
    medians = {(row["contestant"], row["evaluations"]): row["median"] for row in rows}
    table(
        [
            Column("contestant"),
            *(Column(f"at {mark}", number=True) for mark in marks),
            Column("quartiles", number=True),
            Column("beats random", number=True),
            Column("p (Holm)", number=True),
            Column("proposed", number=True),
            Column("sampler ms", number=True),
        ],
        [
            [
                row["contestant"],
                *(_percent(medians[row["contestant"], mark]) for mark in marks),
                f"{_percent(row['lower_quartile'])} to {_percent(row['upper_quartile'])}",
                "" if row["a12_against_random"] is None else f"{100 * row['a12_against_random']:.0f} %",
                "" if row["p_holm"] is None else f"{row['p_holm']:.2g}",
                f"{row['proposed']:.0f}",
                f"{row['sampler_ms_per_proposal']:.2f}",
            ]
            for row in rows
            if row["evaluations"] == marks[-1]
        ],
    )
    if found.yard.single:
        expected = ", ".join(f"{_percent(found.expected(mark) or 0.0)} at {mark}" for mark in marks)
        line(f"random search, mean that its base rate implies: {expected}")


def _choices(result: LotteryResult) -> None:
    heading("what explains the ranks of runs, and how far apart medians are")
    table(
        [
            Column("problem"),
            *(Column(t, number=True) for t in ("at", "sampler", "settings", "luck", "samplers apart")),
            *(Column(t, number=True) for t in ("settings apart", "by chance", "p")),
            Column("of"),
        ],
        [
            [
                row["problem"] + (" (says nothing)" if row["tells_nothing"] else ""),
                str(row["evaluations"]),
                *(_percent(row[f"share_{name}"]) for name in ("sampler", "settings", "seed")),
                _percent(row["spread_of_samplers"]),
                _percent(row["widest_settings_width"]),
                _percent(row["widest_settings_chance"]),
                "" if row["widest_settings_p"] is None else f"{row['widest_settings_p']:.2g}",
                row["widest_settings_of"] or "",
            ]
            for row in result.comparison_rows
        ],
    )


def _ranking(result: LotteryResult) -> None:
    marks = result.plan.spec.marks
    rows: dict[str, dict[int, Any]] = {}
    for row in result.ranking_rows:
        rows.setdefault(row["contestant"], {})[row["evaluations"]] = row
    if not rows:
        return
    heading("mean rank over seeds of the problems that tell something; 1 is best")
    last = marks[-1]
    table(
        [Column("contestant"), *(Column(f"at {mark}", number=True) for mark in marks)],
        [
            [label, *(f"{own[mark]['mean_rank']:.2f}" for mark in marks)]
            for label, own in sorted(rows.items(), key=lambda item: item[1][last]["mean_rank"])
        ],
    )
    row = next(iter(rows.values()))[last]
    p = "" if row["friedman_p"] is None else f"Friedman p {row['friedman_p']:.2g}; "
    line(
        f"at {last}: {p}ranks that differ by more than {row['nemenyi_difference']:.2f} are different (Nemenyi)"
    )


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.3g} %" if abs(share) >= 5e-5 else "0 %"
