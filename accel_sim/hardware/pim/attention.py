"""Keys and values in the banks: where each token's lie, what writes them, and what scores and sums them.

Keys are rows: token t of a KV head lies in bank t mod banks, and the keys of one bank fill its rows one after
the other, so that a new token's scores hit rows that are open for its neighbours. Values are transposed:
every output dimension is a row of tokens, as in a matrix-vector product over tokens, so that a new token
writes one column of many rows. With GQA a row of keys is opened once for all query heads that share it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from accel_sim.config.errors import InputError
from accel_sim.hardware.pim.device import PimDevice
from accel_sim.hardware.pim.host import open_everywhere
from accel_sim.hardware.pim.program import Builder, Program
from accel_sim.hardware.pim.tiles import TileStream, tiled_gemv


@dataclass(frozen=True)
class KvLayout:
    """Keys and values of one KV head in one channel.

    Attributes:
        device: the memory.
        head_dim: elements of a key or value.
        lanes: elements of a column.
        first_key_row, first_value_row: where they begin in every bank.
    """

    device: PimDevice
    head_dim: int
    lanes: int
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
        """Columns of one key, padded."""
        return ceil(self.head_dim / self.lanes)

    @property
    def keys_per_row(self) -> int:
        """Keys in a row of one bank; what is left of the row stays empty."""
        return self.device.columns // self.key_columns

    def key_place(self, token: int) -> tuple[int, int, int]:
        """Return (bank, row, first column) of a token's key."""
        slot, bank = divmod(token, self.device.banks)
        row, place = divmod(slot, self.keys_per_row)
        return bank, self.first_key_row + row, place * self.key_columns

    def value_place(self, token: int, dimension: int, most_tokens: int) -> tuple[int, int, int]:
        """Return (bank, row, column) of an element of a value; most_tokens: that rows leave room for."""
        group, bank = divmod(dimension, self.device.banks)
        part, column = divmod(token // self.lanes, self.device.columns)
        rows = self.value_rows(most_tokens)
        return bank, self.first_value_row + group * rows + part, column

    def key_rows(self, tokens: int) -> int:
        """Return the rows of each bank that the keys take."""
        return ceil(ceil(tokens / self.device.banks) / self.keys_per_row)

    def value_rows(self, tokens: int) -> int:
        """Return the rows that one dimension's values take."""
        return ceil(ceil(tokens / self.lanes) / self.device.columns)


def score_program(layout: KvLayout, tokens: int, query_heads: int, kv_heads: int = 1) -> Program:
    """Return the program that multiplies queries with the keys of one channel, one score a bank and drain.

    Args:
        layout: of the keys.
        tokens: keys of each KV head in this channel; the last slot is padded to all banks.
        query_heads: that share a KV head. The operand buffer holds one query, repeated in front of every slot.
        kv_heads: in this channel.
    """
    stream = TileStream(layout.device)
    slots, width = ceil(tokens / layout.device.banks), layout.key_columns
    rows = layout.key_rows(tokens)
    for head in range(kv_heads):
        for row in range(rows):
            here = min(layout.keys_per_row, slots - row * layout.keys_per_row)
            for _ in range(query_heads):
                if query_heads > 1 or row == 0:
                    stream.load(min(slots, layout.keys_per_row) * width)
                for slot in range(here):
                    stream.tile(layout.first_key_row + head * rows + row, slot * width, width)
    return stream.program()


def context_program(layout: KvLayout, tokens: int, query_heads: int, kv_heads: int = 1) -> Program:
    """Return the program that sums values weighted by scores: a product over tokens for every query head."""
    return tiled_gemv(layout.device, layout.head_dim, ceil(tokens / layout.lanes), query_heads * kv_heads)


def append_program(layout: KvLayout, token: int, most_tokens: int) -> Program:
    """Return the host's writes of one token's key and value.

    A key is a run of columns in one row; a value is one column in as many rows as it has dimensions, banks in
    turn.
    """
    builder = Builder(layout.device.protocol)
    bank, row, column = layout.key_place(token)
    structure = layout.device.protocol.structure
    per_burst = max(structure.host_bytes // structure.column_bytes, 1)
    builder.add("WR", bank, row, column // per_burst, ceil(layout.key_columns / per_burst))
    banks = layout.device.banks
    for first in range(0, layout.head_dim, banks):
        _, row, column = layout.value_place(token, first, most_tokens)
        width = min(banks, layout.head_dim - first)
        if layout.device.protocol.controller == "in_order":
            open_everywhere(builder, row, range(width))
        for bank in range(width):
            builder.add("WR", bank, row, column // per_burst)
    return builder.program()
