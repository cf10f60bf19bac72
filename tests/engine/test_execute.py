"""Running programs: errors, limits, the trace, and what an import costs."""

import subprocess
import sys

import numpy as np
import pytest

from accel_sim.config.errors import RunError
from accel_sim.engine.execute import execute, trace
from accel_sim.engine.program import ProgramBuilder


def loop_of_tasks(n):
    builder = ProgramBuilder()
    stream = builder.stream("compute")
    stream.loop(n)
    builder.task(stream, builder.unit("array"), ticks=7, mark=True)
    stream.end()
    return builder


def test_the_timeline_tells_what_each_task_did():
    timeline = execute(loop_of_tasks(100), tags=2)
    assert timeline.total_ticks == 700
    assert timeline.busy_ticks.tolist() == [700]
    assert timeline.executions.sum() == 100
    assert timeline.elapsed_ticks.tolist() == [700, 0]
    assert timeline.task_tag.tolist() == [0]
    assert timeline.task_resource.tolist() == [0]
    assert timeline.resource_names == ("array",)
    assert timeline.steps <= 100


def test_a_program_without_work_takes_no_time():
    assert execute(ProgramBuilder(), tags=1).total_ticks == 0
    assert list(trace(ProgramBuilder(), tags=1, rows_per_chunk=1)) == []


def test_a_deadlock_names_the_streams_their_tasks_and_the_tokens():
    builder = ProgramBuilder()
    array, rows, columns = builder.unit("array"), builder.token(1), builder.token()
    a, b, done = builder.stream("loader"), builder.stream("array feeder"), builder.stream("done")
    builder.task(a, array, 5)
    builder.task(a, array, 5, waits=[(columns, 1)], posts=[(rows, 2)])
    builder.task(b, array, 5, waits=[(rows, 2)], posts=[(columns, 1)])
    builder.task(done, array, 5)
    with pytest.raises(RunError) as error:
        execute(builder, tags=1)
    assert str(error.value) == (
        "deadlock at tick 10: stream loader waits in task 1 for 1 of token 1, which has 0 and comes from array "
        "feeder; stream array feeder waits in task 2 for 2 of token 0, which has 1 and comes from loader"
    )


def test_a_deadlock_of_many_streams_names_a_few():
    builder = ProgramBuilder()
    token = builder.token()
    for number in range(10):
        builder.task(builder.stream(f"stream {number}"), waits=[(token, 1)])
    with pytest.raises(
        RunError, match=r"token 0, which has 0 and comes from nowhere; and 6 more streams wait$"
    ):
        execute(builder, tags=1)


def test_the_step_limit_ends_a_run_that_is_too_long():
    with pytest.raises(RunError, match="not finished after 50 steps, at tick 350"):
        execute(loop_of_tasks(100), tags=1, fold=False, step_limit=50)
    assert execute(loop_of_tasks(100), tags=1, fold=False, step_limit=100).total_ticks == 700


@pytest.mark.parametrize("rows_per_chunk", [1, 7, 65536])
def test_the_trace_comes_in_chunks_and_misses_nothing(rows_per_chunk):
    chunks = list(trace(loop_of_tasks(100), tags=1, rows_per_chunk=rows_per_chunk))
    assert all(0 < len(chunk) <= rows_per_chunk + 2 for chunk in chunks)
    expected = [(0, 0, 7 * i, 7 * i + 7) for i in range(100)]
    np.testing.assert_array_equal(np.concatenate(chunks), expected)


def test_a_trace_of_a_deadlock_ends_with_the_error():
    builder = loop_of_tasks(3)
    builder.task(builder.streams[0], waits=[(builder.token(), 1)])
    rows = []
    with pytest.raises(RunError, match="deadlock at tick 21"):
        rows.extend(trace(builder, tags=1, rows_per_chunk=1))
    assert sum(map(len, rows)) >= 2


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda b, s: b.task(s, loops=(0, -1, -1)), "0 are open"),
        (lambda b, s: b.task(s, table=[1, 2], table_loop=0), "0 are open"),
        (lambda b, s: b.task(s, waits=[(0, 1), (0, 2)]), "twice"),
        (lambda b, s: s.loop(3, slope=1), "slope = 1"),
        (lambda b, s: [s.loop(2) for _ in range(8)], "7 deep"),
        (lambda b, s: (s.loop(2), b.build()), "still open"),
    ],
)
def test_a_program_that_cannot_be_meant_is_refused(write, message):
    builder = ProgramBuilder()
    builder.token()
    with pytest.raises(ValueError, match=message):
        write(builder, builder.stream("compute"))


def test_importing_the_engine_does_not_import_numba():
    code = "import sys, accel_sim.engine.execute; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
