"""DRAM energy: units, published energies per bit, and sums."""

from __future__ import annotations

import pytest

from accel_sim.engine.access_patterns import access_stream
from accel_sim.engine.channel_energy import dram_cost, energy_j
from accel_sim.engine.channel_run import run_channel
from accel_sim.engine.sustained import sustained
from accel_sim.hardware.dram import all_presets
from accel_sim.technology.dram_energy import (
    CommandTimes,
    DeviceCurrents,
    channel_energy_j,
    cost_from_currents,
    cost_per_bit,
)
from accel_sim.validation.dram import parity_presets

SHIPPED = all_presets()


def test_an_activate_is_volts_times_amperes_times_seconds_above_standby() -> None:
    currents = DeviceCurrents(1.2, 0.057, 0.037, 0.052, 0.168, 0.150, 0.250)
    times = CommandTimes(46.25e-9, 32.5e-9, 13.75e-9, 2.5e-9, 350e-9)
    cost = cost_from_currents(currents, times, devices=8)
    assert cost.activate_j == pytest.approx(8 * 1.2 * (0.057 * 46.25 - 0.052 * 32.5 - 0.037 * 13.75) * 1e-9)
    assert cost.read_j == pytest.approx(8 * 1.2 * 0.116 * 2.5e-9)
    assert cost.refresh_j == pytest.approx(8 * 1.2 * 0.198 * 350e-9)
    assert cost.active_w == pytest.approx(0.4992)


def test_picojoules_per_bit_become_joules_per_burst() -> None:
    cost = cost_per_bit(core_pj_per_bit=3.0, io_pj_per_bit=0.5, burst_bytes=32)
    energy = channel_energy_j(
        cost, activates=9, reads=2, writes=1, refreshes=4, active_s=1.0, idle_s=1.0, moved_bytes=96
    )
    assert sum(energy.values()) == pytest.approx(96 * 8 * 3.5e-12)


@pytest.mark.parametrize(
    ("name", "pattern", "size_bytes", "pj_per_bit"),
    [
        # Energies per bit that the runs of the reference give: activate, read, write, refresh, background.
        ("D3-1600", "seq_read", 2**18, (0.10, 7.80, 0.0, 1.40, 9.80)),
        ("D4-3200", "mix21", 2**18, (0.07, 3.65, 1.54, 0.96, 6.62)),
        ("LP4-2400", "seq_read", 2**18, (0.11, 6.10, 0.0, 0.52, 2.59)),
        ("G6", "seq_read", 2**18, (0.02, 0.65, 0.0, 0.0, 0.65)),
        ("HBM2-8ch", "seq_read", 2**20, (0.05, 1.57, 0.0, 0.06, 0.28)),
    ],
)
def test_energies_per_bit_are_the_published_ones(
    name: str, pattern: str, size_bytes: int, pj_per_bit: tuple[float, ...]
) -> None:
    preset = parity_presets()[name]
    per_cycle = preset.preset.channels
    result = run_channel(
        preset, access_stream(pattern, size_bytes, preset.preset.burst_bytes, per_cycle=per_cycle)
    )
    energy = energy_j(result)
    causes = ("activate", "read", "write", "refresh", "background")
    found = [energy[cause] * 1e12 / (8 * size_bytes) for cause in causes]
    assert found == pytest.approx(pj_per_bit, abs=0.006)


@pytest.mark.parametrize("name", SHIPPED)
def test_random_reads_cost_at_least_what_a_stream_costs(name: str) -> None:
    stream, random = (sustained(name, traffic, requests=4096) for traffic in ("streaming_read", "random_read"))
    assert random.energy_j_per_byte >= stream.energy_j_per_byte * (1 - 1e-9)
    assert 1e-12 < stream.energy_j_per_byte / 8 < 60e-12


def test_presets_without_currents_say_where_their_energy_is_from() -> None:
    for name, preset in SHIPPED.items():
        part = preset.preset
        assert part.currents is not None or part.core_pj_per_bit, name
        assert "assumed" in part.energy_source or part.io_pj_per_bit == 0, name
        assert dram_cost(preset).read_j > 0
