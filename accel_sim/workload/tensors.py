"""Tensors: shape, format, where they live between operators, and what is known of their values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from accel_sim.workload.formats import TensorFormat


class Residency(Enum):
    """What a tensor is to the model, which decides where a mapping may keep it."""

    WEIGHT = "weight"  # constant over requests, in memory before the run
    ACTIVATION = "activation"  # made and used within the run
    KV_CACHE = "kv_cache"  # kept in memory between decode steps
    IO = "io"  # enters or leaves the model


@dataclass(frozen=True, slots=True)
class ValueStatistics:
    """What value-dependent hardware needs to know of a tensor; the default is dense, uniformly random values.

    Attributes:
        zero_fraction: fraction of elements that are exactly zero.
        digits_per_value: mean non-zero signed digits of an encoded value (bit-serial work); None = by format.
        n_of_m: structured sparsity as (N non-zeros, of M), None when unstructured.
    """

    zero_fraction: float = 0.0
    digits_per_value: float | None = None
    n_of_m: tuple[int, int] | None = None


DENSE = ValueStatistics()


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor by name. Operators are connected by the names of the tensors they read and write."""

    name: str
    shape: tuple[int, ...]
    format: TensorFormat
    residency: Residency = Residency.ACTIVATION
    statistics: ValueStatistics = DENSE

    @property
    def elements(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Bytes in memory, group scales included."""
        return self.format.bytes(self.elements)
