"""Filamentary memristor with its state, moved by voltage pulses."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from crosscal.core.errors import RangeError, ShapeError, wanted
from crosscal.core.validation import real_array
from crosscal.simulated_bench.devices.law_kernels import sinh_law
from crosscal.simulated_bench.devices.memristor_kernels import rates, steps
from crosscal.simulated_bench.devices.sinh import Sinh

SIGNS = {"set_rate_per_ohm_s": -1, "reset_bound_ohm": 0}
"""Constants that are not positive: the set pulls the resistance down; the reset's line starts below zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memristor:
    """A cell with its resistance R as state: read below 0.5 V, moved by pulses above.

    Current: `i = a/R·sinh(b·v)` with constants of its own for each polarity; the nominal conductance is 1/R.
    State: a positive voltage pulls R up to `rp(v) = rp0 + rp1·v` (reset), a negative one down to
    `rn(v) = rn0 + rn1·v` (set), by `dR/dt = s·(r − R)²` with `s = A·(exp(|v|/t) − 1)`. Nothing moves while
    |v| ≤ 0.5 V, and nothing where R already lies beyond the bound. Under constant voltage that has an exact
    solution; `step` uses it, so steps may be of any length.

    As a `CellLaw` it is the cell at rest: the state comes in as conductance and does not move.

    Valid where the set's bound is above 0 Ω: voltages above −rn0/rn1, −5.31 V with the default constants.
    With these a reset at 1.5 V ends at 41.7 kΩ and a set at −2 V at 25.8 kΩ.

    Attributes:
        reset_rate_per_ohm_s, set_rate_per_ohm_s: A, how fast R rises and (negative) falls [1/(Ω·s)].
        reset_scale_v, set_scale_v: t, the voltage of an e-fold growth of that [V].
        reset_bound_ohm, reset_bound_ohm_per_v: rp0 and rp1, the line of resistances that a reset ends at.
        set_bound_ohm, set_bound_ohm_per_v: rn0 and rn1, the same of a set.
        threshold_v: largest magnitude of a voltage that only reads [V].
        initial_ohm: R of a new cell [Ω].
        a_pos, b_pos, a_neg, b_neg: of the current, for v > 0 and v ≤ 0; b in 1/V.

    Raises:
        RangeError: a constant is not finite or has the wrong sign.

    Reference:
        I. Messaris et al., "A Data-Driven Verilog-A ReRAM Model", IEEE TCAD 37 (2018) 3151: window and
        switching functions; this is its relative with a squared window. `memristor.va`, beside this
        file, says the same in Verilog-A.
    """

    reset_rate_per_ohm_s: float = 0.12340
    reset_scale_v: float = 2.74111
    reset_bound_ohm: float = -40928.13784
    reset_bound_ohm_per_v: float = 55117.97865
    set_rate_per_ohm_s: float = -0.33000
    set_scale_v: float = 2.59685
    set_bound_ohm: float = 41366.35820
    set_bound_ohm_per_v: float = 7789.66771
    threshold_v: float = 0.5
    initial_ohm: float = 40000.0
    a_pos: float = 0.225
    b_pos: float = 4.12
    a_neg: float = 0.2801
    b_neg: float = 4.10

    def __post_init__(self) -> None:
        for field in fields(self):
            value, sign = getattr(self, field.name), SIGNS.get(field.name, 1)
            if not (math.isfinite(value) and (sign == 0 or value * sign > 0)):
                allowed = {1: "finite, above 0", 0: "finite", -1: "finite, below 0"}[sign]
                got = f"Memristor.{field.name} = {value!r}"
                raise RangeError(wanted(got=got, allowed=allowed, remedy="correct it"))

    @property
    def lowest_v(self) -> float:
        """Voltage at which the set's bound reaches 0 Ω; only voltages above it are valid [V]."""
        return -self.set_bound_ohm / self.set_bound_ohm_per_v

    def evaluate(
        self, conductance_s: np.ndarray, voltage_v: np.ndarray, current_a: np.ndarray, slope_s: np.ndarray
    ) -> None:
        """See `CellLaw.evaluate`; the state stays."""
        parameters = (float(self.a_pos), float(self.b_pos), float(self.a_neg), float(self.b_neg))
        sinh_law(conductance_s, voltage_v, parameters, current_a, slope_s)

    def spice_expression(self) -> str:
        """See `netlist`; the state stays."""
        return Sinh(a_pos=self.a_pos, b_pos=self.b_pos, a_neg=self.a_neg, b_neg=self.b_neg).spice_expression()

    def check(self, conductance_s: np.ndarray, voltage_v: np.ndarray) -> None:
        """Refuse a solution with a cell below the lowest voltage that its set is made for.

        Args:
            conductance_s: nominal conductance [S], (N, M).
            voltage_v: from row to column [V], (B, N, M).

        Raises:
            RangeError: the message names the cell.
        """
        del conductance_s  # the range is the same for all cells
        beyond = np.argwhere(~(voltage_v > self.lowest_v))
        if len(beyond):
            b, i, j = (int(k) for k in beyond[0])
            got = f"{voltage_v[b, i, j]:.4g} V across cell [{i}, {j}], vector {b}"
            allowed = f"above {self.lowest_v:.4g} V, where the set's bound is 0 Ω"
            raise RangeError(wanted(got=got, allowed=allowed, remedy="lower the drive"))

    def current(self, resistance_ohm: np.ndarray | float, voltage_v: np.ndarray | float) -> np.ndarray:
        """Return the current of cells in given states [A].

        Args:
            resistance_ohm: their states [Ω], any shape.
            voltage_v: across them [V], any shape that broadcasts with it.

        Raises:
            RangeError: a state or a voltage outside the valid range; the message names its place.
            ShapeError: shapes that do not broadcast.
        """
        resistance_ohm, voltage_v, _ = self._checked(resistance_ohm, voltage_v, 0.0)
        rises = voltage_v > 0
        scale, rate = np.where(rises, self.a_pos, self.a_neg), np.where(rises, self.b_pos, self.b_neg)
        return scale / resistance_ohm * np.sinh(rate * voltage_v)

    def rate_ohm_per_s(self, resistance_ohm: np.ndarray | float, voltage_v: np.ndarray | float) -> np.ndarray:
        """Return the rate of change of the states [Ω/s]; arguments and errors as in `current`."""
        resistance_ohm, voltage_v, _ = self._checked(resistance_ohm, voltage_v, 0.0)
        rate = np.empty(resistance_ohm.shape)
        flat = resistance_ohm.reshape(-1), voltage_v.reshape(-1)
        rates(*flat, float(self.threshold_v), *self._polarities, rate.reshape(-1))
        return rate

    def step(
        self,
        resistance_ohm: np.ndarray | float,
        voltage_v: np.ndarray | float,
        dt_s: np.ndarray | float,
    ) -> np.ndarray:
        """Compute the states after a pulse of constant voltage, exactly for any length.

        Args:
            resistance_ohm: states before [Ω], any shape, such as (N, M).
            voltage_v: across each cell during the pulse [V], broadcast with it.
            dt_s: width of the pulse [s], 0 or more, broadcast too.

        Returns:
            States [Ω], of the broadcast shape; the arguments stay as they are.

        Raises:
            RangeError: a state, voltage or width outside the valid range; the message names its place.
            ShapeError: shapes that do not broadcast.
        """
        resistance_ohm, voltage_v, dt_s = self._checked(resistance_ohm, voltage_v, dt_s)
        after_ohm = np.empty(resistance_ohm.shape)
        flat = resistance_ohm.reshape(-1), voltage_v.reshape(-1), dt_s.reshape(-1)
        steps(*flat, float(self.threshold_v), *self._polarities, after_ohm.reshape(-1))
        return after_ohm

    @property
    def _polarities(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        positive = (
            self.reset_rate_per_ohm_s,
            self.reset_scale_v,
            self.reset_bound_ohm,
            self.reset_bound_ohm_per_v,
        )
        negative = self.set_rate_per_ohm_s, self.set_scale_v, self.set_bound_ohm, self.set_bound_ohm_per_v
        return tuple(map(float, positive)), tuple(map(float, negative))

    def _checked(self, *values: np.ndarray | float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Broadcast resistances, voltages and durations to one shape, each element within its range."""
        names = "resistances", "voltages", "durations"
        arrays = [real_array(value, name) for value, name in zip(values, names, strict=True)]
        try:
            shape = np.broadcast_shapes(*(array.shape for array in arrays))
        except ValueError as error:
            got = " and ".join(str(array.shape) for array in arrays)
            allowed, remedy = "shapes that broadcast", "give one value, or one per cell"
            raise ShapeError(wanted(got=f"shapes {got}", allowed=allowed, remedy=remedy)) from error
        resistance_ohm, voltage_v, dt_s = arrays
        finite = [np.isfinite(array) for array in arrays]
        _require(finite[0] & (resistance_ohm > 0), "resistance_ohm", resistance_ohm, "finite, above 0")
        allowed = f"finite, above {self.lowest_v:.4g} V, where the set's bound is 0 Ω"
        _require(finite[1] & (voltage_v > self.lowest_v), "voltage_v", voltage_v, allowed)
        _require(finite[2] & (dt_s >= 0), "dt_s", dt_s, "finite, 0 or more")
        one, two, three = (np.ascontiguousarray(np.broadcast_to(array, shape)) for array in arrays)
        return one.reshape(shape), two.reshape(shape), three.reshape(shape)


def _require(good: np.ndarray, name: str, value: np.ndarray, allowed: str) -> None:
    if not good.all():
        place = tuple(int(k) for k in np.argwhere(~good)[0])
        got = f"{name}{list(place) if place else ''} = {value[place]:g}"
        raise RangeError(wanted(got=got, allowed=allowed, remedy="correct it"))
