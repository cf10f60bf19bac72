"""The names a user may rely on."""

from __future__ import annotations

import subprocess
import sys

import pytest

import accel_sim

DOCUMENTED = {
    "AccelSimError",
    "Design",
    "InputError",
    "Result",
    "RunError",
    "Workload",
    "load_design",
    "load_search",
    "load_workload",
    "search",
    "simulate",
    "sweep",
}


def test_the_public_names_are_the_documented_ones():
    assert set(accel_sim.__all__) == DOCUMENTED
    assert set(dir(accel_sim)) == DOCUMENTED | {"__version__"}


@pytest.mark.parametrize("name", sorted(DOCUMENTED))
def test_a_public_name_loads_and_says_what_it_is(name):
    assert getattr(accel_sim, name).__doc__


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="simulat"):
        _ = accel_sim.simulat


def test_importing_the_package_loads_none_of_its_dependencies():
    code = "import sys, accel_sim; assert not {'numpy', 'numba', 'pandas', 'pydantic'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
