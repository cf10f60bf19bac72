"""`python -m accel_sim` is the command line."""

from accel_sim.cli import main

if __name__ == "__main__":
    main()
