"""Convolutional networks as a model kind: `model_type: cnn` with an input, defaults and a list of layers.

    model:
      model_type: cnn
      input: [3, 224, 224]          # channels, height, width
      batch_norm: true              # of every convolution that does not say otherwise
      activation: relu              # likewise
      layers: [...]                 # see accel_sim.workload.cnn_layers

Batch normalization is folded into the convolution, whose operator then has a bias; its weights still count as
parameters.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, model_validator

from accel_sim.workload.cnn_layers import Activation, Extent, Item, Shape, layer_count, output_shape, some
from accel_sim.workload.cnn_lowering import Defaults, cnn_blocks, cnn_parameters
from accel_sim.workload.graph import Block, Parameter
from accel_sim.workload.model import INFERENCE_ONLY, AnyPhase, Dimension, Flag, Formats, ModelSpec
from accel_sim.workload.phases import Inference

MOST_LAYERS = 1024


class Cnn(ModelSpec):
    """A convolutional network."""

    phases: ClassVar[tuple[type[AnyPhase], ...]] = INFERENCE_ONLY

    model_type: Literal["cnn"]
    input: tuple[Dimension, Extent, Extent]
    layers: Annotated[tuple[Item, ...], AfterValidator(some)]
    batch_norm: Flag = False
    activation: Activation = "none"

    @property
    def family(self) -> str:
        """The kind's name."""
        return self.model_type

    @property
    def _defaults(self) -> Defaults:
        return Defaults(self.batch_norm, self.activation)

    @model_validator(mode="after")
    def _fits(self) -> Cnn:
        layers = layer_count(self.layers)
        if layers > MOST_LAYERS:
            raise ValueError(f"{layers} layers are too many (at most {MOST_LAYERS})")
        output_shape(self.layers, Shape(*self.input))
        return self

    def blocks(self, phase: AnyPhase, formats: Formats) -> tuple[Block, ...]:
        """Return the operators over a batch of images."""
        if isinstance(phase, Inference) and phase.sequence is not None:
            raise ValueError("phase.sequence has no meaning for images")
        return cnn_blocks(self.layers, Shape(*self.input), self._defaults, phase.batch, formats)

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the trained tensors, named by their place in the description."""
        return cnn_parameters(self.layers, Shape(*self.input), self._defaults)
