"""Law of a board's cells: how far they lie from their targets, and their read-backs from them.

Learned from the training run. A cell's relative error is counted from what the calibrator expects of its
target; a read-back's from what training read back of cells of that target, in that column and row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from crosscal.core.array_types import Float, Matrix
from crosscal.core.errors import RangeError, ShapeError, wanted
from crosscal.runtime.recalibration.posterior import CELLS, GAIN, OFFSET, ColumnPosterior, DriveErrors
from crosscal.runtime.reference.reading_noise import ReadingNoise
from crosscal.runtime.reference.temperature_law import TemperatureLaw

LEAST_OF_LARGEST = 1e-3
"""Conductance relative to the largest trained on, below which a cell's relative error has no meaning: its
current is lost beside the others'."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadBackLaw:
    """Law of a board's read-backs of cells.

    Attributes:
        curve: mean relative deviation from the target, at `CellLaw.knots_s`, (Q,).
        row, column: contributions of a cell's row and column, (N,), (M,): wires on the way, amplifiers.
        offset: what a column's offset, relative to full scale, is beyond the calibrator's where its cells
            were read back, (M,).
        relative: standard deviation of a read-back about its cell, relative to the cell.
        absolute_s: the same that does not depend on the cell [S].
    """

    curve: Float[np.ndarray, " knots"]
    row: Float[np.ndarray, " rows"]
    column: Float[np.ndarray, " columns"]
    offset: Float[np.ndarray, " columns"]
    relative: float
    absolute_s: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellLaw:
    """Law of a board's cells; checked on construction.

    Attributes:
        knots_s: ascending conductances [S], (Q,).
        programming: standard deviation of a cell's relative error at these, (Q,); zeros where cells are
            programmed more exactly than readings can tell.
        offset, gain: standard deviations by which columns differ from matrix to matrix: of the offset
            relative to full scale, of the relative gain.
        noise: standard deviation of a reading about known cells, relative to full scale.
        read_back: None where the board of the training run was not read back.
        drive_noise_v: standard deviation of an input as driven about the one asked for [V]: a converter's
            steps, noise of a driver. All columns read it; `noise` includes it.
        temperature: changes per degree; None where the training run tells nothing of them.
        reading_noise: noise by the time that readings take; None where the training run repeats no vector,
            and noise then counts as white.
    """

    knots_s: Float[np.ndarray, " knots"]
    programming: Float[np.ndarray, " knots"]
    offset: float
    gain: float
    noise: float
    read_back: ReadBackLaw | None
    drive_noise_v: float = 0.0
    temperature: TemperatureLaw | None = None
    reading_noise: ReadingNoise | None = None

    def __post_init__(self) -> None:
        knots = self.knots_s.shape
        if len(knots) != 1 or self.knots_s.size < 1 or self.programming.shape != knots:
            raise ShapeError(f"got a cell law of {knots} knots and {self.programming.shape} deviations")
        numbers = [self.knots_s, self.programming, self.offset, self.gain, self.noise, self.drive_noise_v]
        if self.read_back is not None:
            law = self.read_back
            if law.curve.shape != knots or law.offset.shape != law.column.shape:
                raise ShapeError(
                    f"got a law of read-backs of {law.curve.shape} knots, {law.column.shape} columns and "
                    f"{law.offset.shape} offsets; allowed: {knots} knots, as many offsets as columns"
                )
            numbers += [law.curve, law.row, law.column, law.offset, law.relative, law.absolute_s]
            if min(law.relative, law.absolute_s) < 0.0:
                raise RangeError("got a law of read-backs with a negative deviation; allowed: 0 or more")
        if not all(np.isfinite(each).all() for each in numbers):
            raise RangeError("got a cell law with numbers that are not finite; allowed: finite numbers")
        if self.noise <= 0.0 or min(self.programming.min(), self.offset, self.gain, self.drive_noise_v) < 0:
            raise RangeError("got a cell law with deviations below 0; allowed: 0 or more, noise above 0")

    @property
    def scatters(self) -> bool:
        """Whether cells are programmed inexactly, as far as readings can tell."""
        return bool(self.programming.any())

    def least_s(self) -> float:
        """Conductance below which a relative error has no meaning [S]."""
        return LEAST_OF_LARGEST * float(self.knots_s[-1])

    @property
    def middle_s(self) -> float:
        """Middle of the conductances trained on [S]."""
        return float(np.median(self.knots_s))

    def programming_deviation(self, target_s: Matrix) -> Matrix:
        """Standard deviation of cells' relative errors by their targets [S], (N, M)."""
        deviation = np.interp(target_s, self.knots_s, self.programming)
        return np.where(target_s > self.least_s(), deviation, 0.0)

    def expected_deviation(self, target_s: Matrix) -> Matrix:
        """Mean relative deviation of read-backs from their targets [S], (N, M); 0 without a law of them."""
        law = self.read_back
        if law is None:
            return np.zeros_like(target_s)
        return np.interp(target_s, self.knots_s, law.curve) + law.row[:, None] + law.column[None, :]

    def prior(self, target_s: Matrix) -> ColumnPosterior:
        """Knowledge of a matrix of these targets [S], (N, M), before anything of it was measured."""
        rows, columns = target_s.shape
        variance = np.empty((columns, rows + CELLS))
        variance[:, OFFSET], variance[:, GAIN] = self.offset**2, self.gain**2
        variance[:, CELLS:] = (self.programming_deviation(target_s) ** 2).T
        covariance = np.zeros((columns, rows + CELLS, rows + CELLS))
        here = np.arange(rows + CELLS)
        covariance[:, here, here] = variance
        return ColumnPosterior(
            mean=np.zeros((columns, rows + CELLS)),
            covariance=covariance,
            noise=self.noise,
            drive=DriveErrors.untaken(self.drive_noise_v, rows),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the `cell_law` entry of a file."""
        law = self.read_back
        return {
            "knots_s": self.knots_s.tolist(),
            "programming": self.programming.tolist(),
            "offset": self.offset,
            "gain": self.gain,
            "noise": self.noise,
            "drive_noise_v": self.drive_noise_v,
            "temperature": None if self.temperature is None else self.temperature.to_json(),
            "reading_noise": None if self.reading_noise is None else self.reading_noise.to_json(),
            "read_back": None
            if law is None
            else {
                "curve": law.curve.tolist(),
                "row": law.row.tolist(),
                "column": law.column.tolist(),
                "offset": law.offset.tolist(),
                "relative": law.relative,
                "absolute_s": law.absolute_s,
            },
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any], *, rows: int, columns: int) -> Self:
        """Read a file's entry.

        Raises:
            ShapeError, RangeError: a law of another array, or impossible numbers.
            KeyError, TypeError, ValueError: something is missing or of the wrong type.
        """
        read_back, law = document["read_back"], None
        if read_back is not None:
            law = ReadBackLaw(
                curve=np.array(read_back["curve"], dtype=np.float64),
                row=np.array(read_back["row"], dtype=np.float64),
                column=np.array(read_back["column"], dtype=np.float64),
                offset=np.array(read_back["offset"], dtype=np.float64),
                relative=float(read_back["relative"]),
                absolute_s=float(read_back["absolute_s"]),
            )
            if (law.row.size, law.column.size) != (rows, columns):
                raise ShapeError(
                    wanted(
                        got=f"a law of read-backs of {law.row.size} rows and {law.column.size} columns",
                        allowed=f"{rows} and {columns}",
                        remedy="export the calibrator again",
                    )
                )
        return cls(
            knots_s=np.array(document["knots_s"], dtype=np.float64),
            programming=np.array(document["programming"], dtype=np.float64),
            offset=float(document["offset"]),
            gain=float(document["gain"]),
            noise=float(document["noise"]),
            read_back=law,
            drive_noise_v=float(document.get("drive_noise_v", 0.0)),
            temperature=None
            if document.get("temperature") is None
            else TemperatureLaw.from_json(document["temperature"], columns=columns),
            reading_noise=None
            if document.get("reading_noise") is None
            else ReadingNoise.from_json(document["reading_noise"]),
        )
