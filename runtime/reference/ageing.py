"""Ageing that all cells share: its rate per e-fold of age, learned from recalibrations in turn.

Devices relax with the logarithm of the time since they were programmed. The part that is each cell's own is
hidden by their slow noise; the common part is the median of all cells, known to a fraction of it, and can be
foretold until the next recalibration. It is the median of columns, and of the cells in each: a cell, a row or
an amplifier that breaks is no ageing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np

from crosscal.core.errors import InputError
from crosscal.runtime.recalibration.outliers import NORMAL_DEVIATION
from crosscal.runtime.recalibration.posterior import CELLS, GAIN, ColumnPosterior

_FEWEST = 3
"""Pairs of recalibrations before a rate is believed: with the temperature two unknowns, and one to spare."""
_YOUNGEST_S = 60.0
"""Laws of relaxation begin some 20 to 40 s after programming; nothing is learned or foretold before."""
_LEAST_FOLDS = 0.05
"""Of age between two recalibrations that are compared: nearer ones say less of ageing than of noise."""
_KEPT = 0.9
"""Weight of earlier pairs relative to the latest: the latest ten count, as in `evolution`."""
_LEAST_NOISE = 3e-4
"""Standard deviation of a common change, at least: a thousand cells with slow noise of 1 % each."""
_LEAST_PART = 0.05
"""Of the target: a board whose cells have lost more than this leaves is to be programmed anew."""
_MOST_RATE = 0.15
"""Magnitude of a rate that is believed; the steepest exponents of phase-change cells are 0.1."""
_BROKEN, _BROKEN_SIGMAS = math.log(2.0), 8.0
"""Change of one cell's logarithm beyond that of all from which something broke; telegraph noise stays below
the first, and the second holds cells that wander as far."""
_REACH = 2.0
"""E-folds of age that are foretold relative to those that the rate was learned over: a rate of 3 minutes says
nothing of a month."""


class _Taken(NamedTuple):
    """Cells as a recalibration has found them: logarithms, (M, N), at an age [s] and a temperature [°C]."""

    logs: np.ndarray
    age_s: float
    temperature_c: float | None


@dataclass(slots=True)
class Ageing:
    """Learns the common rate; it belongs to the board's devices, whatever their matrix.

    Attributes:
        rate: relative change of all cells per e-fold of age, as far as it stands out of the noise.
        rate_deviation: standard deviation of the rate; 0 while none is believed.
    """

    rate: float = field(init=False, default=0.0)
    rate_deviation: float = field(init=False, default=0.0)
    _information: np.ndarray = field(default_factory=lambda: np.zeros((2, 2)))
    _weighted: np.ndarray = field(default_factory=lambda: np.zeros(2))
    _square: float = 0.0
    _pairs: float = 0.0
    _folds: float = 0.0
    _learned_age_s: float | None = None
    _earlier: _Taken | None = field(init=False, default=None)

    def forget_matrix(self) -> None:
        """Compare the next recalibration with none before it: the matrix, or its age, is another."""
        self._learned_age_s = self._earlier = None

    def take(self, posterior: ColumnPosterior | None, *, age_s: float, temperature_c: float | None) -> None:
        """Take in the cells as a recalibration has found them; nothing is learned while something broke.

        Args:
            posterior: of the recalibration; one that tells no cells apart says nothing.
            age_s: of the matrix [s].
            temperature_c: of the board; None where it reports none.
        """
        self._learned_age_s = age_s
        if posterior is None or not posterior.cells_known or age_s < _YOUNGEST_S:
            return
        relative = 1.0 + posterior.mean[:, GAIN, None] + posterior.mean[:, CELLS:]
        now = _Taken(np.log(np.maximum(relative, _LEAST_PART)), age_s, temperature_c)
        earlier = self._earlier
        if earlier is None:
            self._earlier = now
            return
        folds = math.log(age_s / earlier.age_s)
        if folds < _LEAST_FOLDS:
            return
        self._earlier = now
        change = _common_change(now.logs - earlier.logs)
        if change is None:
            return
        then_c = earlier.temperature_c
        warmer_c = 0.0 if temperature_c is None or then_c is None else temperature_c - then_c
        by = np.array([folds, warmer_c])
        self._folds = _KEPT * self._folds + folds
        self._information = _KEPT * self._information + np.outer(by, by)
        self._weighted = _KEPT * self._weighted + by * change
        self._square = _KEPT * self._square + change**2
        self._pairs = _KEPT * self._pairs + 1.0
        self.rate, self.rate_deviation = self._found()

    def factor(self, age_s: float) -> float:
        """Currents at an age of the matrix [s] relative to those at its latest recalibration."""
        return math.exp(self.rate * self._folds_to(age_s)[0])

    def deviation(self, age_s: float) -> float:
        """Standard deviation of `factor`, relative to it: of the rate, and all beyond the ages foretold."""
        foretold, beyond = self._folds_to(age_s)
        return math.hypot(self.rate_deviation * foretold, self.rate * beyond)

    def _folds_to(self, age_s: float) -> tuple[float, float]:
        """E-folds from the latest recalibration to an age [s]: those that are foretold, and those beyond."""
        if self._learned_age_s is None:
            return 0.0, 0.0
        folds = math.log(max(age_s, _YOUNGEST_S) / max(self._learned_age_s, _YOUNGEST_S))
        foretold = min(max(folds, 0.0), _REACH * self._folds)
        return foretold, max(folds - foretold, 0.0)

    def to_json(self) -> dict[str, Any]:
        """Plain values for the store."""
        return {
            "information": self._information.ravel().tolist(),
            "weighted": self._weighted.tolist(),
            "square": self._square,
            "pairs": self._pairs,
            "folds": self._folds,
            "learned_age_s": self._learned_age_s,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read the entry that `to_json` gave; the next recalibration is compared with none before it.

        Raises:
            InputError: something is missing or no number.
        """
        try:
            age_s = document["learned_age_s"]
            learned = cls(
                _information=np.array(document["information"], dtype=np.float64).reshape(2, 2),
                _weighted=np.array(document["weighted"], dtype=np.float64).reshape(2),
                _square=float(document["square"]),
                _pairs=float(document["pairs"]),
                # Entries of before do not tell: they foretell nothing until the next pair.
                _folds=float(document.get("folds", 0.0)),
                _learned_age_s=None if age_s is None else float(age_s),
            )
            learned._require_sense()
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"got an ageing that is none ({error}); allowed: what to_json gave") from error
        learned.rate, learned.rate_deviation = learned._found()
        return learned

    def _require_sense(self) -> None:
        """Raise a ValueError for numbers that no recalibrations lead to."""
        sums = self._square, self._pairs, self._folds, self._learned_age_s or 0.0
        if not np.isfinite([*self._information.flat, *self._weighted, *sums]).all() or min(sums) < 0.0:
            raise ValueError("numbers that are negative or not finite")
        if np.linalg.eigvalsh(self._information)[0] < -1e-9:
            raise ValueError("negative information")

    def _found(self) -> tuple[float, float]:
        """Compute the rate, shrunk by its noise, and its standard deviation."""
        if self._pairs < sum(_KEPT**k for k in range(_FEWEST)):
            return 0.0, 0.0
        # A trace of information where the temperature has not moved.
        covariance = np.linalg.inv(self._information + 1e-12 * np.eye(2))
        found = covariance @ self._weighted
        left = max(self._square - float(found @ self._weighted), 0.0) / (self._pairs - 2.0)
        variance = max(left, _LEAST_NOISE**2) * covariance[0, 0]
        kept = found[0] * max(found[0] ** 2 - variance, 0.0) / max(found[0] ** 2, np.finfo(float).tiny)
        return float(np.clip(kept, -_MOST_RATE, _MOST_RATE)), math.sqrt(variance)


def _common_change(change: np.ndarray) -> float | None:
    """Change of logarithms that all cells (M, N) share; None where one of them broke."""
    common = float(np.median(np.median(change, axis=1)))
    own = np.abs(change - common)
    wander = NORMAL_DEVIATION * float(np.median(own))
    return None if own.max() > max(_BROKEN, _BROKEN_SIGMAS * wander) else common
