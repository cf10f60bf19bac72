"""What is skipped in whole models on many designs changes nothing: folded is unfolded, to the tick."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accel_sim.engine.execute import execute
from accel_sim.hardware.design import load_design
from accel_sim.mapping.compile import compile_graph
from accel_sim.mapping.machine import resolve
from accel_sim.workload import Decode, Inference, Prefill, load_workload, lower

PHASES = {
    "llama3_2_1b": st.one_of(
        st.builds(Decode, batch=st.integers(1, 64), context=st.integers(16, 4096)),
        st.builds(Prefill, sequence=st.integers(1, 512)),
    ),
    "resnet18": st.builds(Inference, batch=st.integers(1, 4)),
}
SIZES = st.fixed_dictionaries(
    {
        "npu.rows": st.sampled_from([32, 64, 100, 128, 256]),
        "npu.columns": st.sampled_from([32, 64, 100, 128, 256]),
        "npu.count": st.sampled_from([1, 4, 8, 16]),
        "scratchpad.capacity": st.sampled_from(["2 MiB", "8 MiB", "32 MiB"]),
        "dram.channels": st.integers(2, 64),
    }
)


@pytest.mark.parametrize("workload", PHASES)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_skipping_changes_nothing_in_a_model_on_any_design(workload, data):
    design = load_design("npu_128x128_hbm", data.draw(SIZES))
    graph = lower(load_workload(workload, phase=data.draw(PHASES[workload])))
    compiled = compile_graph(graph, resolve(design))
    folded, plain = (execute(compiled.builder, len(compiled.mapped), fold=fold) for fold in (True, False))
    assert folded.total_ticks == plain.total_ticks
    for name in ("executions", "busy_ticks", "elapsed_ticks"):
        np.testing.assert_array_equal(getattr(folded, name), getattr(plain, name))
    assert folded.steps <= plain.steps


def test_the_tiles_of_a_decode_step_whose_loads_run_ahead_take_few_steps():
    graph = lower(load_workload("llama3_8b", phase=Decode(batch=8, context=2048)))
    compiled = compile_graph(graph, resolve(load_design("npu_128x128_hbm")))
    timeline = execute(compiled.builder, len(compiled.mapped))
    assert timeline.executions.sum() > 50_000
    assert timeline.steps < 10_000
