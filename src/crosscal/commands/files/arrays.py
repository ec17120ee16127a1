"""Arrays of numbers in files: a target matrix, or vectors."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Literal

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import InputError, wanted
from crosscal.core.file_content import NUMPY, TEXT, describe_content
from crosscal.core.file_errors import remedy_of
from crosscal.core.text_file import read_text
from crosscal.core.validation import real_array

ALLOWED = "a .npy file of numpy, or text with commas such as .csv"


def read_matrix(path: Path) -> Matrix:
    """Read conductances [S], (N, M): numpy's `.npy`, or text with a row per line and commas between.

    Raises:
        InputError: it cannot be opened, or holds no numbers.
    """
    return _read(path, least_rank=2)


def read_numbers(path: Path) -> np.ndarray:
    """Read an array from a .npy file or from text; a single column or row of text has one dimension.

    Raises:
        InputError: it cannot be opened, or holds no numbers.
    """
    return _read(path, least_rank=0)


def _read(path: Path, *, least_rank: Literal[0, 2]) -> np.ndarray:
    """Read by content, for names lie: `G.NPY` is a .npy file, and a .npz may be called .npy."""
    try:
        content = describe_content(path)
        if content == NUMPY:
            # Mapped first: a header that claims more than the file holds must not be believed.
            array = np.array(np.load(path, mmap_mode="r", allow_pickle=False))
        elif content == TEXT:
            array = _read_text(path, least_rank)
        else:
            raise ValueError(f"it is {content}")
        if array.size == 0:
            raise ValueError("it is empty")
    except (ValueError, TypeError, EOFError, OverflowError, MemoryError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(
            wanted(
                got=f"{path}, a file without numbers that can be read ({reason})",
                allowed=ALLOWED,
                remedy="write one with numpy.save or numpy.savetxt(…, delimiter=',')",
            )
        ) from error
    except OSError as error:
        raise InputError(
            wanted(
                got=f"{path}: {error.strerror or error}",
                allowed=ALLOWED,
                remedy=remedy_of(error.errno, writing=False),
            )
        ) from error
    return real_array(array, f"numbers in {path}")


def _read_text(path: Path, least_rank: Literal[0, 2]) -> np.ndarray:
    text = read_text(path)
    delimiter: str | None = ","
    if ";" in text:
        # Spreadsheets of countries with a decimal comma separate by semicolons.
        delimiter, text = ";", text.replace(",", ".")
    elif "," not in text:
        delimiter = None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="loadtxt: input contained no data")
        return np.loadtxt(io.StringIO(text), delimiter=delimiter, ndmin=least_rank)
