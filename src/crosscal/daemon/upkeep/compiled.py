"""The calibrator that reads go through: a committed file, compiled for the matrix that the board holds."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Self

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import CalibratorFileError
from crosscal.runtime import Calibrator, ProgrammedCalibrator, recalibrated_calibrator

_ORIGIN = "the calibrator in use"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compiled:
    """A calibrator file, loaded and compiled.

    Attributes:
        content: of the file.
        calibrator: loaded from it; loading takes some tenths of a second, compiling some milliseconds.
        programmed: for the matrix that the board holds.
    """

    content: bytes
    calibrator: Calibrator
    programmed: ProgrammedCalibrator

    @classmethod
    def of(cls, content: bytes, target_s: Matrix, *, like: Calibrator) -> Self:
        """Compile a file for a matrix.

        Args:
            content: of the file.
            target_s: the matrix [S], (N, M).
            like: a calibrator that is loaded; of a file with the same graph this need not be opened again.

        Raises:
            CalibratorFileError: it is damaged. ShapeError, RangeError: it is no calibrator of this matrix.
        """
        calibrator = _loaded(content, like)
        return cls(content=content, calibrator=calibrator, programmed=calibrator.program(target_s))

    def carrying(self, programmed: ProgrammedCalibrator) -> Self:
        """Return the same file with its latest recalibration, not committed."""
        return type(self)(content=self.content, calibrator=self.calibrator, programmed=programmed)

    def facts_of(self, target_s: Matrix) -> Mapping[str, Any] | None:
        """Facts of the latest recalibration of this very target; None if there was none."""
        record = self.calibrator.recalibration
        return record.history[-1] if record is not None and record.is_of(target_s) else None

    def recalibrated(self, programmed: ProgrammedCalibrator, facts: Mapping[str, Any]) -> Self:
        """Return the file once more with what `programmed` has learned, checked."""
        renewed = recalibrated_calibrator(self.calibrator, programmed, facts=facts, origin=_ORIGIN)
        return type(self)(content=renewed.content, calibrator=renewed, programmed=programmed)


def _loaded(content: bytes, like: Calibrator) -> Calibrator:
    if like.content == content:
        return like
    # Another version of the same graph, as recalibrations and rollbacks are.
    with suppress(CalibratorFileError):
        return like.with_metadata_of(content, origin=_ORIGIN)
    return Calibrator.from_bytes(content, origin=_ORIGIN)


def same_target(one_s: Matrix, other_s: Matrix) -> bool:
    """Compare targets to the digits that boards with 32-bit numbers send."""
    return np.array_equal(one_s.astype(np.float32), other_s.astype(np.float32))


def digest_of(target_s: Matrix) -> str:
    """Name a matrix [S] by a checksum, to the digits that boards with 32-bit numbers send."""
    return sha256(target_s.astype("<f4").tobytes()).hexdigest()
