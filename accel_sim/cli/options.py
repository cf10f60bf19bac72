"""Options that several commands take, and how they become overrides of a workload and a design."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accel_sim.config import InputError, parse_scalar
from accel_sim.config.errors import shortened

if TYPE_CHECKING:
    from pydantic import BaseModel

PANEL = "Phase of the workload"

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Phase = Annotated[
    str | None,
    typer.Option(
        "--phase",
        metavar="prefill|decode|generate|inference",
        help="Part of the model's use.",
        rich_help_panel=PANEL,
    ),
]
Batch = Annotated[int | None, typer.Option(metavar="N", help="Sequences or images.", rich_help_panel=PANEL)]
Sequence_ = Annotated[
    int | None,
    typer.Option("--sequence", metavar="N", help="prefill: tokens of a prompt.", rich_help_panel=PANEL),
]
Context = Annotated[
    int | None, typer.Option(metavar="N", help="decode: tokens that a new one sees.", rich_help_panel=PANEL)
]
Prompt = Annotated[
    int | None, typer.Option(metavar="N", help="generate: tokens of a prompt.", rich_help_panel=PANEL)
]
Output = Annotated[int | None, typer.Option(metavar="N", help="generate: new tokens.", rich_help_panel=PANEL)]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Replace a value: npu.rows=256, workload.formats.weights=int8. Repeatable.",
    ),
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Processes; by default as many as there are cores and work for.")
]
Folder = Annotated[Path | None, typer.Option("--output", "-o", metavar="DIR", help="Folder of the results.")]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS|local",
        help="Workers of a dask scheduler, such as tcp://host:8786, or of one started here.",
    ),
]
ShardOf = Annotated[
    str | None,
    typer.Option("--shard", metavar="I/N", help="Only the I-th of N parts; `merge` puts them together."),
]
Fidelity = Annotated[
    str,
    typer.Option(
        metavar="tile|cycle|roofline",
        help="Tile by tile, with memories command by command, or the closed-form lower bound.",
    ),
]


@dataclass(frozen=True, slots=True)
class PhaseOptions:
    """The options that choose a phase, as given; None where not."""

    phase: str | None
    batch: int | None
    sequence: int | None
    context: int | None
    prompt: int | None
    output: int | None

    @property
    def given(self) -> dict[str, Any]:
        """What was given, by option name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def parse_settings(settings: Sequence[str]) -> dict[str, Any]:
    """Return the values of `--set path=value` options by path.

    Raises:
        InputError: no path, no equals sign, a path given twice, a value that is not YAML.
    """
    values: dict[str, Any] = {}
    for setting in settings:
        path, equals, text = setting.partition("=")
        path = path.strip()
        if not path or not equals:
            raise InputError(f"--set {shortened(setting)}: must be path=value, such as npu.rows=256")
        if path in values:
            raise InputError(f"--set {path}: is given twice")
        values[path] = parse_scalar(text)
    return values


def phase_overrides(workload: str | Path, options: PhaseOptions, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings together with those of the phase options, checked against the phase they apply to.

    Raises:
        InputError: no such phase, an option that the phase does not take, a value given twice.
    """
    from accel_sim.workload import load_workload
    from accel_sim.workload.phases import PHASES

    given = options.given
    for name in given:
        if f"workload.phase.{name}" in settings:
            raise InputError(f"--{name}: is also given by --set workload.phase.{name}")
    kind = given.get("phase", settings.get("workload.phase.phase"))
    chosen = load_workload(workload, overrides={} if kind is None else {"phase.phase": kind}).phase
    takes = [name for name in type(chosen).model_fields if name != "phase"]
    for name in given:
        if name not in ("phase", *takes):
            others = [other for other, model in PHASES.items() if name in model.model_fields]
            raise InputError(
                f"--{name}: phase '{chosen.phase}' takes {', '.join(f'--{t}' for t in takes)}"
                f" (--{name} belongs to --phase {' or '.join(others)})"
            )
    return settings | {f"workload.phase.{name}": value for name, value in given.items()}


def split(settings: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the settings of the design and those of the workload, the latter without their prefix."""
    prefix = "workload."
    on_workload = {path[len(prefix) :]: value for path, value in settings.items() if path.startswith(prefix)}
    return {path: value for path, value in settings.items() if not path.startswith(prefix)}, on_workload


def describe_phase(phase: BaseModel) -> str:
    """Return a phase in words, such as `decode (batch 1, context 2048)`."""
    fields = phase.model_dump(exclude_none=True)
    kind = fields.pop("phase")
    return f"{kind} ({', '.join(f'{name} {value}' for name, value in fields.items())})"
