"""Where a sweep or search runs and writes, as its options say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from accel_sim.explore.pool import Opener, local_pool


@dataclass(frozen=True, slots=True)
class Where:
    """The options that sweeps and searches share; see `accel_sim.sweep`."""

    workers: int | None
    output: Path | None
    restart: bool
    cluster: str | None

    def opener(self) -> Opener:
        """Return what opens the place of the evaluations.

        Raises:
            InputError: dask.distributed is wanted and not installed.
        """
        if self.cluster is None:
            return local_pool
        from accel_sim.explore.cluster import dask_cluster

        return dask_cluster(self.cluster, self.workers)
