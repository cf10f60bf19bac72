"""Fidelity `cycle`: memory traffic by the commands it takes."""

from __future__ import annotations

import numpy as np
import pytest

from accel_sim.config import InputError, zoo
from accel_sim.hardware.dram.patterns import streaming_efficiency
from accel_sim.hardware.events import EVENT_INDEX
from accel_sim.simulation import simulate
from accel_sim.testing import small_chip

DECODE = {"workload.phase.phase": "decode"}
FEW = DECODE | {"workload.model.num_hidden_layers": 3}
HBM = {"type": "dram", "standard": "hbm2", "channels": 4, "channel_bandwidth": "16 GB/s", "capacity": "64 GiB"}
RUNS = (("edge_npu", "llama3_2_1b", FEW), ("edge_npu", "resnet18", {}), ("os_16x16", "gemm_sweep", {}))


@pytest.mark.parametrize(("design", "workload", "overrides"), RUNS, ids=[f"{d}-{w}" for d, w, _ in RUNS])
def test_folded_runs_equal_unfolded_ones_since_amounts_are_fixed_before_the_clock(design, workload, overrides):
    folded, plain = (
        simulate(design, workload, overrides=overrides, fidelity="cycle", fold=fold) for fold in (True, False)
    )
    assert folded.latency_s == plain.latency_s
    assert folded.latency_breakdown() == plain.latency_breakdown()
    assert (folded.events == plain.events).all()


@pytest.mark.parametrize(("design", "workload", "overrides"), RUNS, ids=[f"{d}-{w}" for d, w, _ in RUNS])
def test_the_commands_move_the_same_bytes_and_no_faster_than_the_pins(design, workload, overrides):
    """The roofline's memory streams at the table's best rate; commands may beat it, but never the peak."""
    bound, tile, cycle = (
        simulate(design, workload, overrides=overrides, fidelity=fidelity)
        for fidelity in ("roofline", "tile", "cycle")
    )
    priced = [EVENT_INDEX["memory_activate_pj"], EVENT_INDEX["memory_open_pj"]]
    assert (np.delete(tile.events, priced) == np.delete(cycle.events, priced)).all()
    assert bound.latency_s <= tile.latency_s
    assert bound.latency_s * streaming_efficiency(cycle.design.memory.spec.timing) <= cycle.latency_s
    spec = cycle.design.memory.spec
    moved = cycle.event("memory_read_bytes") + cycle.event("memory_write_bytes")
    assert cycle.latency_s >= moved / (spec.channels * spec.channel_bandwidth)


def test_a_llama_3_8b_decode_step_streams_its_weights_within_a_few_percent_of_the_tile_fidelity():
    tile, cycle = (
        simulate("npu_128x128_hbm", "llama3_8b", overrides=DECODE, fidelity=fidelity)
        for fidelity in ("tile", "cycle")
    )
    assert cycle.event("memory_read_bytes") > 15e9
    assert cycle.latency_s != tile.latency_s
    assert cycle.latency_s == pytest.approx(tile.latency_s, rel=0.05)


def test_an_efficiency_that_stands_for_the_commands_is_refused_in_one_line_that_names_it(tmp_path):
    path = tmp_path / "mine.yaml"
    lines = zoo.find("designs", "edge_npu").read_text(encoding="utf-8").splitlines()
    at = lines.index("dram:")
    lines.insert(at + 1, "  efficiency: 0.8")
    path.write_text("\n".join(lines), encoding="utf-8")
    assert simulate(path, "resnet18").latency_s > 0
    with pytest.raises(InputError) as caught:
        simulate(path, "resnet18", fidelity="cycle")
    message = str(caught.value)
    assert message.startswith(f"{path}:{at + 2}: dram.efficiency = 0.8: ")
    assert "\n" not in message
    assert "fidelity" in message


def test_a_standard_without_a_timing_preset_needs_one_or_an_efficiency():
    memory = {**HBM, "standard": "gddr5"}
    with pytest.raises(InputError, match=r"gddr5 has no timing preset .* give 'preset' or 'efficiency'"):
        small_chip(dram=memory)
    assert simulate(small_chip(dram={**memory, "efficiency": 0.7}), "resnet18").latency_s > 0
    chip = small_chip(dram={**memory, "preset": "GDDR6-14"})
    assert simulate(chip, "resnet18", fidelity="cycle").latency_s > 0
    with pytest.raises(InputError, match=r"dram\.preset = GDDR6-41: .*did you mean 'GDDR6-14'"):
        small_chip(dram={**memory, "preset": "GDDR6-41"})


def test_transfers_never_outrun_the_scratchpads_ports():
    """Bytes a cycle through the write ports bound both fidelities, however fast the memory is."""
    fast = {**HBM, "channel_bandwidth": "1 TB/s", "latency": 0}
    chip = small_chip({"scratchpad.capacity": "1 MiB"}, dram=fast)
    port = chip.scratchpad.spec.write_bytes_per_cycle * chip.clock_hz
    results = [simulate(chip, "gemm_sweep", fidelity=fidelity) for fidelity in ("tile", "cycle")]
    for result in results:
        moved = result.event("memory_read_bytes") + result.event("memory_write_bytes")
        busy_s = sum(record.busy_s["dram"] for record in result.stages[0].records)
        assert busy_s >= moved / port * (1 - 1e-9)


def test_more_channels_are_never_slower_at_command_level():
    latencies = [
        simulate(
            small_chip(dram={**HBM, "channels": count}), "llama3_2_1b", overrides=FEW, fidelity="cycle"
        ).latency_s
        for count in (1, 2, 4)
    ]
    assert latencies == sorted(latencies, reverse=True)
