"""Energy of DRAM traffic: blocks at command level, their summary by access pattern, and whole models."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.engine.channel_energy import background_w, dram_cost, energy_j
from accel_sim.engine.channel_run import run_channel
from accel_sim.hardware.design import load_design
from accel_sim.hardware.dram import all_presets, energy, load_preset
from accel_sim.hardware.dram.energy import charges, pattern_traffic, transfer_bursts
from accel_sim.hardware.dram.patterns import Channels, grid
from accel_sim.mapping import memory_blocks
from accel_sim.mapping.memory_blocks import block_clocks, block_traffic
from accel_sim.simulation import simulate
from accel_sim.technology import dram

PRESETS = sorted(all_presets())
WITH_CURRENTS = [name for name in PRESETS if load_preset(name).preset.currents]
TRANSFERS = settings(max_examples=60, deadline=None, derandomize=True)
DECODE = {"workload.phase.phase": "decode"}


def asked(price, channels, size, run, write, stride=0):
    return price(channels, np.array([size]), np.array([run]), np.array([stride]), np.array([write]))


def traffic_j(preset, traffic, write):
    own = charges(preset)
    burst_j = (own.write_j if write else own.read_j) + own.io_j
    return float((traffic.bursts * burst_j + traffic.activate_j + traffic.open_j).sum())


@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
@pytest.mark.parametrize("preset", PRESETS)
def test_what_a_design_is_charged_for_a_busy_channel_is_the_energy_of_the_plain_run(preset, write):
    """Bursts, rows and open rows of the transfer, standby and refreshes of the time."""
    resolved = load_preset(preset)
    count = 1 << 15
    plain = run_channel(resolved, memory_blocks._stream(resolved, count, 64, write, 0))
    channels = Channels(preset, 1, resolved.peak_bytes_per_s)
    burst = resolved.preset.burst_bytes
    traffic = asked(block_traffic, channels, count * burst, 64 * burst, write)
    standby_w, refresh_w = background_w(resolved)
    interval_s = resolved.refresh_interval * resolved.tck_s
    charged = traffic_j(preset, traffic, write) + (standby_w + refresh_w) * plain.time_s
    # The run may hold a refresh of every rank more or less than its time does.
    assert charged == pytest.approx(sum(energy_j(plain).values()), rel=2e-3, abs=refresh_w * interval_s)


@TRANSFERS
@given(
    st.sampled_from(PRESETS),
    st.sampled_from((1, 4, 32)),
    st.integers(0, 1 << 22),
    st.integers(1, 1 << 16),
    st.booleans(),
)
def test_the_table_and_the_commands_move_the_same_bursts_and_open_about_as_many_rows(
    preset, count, size, run, write
):
    channels = Channels(preset, count, 16e9)
    run = min(run, max(size, 1))
    # Pieces far below a channel's burst differ in how they fall on the channels.
    coarse, fine = (asked(price, channels, size, run, write) for price in (pattern_traffic, block_traffic))
    assert coarse.bursts == fine.bursts
    assert coarse.bursts * load_preset(preset).preset.burst_bytes >= size
    assert min(coarse.activate_j, coarse.open_j, fine.activate_j, fine.open_j) >= 0
    if size:
        assert traffic_j(preset, coarse, write) == pytest.approx(traffic_j(preset, fine, write), rel=0.25)


def run_j(preset, bursts, spread, write):
    """Joules of activates and of open rows for one run, each linear in length and in spread."""
    cells = grid(preset, write)
    edges = [cells[i : i + 2] for i in range(len(cells) - 1) if cells[i][-1].run_bursts <= bursts]
    lines = edges[-1]
    length = lines[0][-1].run_bursts
    column = max(i for i in range(len(cells[0]) - 1) if 2**i <= spread)
    down, across = bursts / length - 1, spread / 2**column - 1
    weights = {(0, 0): (1 - down) * (1 - across), (0, 1): (1 - down) * across}
    weights |= {(1, 0): down * (1 - across), (1, 1): down * across}
    total = np.zeros(2)
    for (line, place), weight in weights.items():
        cell = lines[line][column + place]
        joules = np.array((cell.activate_j_per_byte, cell.open_j_per_byte))
        total += weight * joules * lines[line][-1].run_bursts * cell.burst_bytes
    return total


def transfer_j(channels, bursts, run_bursts, spread, write):
    """The same for a transfer over all channels: as many runs as a channel has in it, for each channel."""
    preset, cells = channels.preset, grid(channels.preset, write)
    length = min(max(run_bursts / channels.count, 1), cells[-1][-1].run_bursts)
    spread = min(max(spread, 1), 2 ** (len(cells[0]) - 1))
    slower = charges(preset).peak_bytes_per_s / channels.bandwidth_bytes_per_s
    return bursts / length * run_j(preset, length, spread, write) * (1, slower)


@TRANSFERS
@given(
    st.sampled_from(PRESETS),
    st.sampled_from((1, 3, 32)),
    st.floats(1e9, 64e9),
    st.lists(
        st.tuples(
            st.integers(0, 1 << 40),
            st.one_of(st.integers(1, 1 << 24), st.sampled_from([2**i for i in range(30)])),
            st.one_of(st.just(0), st.integers(1, 1 << 30), st.sampled_from([2**i for i in range(30)])),
            st.booleans(),
        ),
        min_size=1,
        max_size=20,
    ),
)
def test_transfers_are_priced_as_the_table_says_one_by_one(preset, count, bandwidth, transfers):
    channels, burst = Channels(preset, count, bandwidth), load_preset(preset).preset.burst_bytes
    traffic = pattern_traffic(channels, *map(np.array, zip(*transfers, strict=True)))
    for i, (size, run, stride, write) in enumerate(transfers):
        piece = size if 0 < stride <= run else min(size, run)
        run_bursts = math.ceil(max(piece, 1) / burst)
        whole, rest = divmod(size, max(piece, 1))
        bursts = whole * run_bursts + math.ceil(rest / burst)
        if stride and piece < size:
            spread = stride / (run_bursts * burst)
            in_one = transfer_j(channels, bursts, bursts, math.inf, write)
            joules = np.maximum(transfer_j(channels, bursts, run_bursts, spread, write), in_one)
        else:
            joules = transfer_j(channels, bursts, run_bursts, math.inf, write)
        assert traffic.bursts[i] == bursts
        assert (traffic.activate_j[i], traffic.open_j[i]) == pytest.approx(joules, rel=1e-9, abs=1e-30)


@TRANSFERS
@given(st.sampled_from(PRESETS), st.integers(1, 1 << 22), st.integers(1, 1 << 22), st.booleans())
def test_more_bytes_in_pieces_of_a_length_never_cost_less(preset, size, more, write):
    channels = Channels(preset, 4, 16e9)
    run = 4096
    few, many = (asked(pattern_traffic, channels, run + n, run, write) for n in (size, size + more))
    assert traffic_j(preset, many, write) >= traffic_j(preset, few, write)
    assert many.bursts - few.bursts >= more // load_preset(preset).preset.burst_bytes


@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
@pytest.mark.parametrize("preset", PRESETS)
def test_random_access_costs_more_a_byte_than_streaming(preset, write):
    channels = Channels(preset, 1, load_preset(preset).peak_bytes_per_s)
    burst = load_preset(preset).preset.burst_bytes
    size = burst << 15
    for price in (pattern_traffic, block_traffic):
        random, stream = (asked(price, channels, size, run, write) for run in (burst, size))
        assert traffic_j(preset, random, write) > 1.1 * traffic_j(preset, stream, write)
        # A burst opens at most a row, but for the refreshes that close some which had not been read.
        assert random.activate_j <= random.bursts * dram_cost(load_preset(preset)).activate_j * 1.05


def test_pieces_are_whole_bursts():
    sizes, runs = np.array([100, 100, 100, 0]), np.array([100, 10, 30, 10])
    assert transfer_bursts(32, sizes, runs).tolist() == [4, 10, 4, 0]


def test_the_table_of_energies_is_what_the_presets_give():
    with energy.TABLE.open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == memory_blocks.energy_rows()


@pytest.mark.parametrize("preset", PRESETS)
def test_standby_and_refreshes_are_never_negative_and_follow_from_currents_alone(preset):
    own = charges(preset)
    known = preset in WITH_CURRENTS
    assert (own.standby_w > 0) == (own.refresh_w > 0) == known
    assert min(own.read_j, own.write_j, own.io_j) > 0
    assert dram_cost(load_preset(preset)).activate_j > 0


@pytest.mark.parametrize(
    ("preset", "standard"),
    [("DDR5-4800", "ddr5"), ("GDDR6-14", "gddr6"), ("LPDDR4-3200", "lpddr4"), ("LPDDR5-6400", "lpddr5")],
)
def test_a_divided_energy_per_bit_is_the_standards_for_a_row_used_in_full(preset, standard):
    part = load_preset(preset).preset
    row_bytes = part.columns * part.burst_bytes
    own = charges(preset)
    j_per_byte = (own.read_j + own.io_j) / part.burst_bytes + part.activate_pj * 1e-12 / row_bytes
    assert j_per_byte == pytest.approx(dram(standard).energy_j_per_byte, rel=1e-3)


@pytest.mark.parametrize(
    ("design", "rel"),
    [("npu_128x128_hbm", 0.01), ("edge_npu", 0.01), ("os_16x16", 0.02)],
)
def test_a_whole_llama_decode_takes_the_same_energy_at_tile_and_at_cycle(design, rel):
    """DDR4 with the larger bound: its rows are open for a share of the time that the table interpolates."""
    tile, cycle = (
        simulate(design, "llama3_2_1b", overrides=DECODE, fidelity=fidelity) for fidelity in ("tile", "cycle")
    )
    assert cycle.dynamic_energy_j == pytest.approx(tile.dynamic_energy_j, rel=rel)
    memory = tile.design.memory.name
    coarse, fine = (result.energy_causes()[memory] for result in (tile, cycle))
    for cause in ("read", "write", "io"):
        assert coarse[cause] == fine[cause] > 0
    assert fine["activation"] == pytest.approx(coarse["activation"], rel=0.1)


@pytest.mark.parametrize("fidelity", ["roofline", "tile", "cycle"])
@pytest.mark.parametrize("design", ["npu_128x128_hbm", "edge_npu", "os_16x16", "pim_gpt"])
def test_causes_add_up_to_the_breakdown_of_every_component(design, fidelity):
    workload = "gpt2" if design == "pim_gpt" else "llama3_2_1b"
    formats = {f"workload.formats.{name}": "bf16" for name in ("weights", "activations", "kv_cache")}
    result = simulate(design, workload, overrides=DECODE | formats, fidelity=fidelity)
    breakdown = result.energy_breakdown()
    for name, causes in result.energy_causes().items():
        assert sum(causes.values()) == pytest.approx(sum(breakdown[name].values()), rel=1e-12), name
        assert all(joules > 0 for joules in causes.values()), name


def test_a_memory_with_an_efficiency_charges_bytes_and_no_commands():
    flat = simulate("edge_npu", "llama3_2_1b", overrides=DECODE | {"dram.efficiency": 0.9})
    causes = flat.energy_causes()["dram"]
    assert set(causes) == {"read", "write"}
    assert sum(causes.values()) == pytest.approx(flat.memory_bytes * dram("lpddr5").energy_j_per_byte)
    assert flat.event("memory_read_bursts") == flat.event("memory_activate_pj") == 0


def test_a_background_power_stands_for_all_standby_and_refreshes():
    own = simulate("os_16x16", "resnet18").energy_causes()["dram"]
    assert {"standby", "refresh", "open rows"} <= own.keys()
    given_w = simulate("os_16x16", "resnet18", overrides={"dram.background_power": "100 mW"})
    causes = given_w.energy_causes()["dram"]
    assert causes["leakage"] == pytest.approx(0.1 * given_w.latency_s)
    assert not {"standby", "refresh", "open rows"} & causes.keys()
    none = simulate("os_16x16", "resnet18", overrides={"dram.background_power": 0}).energy_causes()["dram"]
    assert none == {cause: joules for cause, joules in causes.items() if cause != "leakage"}


def test_standby_is_that_of_every_rank_of_every_channel_over_the_latency():
    result = simulate("os_16x16", "resnet18", overrides={"dram.channels": 3})
    preset = load_preset("DDR4-3200")
    current = preset.preset.currents
    standby_w = 3 * preset.counts[1] * preset.preset.devices * current.vdd_v * current.idd2n_a
    assert result.energy_causes()["dram"]["standby"] == pytest.approx(standby_w * result.latency_s)


def test_a_designs_charges_say_what_is_assumed():
    for name in ("npu_128x128_hbm", "edge_npu", "os_16x16"):
        cost = load_design(name).costs["dram"]
        assert cost.certainty == "assumed"
        commands, *_ = cost.sources
        assert commands.startswith("energy of commands") and "assumed" in commands


def test_a_blocks_energy_is_by_the_causes_of_the_channel():
    block = block_clocks("DDR4-3200", 1024, 16, True)
    assert set(block.energy_j) == {"activate", "read", "write", "refresh", "background", "io"}
    assert block.energy_j["read"] == 0 < block.energy_j["write"]
