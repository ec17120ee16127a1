"""Sequential test of whitened residuals: CUSUM charts of a stated false-alarm rate.

Three kinds of chart share the false alarms evenly: one for the common part of all readings (gain), one for
each column (its amplifier, or a cell), and one for all residuals together (cells that wander each its own
way). The first is Page's, optimal for a shift of known size and direction; the others are Crosier's, for a
shift of known size in any direction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from crosscal.core.array_types import Float
from crosscal.core.errors import InputError, ShapeError, wanted
from crosscal.runtime.drift.chart_kernel import advance_charts, run_to_alarm
from crosscal.runtime.drift.run_length import LEAST_RUN_LENGTH, held_length, plain_threshold, threshold

MOST_DEVIATIONS = 5.0
"""Magnitude to which a whitened residual is held, so that no single wild reading raises an alarm; insensitive
between 4 and 6, which noise reaches once in 16,000 and in 500 million."""

_SHIFT_PER_ROOT = 0.35
"""k of a vector chart, relative to the square root of its dimensions."""

_LEAST_K = 0.5
"""k of the common chart: half of a shift by one standard deviation, the one it finds first (Page, 1954)."""

_KINDS = 3  # of charts, among which the false alarms are shared
_TRIALS = 200  # the mean of so many delays is known to 7 % where they scatter as much as they last
_LONGEST = 10_000_000  # readings of a trial: twenty years of one a minute, a second's computation

_WARM_UP = 64
"""Readings of a trial before the change. A walk that is drawn back by k forgets its beginning in 2/k²
readings: eight on the slowest chart."""


class Chart(StrEnum):
    """The chart that raised an alarm."""

    COMMON = "common"
    COLUMN = "column"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A change that noise does not explain.

    Attributes:
        chart: the chart that found it.
        column: of a chart of one column, from 0; None of the others.
        statistic: of the chart, relative to its threshold.
        readings: readings since the test was begun or reset.
    """

    chart: Chart
    column: int | None
    statistic: float
    readings: int


class DriftTest:
    """Charts of S sentinel vectors and M columns.

    Args:
        vectors: S.
        columns: M.
        run_length: mean number of readings to a false alarm, of all charts together.

    Raises:
        InputError: less than one vector or column, or a run length below 2.
    """

    def __init__(self, vectors: int, columns: int, *, run_length: float) -> None:
        if not run_length >= LEAST_RUN_LENGTH:
            raise InputError(
                wanted(
                    got=f"a run length of {run_length} readings",
                    allowed=f"{LEAST_RUN_LENGTH:g} or more",
                    remedy="allow fewer false alarms",
                )
            )
        if vectors < 1 or columns < 1:
            raise InputError(
                wanted(
                    got=f"{vectors} vectors, {columns} columns", allowed="1 or more", remedy="ask for more"
                )
            )
        self._shape, self._run_length = (columns, vectors), run_length
        dimensions = (1, vectors, vectors * columns)
        self._taken_off = np.array([max(_LEAST_K, _SHIFT_PER_ROOT * math.sqrt(p)) for p in dimensions])
        self._taken_off[0] = _LEAST_K
        # One column alone is all of them: the chart of all would say the same twice.
        share = run_length * (_KINDS if columns > 1 else _KINDS - 1)
        self._thresholds = np.array(
            [
                plain_threshold(self._taken_off[0], share),
                threshold(float(self._taken_off[1]), share * columns, dimensions[1]),
                threshold(float(self._taken_off[2]), share, dimensions[2]) if columns > 1 else math.inf,
            ]
        )
        self._held = np.array(
            [
                0.0,
                *(held_length(float(k), p) for k, p in zip(self._taken_off[1:], dimensions[1:], strict=True)),
            ]
        )
        self.reset()

    @property
    def run_length(self) -> float:
        """Stated mean number of readings to a false alarm."""
        return self._run_length

    @property
    def taken_off(self) -> Float[np.ndarray, " kinds"]:
        """k of the chart of the common part, of a column's, and of the chart of all."""
        return self._taken_off

    @property
    def thresholds(self) -> Float[np.ndarray, " kinds"]:
        """Thresholds, likewise."""
        return self._thresholds

    @property
    def statistic(self) -> float:
        """The chart nearest to its alarm: 0 for none, above 1 an alarm."""
        return float(np.max(self._relative()))

    def reset(self) -> None:
        """Begin anew, as after a recalibration."""
        self._common = np.zeros(2)
        self._columns, self._whole = np.zeros(self._shape), np.zeros(self._shape)
        self._values = np.zeros(2 + self._shape[0])
        self._readings = 0

    def update(self, z: Float[np.ndarray, "vectors columns"], z_common: float) -> Alarm | None:
        """Add a reading of all sentinels.

        Args:
            z: whitened residuals, (S, M); 0 where a reading is missing.
            z_common: whitened estimate of the common part.

        Returns:
            The alarm of the chart farthest beyond its threshold; None while there is none.

        Raises:
            ShapeError: residuals of another shape.
        """
        if z.shape != self._shape[::-1]:
            raise ShapeError(f"got residuals of shape {z.shape}; allowed: {self._shape[::-1]}")
        held = np.clip(np.ascontiguousarray(z.T), -MOST_DEVIATIONS, MOST_DEVIATIONS)
        common = float(np.clip(z_common, -MOST_DEVIATIONS, MOST_DEVIATIONS))
        advance_charts(self._common, self._columns, self._whole, held, common, self._taken_off, self._values)
        self._readings += 1
        relative = self._relative()
        worst = int(np.argmax(relative))
        if relative[worst] <= 1.0:
            return None
        kinds = {0: Chart.COMMON, 1: Chart.ALL}
        return Alarm(
            chart=kinds.get(worst, Chart.COLUMN),
            column=worst - 2 if worst >= 2 else None,
            statistic=float(relative[worst]),
            readings=self._readings,
        )

    def delays(
        self,
        shift: Float[np.ndarray, "vectors columns"],
        pattern: Float[np.ndarray, "vectors columns"],
        *,
        rng: np.random.Generator,
        trials: int = _TRIALS,
        warm_up: int = _WARM_UP,
    ) -> np.ndarray:
        """Readings from a sudden change to its alarm, trial by trial, simulated on white noise.

        Args:
            shift: of the whitened residuals, (S, M).
            pattern: of the common part, (S, M), of any length.
            rng: draws the noise. trials: how many. warm_up: readings before the change.
        """
        unit = np.ascontiguousarray((pattern / np.linalg.norm(pattern)).T)
        moved = np.ascontiguousarray(shift.T)
        return np.array(
            [
                run_to_alarm(
                    moved,
                    float((moved * unit).sum()),
                    unit,
                    self._taken_off,
                    self._thresholds,
                    warm_up,
                    MOST_DEVIATIONS,
                    _LONGEST,
                    rng,
                )
                for _ in range(trials)
            ]
        )

    def _relative(self) -> np.ndarray:
        """Values beyond what noise alone holds them at, relative to the threshold's, (2 + M,)."""
        order = np.concatenate([[0, 2], np.ones(self._shape[0], dtype=int)])
        held, most = self._held[order], self._thresholds[order]
        return np.maximum(self._values - held, 0.0) / (most - held)
