"""A PIM memory as kernels see it: a protocol, how many channels, and what its columns and rows hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import get_args

from accel_sim.config.errors import InputError, did_you_mean
from accel_sim.hardware.pim.protocol import load_protocol
from accel_sim.hardware.pim.specs import Elementwise, Protocol


@dataclass(frozen=True)
class PimDevice:
    """A memory of identical channels.

    Attributes:
        protocol: of every channel.
        channels: HBM-PIM: pseudo-channels.
        refresh: whether channels are refreshed.
    """

    protocol: Protocol
    channels: int
    refresh: bool = True

    @property
    def name(self) -> str:
        """The protocol's name."""
        return self.protocol.name

    @property
    def banks(self) -> int:
        """Banks of a channel that compute; HBM-PIM computes in one of its ranks."""
        structure = self.protocol.structure
        return structure.banks * (1 if self.protocol.modes else structure.ranks)

    @property
    def columns(self) -> int:
        """Columns of a row."""
        return self.protocol.structure.columns

    @property
    def compute_interval_cycles(self) -> int:
        """Shortest distance of two commands that compute on all banks, in the protocol's cycles."""
        if self.protocol.modes:
            return self.interval_cycles("RD")
        assert self.protocol.pim.roles is not None
        return self.interval_cycles(self.protocol.pim.roles.compute)

    def interval_cycles(self, command: str) -> int:
        """Return the shortest distance of two such commands on the same banks, in the protocol's cycles."""
        return max(
            self.protocol.cycles(row.latency)
            for row in self.protocol.constraints
            if row.window == 1 and command in row.preceding and command in row.following
        )

    @property
    def elementwise_kernels(self) -> tuple[str, ...]:
        """Elementwise kernels of the banks: those of HBM-PIM, or a product of two banks where there is one."""
        if self.protocol.modes:
            return get_args(Elementwise)
        roles = self.protocol.pim.roles
        return ("mul",) if roles is not None and roles.multiply else ()

    @property
    def capacity_bytes(self) -> int:
        """Bytes that PIM can reach."""
        return self.channels * self.banks * self.rows * self.protocol.structure.row_bytes

    def lanes(self, number_format: str) -> int:
        """Return how many values of a format a column holds.

        Raises:
            InputError: the units do not compute in that format.
        """
        formats = self.protocol.pim.formats
        if number_format not in formats:
            hint = did_you_mean(number_format, formats)
            raise InputError(f"{self.name} does not compute in '{number_format}'{hint}")
        return formats[number_format]

    @property
    def rows(self) -> int:
        """Rows of a bank that hold operands: HBM-PIM's reserved rows cut them off."""
        rows, modes = self.protocol.structure.rows, self.protocol.modes
        return min(rows, modes.reserved) if modes else rows

    def check_rows(self, rows: int, what: str) -> None:
        """Refuse what takes more rows of each bank than there are."""
        available = self.rows
        if rows > available:
            raise InputError(
                f"{what} takes {rows} rows of each bank: {self.name} with {self.channels} channels "
                f"has {available}"
            )

    def with_channels(self, channels: int) -> PimDevice:
        """Return the same memory with another number of channels."""
        return replace(self, channels=channels)


def pim_device(
    name: str,
    channels: int | None = None,
    *,
    refresh: bool = True,
    parity: bool = False,
    concurrent: bool = False,
) -> PimDevice:
    """Return a memory of a shipped protocol, or of one from a YAML file.

    Args:
        name: of the protocol, or the path of its file.
        channels: how many; None for the protocol's own.
        refresh: False leaves refresh out.
        parity: leave out what the simulator that the protocol was taken from does not enforce.
        concurrent: two row buffers a bank.

    Raises:
        InputError: an unknown protocol, a malformed file, or no channels.
    """
    protocol = load_protocol(name, parity=parity, concurrent=concurrent)
    if channels is None:
        channels = protocol.structure.channels
    if channels < 1:
        raise InputError(f"channels = {channels}: must be at least 1")
    return PimDevice(protocol, channels, refresh)
