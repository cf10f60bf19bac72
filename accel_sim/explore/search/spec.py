"""The search file: what it may say, and how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from accel_sim.config import Document
from accel_sim.config.errors import did_you_mean
from accel_sim.explore.search.ladder import SHARE
from accel_sim.explore.spec import Bound, DesignEntry, Name, OutputSpec, WorkloadEntry, named, read_spec

SAMPLERS = ("auto", "random", "qmc", "grid", "nsga2", "nsga3", "tpe", "cmaes", "gp")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _no_grid(entry: DesignEntry | WorkloadEntry) -> None:
    if entry.grid:
        raise ValueError("'grid' belongs to a sweep; what a search varies stands under 'space'")


class WeightedWorkload(_Part):
    """A workload of a search: an entry as of a sweep, and how much it counts.

    Attributes:
        entry: the workload.
        weight: how often it runs in the mix of all.
    """

    entry: WorkloadEntry
    weight: float = Field(1.0, gt=0, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, value: Any) -> Any:
        """Take `weight` out of a workload as a file writes it."""
        if isinstance(value, str):
            return {"entry": {"workload": value}}
        if isinstance(value, dict) and "entry" not in value:
            own = {key: part for key, part in value.items() if key != "weight"}
            return {"entry": own, **({"weight": value["weight"]} if "weight" in value else {})}
        return value

    @model_validator(mode="after")
    def _plain(self) -> WeightedWorkload:
        _no_grid(self.entry)
        return self


class Baseline(_Part):
    """A design to compare with.

    Attributes:
        design: shipped name or file; the design of the search where not given.
        settings: values by dotted path; `set` in the file.
    """

    design: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict, alias="set")


class SearchOptions(_Part):
    """How to search.

    Attributes:
        sampler: one of SAMPLERS.
        settings: of the sampler.
        budget: distinct designs to evaluate; baselines come on top.
        seed: of everything that is random.
        batch: designs that are proposed together; results depend on it, and not on the number of workers.
        in_flight: batches that may be under way at once; with 2 a sampler proposes while workers evaluate, one
            batch behind.
    """

    sampler: str = "auto"
    settings: dict[str, Any] = Field(default_factory=dict)
    budget: int = Field(500, gt=0, le=10_000_000, strict=True)
    seed: int = Field(0, ge=0, lt=2**63, strict=True)
    batch: int | None = Field(None, gt=0, le=10_000, strict=True)
    in_flight: int = Field(1, ge=1, le=8, strict=True)

    @model_validator(mode="after")
    def _known(self) -> SearchOptions:
        if self.sampler not in SAMPLERS:
            raise ValueError(f"sampler '{self.sampler}' is not known{did_you_mean(self.sampler, SAMPLERS)}")
        return self


class Fidelities(_Part):
    """At which fidelities a search evaluates; see `ladder`. A file may also give one name, or three in order.

    Attributes:
        screen: of every candidate; the best share of each batch goes on. None: all go on.
        search: in which objectives are compared and reported, and which the budget counts.
        confirm: of the front, when the search is over.
        promote: the share.
    """

    screen: str | None = None
    search: str = "tile"
    confirm: str | None = None
    promote: float = Field(SHARE, gt=0, le=1, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"search": value}
        if isinstance(value, list):
            if len(value) != 3:
                raise ValueError("a list is [screen, search, confirm]; name those that there are")
            return dict(zip(("screen", "search", "confirm"), value, strict=True))
        return value

    @property
    def names(self) -> dict[str, str]:
        """What is used for what, in the order of use."""
        named = {"screen": self.screen, "search": self.search, "confirm": self.confirm}
        return {use: name for use, name in named.items() if name is not None}


class SearchSpec(_Part):
    """A search.

    Attributes:
        name, description: of the search.
        design, designs: the design whose parameters are searched; of several, which one is a parameter too,
            called `design`.
        workloads: every candidate runs all of them.
        space: parameters by dotted path; see `space`.
        constraints: expressions over parameters that must hold; what breaks one is never simulated.
        baselines: designs that are evaluated first, by name.
        objectives: `min` or `max` of metrics, or of expressions of them.
        limits: bounds on metrics, or on expressions of them.
        search: how to search.
        fidelity: as of `simulate`, or several.
        output: where the results go.
    """

    name: Name
    description: str = ""
    design: Annotated[DesignEntry, named("design")] | None = None
    designs: list[Annotated[DesignEntry, named("design")]] = Field(default_factory=list)
    workloads: list[WeightedWorkload] = Field(min_length=1)
    space: dict[str, Any] = Field(min_length=1)
    constraints: list[Any] = Field(default_factory=list)
    baselines: dict[str, Annotated[Baseline, named("design")]] = Field(default_factory=dict)
    objectives: dict[str, Literal["min", "max"]] = Field(min_length=1)
    limits: dict[str, Bound] = Field(default_factory=dict)
    search: SearchOptions = SearchOptions()
    fidelity: Fidelities = Fidelities()
    output: OutputSpec = OutputSpec()

    @model_validator(mode="after")
    def _one_or_several(self) -> SearchSpec:
        if (self.design is None) == (not self.designs):
            raise ValueError("needs 'design' or 'designs'")
        for entry in self.all_designs:
            _no_grid(entry)
        return self

    @property
    def all_designs(self) -> list[DesignEntry]:
        """The design, or the designs."""
        return [self.design] if self.design is not None else self.designs

    @property
    def folder(self) -> Path:
        """Where the results go."""
        return Path(self.output.folder or f"results/{self.name}")


def read_search(search: str | Path | Mapping[str, Any]) -> tuple[SearchSpec, Document, Path | None]:
    """Return a search, the document it was read from, and its file; see `read_spec`."""
    return read_spec(SearchSpec, "searches", "search", search)
