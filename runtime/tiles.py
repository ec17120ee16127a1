"""Calibration of a matrix spread over tiles: tile by tile with one calibrator, then the rest of the sums."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import CalibratorFileError, ShapeError, wanted
from crosscal.core.validation import real_array
from crosscal.runtime.calibrator import Calibrator
from crosscal.runtime.programmed import ProgrammedCalibrator
from crosscal.runtime.recalibration.column_refit import refit_columns
from crosscal.runtime.recalibration.posterior import GAIN, OFFSET, ColumnPosterior
from crosscal.runtime.recalibration.report import RecalibrationReport
from crosscal.runtime.validation import checked_matrix, known_readings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TiledCalibrator:
    """One calibrator file for every tile of a board, all of its tiles being of the calibrator's size.

    A board of tiles reads only sums of the currents of tiles above each other, and no calibrator can tell the
    parts of a sum apart. But a row of tiles answers alone where its rows alone are driven, the others at 0 V:
    `driven` makes such vectors of any, as many as there are rows of tiles. Each costs a read, and brings the
    read noise and the offsets of the whole column with it.

    Attributes:
        tile: calibrator of one tile; it was trained on matrices of its size.
    """

    tile: Calibrator

    def program(self, conductance_s: Any, *, allow_extrapolation: bool = False) -> ProgrammedTiles:
        """Compile the calibrator for every tile of a matrix.

        Args:
            conductance_s: the target matrix [S], (P·N, Q·M) for tiles of N×M.
            allow_extrapolation: as for `Calibrator.program`.

        Raises:
            ShapeError: a matrix that is no whole number of tiles.
            RangeError: conductances that cannot be used, or outside the range trained on.
            CalibratorFileError: a model of another maker that does not say its size.
        """
        rows, columns = self.tile.shape
        if rows is None or columns is None:
            allowed = "a calibrator of a known number of rows and columns"
            raise CalibratorFileError(
                wanted(got=f"{self.tile!r}", allowed=allowed, remedy="export it with fixed dimensions")
            )
        matrix = checked_matrix(conductance_s, None, None)
        if matrix.shape[0] % rows or matrix.shape[1] % columns:
            got, allowed = f"a matrix of shape {matrix.shape}", f"whole tiles of {rows}×{columns}"
            raise ShapeError(wanted(got=got, allowed=allowed, remedy="give the matrix of the whole board"))
        tiles = tuple(
            tuple(
                self.tile.program(
                    matrix[p : p + rows, q : q + columns], allow_extrapolation=allow_extrapolation
                )
                for q in range(0, matrix.shape[1], columns)
            )
            for p in range(0, matrix.shape[0], rows)
        )
        return ProgrammedTiles(conductance_s=matrix, tiles=tiles)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProgrammedTiles:
    """Calibrates the partial currents of one programmed matrix.

    Attributes:
        conductance_s: the whole target matrix [S], (N, M), read-only.
        tiles: the calibrators of the tiles, P rows of Q.
        left: correction of the sums, an offset and a gain per column; None before any recalibration.
        report: findings of the last fit across tiles; None before the first.
    """

    conductance_s: Matrix
    tiles: tuple[tuple[ProgrammedCalibrator, ...], ...]
    left: ColumnPosterior | None = None
    report: RecalibrationReport | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """`(N, M)` of the whole board."""
        rows, columns = self.conductance_s.shape
        return rows, columns

    @property
    def grid(self) -> tuple[int, int]:
        """`(P, Q)`, rows and columns of tiles."""
        return len(self.tiles), len(self.tiles[0])

    def at(self, **conditions: float) -> ProgrammedTiles:
        """Return it for readings under other conditions, as `ProgrammedCalibrator.at` does for every tile.

        The correction of the sums stays as it is.
        """
        tiles = tuple(tuple(tile.at(**conditions) for tile in row) for row in self.tiles)
        return replace(self, tiles=tiles)

    def driven(self, voltage_v: Any) -> np.ndarray:
        """Turn vectors into those that drive one row of tiles at a time.

        `partial_a = board.measure(tiles.driven(v)).reshape(len(v), -1, M)` are the currents to calibrate.

        Args:
            voltage_v: [V], (B, N).

        Returns:
            [V], (B·P, N): P in a row for every vector, each 0 V but for the rows of one row of tiles.

        Raises:
            ShapeError: vectors of another board.
        """
        vectors_v = real_array(voltage_v, "vectors")
        rows, tall = self.shape[0], self.grid[0]
        if vectors_v.ndim != 2 or vectors_v.shape[1] != rows:
            got = f"vectors of shape {vectors_v.shape}"
            raise ShapeError(wanted(got=got, allowed=f"(any, {rows})", remedy="give one voltage per row"))
        of_tiles = np.arange(rows) // (rows // tall) == np.arange(tall)[:, None]
        return (vectors_v[:, None, :] * of_tiles).reshape(-1, rows)

    def __call__(self, partial_a: Any, *, allow_extrapolation: bool = False) -> np.ndarray:
        """Calibrate partial currents, and add them.

        Args:
            partial_a: measured with one row of tiles driven at a time [A], (P, M) or (B, P, M).
            allow_extrapolation: as for a call of `ProgrammedCalibrator`.

        Returns:
            Calibrated currents of the whole matrix [A], (M,) or (B, M).

        Raises:
            ShapeError, RangeError: as for `ProgrammedCalibrator`.
        """
        sums_a = self._summed(self._parts(partial_a), allow_extrapolation=allow_extrapolation)
        if self.left is not None:
            sums_a = sums_a * (1.0 + self.left.mean[:, GAIN]) + self.left.mean[:, OFFSET]
        return sums_a[0] if np.ndim(partial_a) == 2 else sums_a

    def recalibrated(self, voltage_v: Any, partial_a: Any) -> ProgrammedTiles:
        """Learn from known vectors: every tile by itself, then a gain and an offset of every sum.

        The evidence decides both times how far to go; where tiles explain all there is to explain, nothing
        is left for the sums.

        Args:
            voltage_v: vectors that were applied [V], (K, N), two or more.
            partial_a: currents measured for `driven(voltage_v)` [A], (K, P, M).

        Returns:
            New calibrators; these stay as they are.

        Raises:
            ShapeError, RangeError, InputError: as for `ProgrammedCalibrator.recalibrated`.
        """
        parts_a = self._parts(partial_a)
        vectors_v, _, _ = known_readings(voltage_v, parts_a.sum(axis=1), None, self.shape)
        rows, columns = self.tiles[0][0].shape
        learned = tuple(
            tuple(
                tile.recalibrated(
                    np.ascontiguousarray(vectors_v[:, p * rows : (p + 1) * rows]),
                    np.ascontiguousarray(parts_a[:, p, q * columns : (q + 1) * columns]),
                )
                for q, tile in enumerate(across)
            )
            for p, across in enumerate(self.tiles)
        )
        tiles = replace(self, tiles=learned)
        sums_a = tiles._summed(parts_a, known=True)
        present = np.isfinite(sums_a)
        refit = refit_columns(
            vectors_v,
            np.where(present, sums_a, 0.0),
            vectors_v @ self.conductance_s,
            present,
            posterior=self.left,
        )
        return replace(tiles, left=refit.posterior, report=refit.report)

    def _parts(self, partial_a: Any) -> np.ndarray:
        parts_a = real_array(partial_a, "partial currents", masked_as_nan=True)
        allowed = self.grid[0], self.shape[1]
        if parts_a.ndim not in (2, 3) or parts_a.shape[-2:] != allowed:
            got = f"partial currents of shape {parts_a.shape}"
            remedy = "measure driven(vectors), and reshape to (vectors, rows of tiles, columns)"
            raise ShapeError(wanted(got=got, allowed=f"{allowed}, or a batch of such", remedy=remedy))
        return parts_a.reshape(-1, *allowed)

    def _summed(
        self, parts_a: np.ndarray, *, known: bool = False, allow_extrapolation: bool = False
    ) -> np.ndarray:
        """Add calibrated parts; of known vectors, whatever was read of them, with NaN where nothing was."""
        sums_a = np.zeros((len(parts_a), self.shape[1]))
        columns = self.tiles[0][0].shape[1]
        for p, across in enumerate(self.tiles):
            for q, tile in enumerate(across):
                span = slice(q * columns, (q + 1) * columns)
                part_a = np.ascontiguousarray(parts_a[:, p, span])
                sums_a[:, span] += tile(
                    part_a, allow_nan=known, allow_extrapolation=known or allow_extrapolation
                )
        return sums_a
