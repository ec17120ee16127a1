"""Energy through the terminals of capacitors: what is conserved, and what no passive device would give."""

from __future__ import annotations

import numpy as np
import pytest

from crosscal.simulated_bench import Memcapacitor, MosCapacitor
from crosscal.simulated_bench.devices.memcapacitor import work_j

DEVICE = Memcapacitor()


def closed_drive_v(seed: int, largest_v: float) -> np.ndarray:
    """Make a random drive that ends where it began, in small steps."""
    corners_v = np.random.default_rng(seed).uniform(-largest_v, largest_v, 12)
    corners_v[-1] = corners_v[0]
    return np.interp(np.linspace(0, 11, 40_001), np.arange(12), corners_v)


@pytest.mark.parametrize("seed", range(5))
def test_a_mos_capacitor_gives_back_what_it_took(seed: int) -> None:
    device = MosCapacitor(area_m2=1e-10)
    surface_v = closed_drive_v(seed, 0.8)
    energy_j = work_j(device.voltage_v(surface_v), device.charge_c(surface_v))
    assert abs(energy_j[-1]) < 1e-6 * np.ptp(energy_j)


@pytest.mark.parametrize("seed", range(5))
def test_a_memcapacitor_below_its_threshold_gives_back_what_it_took(seed: int) -> None:
    voltage_v = closed_drive_v(seed, DEVICE.threshold_v)
    energy_j = work_j(voltage_v, DEVICE.charge_c(10e-12, voltage_v))
    np.testing.assert_allclose(energy_j, 0.5 * 10e-12 * (voltage_v**2 - voltage_v[0] ** 2), atol=1e-20)


def test_a_symmetric_sine_takes_nothing_in_a_period() -> None:
    loop = DEVICE.loop(amplitude_v=3.0, frequency_hz=5e6, points=40_001)
    assert abs(loop.energy_j[-1]) < 1e-4 * np.ptp(loop.energy_j)


def test_a_crooked_cycle_gives_out_the_energy_that_the_docs_warn_of() -> None:
    """Up at +2.1 V and down at −3 V: ½ (2.1² − 3²) ΔC, −55 pJ for the defaults."""
    state_f = [DEVICE.minimum_f, DEVICE.minimum_f]
    voltage_v, step_s = [0.0, 2.1], 2e-8
    while state_f[-1] < DEVICE.maximum_f:
        state_f.append(float(DEVICE.after(state_f[-1], 2.1, step_s)))
        voltage_v.append(2.1)
    state_f += [DEVICE.maximum_f, DEVICE.maximum_f]
    voltage_v += [0.0, -3.0]
    while state_f[-1] > DEVICE.minimum_f:
        state_f.append(float(DEVICE.after(state_f[-1], -3.0, step_s)))
        voltage_v.append(-3.0)
    state_f.append(DEVICE.minimum_f)
    voltage_v.append(0.0)
    drive_v, charge_c = np.array(voltage_v), np.array(state_f) * np.array(voltage_v)
    change_f = DEVICE.maximum_f - DEVICE.minimum_f
    expected_j = 0.5 * (2.1**2 - 3.0**2) * change_f
    assert expected_j == pytest.approx(-55e-12, rel=0.01)
    assert work_j(drive_v, charge_c)[-1] == pytest.approx(expected_j, rel=1e-6)
