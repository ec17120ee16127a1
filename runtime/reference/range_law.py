"""Law of one current range: its readings against those of the reference range at the reference temperature.

Every range of an amplifier has an offset and a gain of its own, and both move with the temperature. A
calibrator knows of one set: readings are referred to the conditions that it has learned in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from crosscal.core.array_types import Currents, Float
from crosscal.core.errors import InputError, ShapeError, wanted
from crosscal.runtime.reference.referral import LawDeviations, Referral
from crosscal.runtime.reference.temperature_slopes import ColumnSlopes

_FEWEST = 3
"""Readings of a column in both ranges that an offset and a gain are learned from, with one to spare."""
_MOST_SCATTER = 0.02
"""Standard deviation of gains between ranges that is believed where noise hides it: resistors of a percent.
Gains farther off are found as well, where readings show them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RangeLaw:
    """Offset and gain of each column in one range, relative to the reference.

    Attributes:
        offset_a: [A], (M,), NaN for a column that is not known.
        gain: (M,).
        slopes: their change per degree.
        temperature_c: that they hold at; None where the board reports none.
        deviations: of the law by the noise of the readings that it was learned from; not of its slopes.
    """

    offset_a: Float[np.ndarray, " columns"]
    gain: Float[np.ndarray, " columns"]
    slopes: ColumnSlopes
    temperature_c: float | None
    deviations: LawDeviations

    def __post_init__(self) -> None:
        deviations = self.deviations
        shapes = {self.offset_a.shape, self.gain.shape, self.slopes.offset_a_per_c.shape}
        shapes |= {deviations.middle_a.shape, deviations.at_middle_a.shape, deviations.gain.shape}
        if len(shapes) != 1 or self.offset_a.ndim != 1:
            raise ShapeError(
                wanted(
                    got=f"a law of a range with arrays of {sorted(shapes)}",
                    allowed="one offset, gain and slope for each column",
                    remedy="use what to_json gave",
                )
            )

    @classmethod
    def of_reference(cls, columns: int, temperature_c: float | None) -> Self:
        """Begin with the reference range itself: no offset, gain 1."""
        return cls(
            offset_a=np.zeros(columns),
            gain=np.ones(columns),
            slopes=ColumnSlopes.none(columns),
            temperature_c=temperature_c,
            deviations=_exact(columns),
        )

    @classmethod
    def between(cls, reference_a: Currents, current_a: Currents, temperature_c: float | None) -> Self:
        """Compare readings of the same vectors, by least squares column by column.

        Gains are shrunk towards 1 as far as their noise hides how they scatter: a gain of noise over noise
        would be worse than none.

        Args:
            reference_a: referred already [A], (K, M), NaN where there is no usable reading.
            current_a: in the range of the law [A], (K, M), likewise.
            temperature_c: of both; None where the board reports none.

        Returns:
            The law; NaN for columns with fewer than 3 readings in both.
        """
        both = np.isfinite(reference_a) & np.isfinite(current_a)
        count = both.sum(axis=0)
        x, y = np.where(both, reference_a, 0.0), np.where(both, current_a, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            x_mean, y_mean = x.sum(axis=0) / count, y.sum(axis=0) / count
            x_about = np.where(both, x - x_mean, 0.0)
            gain = (x_about * y).sum(axis=0) / (x_about**2).sum(axis=0)
        unknown = (count < _FEWEST) | ~np.isfinite(gain)
        gain = np.where(unknown, 1.0, gain)
        left_a = np.where(both, y - y_mean - gain * x_about, 0.0)[:, ~unknown]
        spare = (count - 2)[~unknown].sum()
        variance_a2 = (left_a**2).sum() / spare if spare else 0.0
        with np.errstate(invalid="ignore", divide="ignore"):
            shrunk, variance = _shrunk(gain, variance_a2 / (x_about**2).sum(axis=0), ~unknown)
            deviations = LawDeviations(
                middle_a=np.where(unknown, 0.0, x_mean),
                at_middle_a=np.where(unknown, 0.0, np.sqrt(variance_a2 / count)),
                gain=np.where(unknown, 0.0, np.sqrt(variance)),
            )
        gain = np.where(unknown, 1.0, shrunk)
        return cls(
            offset_a=np.where(unknown, np.nan, y_mean - gain * x_mean),
            gain=gain,
            slopes=ColumnSlopes.none(gain.size),
            temperature_c=temperature_c,
            deviations=deviations,
        )

    def referral(self, temperature_c: float | None) -> Referral:
        """Give the function that refers readings [A], (B, M), to the reference.

        Args:
            temperature_c: of the board; None counts as that of the law.
        """
        offset_a, gain = self._at(temperature_c)
        return Referral(offset_a=offset_a, gain=gain, deviations=self.deviations)

    def pivoted(self, temperature_c: float | None) -> Self:
        """Return the same law as it holds at another temperature; new slopes turn about that."""
        if temperature_c is None:
            return self
        offset_a, gain = self._at(temperature_c)
        return replace(self, offset_a=offset_a, gain=gain, temperature_c=temperature_c)

    def with_slopes(self, slopes: ColumnSlopes) -> Self:
        """Return the law with other slopes; at its own temperature it is the same."""
        return replace(self, slopes=slopes)

    def _at(self, temperature_c: float | None) -> tuple[np.ndarray, np.ndarray]:
        if temperature_c is None or self.temperature_c is None:
            return self.offset_a, self.gain
        warmer_c = temperature_c - self.temperature_c
        gain = self.gain * (1.0 + self.slopes.gain_per_c * warmer_c)
        return self.offset_a + self.slopes.offset_a_per_c * warmer_c, gain

    def to_json(self) -> dict[str, Any]:
        """Plain values for the store, to the digits that matter."""
        return {
            "offset_a": _rounded(self.offset_a),
            "gain": _rounded(self.gain),
            "offset_a_per_c": _rounded(self.slopes.offset_a_per_c),
            "gain_per_c": _rounded(self.slopes.gain_per_c),
            "temperature_c": self.temperature_c,
            "middle_a": _rounded(self.deviations.middle_a),
            "at_middle_deviation_a": _rounded(self.deviations.at_middle_a),
            "gain_deviation": _rounded(self.deviations.gain),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read the entry that `to_json` gave.

        Raises:
            InputError: something is missing or no number.
        """
        try:
            names = ("offset_a", "gain", "offset_a_per_c", "gain_per_c")
            offset_a, gain, *slopes = (np.array(document[name], dtype=np.float64) for name in names)
            temperature_c = document["temperature_c"]
            deviations = _exact(gain.size)
            if "gain_deviation" in document:
                # Laws of before tell none.
                told = ("middle_a", "at_middle_deviation_a", "gain_deviation")
                deviations = LawDeviations(
                    **{
                        name: np.array(document[key], dtype=np.float64)
                        for name, key in zip(("middle_a", "at_middle_a", "gain"), told, strict=True)
                    }
                )
            return cls(
                offset_a=offset_a,
                gain=gain,
                slopes=ColumnSlopes(offset_a_per_c=slopes[0], gain_per_c=slopes[1]),
                temperature_c=None if temperature_c is None else float(temperature_c),
                deviations=deviations,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"got a law of a range that is none ({error}); allowed: what to_json gave"
            ) from error


def _exact(columns: int) -> LawDeviations:
    nothing = np.zeros(columns)
    return LawDeviations(middle_a=nothing, at_middle_a=nothing, gain=nothing)


def _shrunk(gain: np.ndarray, variance: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shrink gains towards 1 by their variances, (M,), relative to the scatter of the true ones about 1.

    The scatter is taken for what it is beyond chance, by one standard error of their weighted sum of squares.

    Returns:
        The gains, (M,), and their variances about the true ones. Where noise hides the scatter altogether,
        the variance is that of the largest scatter that chance would hide as well, at most.

    Reference: R. DerSimonian, N. Laird, Meta-analysis in clinical trials, 1986, eq. 8, with the mean given.
    """
    weight = 1.0 / np.maximum(variance[known], np.finfo(float).tiny)
    by_chance = np.sqrt(2.0 * weight.size)
    excess = (weight * (gain[known] - 1.0) ** 2).sum() - weight.size - by_chance
    total = max(weight.sum(), np.finfo(float).tiny)
    scatter = min(max(excess, 0.0) / total, _MOST_SCATTER**2)
    # True gains may scatter by as much more as was taken for chance.
    possible = min((max(excess, 0.0) + 2.0 * by_chance) / total, _MOST_SCATTER**2)
    share = scatter / (scatter + variance + np.finfo(float).tiny)
    return 1.0 + (gain - 1.0) * share, share**2 * variance + (1.0 - share) ** 2 * possible


def _rounded(values: np.ndarray) -> list[float | None]:
    """Six digits: the converter of a board has no more; None where nothing is known."""
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values]
