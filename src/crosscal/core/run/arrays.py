"""Arrays of a run as people have them, brought to one shape: matrices, vectors and readings."""

from __future__ import annotations

from typing import Any

import numpy as np

from crosscal.core.errors import InputError, RangeError, ShapeError, wanted
from crosscal.core.validation import real_array, require_finite


def stack_arrays(
    target_s: Any, voltage_v: Any, current_a: Any, *, allow_missing: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return conductances (K, N, M), inputs (K, V, N) and readings (K, V, M), each as float64.

    Args:
        target_s: [S], (K, N, M) or (N, M).
        voltage_v: [V], (V, N) or (K, V, N).
        current_a: [A], (K, V, M), or (V, M) where there is a single matrix.
        allow_missing: let readings be NaN.

    Raises:
        InputError: no real numbers, or readings that are missing.
        ShapeError: shapes that do not go together.
        RangeError: conductances or inputs that are not finite, or negative conductances.
    """
    target = real_array(target_s, "conductances")
    voltage = real_array(voltage_v, "voltages")
    current = real_array(current_a, "currents", masked_as_nan=allow_missing)
    shapes = f"conductances {target.shape}, voltages {voltage.shape}, currents {current.shape}"
    target = target[None] if target.ndim == 2 else target
    if current.ndim == 2 and len(target) == 1:
        current = current[None]
    if voltage.ndim == 2:
        voltage = np.broadcast_to(voltage, (len(target), *voltage.shape))
    _require_shapes(target, voltage, current, shapes)
    require_finite(target, "conductances")
    require_finite(voltage, "voltages")
    if (target < 0).any():
        raise RangeError(
            wanted(
                got=f"conductances down to {target.min():.4g} S",
                allowed="0 S or more",
                remedy="map signed weights to pairs of cells first (crosscal.signed_pairs)",
            )
        )
    missing = ~np.isfinite(current)
    if missing.any() and (not allow_missing or missing.all()):
        raise InputError(
            wanted(
                got=f"{int(missing.sum())} of {missing.size} currents that are NaN or infinite",
                allowed="finite numbers",
                remedy="give --allow-missing (allow_missing=True), so that they are marked as missing",
            )
        )
    return np.ascontiguousarray(target), np.ascontiguousarray(voltage), np.ascontiguousarray(current)


def _require_shapes(target: np.ndarray, voltage: np.ndarray, current: np.ndarray, shapes: str) -> None:
    remedy = "bring matrices, vectors and lines to these axes"
    if target.ndim == voltage.ndim == current.ndim == 3 and current.size:
        (matrices, rows, columns), vectors = target.shape, voltage.shape[1]
        if voltage.shape == (matrices, vectors, rows) and current.shape == (matrices, vectors, columns):
            return
        last = voltage.shape[2] == current.shape[2]
        if last and (voltage.shape[1], current.shape[1]) == (rows, columns):
            remedy = "give --vectors-last: each vector is a column of inputs and readings"
        elif last and (voltage.shape[1], current.shape[1]) == (columns, rows):
            remedy = "give --vectors-last --transpose: every array is turned around"
        elif (voltage.shape[2], current.shape[2]) == (columns, rows):
            remedy = "give --transpose: the conductances have outputs as rows"
    raise ShapeError(
        wanted(
            got=shapes,
            allowed="(K, N, M) or (N, M); (V, N) or (K, V, N); (K, V, M), or (V, M) of a single matrix, with "
            "N inputs and M outputs",
            remedy=remedy,
        )
    )
