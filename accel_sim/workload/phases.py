"""Phases: which part of a model's use is simulated, and for how much of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

# Beyond these a token or image count is a typing mistake; they keep every product inside int64.
Batch = Annotated[int, Field(gt=0, le=2**20, strict=True)]
Tokens = Annotated[int, Field(gt=0, le=2**24, strict=True)]


class _Phase(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Prefill(_Phase):
    """The first pass over prompts: `sequence` new tokens in each of `batch` sequences."""

    phase: Literal["prefill"] = "prefill"
    batch: Batch = 1
    sequence: Tokens = 2048


class Decode(_Phase):
    """One new token in each of `batch` sequences, `context` tokens being visible (the new one included)."""

    phase: Literal["decode"] = "decode"
    batch: Batch = 1
    context: Tokens = 2048


class Generate(_Phase):
    """A prefill of `prompt` tokens, which makes the first new one, then `output` - 1 decode steps."""

    phase: Literal["generate"] = "generate"
    batch: Batch = 1
    prompt: Tokens = 512
    output: Tokens = 128

    @model_validator(mode="after")
    def _fits(self) -> Generate:
        if self.prompt + self.output > 2**24:
            raise ValueError("prompt and output together must not exceed 16777216 tokens")
        return self

    @property
    def prefill(self) -> Prefill:
        """The first stage."""
        return Prefill(batch=self.batch, sequence=self.prompt)

    @property
    def contexts(self) -> range:
        """The context of each decode step, in order; empty when one token is asked for."""
        return range(self.prompt + 1, self.prompt + self.output)

    def decode(self, context: int) -> Decode:
        """Return the decode step at one of the `contexts`."""
        return Decode(batch=self.batch, context=context)


class Inference(_Phase):
    """One pass of a vision model or encoder (or of a plain operator list) over `batch` inputs."""

    phase: Literal["inference"] = "inference"
    batch: Batch = 1
    sequence: Tokens | None = None


Phase = Annotated[Prefill | Decode | Generate | Inference, Field(discriminator="phase")]
PHASES: dict[str, type[Prefill | Decode | Generate | Inference]] = {
    "prefill": Prefill,
    "decode": Decode,
    "generate": Generate,
    "inference": Inference,
}
