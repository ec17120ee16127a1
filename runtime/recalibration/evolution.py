"""Evolution of a matrix between recalibrations: how fast it changes, and its noise, learned from all of them.

Between two recalibrations variances grow by `rate² · Δ`, Δ being the growth of the logarithm of the age where
the age is known, and 1 otherwise. A steady drift leaves errors behind that no such walk explains, in the
directions that were measured least: the covariance as a whole is inflated by a factor for them. Each
recalibration says of every rate, inflation and noise on a grid how probable they make its readings; these
logarithms are summed up over the latest ones. So drift that is smaller than one recalibration can see still
shows in several, a steady drift does not pass for noise, and a rate is never 0.

A board may also change suddenly: amplifiers that warm up, a board that stood for days. No rate explains
that, and it must not pass for noise. So all is judged with the sudden change that readings show most
probably, and without any.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from crosscal.core.array_types import Float
from crosscal.core.errors import RangeError, ShapeError, wanted
from crosscal.runtime.recalibration.conditioning import ColumnReads, Evidence, Spread
from crosscal.runtime.recalibration.level_choice import few_evidence, level_by
from crosscal.runtime.recalibration.posterior import (
    GAIN,
    OFFSET,
    ColumnPosterior,
    RecalibrationLevel,
)

RATES = np.geomspace(3e-5, 0.1, 12)
"""Standard deviation of the relative change for Δ = 1: below the first, a thousand recalibrations do not see
it; the last is the steepest exponent of phase-change cells, as of `reference.ageing`: no cell is more
uncertain than if nothing were known of how it relaxes. On `pcm-24x32` a grid up to 0.32 finds 0.03 to 0.07
for cells, and 0.1 for what they share alone in the first minutes (`crosscal daemon --rehearse 12h`)."""

INFLATIONS = np.array([1.0, 1.02, 1.05, 1.1, 1.2, 1.4, 1.7, 2.2, 3.0])
"""Factor of the covariance from one recalibration to the next."""

NOISES = np.geomspace(0.5, 16.0, 16)
"""Noise relative to that of the first recalibration."""

# Logarithms of how probable rates, noises and inflations are where readings do not say.
_RATED = -0.5 * (np.log(RATES / 3e-4) / math.log(5.0)) ** 2
_LOUD = -0.5 * (np.log(NOISES) / math.log(3.0)) ** 2
_INFLATED = -np.log(INFLATIONS) / 0.05

_KEPT = 0.9
"""Weight of earlier recalibrations relative to the latest one: the latest ten count."""

_MOST_AT_ONCE = 12.0
"""Largest difference of logarithms that one recalibration may bring: a broken cell is no faster drift."""

_SUDDEN_CHANGE = math.log(0.05)
"""Logarithm of how probable a sudden change is where readings do not say."""

_SUDDENLY = 2.0
"""Noise relative to that of the latest recalibrations from which this one's own counts."""

_SHORTEST_SPAN = 0.1
"""Cells with 1/f noise differ after seconds by nearly as much as after hours, however old they are."""

_MOST_VARIANCE = 1.0
"""Of any unknown, and of any combination: nothing is measured of the difference between a gain and the mean
of its cells, and inflation would let that grow for ever, until rounding spoils the rest."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evolution:
    """Rates at which a matrix changes, as recalibrations say.

    Attributes:
        inflation: logarithm of how probable each of `INFLATIONS` is with each of `NOISES`.
        cell, gain: likewise of each of `RATES`, for cells and for the part that cells of a column share.
        first_noise: unit of `NOISES`, and unit of the posterior's noise.
        age_s: age of the programmed matrix at the last recalibration; None where it is not known.
    """

    inflation: Float[np.ndarray, "inflations noises"]
    cell: Float[np.ndarray, " rates"]
    gain: Float[np.ndarray, " rates"]
    first_noise: float
    age_s: float | None

    def __post_init__(self) -> None:
        shapes = self.inflation.shape, self.cell.shape, self.gain.shape
        allowed = (len(INFLATIONS), len(NOISES)), RATES.shape, RATES.shape
        if shapes != allowed:
            raise ShapeError(f"got an evolution of {shapes}; allowed: {allowed}; recalibrate anew")
        age_s = 0.0 if self.age_s is None else self.age_s
        numbers = [self.inflation, self.cell, self.gain, self.first_noise, age_s]
        if not all(np.isfinite(each).all() for each in numbers) or self.first_noise <= 0.0:
            raise RangeError(
                "got an evolution with numbers that are not finite; allowed: finite, noise above 0"
            )

    @classmethod
    def begun(cls, noise: float, age_s: float | None) -> Self:
        """Begin with the usual rates, at the first recalibration of a programming.

        Raises:
            RangeError: an age that is negative or not finite.
        """
        return cls(
            inflation=np.zeros((len(INFLATIONS), len(NOISES))),
            cell=np.zeros(len(RATES)),
            gain=np.zeros(len(RATES)),
            first_noise=noise,
            age_s=_checked(age_s),
        )

    @property
    def noise(self) -> float:
        """Noise of a reading."""
        return self.first_noise * _typical(self.inflation.max(axis=0) + _LOUD, NOISES)

    def span(self, age_s: float | None) -> float:
        """Δ between the last recalibration and one at this age."""
        if age_s is None or self.age_s is None or self.age_s <= 0.0:
            return 1.0
        return max(math.log(max(age_s, self.age_s) / self.age_s), _SHORTEST_SPAN)

    def grown(self, covariance: np.ndarray, span: float) -> np.ndarray:
        """Covariance (M, U, U) at the end of a span that began with this one."""
        more = np.full(covariance.shape[-1], _typical(self.cell + _RATED, RATES) ** 2 * span)
        more[GAIN] = _typical(self.gain + _RATED, RATES) ** 2 * span
        more[OFFSET] = RATES[0] ** 2 * span
        grown = self._inflation * covariance + np.diag(more)
        if grown.trace(axis1=1, axis2=2).max() <= _MOST_VARIANCE:
            return grown
        values, vectors = np.linalg.eigh(grown)
        return (vectors * np.minimum(values, _MOST_VARIANCE)[:, None, :]) @ vectors.swapaxes(1, 2)

    def learned(self, evidence: Evidence, *, age_s: float | None, cells: bool) -> Evolution:
        """Add a recalibration.

        Args:
            evidence: of its readings, with the covariance that the last one left.
            age_s: age of the matrix; None where it is not known.
            cells: whether cells can be told apart.
        """
        root = math.sqrt(self.span(_checked(age_s)))
        changed = self._changes(root, cells=cells)
        sudden = self._sudden(evidence, changed, cells=cells)
        of_noises = [replace(changed, noise=noise * self.first_noise) for noise in NOISES]
        logs = [_logs(evidence, of_noises, sudden, inflation=by) for by in INFLATIONS]
        inflated = replace(self, inflation=_summed(self.inflation, np.array(logs)))
        grown = inflated._with_rate("gain", evidence, root, sudden, cells=cells)
        if cells:
            grown = replace(grown, cell=inflated._with_rate("cell", evidence, root, sudden, cells=True).cell)
        return replace(grown, age_s=age_s)

    def _sudden(self, evidence: Evidence, changed: Spread, *, cells: bool) -> Spread | None:
        """Find the sudden change that readings show beside the expected one; None if there is none."""

        def log(spread: Spread) -> float:
            return evidence.log(spread.beside(changed), inflation=self._inflation)

        level, sudden, _ = level_by(log, self.noise, cells=cells)
        return None if level is RecalibrationLevel.NOTHING else sudden

    def _with_rate(
        self, name: str, evidence: Evidence, root: float, sudden: Spread | None, *, cells: bool
    ) -> Evolution:
        """Add the evidence of the rates of `cell` or `gain`, beside all else as it is believed."""
        changed = self._changes(root, cells=cells)
        of_rates = [replace(changed, **{name: float(rate) * root}) for rate in RATES]
        # The other kinds may have changed suddenly, and this one by its rate: one recalibration says little
        # of that, and a change that comes again with each of them is a rate.
        others = None if sudden is None else replace(sudden, **{name: 0.0})
        logs = _logs(evidence, of_rates, others, inflation=self._inflation)
        return replace(self, **{name: _summed(getattr(self, name), logs)})

    def _changes(self, root: float, *, cells: bool) -> Spread:
        """Spreads of the changes in a span of this square root."""
        return Spread(
            cell=_typical(self.cell + _RATED, RATES) * root if cells else 0.0,
            gain=_typical(self.gain + _RATED, RATES) * root,
            offset=float(RATES[0]) * root,
            noise=self.noise,
        )

    def believed_noise(self, found: float) -> float:
        """Noise of the latest recalibrations, or this one's own where that is suddenly far larger."""
        return found if found > _SUDDENLY * self.noise else self.noise

    @property
    def _inflation(self) -> float:
        return _typical(self.inflation.max(axis=1) + _INFLATED, INFLATIONS)


def grown_covariance(
    reads: ColumnReads, posterior: ColumnPosterior, age_s: float | None
) -> tuple[np.ndarray, Evolution]:
    """Covariance that the last recalibration left, grown since, (M, U, U), and the evolution that it grew by.

    Args:
        reads: of this recalibration, residuals of predictions with the last one's mean.
        posterior: of the last one.
        age_s: age of the matrix; None where it is not known.
    """
    known = posterior.evolution
    if known is None:
        known = replace(Evolution.begun(posterior.noise, age_s), age_s=None)
    evidence = few_evidence(reads, posterior.covariance)
    evolution = known.learned(evidence, age_s=age_s, cells=posterior.cells_known)
    return evolution.grown(posterior.covariance, known.span(age_s)), evolution


def _logs(
    evidence: Evidence, spreads: list[Spread], sudden: Spread | None, *, inflation: float
) -> Float[np.ndarray, " spreads"]:
    """Logarithms of how probable readings are with each spread, with a sudden change or without one."""
    steady = np.array([evidence.log(each, inflation=inflation) for each in spreads])
    if sudden is None:
        return steady
    beside = np.array([evidence.log(each.beside(sudden), inflation=inflation) for each in spreads])
    return np.logaddexp(steady, beside + _SUDDEN_CHANGE)


def _summed(known: np.ndarray, logs: np.ndarray) -> np.ndarray:
    summed = _KEPT * known + np.maximum(logs - logs.max(), -_MOST_AT_ONCE)
    return summed - summed.max()


def _typical(logs: np.ndarray, values: np.ndarray) -> float:
    """Geometric mean of values by their probabilities."""
    weight = np.exp(logs - logs.max())
    return float(np.exp((weight @ np.log(values)) / weight.sum()))


def _checked(age_s: float | None) -> float | None:
    if age_s is not None and not (math.isfinite(age_s) and age_s >= 0.0):
        raise RangeError(
            wanted(
                got=f"an age of {age_s} s",
                allowed="seconds since the matrix was programmed, 0 or more, or None",
                remedy="leave it out where it is not known",
            )
        )
    return age_s
