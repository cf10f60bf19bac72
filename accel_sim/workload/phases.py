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
    """One step that makes one token in each of `batch` sequences, `context` tokens being visible (new one included)."""

    phase: Literal["decode"] = "decode"
    batch: Batch = 1
    context: Tokens = 2048


class Generate(_Phase):
    """A prefill of `prompt` tokens, then `output` - 1 decode steps at growing context."""

    phase: Literal["generate"] = "generate"
    batch: Batch = 1
    prompt: Tokens = 512
    output: Tokens = 128

    @model_validator(mode="after")
    def _fits(self) -> Generate:
        if self.prompt + self.output > 2**24:
            raise ValueError("prompt and output together must not exceed 16777216 tokens")
        return self


class Inference(_Phase):
    """One pass of a vision model or encoder (or of a plain operator list) over `batch` inputs."""

    phase: Literal["inference"] = "inference"
    batch: Batch = 1
    sequence: Annotated[int, Field(gt=0, le=2**24, strict=True)] | None = None


Phase = Annotated[Prefill | Decode | Generate | Inference, Field(discriminator="phase")]
PHASES = {"prefill": Prefill, "decode": Decode, "generate": Generate, "inference": Inference}
