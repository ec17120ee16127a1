"""The calibrator that reads go through: a committed file, compiled for the matrix that the board holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.runtime import Calibrator, ProgrammedCalibrator, recalibrated_content

_ORIGIN = "the calibrator in use"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compiled:
    """A calibrator file, loaded, and what it compiled to.

    Attributes:
        content: of the file.
        calibrator: loaded from it; loading takes some tenths of a second, compiling some milliseconds.
        programmed: for the matrix that the board holds.
    """

    content: bytes
    calibrator: Calibrator
    programmed: ProgrammedCalibrator

    @classmethod
    def of(cls, content: bytes, target_s: Matrix, *, like: Compiled | None = None) -> Self:
        """Compile a file for a matrix.

        Args:
            content: of the file.
            target_s: the matrix [S], (N, M).
            like: what is in use; of the same file it need not be loaded again.

        Raises:
            CalibratorFileError: it is damaged. ShapeError, RangeError: it is no calibrator of this matrix.
        """
        if like is not None and like.content == content:
            calibrator = like.calibrator
        else:
            calibrator = Calibrator.from_bytes(content, origin=_ORIGIN)
        return cls(content=content, calibrator=calibrator, programmed=calibrator.program(target_s))

    def recalibrated(self, programmed: ProgrammedCalibrator, facts: Mapping[str, Any]) -> Self:
        """Return the file once more with what `programmed` has learned, checked."""
        content = recalibrated_content(self.content, programmed, facts=facts, origin=_ORIGIN)
        loaded = Calibrator.from_bytes(content, origin=_ORIGIN)
        return type(self)(content=content, calibrator=loaded, programmed=programmed)


def same_target(one_s: Matrix, other_s: Matrix) -> bool:
    """Compare targets to the digits that boards with 32-bit numbers send."""
    return np.array_equal(one_s.astype(np.float32), other_s.astype(np.float32))
