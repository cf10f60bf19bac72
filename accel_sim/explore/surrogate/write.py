"""The files of a study: `report.json`, `errors.csv`, `learning_curve.csv` and its picture."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from accel_sim.config import InputError
from accel_sim.explore.surrogate.study import CROSS, Study
from accel_sim.explore.table import to_csv, write_if_changed

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def write(study: Study, folder: Path) -> list[Path]:
    """Write the files of a study into a folder and return them.

    Raises:
        InputError: the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be a folder of results: {error.strerror}") from None
    report, table = folder / "report.json", folder / "errors.csv"
    text = json.dumps(as_data(study), indent=2, ensure_ascii=False, default=str)
    write_if_changed(report, f"{text}\n")
    write_if_changed(table, to_csv(tuple(study.errors[0]), study.errors))
    files = [report, table]
    if study.curve:
        files += [folder / "learning_curve.csv", folder / "learning_curve.png"]
        write_if_changed(files[-2], to_csv(tuple(study.curve[0]), study.curve))
        write_if_changed(files[-1], picture(study))
    return files


def as_data(study: Study) -> dict[str, Any]:
    """Return a study as plain data."""
    model = study.model
    return {
        "source": study.source,
        "rows": study.rows,
        "incomplete": study.incomplete,
        "designs": study.designs,
        "studied": study.studied,
        "disagreement_pct": study.disagreement_pct,
        "inputs": list(model.inputs),
        "ignored": list(model.code.ignored),
        "models": {name: own.kind for name, own in model.models.items()},
        "losses": {name: dict(found) for name, found in model.losses.items()},
        "errors": list(study.errors),
        "learning_curve": list(study.curve),
        "speed": asdict(study.speed),
        "notes": list(study.notes),
    }


def picture(study: Study) -> bytes:
    """Return the learning curves as a PNG, a panel for each metric that varies."""
    from matplotlib.figure import Figure

    metrics = list(dict.fromkeys(row["metric"] for row in study.curve))
    columns = min(3, len(metrics))
    rows = -(-len(metrics) // columns)
    figure = Figure(figsize=(4.6 * columns, 3.8 * rows), layout="constrained")
    for number, metric in enumerate(metrics):
        learning_curve(figure.add_subplot(rows, columns, number + 1), study, metric)
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=120, metadata={"Software": None})
    return data.getvalue()


def learning_curve(axes: Axes, study: Study, metric: str) -> Axes:
    """Draw the error of a metric over training size: median, range over the subsets, and the other splits."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    own = [row for row in study.curve if row["metric"] == metric and row["rmse_pct"] is not None]
    sizes = sorted({row["train"] for row in own})
    found = [[row["rmse_pct"] for row in own if row["train"] == size] for size in sizes]
    axes.fill_between(sizes, [min(f) for f in found], [max(f) for f in found], color="C0", alpha=0.2)
    axes.plot(sizes, [float(np.median(f)) for f in found], color="C0", marker="o", label="random designs")
    for number, row in enumerate(_others(study.errors, metric)):
        axes.plot(row["train"], row["rmse_pct"], f"C{number + 1}D", label=row["split"])
    axes.set(xscale="log", yscale="log", xlabel="designs fitted on", ylabel="RMSE / mean, %")
    axes.set_title(f"{metric} ({own[0]['model']})", fontsize="medium")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.legend(fontsize="x-small")
    return axes


def _others(rows: Sequence[dict[str, Any]], metric: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["metric"] == metric and row["split"] != CROSS and row["rmse_pct"]]
