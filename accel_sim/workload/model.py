"""What every kind of model offers: its phases, its blocks of operators, its parameters, its KV cache."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from accel_sim.workload.formats import (
    NumberFormatField,
    TensorFormat,
    TensorFormatField,
    number_format,
    tensor_format,
)
from accel_sim.workload.graph import Block, Parameter
from accel_sim.workload.phases import Decode, Generate, Inference, Prefill

# Dimensions beyond these bounds are typing mistakes: the widest layer and the longest vocabulary that anyone
# has published lie more than ten times below them.
Dimension = Annotated[int, Field(gt=0, le=2**20, strict=True)]
LayerCount = Annotated[int, Field(gt=0, le=1024, strict=True)]
LayerIndex = Annotated[int, Field(ge=0, le=1024, strict=True)]
Rows = Annotated[int, Field(gt=0, le=2**24, strict=True)]
Flag = StrictBool

AnyPhase = Prefill | Decode | Generate | Inference
DECODER_PHASES: tuple[type[AnyPhase], ...] = (Prefill, Decode, Generate)
INFERENCE_ONLY: tuple[type[AnyPhase], ...] = (Inference,)


class Formats(BaseModel):
    """Number formats of a model's tensors.

    Attributes:
        weights: matrices of linear and convolution layers, embedding tables included.
        activations: everything made during the run, and the vectors that are added to or scale it (biases,
            normalization weights), which quantized checkpoints keep in full precision.
        kv_cache: cached keys and values.
        accumulator: partial sums of matrix products.
        embeddings: embedding tables and language-model head, where they differ from `weights` (weight-only
            quantization usually leaves them alone).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: TensorFormatField = tensor_format("bf16")
    activations: TensorFormatField = tensor_format("bf16")
    kv_cache: TensorFormatField = tensor_format("bf16")
    accumulator: NumberFormatField = number_format("fp32")
    embeddings: TensorFormatField | None = None

    @property
    def embedding_table(self) -> TensorFormat:
        """Format of embedding tables and the language-model head."""
        return self.embeddings or self.weights


class ModelSpec(BaseModel, ABC):
    """A model as a person describes it: frozen, hashable, the fields of one family in each subclass."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    phases: ClassVar[tuple[type[AnyPhase], ...]] = INFERENCE_ONLY
    renamed: ClassVar[dict[str, str]] = {}
    """Other spellings of fields that files in the wild use, by what they stand for."""

    @property
    @abstractmethod
    def family(self) -> str:
        """Name of the architecture, for tables."""

    @abstractmethod
    def blocks(self, phase: AnyPhase, formats: Formats) -> tuple[Block, ...]:
        """Return the operators of one phase (never `generate`, which is many graphs).

        Raises:
            ValueError: a phase that this model cannot run as it is given.
        """

    @abstractmethod
    def parameters(self) -> tuple[Parameter, ...]:
        """Return the trained tensors as they stand in a checkpoint."""

    def kv_elements(self, context: int) -> int:
        """Return the cached values of one sequence of `context` tokens, over all layers."""
        return 0

    def notes(self, phase: AnyPhase) -> tuple[str, ...]:
        """Return sentences a person should know about this model in this phase."""
        return ()
