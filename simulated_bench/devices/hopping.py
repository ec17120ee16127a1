"""Cell that conducts by hops over barriers, lowered by the field one way and raised the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.errors import RangeError, wanted
from crosscal.simulated_bench.devices.asymmetric_kernels import hopping_law


@dataclass(frozen=True, slots=True, kw_only=True)
class Hopping:
    """A cell with `i = G·s·(exp(α·v/s) − exp(−(1−α)·v/s))`: smooth, steeper than ohmic, asymmetric.

    The slope at 0 V is the nominal conductance; with the default constants the cell passes 1.65 times the
    ohmic current at 0.5 V and 1.00 times at −0.5 V. Valid for reads, |v| up to about 1 V, where the cell's
    state does not move; the exponentials leave the range of doubles beyond some 700·s.

    Attributes:
        scale_v: s, the voltage over which the current grows e-fold [V].
        forward_share: α, the part of the voltage that helps a forward hop; 0.5 is symmetric.

    Raises:
        RangeError: a scale that is not positive and finite, or a share not within 0 to 1.

    Reference:
        N. F. Mott and R. W. Gurney, "Electronic Processes in Ionic Crystals", Oxford (1940): hops over
        barriers in a field. T. Erdey-Grúz and M. Volmer, Z. phys. Chem. 150A (1930) 203: the unequal shares.
    """

    scale_v: float = 0.2
    forward_share: float = 0.6

    def __post_init__(self) -> None:
        # Comparisons that also refuse NaN.
        if not 0.0 < self.scale_v < np.inf:
            allowed = "finite, above 0"
            raise RangeError(
                wanted(got=f"Hopping.scale_v = {self.scale_v!r}", allowed=allowed, remedy="correct it")
            )
        if not 0.0 < self.forward_share < 1.0:
            got = f"Hopping.forward_share = {self.forward_share!r}"
            raise RangeError(wanted(got=got, allowed="above 0, below 1", remedy="correct it"))

    def evaluate(
        self, conductance_s: np.ndarray, voltage_v: np.ndarray, current_a: np.ndarray, slope_s: np.ndarray
    ) -> None:
        """See `CellLaw.evaluate`."""
        scale_v, share = float(self.scale_v), float(self.forward_share)
        hopping_law(conductance_s, voltage_v, scale_v, share, current_a, slope_s)

    def spice_expression(self) -> str:
        """See `netlist`."""
        scale_v, share = float(self.scale_v), float(self.forward_share)
        return f"g*{scale_v!r}*(exp({share!r}*v/{scale_v!r})-exp({share - 1.0!r}*v/{scale_v!r}))"
