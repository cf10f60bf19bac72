"""Compiles the Verilog arrays beside this file with Icarus Verilog and runs GEMMs on them.

Nothing here knows the closed forms: cycles are what the testbench saw at the array's edge. A serial schedule
is closed-loop (the testbench waits for the last sum); an overlapped one starts folds at the interval that its
definition allows, and a shorter interval can be asked for to show that it breaks.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from accel_sim.hardware.components.systolic_schedules import Dataflow, Schedule

SOURCES = Path(__file__).parent
DATA_WIDTH = 16


@dataclass(frozen=True)
class Hardware:
    """How a schedule is built and driven.

    `core` names the Verilog array; `switch` and `value` set the parameter that selects its hardware; `gap` is
    the distance from the last sum readable to the next fold's start, or None when folds overlap.
    """

    core: str
    switch: str
    value: int
    gap: int | None


HARDWARE = {
    Schedule.SERIAL_SHIFT_DOWN: Hardware("os", "UPWARD_DRAIN", 0, gap=1),
    Schedule.SERIAL_DRAIN: Hardware("os", "UPWARD_DRAIN", 1, gap=1),
    Schedule.PIPELINED: Hardware("os", "UPWARD_DRAIN", 1, gap=None),
    Schedule.SERIAL: Hardware("ws", "DOUBLE_BUFFERED", 0, gap=1),
    Schedule.BACK_TO_BACK: Hardware("ws", "DOUBLE_BUFFERED", 0, gap=0),
    Schedule.DOUBLE_BUFFERED: Hardware("ws", "DOUBLE_BUFFERED", 1, gap=None),
}


@dataclass(frozen=True)
class Run:
    """What the testbench saw.

    Attributes:
        first_in_cycle: cycle of the first operand at the edge.
        last_out_cycle: first cycle in which the last valid result word was readable at the edge.
        interval: cycles between the starts of the first two folds; None for a single fold.
        folds: folds started.
        collisions: cycles in which two sums met on the drain chain.
        result: int64[M, N].
    """

    first_in_cycle: int
    last_out_cycle: int
    interval: int | None
    folds: int
    collisions: int
    result: NDArray[np.int64]

    @property
    def cycles(self) -> int:
        return self.last_out_cycle - self.first_in_cycle + 1


def missing_tool() -> str:
    """Return the tool that is not on the path, or an empty string."""
    return next((tool for tool in ("iverilog", "vvp") if shutil.which(tool) is None), "")


@cache
def _build_folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="systolic_rtl_")


@cache
def _compiled(core: str, switch: str, value: int, rows: int, columns: int) -> Path:
    target = Path(_build_folder().name) / f"{core}_{value}_{rows}x{columns}.vvp"
    top = f"{core}_testbench"
    parameters = {"R": rows, "C": columns, "DATA_WIDTH": DATA_WIDTH, switch: value}
    sources = ("skew.v", f"{core}_pe.v", f"{core}_array.v", f"{core}_testbench.v")
    subprocess.run(
        ["iverilog", "-g2005", "-Wall", "-Wno-timescale", "-s", top, "-o", str(target)]
        + [f"-P{top}.{name}={number}" for name, number in parameters.items()]
        + [str(SOURCES / name) for name in sources],
        check=True,
    )
    return target


def run(
    dataflow: Dataflow,
    schedule: Schedule,
    rows: int,
    columns: int,
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    interval: int | None = None,
) -> Run:
    """Return what a simulated array makes of `a` (M x K, 16-bit values) times `b` (K x N).

    An input-stationary array is a weight-stationary one that computes the transposed product. `interval`
    replaces the distance between folds of an overlapped schedule.
    """
    if dataflow is Dataflow.INPUT_STATIONARY:
        seen = run(Dataflow.WEIGHT_STATIONARY, schedule, rows, columns, b.T, a.T, interval)
        return Run(**{**vars(seen), "result": seen.result.T})
    hardware = HARDWARE[schedule]
    (m, k), n = a.shape, b.shape[1]
    if hardware.gap is None and interval is None:
        interval = max(k, 2 * rows - 1) if schedule is Schedule.PIPELINED else max(m, 2 * rows)
    with TemporaryDirectory(dir=_build_folder().name) as folder:
        files = {"a": Path(folder, "a.hex"), "b": Path(folder, "b.hex")}
        for name, matrix in (("a", a), ("b", b)):
            words = matrix.ravel() & (2**DATA_WIDTH - 1)
            files[name].write_text("\n".join(f"{word:x}" for word in words))
        arguments = {"m": m, "n": n, "k": k, "interval": interval or 0, "gap": hardware.gap or 0, **files}
        lines = subprocess.run(
            ["vvp", str(_compiled(hardware.core, hardware.switch, hardware.value, rows, columns))]
            + [f"+{name}={value}" for name, value in arguments.items()],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()
    fields = dict(line.split() for line in lines if not line.startswith("result"))
    result = [int(line.split()[1]) for line in lines if line.startswith("result")]
    return Run(
        first_in_cycle=int(fields["first_in_cycle"]),
        last_out_cycle=int(fields["last_out_cycle"]),
        interval=int(fields["interval"]) if int(fields["folds"]) > 1 else None,
        folds=int(fields["folds"]),
        collisions=int(fields.get("collisions", 0)),
        result=np.array(result, np.int64).reshape(m, n),
    )
