"""A user's law that does not keep the protocol: refused when it is loaded, with class and method."""

from __future__ import annotations

import re

import numpy as np
import pytest

from crosscal.core.errors import InputError, RangeError, SettingsError
from crosscal.simulated_bench import OneTransistor, Wires, load_settings, sensitivity, solve_dc
from crosscal.simulated_bench.building import build_bench

CELLS_S, DRIVE_V = np.full((3, 4), 5e-5), np.full(3, 0.3)
WIRES = Wires(row_ohm=2.0, column_ohm=2.0)


class Cubic:
    """A sound law: i = G·(v + v³)."""

    def evaluate(self, conductance_s, voltage_v, current_a, slope_s):
        current_a[...] = conductance_s * (voltage_v + voltage_v**3)
        slope_s[...] = conductance_s * (1 + 3 * voltage_v**2)


class Returning(Cubic):
    def evaluate(self, conductance_s, voltage_v, current_a, slope_s):  # noqa: ARG002  (that is the fault)
        return conductance_s * voltage_v, conductance_s + 0 * voltage_v


class Rebinding(Cubic):
    def evaluate(self, conductance_s, voltage_v, current_a, slope_s):
        current_a = conductance_s * voltage_v  # noqa: F841  (that is the fault)
        slope_s = conductance_s + 0 * voltage_v  # noqa: F841


class ForgottenSlope(Cubic):
    def evaluate(self, conductance_s, voltage_v, current_a, slope_s):  # noqa: ARG002  (that is the fault)
        current_a[...] = conductance_s * voltage_v


class WrongSlope(Cubic):
    def evaluate(self, conductance_s, voltage_v, current_a, slope_s):
        super().evaluate(conductance_s, voltage_v, current_a, slope_s)
        slope_s[...] = conductance_s


class ZeroSlope(Cubic):
    def evaluate(self, conductance_s, voltage_v, current_a, slope_s):
        super().evaluate(conductance_s, voltage_v, current_a, slope_s)
        slope_s[...] = 0.0


class RootOfVoltage(Cubic):
    def evaluate(self, conductance_s, voltage_v, current_a, slope_s):
        with np.errstate(invalid="ignore"):
            current_a[...] = conductance_s * np.sqrt(voltage_v)
            slope_s[...] = conductance_s / (2 * np.sqrt(voltage_v))


class OnesOwnInputs(Cubic):
    def evaluate(self, conductance_s, voltage_v, current_a, slope_s):
        super().evaluate(conductance_s, voltage_v, current_a, slope_s)
        voltage_v *= 1e3


class Noisy(Cubic):
    def evaluate(self, conductance_s, voltage_v, current_a, slope_s):
        super().evaluate(conductance_s, voltage_v, current_a, slope_s)
        current_a *= 1 + 1e-3 * np.random.default_rng().standard_normal(current_a.shape)


class ThreeArguments(Cubic):
    def evaluate(self, conductance_s, voltage_v, current_a):
        current_a[...] = conductance_s * voltage_v


class BrokenCheck(Cubic):
    def check(self, voltage_v):
        if np.abs(voltage_v).max() > 1:
            raise RangeError("beyond 1 V")


class Falling(Cubic):
    """Falls ten times faster than the wires of a board bear."""

    def evaluate(self, conductance_s, voltage_v, current_a, slope_s):
        current_a[...] = -1e4 * conductance_s * voltage_v
        slope_s[...] = -1e4 * conductance_s


BAD: dict[type[Cubic], str] = {
    Returning: r"Returning\.evaluate: got current_a not filled.*nothing returned is used",
    Rebinding: r"Rebinding\.evaluate: got current_a not filled",
    ForgottenSlope: r"ForgottenSlope\.evaluate: got slope_s not filled",
    WrongSlope: r"WrongSlope\.evaluate: got slope_s = .*the derivative of its current",
    ZeroSlope: r"ZeroSlope\.evaluate: got slope_s = 0 S",
    RootOfVoltage: r"RootOfVoltage\.evaluate: got no finite current .* v = -0\.2.*belongs into check",
    OnesOwnInputs: r"OnesOwnInputs\.evaluate: got changed conductance_s or voltage_v",
    Noisy: r"Noisy\.evaluate: got other currents when it is called again",
    ThreeArguments: r"ThreeArguments\.evaluate: got TypeError: .*positional arguments",
    BrokenCheck: r"BrokenCheck\.check: got TypeError",
}


@pytest.mark.parametrize("law", BAD)
def test_a_law_that_breaks_the_protocol_is_refused_by_the_solvers(law: type[Cubic]) -> None:
    for solve in (solve_dc, sensitivity):
        with pytest.raises(InputError, match=BAD[law]):
            solve(CELLS_S, DRIVE_V, wires=WIRES, device=law())


@pytest.mark.parametrize("law", [*BAD, Falling])
def test_a_board_refuses_it_when_it_is_switched_on(law: type[Cubic]) -> None:
    settings = load_settings("lab-16x12", device={"law": f"{__name__}:{law.__name__}"})
    words = rf"device\.law = '.*:{law.__name__}': {law.__name__}\.(evaluate|check)"
    with pytest.raises(SettingsError, match=words):
        build_bench(settings)


def test_behind_an_access_transistor_it_is_refused_too() -> None:
    with pytest.raises(InputError, match=BAD[WrongSlope]):
        solve_dc(CELLS_S, DRIVE_V, wires=WIRES, device=OneTransistor(cell=WrongSlope()))


def test_a_fall_that_the_wires_do_not_bear_is_named_with_its_limit() -> None:
    settings = load_settings("lab-16x12", device={"law": f"{__name__}:Falling"})
    limit = re.escape("so that the circuit has one solution with these wires")
    with pytest.raises(SettingsError, match=rf"Falling\.evaluate: got slope_s = -.* S at G = .*{limit}"):
        build_bench(settings)


def test_a_sound_law_is_asked_once_more_per_object_and_gives_its_currents() -> None:
    calls = []

    class Counting(Cubic):
        def evaluate(self, conductance_s, voltage_v, current_a, slope_s):
            calls.append(voltage_v.shape)
            super().evaluate(conductance_s, voltage_v, current_a, slope_s)

    law = Counting()
    solve_dc(CELLS_S, DRIVE_V, wires=Wires(), device=law)
    first = len(calls)
    current_a = solve_dc(CELLS_S, DRIVE_V, wires=Wires(), device=law).current_a
    assert len(calls) - first == first - 2  # the probe evaluates twice, and only at first
    np.testing.assert_allclose(current_a, 3 * 5e-5 * (0.3 + 0.3**3))


class Kinked(Cubic):
    """Straight lines that meet just where the probe asks: either side's slope is right."""

    def evaluate(self, conductance_s, voltage_v, current_a, slope_s):
        beyond_v = np.maximum(voltage_v - 0.07, 0.0)
        current_a[...] = conductance_s * (voltage_v + beyond_v)
        slope_s[...] = conductance_s * np.where(voltage_v >= 0.07, 2.0, 1.0)


class SinglePrecision(Cubic):
    def evaluate(self, conductance_s, voltage_v, current_a, slope_s):
        v = voltage_v.astype(np.float32)
        current_a[...] = conductance_s.astype(np.float32) * (v + v**3)
        slope_s[...] = conductance_s * (1 + 3 * v**2)


class Diode(Cubic):
    """Grows e-fold in 25 mV."""

    def evaluate(self, conductance_s, voltage_v, current_a, slope_s):
        current_a[...] = conductance_s * 0.025 * np.expm1(voltage_v / 0.025)
        slope_s[...] = conductance_s * np.exp(voltage_v / 0.025)


@pytest.mark.parametrize("law", [Cubic, Kinked, SinglePrecision, Diode])
def test_kinks_single_precision_and_steep_exponentials_are_no_faults(law: type[Cubic]) -> None:
    solve_dc(CELLS_S, np.full(3, 0.05), wires=Wires(), device=law())
