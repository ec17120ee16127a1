"""The memristor: its current, what moves its state, and exact steps of any length."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosscal.core.errors import RangeError, ShapeError
from crosscal.simulated_bench import Memristor, Sinh, Wires, cell_current, driven_loop, solve_dc
from crosscal.simulated_bench.devices.memristor_kernels import rates, steps

CELL = Memristor()
POSITIVE = (0.12340, 2.74111, -40928.13784, 55117.97865)
NEGATIVE = (-0.33000, 2.59685, 41366.35820, 7789.66771)

states_ohm = st.floats(5e3, 1e5)
volts_v = st.floats(-4.0, 2.0)


def rate_twin(resistance_ohm, voltage_v):
    """The state law as printed, with arrays in place of branches."""
    reset = POSITIVE[0] * (np.exp(np.abs(voltage_v) / POSITIVE[1]) - 1)
    set_ = NEGATIVE[0] * (np.exp(np.abs(voltage_v) / NEGATIVE[1]) - 1)
    up_ohm = POSITIVE[2] + POSITIVE[3] * voltage_v - resistance_ohm
    down_ohm = resistance_ohm - NEGATIVE[2] - NEGATIVE[3] * voltage_v
    rises = (voltage_v > 0.5) & (up_ohm > 0)
    falls = (voltage_v < -0.5) & (down_ohm > 0)
    return np.where(rises, reset * up_ohm**2, np.where(falls, set_ * down_ohm**2, 0.0))


@pytest.mark.kernel
def test_the_rate_is_the_printed_law() -> None:
    rng = np.random.default_rng(1)
    resistance_ohm, voltage_v = rng.uniform(5e3, 9e4, 500), rng.uniform(-4, 2, 500)
    rate = np.empty(500)
    rates(resistance_ohm, voltage_v, 0.5, POSITIVE, NEGATIVE, rate)
    expected = rate_twin(resistance_ohm, voltage_v)
    assert (expected > 0).sum() > 20
    assert (expected < 0).sum() > 100
    np.testing.assert_allclose(rate, expected, rtol=1e-12)  # near a bound the distance to it has lost digits


@pytest.mark.kernel
def test_a_step_is_the_square_laws_own_solution() -> None:
    """1/(r − R) grows linearly in time: an identity that shares no arithmetic with the kernel."""
    rng = np.random.default_rng(2)
    resistance_ohm, voltage_v = rng.uniform(2e4, 9e4, 400), rng.uniform(-4, 2, 400)
    duration_s, after_ohm = 10 ** rng.uniform(-7, 1, 400), np.empty(400)
    steps(resistance_ohm, voltage_v, duration_s, 0.5, POSITIVE, NEGATIVE, after_ohm)
    moves = rate_twin(resistance_ohm, voltage_v) != 0
    assert (after_ohm[~moves] == resistance_ohm[~moves]).all()
    bound_ohm = np.where(voltage_v > 0, POSITIVE[2], NEGATIVE[2])
    bound_ohm += np.where(voltage_v > 0, POSITIVE[3], NEGATIVE[3]) * voltage_v
    rate = rate_twin(resistance_ohm, voltage_v) / (bound_ohm - resistance_ohm) ** 2
    left_ohm = 1 / (1 / (bound_ohm - resistance_ohm) + rate * duration_s)
    assert moves.sum() > 200
    np.testing.assert_allclose(after_ohm[moves], (bound_ohm - left_ohm)[moves], rtol=1e-13)


@settings(deadline=None)  # the first example compiles a kernel
@given(states_ohm, volts_v, st.floats(0, 1e3), st.floats(0, 1e3))
def test_two_pulses_do_what_one_of_their_length_does(resistance_ohm, voltage_v, first_s, second_s) -> None:
    at_once = CELL.step(resistance_ohm, voltage_v, first_s + second_s)
    in_turn = CELL.step(CELL.step(resistance_ohm, voltage_v, first_s), voltage_v, second_s)
    np.testing.assert_allclose(in_turn, at_once, rtol=1e-12)


@settings(deadline=None)  # the first example compiles a kernel
@given(states_ohm, volts_v, st.floats(0, 1e300))
def test_no_pulse_passes_its_bound_however_long(resistance_ohm, voltage_v, dt_s) -> None:
    after_ohm = float(CELL.step(resistance_ohm, voltage_v, dt_s))
    coefficients = POSITIVE if voltage_v > 0 else NEGATIVE
    bound_ohm = coefficients[2] + coefficients[3] * voltage_v
    if voltage_v > 0:
        assert resistance_ohm <= after_ohm <= max(bound_ohm, resistance_ohm)
    else:
        assert min(bound_ohm, resistance_ohm) <= after_ohm <= resistance_ohm


@pytest.mark.parametrize("voltage_v", [0.0, 0.1, 0.5, -0.5])
def test_reads_do_not_disturb(voltage_v: float) -> None:
    for resistance_ohm in (1e2, 1e6):
        assert CELL.step(resistance_ohm, voltage_v, 1e9) == resistance_ohm


def test_a_positive_pulse_raises_and_a_negative_one_lowers_the_resistance() -> None:
    assert CELL.step(20e3, 1.4, 1e-3) > 20e3
    assert CELL.step(40e3, -1.4, 1e-3) < 40e3
    assert CELL.step(40e3, 1.4, 1e3) == 40e3, "the bound of 36.2 kΩ lies below"


def test_states_voltages_and_widths_broadcast_over_an_array() -> None:
    resistance_ohm = np.linspace(15e3, 60e3, 12).reshape(3, 4)
    voltage_v, width_s = np.array([[1.3], [-1.3], [0.2]]), np.array([1e-5, 1e-4, 1e-3, 1e-2])
    before_ohm = resistance_ohm.copy()
    after_ohm = CELL.step(resistance_ohm, voltage_v, width_s)
    assert (resistance_ohm == before_ohm).all()
    for i in range(3):
        for j in range(4):
            one_ohm = CELL.step(resistance_ohm[i, j], voltage_v[i, 0], width_s[j])
            assert after_ohm[i, j] == one_ohm
    assert CELL.rate_ohm_per_s(resistance_ohm, voltage_v).shape == (3, 4)
    assert CELL.current(resistance_ohm, 0.3).shape == (3, 4)


def test_at_rest_it_is_the_sinh_cell_of_conductance_one_over_r() -> None:
    voltage_v = np.array([-1.0, -0.2, 0.0, 0.2, 1.0])
    np.testing.assert_allclose(
        CELL.current(25e3, voltage_v), cell_current(Sinh(), 1 / 25e3, voltage_v), 2e-15
    )
    rng = np.random.default_rng(3)
    conductance_s, drive_v = rng.uniform(16.6e-6, 100e-6, (5, 9)), rng.uniform(0.1, 0.5, (3, 5))
    wires = Wires(row_ohm=2, column_ohm=3, source_ohm=50, sense_ohm=10)
    ours, sinh = (solve_dc(conductance_s, drive_v, wires=wires, device=law) for law in (CELL, Sinh()))
    assert (ours.current_a == sinh.current_a).all()
    assert CELL.spice_expression() == Sinh().spice_expression()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((np.array([[1e4, 0.0], [1e4, 1e4]]), 1.0, 1e-3), r"resistance_ohm\[0, 1\] = 0"),
        ((1e4, np.array([1.0, 1.0, -5.4]), 1e-3), r"voltage_v\[2\] = -5\.4; allowed: finite, above -5\.31 V"),
        ((1e4, math.nan, 1e-3), "voltage_v = nan"),
        ((1e4, 1.0, -1e-9), "dt_s = -1e-09"),
    ],
)
def test_what_the_model_is_not_made_for_is_refused_with_its_place(values, words: str) -> None:
    with pytest.raises(RangeError, match=words):
        CELL.step(*values)


def test_a_solution_below_the_lowest_voltage_is_refused_with_its_cell() -> None:
    conductance_s, wires = np.full((2, 3), 1e-9), Wires(row_ohm=1e-3, column_ohm=1e-3)
    solve_dc(conductance_s, np.array([0.3, -5.2]), wires=wires, device=CELL)
    with pytest.raises(
        RangeError, match=r"-5\.\d+ V across cell \[1, 0\], vector 0; allowed: above -5\.31 V"
    ):
        solve_dc(conductance_s, np.array([0.3, -5.9]), wires=wires, device=CELL)


def test_shapes_that_do_not_broadcast_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(3,\) and \(2,\)"):
        CELL.step(np.full(3, 1e4), np.zeros(2), 1e-3)


@pytest.mark.parametrize("name", ["reset_rate_per_ohm_s", "set_rate_per_ohm_s", "b_pos", "set_bound_ohm"])
def test_constants_of_the_wrong_sign_are_refused(name: str) -> None:
    with pytest.raises(RangeError, match=rf"Memristor\.{name}"):
        Memristor(**{name: -getattr(CELL, name)})


def test_the_driven_loop_is_pinched_and_encloses_area() -> None:
    """At 0 V no current flows whatever the state; between, the way down differs from the way up."""
    time_s = np.linspace(0, 1, 4001)
    loop = driven_loop(CELL, time_s, 1.6 * np.sin(2 * np.pi * time_s), resistance_ohm=20e3)
    assert np.abs(loop.current_a[[0, 2000, 4000]]).max() < 1e-12 * np.abs(loop.current_a).max()
    up_a, down_a = loop.current_a[300], loop.current_a[1700]
    assert loop.voltage_v[300] == pytest.approx(loop.voltage_v[1700])
    assert down_a < 0.7 * up_a
    assert loop.resistance_ohm.max() > 35e3
    assert loop.resistance_ohm[-1] < loop.resistance_ohm.max() - 5e3


def test_the_driven_loop_is_of_second_order() -> None:
    errors_ohm = []
    exact_ohm = None
    for count in (20_001, 101, 201, 401):
        time_s = np.linspace(0, 1e-3, count)
        drive_v = 1.0 + 0.4 * np.sin(1e3 * time_s)
        last_ohm = driven_loop(CELL, time_s, drive_v, resistance_ohm=10e3).resistance_ohm[-1]
        exact_ohm = last_ohm if exact_ohm is None else exact_ohm
        errors_ohm.append(abs(last_ohm - exact_ohm))
    assert errors_ohm[1] / errors_ohm[2] == pytest.approx(4, rel=0.1)
    assert errors_ohm[2] / errors_ohm[3] == pytest.approx(4, rel=0.1)


def test_a_loop_without_a_voltage_for_every_instant_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"time_s of shape \(3,\)"):
        driven_loop(CELL, np.arange(3.0), np.zeros(2))
    with pytest.raises(RangeError, match=r"voltage_v\[1\] = nan"):
        driven_loop(CELL, np.arange(3.0), np.array([0.0, math.nan, 0.1]))
    with pytest.raises(RangeError, match=r"time_s\[2\] = 0"):
        driven_loop(CELL, np.array([0.0, 1.0, 0.0]), np.zeros(3))
