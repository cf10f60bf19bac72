"""Workloads: operators, number formats, phases, and the lowering of model configurations to graphs."""
