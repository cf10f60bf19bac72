"""Matrix products on all banks at once, as GDDR6-AiM and Newton do them: tiles of one row of every bank.

A tile gives every bank of the channel one output: a run of columns of one row, multiplied with the same
columns of the operand buffer. `TileStream` turns tiles into a protocol's own commands.
"""

from __future__ import annotations

from math import ceil

from accel_sim.config.errors import InputError
from accel_sim.hardware.pim.device import PimDevice
from accel_sim.hardware.pim.program import Builder, Program


class TileStream:
    """Writes the commands of loads, tiles and drains, in the order they are called."""

    def __init__(self, device: PimDevice) -> None:
        roles = device.protocol.pim.roles
        if roles is None:
            raise InputError(f"{device.name} does not multiply on all banks with one operand buffer")
        self.device = device
        self.roles = roles
        self.builder = Builder(device.protocol)
        # Where the host leaves operands that a bank row brings into the buffer: the last row of bank 0.
        self.operand_row = device.protocol.structure.rows - 1
        for _ in range(roles.setup):
            self.builder.add(None)

    def load(self, columns: int) -> None:
        """Fill columns of the operand buffer from the host."""
        if self.roles.load_row:
            structure = self.device.protocol.structure
            writes = ceil(columns * structure.column_bytes / structure.host_bytes)
            self.builder.add("WR", row=self.operand_row, count=writes)
            self.builder.add(self.roles.load, row=self.operand_row)
        else:
            self.builder.add(self.roles.load, count=columns)

    def clear(self) -> None:
        """Set the accumulators, where that takes a command."""
        if self.roles.clear:
            self.builder.add(self.roles.clear)

    def compute(self, row: int, column: int, columns: int) -> None:
        """Multiply columns of a row of every bank with those of the buffer, and add up."""
        self.builder.add(self.roles.compute, row=row, column=column, count=columns)

    def drain(self) -> None:
        """Read the accumulators of all banks, where that takes a command of its own."""
        if self.roles.drain:
            self.builder.add(self.roles.drain)

    def tile(self, row: int, column: int, columns: int) -> None:
        """Compute one tile from cleared accumulators, and drain them."""
        self.clear()
        self.compute(row, column, columns)
        self.drain()

    def program(self) -> Program:
        """Return the commands so far."""
        return self.builder.program()


def gemv_rows(device: PimDevice, outputs: int, columns: int) -> int:
    """Return the rows of each bank that the matrix takes in one channel.

    outputs: of this channel. columns: of the operand vector.
    """
    return ceil(outputs / device.banks) * ceil(columns / device.columns)


def tiled_sum(device: PimDevice, columns: int) -> Program:
    """Return the program of one channel's share of a sum: rows times a buffer of ones, one partial sum a bank.

    columns: of the operand in each bank.
    """
    stream = TileStream(device)
    widths = [min(device.columns, columns - start) for start in range(0, columns, device.columns)]
    stream.load(max(widths))
    if stream.roles.accumulates:
        stream.clear()
        for row, width in enumerate(widths):
            stream.compute(row, 0, width)
        stream.drain()
    else:
        for row, width in enumerate(widths):
            stream.tile(row, 0, width)
    return stream.program()


def tiled_product(device: PimDevice, columns: int) -> Program:
    """Return the program of one channel's share of an elementwise product, two banks of a group into a third.

    columns: of each operand in each bank group.

    Raises:
        InputError: the protocol has no such command.
    """
    stream = TileStream(device)
    if stream.roles.multiply is None:
        raise InputError(f"{device.name} has no elementwise product in its banks")
    for row, start in enumerate(range(0, columns, device.columns)):
        stream.builder.add(stream.roles.multiply, row=row, count=min(device.columns, columns - start))
    return stream.program()


def tiled_gemv(
    device: PimDevice, outputs: int, columns: int, batch: int = 1, *, accumulate: bool | None = None
) -> Program:
    """Return the program of one channel's share of a matrix-vector product.

    Args:
        device: the memory.
        outputs: rows of the matrix in this channel; the last tile is padded to all banks.
        columns: of the operand vector, padded.
        batch: vectors. Each repeats the product: accumulators hold one vector's sums.
        accumulate: see `add_gemv`.
    """
    stream = TileStream(device)
    for _ in range(batch):
        add_gemv(stream, outputs, columns, accumulate=accumulate)
    return stream.program()


def add_gemv(
    stream: TileStream,
    outputs: int,
    columns: int,
    first_row: int = 0,
    row_stride: int | None = None,
    *,
    accumulate: bool | None = None,
) -> None:
    """Append one matrix-vector product.

    Each bank holds one output's weights in consecutive rows. An operand of several rows either is loaded anew
    for every tile, and each output is drained once; or it is loaded once, and every row of weights is
    drained, for the host to add up.

    Args:
        stream: to append to.
        outputs: rows of the matrix in this channel; the last tile is padded to all banks.
        columns: of the operand vector.
        first_row: of each bank, where the matrix begins.
        row_stride: rows from one tile's weights to the next; None for as many as they take.
        accumulate: the former, where sums outlast a load of the buffer; None for whenever they do.
    """
    device = stream.device
    tiles = ceil(outputs / device.banks)
    widths = [min(device.columns, columns - start) for start in range(0, columns, device.columns)]
    stride = len(widths) if row_stride is None else row_stride
    if stream.roles.accumulates and accumulate is not False:
        if len(widths) == 1:
            stream.load(columns)
        for tile in range(tiles):
            stream.clear()
            for part, width in enumerate(widths):
                if len(widths) > 1:
                    stream.load(width)
                stream.compute(first_row + tile * stride + part, 0, width)
            stream.drain()
    else:
        for part, width in enumerate(widths):
            stream.load(width)
            for tile in range(tiles):
                stream.tile(first_row + tile * stride + part, 0, width)
