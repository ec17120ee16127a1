"""The meminductor emulator: its parts, its pinched loop, and how far up that reaches."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

from crosscal.core.errors import RangeError, SolverError
from crosscal.simulated_bench import Meminductor, MosCapacitor, Transconductor, pinch_limit_hz

CAPACITOR = MosCapacitor(area_m2=285e-12)
FAST = Transconductor(pole_hz=1e14, gain=1e6)
NEARLY_IDEAL = Meminductor(first=FAST, second=FAST, third=FAST)


def resting_f(capacitor: MosCapacitor = CAPACITOR) -> float:
    return float(capacitor.capacitance_f(capacitor.surface_v(0.9)))


def test_the_gate_is_all_oxide_in_accumulation_and_inversion_and_less_between() -> None:
    deep = CAPACITOR.capacitance_f(CAPACITOR.surface_v(np.array([-4.0, 4.0])))
    np.testing.assert_allclose(deep, CAPACITOR.oxide_f, rtol=0.03)  # the rest goes as the thermal voltage
    assert CAPACITOR.capacitance_f(CAPACITOR.surface_v(-0.1)) < 0.3 * CAPACITOR.oxide_f


def test_the_flat_band_capacitance_has_one_debye_length_in_series() -> None:
    per_area_f = 3.9 * 8.8541878128e-12 / 4.1e-9
    silicon = 11.7 * 8.8541878128e-12
    debye_m = math.sqrt(silicon * CAPACITOR.thermal_v / (1.602176634e-19 * 4e23))
    expected_f = 285e-12 / (1 / per_area_f + debye_m / silicon)
    psi_v = np.array([-1e-6, 0.0, 1e-6])
    np.testing.assert_allclose(CAPACITOR.capacitance_f(psi_v), expected_f, rtol=1e-4)
    assert float(CAPACITOR.voltage_v(np.zeros(1))[0]) == CAPACITOR.flat_band_v


@pytest.mark.parametrize("join", [-1e-3, 1e-3])
def test_the_series_near_the_flat_band_joins_without_a_jump(join: float) -> None:
    psi_v = join * CAPACITOR.thermal_v * (1 + np.array([-1e-9, 1e-9]))
    charge_c, stiff_f = CAPACITOR.charge_c(psi_v), CAPACITOR.stiffness_f(psi_v)
    assert charge_c[1] == pytest.approx(charge_c[0], rel=1e-6)  # the series' next term
    assert stiff_f[1] == pytest.approx(stiff_f[0], rel=1e-6)


def test_charge_is_the_integral_of_the_capacitance() -> None:
    def capacitance_f(voltage_v: float) -> float:
        return float(CAPACITOR.capacitance_f(CAPACITOR.surface_v(voltage_v)))

    low, high = (float(CAPACITOR.charge_c(CAPACITOR.surface_v(v))) for v in (-0.6, 1.4))
    integral_c, _ = quad(capacitance_f, -0.6, 1.4, epsabs=0.0, epsrel=1e-9, limit=200)
    assert high - low == pytest.approx(integral_c, rel=1e-8)


def test_surface_potential_and_voltage_are_inverse() -> None:
    voltage_v = np.linspace(-3.0, 3.0, 61)
    np.testing.assert_allclose(
        CAPACITOR.voltage_v(CAPACITOR.surface_v(voltage_v)), voltage_v, rtol=0, atol=1e-12
    )


def test_transconductance_is_linear_in_the_bias_and_the_current_saturates() -> None:
    amplifier = Transconductor()
    small_v = 1e-6
    for control_v in (-0.3, 0.0, 0.4):
        slope_s = float(amplifier.current_a(small_v, control_v)) / small_v
        assert slope_s == pytest.approx(math.sqrt(0.5) * 1e-3 * (0.5 + control_v), rel=1e-9)
    assert amplifier.current_a(np.float64(9.0)) == pytest.approx(0.5e-3 * 0.5**2, rel=1e-9)
    with pytest.raises(RangeError, match=r"control voltage of -0\.6 V"):
        amplifier.current_a(np.float64(0.1), -0.6)


@pytest.mark.parametrize("incremental", [True, False])
def test_a_weakly_driven_ideal_emulator_has_the_lobes_of_the_closed_form(incremental: bool) -> None:
    emulator = Meminductor(first=FAST, second=FAST, third=FAST, incremental=incremental)
    amplitude_v, frequency_hz = 1e-3, 20e6
    omega, farad = 2 * math.pi * frequency_hz, resting_f()
    a = FAST.transconductance_s * amplitude_v / (omega * farad)
    b = FAST.transconductance_s * a / (omega * farad)
    loop = emulator.loop(frequency_hz=frequency_hz, amplitude_v=amplitude_v)
    expected_j = 2 / 3 * FAST.per_overdrive_a_per_v2 * a * b * amplitude_v / omega
    assert loop.lobe_area_j == pytest.approx(expected_j, rel=2e-3)  # curvature of the capacitors at 1 mV
    assert np.abs(loop.current_a).max() == pytest.approx(FAST.transconductance_s * a, rel=5e-3)
    # current leads or lags in the first quarter of the period, as the bias goes
    quarter = len(loop.time_s) // 8
    rises, falls = loop.current_a[quarter], loop.current_a[3 * quarter]
    assert (rises < falls) == incremental


def test_the_ideal_loop_is_pinched_and_its_lobes_shrink_with_the_square_of_the_frequency() -> None:
    loops = [NEARLY_IDEAL.loop(frequency_hz=f, amplitude_v=5e-3) for f in (15e6, 30e6, 60e6)]
    assert max(loop.pinch_error for loop in loops) < 1e-3
    parts = [loop.lobe_part for loop in loops]
    assert parts[0] / parts[1] == pytest.approx(4.0, rel=0.02)
    assert parts[1] / parts[2] == pytest.approx(4.0, rel=0.02)


def test_the_emulator_is_pinched_to_five_percent_up_to_sixty_megahertz() -> None:
    emulator = Meminductor()
    loops = [emulator.loop(frequency_hz=f, amplitude_v=0.1) for f in (15e6, 20e6, 30e6, 45e6, 60e6)]
    assert max(loop.pinch_error for loop in loops) <= 0.05
    areas = [loop.lobe_part for loop in loops]
    assert areas == sorted(areas, reverse=True)
    assert areas[0] > 0.3
    assert areas[-1] == pytest.approx(0.023, rel=0.02)
    limit_hz = pinch_limit_hz(emulator, amplitude_v=0.1)
    assert limit_hz == pytest.approx(62.7e6, rel=0.01)
    assert emulator.loop(frequency_hz=limit_hz, amplitude_v=0.1).pinch_error == pytest.approx(0.05, rel=1e-4)


@pytest.mark.parametrize("frequency_hz", [30e6, 90e6])
def test_what_poles_and_conductances_do_to_the_pinch_is_a_sum_of_angles(frequency_hz: float) -> None:
    emulator = Meminductor()
    loop = emulator.loop(frequency_hz=frequency_hz, amplitude_v=1e-4)
    amplifier, omega_c = Transconductor(), 2 * math.pi * frequency_hz * resting_f()
    lag = 2 * frequency_hz / amplifier.pole_hz
    lead = amplifier.output_s / omega_c + omega_c / amplifier.transconductance_s / amplifier.gain
    assert loop.pinch_error == pytest.approx(lag - lead, rel=0.01)  # angles in place of their tangents


def test_the_steady_state_is_where_an_integrator_in_time_arrives() -> None:
    """All five equations at once, stepped from rest; low gains let it settle within some periods."""
    amplifier = Transconductor(pole_hz=3e8, gain=3.0)
    emulator = Meminductor(first=amplifier, second=amplifier, third=amplifier)
    frequency_hz, amplitude_v, supply_v = 25e6, 0.1, 0.9
    omega, pole = 2 * math.pi * frequency_hz, 2 * math.pi * 3e8

    def rates(time_s: float, state: np.ndarray) -> list[float]:
        psi = state[:2]
        node_v = CAPACITOR.voltage_v(psi) - supply_v
        drive_v = amplitude_v * math.cos(omega * time_s)
        wanted_a = [
            amplifier.current_a(np.float64(drive_v)),
            amplifier.current_a(node_v[0]),
            amplifier.current_a(node_v[0], node_v[1]),
        ]
        charging = (state[2:4] - amplifier.output_s * node_v) / CAPACITOR.stiffness_f(psi)
        return [*charging, *(pole * (np.array(wanted_a) - state[2:]))]

    loop = emulator.loop(frequency_hz=frequency_hz, amplitude_v=amplitude_v, points=64)
    rest = float(CAPACITOR.surface_v(supply_v))
    periods = 12
    times_s = loop.time_s[::8] + periods / frequency_hz
    stepped = solve_ivp(
        rates,
        (0.0, times_s[-1]),
        [rest, rest, 0.0, 0.0, 0.0],
        t_eval=times_s,
        rtol=1e-8,
        atol=[1e-9, 1e-9, 1e-13, 1e-13, 1e-13],
        method="DOP853",
    )
    current_a = stepped.y[4] + amplifier.output_s * loop.voltage_v[::8]
    scale_a = np.abs(loop.current_a).max()
    np.testing.assert_allclose(current_a, loop.current_a[::8], rtol=0, atol=1e-6 * scale_a)


def test_the_error_falls_exponentially_with_the_points() -> None:
    emulator = Meminductor()
    options = {"frequency_hz": 15e6, "amplitude_v": 0.1, "tolerance": 1.0}
    exact_a = emulator.loop(points=256, **options).current_a
    errors = [
        float(np.abs(emulator.loop(points=points, **options).current_a - exact_a[:: 256 // points]).max())
        for points in (8, 16, 32, 64)
    ]
    scale_a = float(np.abs(exact_a).max())
    # twice the points square the error, where a stepper of order p would gain 2^p
    assert errors[1] < errors[0] / 10
    assert errors[2] < errors[1] / 100
    assert errors[3] < 1e-9 * scale_a


def test_too_few_points_are_told_and_not_returned() -> None:
    with pytest.raises(SolverError, match="16 points"):
        Meminductor().loop(frequency_hz=15e6, amplitude_v=0.1, points=16)


def test_impossible_loops_and_parts_are_refused_by_name() -> None:
    emulator = Meminductor()
    swinging = Meminductor(second_capacitor=MosCapacitor(area_m2=80e-12))
    with pytest.raises(RangeError, match="control voltage"):
        swinging.loop(frequency_hz=15e6, amplitude_v=0.1)
    for wrong in ({"frequency_hz": math.nan}, {"amplitude_v": 0.0}, {"points": 33}, {"points": 4}):
        with pytest.raises(RangeError, match=next(iter(wrong))):
            emulator.loop(**({"frequency_hz": 30e6, "amplitude_v": 0.1} | wrong))
    with pytest.raises(RangeError, match=r"2e[+]07 to 3e[+]07 Hz"):
        pinch_limit_hz(emulator, amplitude_v=0.1, from_hz=20e6, to_hz=30e6)
    with pytest.raises(RangeError, match=r"Transconductor\.bias_v"):
        Transconductor(bias_v=0.3)
    with pytest.raises(RangeError, match=r"Transconductor\.gain"):
        Transconductor(gain=math.inf)
    with pytest.raises(RangeError, match=r"MosCapacitor\.area_m2"):
        MosCapacitor(area_m2=-1e-12)
    with pytest.raises(RangeError, match=r"Meminductor\.supply_v"):
        Meminductor(supply_v=math.nan)
    with pytest.raises(SolverError, match="gate voltage"):
        CAPACITOR.surface_v(math.nan)
