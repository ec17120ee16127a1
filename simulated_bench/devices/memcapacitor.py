"""Memcapacitor: its capacitance moves under voltages beyond a threshold, and stays."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from crosscal.core.errors import RangeError, wanted
from crosscal.core.validation import real_array


@dataclass(frozen=True, slots=True, kw_only=True)
class MemcapacitorLoop:
    """One period of a driven memcapacitor, in the steady state; all (T,).

    Attributes:
        time_s: from 0 to a period [s].
        voltage_v: across the device [V].
        charge_c: on it [C]; 0 wherever the voltage is, so that the loop is pinched.
        capacitance_f: its state [F].
    """

    time_s: np.ndarray
    voltage_v: np.ndarray
    charge_c: np.ndarray
    capacitance_f: np.ndarray

    @property
    def energy_j(self) -> np.ndarray:
        """Energy that has gone in through the terminals since the beginning, ∫v dq [J], (T,)."""
        return work_j(self.voltage_v, self.charge_c)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memcapacitor:
    """Voltage-controlled, with a threshold: `q = C·v`, `dC/dt = β·(v − clip(v, −v_t, v_t))` within limits.

    The capacitance itself is the state. At or below the threshold it stands still, so that reads within it
    disturb nothing. Valid while the dielectric is far from breakdown, some 3 V for the defaults.

    The default limits are 24 pF apart and are crossed by pulses of 3 V, as Yadav et al. measured on a HfZrO
    capacitor that kept eight and more states for 1e5 s. The lower limit, the threshold and the rate
    are assumptions: such figures hold for one device and one area, so give those of yours.

    A model of terminals, not of a passive device: over a cycle it takes up `∮v dq = ½∮v² dC`, and no energy
    is kept in the state. Symmetric sines take nothing; a cycle that raises C at a low voltage and lowers it
    at a high one gives energy out, every time (−55 pJ for the defaults, up at +2.1 V and down at −3 V), which
    no passive device does. `energy_j` of a loop and `work_j` of any drive tell how much. Do not conclude
    from this model to the energy of programming.

    Attributes:
        minimum_f, maximum_f: limits of the capacitance [F].
        threshold_v: v_t, largest magnitude that changes nothing [V].
        rate_f_per_vs: β, farads per second and volt beyond the threshold.

    Raises:
        RangeError: limits or constants that are not positive, finite and in order.

    Reference:
        M. Di Ventra, Y. V. Pershin and L. O. Chua, Proc. IEEE 97 (2009) 1717, eqs. of voltage-controlled
        memcapacitive systems. M. Di Ventra and Y. V. Pershin, Nanotechnology 24 (2013) 255201: response
        models that are not passive. D. Biolek, M. Di Ventra and Y. V. Pershin, Radioengineering 22 (2013)
        945, the threshold law. D. Yadav et al., arXiv:2511.09838 (2025), the range. Arrays of 156 such cells
        with 6–8 bits: K.-U. Demasius, A. Kirschen and S. Parkin, Nature Electronics 4 (2021) 748.
    """

    minimum_f: float = 6e-12
    maximum_f: float = 30e-12
    threshold_v: float = 2.0
    rate_f_per_vs: float = 24e-6

    def __post_init__(self) -> None:
        for name in ("minimum_f", "maximum_f", "threshold_v", "rate_f_per_vs"):
            value = getattr(self, name)
            if not 0.0 < value < math.inf:
                _refuse(f"Memcapacitor.{name} = {value!r}", "finite, above 0", "correct it")
        if self.minimum_f >= self.maximum_f:
            got = f"Memcapacitor.minimum_f = {self.minimum_f:g} F"
            _refuse(got, f"below maximum_f ({self.maximum_f:g} F)", "correct either")

    def charge_c(
        self, capacitance_f: np.ndarray | float, voltage_v: np.ndarray | float
    ) -> np.ndarray | float:
        """Return the charge on devices of known state [C]; shapes broadcast.

        Raises:
            RangeError: a capacitance beyond the limits; the message names the place.
        """
        self._require_state(capacitance_f)
        return np.multiply(capacitance_f, voltage_v)

    def after(
        self,
        capacitance_f: np.ndarray | float,
        voltage_v: np.ndarray | float,
        duration_s: np.ndarray | float,
    ) -> np.ndarray:
        """Compute the state after a constant voltage, exactly [F]; shapes broadcast.

        Args:
            capacitance_f: state before [F].
            voltage_v: across the device [V].
            duration_s: for how long [s].

        Raises:
            RangeError: a state beyond the limits, or a duration below 0.
        """
        self._require_state(capacitance_f)
        if not (real_array(duration_s, "durations") >= 0).all():
            _refuse("a negative duration_s", "0 or more", "time goes forward")
        moved_f = self.rate_f_per_s(voltage_v) * duration_s
        return np.clip(capacitance_f + moved_f, self.minimum_f, self.maximum_f)

    def rate_f_per_s(self, voltage_v: np.ndarray | float) -> np.ndarray:
        """Return the rate of change of the state away from its limits [F/s]; 0 within the threshold."""
        voltage_v = real_array(voltage_v, "voltages")
        beyond_v = voltage_v - np.clip(voltage_v, -self.threshold_v, self.threshold_v)
        return np.asarray(self.rate_f_per_vs * beyond_v)

    def pulse_s(
        self, capacitance_f: np.ndarray | float, target_f: np.ndarray | float, *, amplitude_v: float
    ) -> np.ndarray:
        """Compute the width of the pulse that moves each device onto its target [s].

        The pulse is of `+amplitude_v` where the target is above the present state, `−amplitude_v` elsewhere.

        Raises:
            RangeError: a state or target beyond the limits, or an amplitude within the threshold.
        """
        self._require_state(capacitance_f)
        self._require_state(target_f, name="target_f")
        if not self.threshold_v < amplitude_v < math.inf:
            _refuse(
                f"amplitude_v = {amplitude_v!r} V", f"above {self.threshold_v:g} V", "use a stronger pulse"
            )
        distance_f = np.abs(np.subtract(target_f, capacitance_f))
        return distance_f / (self.rate_f_per_vs * (amplitude_v - self.threshold_v))

    def loop(self, *, amplitude_v: float, frequency_hz: float, points: int = 1001) -> MemcapacitorLoop:
        """Compute the charge–voltage loop under a sine, starting at the lower limit, in closed form.

        Under `A·sin(2πft)` the capacitance rises in the positive half and comes back in the negative one. The
        faster the sine, the less it moves: far above `β·A / (maximum − minimum)` the loop shrinks to a line.

        Args:
            amplitude_v: A, beyond the threshold, or nothing would move [V].
            frequency_hz: f [Hz].
            points: instants of the period.

        Raises:
            RangeError: an amplitude within the threshold, a frequency not above 0, fewer than 3 points.
        """
        if not self.threshold_v < amplitude_v < math.inf:
            _refuse(f"amplitude_v = {amplitude_v!r} V", f"above {self.threshold_v:g} V", "drive it harder")
        if not 0.0 < frequency_hz < math.inf:
            _refuse(f"frequency_hz = {frequency_hz!r}", "finite, above 0", "correct it")
        if points < 3:
            _refuse(f"points = {points}", "3 or more", "ask for more instants")
        angle = np.linspace(0.0, 2 * np.pi, points)
        onset = math.asin(self.threshold_v / amplitude_v)
        within = np.clip(np.where(angle <= np.pi, angle, angle - np.pi), onset, np.pi - onset)
        # ∫ (A sin a − v_t) da from the onset
        moved_v = amplitude_v * (math.cos(onset) - np.cos(within)) - self.threshold_v * (within - onset)
        moved_f = np.minimum(
            self.rate_f_per_vs * moved_v / (2 * np.pi * frequency_hz), self.maximum_f - self.minimum_f
        )
        top_f = min(self._swing_f(amplitude_v, onset, frequency_hz), self.maximum_f - self.minimum_f)
        capacitance_f = self.minimum_f + np.where(angle <= np.pi, moved_f, np.maximum(top_f - moved_f, 0.0))
        voltage_v = amplitude_v * np.sin(angle)
        return MemcapacitorLoop(
            time_s=angle / (2 * np.pi * frequency_hz),
            voltage_v=voltage_v,
            charge_c=capacitance_f * voltage_v,
            capacitance_f=capacitance_f,
        )

    def _swing_f(self, amplitude_v: float, onset: float, frequency_hz: float) -> float:
        moved_v = 2 * amplitude_v * math.cos(onset) - self.threshold_v * (math.pi - 2 * onset)
        return self.rate_f_per_vs * moved_v / (2 * math.pi * frequency_hz)

    def _require_state(self, value: np.ndarray | float, *, name: str = "capacitance_f") -> None:
        state_f = real_array(value, name)
        outside = ~((state_f >= self.minimum_f) & (state_f <= self.maximum_f))
        if outside.any():
            place = tuple(int(k) for k in np.argwhere(outside)[0])
            where = f"{name}{list(place)}" if place else name
            _refuse(
                f"{where} = {state_f[place]:g} F",
                f"{self.minimum_f:g} to {self.maximum_f:g} F",
                "stay within the device's limits",
            )


def work_j(voltage_v: np.ndarray, charge_c: np.ndarray) -> np.ndarray:
    """Integrate the energy that goes into any capacitor along a drive, ∫v dq [J], by trapezoids.

    Args:
        voltage_v: across it [V], (T,).
        charge_c: on it [C], (T,).

    Returns:
        Energy since the first instant, (T,).
    """
    middle_v = 0.5 * (voltage_v[1:] + voltage_v[:-1])
    return np.concatenate([[0.0], np.cumsum(middle_v * np.diff(charge_c))])


def _refuse(got: str, allowed: str, remedy: str) -> None:
    raise RangeError(wanted(got=got, allowed=allowed, remedy=remedy))
