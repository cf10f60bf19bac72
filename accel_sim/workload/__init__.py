"""Workloads: operators, number formats, phases, and the lowering of model configurations to graphs.

workload = load_workload("llama3_8b", phase=Decode(batch=8, context=4096))
graph = lower(workload)
graph.macs, parameter_count(workload), kv_cache_bytes_per_token(workload)
"""

from accel_sim.workload.graph import Block, Graph, Parameter
from accel_sim.workload.load import load_workload
from accel_sim.workload.model import Formats, ModelSpec
from accel_sim.workload.phases import Decode, Generate, Inference, Prefill
from accel_sim.workload.workload import (
    Published,
    Workload,
    kv_cache_bytes,
    kv_cache_bytes_per_token,
    lower,
    parameter_count,
    parameters,
)

__all__ = [
    "Block",
    "Decode",
    "Formats",
    "Generate",
    "Graph",
    "Inference",
    "ModelSpec",
    "Parameter",
    "Prefill",
    "Published",
    "Workload",
    "kv_cache_bytes",
    "kv_cache_bytes_per_token",
    "load_workload",
    "lower",
    "parameter_count",
    "parameters",
]
