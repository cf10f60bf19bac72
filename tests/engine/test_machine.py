"""The machine against its slow twin, against closed forms, and against what must be conserved."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_programs import TAGS, prefetching_program, random_program
from twin import DeadlockError, Twin

from accel_sim.config.errors import RunError
from accel_sim.engine.execute import execute, trace
from accel_sim.engine.program import KIND, UNIT, ProgramBuilder

random_source = st.randoms(use_true_random=False)
many = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


def all_rows(builder, **options):
    return np.concatenate([np.empty((0, 4), int), *trace(builder, TAGS, **options)])


@many
@given(random_source)
def test_the_machine_does_what_its_twin_does(random):
    assert_same_as_twin(random_program(random))


@settings(many, max_examples=40)
@given(random_source)
def test_the_machine_does_what_its_twin_does_where_one_stream_runs_ahead(random):
    assert_same_as_twin(prefetching_program(random, most_layers=1))


def assert_same_as_twin(builder):
    try:
        twin = Twin(builder, TAGS).run()
    except DeadlockError as deadlock:
        with pytest.raises(RunError, match=f"deadlock at tick {deadlock}:"):
            execute(builder, TAGS)
        return
    for fold in (True, False):
        timeline = execute(builder, TAGS, fold=fold)
        assert timeline.total_ticks == twin.total_ticks
        np.testing.assert_array_equal(timeline.executions, twin.executions)
        np.testing.assert_array_equal(timeline.busy_ticks, twin.busy_ticks)
        np.testing.assert_array_equal(timeline.elapsed_ticks, twin.elapsed_ticks)
    assert sorted(map(tuple, all_rows(builder).tolist())) == sorted(twin.intervals)


@many
@given(random_source)
def test_what_must_be_conserved_is(random):
    builder = random_program(random)
    try:
        timeline = execute(builder, TAGS)
    except RunError:
        return
    program, _, _ = builder.build()
    for r in range(len(program.resource)):
        assert timeline.busy_ticks[timeline.task_resource == r].sum() <= timeline.total_ticks
    assert timeline.elapsed_ticks.sum() <= timeline.total_ticks
    regular = (program.task[:, 6] < 0) & (timeline.task_resource >= 0)
    np.testing.assert_array_equal(
        timeline.busy_ticks[regular], (timeline.executions * program.ticks).sum(axis=1)[regular]
    )
    rows = all_rows(builder, rows_per_chunk=7)
    assert rows.shape[0] == 0 or rows[:, 3].max() <= timeline.total_ticks
    for r, kind in enumerate(program.resource[:, KIND]):
        own = rows[timeline.task_resource[rows[:, 1]] == r]
        if kind == UNIT:
            assert (own[1:, 2] >= own[:-1, 3]).all()
            assert (own[:, 3] - own[:, 2]).sum() == timeline.busy_ticks[timeline.task_resource == r].sum()
        else:
            assert (own[1:, 3] > own[:-1, 3]).all()


@settings(max_examples=30, deadline=None)
@given(random_source)
def test_a_program_runs_the_same_way_every_time(random):
    builder = random_program(random)
    try:
        first, second = execute(builder, TAGS), execute(builder, TAGS)
    except RunError:
        return
    assert first.total_ticks == second.total_ticks
    assert first.steps == second.steps
    np.testing.assert_array_equal(first.elapsed_ticks, second.elapsed_ticks)


def double_buffered(n, load, compute, store, slots=2):
    builder = ProgramBuilder()
    read, write, array = builder.unit("read"), builder.unit("write"), builder.unit("array")
    free_in, full_in = builder.token(slots), builder.token()
    free_out, full_out = builder.token(slots), builder.token()
    for name, resource, ticks, waits, posts in (
        ("load", read, load, [(free_in, 1)], [(full_in, 1)]),
        ("compute", array, compute, [(full_in, 1), (free_out, 1)], [(free_in, 1), (full_out, 1)]),
        ("store", write, store, [(full_out, 1)], [(free_out, 1)]),
    ):
        stream = builder.stream(name)
        stream.loop(n)
        builder.task(stream, resource, ticks, waits=waits, posts=posts, mark=name == "store")
        stream.end()
    return builder


@pytest.mark.parametrize(
    ("load", "compute", "store"), [(7, 10, 3), (10, 7, 3), (3, 7, 10), (5, 5, 5), (1, 9, 9)]
)
@pytest.mark.parametrize("n", [1, 2, 3, 1000])
def test_double_buffering_takes_the_slowest_stage_for_each_tile_and_fill_and_drain(n, load, compute, store):
    timeline = execute(double_buffered(n, load, compute, store), 1)
    slowest = max(load, compute, store)
    assert timeline.total_ticks == (n - 1) * slowest + load + compute + store
    assert timeline.elapsed_ticks.tolist() == [timeline.total_ticks]


def test_a_single_buffer_serializes_load_and_compute():
    assert execute(double_buffered(100, 7, 10, 0, slots=1), 1).total_ticks == 100 * 17


def one_request_each(amounts, quantum, starts=None):
    """Streams that each put one request on a pipe, at their start ticks; return the trace's end ticks."""
    builder = ProgramBuilder()
    pipe = builder.pipe("link", quantum)
    for number, (ticks, start) in enumerate(zip(amounts, starts or [0] * len(amounts), strict=True)):
        stream = builder.stream(f"stream {number}")
        builder.task(stream, builder.unit(f"delay {number}"), start)
        builder.task(stream, pipe, ticks)
    rows = all_rows(builder)
    ends = {int(s): int(end) for s, task, _, end in rows if task % 2 == 1}
    return [ends[s] for s in range(len(amounts))]


def test_requests_share_a_pipe_by_turns_of_one_quantum():
    # Quanta of 4 in turns: a 0-4, b 4-8, a 8-12, b 12-14, a 14-16.
    assert one_request_each([10, 6], quantum=4) == [16, 14]
    # a 0-4, b 4-8, c 8-10, a 10-14, b 14-16, a 16-18.
    assert one_request_each([10, 6, 2], quantum=4) == [18, 16, 10]


def test_a_new_request_comes_before_the_next_turn_of_the_one_in_service():
    # b comes at 5, during a's second quantum: a 0-8, b 8-12, a 12-14, b 14-16.
    assert one_request_each([10, 6], quantum=4, starts=[0, 5]) == [14, 16]
    # At the boundary itself the newcomer is next as well: a 0-4, b 4-8, a 8-12, b 12-14, a 14-16.
    assert one_request_each([10, 6], quantum=4, starts=[0, 4]) == [16, 14]


def test_a_new_request_comes_after_those_that_wait_for_their_turn():
    # a 0-2 ends; b and c wait since 0, d comes at 2: b 2-6, c 6-10, d 10-14, b 14-15, c 15-16, d 16-17.
    assert one_request_each([2, 5, 5, 5], quantum=4, starts=[0, 0, 0, 2]) == [2, 15, 16, 17]


def test_a_unit_serves_who_asked_first_and_then_the_earlier_stream():
    builder = ProgramBuilder()
    unit = builder.unit("array")
    for number, start in enumerate([3, 2, 0, 3]):
        stream = builder.stream(f"stream {number}")
        builder.task(stream, builder.unit(f"delay {number}"), start)
        builder.task(stream, unit, 10)
    rows = all_rows(builder)
    assert rows[rows[:, 1] % 2 == 1][:, 0].tolist() == [2, 1, 0, 3]


def test_results_arrive_in_order_early_or_late():
    builder = ProgramBuilder()
    unit = builder.unit("array")
    token = builder.token()
    giver, taker = builder.stream("giver"), builder.stream("taker")
    builder.task(giver, unit, 10, result=20, posts=[(token, 1)])  # arrives at 30
    builder.task(
        giver, unit, 10, result=-15, posts=[(token, 1)]
    )  # would arrive at 10, but not before the first
    builder.task(taker, waits=[(token, 2)], mark=True)
    assert execute(builder, 1).elapsed_ticks.tolist() == [30]


def test_an_early_result_never_arrives_before_its_task_began():
    builder = ProgramBuilder()
    unit, token = builder.unit("array"), builder.token()
    giver, taker = builder.stream("giver"), builder.stream("taker")
    builder.task(giver, unit, 10)
    builder.task(giver, unit, 10, result=-50, posts=[(token, 1)])
    builder.task(taker, waits=[(token, 1)], mark=True)
    timeline = execute(builder, 1)
    assert (timeline.elapsed_ticks.tolist(), timeline.total_ticks) == ([10], 20)


def test_the_last_iteration_of_up_to_three_loops_has_amounts_of_its_own():
    builder = ProgramBuilder()
    unit, stream = builder.unit("array"), builder.stream("compute")
    for count in (3, 4, 5):
        stream.loop(count)
    builder.task(stream, unit, [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000], loops=(2, 1, 0))
    for _ in range(3):
        stream.end()
    # Bits 0, 1 and 2 of the variant: last of 5, last of 4, last of 3.
    timeline = execute(builder, 1)
    assert timeline.executions.tolist() == [[2 * 3 * 4, 2 * 3, 2 * 4, 2, 3 * 4, 3, 4, 1]]
    assert timeline.total_ticks == 24 + 60 + 800 + 2000 + 120_000 + 300_000 + 4_000_000 + 10_000_000


def test_a_triangular_nest_runs_its_inner_loop_as_often_as_the_outer_index_says():
    builder = ProgramBuilder()
    unit, stream = builder.unit("array"), builder.stream("compute")
    stream.loop(100)
    stream.loop(3, slope=2)
    builder.task(stream, unit, 5)
    stream.end()
    stream.end()
    timeline = execute(builder, 1)
    assert timeline.executions[0, 0] == sum(3 + 2 * i for i in range(100))
    assert timeline.total_ticks == 5 * timeline.executions[0, 0]


def test_a_table_gives_every_iteration_its_own_ticks():
    builder = ProgramBuilder()
    unit, stream = builder.unit("array"), builder.stream("compute")
    table = [(7 * i) % 13 for i in range(50)]
    stream.loop(50)
    stream.loop(4)
    builder.task(stream, unit, table=table, table_loop=0)
    stream.end()
    stream.end()
    assert execute(builder, 1).total_ticks == 4 * sum(table)
