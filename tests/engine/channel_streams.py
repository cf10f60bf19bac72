"""Streams for channel tests: requests at given places, and random ones that make rows and addresses meet."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np

from accel_sim.engine.access_patterns import AccessStream
from accel_sim.hardware.dram import ResolvedPreset


def at_places(
    preset: ResolvedPreset,
    places: Sequence[dict[str, int]],
    writes: Sequence[bool],
    arrivals: Sequence[int] = (),
) -> AccessStream:
    """Return requests to the given fields, all offered at once or at the given clocks."""
    names = {name for name, _, _ in preset.mapping.fields}
    fields = {name: np.array([place.get(name, 0) for place in places]) for name in names}
    arrival = np.array(arrivals or [0] * len(places), np.int64)
    return AccessStream(preset.mapping.encode(fields), np.array(writes, bool), arrival, per_cycle=len(places))


def random_stream(random: Random, preset: ResolvedPreset, most: int = 200) -> AccessStream:
    """Return up to `most` requests over few rows and columns, in bursts and with gaps."""
    count = random.randrange(1, most)
    sizes = {name: 0 for name, _, _ in preset.mapping.fields}
    for name, bits, _ in preset.mapping.fields:
        sizes[name] += bits
    few = {"row": random.choice((1, 2, 3)), "column": random.choice((2, 4, 64))}
    fields = {
        name: np.array([random.randrange(min(1 << bits, few.get(name, 1 << bits))) for _ in range(count)])
        for name, bits in sizes.items()
    }
    share = random.choice((0.0, 0.3, 0.5, 1.0))
    write = np.array([random.random() < share for _ in range(count)])
    gap = random.choice((0, 0, 1, 7, 300))
    arrival = np.cumsum([random.randrange(gap + 1) for _ in range(count)]).astype(np.int64)
    return AccessStream(preset.mapping.encode(fields), write, arrival, per_cycle=random.choice((1, 2, 8)))
