"""Places where batches are evaluated, and what a crew does when one of them fails."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from search_problems import CHIP_PROBLEM, run, told
from sweep_files import small

from accel_sim import sweep
from accel_sim.config import RunError
from accel_sim.explore.cluster import dask_cluster
from accel_sim.explore.crew import Crew
from accel_sim.explore.pool import Place, PlaceLost, deaf_to_ctrl_c, local_pool, on_executor
from accel_sim.explore.search.problem import Call, FunctionProblem
from accel_sim.explore.store import FINISHED, KILLED, Outcome
from accel_sim.explore.worker import evaluate_batch


@dataclass(frozen=True)
class Number:
    key: str


def evaluate(task: Number) -> Outcome:
    return Outcome(task.key, FINISHED, {"x": float(task.key)}, None, 0.0)


def numbers(count: int) -> list[Number]:
    return [Number(str(n)) for n in range(count)]


@dataclass
class Unsteady:
    """A place of three workers that fails as a test says.

    Attributes:
        mends: as of a place.
        deadly: key of a task over which workers die.
        lost: batches, counted from 0 over all openings, with which the whole place goes.
        opened: widths that were asked for.
        batches: sent so far.
    """

    mends: bool = False
    deadly: str = ""
    lost: tuple[int, ...] = ()
    opened: list[int] = field(default_factory=list)
    batches: list[list[str]] = field(default_factory=list)

    @contextmanager
    def open(self, evaluate, most) -> Iterator[Place]:
        self.opened.append(most)
        state = {"gone": False, "broken": False}

        def submit(batch) -> Future[list[Outcome]]:
            state["gone"] |= len(self.batches) in self.lost
            state["broken"] |= not self.mends and any(task.key == self.deadly for task in batch)
            self.batches.append([task.key for task in batch])
            future: Future[list[Outcome]] = Future()
            if state["gone"]:
                future.set_exception(PlaceLost("gone"))
            elif state["broken"] or any(task.key == self.deadly for task in batch):
                future.set_exception(BrokenExecutor("died"))
            else:
                future.set_result(evaluate_batch(evaluate, batch))
            return future

        yield Place(submit, lambda: 3, self.mends)


def outcomes_of(place: Unsteady, tasks: list[Number]) -> list[Outcome]:
    found = []
    with Crew(evaluate, opener=place.open) as crew:
        crew.add(tasks)
        while crew.busy:
            found += crew.next()
    return sorted(found, key=lambda outcome: int(outcome.key))


@pytest.mark.parametrize("mends", [False, True])
def test_only_the_task_that_kills_workers_is_given_up(mends):
    place = Unsteady(mends, deadly="17")
    found = outcomes_of(place, numbers(60))
    assert [outcome.key for outcome in found] == [task.key for task in numbers(60)]
    assert [outcome.key for outcome in found if outcome.status == KILLED] == ["17"]
    # It had its second chance alone.
    assert ["17"] in place.batches
    assert sum("17" in batch for batch in place.batches) == 2


def test_a_place_that_mends_is_not_opened_again():
    place = Unsteady(mends=True, deadly="3")
    outcomes_of(place, numbers(20))
    assert len(place.opened) == 1


@pytest.mark.parametrize("lost", [(0,), (2,), (0, 3, 4), (5,)])
def test_a_place_that_is_lost_is_opened_again_and_nobody_is_blamed(lost):
    place = Unsteady(mends=True, lost=lost)
    assert outcomes_of(place, numbers(30)) == [evaluate(task) for task in numbers(30)]
    assert len(place.opened) > 1
    assert all(width > 1 for width in place.opened)


def test_a_place_that_is_lost_again_and_again_is_an_error():
    place = Unsteady(mends=True, lost=tuple(range(3, 1000)))
    with pytest.raises(RunError, match="5 times in a row"):
        outcomes_of(place, numbers(60))
    assert len(place.opened) == 5


def test_a_suspect_whose_place_is_lost_is_still_only_suspected():
    # Batches of four, four, ...: the first has the deadly task, the seventh is that task's second chance.
    place = Unsteady(mends=True, deadly="0", lost=(6,))
    found = outcomes_of(place, numbers(24))
    assert [outcome.key for outcome in found if outcome.status == KILLED] == ["0"]
    assert len(found) == 24


def test_a_place_that_was_asked_for_is_used_for_a_single_quick_task():
    place = Unsteady()
    assert outcomes_of(place, numbers(1)) == [evaluate(Number("0"))]
    assert place.batches == [["0"]]


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_any_executor_makes_the_table_that_one_process_makes(tmp_path, kind):
    here = sweep(small(tmp_path), workers=1, output=tmp_path / "here")
    context = {"mp_context": multiprocessing.get_context("spawn")} if kind is ProcessPoolExecutor else {}
    with kind(2, **context) as executor:
        there = sweep(small(tmp_path), output=tmp_path / "there", opener=on_executor(executor))
        # It is its owner's to end.
        assert executor.submit(abs, -1).result() == 1
    assert there.computed == 4
    assert (here.folder / "table.csv").read_bytes() == (there.folder / "table.csv").read_bytes()


def test_threads_make_the_same_search(tmp_path):
    with ThreadPoolExecutor(3) as executor:
        there = run(
            tmp_path / "there",
            "nsga2",
            budget=40,
            settings={"population_size": 8},
            workers=None,
            opener=on_executor(executor),
        )
    assert told(there) == told(run(tmp_path / "here", "nsga2", budget=40, settings={"population_size": 8}))


def die_at_three(values):
    if values["n"] == 3:
        os._exit(1)
    return {"x": 1.0}


def test_an_executor_that_broke_ends_the_run_in_one_line():
    problem = FunctionProblem("deadly", ("x",), die_at_three)
    with (
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor,
        Crew(problem.evaluate, opener=on_executor(executor)) as crew,
        pytest.raises(RunError, match=r"^the executor is broken: .*$"),
    ):
        crew.add([Call(str(n), {"n": n}) for n in range(8)])
        while crew.busy:
            crew.next()


def test_what_is_searched_on_an_executor_counts_once(tmp_path):
    calls = []

    def counted(values):
        calls.append(tuple(sorted(values.items())))
        return CHIP_PROBLEM.function(values)

    problem = FunctionProblem("counted", CHIP_PROBLEM.metrics, counted)
    with ThreadPoolExecutor(3) as executor:
        run(tmp_path, "random", budget=40, problem=problem, workers=None, opener=on_executor(executor))
    assert len(calls) == len(set(calls))


@dataclass(frozen=True)
class Interrupted:
    """Evaluates numbers in a process that gets Ctrl-C before it has got ready, as it loads this."""

    process: int

    def __setstate__(self, state: tuple[int]) -> None:
        assert os.getpid() != state[0]
        os.kill(os.getpid(), signal.SIGINT)
        object.__setattr__(self, "process", state[0])

    def __getstate__(self) -> tuple[int]:
        return (self.process,)

    def __call__(self, task: Number) -> Outcome:
        return evaluate(task)


@pytest.mark.slow
@pytest.mark.parametrize("opener", [local_pool, dask_cluster("local")])
def test_ctrl_c_does_not_reach_workers_that_still_start(opener, capfd):
    with Crew(Interrupted(os.getpid()), workers=2, opener=opener) as crew:
        crew.add(numbers(30))
        found = []
        while crew.busy:
            found += crew.next()
    assert sorted(outcome.key for outcome in found) == sorted(task.key for task in numbers(30))
    assert "Traceback" not in capfd.readouterr().err


def test_ctrl_c_while_workers_start_is_not_lost():
    with pytest.raises(KeyboardInterrupt), deaf_to_ctrl_c():
        os.kill(os.getpid(), signal.SIGINT)
