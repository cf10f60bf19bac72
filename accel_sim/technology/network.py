"""On-chip networks: routers built of buffers, a crossbar and arbiters, and the wires between them."""

from __future__ import annotations

from functools import lru_cache

from accel_sim.technology.cells import DEFAULT_ACTIVITY
from accel_sim.technology.circuits.blocks import selector, storage
from accel_sim.technology.circuits.circuit import Circuit, cells
from accel_sim.technology.cost import Cost
from accel_sim.technology.pricing import price


def router_circuit(ports: int, flit_bits: int, buffer_flits: int) -> Circuit:
    """Return an input-buffered router (Dally and Towles, Principles and Practices, 2004, ch. 16).

    Every port has a first-in first-out buffer of latches, every output a selector over the inputs and a
    round-robin arbiter (three gates for each pair of ports, assumed). A flit uses one buffer, written and
    read, one selector and one arbiter. Left out: virtual channels and credits.
    """
    buffer = storage(buffer_flits, flit_bits, cell="latch")
    crossbar = selector(ports, flit_bits)
    arbiter = cells({"and2": 3}, and2=3 * ports)
    whole = (buffer.cells + crossbar + arbiter).times(ports)
    one_flit = buffer.write + buffer.read + crossbar + arbiter
    return Circuit(whole.cells, one_flit.uses, buffer.read.then(arbiter).then(crossbar).depth_fo4)


@lru_cache(maxsize=256)
def router(
    ports: int,
    flit_bits: int,
    buffer_flits: int,
    node_nm: float,
    voltage_v: float | None = None,
    activity: float = DEFAULT_ACTIVITY,
) -> Cost:
    """Return energy of a flit's way through a router, and area and leakage of the router.

    Raises:
        ValueError: no port, bit or flit, or a node, supply or activity that is not covered.
    """
    for name, value in (("ports", ports), ("flit_bits", flit_bits), ("buffer_flits", buffer_flits)):
        if value < 1:
            raise ValueError(f"{name} = {value}: must be at least 1")
    return price(router_circuit(ports, flit_bits, buffer_flits), node_nm, voltage_v, activity)
