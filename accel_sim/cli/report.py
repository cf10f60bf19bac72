"""`accel-sim report` and `accel-sim export-study`: the results of a search for eyes and for Optuna."""

from __future__ import annotations

from pathlib import Path

from accel_sim.cli.output import line, waiting
from accel_sim.config import InputError


def report(folder: Path, output: Path | None) -> None:
    """Write the page about a folder of results, and print its name."""
    from accel_sim.explore.report import write_report

    if output is not None and not output.resolve().parent.is_dir():
        raise InputError(f"--output {output}: no such folder '{output.parent}'")
    with waiting("drawing"):
        path = write_report(folder, output)
    line(f"{path}: {path.stat().st_size / 1e6:.2g} MB")


def export_study(folder: Path, storage: str, name: str | None) -> None:
    """Write an Optuna study, and print how to open it."""
    from accel_sim.explore.search.loading import load_search
    from accel_sim.explore.search.study import JOURNAL
    from accel_sim.explore.search.study import export_study as export

    result = load_search(folder)
    with waiting("writing"):
        study = export(result, storage, name)
    trials = study.get_trials(deepcopy=False)
    complete = sum(trial.state.name == "COMPLETE" for trial in trials)
    line(f"study '{study.study_name}': {complete} complete trials of {len(trials)}")
    line(f"optuna-dashboard {storage.removeprefix(JOURNAL)}")
