"""Which coefficients a cell law has."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from crosscal.core.errors import InputError, wanted
from crosscal.training.belief_circuit import BelievedLaw

MOST_DEGREES, MOST_ORDER, MOST_BENDS = 3, 6, 2
"""As many as the network has that stands for the circuit in a calibrator's file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LawForm:
    """Which coefficients a law has.

    Attributes:
        degrees: powers of the scaled conductance, from 0.
        order: powers of the cell voltage, from 1.
        bends: powers of the negative part of the cell voltage, from 1.
    """

    degrees: int
    order: int
    bends: int

    def __post_init__(self) -> None:
        most = (MOST_DEGREES, MOST_ORDER, MOST_BENDS)
        if not (1 <= self.degrees <= most[0] and 1 <= self.order <= most[1] and 0 <= self.bends <= most[2]):
            raise InputError(
                wanted(
                    got=f"{self.degrees} × {self.order} coefficients and {self.bends} for a bend",
                    allowed=f"1 × 1 to {most[0]} × {most[1]}, and 0 to {most[2]}",
                    remedy="fit fewer",
                )
            )

    @classmethod
    def of(cls, law: BelievedLaw) -> LawForm:
        """Which coefficients `law` has."""
        degrees, order = law.coefficients.shape
        return cls(degrees=degrees, order=order, bends=law.kink.size)

    def applied(self, law: BelievedLaw) -> BelievedLaw:
        """Return `law` with these coefficients: those it had, zero for new ones."""
        coefficients, kink = np.zeros((self.degrees, self.order)), np.zeros(self.bends)
        q, p = (min(a, b) for a, b in zip(law.coefficients.shape, coefficients.shape, strict=True))
        coefficients[:q, :p] = law.coefficients[:q, :p]
        kink[: min(self.bends, law.kink.size)] = law.kink[: self.bends]
        return replace(law, coefficients=coefficients, kink=kink)
