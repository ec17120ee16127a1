"""Smooth asymmetric laws: what they promise, and that a bench.toml can name them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from crosscal.core.errors import RangeError, SettingsError
from crosscal.simulated_bench import Bench, Hopping, Saturating, Wires, cell_current, load_settings, solve_dc

LAWS = [
    Hopping(),
    Hopping(scale_v=0.3, forward_share=0.25),
    Saturating(),
    Saturating(scale_v=0.4, shift=-1.0),
]


def hopping_twin(g: np.ndarray, v: np.ndarray, law: Hopping) -> np.ndarray:
    share, x = law.forward_share, v / law.scale_v
    return g * law.scale_v * (np.exp(share * x) - np.exp(-(1 - share) * x))


def saturating_twin(g: np.ndarray, v: np.ndarray, law: Saturating) -> np.ndarray:
    k = law.shift
    return g * law.scale_v * (np.tanh(v / law.scale_v + k) - np.tanh(k)) * np.cosh(k) ** 2


@pytest.mark.kernel
@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_the_kernel_agrees_with_the_law_as_it_is_written(law: Hopping | Saturating) -> None:
    rng = np.random.default_rng(1)
    conductance_s, voltage_v = rng.uniform(16.6e-6, 100e-6, (3, 5)), rng.uniform(-0.6, 0.6, (4, 3, 5))
    current_a, slope_s = np.empty((2, 4, 3, 5))
    law.evaluate(conductance_s, voltage_v, current_a, slope_s)
    twin = hopping_twin if isinstance(law, Hopping) else saturating_twin
    # The plain form cancels digits near 0 V; the kernel's does not.
    np.testing.assert_allclose(current_a, twin(conductance_s, voltage_v, law), rtol=1e-12, atol=1e-20)
    step_v = 1e-6
    difference_a = twin(conductance_s, voltage_v + step_v, law) - twin(conductance_s, voltage_v - step_v, law)
    np.testing.assert_allclose(slope_s, difference_a / (2 * step_v), rtol=1e-7)


@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_the_slope_at_zero_is_the_nominal_conductance(law: Hopping | Saturating) -> None:
    """From both sides, to the last digits: the form of the kernel loses none near 0 V."""
    for volt in (1e-12, -1e-12):
        assert cell_current(law, 5e-5, volt) / volt == pytest.approx(5e-5, rel=1e-11)


@pytest.mark.parametrize(
    ("law", "forward", "backward"), [(Hopping(), 1.65, 1.00), (Saturating(), 0.81, 1.07)]
)
def test_the_current_at_half_a_volt_is_as_documented(
    law: Hopping | Saturating, forward: float, backward: float
) -> None:
    assert cell_current(law, 1.0, 0.5) / 0.5 == pytest.approx(forward, abs=0.005)
    assert cell_current(law, 1.0, -0.5) / -0.5 == pytest.approx(backward, abs=0.005)


@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_an_array_of_such_cells_keeps_kirchhoffs_law(law: Hopping | Saturating) -> None:
    rng = np.random.default_rng(2)
    conductance_s, voltage_v = rng.uniform(16.6e-6, 100e-6, (7, 4)), rng.uniform(-0.5, 0.5, (3, 7))
    wires = Wires(row_ohm=3.0, column_ohm=5.0, source_ohm=50.0, sense_ohm=10.0)
    solution = solve_dc(conductance_s, voltage_v, wires=wires, device=law)
    cells_a = cell_current(law, conductance_s, solution.cell_v)
    np.testing.assert_allclose(
        solution.current_a, cells_a.sum(axis=1), rtol=0, atol=1e-10 * np.abs(cells_a).max()
    )


@pytest.mark.parametrize(
    ("table", "law"),
    [
        ('law = "hopping"', Hopping()),
        ('law = "hopping"\nscale_v = 0.3\nforward_share = 0.4', Hopping(scale_v=0.3, forward_share=0.4)),
        ('law = "saturating"', Saturating()),
        ('law = "saturating"\nscale_v = 0.7\nshift = -0.2', Saturating(scale_v=0.7, shift=-0.2)),
    ],
)
def test_a_bench_of_that_law_reads_what_the_circuit_gives(
    table: str, law: Hopping | Saturating, tmp_path: Path
) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(f"[array]\nrows = 3\ncolumns = 5\n[device]\n{table}\n", encoding="utf-8")
    bench = Bench.from_toml(path)
    voltage_v = np.array([[0.1, 0.5, 0.3], [0.4, 0.2, 0.5]])
    conductance_s = np.array(bench.true_conductance()).reshape(3, 5)
    wires = bench.wires(0)
    expected_a = solve_dc(conductance_s, voltage_v, wires=wires, device=law).current_a
    np.testing.assert_allclose(bench.true_current(voltage_v, range_index=0), expected_a, rtol=1e-12)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('law = "hopping"\nforward_share = 1.0', "forward_share"),
        ('law = "saturating"\nshift = 4', "shift"),
        ('law = "saturating"\nforward_share = 0.5', "forward_share"),
    ],
)
def test_impossible_constants_in_a_file_are_named(table: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(f"[array]\nrows = 3\ncolumns = 5\n[device]\n{table}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=said):
        load_settings(path)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_a_scale_must_be_positive_and_finite(value: float) -> None:
    with pytest.raises(RangeError, match=r"Hopping\.scale_v"):
        Hopping(scale_v=value)
    with pytest.raises(RangeError, match=r"Saturating\.scale_v"):
        Saturating(scale_v=value)


@pytest.mark.parametrize("value", [math.nan, 5.0, -5.0])
def test_a_share_or_shift_beyond_its_limits_is_refused(value: float) -> None:
    with pytest.raises(RangeError, match=r"Hopping\.forward_share"):
        Hopping(forward_share=value)
    with pytest.raises(RangeError, match=r"Saturating\.shift"):
        Saturating(shift=value)
