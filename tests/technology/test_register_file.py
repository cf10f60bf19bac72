import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_sim.technology import operation, register_file
from accel_sim.workload.formats import number_format

widths = st.sampled_from([1, 2, 4, 32])
entries = st.integers(1, 64)
ports = st.integers(1, 8)
nodes = st.floats(5, 130)


def figures(cost):
    return (cost.read_energy_j_per_byte, cost.write_energy_j_per_byte, cost.leakage_w, cost.area_mm2)


@given(widths, nodes)
def test_one_entry_is_its_flip_flops_and_the_multiplexers_that_hold_their_value(width, node_nm):
    byte, cost = operation("register", number_format("int8"), node_nm), register_file(width, width, node_nm)
    assert cost.read_energy_j_per_byte == pytest.approx(byte.energy_j)
    assert width * byte.area_mm2 < cost.area_mm2 < 1.5 * width * byte.area_mm2
    assert cost.leakage_w / cost.area_mm2 == pytest.approx(byte.leakage_w / byte.area_mm2)
    assert (cost.access_time_s, cost.certainty) == (0, "assumed")


@given(entries, widths, ports, ports, nodes, st.sampled_from(["flip_flop", "latch"]))
def test_more_entries_and_more_ports_never_cost_less(depth, width, reads, writes, node_nm, cell):
    one = figures(register_file(depth * width, width, node_nm, reads, writes, cell))
    for more in (
        (register_file((depth + 1) * width, width, node_nm, reads, writes, cell)),
        (register_file(depth * width, width, node_nm, reads + 1, writes, cell)),
        (register_file(depth * width, width, node_nm, reads, writes + 1, cell)),
    ):
        assert all(a <= b * (1 + 1e-12) for a, b in zip(one, figures(more), strict=True))


@given(entries, widths, ports, ports, nodes)
def test_a_read_port_costs_a_multiplexer_for_every_bit_but_those_of_one_entry(
    depth, width, reads, writes, node_nm
):
    def area(reads, depth):
        return register_file(depth * width, width, node_nm, reads, writes).area_mm2

    a_port = area(reads + 1, depth) - area(reads, depth)
    per_bit = (area(2, 2) - area(1, 2)) / width
    assert a_port == pytest.approx(per_bit * width * (depth - 1), abs=1e-12)


@given(entries, widths, nodes)
def test_latches_are_smaller_and_cheaper_to_write_than_flip_flops(depth, width, node_nm):
    flops, latches = (
        register_file(depth * width, width, node_nm, cell=cell) for cell in ("flip_flop", "latch")
    )
    assert latches.area_mm2 < flops.area_mm2
    assert latches.write_energy_j_per_byte < flops.write_energy_j_per_byte
    assert latches.notes[0].startswith("latches with multiplexers")


# 16-bit registers at 45 nm as FuseMax's energy tables (MICRO 2024 artifact) take them from Accelergy, which
# charges a comparator for every entry, so its writes cost more; pJ of a read and of a write.
@pytest.mark.parametrize(("depth", "read_pj", "write_pj"), [(4, 0.2915, 0.2253), (16, 0.385, 0.336)])
def test_small_register_files_are_near_those_of_accelergy(depth, read_pj, write_pj):
    cost = register_file(depth * 2, 2, 45)
    assert 0.5 < cost.read_energy_j_per_byte * 2e12 / read_pj < 2
    assert 0.4 < cost.write_energy_j_per_byte * 2e12 / write_pj < 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 4, 22), "capacity_bytes = 0: must be a finite number above 0"),
        ((64, 4, 22, 0), "read_ports = 0: must be a finite number above 0"),
        ((64, 4, 22, 1, -1), "write_ports = -1: must be a finite number above 0"),
        ((4, 8, 22), "width_bytes = 8: must be at most the 4 bytes there are"),
        ((64, 4, 22, 1, 1, "lach"), "unknown cell 'lach' \\(did you mean 'latch'\\?\\)"),
        ((64, 4, 3), "node_nm = 3: must be between 5 and 130"),
    ],
)
def test_an_impossible_register_file_is_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        register_file(*arguments)
