"""Base of the transformer families: from the fields of a Hugging Face configuration to a `TransformerSpec`.

A family is a pydantic class with the fields of its `config.json` that decide sizes or operators, and their
defaults in the Hugging Face library (from memory of its configuration classes, version 4.5x). Everything else
in a configuration file either has no effect here or is refused; `accel_sim.workload.hf` tells which.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field, model_validator

from accel_sim.workload.checkpoint import transformer_parameters
from accel_sim.workload.graph import Block, Parameter
from accel_sim.workload.layer import Run
from accel_sim.workload.lowering import transformer_blocks
from accel_sim.workload.model import DECODER_PHASES, AnyPhase, Formats, ModelSpec
from accel_sim.workload.phases import Decode, Inference, Prefill
from accel_sim.workload.transformer import TokenEmbedding, TransformerSpec

# Names of activation functions in configuration files, by the function an operator computes.
ACTIVATIONS = {
    "relu": "relu",
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "silu": "silu",
    "swish": "silu",
}
GATED_ACTIVATIONS = {name: "gelu" if "gelu" in name else "silu" for name in ACTIVATIONS if name != "relu"}


class TransformerFamily(ModelSpec):
    """A transformer described by the fields of its family's configuration file."""

    checkpoint_only: ClassVar[frozenset[str]] = frozenset()
    """Fields of this family's files that change neither sizes nor operators."""
    fixed: ClassVar[dict[str, Any]] = {}
    """Fields with the only value that is supported."""

    model_type: str = Field(strict=True)

    @property
    def family(self) -> str:
        """The `model_type`."""
        return self.model_type

    @abstractmethod
    def spec(self) -> TransformerSpec:
        """Return the normalised description.

        Raises:
            ValueError: fields that contradict each other.
        """

    @model_validator(mode="after")
    def _consistent(self) -> TransformerFamily:
        self.spec()
        return self

    def blocks(self, phase: AnyPhase, formats: Formats) -> tuple[Block, ...]:
        """Return embedding, layers and head for one phase."""
        return transformer_blocks(self.spec(), self.run(phase), formats)

    def run(self, phase: AnyPhase) -> Run:
        """Return how much of the model a phase runs."""
        if isinstance(phase, Prefill):
            return Run(phase.batch, phase.sequence, phase.sequence)
        assert isinstance(phase, Decode), "encoders say how they run; generation is lowered in its stages"
        return Run(phase.batch, 1, phase.context)

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the trained tensors under their names in the family's checkpoints."""
        return transformer_parameters(self.spec())

    def kv_elements(self, context: int) -> int:
        """Return the cached values of one sequence; a layer with a window keeps no more than the window."""
        spec = self.spec()
        return sum(spec.kv_width * min(context, layer.window or context) for layer in spec.layers)

    def notes(self, phase: AnyPhase) -> tuple[str, ...]:
        """Return what a person should know: more tokens than learned positions."""
        embedding = self.spec().embedding
        positions = embedding.positions if isinstance(embedding, TokenEmbedding) else 0
        context = self.run(phase).context
        if positions and context > positions:
            return (f"{context} tokens are more than the {positions} learned positions of the model",)
        return ()


class Decoder(TransformerFamily):
    """A family of autoregressive language models."""

    phases: ClassVar[tuple[type[AnyPhase], ...]] = DECODER_PHASES


class Encoder(TransformerFamily):
    """A family that reads its whole input at once."""

    @abstractmethod
    def sequence(self, asked: int | None) -> int:
        """Return the tokens of one input; `asked` is what the phase says, None when it says nothing."""

    def run(self, phase: AnyPhase) -> Run:
        """Return a run over whole inputs."""
        assert isinstance(phase, Inference), "an encoder has one phase"
        tokens = self.sequence(phase.sequence)
        return Run(phase.batch, tokens, tokens)


def head_dim(hidden: int, heads: int, given: int | None = None) -> int:
    """Return the width of a head: as given, or an equal share of the hidden width.

    Raises:
        ValueError: the hidden width has no equal shares.
    """
    if given is not None:
        return given
    if hidden % heads:
        raise ValueError(f"the hidden width {hidden} is not a multiple of the {heads} attention heads")
    return hidden // heads


def grouped(heads: int, kv_heads: int | None) -> int:
    """Return the number of key-value heads, as many as heads when not given.

    Raises:
        ValueError: the heads cannot share them evenly.
    """
    kv_heads = heads if kv_heads is None else kv_heads
    if heads % kv_heads:
        raise ValueError(f"num_attention_heads = {heads} is not a multiple of num_key_value_heads = {kv_heads}")
    return kv_heads


def rotated(dim: int, factor: float = 1.0) -> int:
    """Return how many values of a head of width `dim` rotary embedding turns.

    Raises:
        ValueError: not an even number, which rotation needs.
    """
    turned = int(dim * factor)
    if turned % 2 or not turned:
        raise ValueError(
            f"rotary embedding turns pairs of values, but {turned} of each head's {dim} are to be turned"
        )
    return turned


def activation(name: str, gated: bool = False) -> str:
    """Return the operator function of an activation's name in configuration files.

    Raises:
        ValueError: a function that is not supported.
    """
    table = GATED_ACTIVATIONS if gated else ACTIVATIONS
    if name not in table:
        raise ValueError(f"activation '{name}' is not supported (allowed: {', '.join(table)})")
    return table[name]


def windows(
    layers: int, window: int | None, layer_types: Sequence[str] | None, default: Sequence[bool]
) -> list[int]:
    """Return each layer's window in keys, 0 for full attention.

    `layer_types`, where given, says which layers slide; otherwise `default` does.

    Raises:
        ValueError: a list of the wrong length, a sliding layer without a window.
    """
    if layer_types is not None:
        if len(layer_types) != layers:
            raise ValueError(f"layer_types has {len(layer_types)} entries for {layers} layers")
        sliding: Sequence[bool] = [kind == "sliding_attention" for kind in layer_types]
    else:
        sliding = default
    if any(sliding) and window is None:
        raise ValueError("layers with sliding attention need a sliding_window")
    return [(window or 0) if slides else 0 for slides in sliding]
