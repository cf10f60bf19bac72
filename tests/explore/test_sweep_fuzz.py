"""Any sweep file either has a plan or gets one line of error."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.config import Document, InputError, check
from accel_sim.explore.plan import plan_sweep
from accel_sim.explore.spec import SweepSpec

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 40),
    st.floats(),
    st.sampled_from(["", "32 MiB", "os_16x16", "é\n"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.sampled_from(["pow2", "range", "x"]), v),
    max_leaves=4,
)
OF_DESIGN = "npu.rows/npu.columns/npu.rows, npu.columns/npu/clock/name/npu.x/x.y//,/dram.channels"
OF_WORKLOAD = "workload.phase.batch/workload.phase.phase/workload.phase/workload.x/workload./workload.gemms.0.m"
PATHS = st.sampled_from([*OF_DESIGN.split("/"), *OF_WORKLOAD.split("/")])
GRIDS = st.dictionaries(PATHS, VALUES | st.lists(SCALARS, min_size=1, max_size=3), max_size=3)
DESIGNS = st.one_of(
    st.just("os_16x16"),
    st.fixed_dictionaries(
        {"design": st.just("os_16x16")}, optional={"set": GRIDS, "grid": GRIDS, "name": SCALARS}
    ),
    VALUES,
)
PHASES = VALUES | st.sampled_from(["inference", "decode", {"phase": "inference", "batch": 2}])
WORKLOADS = st.one_of(
    st.just("gemm_sweep"),
    st.fixed_dictionaries(
        {"workload": st.just("gemm_sweep")}, optional={"set": GRIDS, "grid": GRIDS, "phase": PHASES}
    ),
    VALUES,
)
BOUNDS = st.fixed_dictionaries({}, optional={"min": SCALARS, "max": SCALARS})
METRICS = st.sampled_from(["latency_s", "area_mm2", "x"])
SWEEPS = st.fixed_dictionaries(
    {
        "name": st.just("x"),
        "designs": st.lists(DESIGNS, max_size=2),
        "workloads": st.lists(WORKLOADS, max_size=2),
    },
    optional={
        "grid": GRIDS | VALUES,
        "metrics": st.lists(METRICS, max_size=2) | VALUES,
        "constraints": st.dictionaries(METRICS, BOUNDS, max_size=2) | VALUES,
        "fidelity": st.sampled_from(["tile", "roofline", "x"]),
        "output": VALUES,
    },
)


@settings(max_examples=250, deadline=None)
@given(SWEEPS)
def test_a_sweep_is_planned_or_explained(content):
    document = Document("f.yaml", content, {})
    try:
        plan = plan_sweep(check(SweepSpec, document), document, None)
    except InputError as error:
        assert str(error).isprintable()
        return
    for point in plan.points:
        assert (point.error is None) == bool(point.key)
        assert set(point.inputs) <= set(plan.columns)
        assert point.error is None or point.error.isprintable()
