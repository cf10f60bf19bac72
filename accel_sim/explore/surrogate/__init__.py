"""Surrogates: models of the metrics of designs, fitted to what a sweep or a search has evaluated.

    from accel_sim.explore.surrogate import fit

    model = fit("results/quickstart", metrics=["latency_s", "energy_j"])
    model.predict([{"design": "edge_npu", ...}])["latency_s"]

`study` says how far one is to be trusted: errors on designs it has not seen, by several ways of not having seen
them, beside its speed.
"""

from accel_sim.explore.surrogate.errors import Errors, errors
from accel_sim.explore.surrogate.model import Surrogate, fit
from accel_sim.explore.surrogate.study import Study, study

__all__ = ["Errors", "Study", "Surrogate", "errors", "fit", "study"]
