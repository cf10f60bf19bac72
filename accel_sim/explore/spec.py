"""The sweep file: what it may say, and how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from accel_sim.config import Document, check, load_document, zoo

# A name becomes a folder and the beginning of file names.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
Grid = dict[str, Any]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def named(key: str) -> BeforeValidator:
    """Let a bare name stand for an entry that says nothing else."""
    return BeforeValidator(lambda value: {key: value} if isinstance(value, str) else value)


class DesignEntry(_Entry):
    """A design of a sweep.

    Attributes:
        design: shipped name or file.
        name: what to call it in the table; the design's own name where not given.
        settings: values by dotted path that hold for all its points; `set` in the file.
        grid: axes that apply to this design only.
    """

    design: str
    name: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict, alias="set")
    grid: Grid = Field(default_factory=dict)


class WorkloadEntry(_Entry):
    """A workload of a sweep.

    Attributes:
        workload: shipped name or file.
        phase: its phase and sizes, where not the file's own; a bare name of a phase takes its defaults.
        name, settings, grid: as of a design; paths begin with `workload.` here too.
    """

    workload: str
    name: str | None = None
    phase: Annotated[dict[str, Any], named("phase")] = Field(default_factory=dict)
    settings: dict[str, Any] = Field(default_factory=dict, alias="set")
    grid: Grid = Field(default_factory=dict)


class Bound(_Entry):
    """Least and greatest value of a metric for a point to be feasible."""

    min: float | None = Field(None, allow_inf_nan=False)
    max: float | None = Field(None, allow_inf_nan=False)

    @model_validator(mode="after")
    def _says_something(self) -> Bound:
        if self.min is None and self.max is None:
            raise ValueError("needs 'min' or 'max'")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min = {self.min:g} is above max = {self.max:g}")
        return self

    def holds(self, value: float) -> bool:
        """Tell whether a value lies within."""
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)


class OutputSpec(_Entry):
    """Where the results go.

    Attributes:
        folder: relative to the working directory; `results/NAME` where not given.
        plots: whether to draw figures.
    """

    folder: str | None = None
    plots: bool = True


class SweepSpec(_Entry):
    """A sweep.

    Attributes:
        name: of the sweep.
        description: a line for people.
        designs, workloads: every design is combined with every workload.
        grid: axes by dotted path; several paths with commas between them move together.
        metrics: columns of the table.
        constraints: bounds on metrics by name; a point within all of them is feasible.
        fidelity: as of `simulate`.
        output: where the results go.
    """

    name: Name
    description: str = ""
    designs: list[Annotated[DesignEntry, named("design")]] = Field(min_length=1)
    workloads: list[Annotated[WorkloadEntry, named("workload")]] = Field(min_length=1)
    grid: Grid = Field(default_factory=dict)
    metrics: list[str] = Field(
        default=["latency_s", "energy_j", "power_w", "area_mm2", "utilization", "tokens_per_s"], min_length=1
    )
    constraints: dict[str, Bound] = Field(default_factory=dict)
    fidelity: str = "tile"
    output: OutputSpec = OutputSpec()

    @property
    def folder(self) -> Path:
        """Where the results go."""
        return Path(self.output.folder or f"results/{self.name}")


S = TypeVar("S", bound=BaseModel)


def read_spec(
    model: type[S], kind: str, word: str, given: str | Path | Mapping[str, Any]
) -> tuple[S, Document, Path | None]:
    """Return what a file says, the document it was read from, and the file.

    Args:
        model: of the content.
        kind: of shipped files, as in `accel-sim list KIND`.
        word: for content that is in no file.
        given: a file, the name of a shipped one, or the content of a file as a dict.

    Raises:
        InputError: anything that is not as it must be, with its line.
    """
    if isinstance(given, Mapping):
        document, path = Document(word, dict(given), {}), None
    else:
        path = zoo.find(kind, given)
        document = load_document(path)
    if not isinstance(document.data, dict):
        raise document.error((), "must be a mapping of keys to values")
    return check(model, document), document, path


def read_sweep(sweep: str | Path | Mapping[str, Any]) -> tuple[SweepSpec, Document, Path | None]:
    """Return a sweep, the document it was read from, and its file; see `read_spec`."""
    return read_spec(SweepSpec, "sweeps", "sweep", sweep)
