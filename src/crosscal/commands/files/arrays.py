"""Arrays of numbers in files: a target matrix, or vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import InputError, wanted


def read_matrix(path: Path) -> Matrix:
    """Read conductances [S], (N, M): numpy's `.npy`, or text with a row per line and commas between.

    Raises:
        InputError: no matrix of numbers.
        OSError: it cannot be opened.
    """
    return _loaded(path, least_rank=2)


def read_numbers(path: Path) -> np.ndarray:
    """Read an array from a .npy or .csv file.

    Raises:
        InputError: the file is of another kind, or damaged.
        OSError: it cannot be opened.
    """
    if path.suffix not in (".npy", ".csv"):
        allowed = "a .npy file of numpy, or a .csv file of numbers and commas"
        raise InputError(wanted(got=f"{path}", allowed=allowed, remedy="save the array as one of these"))
    return _loaded(path, least_rank=0)


def _loaded(path: Path, *, least_rank: Literal[0, 2]) -> np.ndarray:
    try:
        if path.suffix == ".npy":
            # A complex number must not lose its imaginary part here.
            return np.load(path, allow_pickle=False).astype(np.float64, casting="same_kind")
        return np.loadtxt(path, delimiter=",", ndmin=least_rank)
    except (ValueError, TypeError, EOFError) as error:
        raise InputError(
            wanted(
                got=f"{path}, a file without numbers ({str(error).splitlines()[0]})",
                allowed=".npy, or text with commas",
                remedy="write one with numpy.save or numpy.savetxt(…, delimiter=',')",
            )
        ) from error
