"""Progress of long commands: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from accel_sim.cli.output import remark

PLAIN_INTERVAL_S = 5.0

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of a progress: how much of what is done, words beside the bar, and the whole line."""

    done: int
    total: int
    words: str
    line: str


@contextmanager
def shown(describe: Callable[[P], Shown]) -> Iterator[Callable[[P], None]]:
    """Give a function that shows a command's progress as `describe` says."""
    if not sys.stderr.isatty():
        yield _in_lines(describe)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    parts = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*parts, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(progress: P) -> None:
            now = describe(progress)
            bar.update(task, completed=now.done, total=now.total, description=now.words)

        yield show


def _in_lines(describe: Callable[[P], Shown]) -> Callable[[P], None]:
    last = time.perf_counter()

    def show(progress: P) -> None:
        nonlocal last
        if time.perf_counter() - last >= PLAIN_INTERVAL_S:
            last = time.perf_counter()
            remark(describe(progress).line)

    return show
