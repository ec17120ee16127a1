"""Temperature slopes of column offsets and gains, learned from vectors that are read again and again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from crosscal.core.array_types import Currents, Float
from crosscal.core.errors import InputError

_STEP_C = 2.0
"""Temperature between two readings that are compared. Nearer ones say less of slopes than of noise, farther
ones more of the cells' slow changes; a day of ±10 °C has twenty such steps."""
_OLD_S = 6 * 3600.0
"""A reading to compare with that is older than this is replaced: cells have changed since."""
_FEWEST = 4
"""Comparisons before slopes are believed: as many as it takes to tell their noise."""
_OFFSET, _GAIN = 0, 1
"""Indices of a column's slopes among the unknowns; drift with the logarithm of age is the third."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColumnSlopes:
    """Changes of each column per degree.

    Attributes:
        offset_a_per_c: of its offset [A/°C], (M,).
        gain_per_c: relative change of its currents [1/°C], (M,).
    """

    offset_a_per_c: Float[np.ndarray, " columns"]
    gain_per_c: Float[np.ndarray, " columns"]

    @classmethod
    def none(cls, columns: int) -> Self:
        """Begin with columns that the temperature does not move."""
        return cls(offset_a_per_c=np.zeros(columns), gain_per_c=np.zeros(columns))


@dataclass(slots=True)
class TemperatureSlopes:
    """Learns slopes from differences between readings of the same vectors at different temperatures.

    A difference is `(o + g I) ΔT + d I Δln t` and noise: cells age with the logarithm of the time since they
    were programmed. Slopes are shrunk by their noise: on boards where they cannot be seen they are 0.

    Attributes:
        columns: M.
    """

    columns: int
    _information: np.ndarray = field(init=False)
    _weighted: np.ndarray = field(init=False)
    _squares: float = field(init=False, default=0.0)
    _readings: int = field(init=False, default=0)
    _comparisons: int = field(init=False, default=0)
    _scale_a: float = field(init=False, default=0.0)
    _earlier: _Earlier | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._information = np.zeros((self.columns, 3, 3))
        self._weighted = np.zeros((self.columns, 3))

    def forget_reading(self) -> None:
        """Compare the next reading with none before it: the vectors or the matrix are others."""
        self._earlier = None

    def take(self, current_a: Currents, *, temperature_c: float, age_s: float) -> bool:
        """Take in a reading of the vectors.

        Args:
            current_a: measured [A], (S, M), NaN where there is no usable reading.
            temperature_c: of the board.
            age_s: time since the matrix was programmed.

        Returns:
            Whether it was compared with an earlier one: slopes are others now.
        """
        now = _Earlier(current_a=current_a, temperature_c=temperature_c, age_s=max(age_s, 1.0))
        earlier = self._earlier
        if earlier is None or now.age_s - earlier.age_s > _OLD_S or now.age_s < earlier.age_s:
            self._earlier = now
            return False
        if abs(temperature_c - earlier.temperature_c) < _STEP_C:
            return False
        self._earlier = now
        self._compare(earlier, now)
        return True

    @property
    def slopes(self) -> ColumnSlopes:
        """Slopes as far as they stand out of the noise."""
        if self._comparisons < _FEWEST:
            return ColumnSlopes.none(self.columns)
        # A trace of information where a column has none: its slopes come out as 0, and so they stay.
        trace = np.trace(self._information, axis1=1, axis2=2).mean()
        covariance = np.linalg.inv(self._information + 1e-9 * trace * np.eye(3))
        found = np.einsum("muv,mv->mu", covariance, self._weighted)
        explained = float((found * self._weighted).sum())
        noise = max(self._squares - explained, 0.0) / max(self._readings - 3 * self.columns, 1)
        variance = noise * np.diagonal(covariance, axis1=1, axis2=2)
        spread = np.maximum((found**2 - variance).mean(axis=0), 0.0)
        kept = found * spread / (spread + variance + np.finfo(float).tiny)
        return ColumnSlopes(offset_a_per_c=kept[:, _OFFSET] * self._scale_a, gain_per_c=kept[:, _GAIN])

    def to_json(self) -> dict[str, Any]:
        """Plain values for the store: the sums, to the digits that matter."""
        return {
            "information": [float(f"{value:.8g}") for value in self._information.ravel()],
            "weighted": [float(f"{value:.8g}") for value in self._weighted.ravel()],
            "squares": self._squares,
            "readings": self._readings,
            "comparisons": self._comparisons,
            "scale_a": self._scale_a,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read the entry that `to_json` gave.

        Raises:
            InputError: something is missing or no number.
        """
        try:
            weighted = np.array(document["weighted"], dtype=np.float64).reshape(-1, 3)
            learned = cls(columns=len(weighted))
            learned._weighted = weighted
            learned._information = np.array(document["information"], dtype=np.float64).reshape(-1, 3, 3)
            learned._squares = float(document["squares"])
            learned._readings, learned._comparisons = int(document["readings"]), int(document["comparisons"])
            learned._scale_a = float(document["scale_a"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"got slopes that are none ({error}); allowed: what to_json gave") from error
        if len(learned._information) != learned.columns:
            raise InputError("got slopes of two boards; allowed: what to_json gave")
        return learned

    def _compare(self, earlier: _Earlier, now: _Earlier) -> None:
        if not self._scale_a:
            self._scale_a = float(np.nanmean(np.abs(now.current_a))) or 1.0
        both = np.isfinite(now.current_a) & np.isfinite(earlier.current_a)
        before, after = (np.where(both, each.current_a, 0.0) / self._scale_a for each in (earlier, now))
        middle, change = (before + after) / 2.0, after - before
        warmer_c, folds = now.temperature_c - earlier.temperature_c, np.log(now.age_s / earlier.age_s)
        regressors = np.stack([both * warmer_c, middle * warmer_c, middle * folds], axis=-1)
        self._information += np.einsum("smu,smv->muv", regressors, regressors)
        self._weighted += np.einsum("smu,sm->mu", regressors, change)
        self._squares += float((change**2).sum())
        self._readings += int(both.sum())
        self._comparisons += 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Earlier:
    """A reading to compare with."""

    current_a: Currents
    temperature_c: float
    age_s: float
