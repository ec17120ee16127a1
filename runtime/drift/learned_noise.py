"""Noise of a board's sentinel readings, learned from how they differ over short and long times.

Half the mean squared difference of two readings grows from white noise alone to white and slow noise
together; a steady drift grows with the square of the time between and is told apart by that. What is left is
fitted by components of slow noise with time constants a decade apart, whose sum is close to 1/f.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from crosscal.core.array_types import Float
from crosscal.core.errors import InputError

TIME_CONSTANTS = (5.0, 50.0, 500.0, 5000.0)
"""In shortest intervals between sentinels: up to the longest run that a test is to be silent for."""

_LEAST_WHITE = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearnedNoise:
    """What readings of sentinels said of a board's noise and temperature.

    Attributes:
        white: variance of a reading relative to the stated one, column by column, (M,).
        slow: variance of the relative error of a cell, of each component of slow noise, (D,).
        time_constants_s: of these components, (D,).
        slope: relative change of all currents per degree, and its standard deviation, (2,).
        pairs: differences that it rests on.
    """

    white: Float[np.ndarray, " columns"]
    slow: Float[np.ndarray, " components"]
    time_constants_s: Float[np.ndarray, " components"]
    slope: Float[np.ndarray, " two"]
    pairs: int

    @classmethod
    def unknown(cls, columns: int, interval_s: float) -> LearnedNoise:
        """Begin with the stated variance, no slow noise, and up to 0.3 % per degree."""
        times = np.array(TIME_CONSTANTS) * interval_s
        return cls(
            white=np.ones(columns),
            slow=np.zeros(len(times)),
            time_constants_s=times,
            slope=np.array([0.0, 3e-3]),
            pairs=0,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values for the store."""
        return {
            "white": self.white.tolist(),
            "slow": self.slow.tolist(),
            "time_constants_s": self.time_constants_s.tolist(),
            "slope": self.slope.tolist(),
            "pairs": self.pairs,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave.

        Raises:
            InputError: something is missing or no number.
        """
        try:
            arrays = {
                name: np.array(document[name], dtype=np.float64)
                for name in ("white", "slow", "time_constants_s", "slope")
            }
            pairs = int(document["pairs"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"got learned noise that is none ({error}); allowed: what to_json gave"
            ) from error
        sound = all(value.ndim == 1 and np.isfinite(value).all() for value in arrays.values())
        if not sound or len(arrays["slow"]) != len(arrays["time_constants_s"]) or len(arrays["slope"]) != 2:
            raise InputError("got learned noise of other lengths; allowed: what to_json gave")
        return cls(**arrays, pairs=pairs)


class Differences:
    """Differences of readings, gathered by the time between them.

    Args:
        signal: variance of each residual by a relative error of all cells of 1, (M, S).
        noise: stated variance of a reading, (M,).
        time_constants_s: of the components of slow noise, (D,).
    """

    def __init__(self, signal: np.ndarray, noise: np.ndarray, time_constants_s: np.ndarray) -> None:
        self._relative = signal / noise[:, None]
        self._noise, self._times = noise, time_constants_s
        vectors = signal.shape[1]
        # Lags 1, 2, 4, …: (lags, vectors); regressors: white, components, drift.
        self._lags = 1 << np.arange(13)
        self._regressors = np.zeros((len(self._lags), vectors, 2 + len(time_constants_s)))
        self._squares = np.zeros((len(self._lags), vectors))
        self._counts = np.zeros((len(self._lags), vectors))
        self._of_columns = np.zeros((2, len(noise)))
        self._history: list[tuple[float, np.ndarray, np.ndarray]] = []

    @property
    def pairs(self) -> int:
        """Differences gathered at the shortest lag."""
        return int(self._counts[0].sum())

    def restart(self) -> None:
        """Forget the readings, not what their differences said: after a recalibration they do not compare."""
        self._history.clear()

    def add(self, time_s: float, residual: np.ndarray, present: np.ndarray, learned: LearnedNoise) -> None:
        """Take in a reading.

        Args:
            time_s: when. residual, present: (M, S). learned: what is believed, which bounds wild readings.
        """
        self._history.append((time_s, residual.copy(), present.copy()))
        del self._history[: -int(self._lags[-1]) - 1]
        for index, lag in enumerate(self._lags):
            if lag >= len(self._history):
                break
            before_s, other, there = self._history[-1 - lag]
            self._add_pair(index, time_s - before_s, residual - other, present & there, learned)

    def _add_pair(
        self, index: int, lag_s: float, difference: np.ndarray, both: np.ndarray, learned: LearnedNoise
    ) -> None:
        if lag_s <= 0.0:
            return
        grown = 1.0 - np.exp(-lag_s / self._times)
        square = 0.5 * difference**2 / self._noise[:, None]
        believed = learned.white[:, None] + self._relative * float(learned.slow @ grown)
        # As a wild reading would count for a hundred others.
        square = np.where(both, np.minimum(square, 12.0 * np.maximum(believed, _LEAST_WHITE)), 0.0)
        relative = np.where(both, self._relative, 0.0).sum(axis=0)
        self._counts[index] += both.sum(axis=0)
        self._squares[index] += square.sum(axis=0)
        self._regressors[index, :, 0] += both.sum(axis=0)
        self._regressors[index, :, 1:-1] += relative[:, None] * grown
        self._regressors[index, :, -1] += relative * (lag_s / self._times[-1]) ** 2
        if index == 0:
            self._of_columns += np.stack([square.sum(axis=1), both.sum(axis=1)])

    def learn(self, learned: LearnedNoise) -> LearnedNoise:
        """Fit white noise and the components of slow noise to what was gathered, none of them below 0."""
        seen = self._counts > 0
        if not seen.any():
            return learned
        count = self._counts[seen]
        design = self._regressors[seen] / count[:, None]
        mean = self._squares[seen] / count
        # The scatter of a mean square is in proportion to it; differences that overlap are no further ones.
        independent = count / np.maximum(1.0, np.repeat(self._lags, self._counts.shape[1])[seen.ravel()])
        found = np.maximum(mean, _LEAST_WHITE)
        for _ in range(3):
            weight = np.sqrt(independent) / found
            solution = _non_negative(design * weight[:, None], mean * weight)
            found = np.maximum(design @ solution, _LEAST_WHITE)
        white, slow = max(float(solution[0]), _LEAST_WHITE), solution[1:-1]
        of_column = self._columns_white(white, slow)
        return LearnedNoise(
            white=of_column,
            slow=slow,
            time_constants_s=learned.time_constants_s,
            slope=learned.slope,
            pairs=self.pairs,
        )

    def _columns_white(self, white: float, slow: np.ndarray) -> np.ndarray:
        """White noise of each column: its own as far as it is known, that of all otherwise."""
        squares, counts = self._of_columns
        of_slow = self._regressors[0, :, 1:-1].sum(axis=0) @ slow / max(self._counts[0].sum(), 1.0)
        share = self._relative.mean(axis=1) / max(self._relative.mean(), np.finfo(float).tiny)
        own = squares / np.maximum(counts, 1.0) - of_slow * share
        return np.maximum((_BORROWED * white + counts * own) / (_BORROWED + counts), 0.05 * white)


_BORROWED = 60.0
"""Differences that a column borrows from all others."""


def _non_negative(design: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Least squares without negative coefficients: the best of all subsets, of which there are few."""
    best, found = np.inf, np.zeros(design.shape[1])
    scale = np.maximum(np.linalg.norm(design, axis=0), np.finfo(float).tiny)
    scaled = design / scale
    for size in range(1, design.shape[1] + 1):
        for chosen in itertools.combinations(range(design.shape[1]), size):
            part = scaled[:, chosen]
            solution = np.linalg.lstsq(part, wanted, rcond=1e-10)[0]
            if (solution < 0.0).any():
                continue
            error = float(((part @ solution - wanted) ** 2).sum())
            if error < best:
                best = error
                found = np.zeros(design.shape[1])
                found[list(chosen)] = solution
    return found / scale
