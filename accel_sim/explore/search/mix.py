"""Metrics of several workloads that run one after the other, each as often as its weight says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# What adds up over workloads; everything else is a rate.
ADDITIVE = ("latency_s", "cycles", "energy_j", "dynamic_energy_j", "leakage_energy_j", "macs", "memory_bytes")


def mixed(parts: Sequence[Mapping[str, float]], weights: Sequence[float]) -> dict[str, float]:
    """Return the metrics of a mix under the names that a single workload has.

    Seconds, joules, operations and bytes are weighted sums. Power, tokens per second, operations per second and
    per joule, and the product of energy and latency are those of the sums. The area is that of the design.
    Any other metric, such as the utilization, is the mean over the time.
    """
    if len(parts) == 1 and weights[0] == 1:
        return dict(parts[0])
    sums = {
        name: sum(weight * part[name] for part, weight in zip(parts, weights, strict=True))
        for name in ADDITIVE
        if all(name in part for part in parts)
    }
    seconds = [weight * part["latency_s"] for part, weight in zip(parts, weights, strict=True)]
    total = sum(seconds)
    result = dict(sums)
    for name in parts[0]:
        if name in result or any(name not in part for part in parts):
            continue
        timed = zip(parts, seconds, strict=True)
        result[name] = sum(part[name] * share for part, share in timed) / total if total else 0.0
    result["area_mm2"] = parts[0]["area_mm2"]
    result["power_w"] = sums["energy_j"] / total if total else 0.0
    result["edp_j_s"] = sums["energy_j"] * total
    result["tops_per_w"] = 2e-12 * sums["macs"] / sums["energy_j"] if sums["energy_j"] else 0.0
    return {name: result[name] for name in parts[0] if name in result}
