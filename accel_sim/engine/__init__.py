"""The engine: programs of timed tasks over shared resources, and the machine that runs them."""
