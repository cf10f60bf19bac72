"""Skipping periods changes nothing but the time it takes."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_programs import TAGS, prefetching_program, random_program

from accel_sim.config.errors import RunError
from accel_sim.engine.execute import execute
from accel_sim.engine.program import ProgramBuilder


def run_or_error(builder, *, fold):
    try:
        return execute(builder, TAGS, fold=fold)
    except RunError as error:
        return str(error)


def assert_folds_exactly(builder):
    """Run with and without skipping; return both timelines."""
    folded, unfolded = run_or_error(builder, fold=True), run_or_error(builder, fold=False)
    if isinstance(unfolded, str):
        assert folded == unfolded
        return folded, unfolded
    assert folded.total_ticks == unfolded.total_ticks
    np.testing.assert_array_equal(folded.executions, unfolded.executions)
    np.testing.assert_array_equal(folded.busy_ticks, unfolded.busy_ticks)
    np.testing.assert_array_equal(folded.elapsed_ticks, unfolded.elapsed_ticks)
    assert folded.steps <= unfolded.steps
    return folded, unfolded


def repeat(builder, stream, counts, *tasks):
    """Write `tasks`, the arguments of ProgramBuilder.task, into nested loops."""
    for count in counts:
        stream.loop(count)
    for resource, ticks, options in tasks:
        builder.task(stream, resource, ticks, **options)
    for _ in counts:
        stream.end()


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False), st.sampled_from([0, 0.05, 0.15]))
def test_a_folded_run_is_exact(random, irregular):
    assert_folds_exactly(random_program(random, counts=(1, 300), size=5000, irregular=irregular))


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_a_folded_run_is_exact_where_one_stream_runs_ahead_of_the_others(random):
    assert_folds_exactly(prefetching_program(random))


@pytest.mark.parametrize(("load", "work"), [(997, 1000), (1000, 997), (500, 1000), (1000, 500), (1000, 1000)])
@pytest.mark.parametrize("released", [[10], [3, 7]])
@pytest.mark.parametrize("buffer", [20, 25, 400, 4000])
def test_a_loader_that_prefetches_at_a_pace_of_its_own_takes_few_steps(load, work, released, buffer):
    builder = ProgramBuilder()
    space, full = builder.token(buffer), builder.token()
    loads = (builder.pipe("dram", 8), load, {"waits": [(space, 10)], "posts": [(full, 1)], "result": 2500})
    work_on = {"waits": [(full, 1)], "posts": [(space, size) for size in released], "mark": True}
    repeat(builder, builder.stream("load"), [3, 4000], loads)
    repeat(builder, builder.stream("work"), [2, 6000], (builder.unit("array"), work, work_on))
    folded, unfolded = assert_folds_exactly(builder)
    assert folded.steps < unfolded.steps / 8


def producer_and_consumer(produce, consume, produced, consumed, n, slots=None):
    """A producer that gives `produced` rows each time, a consumer that takes `consumed` rows each time."""
    builder = ProgramBuilder()
    rows, free = builder.token(), builder.token(slots or 0)
    credit_taken, credit_given = ([(free, produced)], [(free, consumed)]) if slots else ([], [])
    repeat(
        builder,
        builder.stream("producer"),
        [n * consumed],
        (builder.unit("a"), produce, {"posts": [(rows, produced)], "waits": credit_taken, "mark": True}),
    )
    repeat(
        builder,
        builder.stream("consumer"),
        [n * produced],
        (
            builder.unit("b"),
            consume,
            {"waits": [(rows, consumed)], "posts": credit_given, "tag": 1, "mark": True},
        ),
    )
    return builder


@pytest.mark.parametrize("slots", [None, 12, 40])
@pytest.mark.parametrize(("produced", "consumed"), [(1, 1), (2, 3), (3, 2), (5, 7), (1, 9), (9, 1)])
@pytest.mark.parametrize(("produce", "consume"), [(5, 5), (3, 11), (11, 3)])
def test_producers_and_consumers_of_different_rates_fold(produce, consume, produced, consumed, slots):
    builder = producer_and_consumer(produce, consume, produced, consumed, 500, slots=slots and slots + 9)
    folded, unfolded = assert_folds_exactly(builder)
    assert folded.steps < 400 < unfolded.steps


@pytest.mark.parametrize("need", [999, 1000, 1001, 2499])
def test_a_wait_for_many_posts_ends_at_the_right_one(need):
    builder = ProgramBuilder()
    token = builder.token()
    repeat(builder, builder.stream("giver"), [5000], (builder.unit("a"), 3, {"posts": [(token, 1)]}))
    repeat(
        builder, builder.stream("taker"), [2], (builder.unit("b"), 10, {"waits": [(token, need)], "mark": True})
    )
    folded, _ = assert_folds_exactly(builder)
    assert folded.elapsed_ticks[0] == 3 * 2 * need + 10
    assert folded.steps < 100


def test_a_wait_for_many_posts_ends_at_the_right_one_though_another_stream_takes_most():
    builder = ProgramBuilder()
    token, need = builder.token(), 1000
    repeat(builder, builder.stream("giver"), [5000], (builder.unit("a"), 10, {"posts": [(token, 5)]}))
    repeat(
        builder, builder.stream("saver"), [1], (builder.unit("b"), 7, {"waits": [(token, need)], "mark": True})
    )
    repeat(builder, builder.stream("taker"), [3000], (builder.unit("c"), 10, {"waits": [(token, 4)]}))
    folded, _ = assert_folds_exactly(builder)
    # After the taker there is one more each time; the saver looks when the five have just come.
    assert folded.elapsed_ticks[0] == 10 * (need - 4) + 7


def test_what_has_accumulated_is_taken_exactly():
    builder = ProgramBuilder()
    rows, begin = builder.token(), builder.token()
    giver = builder.stream("giver")
    repeat(builder, giver, [1000], (builder.unit("a"), 1, {"posts": [(rows, 3)]}))
    builder.task(giver, posts=[(begin, 1)])
    repeat(builder, giver, [1000], (0, 5, {"posts": [(rows, 1)]}))
    taker = builder.stream("taker")
    builder.task(taker, waits=[(begin, 1)])
    # First faster than what still arrives, from the store; once that is used up, as it arrives.
    repeat(builder, taker, [4000], (builder.unit("b"), 2, {"waits": [(rows, 1)], "mark": True}))
    folded, _ = assert_folds_exactly(builder)
    assert folded.steps < 200


def test_two_waits_of_one_task_are_both_respected():
    builder = ProgramBuilder()
    often, seldom, free = builder.token(), builder.token(), builder.token(4)
    repeat(builder, builder.stream("often"), [3000], (builder.unit("a"), 2, {"posts": [(often, 1)]}))
    repeat(
        builder,
        builder.stream("taker"),
        [300],
        (builder.unit("b"), 1, {"waits": [(seldom, 1), (often, 10)], "posts": [(free, 1)], "mark": True}),
    )
    repeat(
        builder,
        builder.stream("seldom"),
        [300],
        (builder.unit("c"), 19, {"waits": [(free, 1)], "posts": [(seldom, 1)]}),
    )
    folded, _ = assert_folds_exactly(builder)
    assert folded.steps < 1000


@pytest.mark.parametrize("quantum", [1, 4, 64])
@pytest.mark.parametrize("amounts", [(7, 7), (7, 11), (30, 7, 5), (5, 5, 5, 1)])
def test_streams_that_contend_for_a_pipe_fold(quantum, amounts):
    builder = ProgramBuilder()
    pipe = builder.pipe("dram", quantum)
    for number, ticks in enumerate(amounts):
        own = builder.unit(f"unit {number}")
        tasks = (pipe, ticks, {}), (own, 3 + number, {"mark": True, "tag": number % TAGS})
        repeat(builder, builder.stream(f"stream {number}"), [2000], *tasks)
    folded, unfolded = assert_folds_exactly(builder)
    assert folded.steps < unfolded.steps / 2


def test_short_requests_beside_a_long_one_fold_until_it_ends():
    builder = ProgramBuilder()
    pipe, array = builder.pipe("dram", 16), builder.unit("array")
    free, full = builder.token(2), builder.token()
    repeat(builder, builder.stream("weights"), [3], (pipe, 100_000, {"mark": True, "tag": 1}))
    repeat(builder, builder.stream("load"), [5000], (pipe, 30, {"waits": [(free, 1)], "posts": [(full, 1)]}))
    repeat(
        builder,
        builder.stream("compute"),
        [5000],
        (array, 100, {"waits": [(full, 1)], "posts": [(free, 1)], "mark": True}),
    )
    folded, unfolded = assert_folds_exactly(builder)
    assert folded.steps < unfolded.steps / 20


@pytest.mark.parametrize("quantum", [1, 2, 3, 7])
def test_a_long_request_beside_short_ones_ends_on_time_whatever_its_length(quantum):
    for long in range(1, 80):
        builder = ProgramBuilder()
        pipe = builder.pipe("dram", quantum)
        repeat(builder, builder.stream("long"), [9], (pipe, long, {"mark": True}))
        repeat(builder, builder.stream("short"), [99], (pipe, 2, {"mark": True}), (builder.unit("a"), 2, {}))
        repeat(builder, builder.stream("other"), [299], (builder.unit("b"), 4, {"mark": True, "tag": 1}))
        assert_folds_exactly(builder)


def test_a_long_task_or_result_beside_short_tasks_ends_on_time():
    builder = ProgramBuilder()
    long = {"result": 54_321, "mark": True, "tag": 1}
    repeat(builder, builder.stream("long"), [3], (builder.unit("a"), 12_345, long))
    repeat(builder, builder.stream("short"), [40_000], (builder.unit("b"), 5, {"mark": True}))
    folded, _ = assert_folds_exactly(builder)
    assert folded.steps < 200


def layers(counts, last_ticks):
    """Load and compute in nested loops, the last tile of each loop longer, two buffers across all borders."""
    builder = ProgramBuilder()
    dram, array = builder.pipe("dram", 4), builder.unit("array")
    free, full = builder.token(2), builder.token()
    load = {"waits": [(free, 1)], "posts": [(full, 1)]}
    compute = {"waits": [(full, 1)], "posts": [(free, 1)], "mark": True, "loops": (len(counts) - 1, -1, -1)}
    repeat(builder, builder.stream("load"), counts, (dram, 7, load))
    repeat(builder, builder.stream("compute"), counts, (array, [10, last_ticks] * 4, compute))
    return builder


def test_a_nest_of_a_billion_tiles_takes_few_steps():
    timeline = execute(layers([10**6, 10**3], 13), 1)
    assert timeline.total_ticks == 7 + 10**6 * (999 * 10 + 13)
    assert timeline.executions.sum() == 2 * 10**9
    assert timeline.steps < 200


def test_seven_nested_loops_fold_at_every_level():
    timeline = execute(layers([5, 6, 7, 8, 9, 10, 11], 13), 1)
    tiles = 5 * 6 * 7 * 8 * 9 * 10 * 11
    assert timeline.executions.sum() == 2 * tiles
    assert timeline.total_ticks == 7 + 10 * tiles + 3 * tiles // 11
    assert timeline.steps < 2 * tiles / 50


def test_identical_layers_fold_with_their_triangular_nests_inside():
    builder = ProgramBuilder()
    dram, array = builder.pipe("dram", 4), builder.unit("array")
    free, full = builder.token(2), builder.token()
    tasks = {
        "load": (dram, 6, {"waits": [(free, 1)], "posts": [(full, 1)]}),
        "compute": (array, 10, {"waits": [(full, 1)], "posts": [(free, 1)], "mark": True}),
    }
    for name, task in tasks.items():
        stream = builder.stream(name)
        stream.loop(80)
        stream.loop(40)
        stream.loop(1, slope=1)
        builder.task(stream, task[0], task[1], **task[2])
        for _ in range(3):
            stream.end()
    folded, unfolded = assert_folds_exactly(builder)
    assert folded.executions[1, 0] == 80 * 40 * 41 // 2
    assert folded.steps < unfolded.steps / 50


def test_a_loop_whose_iterations_differ_is_not_skipped():
    builder = ProgramBuilder()
    table = [3] * 40 + [4] + [3] * 40
    options = {"table": table, "table_loop": 0, "mark": True}
    repeat(builder, builder.stream("compute"), [len(table)], (builder.unit("array"), 0, options))
    folded, _ = assert_folds_exactly(builder)
    assert folded.total_ticks == sum(table)


def test_loops_of_different_shapes_fold_together():
    builder = ProgramBuilder()
    dram, array = builder.pipe("dram", 4), builder.unit("array")
    free, full = builder.token(2), builder.token()
    repeat(builder, builder.stream("load"), [10**6], (dram, 7, {"waits": [(free, 1)], "posts": [(full, 1)]}))
    compute = (array, 10, {"waits": [(full, 1)], "posts": [(free, 1)], "mark": True})
    repeat(builder, builder.stream("compute"), [10, 100, 1000], compute)
    timeline = execute(builder, 1)
    assert timeline.total_ticks == 7 + 10**7
    assert timeline.steps < 200
