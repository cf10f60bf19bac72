"""Mapping: from operators and a design to a program of tile streams."""
