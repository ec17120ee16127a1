"""Hyperbolic-sine cell of a filamentary memristor, read below its switching threshold."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from crosscal.core.errors import RangeError, wanted
from crosscal.simulated_bench.devices.law_kernels import sinh_law


@dataclass(frozen=True, slots=True, kw_only=True)
class Sinh:
    """A cell with `i = a·G·sinh(b·v)` and constants of its own for each polarity.

    The current is continuous at v = 0; the slope jumps there (0.927 G to 1.148 G with the default constants).
    Valid for reads, |v| up to about 0.5 V, where the cell's state does not move.

    Attributes:
        a_pos, a_neg: prefactor for v > 0 and for v ≤ 0.
        b_pos, b_neg: steepness for v > 0 and for v ≤ 0 [1/V].

    Raises:
        RangeError: a constant is not a positive finite number.

    Reference:
        Messaris et al., "A Data-Driven Verilog-A ReRAM Model", IEEE TCAD 37 (2018) 3151: the form of the law.
    """

    a_pos: float = 0.225
    b_pos: float = 4.12
    a_neg: float = 0.2801
    b_neg: float = 4.10

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value > 0):
                raise RangeError(
                    wanted(
                        got=f"Sinh.{field.name} = {value!r}", allowed="finite, above 0", remedy="correct it"
                    )
                )

    def evaluate(
        self, conductance_s: np.ndarray, voltage_v: np.ndarray, current_a: np.ndarray, slope_s: np.ndarray
    ) -> None:
        """See `CellLaw.evaluate`."""
        parameters = (float(self.a_pos), float(self.b_pos), float(self.a_neg), float(self.b_neg))
        sinh_law(conductance_s, voltage_v, parameters, current_a, slope_s)

    def spice_expression(self) -> str:
        """See `netlist`."""
        a_pos, b_pos, a_neg, b_neg = (float(getattr(self, field.name)) for field in fields(self))
        return f"v > 0 ? {a_pos!r}*g*sinh({b_pos!r}*v) : {a_neg!r}*g*sinh({b_neg!r}*v)"
