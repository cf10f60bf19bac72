"""Programs of the host alone: streams of reads and writes that take turns over bank groups and banks."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import Literal

from accel_sim.hardware.pim.device import PimDevice
from accel_sim.hardware.pim.program import Builder, Program


def interleaved(device: PimDevice, burst: int) -> tuple[int, int, int]:
    """Return (bank, row, column) of the n-th burst of a stream: bank group first, then bank, column, row."""
    structure = device.protocol.structure
    group = burst % structure.bankgroups
    bank = burst // structure.bankgroups % structure.banks_per_group
    rest = burst // structure.banks
    per_row = structure.row_bytes // structure.host_bytes
    return group * structure.banks_per_group + bank, rest // per_row, rest % per_row


def transfer(device: PimDevice, size_bytes: int, kind: Literal["read", "write"]) -> Program:
    """Return the program of one channel's share of a stream of reads or writes.

    size_bytes: of this channel, padded to whole bursts.
    """
    command = {"read": "RD", "write": "WR"}[kind]
    builder = Builder(device.protocol)
    open_row = -1
    for burst in range(ceil(size_bytes / device.protocol.structure.host_bytes)):
        bank, row, column = interleaved(device, burst)
        if row != open_row and device.protocol.controller == "in_order":
            open_everywhere(builder, row, range(device.protocol.structure.banks))
            open_row = row
        builder.add(command, bank, row, column)
    return builder.program()


def open_everywhere(builder: Builder, row: int, banks: Iterable[int]) -> None:
    """Close all banks and open a row in some, one activation right after the other.

    A controller that keeps the order would otherwise wait for each row in turn.
    """
    builder.add("PREA")
    for bank in banks:
        builder.add("ACT", bank, row)
