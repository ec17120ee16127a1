"""A memcapacitor's state: thresholds, limits, pulses and its pinched loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosscal.core.errors import RangeError
from crosscal.simulated_bench import Memcapacitor

DEVICE = Memcapacitor()


@given(st.floats(-2.0, 2.0), st.floats(0.0, 1e6))
def test_reads_within_the_threshold_move_nothing(voltage_v: float, duration_s: float) -> None:
    assert DEVICE.after(17e-12, voltage_v, duration_s) == 17e-12


def test_a_pulse_moves_the_state_by_rate_excess_and_time() -> None:
    state_f = DEVICE.after(np.array([10e-12, 20e-12]), np.array([2.5, -3.0]), 1e-7)
    np.testing.assert_allclose(state_f, [10e-12 + 24e-6 * 0.5e-7, 20e-12 - 24e-6 * 1e-7], rtol=1e-12)


@given(st.floats(-5.0, 5.0), st.floats(0.0, 1e-5), st.floats(0.0, 1.0))
def test_two_pulses_are_one_of_their_sum(voltage_v: float, duration_s: float, part: float) -> None:
    once_f = DEVICE.after(15e-12, voltage_v, duration_s)
    first_f = DEVICE.after(15e-12, voltage_v, part * duration_s)
    twice_f = DEVICE.after(first_f, voltage_v, (1 - part) * duration_s)
    np.testing.assert_allclose(twice_f, once_f, rtol=1e-12)


def test_the_state_stops_at_its_limits() -> None:
    assert DEVICE.after(15e-12, 4.0, 1.0) == DEVICE.maximum_f
    assert DEVICE.after(15e-12, -4.0, 1.0) == DEVICE.minimum_f


def test_pulses_of_the_stated_width_write_a_non_square_array() -> None:
    rng = np.random.default_rng(2)
    state_f, target_f = rng.uniform(DEVICE.minimum_f, DEVICE.maximum_f, (2, 5, 3))
    width_s = DEVICE.pulse_s(state_f, target_f, amplitude_v=3.0)
    written_f = DEVICE.after(state_f, 3.0 * np.sign(target_f - state_f), width_s)
    np.testing.assert_allclose(written_f, target_f, rtol=1e-12)
    assert width_s.max() <= 24e-12 / 24e-6  # the whole window in one pulse


@pytest.mark.parametrize("frequency_hz", [2e5, 5e6])
def test_the_loop_is_what_small_pulses_give(frequency_hz: float) -> None:
    """Staircase of exact steps against the closed form; 200 kHz runs into the limit, 5 MHz does not."""
    loop = DEVICE.loop(amplitude_v=3.0, frequency_hz=frequency_hz, points=4001)
    step_s = loop.time_s[1]
    state_f, walked_f = np.float64(DEVICE.minimum_f), [DEVICE.minimum_f]
    for middle_s in loop.time_s[:-1] + step_s / 2:
        voltage_v = 3.0 * math.sin(2 * math.pi * frequency_hz * middle_s)
        state_f = DEVICE.after(state_f, voltage_v, step_s)
        walked_f.append(float(state_f))
    # midpoint rule, kinks at the threshold: second order in 1/4000
    np.testing.assert_allclose(loop.capacitance_f, walked_f, rtol=1e-5)


def test_the_loop_is_pinched_and_shrinks_with_frequency() -> None:
    areas = []
    for frequency_hz in (5e5, 2e6, 8e6, 32e6):
        loop = DEVICE.loop(amplitude_v=3.0, frequency_hz=frequency_hz)
        at_zero = np.abs(loop.voltage_v) < 1e-12
        assert at_zero.sum() == 3
        assert np.abs(loop.charge_c[at_zero]).max() < 1e-12 * np.abs(loop.charge_c).max()
        half = loop.time_s <= 0.5 / frequency_hz
        areas.append(abs(np.trapezoid(loop.charge_c[half], loop.voltage_v[half])))
    assert areas[0] > areas[1] > areas[2] > areas[3]
    assert areas[2] / areas[3] == pytest.approx(4.0, rel=1e-3)  # the state's swing goes with 1/f


def test_states_and_pulses_outside_the_device_are_refused_by_place() -> None:
    with pytest.raises(RangeError, match=r"capacitance_f\[1, 0\] = 4e-11 F"):
        DEVICE.charge_c(np.array([[10e-12, 10e-12], [40e-12, 10e-12]]), 0.1)
    with pytest.raises(RangeError, match=r"target_f\[0\]"):
        DEVICE.pulse_s(10e-12, np.array([1e-12]), amplitude_v=3.0)
    with pytest.raises(RangeError, match=r"amplitude_v = 2\.0 V"):
        DEVICE.pulse_s(10e-12, 12e-12, amplitude_v=2.0)
    with pytest.raises(RangeError, match="negative duration_s"):
        DEVICE.after(10e-12, 3.0, -1e-9)
    with pytest.raises(RangeError, match=r"amplitude_v = 1\.0 V"):
        DEVICE.loop(amplitude_v=1.0, frequency_hz=1e6)
    with pytest.raises(RangeError, match=r"Memcapacitor\.minimum_f"):
        Memcapacitor(minimum_f=40e-12)
    with pytest.raises(RangeError, match=r"Memcapacitor\.threshold_v"):
        Memcapacitor(threshold_v=math.nan)


def test_charge_is_capacitance_times_voltage() -> None:
    np.testing.assert_allclose(
        DEVICE.charge_c(np.array([[7e-12], [20e-12]]), np.array([0.1, -0.2])),
        [[7e-13, -14e-13], [2e-12, -4e-12]],
        rtol=1e-12,
    )
