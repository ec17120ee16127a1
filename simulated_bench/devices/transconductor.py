"""Operational transconductance amplifier with its transconductance set by a bias voltage."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from crosscal.core.errors import RangeError, wanted
from crosscal.core.validation import real_array


@dataclass(frozen=True, slots=True, kw_only=True)
class Transconductor:
    """A differential pair over a square-law tail: `i = I_B·tanh(g_m·v / I_B)`, one pole, finite gain.

    The tail carries `I_B = ½ K_t o²` at an overdrive `o = bias − threshold`; the pair makes
    `g_m = √(K_p I_B) = √(K_p K_t / 2)·o` of it: linear in the bias, so that it multiplies two voltages.
    The hyperbolic tangent has the slope and the two limits of the pair; between them a square-law pair bends
    a little later. Valid for an overdrive above 0, the tail transistor in saturation.

    Attributes:
        bias_v: of the tail's gate against the negative supply [V].
        threshold_v: of the tail transistor [V].
        pair_a_per_v2: K_p [A/V²].
        tail_a_per_v2: K_t [A/V²].
        pole_hz: bandwidth of the transconductance [Hz].
        gain: g_m over the output's conductance.

    Raises:
        RangeError: a constant that is not positive and finite, or a bias not above the threshold.

    Reference:
        E. Sánchez-Sinencio and J. Silva-Martínez, IEE Proc. Circuits Devices Syst. 147 (2000) 3, tutorial.
    """

    bias_v: float = 0.9
    threshold_v: float = 0.4
    pair_a_per_v2: float = 1e-3
    tail_a_per_v2: float = 1e-3
    pole_hz: float = 2.2e9
    gain: float = 300.0

    def __post_init__(self) -> None:
        for name in ("pair_a_per_v2", "tail_a_per_v2", "pole_hz", "gain"):
            if not 0.0 < getattr(self, name) < math.inf:
                _refuse(name, getattr(self, name), "finite, above 0")
        if not (math.isfinite(self.threshold_v) and self.threshold_v < self.bias_v < math.inf):
            _refuse("bias_v", self.bias_v, f"finite, above threshold_v ({self.threshold_v:g} V)")

    @property
    def overdrive_v(self) -> float:
        """Of the tail transistor at the resting bias [V]."""
        return self.bias_v - self.threshold_v

    @property
    def per_overdrive_a_per_v2(self) -> float:
        """Transconductance per volt of overdrive [A/V²]."""
        return math.sqrt(self.pair_a_per_v2 * self.tail_a_per_v2 / 2)

    @property
    def transconductance_s(self) -> float:
        """g_m at the resting bias [S]."""
        return self.per_overdrive_a_per_v2 * self.overdrive_v

    @property
    def output_s(self) -> float:
        """Conductance of the output at the resting bias [S]."""
        return self.transconductance_s / self.gain

    def current_a(self, input_v: np.ndarray, control_v: np.ndarray | float = 0.0) -> np.ndarray:
        """Return the output current at rest, before the pole [A].

        Args:
            input_v: differential input [V].
            control_v: added to the bias [V].

        Raises:
            RangeError: the bias falls to the threshold, where the square law ends.
        """
        overdrive_v = self.overdrive_v + real_array(control_v, "control voltages")
        if not (overdrive_v > 0).all():
            got = f"a control voltage of {np.min(control_v):g} V"
            remedy = "lower the drive, raise the frequency or enlarge the second capacitor"
            raise RangeError(wanted(got=got, allowed=f"above {-self.overdrive_v:g} V", remedy=remedy))
        tail_a = 0.5 * self.tail_a_per_v2 * overdrive_v**2
        return tail_a * np.tanh(
            self.per_overdrive_a_per_v2 * overdrive_v * real_array(input_v, "input voltages") / tail_a
        )


def _refuse(name: str, value: float, allowed: str) -> None:
    got = f"Transconductor.{name} = {value!r}"
    raise RangeError(wanted(got=got, allowed=allowed, remedy="correct it"))
