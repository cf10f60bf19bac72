"""Published claims as data: `sweeps/papers/*.yaml`, read, run, and set beside what was published.

    from accel_sim.validation.claims import read_paper, reproduce

    for outcome in reproduce(read_paper("marlin")):
        print(outcome.claim.id, outcome.verdict)

`spec` says what a file may hold, `reading` resolves its names, `figures` makes one figure of several workloads,
`outcome` runs the claims.
"""

from accel_sim.validation.claims.outcome import Comparison, Outcome, reproduce
from accel_sim.validation.claims.reading import ClaimFile, read_paper
from accel_sim.validation.claims.spec import Claim, Paper

__all__ = ["Claim", "ClaimFile", "Comparison", "Outcome", "Paper", "read_paper", "reproduce"]
