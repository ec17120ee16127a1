"""Smooth current–voltage law given as two functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numba
import numpy as np
from numba.core.errors import NumbaError

from crosscal.core.errors import InputError, wanted
from crosscal.simulated_bench.devices.law_kernels import compiled_law

# Within the ranges of reads; no round voltages, where laws are joined and slopes jump.
PROBE_S = 50e-6
PROBES_V = (-0.283, -0.137, 0.137, 0.283)
PROBE_STEP_V = 1e-5
PROBE_TOLERANCE = (
    1e-4  # a central difference over 1e-5 V is good to about 1e-8; a wrong derivative is far off
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmoothLaw:
    """A cell with a law given as a function together with its derivative.

    Example:
        `SmoothLaw(current=lambda g, v: g * v * (1 + v * v), slope=lambda g, v: g * (1 + 3 * v * v))`

    Attributes:
        current: `i = current(G, v)` of one cell, in siemens, volts and amperes; plain Python that numba can
            compile (arithmetic, `math`), or already compiled by it.
        slope: `di/dv` [S], of the same arguments.
        spice: the current once more for `netlist`, in terms of g and v; not needed otherwise.

    Raises:
        InputError: numba cannot compile a function, or `slope` is not the derivative of `current`.
    """

    current: Callable[[float, float], float]
    slope: Callable[[float, float], float]
    spice: str | None = None

    def __post_init__(self) -> None:
        for volt in PROBES_V:
            below, here, above = volt - PROBE_STEP_V, volt, volt + PROBE_STEP_V
            (low, _), (_, given), (high, _) = (self._at(v) for v in (below, here, above))
            difference = (high - low) / (above - below)
            if not abs(given - difference) <= PROBE_TOLERANCE * max(
                abs(difference), PROBE_S * PROBE_TOLERANCE
            ):
                raise InputError(
                    wanted(
                        got=f"slope(G, v) = {given:.6g} S at G = {PROBE_S:g} S, v = {volt:g} V",
                        allowed=f"the derivative of current, {difference:.6g} S there",
                        remedy="correct slope or current of the SmoothLaw",
                    )
                )

    def evaluate(
        self, conductance_s: np.ndarray, voltage_v: np.ndarray, current_a: np.ndarray, slope_s: np.ndarray
    ) -> None:
        """See `CellLaw.evaluate`."""
        _kernel(self.current, self.slope)(conductance_s, voltage_v, current_a, slope_s)

    def spice_expression(self) -> str:
        """See `netlist`.

        Raises:
            InputError: the law was given without one.
        """
        if self.spice is None:
            got, remedy = "a SmoothLaw without its law for ngspice", "give it, such as spice='g*v*(1+v*v)'"
            raise InputError(wanted(got=got, allowed="one with spice=", remedy=remedy))
        return self.spice

    def _at(self, volt: float) -> tuple[float, float]:
        current_a, slope_s = np.empty((1, 1, 1)), np.empty((1, 1, 1))
        try:
            self.evaluate(np.full((1, 1), PROBE_S), np.full((1, 1, 1), volt), current_a, slope_s)
        except (NumbaError, TypeError) as error:
            raise InputError(
                wanted(
                    got="a SmoothLaw that numba cannot compile",
                    allowed="two functions of (conductance, voltage) made of arithmetic and `math`",
                    remedy=f"rewrite it; numba says: {error}",
                )
            ) from error
        return float(current_a[0, 0, 0]), float(slope_s[0, 0, 0])


@lru_cache(maxsize=64)
def _kernel(current: Callable[..., float], slope: Callable[..., float]) -> Callable[..., None]:
    """Compile a law once, however often it is used."""
    return compiled_law(_compiled(current), _compiled(slope))


def _compiled(function: Callable[..., float]) -> Callable[..., float]:
    # Not kept on disk: numba knows a kept function by its line and its operations, and would take a law with
    # other numbers, in the text or in globals of a script, for the same.
    return function if hasattr(function, "py_func") else numba.njit(nogil=True, error_model="numpy")(function)
