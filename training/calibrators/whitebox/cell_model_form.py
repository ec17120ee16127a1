"""Form of a cell model: the numbers of its coefficients."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from crosscal.core.errors import InputError, wanted
from crosscal.training.calibrators.whitebox.circuit_model import CellModel

MAX_CONDUCTANCE_TERMS, MAX_VOLTAGE_TERMS, MAX_KINK_TERMS = 3, 6, 2
"""As many as the network has that stands for the circuit in a calibrator's file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellModelForm:
    """Numbers of coefficients of a cell model.

    Attributes:
        conductance_terms: powers of the scaled conductance, from 0.
        voltage_terms: powers of the cell voltage, from 1.
        kink_terms: powers of the negative part of the cell voltage, from 1.
    """

    conductance_terms: int
    voltage_terms: int
    kink_terms: int

    def __post_init__(self) -> None:
        most = (MAX_CONDUCTANCE_TERMS, MAX_VOLTAGE_TERMS, MAX_KINK_TERMS)
        if not (
            1 <= self.conductance_terms <= most[0]
            and 1 <= self.voltage_terms <= most[1]
            and 0 <= self.kink_terms <= most[2]
        ):
            raise InputError(
                wanted(
                    got=f"{self.conductance_terms} × {self.voltage_terms} and {self.kink_terms} coefficients",
                    allowed=f"1 × 1 to {most[0]} × {most[1]}, and 0 to {most[2]}",
                    remedy="fit fewer",
                )
            )

    @classmethod
    def of(cls, law: CellModel) -> CellModelForm:
        """Find the form of `law`."""
        conductance_terms, voltage_terms = law.coefficients.shape
        return cls(conductance_terms=conductance_terms, voltage_terms=voltage_terms, kink_terms=law.kink.size)

    def applied(self, law: CellModel) -> CellModel:
        """Return `law` with these coefficients: those it had, zero for new ones."""
        coefficients, kink = np.zeros((self.conductance_terms, self.voltage_terms)), np.zeros(self.kink_terms)
        q, p = (min(a, b) for a, b in zip(law.coefficients.shape, coefficients.shape, strict=True))
        coefficients[:q, :p] = law.coefficients[:q, :p]
        kink[: min(self.kink_terms, law.kink.size)] = law.kink[: self.kink_terms]
        return replace(law, coefficients=coefficients, kink=kink)
