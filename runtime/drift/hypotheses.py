"""Kinds of change and how probable residuals are under each: linear-Gaussian, sizes summed over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from crosscal.core.array_types import Float
from crosscal.runtime.drift.prediction import Prediction
from crosscal.runtime.recalibration.posterior import CELLS, GAIN, OFFSET

_SIZES = np.geomspace(1e-3, 1.0, 13)
"""Standard deviations of relative changes that are summed over, each as probable as the others."""

_OFFSET_SIZES = np.geomspace(1e-4, 0.3, 13)
"""The same of offsets, relative to full scale. Diagnoses are insensitive to the number of both, 5 to 30, and
to their ends (`python benchmarks/constants.py hypotheses`)."""

_UNREAD = 1e4
"""Noise variance of a reading that is missing, relative to full scale squared: it then says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Logarithm of the evidence for a kind of change relative to none, and the change itself."""

    log: float
    where: tuple[int, ...] = ()
    size: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """Whitened residuals of K known vectors, and the effect of each unknown on them.

    Attributes:
        residual: whitened, (M, K).
        effect: of a column's offset, its gain and each of its cells, whitened, (M, K, N + 2).
    """

    residual: Float[np.ndarray, "columns vectors"]
    effect: Float[np.ndarray, "columns vectors unknowns"]

    @classmethod
    def of(cls, prediction: Prediction, residual: np.ndarray, present: np.ndarray) -> Self:
        """Whiten residuals (K, M) by noise, and by what the calibrator's posterior leaves open."""
        count = len(residual)
        covariance = prediction.belief.copy()
        here = np.arange(count)
        covariance[:, here, here] += np.where(present.T, prediction.variance[:, None], _UNREAD)
        factor = np.linalg.cholesky(covariance)
        together = np.concatenate([residual.T[:, :, None], prediction.sensitivity], axis=2)
        together = np.where(present.T[:, :, None], together, 0.0)
        white = np.linalg.solve(factor, together)
        return cls(residual=white[:, :, 0], effect=white[:, :, 1:])

    def all_kinds(self, warmer: tuple[float, float, float] | None) -> dict[str, Found]:
        """Every kind of change, by its name.

        Args:
            warmer: change of temperature, relative change of currents per degree and its standard deviation;
                None where no temperature is known.
        """
        found = {
            "nothing": Found(log=0.0),
            "gain": self._gain(),
            "offsets": self._of_each_column(self.effect[:, :, [OFFSET]], _OFFSET_SIZES),
            "relaxation": self._of_each_column(self.effect[:, :, CELLS:], _SIZES),
            "column": self._column(),
            "row": self._row(),
            "cell": self._cell(),
        }
        if warmer is not None:
            found["temperature"] = self._temperature(*warmer)
        return found

    def _shared(self, effect: np.ndarray) -> tuple[float, float]:
        """Projection of all residuals on a shared effect (M, K), and the effect's square."""
        return float((effect * self.residual).sum()), float((effect**2).sum())

    def _gain(self) -> Found:
        across, square = self._shared(self.effect[:, :, GAIN])
        log = _one_number(across, square, _SIZES)
        return Found(log=_mean_of(log), size=_estimate(across, square))

    def _temperature(self, warmer: float, slope: float, deviation: float) -> Found:
        effect = self.effect[:, :, GAIN] * warmer
        across, square = self._shared(effect)
        # About the slope that is known: the evidence of a shift beside that of noise about it.
        shifted = across - square * slope
        log = slope * across - 0.5 * slope**2 * square + _one_number(shifted, square, np.array([deviation]))
        return Found(log=float(log[0]), size=(slope + _estimate(shifted, square + deviation**-2)) * warmer)

    def _of_each_column(self, effect: np.ndarray, sizes: np.ndarray) -> Found:
        """Independent changes in every column, of one size for all."""
        log = _many_numbers(self.residual, effect, sizes).sum(axis=1)
        best = sizes[int(np.argmax(log))]
        return Found(log=_mean_of(log), size=float(best))

    def _column(self) -> Found:
        """One column alone; everything of it may have changed."""
        per_column = _mean_over_sizes(_many_numbers(self.residual, self._all_of_column(), _SIZES))
        column = int(np.argmax(per_column))
        effect, residual = self.effect[column, :, GAIN], self.residual[column]
        size = _estimate(float(effect @ residual), float(effect @ effect))
        return Found(log=_mean_of(per_column), where=(column,), size=abs(size))

    def _all_of_column(self) -> np.ndarray:
        effect = self.effect.copy()
        effect[:, :, OFFSET] *= 0.1
        return effect

    def _row(self) -> Found:
        """One row alone: the common part of its cells, and each cell's own."""
        cells = self.effect[:, :, CELLS:]
        across = np.einsum("mkn,mk->mn", cells, self.residual)
        square = (cells**2).sum(axis=1)
        log = np.empty((len(_SIZES), cells.shape[2]))
        for i, size in enumerate(_SIZES):
            own = np.array([size * 0.3])
            separate = sum(_one_number(across[m], square[m], own)[0] for m in range(len(across)))
            left = 1.0 + own[0] ** 2 * square
            together, weight = (across / left).sum(axis=0), (square / left).sum(axis=0)
            log[i] = separate + _one_number(together, weight, np.array([size]))[0]
        per_row = _mean_over_sizes(log)
        row = int(np.argmax(per_row))
        size = _estimate(float(across[:, row].sum()), float(square[:, row].sum()))
        return Found(log=_mean_of(per_row), where=(row,), size=abs(size))

    def _cell(self) -> Found:
        cells = self.effect[:, :, CELLS:]
        across = np.einsum("mkn,mk->mn", cells, self.residual)
        square = (cells**2).sum(axis=1)
        per_cell = _mean_over_sizes(_one_number(across, square, _SIZES))
        column, row = np.unravel_index(int(np.argmax(per_cell)), per_cell.shape)
        size = _estimate(float(across[column, row]), float(square[column, row]))
        return Found(log=_mean_of(per_cell), where=(int(row), int(column)), size=abs(size))


def _one_number(across: np.ndarray | float, square: np.ndarray | float, sizes: np.ndarray) -> np.ndarray:
    """Log evidence of one number of each size, (sizes, …), from projection and square of its effect."""
    variance = sizes.reshape(-1, *([1] * np.ndim(across))) ** 2
    grown = 1.0 + variance * square
    return 0.5 * variance * np.square(across) / grown - 0.5 * np.log(grown)


def _many_numbers(residual: np.ndarray, effect: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Log evidence of independent numbers of each size in every column, (sizes, M)."""
    value, vector = np.linalg.eigh(effect @ effect.swapaxes(1, 2))
    turned = np.einsum("mkj,mk->mj", vector, residual) ** 2
    grown = 1.0 + sizes[:, None, None] ** 2 * np.maximum(value, 0.0)
    return 0.5 * ((1.0 - 1.0 / grown) * turned - np.log(grown)).sum(axis=2)


def _mean_over_sizes(log: np.ndarray) -> np.ndarray:
    most = log.max(axis=0)
    return most + np.log(np.mean(np.exp(log - most), axis=0))


def _mean_of(log: np.ndarray) -> float:
    """Logarithm of the mean of exponentials."""
    most = float(log.max())
    return most + float(np.log(np.mean(np.exp(log - most))))


def _estimate(across: float, square: float) -> float:
    return across / max(square, np.finfo(float).tiny)
