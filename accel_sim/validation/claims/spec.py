"""The file of a paper: its claims, the designs and workloads they speak of, and what is published."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from accel_sim.config import did_you_mean
from accel_sim.config.units import parse_quantity

# What a metric measures, by the end of its name.
DIMENSIONS = {"_s": "seconds", "_w": "watts"}
Certainty = Literal["abstract", "text", "table", "figure", "repository", "computed", "memory"]
Compare = Literal["baseline_over_design", "design_over_baseline", "value"]
Aggregate = Literal["min", "max", "mean", "geomean"]
Value = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Range = tuple[Value, Value]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _named(key: str) -> BeforeValidator:
    """Let a bare name stand for an entry that says nothing else."""
    return BeforeValidator(lambda value: {key: value} if isinstance(value, str) else value)


class DesignEntry(_Entry):
    """A design that claims speak of, under a name of the paper's file.

    Attributes:
        design: shipped name or file.
        settings: values by dotted path, `workload.` for those of the workload; `set` in the file.
        range: least and greatest value of settings that are not known better, which move together.
        absent: why there is no design, instead of one.
        note: what it stands for.
    """

    design: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict, alias="set")
    range: dict[str, tuple[Any, Any]] = Field(default_factory=dict)
    absent: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _one_of_both(self) -> DesignEntry:
        if (self.design is None) == (not self.absent):
            raise ValueError("needs either 'design' or 'absent'")
        return self


class WorkloadEntry(_Entry):
    """A workload that claims speak of; `set` holds values by their dotted path in the workload's file."""

    workload: str
    phase: dict[str, Any] = Field(default_factory=dict)
    settings: dict[str, Any] = Field(default_factory=dict, alias="set")
    note: str = ""


class Calibration(_Entry):
    """Something that was fixed on data, which then says nothing about a claim that rests on it."""

    what: str
    data: str


class Claim(_Entry):
    """A published result.

    Attributes:
        id: short name.
        statement: what is claimed, in our words.
        metric: name of a metric of a result; None for what no result has, with `unmeasured`.
        compare: `baseline_over_design` for a gain in something that should be small, `design_over_baseline` for
            one in something that should be large, `value` for the metric itself.
        design: ours, a name of the file's designs.
        baselines: what it is compared with; the first decides, the others stand beside it.
        workloads: names of the file's workloads.
        over: how one published figure comes from several workloads.
        published: a figure, the least and greatest of the workloads, or a figure for each of them; seconds
            and watts may have their units. A sentence where there is no metric.
        certainty: where the figure was read, or `memory`.
        source: table, figure or page.
        tolerance: part by which ours may miss the published figure; None shows the figures without a verdict.
        gated: whether a miss is a failure.
        explanation: why it does not reproduce, or what to know.
        unmeasured: why no metric stands for it.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]{0,79}$")]
    statement: str
    metric: str | None = None
    compare: Compare = "baseline_over_design"
    design: str | None = None
    baselines: tuple[str, ...] = ()
    workloads: tuple[str, ...] = ()
    over: Aggregate | None = None
    published: Value | Range | dict[str, Value] | str
    certainty: Certainty
    source: str
    tolerance: Annotated[float, Field(ge=0, lt=1)] | None = None
    gated: bool = False
    explanation: str = ""
    unmeasured: str = ""

    @model_validator(mode="before")
    @classmethod
    def _units(cls, data: Any) -> Any:
        metric = data.get("metric") if isinstance(data, dict) else None
        dimension = next((DIMENSIONS[end] for end in DIMENSIONS if str(metric).endswith(end)), None)
        if dimension is None or "published" not in data:
            return data
        return data | {"published": _in_si(data["published"], dimension)}

    @model_validator(mode="after")
    def _complete(self) -> Claim:
        if (self.metric is None) == (not self.unmeasured):
            raise ValueError("needs either 'metric' or 'unmeasured'")
        if self.gated and (self.tolerance is None or self.metric is None):
            raise ValueError("a gated claim needs a metric and a tolerance")
        if self.gated and self.certainty == "memory":
            raise ValueError("a figure from memory cannot be gated")
        if self.metric is not None:
            self._check_measured()
        return self

    def _check_measured(self) -> None:
        if self.design is None or not self.workloads:
            raise ValueError("a claim with a metric needs a design and workloads")
        if (self.compare == "value") != (not self.baselines):
            raise ValueError(f"compare = {self.compare} and baselines do not go together")
        if isinstance(self.published, str):
            raise ValueError("a claim with a metric is published as numbers")
        if isinstance(self.published, float) and self.over is None and len(self.workloads) > 1:
            raise ValueError("one figure for several workloads needs 'over'")
        if isinstance(self.published, dict):
            for name in self.published:
                if name not in self.workloads:
                    raise ValueError(
                        f"'{name}' is not one of its workloads{did_you_mean(name, self.workloads)}"
                    )


class Paper(_Entry):
    """A paper and its claims.

    Attributes:
        title, venue, year, url: of the paper.
        description: a line for a list.
        fidelity: as of `simulate`.
        calibrated_on: what was fixed on data, and on which.
        designs, workloads: by the names that claims use.
        claims: in the order of the table.
    """

    title: str
    venue: str
    year: int = Field(ge=1940, le=2100)
    url: str
    description: str
    fidelity: str = "tile"
    calibrated_on: tuple[Calibration, ...] = ()
    designs: dict[str, Annotated[DesignEntry, _named("design")]] = Field(min_length=1)
    workloads: dict[str, Annotated[WorkloadEntry, _named("workload")]] = Field(default_factory=dict)
    claims: tuple[Claim, ...] = Field(min_length=1)


def _in_si(value: Any, dimension: str) -> Any:
    """Return quantities with units as numbers, wherever they stand in a published value."""
    if isinstance(value, dict):
        return {key: _in_si(item, dimension) for key, item in value.items()}
    if isinstance(value, list):
        return [_in_si(item, dimension) for item in value]
    return parse_quantity(value, dimension) if isinstance(value, str) else value
