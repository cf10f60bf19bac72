"""Exploring designs: sweeps over grids, their points kept in a store that survives a kill."""
