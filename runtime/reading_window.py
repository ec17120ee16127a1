"""Currents that inputs of the trained window can cause, for calibrators that do not look for the inputs.

Training fits one law to all cells: an input `v` counts as `u(v)`, a column's current is about
`gain · Σ_n G[n] u(v_n) + offset`. A reading that no `u` of the window comes near, relative to the law's
residual on training readings, is refused. So is one whose level, the mean of its inputs as the columns'
total tells it, no training reading had: these calibrators interpolate between the readings they were trained
on, and a single driven row is as far from those as inputs beyond the window are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import InputError, RangeError, ShapeError, wanted
from crosscal.runtime.reading_window_kernel import ROUNDS

MOST_DEVIATIONS = 6.0
"""Root mean square over columns, relative to `deviation_a`, beyond which no inputs explain a reading. On
`lab-12x16`, `memsys2025` and a 24×10 board ordinary readings reach 2, sparse and constant ones 5.5; inputs of
±0.4 V begin at 5 and have a median of 10 to 50, 0.55 V on all rows begins at 26."""

_RIDGE = 1e-4
"""Relative to the mean square of a row: keeps the estimate of inputs finite where columns are fewer than
rows. Insensitive between 1e-6 and 1e-2, as rounds of projection follow."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadingWindow:
    """The `reading_window` entry of a calibrator file; validated on construction.

    Attributes:
        drive_v: least and most that an input of the window counts as [V].
        gain: of each column, (M,).
        offset_a: of each column [A], (M,).
        deviation_a: root mean square residual of training readings [A].
        level: least and most level of training readings, see `ReadingTest`; None in files without.
    """

    drive_v: tuple[float, float]
    gain: np.ndarray
    offset_a: np.ndarray
    deviation_a: float
    level: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        low_v, high_v = self.drive_v
        if self.gain.ndim != 1 or self.gain.size == 0 or self.offset_a.shape != self.gain.shape:
            raise ShapeError(
                wanted(
                    got=f"a reading window with gains {self.gain.shape} and offsets {self.offset_a.shape}",
                    allowed="(M,) each",
                    remedy="export the calibrator again",
                )
            )
        finite = np.isfinite(self.gain).all() and np.isfinite(self.offset_a).all()
        known = np.isfinite([low_v, high_v, self.deviation_a]).all()
        if not (finite and known and low_v < high_v and self.deviation_a > 0.0):
            raise RangeError(
                wanted(
                    got=f"a reading window of {low_v} V to {high_v} V, deviation {self.deviation_a} A",
                    allowed="finite numbers, the lower first, a deviation above 0",
                    remedy="export the calibrator again",
                )
            )

    def to_json(self) -> dict[str, Any]:
        """Return the entry as plain JSON values."""
        return {
            "drive_v": [float(limit) for limit in self.drive_v],
            "gain": [float(value) for value in self.gain],
            "offset_a": [float(value) for value in self.offset_a],
            "deviation_a": float(self.deviation_a),
        } | ({} if self.level is None else {"level": [float(limit) for limit in self.level]})

    @classmethod
    def from_json(cls, document: Mapping[str, Any], *, columns: int) -> ReadingWindow:
        """Read the entry.

        Raises:
            InputError: values that cannot be used, or of another number of columns.
            KeyError, TypeError, ValueError: something is missing or of the wrong type.
        """
        low_v, high_v = document["drive_v"]
        level = document.get("level")
        window = cls(
            drive_v=(float(low_v), float(high_v)),
            gain=np.array([float(value) for value in document["gain"]]),
            offset_a=np.array([float(value) for value in document["offset_a"]]),
            deviation_a=float(document["deviation_a"]),
            level=None if level is None else (float(level[0]), float(level[1])),
        )
        if window.gain.size != columns:
            raise InputError(f"got a reading window of {window.gain.size} columns; allowed: {columns}")
        return window

    def of_matrix(self, conductance_s: Matrix, voltage_range_v: tuple[float, float]) -> ReadingTest:
        """Compile the test of one matrix's readings.

        Args:
            conductance_s: target [S], (N, M).
            voltage_range_v: inputs trained on [V].
        """
        low_v, high_v = self.drive_v
        caused_a = conductance_s * self.gain
        width_v = max(voltage_range_v[1] - voltage_range_v[0], np.finfo(float).tiny)
        return ReadingTest(
            scale=np.full(self.gain.size, 1.0 / self.deviation_a),
            middle=(self.offset_a + caused_a.sum(axis=0) * (low_v + high_v) / 2.0) / self.deviation_a,
            response=caused_a * ((high_v - low_v) / self.deviation_a),
            slope=self.gain * ((high_v - low_v) / width_v / self.deviation_a),
            level=(-np.inf, np.inf) if self.level is None else self.level,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadingTest:
    """The test of one matrix's readings: is `scale · I − middle` near `responseᵀ w` for a `w` within ±½?

    Attributes:
        scale: [1/A], (M,). middle: (M,). response: (N, M).
        slope: change of `scale · I` with an ideal current [1/A], (M,).
        level: least and most `total · (scale · I − middle)` that is not refused.
    """

    scale: np.ndarray
    middle: np.ndarray
    response: np.ndarray
    slope: np.ndarray
    level: tuple[float, float] = (-np.inf, np.inf)

    @property
    def total(self) -> np.ndarray:
        """Weights that tell a reading's level, (M,): independent `w` of unit variance give one of 1."""
        answer = self.response.sum(axis=0)
        return answer / max(float(np.linalg.norm(self.response @ answer)), np.finfo(float).tiny)

    def trimmed(self, gain: np.ndarray, offset_a: np.ndarray) -> ReadingTest:
        """Return a test that doubts each column as much more as a recalibration has changed it.

        Gain and offset after a calibration hold errors of the calibrator itself beside those of the board, so
        that they say how far a column's readings may have moved, not by how much they have.

        Args:
            gain: of each column, (M,). offset_a: of each column [A], (M,).
        """
        moved = np.abs(gain - 1.0) * np.abs(self.middle) + np.abs(offset_a) * np.abs(self.slope)
        share = 1.0 / np.sqrt(1.0 + moved**2)
        return ReadingTest(
            scale=self.scale * share,
            middle=self.middle * share,
            response=self.response * share,
            slope=self.slope * share,
            level=self.level,
        )

    def packed(self) -> np.ndarray:
        """Return all as one float32 array, in the order that `reading_window_kernel` documents."""
        rows, columns = self.response.shape
        squares = (self.response**2).sum(axis=1)
        gram = self.response @ self.response.T
        ridge = _RIDGE * max(squares.mean(), np.finfo(float).tiny)
        estimate = np.linalg.solve(gram + ridge * np.eye(rows), self.response)
        inverse = np.divide(1.0, squares, out=np.zeros(rows), where=squares > 0.0)
        head = np.array([rows, MOST_DEVIATIONS**2 * columns, ROUNDS])
        level = np.concatenate([self.total, self.level])
        parts = (head, self.scale, self.middle, inverse, estimate, self.response, level)
        return np.concatenate([part.reshape(-1) for part in parts]).astype(np.float32)
