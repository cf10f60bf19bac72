"""Prices attention on a PIM memory: scores, sums of values, and the writes of a new token."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import Literal, get_args

from accel_sim.config.errors import InputError
from accel_sim.engine.pim_run import Played, play
from accel_sim.hardware.pim import attention, hbm_attention
from accel_sim.hardware.pim.device import PimDevice
from accel_sim.hardware.pim.program import Program
from accel_sim.mapping.pim_cost import (
    PimCost,
    Share,
    check_sizes,
    dealt,
    executed_macs,
    priced,
    rows_of,
    shares_of,
    tile_outputs,
)

Step = Literal["score", "context", "append_keys", "append_values"]


@dataclass(frozen=True)
class Attention:
    """One decode step's attention over one request's KV cache.

    Attributes:
        query_heads: a multiple of kv_heads.
        kv_heads: heads of keys and values.
        head_dim: elements of a head.
        tokens: in the cache, the new one included.
    """

    query_heads: int
    kv_heads: int
    head_dim: int
    tokens: int

    @property
    def queries(self) -> int:
        """Query heads that share a KV head."""
        return self.query_heads // self.kv_heads


@dataclass(frozen=True)
class _Part:
    """What one channel has of a cache."""

    heads: int
    head_dim: int
    tokens: int
    lanes: int
    queries: int


def attention_costs(device: PimDevice, work: Attention, number_format: str = "bf16") -> dict[Step, PimCost]:
    """Return the prices of the steps of one token: `score`, `context`, `append_keys`, `append_values`.

    Keys are dealt to channels by tokens, all heads in each, or by heads, whichever scores sooner; values by
    heads. Where there are fewer heads than channels, a head's tokens (keys) or dimensions (values) are split
    over several.

    Raises:
        InputError: heads that do not divide, a head wider than a row, or a cache that does not fit.
    """
    _check(work)
    lanes = device.lanes(number_format)

    def by_tokens(step: Step) -> list[Share]:
        return _token_shares(device, step, work, lanes, device.channels, work.kv_heads)

    def by_heads(step: Step) -> list[Share]:
        splits = _channels_of_a_head(device, work)
        if splits > 1 and step == "score":
            return [
                (played, count * work.kv_heads)
                for played, count in _token_shares(device, step, work, lanes, splits, 1)
            ]
        if splits > 1:
            return [_split_head(device, step, work, lanes, splits)]
        return shares_of(
            device,
            work.kv_heads,
            1,
            lambda heads: _played(device, step, _Part(heads, work.head_dim, work.tokens, lanes, work.queries)),
        )

    deal = min((by_tokens, by_heads), key=lambda way: max(played.cycles for played, _ in way("score")))
    macs = work.query_heads * work.head_dim * work.tokens

    def product(shares: list[Share]) -> PimCost:
        executed = sum(executed_macs(device, played, lanes) * count for played, count in shares)
        return priced(device, shares, macs, executed)

    # Where tokens are dealt, the new one is written to one channel.
    written = by_heads("append_keys") if deal is by_heads else [(by_tokens("append_keys")[0][0], 1)]
    return {
        "score": product(deal("score")),
        "context": product(by_heads("context")),
        "append_keys": priced(device, written),
        "append_values": priced(device, by_heads("append_values")),
    }


def cache_rows(device: PimDevice, work: Attention, number_format: str = "bf16") -> list[tuple[int, int]]:
    """Return (rows that a request's keys and values of a layer take of each bank, in how many channels)."""
    _check(work)
    splits, lanes = _channels_of_a_head(device, work), device.lanes(number_format)

    def rows(heads: int) -> int:
        keys = _Part(heads, work.head_dim, ceil(work.tokens / splits), lanes, 1)
        values = _Part(heads, ceil(work.head_dim / splits), work.tokens, lanes, 1)
        return _rows(device, keys)[0] + _rows(device, values)[1]

    if splits > 1:
        return [(rows(1), work.kv_heads * splits)]
    return [(rows(heads), count) for heads, count in dealt(device, work.kv_heads, 1)]


def _check(work: Attention) -> None:
    check_sizes(
        query_heads=work.query_heads, kv_heads=work.kv_heads, head_dim=work.head_dim, tokens=work.tokens
    )
    if work.query_heads % work.kv_heads:
        raise InputError(f"query_heads = {work.query_heads}: must be a multiple of kv_heads = {work.kv_heads}")


def _channels_of_a_head(device: PimDevice, work: Attention) -> int:
    return max(device.channels // work.kv_heads, 1)


def _token_shares(
    device: PimDevice, step: Step, work: Attention, lanes: int, channels: int, heads: int
) -> list[Share]:
    """Return the shares of channels over which the tokens are dealt, one for each output at a time."""
    at_once = tile_outputs(device)

    def played(tiles: int) -> Played:
        return _played(device, step, _Part(heads, work.head_dim, tiles * at_once, lanes, work.queries))

    return shares_of(device.with_channels(channels), work.tokens, at_once, played)


def _split_head(device: PimDevice, step: Step, work: Attention, lanes: int, splits: int) -> Share:
    """Return the share of channels that have one head together: its dimensions, or its one new key."""
    if step == "append_keys":
        tokens = ceil(work.tokens / splits)
        return _played(device, step, _Part(1, work.head_dim, tokens, lanes, work.queries)), work.kv_heads
    dims = ceil(work.head_dim / splits)
    played = _played(device, step, _Part(1, dims, work.tokens, lanes, work.queries))
    return played, work.kv_heads * ceil(work.head_dim / dims)


@lru_cache(maxsize=65536)
def _played(device: PimDevice, step: Step, part: _Part) -> Played:
    rows = sum(_rows(device, part))
    device.check_rows(rows, f"a cache of {part.tokens} tokens of {part.heads} heads in a channel")
    if step == "score" and part.queries > 1 and not device.protocol.modes:
        # What is dearer depends on the memory: loading its operand buffer or opening a row.
        layout = _layout(device, part)
        orders = (
            attention.score_program(layout, part.tokens, part.queries, outer)
            for outer in get_args(attention.Outer)
        )
        return min((play(device, order) for order in orders), key=lambda played: played.cycles)
    return play(device, _program(device, step, part))


def _rows(device: PimDevice, part: _Part) -> tuple[int, int]:
    """Return the rows of each bank that keys and values take."""
    if device.protocol.modes:
        keys = rows_of(device, part.tokens, ceil(part.head_dim / part.lanes), part.queries)
        values = rows_of(device, part.head_dim, ceil(part.tokens / part.lanes), part.queries)
        return part.heads * keys, part.heads * values
    layout = _layout(device, part)
    return layout.row_parts * layout.key_rows, layout.heads * layout.value_tiles * layout.value_rows


def _layout(device: PimDevice, part: _Part) -> attention.KvLayout:
    return attention.KvLayout(device, part.heads, part.head_dim, part.lanes, part.tokens)


def _program(device: PimDevice, step: Step, part: _Part) -> Program:
    head_columns, token_columns = ceil(part.head_dim / part.lanes), ceil(part.tokens / part.lanes)
    if device.protocol.modes:
        heads = part.heads
        match step:
            case "score":
                return hbm_attention.head_products(device, heads, part.tokens, head_columns, part.queries)
            case "context":
                return hbm_attention.head_products(device, heads, part.head_dim, token_columns, part.queries)
            case "append_keys":
                return hbm_attention.append_keys(device, heads, head_columns, part.tokens - 1)
            case "append_values":
                last = token_columns - 1
                return hbm_attention.append_values(device, heads, part.head_dim, token_columns, last)
    layout = _layout(device, part)
    match step:
        case "score":
            return attention.score_program(layout, part.tokens, part.queries)
        case "context":
            return attention.context_program(layout, part.tokens, part.queries)
        case "append_keys":
            return attention.append_keys(layout, part.tokens - 1)
        case "append_values":
            return attention.append_values(layout, part.tokens - 1)
