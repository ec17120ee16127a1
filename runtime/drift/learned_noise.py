"""Noise of a board's sentinel readings: white noise, and slow noise that is close to 1/f.

Slow noise is the sum of components with time constants a decade apart and equal variance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from crosscal.core.array_types import Float
from crosscal.core.errors import InputError

TIME_CONSTANTS = (1.5, 15.0, 150.0, 1500.0, 15000.0)
"""In shortest intervals between sentinels: up to the longest run that a test is to be silent for."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearnedNoise:
    """Noise and temperature slope of a board, from readings of sentinels.

    Attributes:
        white: variance of a reading relative to the stated one, column by column, (M,).
        slow: variance of the relative error of a cell, of each component of slow noise, (D,).
        time_constants_s: of these components, (D,).
        slope: relative change of all currents per degree, and its standard deviation, (2,).
        readings: of the sentinels that it rests on.
    """

    white: Float[np.ndarray, " columns"]
    slow: Float[np.ndarray, " components"]
    time_constants_s: Float[np.ndarray, " components"]
    slope: Float[np.ndarray, " two"]
    readings: int

    @classmethod
    def unknown(cls, columns: int, interval_s: float) -> LearnedNoise:
        """Begin with the stated variance, no slow noise, and up to 0.3 % per degree."""
        times = np.array(TIME_CONSTANTS) * interval_s
        return cls(
            white=np.ones(columns),
            slow=np.zeros(len(times)),
            time_constants_s=times,
            slope=np.array([0.0, 3e-3]),
            readings=0,
        )

    def scaled(self, variance: float) -> LearnedNoise:
        """Return noise of as many times the variance, white and slow."""
        return replace(self, white=variance * self.white, slow=variance * self.slow)

    def to_json(self) -> dict[str, Any]:
        """Plain values for the store."""
        return {
            "white": self.white.tolist(),
            "slow": self.slow.tolist(),
            "time_constants_s": self.time_constants_s.tolist(),
            "slope": self.slope.tolist(),
            "readings": self.readings,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read the entry that `to_json` gave.

        Raises:
            InputError: something is missing or no number.
        """
        try:
            arrays = {
                name: np.array(document[name], dtype=np.float64)
                for name in ("white", "slow", "time_constants_s", "slope")
            }
            readings = int(document["readings"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"got learned noise that is none ({error}); allowed: what to_json gave"
            ) from error
        sound = all(value.ndim == 1 and np.isfinite(value).all() for value in arrays.values())
        if not sound or len(arrays["slow"]) != len(arrays["time_constants_s"]) or len(arrays["slope"]) != 2:
            raise InputError("got learned noise of other lengths; allowed: what to_json gave")
        return cls(**arrays, readings=readings)
