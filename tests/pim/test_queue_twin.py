"""The reordering queue against a slow, obvious twin that looks every rule up and skips no cycle."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from queue_twin import run

from accel_sim.engine.pim_run import play, requests
from accel_sim.hardware.pim import PimDevice, Program, pim_device
from accel_sim.hardware.pim.hbm import elementwise
from accel_sim.hardware.pim.host import transfer
from accel_sim.hardware.pim.tables import command_index

DEVICES = [pim_device("hbm_pim", 1), pim_device("hbm_pim", 1, parity=True)]


def compare(device: PimDevice, program: Program) -> None:
    played = play(device, program, trace=True)
    names = list(device.protocol.commands)
    found = [(cycle, names[command], bank, row) for cycle, command, bank, row, *_ in played.trace.tolist()]
    cycles, expected = run(device.protocol, requests(program).tolist())
    assert found == expected
    assert played.cycles == cycles


@st.composite
def request_lines(draw: st.DrawFn, device: PimDevice) -> Any:
    import numpy as np

    kinds = [command_index(device.protocol, name) for name in ("RD", "WR")]
    lines = draw(
        st.lists(
            st.tuples(
                st.sampled_from(kinds),
                st.integers(0, 15),
                st.integers(0, 2),
                st.integers(0, 3),
                st.just(1),
                st.sampled_from([0, 0, 0, 1]),
            ),
            min_size=1,
            max_size=90,
        )
    )
    return Program(device.protocol, np.array(lines, np.int64))


@pytest.mark.parametrize("device", DEVICES, ids=["strict", "parity"])
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_random_requests_are_issued_as_the_twin_issues_them(device: PimDevice, data: st.DataObject) -> None:
    compare(device, data.draw(request_lines(device)))


def test_a_kernel_with_its_mode_switches_is_issued_as_the_twin_issues_it() -> None:
    compare(DEVICES[0], elementwise(DEVICES[0], 1, "relu").program)


def test_a_stream_across_a_refresh_is_issued_as_the_twin_issues_it() -> None:
    for device in DEVICES:
        timings = device.protocol.timings | {"nREFI": 200, "nRFC": 40}
        often = PimDevice(device.protocol.model_copy(update={"timings": timings}), 1)
        played = play(often, transfer(often, 32 * 150, "read"))
        assert played.commands["REF"] >= 2
        compare(often, transfer(often, 32 * 150, "read"))
