"""`python -m accel_sim` is `accel-sim`."""

import sys

from accel_sim.cli import main

if __name__ == "__main__":
    sys.exit(main())
