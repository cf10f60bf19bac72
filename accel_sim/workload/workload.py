"""A workload: a model in one phase at given number formats, and what can be asked of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from pydantic import BaseModel, ConfigDict, Field

from accel_sim.config.errors import InputError
from accel_sim.workload.graph import Graph, Parameter
from accel_sim.workload.model import AnyPhase, Formats, ModelSpec
from accel_sim.workload.phases import Generate

# Counts of a graph are summed in int64 further down; nothing real comes within a factor of a thousand.
LARGEST_COUNT = 2**62


class Published(BaseModel):
    """What others publish about a model, to be shown beside our counts.

    Attributes:
        parameters: trained values.
        gmacs: dense multiply-accumulates of one input, in billions.
        source: where the figures are from.
        note: why ours differ, or what is counted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: int | None = Field(None, gt=0, strict=True)
    gmacs: float | None = Field(None, gt=0)
    source: str
    note: str = ""


@dataclass(frozen=True)
class Workload:
    """A model in one phase. Equal workloads are equal keys: `lower` remembers their graphs.

    Attributes:
        name: of the file it came from, or as the file says.
        description: a line for people.
        source: where the model's fields are from, and how certain they are.
        model: one of the model kinds; frozen.
        formats: number formats of its tensors.
        phase: which part of its use, and how much of it.
        published: figures of others, None when there are none.
    """

    name: str
    model: ModelSpec
    formats: Formats
    phase: AnyPhase
    description: str = ""
    source: str = ""
    published: Published | None = None

    def with_phase(self, phase: AnyPhase) -> Workload:
        """Return the workload in another phase.

        Raises:
            InputError: a phase that the model does not have.
        """
        if not isinstance(phase, self.model.phases):
            raise InputError(f"{self.name}: {phase_error(self.model, phase.phase)}")
        return replace(self, phase=phase)


def phase_error(model: ModelSpec, phase: str) -> str:
    """Return what is wrong with a phase that a model does not have."""
    allowed = ", ".join(kind.model_fields["phase"].default for kind in model.phases)
    return f"a model of family '{model.family}' has no phase '{phase}' (allowed: {allowed})"


@lru_cache(maxsize=1024)
def lower(workload: Workload) -> Graph:
    """Return the operators that one phase of the workload executes.

    Generation is many graphs: `workload.with_phase` of `Generate.prefill` and of `Generate.decode` at each of
    its `contexts`.

    Raises:
        InputError: phase `generate`, a phase the model cannot run, counts beyond 2**62.
    """
    phase = workload.phase
    if isinstance(phase, Generate):
        raise InputError(
            f"{workload.name}: phase 'generate' is lowered stage by stage, as prefill and decode steps"
        )
    try:
        blocks = workload.model.blocks(phase, workload.formats)
        notes = workload.model.notes(phase)
    except ValueError as error:
        raise InputError(f"{workload.name}: {error}") from None
    graph = Graph(f"{workload.name} {phase.phase}", blocks, tokens=phase.batch, notes=notes)
    _check_size(workload.name, graph)
    return graph


def _check_size(name: str, graph: Graph) -> None:
    bytes_touched = sum(
        tensor.bytes * repeat
        for operator, repeat in graph.operators()
        for tensor in (*operator.inputs, *operator.weights, operator.output)
    )
    for what, count in (("MACs", graph.macs), ("bytes", bytes_touched)):
        if count >= LARGEST_COUNT:
            raise InputError(f"{name}: {count:.3g} {what} are too many to count (at most {LARGEST_COUNT:.3g})")


def parameters(workload: Workload) -> tuple[Parameter, ...]:
    """Return the model's trained tensors as they stand in a checkpoint, those of equal layers with a count."""
    return workload.model.parameters()


def parameter_count(workload: Workload) -> int:
    """Return the number of trained values; a tied head counts once."""
    return sum(parameter.elements for parameter in parameters(workload))


def kv_cache_bytes_per_token(workload: Workload) -> int:
    """Return the bytes that a token adds to the KV cache, over all layers, while every window has room."""
    return workload.formats.kv_cache.bytes(workload.model.kv_elements(1))


def kv_cache_bytes(workload: Workload, context: int) -> int:
    """Return the bytes that a sequence of `context` tokens keeps; a window keeps no more than itself."""
    return workload.formats.kv_cache.bytes(workload.model.kv_elements(context))
