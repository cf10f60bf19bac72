"""Keys and values in the banks: where each token's lie, what writes them, and what scores and sums them.

Keys are rows: token t lies in bank t mod banks, and a row holds the keys of several heads, next to each
other; where they leave room, the next tokens of the bank follow. A query of all those heads, laid out the
same way in the operand buffer, then meets one open row, and a new token's scores hit rows that are open for
its neighbours. Values are transposed: every output dimension is a row of tokens, as in a matrix-vector
product over tokens, so that a new token writes one column of many rows. With GQA a row of keys is opened once
for all query heads that share it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Literal

from accel_sim.config.errors import InputError
from accel_sim.hardware.pim.device import PimDevice
from accel_sim.hardware.pim.host import open_everywhere
from accel_sim.hardware.pim.program import Builder, Program
from accel_sim.hardware.pim.tiles import TileStream, add_gemv

Outer = Literal["rows", "queries"]


@dataclass(frozen=True)
class KvLayout:
    """Keys and values of a channel.

    Attributes:
        device: the memory.
        heads: KV heads in the channel.
        head_dim: elements of a head's key or value.
        lanes: elements of a column.
        most_tokens: that the rows of values leave room for.
        first_key_row: where keys begin in every bank.
        first_value_row: where values begin in every bank.
    """

    device: PimDevice
    heads: int
    head_dim: int
    lanes: int
    most_tokens: int
    first_key_row: int = 0
    first_value_row: int = 0

    def __post_init__(self) -> None:
        if self.key_columns > self.device.columns:
            raise InputError(
                f"a key of {self.head_dim} elements takes {self.key_columns} columns: "
                f"a row of {self.device.name} has {self.device.columns}"
            )

    @property
    def key_columns(self) -> int:
        """Columns of one head's key, padded."""
        return ceil(self.head_dim / self.lanes)

    @property
    def heads_per_row(self) -> int:
        """Heads whose keys of one token share a row; what is left of the row stays empty."""
        return min(self.heads, self.device.columns // self.key_columns)

    @property
    def row_parts(self) -> int:
        """Rows that the keys of one token touch."""
        return ceil(self.heads / self.heads_per_row)

    @property
    def tokens_per_row(self) -> int:
        """Tokens of a bank in one row."""
        return self.device.columns // (self.heads_per_row * self.key_columns)

    @property
    def key_rows(self) -> int:
        """Rows of each bank that one part of the keys takes."""
        return ceil(ceil(self.most_tokens / self.device.banks) / self.tokens_per_row)

    @property
    def value_rows(self) -> int:
        """Rows that one dimension of one head's values takes."""
        return ceil(ceil(self.most_tokens / self.lanes) / self.device.columns)

    @property
    def value_tiles(self) -> int:
        """Groups of dimensions, one a bank, of a head."""
        return ceil(self.head_dim / self.device.banks)

    @property
    def rows(self) -> int:
        """Rows of each bank that keys and values take."""
        return self.row_parts * self.key_rows + self.heads * self.value_tiles * self.value_rows

    def key_place(self, token: int, head: int) -> tuple[int, int, int]:
        """Return (bank, row, first column) of a token's key."""
        slot, bank = divmod(token, self.device.banks)
        part, within = divmod(head, self.heads_per_row)
        row, place = divmod(slot, self.tokens_per_row)
        column = (place * self.heads_per_row + within) * self.key_columns
        return bank, self.first_key_row + part * self.key_rows + row, column

    def value_row(self, head: int, tile: int = 0) -> int:
        """Return the first row of a group of a head's dimensions."""
        return self.first_value_row + (head * self.value_tiles + tile) * self.value_rows

    def value_place(self, token: int, head: int, dimension: int) -> tuple[int, int, int]:
        """Return (bank, row, column) of an element of a token's value."""
        tile, bank = divmod(dimension, self.device.banks)
        part, column = divmod(token // self.lanes, self.device.columns)
        return bank, self.value_row(head, tile) + part, column


def score_program(layout: KvLayout, tokens: int, queries: int, outer: Outer = "rows") -> Program:
    """Return the program that multiplies queries with the keys of a channel: one score a bank, drained.

    Args:
        layout: of the keys.
        tokens: in this channel; the last ones are padded to all banks.
        queries: query heads that share a KV head. The operand buffer holds one of each KV head of a row.
        outer: loop over `rows`, which opens every row once and loads the buffer for every row and query, or
            over `queries`, which loads the buffer once a query and opens the rows again.
    """
    stream = TileStream(layout.device)
    slots, width = ceil(tokens / layout.device.banks), layout.key_columns
    rows = ceil(slots / layout.tokens_per_row)
    if outer == "rows":
        visits = [(row, query) for row in range(rows) for query in range(queries)]
    else:
        visits = [(row, query) for query in range(queries) for row in range(rows)]
    for part in range(layout.row_parts):
        heads = min(layout.heads_per_row, layout.heads - part * layout.heads_per_row)
        loaded = None
        for row, query in visits:
            here = min(layout.tokens_per_row, slots - row * layout.tokens_per_row)
            if loaded != query:
                stream.load(((here - 1) * layout.heads_per_row + heads) * width)
                loaded = query
            for slot in range(here):
                for head in range(heads):
                    column = (slot * layout.heads_per_row + head) * width
                    stream.tile(layout.first_key_row + part * layout.key_rows + row, column, width)
    return stream.program()


def context_program(layout: KvLayout, tokens: int, queries: int) -> Program:
    """Return the program that sums a channel's values weighted by scores: a product over tokens for each query.

    Args:
        layout: of the values.
        tokens: whose values there are.
        queries: query heads that share a KV head.
    """
    stream = TileStream(layout.device)
    columns = ceil(tokens / layout.lanes)
    for head in range(layout.heads):
        for _ in range(queries):
            add_gemv(stream, layout.head_dim, columns, layout.value_row(head), layout.value_rows)
    return stream.program()


def append_keys(layout: KvLayout, token: int) -> Program:
    """Return the host's writes of one token's keys: a run of columns in one row of one bank, or in a few."""
    builder = Builder(layout.device.protocol)
    for part in range(layout.row_parts):
        first = part * layout.heads_per_row
        heads = min(layout.heads_per_row, layout.heads - first)
        bank, row, column = layout.key_place(token, first)
        per_burst = _columns_per_burst(layout.device)
        builder.add("WR", bank, row, column // per_burst, ceil(heads * layout.key_columns / per_burst))
    return builder.program()


def append_values(layout: KvLayout, token: int) -> Program:
    """Return the host's writes of one token's values: one column in as many rows as there are dimensions."""
    builder, device = Builder(layout.device.protocol), layout.device
    for head in range(layout.heads):
        for first in range(0, layout.head_dim, device.banks):
            _, row, column = layout.value_place(token, head, first)
            banks = range(min(device.banks, layout.head_dim - first))
            if device.protocol.controller == "in_order":
                open_everywhere(builder, row, banks)
            for bank in banks:
                builder.add("WR", bank, row, column // _columns_per_burst(device))
    return builder.program()


def _columns_per_burst(device: PimDevice) -> int:
    structure = device.protocol.structure
    return max(structure.host_bytes // structure.column_bytes, 1)
