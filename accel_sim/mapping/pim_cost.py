"""Prices kernels on a PIM memory: shares the work over channels, plays one channel of each kind, adds up.

Every price is that of the commands it takes, played under the protocol's constraint rows. Channels with equal
shares are played once. Shares are remembered; without refresh, long products are extended from short ones,
exactly, because their output tiles repeat (`tests/pim/test_pim_cost.py` compares both with full runs).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil

from accel_sim.config.errors import InputError
from accel_sim.engine.pim_run import Played, play
from accel_sim.hardware.pim import hbm
from accel_sim.hardware.pim.device import PimDevice
from accel_sim.hardware.pim.energy import commands_energy_j, standby_w
from accel_sim.hardware.pim.specs import Elementwise
from accel_sim.hardware.pim.tiles import gemv_rows, tiled_gemv, tiled_product, tiled_sum

# Output tiles from which a product is extended; the first differ by what they find open.
SHORT_TILES = 4


@dataclass(frozen=True)
class PimCost:
    """Price of a kernel.

    Attributes:
        cycles: of the slowest channel, in the protocol's clock. latency_s: the same in seconds.
        commands: how many of each kind, over all channels.
        activations: rows opened, bank by bank, over all channels.
        accesses, row_hits: column accesses to banks, and those that found their row open and already used.
        energy_j: of all commands. background_j: of standby with open rows while the kernel lasts, all channels.
        macs: products of operands that exist. lane_macs: products that units executed, padding included.
    """

    cycles: int
    latency_s: float
    commands: Mapping[str, int]
    activations: int
    accesses: int
    row_hits: int
    energy_j: float
    background_j: float
    macs: int = 0
    lane_macs: int = 0

    @property
    def row_hit_rate(self) -> float:
        """Share of column accesses that found their row open; 0 without accesses."""
        return self.row_hits / self.accesses if self.accesses else 0.0


Share = tuple[Played, int]


def repeated(cost: PimCost, times: int) -> PimCost:
    """Return the price of a kernel that runs several times, one after the other."""
    return replace(
        cost,
        cycles=cost.cycles * times,
        latency_s=cost.latency_s * times,
        commands={name: count * times for name, count in cost.commands.items()},
        activations=cost.activations * times,
        accesses=cost.accesses * times,
        row_hits=cost.row_hits * times,
        energy_j=cost.energy_j * times,
        background_j=cost.background_j * times,
        macs=cost.macs * times,
        lane_macs=cost.lane_macs * times,
    )


def gemv_cost(device: PimDevice, m: int, k: int, batch: int = 1, number_format: str = "bf16") -> PimCost:
    """Return the price of `batch` products of an m x k matrix with a vector.

    Outputs are shared over channels, then banks; every bank takes whole outputs. Padding is paid for: outputs
    to all banks (HBM-PIM: all registers) of a channel, k to whole columns.

    Args:
        device: the memory, which holds the matrix.
        m: outputs.
        k: inputs.
        batch: vectors.
        number_format: of weights and vector.

    Raises:
        InputError: sizes below 1, a format the units do not have, or a matrix that does not fit.
    """
    check_sizes(m=m, k=k, batch=batch)
    lanes = device.lanes(number_format)
    columns = ceil(k / lanes)
    outputs_per_tile = tile_outputs(device)
    rows = matrix_rows(device, m, k, number_format, batch)
    device.check_rows(rows[0][0], f"a {m} x {k} matrix in {number_format}")
    channel = device.with_channels(1)
    shares = shares_of(device, m, outputs_per_tile, lambda tiles: _played_gemv(channel, tiles, columns, batch))
    executed = sum(executed_macs(device, played, lanes) * count for played, count in shares)
    return priced(device, shares, m * k * batch, executed)


def unfinished_sums(
    device: PimDevice, cost: PimCost, m: int, k: int, batch: int = 1, number_format: str = "bf16"
) -> tuple[int, int]:
    """Return what a product leaves to do: bytes of sums that lie in the banks to read, and additions.

    HBM-PIM leaves a sum of each lane of an output, in a column; other machines send a sum each time that they
    read their accumulators, for every row of an operand or for all of it.

    cost: of the product, see `gemv_cost`.
    """
    outputs, lanes = m * batch, device.lanes(number_format)
    roles = device.protocol.pim.roles
    if roles is None:
        return outputs * device.protocol.structure.column_bytes, outputs * (lanes - 1)
    if roles.drain is None:
        return 0, outputs * (ceil(ceil(k / lanes) / device.columns) - 1)
    tiles = sum(size * count for size, count in dealt(device, m, tile_outputs(device)))
    return 0, outputs * (cost.commands[roles.drain] // (tiles * batch) - 1)


def elementwise_cost(
    device: PimDevice, elements: int, kind: Elementwise, number_format: str = "bf16"
) -> PimCost:
    """Return the price of an elementwise kernel on operands that lie in the banks.

    HBM-PIM adds, multiplies and clips; GDDR6-AiM multiplies two banks of each group into a third.

    Raises:
        InputError: sizes below 1, a kernel that the machine does not have, or operands that do not fit.
    """
    check_sizes(elements=elements)
    if kind not in device.elementwise_kernels:
        allowed = ", ".join(device.elementwise_kernels) or "none"
        raise InputError(f"{device.name} has no elementwise {kind} in its banks (allowed: {allowed})")
    rows = elementwise_rows(device, elements, number_format)
    device.check_rows(rows, f"a kernel of {elements} elements")
    columns, tile = ceil(elements / device.lanes(number_format)), elementwise_tile(device)
    if device.protocol.modes:
        return priced(
            device,
            shares_of(device, columns, tile, lambda tiles: _played_elementwise(device, tiles * tile, kind)),
        )
    return priced(device, shares_of(device, columns, tile, lambda tiles: _played_product(device, tiles)))


def elementwise_rows(device: PimDevice, elements: int, number_format: str = "bf16", operands: int = 2) -> int:
    """Return the rows of each bank that an elementwise kernel's operands and its result take.

    Where banks have a part each (GDDR6-AiM), a row of every bank holds a row of each of three tensors.
    """
    tile = elementwise_tile(device)
    largest, _ = dealt(device, ceil(elements / device.lanes(number_format)), tile)[0]
    if device.protocol.modes:
        return (operands + 1) * max(hbm.operand_rows(device, largest * tile), hbm.OPERAND_ROWS)
    return ceil(largest / device.columns)


def elementwise_tile(device: PimDevice) -> int:
    """Return the columns of an operand in which a channel's elementwise work is dealt."""
    if device.protocol.modes:
        return device.banks * device.protocol.pim.registers
    return device.protocol.structure.bankgroups * device.protocol.structure.ranks


def reduction_cost(device: PimDevice, elements: int, number_format: str = "bf16") -> PimCost:
    """Return the price of adding up elements in the banks; the host adds the partial sums that units leave.

    Raises:
        InputError: sizes below 1, or elements that do not fit.
    """
    check_sizes(elements=elements)
    device.check_rows(reduction_rows(device, elements, number_format), f"an operand of {elements} elements")
    columns = ceil(elements / device.lanes(number_format))
    return priced(
        device, shares_of(device, columns, reduction_tile(device), lambda tiles: _played_sum(device, tiles))
    )


def reduction_rows(device: PimDevice, elements: int, number_format: str = "bf16") -> int:
    """Return the rows of each bank that the operand of a sum takes, with HBM-PIM's partial sums."""
    tile = reduction_tile(device)
    largest, _ = dealt(device, ceil(elements / device.lanes(number_format)), tile)[0]
    if device.protocol.modes:
        return hbm.operand_rows(device, largest * tile) + 1
    return ceil(largest / device.columns)


def reduction_tile(device: PimDevice) -> int:
    """Return the columns of an operand in which a channel's part of a sum is dealt."""
    return device.banks * (device.protocol.pim.registers if device.protocol.modes else 1)


def check_sizes(**sizes: int) -> None:
    """Refuse the first size below 1, by its name."""
    for name, size in sizes.items():
        if size < 1:
            raise InputError(f"{name} = {size}: must be at least 1")


def tile_outputs(device: PimDevice) -> int:
    """Return the outputs that a channel computes at once."""
    return hbm.tile_outputs(device) if device.protocol.modes else device.banks


def matrix_rows(
    device: PimDevice, m: int, k: int, number_format: str = "bf16", batch: int = 1
) -> list[tuple[int, int]]:
    """Return (rows that an m x k matrix takes of each bank of a channel, in how many channels), most first."""
    columns, tile = ceil(k / device.lanes(number_format)), tile_outputs(device)
    return [(rows_of(device, tiles * tile, columns, batch), count) for tiles, count in dealt(device, m, tile)]


def rows_of(device: PimDevice, outputs: int, columns: int, batch: int = 1) -> int:
    """Return the rows of each bank that a channel's share of a matrix takes, with HBM-PIM's results.

    Args:
        device: the memory.
        outputs: rows of the matrix in the channel.
        columns: of the operand vector.
        batch: vectors that leave results.
    """
    if device.protocol.modes is None:
        return gemv_rows(device, outputs, columns)
    registers = device.protocol.pim.registers
    tiles, parts = ceil(outputs / hbm.tile_outputs(device)), ceil(columns / registers)
    last = hbm.weights_column(device, parts, tiles, 0, separate=True) + tiles * batch * registers
    return ceil(last / device.columns)


def dealt(device: PimDevice, amount: int, tile: int) -> list[tuple[int, int]]:
    """Return (tiles of a channel, in how many channels) of work that is dealt in tiles, most first."""
    small, more = divmod(ceil(amount / tile), device.channels)
    counts = Counter({small + 1: more, small: device.channels - more})
    return [(size, count) for size, count in sorted(counts.items(), reverse=True) if size and count]


def shares_of(device: PimDevice, amount: int, tile: int, played: Callable[[int], Played]) -> list[Share]:
    """Return (what one channel does, how many channels do it) of work that is dealt in tiles."""
    return [(played(size), count) for size, count in dealt(device, amount, tile)]


def priced(device: PimDevice, shares: Sequence[Share], macs: int = 0, lane_macs: int = 0) -> PimCost:
    """Return the price of channels that work at the same time.

    Args:
        device: the memory.
        shares: what one channel does, and how many do it.
        macs: products of operands that exist.
        lane_macs: products that units execute.
    """
    commands: Counter[str] = Counter()
    energy_j = 0.0
    for played, count in shares:
        commands.update({name: number * count for name, number in played.commands.items()})
        energy_j += count * commands_energy_j(
            device.protocol, played.commands, played.all_bank, played.burst_columns
        )
    cycles = max(played.cycles for played, _ in shares)
    latency_s = cycles * device.protocol.tck_ns * 1e-9
    return PimCost(
        cycles=cycles,
        latency_s=latency_s,
        commands=dict(commands),
        activations=sum(played.activations * count for played, count in shares),
        accesses=sum(played.accesses * count for played, count in shares),
        row_hits=sum(played.row_hits * count for played, count in shares),
        energy_j=energy_j,
        background_j=standby_w(device.protocol) * latency_s * device.channels,
        macs=macs,
        lane_macs=lane_macs,
    )


def executed_macs(device: PimDevice, played: Played, lanes: int) -> int:
    """Return the products that the units of a channel executed."""
    protocol = device.protocol
    if protocol.modes:
        # Every read of a data row in all-bank mode feeds the units of one parity.
        return played.all_bank.get("RD", 0) * hbm.units(device) * lanes
    columns = 0
    for name, count in played.commands.items():
        command = protocol.commands[name]
        if command.column == "compute":
            columns += (played.burst_columns.get(name, count) if command.burst else count) * device.banks
    return columns * lanes


@lru_cache(maxsize=65536)
def _played_gemv(device: PimDevice, tiles: int, columns: int, batch: int) -> Played:
    if device.protocol.modes:
        return play(device, hbm.gemv(device, tiles * hbm.tile_outputs(device), columns, batch).program)

    def run(count: int, accumulate: bool) -> Played:
        return play(device, tiled_gemv(device, count * device.banks, columns, batch, accumulate=accumulate))

    def product(accumulate: bool) -> Played:
        if device.refresh or batch > 1 or tiles <= SHORT_TILES:
            return run(tiles, accumulate)
        short, long = run(SHORT_TILES - 1, accumulate), run(SHORT_TILES, accumulate)
        return _extended(short, long, tiles - SHORT_TILES)

    # With an operand of several rows, loading it anew for every tile and draining every row both cost time.
    roles = device.protocol.pim.roles
    choice = roles is not None and roles.accumulates and columns > device.columns
    orders = (True, False) if choice else (True,)
    return min((product(accumulate) for accumulate in orders), key=lambda played: played.cycles)


def _extended(short: Played, long: Played, times: int) -> Played:
    """Return a run that is as much longer than `long`, `times` over, as `long` is than `short`."""

    def counts(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
        return {name: count + times * (count - first.get(name, 0)) for name, count in second.items()}

    def number(first: int, second: int) -> int:
        return second + times * (second - first)

    return Played(
        cycles=number(short.cycles, long.cycles),
        commands=counts(short.commands, long.commands),
        all_bank=counts(short.all_bank, long.all_bank),
        burst_columns=counts(short.burst_columns, long.burst_columns),
        accesses=number(short.accesses, long.accesses),
        row_hits=number(short.row_hits, long.row_hits),
        activations=number(short.activations, long.activations),
        trace=long.trace,
    )


@lru_cache(maxsize=4096)
def _played_elementwise(device: PimDevice, columns: int, kind: Elementwise) -> Played:
    return play(device, hbm.elementwise(device, columns, kind).program)


@lru_cache(maxsize=4096)
def _played_product(device: PimDevice, columns: int) -> Played:
    return play(device, tiled_product(device, columns))


@lru_cache(maxsize=4096)
def _played_sum(device: PimDevice, tiles: int) -> Played:
    if device.protocol.modes:
        return play(device, hbm.reduction(device, tiles * device.banks * device.protocol.pim.registers).program)
    return play(device, tiled_sum(device, tiles))
