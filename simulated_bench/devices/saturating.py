"""Cell with a current limited by an access transistor, one way sooner than the other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from crosscal.core.errors import RangeError, wanted
from crosscal.simulated_bench.devices.asymmetric_kernels import saturating_law

MOST_SHIFT = 3.0  # the two currents of saturation then differ by e⁶ = 400: a diode


@dataclass(frozen=True, slots=True, kw_only=True)
class Saturating:
    """A cell with `i = G·s·(tanh(v/s + k) − tanh k)·cosh² k`: smooth, flatter than ohmic, asymmetric.

    The slope at 0 V is the nominal conductance; with the default constants the cell passes 0.81 times the
    ohmic current at 0.5 V and 1.07 times at −0.5 V. Valid for reads, |v| up to about 2·s: beyond, the current
    hardly rises any more.

    Attributes:
        scale_v: s, the onset of saturation [V].
        shift: k, how far from the middle of the curve 0 V lies; 0 is symmetric.

    Raises:
        RangeError: a scale that is not positive and finite, or a shift beyond ±3.

    Reference:
        W. R. Curtice, IEEE Trans. Microw. Theory Tech. 28 (1980) 448: the transistor's hyperbolic tangent.
    """

    scale_v: float = 1.0
    shift: float = 0.3

    def __post_init__(self) -> None:
        # Comparisons that also refuse NaN.
        if not 0.0 < self.scale_v < math.inf:
            allowed = "finite, above 0"
            raise RangeError(
                wanted(got=f"Saturating.scale_v = {self.scale_v!r}", allowed=allowed, remedy="correct it")
            )
        if not abs(self.shift) <= MOST_SHIFT:
            got, allowed = f"Saturating.shift = {self.shift!r}", f"-{MOST_SHIFT:g} to {MOST_SHIFT:g}"
            raise RangeError(wanted(got=got, allowed=allowed, remedy="correct it"))

    def evaluate(
        self, conductance_s: np.ndarray, voltage_v: np.ndarray, current_a: np.ndarray, slope_s: np.ndarray
    ) -> None:
        """See `CellLaw.evaluate`."""
        saturating_law(conductance_s, voltage_v, float(self.scale_v), float(self.shift), current_a, slope_s)

    def spice_expression(self) -> str:
        """See `netlist`."""
        scale_v, shift = float(self.scale_v), float(self.shift)
        # The same as the difference of tangents, in a form that loses no digits near 0 V.
        return f"g*{scale_v!r}*sinh(v/{scale_v!r})*cosh({shift!r})/cosh(v/{scale_v!r}+({shift!r}))"
