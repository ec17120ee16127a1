"""A target matrix in a file, as commands take it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import InputError, wanted


def read_matrix(path: Path) -> Matrix:
    """Read conductances [S], (N, M): numpy's `.npy`, or text with a row per line and commas between.

    Raises:
        InputError: no matrix of numbers.
        OSError: it cannot be opened.
    """
    try:
        matrix = np.load(path) if path.suffix == ".npy" else np.loadtxt(path, delimiter=",", ndmin=2)
    except ValueError as error:
        raise InputError(
            wanted(
                got=f"{path}, which holds no matrix ({str(error).splitlines()[0]})",
                allowed=".npy, or text with commas, of conductances in siemens",
                remedy="write one with numpy.save or numpy.savetxt(…, delimiter=',')",
            )
        ) from error
    return matrix
