"""Prices of kernels on PIM memories: conserved work, padding, equality with full runs, one clear error."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.config import InputError
from accel_sim.engine.pim_run import play
from accel_sim.hardware.pim import PimDevice, pim_device
from accel_sim.hardware.pim.energy import command_energy_j
from accel_sim.hardware.pim.host import transfer
from accel_sim.hardware.pim.tiles import tiled_gemv
from accel_sim.mapping.pim_cost import (
    SHORT_TILES,
    elementwise_cost,
    gemv_cost,
    priced,
    reduction_cost,
)

DEVICES = {
    "gddr6_aim": pim_device("gddr6_aim", 4),
    "newton": pim_device("newton", 4),
    "newton_concurrent": pim_device("newton", 4, concurrent=True),
    "hbm_pim": pim_device("hbm_pim", 4),
}
every_device = pytest.mark.parametrize("device", DEVICES.values(), ids=DEVICES)
few = settings(max_examples=12, deadline=None)
sizes = st.integers(1, 700)


@every_device
@few
@given(m=sizes, k=sizes, batch=st.integers(1, 2))
def test_units_execute_every_product_and_padding_only_on_top(
    device: PimDevice, m: int, k: int, batch: int
) -> None:
    cost = gemv_cost(device, m, k, batch)
    lanes = device.lanes("bf16")
    outputs = 64 if device.name == "hbm_pim" else device.banks
    inputs = 8 * lanes if device.name == "hbm_pim" else lanes
    assert cost.macs == m * k * batch
    assert cost.lane_macs == ceil(m / outputs) * outputs * ceil(k / inputs) * inputs * batch
    assert cost.lane_macs >= cost.macs


@every_device
@few
@given(m=sizes, k=sizes)
def test_no_channel_multiplies_faster_than_its_units(device: PimDevice, m: int, k: int) -> None:
    cost = gemv_cost(device, m, k)
    timings = device.protocol.timings
    # HBM-PIM has a unit for two banks, and its columns follow each other in one bank group.
    per_column = timings["nCCDL"] if device.name == "hbm_pim" else timings.get("nBL", 2)
    units = device.banks // device.protocol.pim.banks_per_unit
    peak = units * device.lanes("bf16") / per_column
    assert cost.macs <= cost.cycles * peak * device.channels


@every_device
def test_a_larger_matrix_or_batch_never_costs_less(device: PimDevice) -> None:
    base = gemv_cost(device, 300, 500)
    for larger in (gemv_cost(device, 600, 500), gemv_cost(device, 300, 1100), gemv_cost(device, 300, 500, 2)):
        assert larger.cycles >= base.cycles
        assert larger.energy_j > base.energy_j


@every_device
@few
@given(m=st.integers(1, 3000), k=st.integers(1, 600))
def test_more_channels_are_never_slower(device: PimDevice, m: int, k: int) -> None:
    cycles = [gemv_cost(device.with_channels(channels), m, k).cycles for channels in (1, 2, 4, 8)]
    assert cycles == sorted(cycles, reverse=True)


@every_device
def test_half_the_bits_are_twice_the_lanes(device: PimDevice) -> None:
    assert gemv_cost(device, 512, 2048, number_format="int8").cycles == gemv_cost(device, 512, 1024).cycles
    assert device.lanes("int8") == 2 * device.lanes("fp16")


@every_device
def test_energy_is_that_of_the_commands_of_all_channels(device: PimDevice) -> None:
    played = play(device, transfer(device, 64 * 1024, "read"))
    cost = priced(device, [(played, 3)])
    expected = sum(count * command_energy_j(device.protocol, name) for name, count in played.commands.items())
    assert cost.energy_j == pytest.approx(3 * expected)
    assert cost.commands["RD"] * device.protocol.structure.host_bytes == 3 * 64 * 1024
    assert cost.background_j > 0


@pytest.mark.parametrize("name", ["gddr6_aim", "newton"])
@settings(max_examples=20, deadline=None)
@given(tiles=st.integers(SHORT_TILES + 1, 60), columns=st.integers(1, 300))
def test_a_product_extended_from_a_short_one_equals_the_full_run(name: str, tiles: int, columns: int) -> None:
    device = pim_device(name, 1, refresh=False)
    orders = (tiled_gemv(device, tiles * device.banks, columns, accumulate=each) for each in (True, False))
    full = min((play(device, program) for program in orders), key=lambda played: played.cycles)
    priced = gemv_cost(device, tiles * device.banks, columns * device.lanes("bf16"))
    assert priced.cycles == full.cycles
    assert priced.commands == full.commands
    assert (priced.activations, priced.accesses, priced.row_hits) == (
        full.activations,
        full.accesses,
        full.row_hits,
    )


def test_a_matrix_of_full_rows_misses_once_a_row() -> None:
    # 1,024 bf16 a row are 64 accesses of 16: one opens it.
    cost = gemv_cost(pim_device("gddr6_aim", 4, refresh=False), 640, 4096)
    assert cost.row_hit_rate == 63 / 64
    assert cost.activations == 640 * 4


@few
@given(elements=st.integers(1, 300_000))
def test_elementwise_kernels_read_and_write_every_operand(elements: int) -> None:
    device = DEVICES["hbm_pim"]
    add, multiply, clip = (elementwise_cost(device, elements, kind) for kind in ("add", "mul", "relu"))
    assert add.cycles == multiply.cycles
    assert add.cycles > clip.cycles
    tiles = ceil(elements / (8 * 16 * 16))
    # 8 columns of each operand for even and odd banks, and 16 to park before and after, in every busy channel.
    busy = min(tiles, device.channels)
    assert clip.commands["RD"] == 16 * tiles + 32 * busy
    assert add.commands["RD"] == 32 * tiles + 32 * busy


@every_device
@few
@given(elements=st.integers(1, 300_000))
def test_a_reduction_touches_every_element_once(device: PimDevice, elements: int) -> None:
    cost = reduction_cost(device, elements)
    columns = cost.accesses
    if device.name == "hbm_pim":
        columns -= 16 * min(ceil(elements / (128 * 16)), device.channels) * 8  # the partial sums written
    assert columns * device.lanes("bf16") >= elements


def test_aim_multiplies_two_banks_of_each_group() -> None:
    cost = elementwise_cost(DEVICES["gddr6_aim"], 64 * 16 * 4 * 4, "mul")
    assert cost.commands["EWMUL16"] == 4 * 64


@every_device
def test_doubling_the_bytes_nearly_doubles_a_long_stream(device: PimDevice) -> None:
    one, two = (play(device, transfer(device, size, "write")).cycles for size in (2**16, 2**17))
    assert 1.8 * one < two < 2.2 * one


@pytest.mark.parametrize(
    ("name", "price", "message"),
    [
        (
            "gddr6_aim",
            lambda device: gemv_cost(device, 65536, 65536),
            "a 65536 x 65536 matrix in bf16 takes 65536 rows of each bank: gddr6_aim with 4 channels has 16384",
        ),
        (
            "hbm_pim",
            lambda device: gemv_cost(device, 65536, 65536),
            "rows of each bank: hbm_pim with 4 channels has 4096",
        ),
        ("newton", lambda device: gemv_cost(device, 0, 5), "m = 0: must be at least 1"),
        ("newton", lambda device: gemv_cost(device, 5, 5, 0), "batch = 0: must be at least 1"),
        (
            "newton",
            lambda device: gemv_cost(device, 5, 5, number_format="fp4"),
            "newton does not compute in 'fp4' (allowed: bf16, fp16, int8)",
        ),
        (
            "newton",
            lambda device: elementwise_cost(device, 5, "add"),
            "newton has no elementwise add in its banks (allowed: none)",
        ),
        (
            "gddr6_aim",
            lambda device: elementwise_cost(device, 5, "relu"),
            "gddr6_aim has no elementwise relu in its banks (allowed: mul)",
        ),
        ("gddr6_aim", lambda device: reduction_cost(device, 2**40), "rows of each bank: gddr6_aim"),
    ],
)
def test_what_does_not_fit_is_one_clear_error(name: str, price: object, message: str) -> None:
    with pytest.raises(InputError) as caught:
        price(DEVICES[name])  # type: ignore[operator]
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
