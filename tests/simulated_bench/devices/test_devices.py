"""Current–voltage laws of the cells."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from numba import njit

from crosscal.core.errors import InputError, RangeError
from crosscal.simulated_bench import Ohmic, Sinh, SmoothLaw, cell_current
from crosscal.simulated_bench.devices.law_kernels import TABLE_END, sinh_law

PARAMETERS = (0.225, 4.12, 0.2801, 4.10)


def sinh_twin(conductance_s: np.ndarray, voltage_v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rises = voltage_v > 0
    scale_s = np.where(rises, PARAMETERS[0], PARAMETERS[2]) * conductance_s
    rate = np.where(rises, PARAMETERS[1], PARAMETERS[3])
    return scale_s * np.sinh(rate * voltage_v), scale_s * rate * np.cosh(rate * voltage_v)


@pytest.mark.parametrize("reach_v", [1e-9, 1e-3, 0.02, 0.5, 7.0, TABLE_END / 4.12 * 3])
def test_the_sinh_kernel_is_good_to_a_few_units_in_the_last_place(reach_v: float) -> None:
    """Near zero as well, where a difference of exponentials would lose digits, and beyond the tables."""
    rng = np.random.default_rng(1)
    conductance_s = rng.uniform(16.6e-6, 100e-6, (7, 13))
    voltage_v = rng.uniform(-reach_v, reach_v, (3, 7, 13))
    voltage_v[0, 0, 0] = 0.0
    current_a, slope_s = np.empty((2, *voltage_v.shape))
    sinh_law(conductance_s, voltage_v, PARAMETERS, current_a, slope_s)
    expected_a, expected_s = sinh_twin(conductance_s, voltage_v)
    np.testing.assert_allclose(current_a, expected_a, rtol=2e-15)
    np.testing.assert_allclose(slope_s, expected_s, rtol=2e-15)


def test_the_sinh_kernel_passes_on_what_is_no_number() -> None:
    current_a, slope_s = np.empty((2, 1, 1, 3))
    sinh_law(np.ones((1, 3)), np.array([[[0.1, np.nan, np.inf]]]), PARAMETERS, current_a, slope_s)
    assert np.isfinite(current_a[0, 0, 0])
    assert np.isnan(current_a[0, 0, 1])
    assert np.isinf(current_a[0, 0, 2])


def test_the_default_sinh_cell_has_the_published_figures() -> None:
    """Small-signal conductance 0.927 G from above, 1.148 G from below; 1.74 times ohmic at 0.5 V."""
    above, below = (cell_current(Sinh(), 1.0, volt) / volt for volt in (1e-6, -1e-6))
    assert above == pytest.approx(0.927, rel=1e-4)
    assert below == pytest.approx(1.14841, rel=1e-4)
    assert cell_current(Sinh(), 1.0, 0.5) / 0.5 == pytest.approx(1.74, abs=0.005)


@pytest.mark.parametrize("device", [Ohmic(), Sinh()], ids=["ohmic", "sinh"])
def test_the_slope_is_the_derivative_of_the_current(device) -> None:
    voltage_v = np.array([[[-0.6, -0.3, -0.01, 0.01, 0.3, 0.6]]])
    current_a, slope_s, _ = np.empty((3, 1, 1, 6))
    conductance_s, step_v = np.full((1, 6), 5e-5), 1e-6
    device.evaluate(conductance_s, voltage_v, current_a, slope_s)
    above_a, below_a = (cell_current(device, conductance_s, voltage_v[0] + sign * step_v) for sign in (1, -1))
    np.testing.assert_allclose(slope_s[0], (above_a - below_a) / (2 * step_v), rtol=1e-8)


def test_cell_current_broadcasts_conductances_against_voltages() -> None:
    current_a = cell_current(Ohmic(), np.array([1e-5, 2e-5]), np.array([[0.1], [0.2], [-0.3]]))
    np.testing.assert_allclose(current_a, [[1e-6, 2e-6], [2e-6, 4e-6], [-3e-6, -6e-6]])
    assert cell_current(Ohmic(), 1e-5, 0.1).shape == ()


def cubic_a(g: float, v: float) -> float:
    return g * (v + v**3)


def cubic_s(g: float, v: float) -> float:
    return g * (1 + 3 * v**2)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_smooth_law_is_taken_as_plain_python_or_already_compiled(compiled: bool) -> None:
    current, slope = (njit(cubic_a), njit(cubic_s)) if compiled else (cubic_a, cubic_s)
    law = SmoothLaw(current=current, slope=slope)
    np.testing.assert_allclose(cell_current(law, 2e-5, [0.5, -0.5]), [1.25e-5, -1.25e-5])


LAW = """
law = SmoothLaw(current=lambda g, v: {number} * g * v, slope=lambda g, v: {number} * g + 0.0 * v)
"""


@pytest.mark.parametrize("number", ["{scale}", "scale"], ids=["in the text", "in a global"])
def test_laws_that_differ_by_a_number_alone_are_two_laws(tmp_path: Path, number: str) -> None:
    """As in a script that is run twice: its functions are at the same place and do the same operations."""
    script = tmp_path / "script.py"
    script.write_text("")
    for scale in (1.0, 2.0):
        code = LAW.format(number=number.format(scale=scale))
        names = {"SmoothLaw": SmoothLaw, "scale": scale}
        exec(compile(code, str(script), "exec"), names)
        assert cell_current(names["law"], 5e-5, 0.2) == pytest.approx(scale * 1e-5, rel=1e-14)


def test_a_smooth_law_may_use_the_math_module() -> None:
    law = SmoothLaw(
        current=lambda g, v: g * math.tanh(3 * v) / 3, slope=lambda g, v: g / math.cosh(3 * v) ** 2
    )
    assert cell_current(law, 1e-4, 0.2) == pytest.approx(1e-4 * math.tanh(0.6) / 3, rel=1e-14)


def test_a_slope_that_is_not_the_derivative_is_refused() -> None:
    with pytest.raises(InputError, match="derivative of current"):
        SmoothLaw(current=cubic_a, slope=lambda g, v: g * (1 + 2 * v**2))


@pytest.mark.parametrize(
    ("current", "slope"),
    [
        (lambda g, v: g * v + "one", lambda g, _: g),
        (lambda g: g, lambda g, _: g),
        (lambda g, v: g * v, None),
    ],
)
def test_a_law_that_cannot_be_computed_is_refused(current, slope) -> None:
    with pytest.raises(InputError, match="SmoothLaw"):
        SmoothLaw(current=current, slope=slope)


def test_a_law_without_finite_values_is_refused() -> None:
    with pytest.raises(InputError, match="derivative of current"):
        SmoothLaw(current=lambda g, v: g * v * math.nan, slope=lambda g, _: g)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("name", ["a_pos", "b_pos", "a_neg", "b_neg"])
def test_a_sinh_cell_needs_positive_constants(name: str, value: float) -> None:
    with pytest.raises(RangeError, match=f"Sinh.{name}"):
        Sinh(**{name: value})
