"""Running request streams through DRAM channels: from a preset to the machine's arrays, and back to figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from accel_sim.config import RunError
from accel_sim.engine import channel as machine
from accel_sim.engine.access_patterns import AccessStream
from accel_sim.engine.channel_memory import lay_out
from accel_sim.hardware.dram.policy import Policy
from accel_sim.hardware.dram.standard import COLUMN_ROLES
from accel_sim.hardware.dram.tables import ResolvedPreset

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ChannelResult:
    """What a stream cost.

    Attributes:
        preset: what it ran on, with the policy it ran under.
        stream: what ran.
        accepted: int64[n] clock at which the controller took each request.
        done: int64[n] clock at which its data had passed; -1 for a write that the policy left in its buffer.
        counts: int64[channels, commands] commands issued, in the order of the standard's commands.
        stats: int64[channels, machine.STATS].
        active_cycles: int64[channels, ranks] clocks in which a bank of the rank was open.
        last_cycle: last clock at which read data arrived or a write issued.
        commands: int64[m, machine.RECORD_FIELDS] every command, when it was recorded; else empty.
        skipped_requests: requests of segments that took a course known from another one (`engine.channel`).
    """

    preset: ResolvedPreset
    stream: AccessStream
    accepted: Integers
    done: Integers
    counts: Integers
    stats: Integers
    active_cycles: Integers
    last_cycle: int
    commands: Integers
    skipped_requests: int

    @property
    def total_cycles(self) -> int:
        """Clocks until the last data had passed."""
        last_write = self.last_write_issue_cycle
        return max(self.last_read_cycle, last_write + self.preset.write_latency if last_write >= 0 else 0)

    @property
    def last_read_cycle(self) -> int:
        """Clock at which the last read data arrived, 0 without reads."""
        return max(0, int(self.stats[:, machine.LAST_READ_DONE].max()) - self._lag)

    @property
    def last_write_issue_cycle(self) -> int:
        """Clock of the last write command, -1 without writes."""
        last = int(self.stats[:, machine.LAST_WRITE_ISSUE].max())
        return last - self._lag if last >= 0 else -1

    @property
    def _lag(self) -> int:
        """Clocks from the offer of a request to the clock in which a command may issue for it."""
        return 0 if self.preset.policy.front == "staged" else 1

    @property
    def accept_cycles(self) -> int:
        """Clock after the last request was taken."""
        return int(self.stats[:, machine.LAST_ACCEPT].max())

    @property
    def time_s(self) -> float:
        """`total_cycles` in seconds."""
        return self.total_cycles * self.preset.tck_s

    @property
    def moved_bytes(self) -> int:
        """Bytes of the requests."""
        return len(self.stream) * self.preset.preset.burst_bytes

    @property
    def bandwidth_bytes_per_s(self) -> float:
        """Bytes moved over time."""
        return self.moved_bytes / self.time_s if self.time_s else 0.0

    @cached_property
    def read_latency_cycles(self) -> Integers:
        """int64[reads] clocks from acceptance to data of every read, queueing included."""
        reads = ~self.stream.write
        return self.done[reads] - self.accepted[reads]

    @cached_property
    def write_latency_cycles(self) -> Integers:
        """int64[writes] clocks from acceptance to data of every write that was issued."""
        writes = self.stream.write & (self.done >= 0)
        return self.done[writes] - self.accepted[writes]

    @property
    def column_commands(self) -> int:
        """Reads and writes issued, with or without precharge."""
        return sum(self.count(role) for role in COLUMN_ROLES)

    @property
    def row_hits(self) -> int:
        """Column commands that were not the first after their row was opened."""
        return self.statistic(machine.READ_CAS_HITS) + self.statistic(machine.WRITE_CAS_HITS)

    def count(self, role: str) -> int:
        """Return how many commands of a role issued; 0 for one that the standard lacks."""
        name = self.preset.command(role)
        return self.command_counts.get(name, 0) if name else 0

    @cached_property
    def command_counts(self) -> Mapping[str, int]:
        """Commands issued by name, over all channels."""
        total = self.counts.sum(axis=0)
        return {name: int(n) for name, n in zip(self.preset.standard.commands, total, strict=True)}

    def statistic(self, field: int) -> int:
        """Return a field of `stats`, summed over the channels."""
        return int(self.stats[:, field].sum())


def run_channel(
    preset: ResolvedPreset,
    stream: AccessStream,
    policy: Policy | None = None,
    record: bool = False,
    fold: bool = True,
) -> ChannelResult:
    """Return what a stream of requests costs on the channels of a preset.

    Requests are offered in order; one that finds its controller full holds up those behind it.

    Args:
        preset: see `hardware.dram.load_preset`.
        stream: the requests, each of `burst_bytes`.
        policy: of the controllers; None for the preset's own.
        record: keep every command with its clock and address.
        fold: skip segments of requests whose course is known (never where commands are recorded); the result is
            the same but for `skipped_requests`.
    """
    if policy is not None:
        preset = preset.with_policy(policy)
    room = 4 * len(stream) + 64 if record else 0
    while True:
        memory = lay_out(preset, stream, room, fold and not record)
        last = int(machine.run_channels(memory.m))
        if last == machine.STUCK_FOREVER:
            raise RunError(f"{preset.name}: the policy leaves requests waiting for ever")
        logged = int(memory.m[machine.LOGGED])
        if logged <= room or not record:
            break
        room = logged
    return ChannelResult(
        preset=preset,
        stream=stream,
        accepted=memory.requests[:, machine.ACCEPTED],
        done=memory.requests[:, machine.DONE],
        counts=memory.channels[:, machine.CHAN_FIELDS + 1 :],
        stats=memory.channels[:, : machine.STATS],
        active_cycles=memory.ranks[:, :, machine.RANK_ACTIVE],
        last_cycle=last,
        commands=memory.log[:logged],
        skipped_requests=int(memory.m[machine.SKIPPED]),
    )
