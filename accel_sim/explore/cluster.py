"""A cluster of dask.distributed as the place where designs are evaluated: `opener=dask_cluster(address)`.

Dask itself gives what a dead worker had in hand to another one, until more workers died over a batch than the
scheduler allows (`distributed.scheduler.allowed-failures`, 3 by default; none in a local cluster of ours). Then
the tasks of that batch are tried one by one, as after the death of a local worker. A scheduler that goes away
takes what is in flight with it; that is done again if it comes back within CONNECT_SECONDS.

Workers need this package in the same version, and one thread each, as a simulation holds Python's lock:

    dask scheduler                                              # tells its address: tcp://head:8786
    dask worker tcp://head:8786 --nworkers 16 --nthreads 1      # on every machine
    accel-sim search FILE --cluster tcp://head:8786

Under Slurm, dask-jobqueue starts workers as jobs, from a script that may search as well:

    cluster = dask_jobqueue.SLURMCluster(cores=16, processes=16, memory="32 GB", walltime="02:00:00")
    cluster.adapt(maximum_jobs=20)
    accel_sim.search(FILE, opener=dask_cluster(cluster.scheduler_address))
"""

from __future__ import annotations

import logging
import operator
import pickle
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from accel_sim import __version__
from accel_sim.config import InputError, RunError
from accel_sim.config.errors import shortened
from accel_sim.explore.fingerprint import model_text
from accel_sim.explore.pool import Opener, Place, PlaceLost, cores, deaf_to_ctrl_c
from accel_sim.explore.store import Outcome
from accel_sim.explore.worker import Evaluate, Task, evaluate_batch

LOCAL = "local"
ADDRESS = re.compile(r"([a-z]+://)?[^/\s]+:\d+")
CONNECT_SECONDS = 10.0
# A result that is there and does not come in this time is lost.
RESULT_SECONDS = 60.0
# How old the number of workers may be that decides how much is sent.
WIDTH_SECONDS = 1.0


def dask_cluster(address: str, workers: int | None = None) -> Opener:
    """Return what opens a cluster.

    Args:
        address: of a scheduler that runs, such as `tcp://head:8786`, or `local`: a cluster of processes on this
            machine that ends with the run.
        workers: processes of a local cluster; by default one for each core.

    Raises:
        InputError: that is no address, or dask.distributed is not installed.
    """
    if address != LOCAL and not ADDRESS.fullmatch(address):
        raise InputError(
            f"cluster = {shortened(address)}: must be 'local' or the address of a scheduler, such as tcp://host:8786"
        )
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise InputError("a cluster needs dask.distributed: pip install 'accel_sim[cluster]'") from None

    @contextmanager
    def opened(evaluate: Evaluate, most: int) -> Iterator[Place]:
        with _quiet(), ExitStack() as stack:
            where = address
            if address == LOCAL:
                where = stack.enter_context(_local_cluster(min(most, workers or cores())))
            client = stack.enter_context(_client(where))
            _check_code(client)
            cluster = _Cluster(client, evaluate)
            stack.callback(cluster.cancel)
            yield Place(cluster.submit, cluster.width, mends=True)

    return opened


class _Cluster:
    """Submissions to a scheduler; what is evaluated with is a result there, which workers fetch once each."""

    def __init__(self, client: Any, evaluate: Evaluate) -> None:
        self._client = client
        self._evaluate = evaluate
        self._in_flight: set[Any] = set()
        self._shared = self._share()
        self._width, self._counted = 1, 0.0

    def _share(self) -> Any:
        import cloudpickle

        # A task and not scattered data: dask makes it anew when the workers that hold it are gone. Pickled
        # here, as a scheduler would load what is in tasks, and import all of this package for it.
        told = cloudpickle.dumps(_Batches(self._evaluate, *_code()))
        return self._client.submit(pickle.loads, told, pure=False)

    def submit(self, batch: Sequence[Task]) -> Future[list[Outcome]]:
        """Send a batch."""
        import cloudpickle

        if self._client.status != "running":
            raise PlaceLost("the scheduler has gone")
        if self._shared.status not in ("pending", "finished"):
            self._shared = self._share()
        shared = self._shared
        told: Future[list[Outcome]] = Future()
        # Not through dask's own executor: its futures never end when a scheduler goes at the wrong moment.
        sent = self._client.submit(operator.call, shared, cloudpickle.dumps(list(batch)), pure=False)
        self._in_flight.add(sent)
        told.add_done_callback(lambda _: self._in_flight.discard(sent))
        sent.add_done_callback(lambda sent: _pass_on(sent, told, shared.key))
        return told

    def width(self) -> int:
        """Return the number of threads that workers have, as of now; 1 while there are none."""
        now = time.monotonic()
        if self._client.status == "running" and now - self._counted > WIDTH_SECONDS:
            with suppress(OSError, TimeoutError):  # the next submission finds out
                self._width = sum(self._client.nthreads().values())
            self._counted = now
        return max(1, self._width)

    def cancel(self) -> None:
        """Leave nothing behind."""
        if self._client.status == "running":
            with suppress(OSError, TimeoutError):
                self._client.cancel(list(self._in_flight))


def _pass_on(sent: Any, told: Future[list[Outcome]], shared: str) -> None:
    """Tell what became of a batch in the words that a crew knows."""
    from distributed import KilledWorker

    try:
        told.set_result(sent.result(RESULT_SECONDS))
    except KilledWorker as error:
        told.set_exception((PlaceLost if error.task == shared else BrokenExecutor)("workers died"))
    except (ImportError, AttributeError) as error:
        told.set_exception(RunError(f"a worker cannot load this code: {type(error).__name__}: {error}"))
    except RunError as error:
        told.set_exception(error)
    except (OSError, TimeoutError, KeyError, CancelledError) as error:
        # What dask raises where a scheduler goes while a result is fetched: no connection, no such key.
        told.set_exception(PlaceLost(f"the scheduler has gone: {error}"))
    except BaseException as error:
        told.set_exception(error)


@dataclass(frozen=True, slots=True)
class _Batches:
    """Evaluates batches on a worker, if that runs the same code as who asks."""

    evaluate: Evaluate
    version: str
    model: str

    def __call__(self, pickled: bytes) -> list[Outcome]:
        """Return the outcomes of the first tasks of a batch."""
        _refuse_other_code("a worker", self.version, self.model, *_code())
        return evaluate_batch(self.evaluate, pickle.loads(pickled))


def _code() -> tuple[str, str]:
    return __version__, model_text()


def _check_code(client: Any) -> None:
    """Refuse workers that would return other results; those that join later find out by themselves."""
    for worker, there in client.run(_code, on_error="return").items():
        if isinstance(there, BaseException):
            raise RunError(f"worker {worker}: {type(there).__name__}: {there}")
        _refuse_other_code(f"worker {worker}", *_code(), *there)


def _refuse_other_code(who: str, version: str, model: str, its_version: str, its_model: str) -> None:
    if (version, model) != (its_version, its_model):
        raise RunError(
            f"{who} runs accel_sim {its_version} with models {its_model[:8]}, this process {version} with "
            f"{model[:8]}, so results would differ: install the same version everywhere"
        )


@contextmanager
def _local_cluster(workers: int) -> Iterator[str]:
    from distributed import LocalCluster

    # Also of workers that take the place of dead ones: they descend from dask's thread, which starts in here.
    with deaf_to_ctrl_c():
        local = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
            scheduler_kwargs={"allowed_failures": 0},
        )
    with local as cluster:
        yield cluster.scheduler_address


@contextmanager
def _client(address: str) -> Iterator[Any]:
    from distributed import Client

    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise RunError(f"no dask scheduler answers at {address}: {error}") from None
    try:
        yield client
    finally:
        with suppress(OSError, TimeoutError):  # a scheduler that has gone
            client.close()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep dask's own account of what went wrong, with its tracebacks, off the terminal: ours is one line."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
