"""Pictures: steps of equal width, dots on logarithmic axes, legends beside the curves."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle, StepPatch

from crosscal.command_line import crosscal as command_line
from crosscal.simulated_bench import Bench, program_bench, take_snapshot
from crosscal.simulated_bench.pictures.array import draw_currents
from crosscal.simulated_bench.pictures.budget import draw_charge_budget
from crosscal.simulated_bench.pictures.device import draw_law
from crosscal.simulated_bench.pictures.drift import draw_drift
from crosscal.simulated_bench.pictures.transient import draw_transient

BUDGET = SimpleNamespace(
    rows=lambda: [
        ("offset", "random", 1e-15, 0.05),
        ("gain", "systematic", 1e-16, 0.002),
        ("all", "", 1, 0.06),
    ]
)


def currents() -> Figure:
    bench = Bench.from_toml("lab-12x16", array={"rows": 4, "columns": 7})
    target_s = np.random.default_rng(1).uniform(20e-6, 95e-6, (4, 7))
    program_bench(bench, target_s)
    return draw_currents(take_snapshot(bench, target_s, np.full((1, 4), 0.3)), 0, title="")


def drift() -> Figure:
    rng = np.random.default_rng(2)
    time_s, cells_s = np.geomspace(1.0, 1e6, 20), rng.uniform(1e-5, 2e-5, (20, 3, 4))
    return draw_drift(
        np.concatenate([[0.0], time_s[1:]]), cells_s, rng.uniform(1e-5, 2e-5, (20, 4)), title=""
    )


def transient() -> Figure:
    time_s = np.linspace(0.0, 1e-9, 50)
    settled_a = np.array([1e-5, 2e-5, 3e-5])
    return draw_transient(time_s, settled_a * (1 - np.exp(-time_s[:, None] / 1e-10)), settled_a, title="")


def law() -> Figure:
    voltage_v, conductance_s = np.linspace(-0.5, 0.5, 31), np.array([1e-5, 5e-5])
    return draw_law(voltage_v, conductance_s, conductance_s[:, None] * np.sinh(voltage_v), title="")


def test_every_column_has_a_step_of_the_same_width() -> None:
    columns = currents().axes[2]
    steps = [patch for patch in columns.patches if isinstance(patch, StepPatch)]
    assert len(steps) == 2
    for step in steps:
        np.testing.assert_allclose(step.get_data().edges, np.arange(8) + 0.5)
    assert columns.get_xlim() == (0.5, 7.5)


def test_a_budget_has_no_bars_on_its_logarithmic_axis() -> None:
    axes = draw_charge_budget(BUDGET, title="").axes[0]  # pyright: ignore[reportArgumentType]
    assert axes.get_xscale() == "log"
    assert not [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    drawn = np.ravel([line.get_xdata() for line in axes.get_lines()]).astype(float)
    assert sorted(drawn[np.isfinite(drawn)]) == pytest.approx([0.2, 5.0, 6.0])


@pytest.mark.parametrize("draw", [currents, drift, transient, law])
def test_no_legend_lies_where_curves_are(draw) -> None:
    figure = draw()
    figure.canvas.draw()
    legends = [(axes, axes.get_legend()) for axes in figure.axes if axes.get_legend() is not None]
    assert legends
    for axes, legend in legends:
        assert legend.get_window_extent().y1 < axes.get_window_extent().y0


def test_pictures_of_several_loops_stand_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for device in ("memristor", "memcapacitor"):
        done = CliRunner().invoke(command_line, ["plot", "loop", device])
        assert done.exit_code == 0, done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["loop_memcapacitor.png", "loop_memristor.png"]


def test_the_page_numbers_columns_by_the_room_they_need() -> None:
    page = (Path(__file__).parents[2] / "simulated_bench" / "page_template.html").read_text(encoding="utf-8")
    assert re.search(r"count / s <= 16 && s \* cell >= each", page)
    assert "j += step(M, widest)" in page
