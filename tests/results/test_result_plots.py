"""Plots return axes, and what they draw adds up."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from accel_sim.config.errors import InputError
from accel_sim.results import Result
from accel_sim.results.ranking import Group, largest
from accel_sim.results.roofline_plot import points
from accel_sim.results.utilization_plot import busy_by_bin

Simulated = Callable[[str, str, str], Result]


def bar_total(ax: Axes) -> float:
    return sum(patch.get_width() for patch in ax.patches if isinstance(patch, Rectangle))


def labels(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.get_yticklabels()]


@pytest.mark.parametrize("by", ["operator", "kind", "block", "stage"])
def test_latency_bars_add_up(generate: Result, by: str) -> None:
    ax = generate.plot.latency(by)
    assert bar_total(ax) == pytest.approx(generate.latency_s, rel=1e-9)
    assert ax.get_xlabel() == "latency (ms)"


@pytest.mark.parametrize("by", ["component", "operator", "kind", "block", "stage"])
def test_energy_bars_add_up(generate: Result, by: str) -> None:
    ax = generate.plot.energy(by)
    assert bar_total(ax) == pytest.approx(generate.energy_j, rel=1e-9)
    assert ax.get_xlabel() == "energy (J)"


def test_energy_bars_are_dynamic_and_leakage_of_each_component(decode: Result) -> None:
    ax = decode.plot.energy()
    assert sorted(labels(ax)) == sorted(decode.energy_breakdown())
    heights = {
        container.get_label(): sum(patch.get_width() for patch in container) for container in ax.containers
    }
    assert heights["dynamic"] == pytest.approx(decode.dynamic_energy_j, rel=1e-9)
    assert heights["leakage"] == pytest.approx(decode.leakage_energy_j, rel=1e-9)


def test_area_bars_add_up(decode: Result) -> None:
    ax = decode.plot.area()
    assert bar_total(ax) == pytest.approx(decode.area_mm2, rel=1e-9)
    assert ax.get_xlabel() == "area (mm²)"


def test_many_operators_show_twelve_and_the_others_as_one(simulated: Simulated) -> None:
    result = simulated("edge_npu", "inference", "tile")
    ax = result.plot.latency()
    assert len(labels(ax)) == 13
    assert labels(ax)[-1] == f"other ({len(result.latency_breakdown()) - 12})"
    assert bar_total(ax) == pytest.approx(result.latency_s, rel=1e-9)


def test_a_single_other_keeps_its_name() -> None:
    groups = [Group(str(size), {"part": float(size)}) for size in range(5)]
    assert [one.label for one in largest(groups, 4)] == ["4", "3", "2", "1", "0"]
    assert [one.label for one in largest(groups, 3)] == ["4", "3", "2", "other (2)"]


@pytest.mark.parametrize("design", ["npu_128x128_hbm", "edge_npu", "os_16x16", "tpu_v1"])
@pytest.mark.parametrize("phase", ["prefill", "decode", "generate", "inference"])
@pytest.mark.parametrize("fidelity", ["tile", "roofline"])
def test_no_operator_is_above_the_roofline(
    simulated: Simulated, design: str, phase: str, fidelity: str
) -> None:
    result = simulated(design, phase, fidelity)
    found = points(result)
    peak, bandwidth = 2 * result.design.peak_macs_per_s, result.design.memory_bandwidth_bytes_per_s
    assert found
    for point in found:
        assert point.performance <= min(peak, bandwidth * point.intensity) * (1 + 1e-9), point.name
    assert sum(point.operations for point in found) == pytest.approx(2 * result.macs, rel=1e-9)


def test_the_roofline_draws_points_and_ceilings_on_log_axes(generate: Result) -> None:
    ax = generate.plot.roofline()
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    drawn = sum(len(collection.get_offsets()) for collection in ax.collections)
    assert drawn == len(points(generate))
    ceilings = {line.get_label(): line for line in ax.lines}
    peak, bandwidth = 2 * generate.design.peak_macs_per_s, generate.design.memory_bandwidth_bytes_per_s
    assert set(ceilings["_matrix"].get_ydata()) == {peak}
    x, y = (np.asarray(values) for values in ceilings["_memory"].get_data())
    np.testing.assert_allclose(y, bandwidth * x)
    assert y[-1] == pytest.approx(peak)
    assert "byte" in ax.get_xlabel()
    assert any(text.get_text().startswith("decode: ") for text in ax.texts)


@pytest.mark.parametrize("window_share", [None, (0.25, 0.5)])
def test_busy_time_over_time_adds_up(generate: Result, window_share: tuple[float, float] | None) -> None:
    edges, busy = busy_by_bin(generate, 200)
    whole = {name: float((np.diff(edges) * parts).sum()) for name, parts in busy.items()}
    if window_share is None:
        for name, seconds in whole.items():
            held = sum(record.busy_s.get(name, 0.0) for stage in generate.stages for record in stage.records)
            assert seconds == pytest.approx(held, rel=1e-9), name
            assert busy[name].max() <= 1 + 1e-9
        return
    chosen = slice(50, 100)
    part_edges, part = busy_by_bin(generate, 50, (edges[50], edges[100]))
    np.testing.assert_allclose(part_edges, edges[50:101], rtol=1e-9)
    for name, parts in part.items():
        np.testing.assert_allclose(parts, busy[name][chosen], atol=1e-6)


def test_the_utilization_plot_has_a_row_for_each_resource(generate: Result) -> None:
    ax = generate.plot.utilization(bins=100)
    resources = generate.stages[0].resources
    assert labels(ax) == list(resources)
    assert [patch.get_label() for patch in ax.patches] == list(resources)
    assert len(ax.lines) == len(generate.stages) - 1
    assert "%" in ax.get_ylabel()
    assert ax.get_xlabel().startswith("time (")


def test_plots_go_into_axes_that_are_given(decode: Result) -> None:
    from matplotlib.figure import Figure

    axes = Figure().subplots(3, 2).ravel()
    plot = decode.plot
    methods = (plot.roofline, plot.latency, plot.energy, plot.area, plot.utilization)
    for ax, method in zip(axes, methods, strict=False):
        assert method(ax=ax) is ax
        assert ax.has_data()
    axes[0].figure.draw_without_rendering()


def test_errors_say_what_is_allowed(decode: Result, simulated: Simulated) -> None:
    with pytest.raises(InputError, match=r"by = operators: is not known \(did you mean 'operator'\?\)"):
        decode.plot.latency("operators")
    with pytest.raises(InputError, match="by = compnent"):
        decode.plot.energy("compnent")
    with pytest.raises(InputError, match="bins = 0: must be at least 1"):
        decode.plot.utilization(bins=0)
    with pytest.raises(InputError, match="has no timeline"):
        simulated("npu_128x128_hbm", "decode", "roofline").plot.utilization()


def test_a_result_needs_no_matplotlib_until_it_draws() -> None:
    code = (
        "import sys; from accel_sim.simulation import simulate; r = simulate('os_16x16', 'gemm_sweep', "
        "fidelity='roofline'); r.plot, repr(r), str(r), r._repr_html_(); "
        "assert not {'matplotlib', 'pandas'} & set(sys.modules), 'loaded'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
