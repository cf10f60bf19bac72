"""Tables with known functions behind them, for the tests of surrogates."""

from __future__ import annotations

from typing import Any

import numpy as np

WORDS = ("open", "closed", "mixed")


def columns(count: int, seed: int = 0) -> dict[str, list[Any]]:
    """Return random designs of a power law with a factor for a word, and a metric that never changes."""
    random = np.random.default_rng(seed)
    rows = 2 ** random.integers(3, 11, count)
    share = random.uniform(0.5, 1.0, count)
    word = random.integers(0, 3, count)
    latency = 1e-3 / rows / share * np.array([1.0, 1.5, 4.0])[word]
    return {
        "npu.rows": rows.tolist(),
        "share": share.tolist(),
        "policy": [WORDS[w] for w in word],
        "fast": (share > 0.75).tolist(),
        "latency_s": latency.tolist(),
        "energy_j": (2.0 * rows**0.5 + share).tolist(),
        "area_mm2": [12.5] * count,
    }
