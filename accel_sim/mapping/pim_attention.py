"""Prices attention on a PIM memory: scores, sums of values, and the writes of a new token."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import Literal

from accel_sim.config.errors import InputError
from accel_sim.engine.pim_run import Played, play
from accel_sim.hardware.pim.attention import (
    KvLayout,
    append_keys,
    append_values,
    context_program,
    score_program,
)
from accel_sim.hardware.pim.device import PimDevice
from accel_sim.mapping.pim_cost import PimCost, Share, check_sizes, executed_macs, priced, shares_of

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


def attention_costs(device: PimDevice, work: Attention, number_format: str = "bf16") -> dict[Step, PimCost]:
    """Return the prices of the steps of one token: `score`, `context`, `append_keys`, `append_values`.

    Keys are dealt to channels by tokens, all heads in each, or by heads, whichever scores sooner; values by
    heads. Where there are fewer heads than channels, a head's tokens (keys) or dimensions (values) are split
    over several.

    Raises:
        InputError: heads that do not divide, a head wider than a row, a cache that does not fit, or a machine
            without one operand buffer for all banks.
    """
    check_sizes(
        query_heads=work.query_heads, kv_heads=work.kv_heads, head_dim=work.head_dim, tokens=work.tokens
    )
    if work.query_heads % work.kv_heads:
        raise InputError(f"query_heads = {work.query_heads}: must be a multiple of kv_heads = {work.kv_heads}")
    lanes = device.lanes(number_format)
    queries = work.query_heads // work.kv_heads
    splits = max(device.channels // work.kv_heads, 1)
    dims, tokens = ceil(work.head_dim / splits), ceil(work.tokens / splits)
    by_tokens, by_heads = _key_shares(device, work, lanes)
    score = min(by_tokens, by_heads, key=lambda shares: max(played.cycles for played, _ in shares))
    keys_by_heads = score is by_heads

    def values(step: Step) -> list[Share]:
        if splits > 1:
            played = _played(device, step, 1, dims, lanes, work.tokens, work.tokens, queries)
            return [(played, work.kv_heads * ceil(work.head_dim / dims))]
        return shares_of(
            device,
            work.kv_heads,
            1,
            lambda heads: _played(device, step, heads, dims, lanes, work.tokens, work.tokens, queries),
        )

    if keys_by_heads:
        heads = ceil(work.kv_heads / device.channels)
        written = [
            (
                _played(device, "append_keys", heads, work.head_dim, lanes, tokens, tokens, 1),
                work.kv_heads // heads,
            )
        ]
    else:
        tokens = ceil(work.tokens / device.channels)
        written = [(_played(device, "append_keys", work.kv_heads, work.head_dim, lanes, tokens, tokens, 1), 1)]
    context = values("context")
    macs = work.query_heads * work.head_dim * work.tokens

    def executed(shares: list[Share]) -> int:
        return sum(executed_macs(device, played, lanes) * count for played, count in shares)

    return {
        "score": priced(device, score, macs, executed(score)),
        "context": priced(device, context, macs, executed(context)),
        "append_keys": priced(device, written),
        "append_values": priced(device, values("append_values")),
    }


def cache_rows(device: PimDevice, work: Attention, number_format: str = "bf16") -> int:
    """Return the rows that one request's keys and values take of each bank in one layer, by heads."""
    lanes = device.lanes(number_format)
    splits = max(device.channels // work.kv_heads, 1)
    heads = ceil(work.kv_heads / device.channels)
    keys = KvLayout(device, heads, work.head_dim, lanes, ceil(work.tokens / splits))
    values = KvLayout(device, heads, ceil(work.head_dim / splits), lanes, work.tokens)
    return keys.row_parts * keys.key_rows + values.heads * values.value_tiles * values.value_rows


def _key_shares(device: PimDevice, work: Attention, lanes: int) -> tuple[list[Share], list[Share]]:
    """Return the scores' shares with keys dealt by tokens, and by heads."""
    queries = work.query_heads // work.kv_heads
    splits = max(device.channels // work.kv_heads, 1)
    by_tokens = _token_shares(device, work, lanes, device.channels, work.kv_heads, queries)
    if splits > 1:
        by_heads = [
            (played, count * work.kv_heads)
            for played, count in _token_shares(device, work, lanes, splits, 1, queries)
        ]
    else:
        by_heads = shares_of(
            device,
            work.kv_heads,
            1,
            lambda heads: _played(
                device, "score", heads, work.head_dim, lanes, work.tokens, work.tokens, queries
            ),
        )
    return by_tokens, by_heads


def _token_shares(
    device: PimDevice, work: Attention, lanes: int, channels: int, heads: int, queries: int
) -> list[Share]:
    """Return the scores' shares of channels over which the tokens are dealt, one for each bank at a time."""

    def played(slots: int) -> Played:
        tokens = slots * device.banks
        return _played(device, "score", heads, work.head_dim, lanes, tokens, tokens, queries)

    return shares_of(device.with_channels(channels), work.tokens, device.banks, played)


@lru_cache(maxsize=65536)
def _played(
    device: PimDevice,
    step: Step,
    heads: int,
    head_dim: int,
    lanes: int,
    most_tokens: int,
    tokens: int,
    queries: int,
) -> Played:
    layout = KvLayout(device, heads, head_dim, lanes, most_tokens)
    device.check_rows(layout.rows, f"a cache of {tokens} tokens of {heads} heads a channel")
    match step:
        case "score":
            return play(device, score_program(layout, tokens, queries))
        case "context":
            return play(device, context_program(layout, tokens, queries))
        case "append_keys":
            return play(device, append_keys(layout, tokens - 1))
        case "append_values":
            return play(device, append_values(layout, tokens - 1))
