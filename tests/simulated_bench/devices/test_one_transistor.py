"""Cells behind an access transistor."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq

from crosscal.core.errors import InputError, RangeError, ShapeError
from crosscal.simulated_bench import (
    Hopping,
    Memristor,
    Ohmic,
    OneTransistor,
    Saturating,
    Sinh,
    SmoothLaw,
    Wires,
    cell_current,
    solve_currents,
    solve_dc,
    solve_transient,
)
from crosscal.simulated_bench.devices.access_kernels import begin, in_series, share

WIRES = Wires(row_ohm=2.0, column_ohm=3.0, source_ohm=50.0, sense_ohm=10.0)
RNG = np.random.default_rng(7)
CONDUCTANCE_S = RNG.uniform(16.6e-6, 100e-6, (5, 9))
DRIVE_V = RNG.uniform(0.1, 0.5, (4, 5)) * np.array([[1], [1], [-1], [-1]])


def transistor_a(drop_v: float, overdrive_v: float, gain: float) -> float:
    return gain * (overdrive_v * drop_v - drop_v**2 / 2)


def series_twin(law, conductance_s: float, voltage_v: float, overdrive_v: float, gain: float) -> float:
    """Current of cell and transistor by a bracketing root finder."""

    def excess_a(drop_v: float) -> float:
        cell_a = float(cell_current(law, conductance_s, voltage_v - drop_v))
        return cell_a - transistor_a(drop_v, overdrive_v, gain)

    ends_v = sorted((0.0, voltage_v))
    drop_v = brentq(excess_a, *ends_v, xtol=1e-18, rtol=1e-15) if voltage_v else 0.0
    return transistor_a(drop_v, overdrive_v, gain)


@pytest.mark.parametrize("law", [Ohmic(), Sinh(), Hopping(), Saturating(), Memristor()], ids=type)
@pytest.mark.parametrize("gain", [3e-4, 3e-3])
def test_cell_and_transistor_share_the_voltage_as_a_root_finder_says(law, gain: float) -> None:
    device = OneTransistor(cell=law, gate_v=2.0, threshold_v=0.6, gain_a_per_v2=gain)
    for voltage_v in (-0.9, -0.2, -1e-6, 0.0, 1e-6, 0.2, 0.9):
        expected_a = series_twin(law, 80e-6, voltage_v, 1.4, gain)
        # The root finder's own current is good to a few units in the last place of the voltage.
        assert float(cell_current(device, 80e-6, voltage_v)) == pytest.approx(expected_a, rel=1e-13)


def test_an_ohmic_cell_has_the_closed_form() -> None:
    """`i/G = v − w` with `i = β(V w − w²/2)`: a quadratic equation for w."""
    g, beta, overdrive_v, volt = 1e-4, 2e-4, 1.1, 0.5
    linear = overdrive_v + g / beta
    drop_v = 2 * g * volt / beta / (linear + math.sqrt(linear**2 - 2 * g * volt / beta))
    device = OneTransistor(cell=Ohmic(), gate_v=1.8, threshold_v=0.7, gain_a_per_v2=beta)
    assert float(cell_current(device, g, volt)) == pytest.approx(g * (volt - drop_v), rel=1e-14)


def test_a_weakly_driven_transistor_is_a_resistor_set_by_its_gate() -> None:
    for gate_v in (1.0, 2.0, 3.3):
        device = OneTransistor(cell=Ohmic(), gate_v=gate_v, threshold_v=0.7, gain_a_per_v2=5e-4)
        series_ohm = 1e-6 / float(cell_current(device, 1e-4, 1e-6))
        assert series_ohm - 1e4 == pytest.approx(1 / (5e-4 * (gate_v - 0.7)), rel=1e-5)


@pytest.mark.parametrize("law", [Ohmic(), Sinh(), Hopping(), Saturating()], ids=type)
def test_the_slope_is_the_derivative_of_the_current(law) -> None:
    device = OneTransistor(cell=law, gate_v=1.5, gain_a_per_v2=2e-4)
    voltage_v, step_v = np.array([[[-0.6, -0.3, -0.01, 0.01, 0.3, 0.6]]]), 1e-6
    current_a, slope_s, _ = np.empty((3, 1, 1, 6))
    conductance_s = np.full((1, 6), 5e-5)
    device.evaluate(conductance_s, voltage_v, current_a, slope_s)
    above_a, below_a = (cell_current(device, conductance_s, voltage_v[0] + sign * step_v) for sign in (1, -1))
    np.testing.assert_allclose(slope_s[0], (above_a - below_a) / (2 * step_v), rtol=1e-8)


@pytest.mark.kernel
def test_the_kernels_find_the_share_of_a_linear_cell() -> None:
    """Iterated by hand against the closed form, uncompiled too."""
    voltage_v, conductance_s = np.array([[[0.5, -0.4], [0.0, 0.3]]]), np.array([[1e-4, 5e-5], [2e-5, 9e-5]])
    overdrive_v, gain = np.array([0.9, 1.3]), 2e-4
    shape, done = voltage_v.shape, np.zeros(voltage_v.shape, dtype=bool)
    bracket_v, drop_v, cell_v, current_a = np.empty((2, *shape)), *np.empty((3, *shape))
    begin(voltage_v, bracket_v, drop_v, cell_v)
    for _ in range(60):
        current_a[:], slope_s = conductance_s * cell_v, np.broadcast_to(conductance_s, shape).copy()
        if not share(voltage_v, overdrive_v, gain, current_a, slope_s, bracket_v, drop_v, cell_v, done):
            break
    assert done.all()
    in_series(drop_v, overdrive_v, gain, current_a, slope_s)
    linear = overdrive_v[:, None] + conductance_s / gain
    asked = 2 * conductance_s * voltage_v / gain
    expected_v = asked / (linear + np.sqrt(linear**2 - asked))
    np.testing.assert_allclose(drop_v, expected_v, rtol=1e-14, atol=1e-18)
    np.testing.assert_allclose(current_a, conductance_s * (voltage_v - expected_v), rtol=1e-13)
    transistor_s = gain * (overdrive_v[:, None] - expected_v)
    np.testing.assert_allclose(slope_s, 1 / (1 / conductance_s + 1 / transistor_s), rtol=1e-13)


def test_gates_of_rows_are_their_own() -> None:
    gates_v = [1.5, 2.0, 2.5, 3.0, 3.3]
    together = OneTransistor(gate_v=gates_v)
    voltage_v = np.full((1, 5, 9), 0.4)
    current_a, slope_s = np.empty((2, 1, 5, 9))
    together.evaluate(CONDUCTANCE_S, voltage_v, current_a, slope_s)
    for i, gate_v in enumerate(gates_v):
        alone_a = cell_current(OneTransistor(gate_v=gate_v), CONDUCTANCE_S[i], 0.4)
        assert (current_a[0, i] == alone_a).all()


def test_one_law_solves_arrays_and_transients_with_kirchhoff_in_each_cell() -> None:
    device = OneTransistor(gate_v=[1.8, 2.0, 2.5, 3.0, 3.3])
    rest = solve_dc(CONDUCTANCE_S, DRIVE_V, wires=WIRES, device=device)
    bare = solve_dc(CONDUCTANCE_S, DRIVE_V, wires=WIRES, device=Sinh())
    assert (np.abs(rest.current_a) < 0.99 * np.abs(bare.current_a)).all()
    for b in range(len(DRIVE_V)):
        cells_a = np.array(
            [
                [
                    series_twin(Sinh(), CONDUCTANCE_S[i, j], rest.cell_v[b, i, j], gate_v - 0.7, 0.5e-3)
                    for j in range(9)
                ]
                for i, gate_v in enumerate(device.gate_v)
            ]
        )
        largest_a = np.abs(rest.current_a[b]).max()
        np.testing.assert_allclose(cells_a.sum(axis=0), rest.current_a[b], rtol=0, atol=1e-12 * largest_a)
    time_s = np.linspace(0, 1e-8, 6)
    late = solve_transient(
        CONDUCTANCE_S,
        lambda t: DRIVE_V[0] * min(t / 1e-10, 1),
        time_s,
        wires=WIRES,
        device=device,
        capacitance_f=1e-14,
    )
    np.testing.assert_allclose(late.current_a[-1], rest.current_a[0], rtol=1e-4)
    assert np.abs(late.current_a[0]).max() == 0


def test_a_vector_is_solved_to_the_same_bit_in_any_batch() -> None:
    many_v = np.random.default_rng(1).uniform(-0.5, 0.5, (40, 5))
    device = OneTransistor(gate_v=1.6, gain_a_per_v2=2e-4)
    together_a = solve_currents(CONDUCTANCE_S, many_v, wires=WIRES, device=device)
    for b in (0, 17, 39):
        assert (solve_currents(CONDUCTANCE_S, many_v[b], wires=WIRES, device=device) == together_a[b]).all()


def test_a_transistor_beyond_triode_is_named() -> None:
    conductance_s = np.full((3, 5), 20e-6)
    conductance_s[1, 3] = 4e-3
    device = OneTransistor(cell=Ohmic(), gate_v=[1.0, 0.9, 1.0], threshold_v=0.7, gain_a_per_v2=5e-4)
    words = r"V across the access transistor of cell \[1, 3\], vector 0; allowed: triode, below .* 0\.2 V"
    drive_v = np.full(3, 0.5)
    with pytest.raises(RangeError, match=words):
        solve_dc(conductance_s, drive_v, wires=WIRES, device=device)
    with pytest.raises(RangeError, match=r"cell \[1, 3\]"):
        solve_transient(
            conductance_s,
            lambda t: drive_v * min(t, 1),
            np.array([0.0, 1.0]),
            wires=WIRES,
            device=device,
            capacitance_f=1e-3,
        )
    assert solve_dc(conductance_s, drive_v / 5, wires=WIRES, device=device).current_a.shape == (5,)


def test_gates_must_fit_the_rows() -> None:
    with pytest.raises(ShapeError, match="gate_v with 2 values for 5 rows"):
        solve_dc(CONDUCTANCE_S, DRIVE_V, wires=WIRES, device=OneTransistor(gate_v=[2.0, 2.0]))
    with pytest.raises(ShapeError, match=r"gate_v of shape \(1, 2\)"):
        OneTransistor(gate_v=[[2.0, 2.0]])


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"gate_v": 0.7}, r"gate_v = 0\.7 V; allowed: finite, above threshold_v, 0\.7 V"),
        ({"gate_v": [3.3, math.nan]}, r"gate_v\[1\] = nan"),
        ({"gain_a_per_v2": 0.0}, "gain_a_per_v2 = 0"),
        ({"threshold_v": math.inf}, "threshold_v = inf"),
    ],
)
def test_constants_that_make_no_transistor_are_refused(keys, words: str) -> None:
    with pytest.raises(RangeError, match=words):
        OneTransistor(**keys)


@pytest.mark.parametrize(
    "cell", [Sinh, None, SmoothLaw(current=lambda g, v: g * (v + 1), slope=lambda g, _: g)]
)
def test_a_cell_that_is_no_passive_law_is_refused(cell) -> None:
    with pytest.raises(InputError):
        OneTransistor(cell=cell)


class Lost:
    """A law that gives no numbers above 0.1 V."""

    def evaluate(self, conductance_s, voltage_v, current_a, slope_s) -> None:
        current_a[:] = conductance_s * np.where(voltage_v > 0.1, np.nan, voltage_v)
        slope_s[:] = np.nan


def test_a_law_without_numbers_is_the_solvers_error_with_its_place() -> None:
    with pytest.raises(RangeError, match=r"no finite current.*cell \["):
        solve_dc(CONDUCTANCE_S, DRIVE_V, wires=WIRES, device=OneTransistor(cell=Lost()))


def test_devices_are_values() -> None:
    assert OneTransistor(gate_v=[2, 3]) == OneTransistor(gate_v=np.array([2.0, 3.0]))
    assert len({OneTransistor(), OneTransistor(cell=Sinh())}) == 1
