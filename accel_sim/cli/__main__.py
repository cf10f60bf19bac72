"""`python -m accel_sim.cli` is `accel-sim`."""

import sys

from accel_sim.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
