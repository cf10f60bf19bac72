"""The lottery file: what it may say, and how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from accel_sim.config import Document
from accel_sim.config.errors import did_you_mean
from accel_sim.explore.search.spec import SAMPLERS
from accel_sim.explore.spec import Bound, Name, OutputSpec, named, read_spec

# What all others are compared with.
RANDOM = "random"
CONTESTANTS = tuple(name for name in SAMPLERS if name != "auto")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class ProblemEntry(_Part):
    """Something that all contestants search.

    Attributes:
        search: a search file, the name of a shipped search, or the content of one; its space, objectives and
            limits hold, its sampler, budget and baselines do not.
        table: a CSV file of designs, a folder of results, or the name of a shipped table.
        where: values of columns that a row of the table must have.
        inputs, metrics: columns by role, as of `design_table.read_table`.
        objectives, limits: over the metrics of the table, as of a search file.
        model: kind of regression that answers for the combinations which the table does not have.
    """

    search: str | dict[str, Any] | None = None
    table: str | None = None
    where: dict[str, Any] = Field(default_factory=dict)
    inputs: list[str] | None = None
    metrics: list[str] | None = None
    objectives: dict[str, Literal["min", "max"]] = Field(default_factory=dict)
    limits: dict[str, Bound] = Field(default_factory=dict)
    model: str | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> ProblemEntry:
        if (self.search is None) == (self.table is None):
            raise ValueError("needs 'search' or 'table'")
        if self.search is None:
            if not self.objectives:
                raise ValueError("a table needs 'objectives'")
            return self
        for name in ("where", "inputs", "metrics", "objectives", "limits", "model"):
            if getattr(self, name):
                raise ValueError(f"'{name}' belongs to a table")
        return self


class ContestantEntry(_Part):
    """A sampler, once for each combination of its settings.

    Attributes:
        sampler: any but `auto`.
        settings: of the sampler; a list is an axis.
        batch: designs that are proposed together; the sampler's own default where not given.
    """

    sampler: str
    settings: dict[str, Any] = Field(default_factory=dict)
    batch: int | None = Field(None, gt=0, le=10_000, strict=True)

    @model_validator(mode="after")
    def _known(self) -> ContestantEntry:
        if self.sampler not in CONTESTANTS:
            raise ValueError(f"sampler '{self.sampler}' is not known{did_you_mean(self.sampler, CONTESTANTS)}")
        for name, value in self.settings.items():
            if value == []:
                raise ValueError(f"settings.{name}: an empty list")
        return self


class LotterySpec(_Part):
    """A lottery.

    Attributes:
        name, description: of the lottery.
        problems: by name; every contestant searches each.
        contestants: one of them is `random`, with which the others are compared.
        seeds: runs of each contestant on each problem, with seeds from 0.
        budget: distinct designs of each run.
        checkpoints: numbers of distinct designs at which contestants are compared; a quarter, half and all of
            the budget where not given.
        base: random designs of each problem that are evaluated to know its base rate; all designs of a
            space that has no more.
        tolerance: losses up to it are equal in all tests, and a run that has one has reached the best.
        output: where the results go.
    """

    name: Name
    description: str = ""
    problems: dict[str, ProblemEntry] = Field(min_length=1)
    contestants: list[Annotated[ContestantEntry, named("sampler")]] = Field(min_length=2)
    seeds: int = Field(10, ge=2, le=10_000, strict=True)
    budget: int = Field(100, ge=2, le=1_000_000, strict=True)
    checkpoints: list[int] = Field(default_factory=list)
    base: int = Field(2_000, ge=10, le=1_000_000, strict=True)
    tolerance: float = Field(0.01, ge=0, lt=1)
    output: OutputSpec = OutputSpec()

    @model_validator(mode="after")
    def _sound(self) -> LotterySpec:
        if all(entry.sampler != RANDOM for entry in self.contestants):
            raise ValueError(f"contestants: needs '{RANDOM}', with which the others are compared")
        for before, after in zip([0, *self.checkpoints], [*self.checkpoints, self.budget + 1], strict=True):
            if before >= after:
                raise ValueError(f"checkpoints: must rise from 1 to at most the budget, {self.budget}")
        return self

    @property
    def marks(self) -> tuple[int, ...]:
        """The checkpoints; the last one is never beyond the budget."""
        quarters = (self.budget // 4, self.budget // 2, self.budget)
        return tuple(self.checkpoints) or tuple(sorted({mark for mark in quarters if mark}))

    @property
    def folder(self) -> Path:
        """Where the results go."""
        return Path(self.output.folder or f"results/{self.name}")


def read_lottery(lottery: str | Path | Mapping[str, Any]) -> tuple[LotterySpec, Document, Path | None]:
    """Return a lottery, the document it was read from, and its file; see `read_spec`."""
    return read_spec(LotterySpec, "lotteries", "lottery", lottery)
