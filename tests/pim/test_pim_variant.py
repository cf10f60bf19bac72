"""PIM memories whose banks, rows and multipliers are other than their protocol's."""

from __future__ import annotations

import pytest

from accel_sim.config import InputError
from accel_sim.hardware.design import load_design
from accel_sim.hardware.pim.energy import command_energy_j
from accel_sim.hardware.pim.protocol import load_protocol
from accel_sim.hardware.pim.variant import Changes, protocol_variant

BASE = load_protocol("pim_gpt")


def variant(**changes):
    return protocol_variant("pim_gpt", "bf16", Changes(**changes))


def memory(**changes):
    return load_design("pim_gpt", {f"dram.{name}": value for name, value in changes.items()}).memory


def peak(**changes):
    design = load_design("pim_gpt", {f"dram.{name}": value for name, value in changes.items()})
    return design.peaks_macs_per_s["bf16"]


def test_what_the_protocol_says_anyway_changes_nothing():
    assert variant() is BASE
    assert variant(bankgroups=4, banks_per_group=4, rows=16384, row_bytes=2048, macs_per_bank=16) is BASE


@pytest.mark.parametrize("macs", [1, 4, 8, 16, 32, 64])
def test_the_peak_is_that_of_all_multipliers_every_interval(macs):
    # 8 channels of 16 banks at 1 GHz.
    assert peak(macs_per_bank=macs) == pytest.approx(8 * 16 * macs * 1e9)


def test_banks_multiply_the_peak_and_the_capacity():
    assert peak(banks_per_group=8) == 2 * peak()
    assert memory(banks_per_group=8).spec.capacity == 2 * memory().spec.capacity
    assert memory(row_bytes=4096, rows=8192).spec.capacity == memory().spec.capacity


def test_energies_follow_what_a_command_acts_on():
    def ratio(name, **changes):
        return command_energy_j(variant(**changes), name) / command_energy_j(BASE, name)

    assert ratio("ACT16", bankgroups=8) == pytest.approx(2)
    assert ratio("ACT", bankgroups=8) == pytest.approx(1)
    assert ratio("ACT16", row_bytes=4096) == pytest.approx(2)
    assert ratio("MAC16", row_bytes=4096) == pytest.approx(1)
    assert ratio("MAC16", macs_per_bank=32) == pytest.approx(2)
    assert ratio("MAC16", macs_per_bank=8) == pytest.approx(1)
    assert ratio("RD", bankgroups=8, macs_per_bank=32, row_bytes=4096) == pytest.approx(1)


def test_multipliers_that_do_not_fit_a_column_and_memories_of_one_structure_are_refused():
    with pytest.raises(InputError, match="macs_per_bank = 7: must be a multiple or a part of the 16 values"):
        memory(macs_per_bank=7)
    with pytest.raises(InputError, match="row_bytes = 2000: must be a multiple of 32 B columns"):
        memory(row_bytes=2000)
    with pytest.raises(ValueError, match="hbm_pim has one structure only"):
        protocol_variant("hbm_pim", "fp16", Changes(rows=64))
