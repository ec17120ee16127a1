"""Charge amplifiers below the columns of a memcapacitive crossbar."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from crosscal.core.errors import RangeError, wanted
from crosscal.core.physical_constants import BOLTZMANN_J_PER_K, ZERO_CELSIUS_K


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeAmplifier:
    """An inverting integrator per column: virtual ground, feedback capacitor, reset switch, converter.

    While the switch is closed the rows are at 0 V and the feedback capacitor is empty. It opens, the rows
    step to their voltages, and `window_s` later the output is converted; an ideal amplifier then shows
    `−Q / feedback_f`. It is taken as fast relative to the window: the array settles slowly.
    The defaults are an ideal amplifier.

    Attributes:
        feedback_f: nominal feedback capacitor [F]; turns readings into charges.
        window_s: from the step of the rows to the conversion [s].
        gain: open-loop gain; `math.inf` is ideal.
        feedback_relative: scatter of the feedback capacitors, rms, relative.
        offset_v: scatter of the input offsets, rms [V].
        noise_v: input noise of the amplifier in its bandwidth, rms [V].
        temperature_c: of the reset switch, whose noise stays on the feedback capacitor [°C]; None: no noise.
        adc_bits: width of the converter; None does not round.
        adc_full_scale_v: largest magnitude that it converts [V].

    Raises:
        RangeError: a value that is not finite, or outside its limits; the message names it.

    Reference:
        C. C. Enz and G. C. Temes, Proc. IEEE 84 (1996) 1584: reset noise kT/C, offset and finite gain of
        switched-capacitor circuits.
    """

    feedback_f: float
    window_s: float
    gain: float = math.inf
    feedback_relative: float = 0.0
    offset_v: float = 0.0
    noise_v: float = 0.0
    temperature_c: float | None = None
    adc_bits: int | None = None
    adc_full_scale_v: float = math.inf

    def __post_init__(self) -> None:
        for name, least in (("feedback_f", 0.0), ("window_s", 0.0), ("gain", 1.0), ("adc_full_scale_v", 0.0)):
            value = getattr(self, name)
            finite = name in ("feedback_f", "window_s")
            if not (value > least and (math.isfinite(value) or not finite)):
                _refuse(name, value, f"{'finite, ' if finite else ''}above {least:g}")
        for name in ("feedback_relative", "offset_v", "noise_v"):
            if not 0.0 <= getattr(self, name) < math.inf:
                _refuse(name, getattr(self, name), "finite, 0 or more")
        if self.temperature_c is not None and not -ZERO_CELSIUS_K <= self.temperature_c < math.inf:
            _refuse("temperature_c", self.temperature_c, f"finite, at least {-ZERO_CELSIUS_K:g}, or None")
        if self.adc_bits is not None:
            if not 2 <= self.adc_bits <= 48:
                _refuse("adc_bits", self.adc_bits, "2 to 48, or None")
            if math.isinf(self.adc_full_scale_v):
                _refuse("adc_full_scale_v", self.adc_full_scale_v, "finite, since adc_bits is given")

    @property
    def per_gain(self) -> float:
        """1 / gain, exactly 0 for an ideal amplifier."""
        return 1.0 / self.gain

    @property
    def reset_noise_v(self) -> float:
        """Rms noise that the reset leaves at the output, √(kT / feedback_f) [V]."""
        if self.temperature_c is None:
            return 0.0
        thermal_j = BOLTZMANN_J_PER_K * (self.temperature_c + ZERO_CELSIUS_K)
        return math.sqrt(thermal_j / self.feedback_f)

    @property
    def step_v(self) -> float:
        """One step of the converter [V]; 0 where it does not round."""
        return 0.0 if self.adc_bits is None else 2.0 * self.adc_full_scale_v / 2**self.adc_bits

    def convert(self, output_v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Convert outputs.

        Args:
            output_v: at the amplifiers [V], any shape.

        Returns:
            Readings [V], of the same shape, and where the converter was past its last code, where the reading
            is the signed full scale.
        """
        reading_v = np.rint(output_v / self.step_v) * self.step_v if self.step_v else output_v.copy()
        over = np.abs(reading_v) > self.adc_full_scale_v - self.step_v
        reading_v[over] = np.copysign(self.adc_full_scale_v, reading_v[over])
        return reading_v, over


def _refuse(name: str, value: object, allowed: str) -> None:
    got = f"ChargeAmplifier.{name} = {value!r}"
    raise RangeError(wanted(got=got, allowed=allowed, remedy="correct it"))
