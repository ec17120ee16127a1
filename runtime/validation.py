"""Validation of arrays that callers hand in, before anything is computed from them or written into."""

from __future__ import annotations

from typing import Any

import numpy as np

from crosscal.core.errors import InputError, RangeError, ShapeError, wanted
from crosscal.core.validation import real_array, require_finite

_READING_TYPES = (np.dtype(np.float64), np.dtype(np.float32))


def readable_currents(current_a: Any, columns: int) -> np.ndarray:
    """Return currents as kernels take them: float32 or float64, contiguous, aligned; copied only if needed.

    Args:
        current_a: [A], (M,) or (B, M).
        columns: M.

    Raises:
        InputError: values that are no real numbers.
        ShapeError: another shape.
    """
    if type(current_a) is not np.ndarray or current_a.dtype not in _READING_TYPES:
        current_a = real_array(current_a, "currents", keep_float32=True, masked_as_nan=True)
    if current_a.ndim not in (1, 2) or current_a.shape[-1] != columns:
        raise ShapeError(
            wanted(
                got=f"currents of shape {current_a.shape}",
                allowed=f"({columns},) or (vectors, {columns}), as this calibrator is for {columns} columns",
                remedy="use the calibrator that was trained for this board's size",
            )
        )
    if not current_a.flags.carray:
        # Also reached by read-only arrays, which are returned as they are.
        current_a = np.require(current_a, requirements=("C", "A"))
    return current_a


def writable_output(out: Any, current_a: np.ndarray) -> np.ndarray:
    """Return the memory of `out`, if currents like `current_a` can be calibrated into it.

    Raises:
        InputError: not a writable, contiguous array of the same type, or one that overlaps the currents.
        ShapeError: another shape.
    """
    plain = isinstance(out, np.ndarray) and not isinstance(out, np.ma.MaskedArray)
    if not plain or out.dtype != current_a.dtype or not out.flags.carray:
        got = (
            f"{out.dtype} {out.flags}".replace("\n", "")
            if isinstance(out, np.ndarray)
            else type(out).__name__
        )
        raise InputError(
            wanted(
                got=f"out= {got}",
                allowed=f"a writable, contiguous {current_a.dtype} array, as the currents are",
                remedy="make it with np.empty_like(currents)",
            )
        )
    if out.shape != current_a.shape:
        raise ShapeError(f"got out= of shape {out.shape}; allowed: that of the currents, {current_a.shape}")
    if out is not current_a and _overlap_in_part(out, current_a):
        raise InputError(
            "got out= that overlaps the currents in part; allowed: the same array, or one apart from it"
        )
    return out if type(out) is np.ndarray else out.view(np.ndarray)


def _overlap_in_part(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether writing one could change unread parts of the other; the same memory could not."""
    return np.may_share_memory(one, other) and one.ctypes.data != other.ctypes.data


def checked_matrix(conductance_s: Any, rows: int | None, columns: int | None) -> np.ndarray:
    """Return a matrix [S], (N, M), as a read-only float64 copy.

    Raises:
        InputError, ShapeError, RangeError: no real numbers; not rows × columns; negative or not finite.
    """
    matrix = np.array(real_array(conductance_s, "conductances", masked_as_nan=True), order="C")
    allowed = f"({'any' if rows is None else rows}, {'any' if columns is None else columns})"
    fits = matrix.ndim == 2 and matrix.size > 0
    if not fits or rows not in (None, matrix.shape[0]) or columns not in (None, matrix.shape[1]):
        raise ShapeError(
            wanted(
                got=f"a matrix of shape {matrix.shape}",
                allowed=f"{allowed} (rows, columns), the size this calibrator was trained for",
                remedy="use the calibrator of this board; rows are inputs, columns are outputs",
            )
        )
    if not np.isfinite(matrix).all() or (matrix < 0.0).any():
        row, column = np.argwhere(~(matrix >= 0.0) | np.isinf(matrix))[0]
        raise RangeError(
            f"got a conductance of {matrix[row, column]} S in row {row + 1}, column {column + 1} (counted "
            "from 1); allowed: finite and not negative"
        )
    matrix.flags.writeable = False
    return matrix


def known_readings(
    voltage_v: Any, current_a: Any, usable: Any, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return known inputs [V], (K, N), measured currents [A], (K, M), and where there is a reading, (K, M).

    Args:
        voltage_v, current_a: anything that makes such arrays; NaN, infinite or masked currents are missing.
        usable: False for a reading that is not to be used, (K, M); None if all are.
        shape: `(N, M)`.

    Raises:
        InputError: no real numbers, or not one usable reading.
        ShapeError: arrays that do not go together, or not with the matrix; no vector at all.
        RangeError: inputs that are not finite.
    """
    rows, columns = shape
    voltage_v = real_array(voltage_v, "known inputs", masked_as_nan=True)
    current_a = real_array(current_a, "known currents", masked_as_nan=True)
    trusted = np.isfinite(current_a) if usable is None else np.asarray(usable)
    shapes = voltage_v.shape, current_a.shape, trusted.shape
    count = len(voltage_v) if voltage_v.ndim == 2 else 0
    if count < 1 or shapes != ((count, rows), (count, columns), (count, columns)):
        raise ShapeError(
            wanted(
                got=f"known inputs {shapes[0]}, currents {shapes[1]}, usable {shapes[2]}",
                allowed=f"(K, {rows}), (K, {columns}), (K, {columns}) with K of 1 or more",
                remedy="give one row per known vector",
            )
        )
    if trusted.dtype != np.bool_:
        raise InputError(
            wanted(
                got=f"usable of type {trusted.dtype}",
                allowed="True and False",
                remedy="give readout.usable, or leave it out",
            )
        )
    require_finite(voltage_v, "known inputs", remedy="give the vectors that were driven")
    present = trusted & np.isfinite(current_a)
    if not present.any():
        raise InputError(
            wanted(
                got=f"{count} vectors without one usable reading",
                allowed="at least one usable reading",
                remedy="use a higher current range, or repair the amplifiers that report a fault",
            )
        )
    return voltage_v, current_a, present
