"""`accel-sim tech`: the list, the answers, and every mistake as one line."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accel_sim.cli import main
from accel_sim.technology.library import ENTRIES
from accel_sim.technology.quotes import Conditions


def tech(capsys, *arguments):
    assert main(["tech", *arguments]) == 0
    streams = capsys.readouterr()
    assert streams.err == ""
    return streams.out


def test_the_list_names_every_unit_with_an_example_and_its_options(capsys):
    out = tech(capsys)
    for name, entry in ENTRIES.items():
        (line,) = (line for line in out.splitlines() if line.startswith(f"{name} "))
        assert entry.what in line
        assert entry.example in line
        assert all(f"--{option} {value:g}" in line for option, value in entry.options.items())
    listed = json.loads(tech(capsys, "--json"))
    assert [unit["unit"] for unit in listed] == list(ENTRIES)


@pytest.mark.parametrize("name", ENTRIES)
def test_every_unit_of_the_list_answers_its_example_and_takes_its_options(capsys, name):
    entry = ENTRIES[name]
    options = [word for option in entry.options for word in (f"--{option}", "2")]
    data = json.loads(tech(capsys, name, entry.example, *options, "--json"))
    assert data["unit"] == name
    assert all(data[option] == 2 for option in entry.options)
    assert all(energy > 0 for energy in data["energy_j"].values())


def test_the_table_says_what_the_library_says(capsys):
    answer = ENTRIES["mac"].price("int8xint8+int32", {}, Conditions(28))
    out = tech(capsys, "mac", "int8xint8+int32", "--node", "28")
    assert "mac int8xint8+int32: 28 nm, 0.9 V, activity 0.5" in out
    assert f"{answer.energy_j['operation'] * 1e15:.4g} fJ" in out
    assert f"{answer.area_mm2 * 1e6:.4g} µm²" in out
    assert f"{answer.cells['full_adder']:g}" in out
    assert "certainty: scaled" in out


def test_units_may_be_written_or_left_out(capsys):
    plain = tech(capsys, "add", "int32", "--node", "28", "--voltage", "0.8", "--clock", "1e9", "--json")
    assert plain == tech(
        capsys, "add", "int32", "--node", "28 nm", "--voltage", "800mV", "--clock", "1 GHz", "--json"
    )
    assert json.loads(plain)["conditions"] == {
        "node_nm": 28.0,
        "voltage_v": 0.8,
        "clock_hz": 1e9,
        "activity": 0.5,
    }


def test_supply_clock_and_activity_move_the_figures(capsys):
    def priced(*arguments):
        return json.loads(tech(capsys, "add", "fp16", "--node", "28", *arguments, "--json"))

    usual = priced()
    assert priced("--voltage", "0.45")["energy_j"]["operation"] == pytest.approx(
        usual["energy_j"]["operation"] / 4
    )
    assert priced("--voltage", "0.45")["delay_s"] > usual["delay_s"]
    assert priced("--clock", "2GHz")["area_mm2"] > usual["area_mm2"]
    assert priced("--activity", "0.25")["energy_j"]["operation"] == pytest.approx(
        usual["energy_j"]["operation"] / 2
    )


def test_what_has_no_effect_and_what_is_extrapolated_stands_in_a_note(capsys):
    out = tech(capsys, "dram", "hbm2e", "--node", "5", "--clock", "1GHz")
    assert "note: logic at 5 nm is extrapolated" in out
    assert "note: does not depend on the clock given" in out


MISTAKES = [
    (["routr"], "unknown unit 'routr'", "did you mean 'router'"),
    ([""], "unknown unit ''", "allowed: mac,"),
    (["\U0001f984", "x"], "unknown unit '\U0001f984'", "allowed"),
    (["mac"], "tech mac: needs a subject", "bf16xbf16+fp32"),
    (["mac", ""], "needs a subject", "bf16xbf16+fp32"),
    (["mac", "  "], "needs a subject", ""),
    (["mac", "a\nb\x1b[31m"], r"tech mac a\nb\x1b[31m: must be written", "int8xint8+int32"),
    (["mac", "int8xint8+\u221e"], "must be written AxB+SUM", ""),
    (["mac", "int8xint8+int99"], "int99: unknown number format", ""),
    (["add", "a" * 5000], "...: unknown number format", "int8"),
    (["add", "int8", "--node", "0"], "node_nm = 0.0: must be between 5 and 130", ""),
    (["add", "int8", "--node", "-7"], "node_nm = -7.0: must be between 5 and 130", ""),
    (["add", "int8", "--node", ""], "node = : must be a number of nanometres", "4 nm"),
    (["add", "int8", "--node", "nan"], "node = nan: must be a number of nanometres", ""),
    (["add", "int8", "--node", "1e999"], "node = 1e999: must be a finite number", ""),
    (["add", "int8", "--node", "7 V"], "node = 7 V: unit 'V' is not one of nanometres", "allowed: nm, um"),
    (["add", "int8", "--voltage", "0"], "voltage_v = 0.0: must be between 0.45 and 1.35", ""),
    (["add", "int8", "--voltage", "-1"], "voltage_v = -1.0", "must be between"),
    (["dram", "hbm2", "--voltage", "99"], "voltage_v = 99.0: must be between", ""),
    (["link", "on_package", "--node", "300"], "node_nm = 300.0: must be between", ""),
    (["add", "int8", "--clock", "0"], "clock_hz = 0.0: must be a finite number above 0", ""),
    (["add", "int8", "--clock", "-1GHz"], "clock_hz = -1000000000.0: must be a finite number above 0", ""),
    (["add", "int8", "--clock", "fast"], "clock = fast: must be a number of hertz", "4 Hz"),
    (["add", "int8", "--clock", "1e30"], "must be at most 8.89e+09", "one inverter between flip-flops"),
    (["add", "int8", "--activity", "nan"], "activity = nan: must be from 0 to 2", ""),
    (["dram", "hbm2", "--activity", "-1"], "activity = -1.0: must be from 0 to 2", ""),
    (["add", "int8", "--activity", "much"], "--activity", "valid number"),
    (["sram", "512 KiB", "--width", "0"], "width = 0: must be a whole number from 1 to 2^40", ""),
    (["sram", "512 KiB", "--width", "nan"], "width = nan: must be a whole number", ""),
    (["sram", "512 KiB", "--width", "12.5"], "width = 12.5: must be a whole number", ""),
    (["sram", "512 KiB", "--banks", "-1"], "banks = -1: must be a whole number", ""),
    (["sram", "1e400 B"], "must be a finite number of bytes", ""),
    (["tree", "int8", "--terms", "1e300"], "terms = 1e+300: must be a whole number from 1", ""),
    (["mac", "int8xint8+int32", "--terms", "4"], "mac has no option 'terms'", "allowed: none"),
    (["mac", "int8xint8+int32", "x"], "unexpected extra argument", "x"),
]


@pytest.mark.parametrize(("arguments", "message", "hint"), MISTAKES)
def test_a_mistake_is_one_line_with_exit_code_2(capsys, arguments, message, hint):
    assert main(["tech", *arguments]) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err.count("\n") == 1
    assert len(streams.err) < 500
    assert message in streams.err
    assert hint in streams.err


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    unit=st.sampled_from(sorted(ENTRIES)),
    subject=st.one_of(st.sampled_from([entry.example for entry in ENTRIES.values()]), st.text(max_size=12)),
    option=st.sampled_from(["--node", "--voltage", "--clock", "--activity", "--width", "--terms", "--flits"]),
    value=st.one_of(st.floats().map(str), st.text(max_size=6), st.just("28"), st.just("1")),
)
def test_whatever_is_typed_is_answered_or_refused_in_one_line(capsys, unit, subject, option, value):
    code = main(["tech", f"{option}={value}", "--", unit, subject])
    streams = capsys.readouterr()
    assert code in (0, 2)
    assert streams.err.count("\n") == (1 if code else 0)
