"""Strict checks of a caller's arguments, before a single byte is sent."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from crosscal.core.errors import InputError, RangeError, ShapeError, wanted
from crosscal.core.validation import real_array, require_finite


def checked_matrix(
    conductance_s: ArrayLike, shape: tuple[int, int], limits_s: tuple[float, float]
) -> np.ndarray:
    """Check a target matrix.

    Args:
        conductance_s: conductances [S], (N, M).
        shape: `(N, M)` of the board.
        limits_s: smallest and largest conductance allowed [S].

    Returns:
        The matrix as contiguous float64, (N, M).

    Raises:
        ShapeError, RangeError, InputError
    """
    matrix = _rows(conductance_s, "conductances")
    if matrix.shape != shape:
        turned = "; transpose it: rows are inputs, columns outputs" if matrix.shape == shape[::-1] else ""
        raise ShapeError(
            wanted(
                got=f"conductances of shape {matrix.shape}",
                allowed=f"the board's shape {shape}",
                remedy="give one conductance per cell" + turned,
            )
        )
    require_finite(matrix, "conductances")
    low, high = limits_s
    outside = np.argwhere((matrix < low) | (matrix > high))
    if outside.size:
        row, column = outside[0]
        raise RangeError(
            wanted(
                got=f"{len(outside)} of {matrix.size} cells out of range, the first at row {row + 1}, column "
                f"{column + 1} (counted from 1) with {matrix[row, column]:.6g} S",
                allowed=f"{low:.6g} to {high:.6g} S",
                remedy="scale or clip the matrix",
            )
        )
    return matrix


def checked_vectors(voltage_v: ArrayLike, rows: int) -> np.ndarray:
    """Check the form of input vectors; their magnitude is for `require_protected`.

    Args:
        voltage_v: voltages [V], (N,) or (B, N).
        rows: N of the board.

    Returns:
        The vectors as contiguous float64, (B, N), with B = 1 for a single one.

    Raises:
        ShapeError, RangeError, InputError
    """
    vectors = _rows(voltage_v, "voltages")
    if vectors.ndim not in (1, 2) or vectors.shape[-1] != rows or vectors.size == 0:
        raise ShapeError(
            wanted(
                got=f"voltages of shape {vectors.shape}",
                allowed=f"({rows},) for one vector or (B, {rows}) for a batch of at least one",
                remedy="give one voltage per row of the board",
            )
        )
    require_finite(vectors, "voltages")
    return np.atleast_2d(vectors)


def require_protected(vectors: np.ndarray, protection_v: float) -> None:
    """Refuse vectors that the board's protection would refuse.

    Raises:
        RangeError: a magnitude beyond the protection voltage.
    """
    largest = float(np.abs(vectors).max())
    if largest > protection_v:
        raise RangeError(
            wanted(
                got=f"voltages up to {largest:.6g} V in magnitude",
                allowed=f"{protection_v:.6g} V, the board's protection voltage",
                remedy="use smaller inputs; the protection keeps cells from being written or damaged",
            )
        )


def checked_number(value: object, name: str, limits: tuple[float, float], unit: str, *, whole: bool) -> float:
    """Check one setting.

    Args:
        value: as the caller gave it.
        name: the setting, for messages.
        limits: smallest and largest allowed [`unit`].
        unit: its unit, empty for pure numbers.
        whole: whether only whole numbers are allowed.

    Raises:
        InputError: no number.
        RangeError: not finite, not whole, or outside.
    """
    if isinstance(value, bool | str) or not isinstance(value, int | float | np.integer | np.floating):
        raise InputError(
            wanted(
                got=f"{value!r} for {name}", allowed="a number", remedy=f"give it in {unit or 'plain units'}"
            )
        )
    low, high = limits
    if not (math.isfinite(value) and low <= value <= high) or (whole and value != int(value)):
        raise RangeError(
            wanted(
                got=f"{name} = {value!r}",
                allowed=f"{'whole numbers from ' if whole else ''}{low:.6g} to {high:.6g} {unit}".rstrip(),
                remedy="choose a value in this range",
            )
        )
    return int(value) if whole else float(value)


def checked_range(range_a: float, ranges_a: tuple[float, ...]) -> float:
    """Check a full scale to ask for [A]; the board rounds it up to one it has.

    Raises:
        RangeError: not positive, or beyond the largest.
    """
    value = checked_number(range_a, "range_a", (0.0, math.inf), "A", whole=False)
    if not 0 < value <= ranges_a[-1]:
        have = ", ".join(f"{full_scale:.3g}" for full_scale in ranges_a)
        raise RangeError(
            wanted(
                got=f"range_a = {value:.6g}",
                allowed=f"more than 0, up to {ranges_a[-1]:.6g} A",
                remedy=f"choose one that the board has: {have} A",
            )
        )
    return value


def checked_command(text: str, *, query: bool) -> bytes:
    """Check a command or query that the caller wrote, and root it.

    Raises:
        InputError: not one line of ASCII, or a query where none is to be, or the reverse.
    """
    unit = text.strip()
    if not unit or not unit.isascii() or any(mark in unit for mark in "\r\n;"):
        raise InputError(
            wanted(
                got=repr(text), allowed="one command in one line of ASCII", remedy="send them one at a time"
            )
        )
    if ("?" in unit.split(" ", 1)[0]) is not query:
        kind, other = ("a query", "send") if query else ("a command that is no query", "query")
        raise InputError(wanted(got=repr(text), allowed=kind, remedy=f"use {other}() for the other kind"))
    return (unit if unit.startswith(("*", ":")) else f":{unit}").encode()


def _rows(values: ArrayLike, name: str) -> np.ndarray:
    """Return real numbers row by row, as they travel."""
    return np.asarray(real_array(values, name), order="C")
