import pytest

from accel_sim import technology
from accel_sim.technology import (
    dram,
    dram_energy_j_per_byte,
    dram_interface_area_mm2,
    link,
    link_energy_j_per_byte,
    link_interface_area_mm2,
    node_factors,
    wire_energy_j_per_byte_mm,
)
from accel_sim.technology.tables import read_table

DRAM = {row["standard"]: row for row in read_table("dram")}
LINKS = {row["link"]: row for row in read_table("links")}

# accelergy-cacti-plug-in cacti_wrapper.py, CactiDRAM, pJ per bit.
ACCELERGY_PJ_PER_BIT = {"lpddr4": 8, "lpddr": 40, "ddr3": 70, "gddr5": 14, "hbm2": 3.9}
# LLMCompass cost_model.py: mm2 that do not scale, million transistors.
LLMCOMPASS = {"hbm2e": (10.45, 552.743), "ddr5": (1.45, 90.4464)}


@pytest.mark.parametrize("standard", ACCELERGY_PJ_PER_BIT)
def test_published_dram_energies_stand_as_they_are(standard):
    assert dram_energy_j_per_byte(standard) == pytest.approx(ACCELERGY_PJ_PER_BIT[standard] * 8e-12)
    assert dram(standard).certainty == "sourced"


@pytest.mark.parametrize("standard", DRAM)
def test_a_later_generation_follows_its_predecessor_by_the_square_of_the_supply(standard):
    row = DRAM[standard]
    predecessor, rule, _ = row["energy_source"].partition(" by the square of the JEDEC supply")
    if not rule:
        assert row["energy_certainty"] in ("sourced", "assumed")
        return
    before = DRAM[predecessor]
    ratio = (float(row["supply_v"]) / float(before["supply_v"])) ** 2
    assert float(row["energy_pj_per_bit"]) == pytest.approx(
        float(before["energy_pj_per_bit"]) * ratio, rel=1e-3
    )


@pytest.mark.parametrize("standard", LLMCOMPASS)
def test_an_interface_is_a_phy_that_stays_and_a_controller_that_shrinks(standard):
    phy_mm2, mtransistors = LLMCOMPASS[standard]
    assert dram_interface_area_mm2(standard, 7) == pytest.approx(phy_mm2 + mtransistors / 96.3)
    growth = node_factors(16).area / node_factors(7).area
    assert dram_interface_area_mm2(standard, 16) == pytest.approx(phy_mm2 + mtransistors / 96.3 * growth)


@pytest.mark.parametrize("name", LINKS)
def test_every_link_has_an_energy_and_either_an_area_or_an_error_that_says_there_is_none(name):
    cost = link(name)
    assert cost.energy_j_per_byte == link_energy_j_per_byte(name) > 0
    if cost.unit:
        assert link_interface_area_mm2(name, 5) > float(LINKS[name]["phy_mm2"])
    else:
        with pytest.raises(ValueError, match=f"no source gives the area of a '{name}' interface"):
            link_interface_area_mm2(name, 5)


@pytest.mark.parametrize("name", ["dram", "links", "nodes", "cells"])
def test_every_row_of_the_data_has_a_source(name):
    for row in read_table(name):
        sources = [
            value
            for column, value in row.items()
            if column.endswith("source") and (name != "links" or column != "area_source")
        ]
        assert sources
        assert all(sources)


def test_a_millimetre_of_wire_at_one_volt_is_the_published_figure():
    # accelergy-aladdin-plug-in: 0.0003254 pJ per bit and um.
    assert wire_energy_j_per_byte_mm(45, 1.0) == pytest.approx(8 * 0.3254e-12)


def test_a_wire_takes_less_at_a_smaller_node_only_by_its_supply():
    ratio = (node_factors(7).voltage_v / node_factors(45).voltage_v) ** 2
    assert wire_energy_j_per_byte_mm(7) == pytest.approx(wire_energy_j_per_byte_mm(45) * ratio)


def test_an_unknown_name_is_an_error_that_suggests_one():
    with pytest.raises(ValueError, match=r"unknown DRAM standard 'hbm2ee' \(did you mean 'hbm2e'\?\)"):
        dram("hbm2ee")
    with pytest.raises(ValueError, match=r"unknown link 'pcie55' \(did you mean 'pcie5'\?\)"):
        link_energy_j_per_byte("pcie55")


def test_the_public_names_exist_and_are_sorted():
    assert sorted(technology.__all__) == technology.__all__
    assert all(hasattr(technology, name) for name in technology.__all__)
