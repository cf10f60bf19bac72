"""What tests of this package and of components from outside it share: small chips, a conformance suite."""

from accel_sim.testing.chips import SMALL_CHIP, small_chip
from accel_sim.testing.conformance import check_component

__all__ = ["SMALL_CHIP", "check_component", "small_chip"]
