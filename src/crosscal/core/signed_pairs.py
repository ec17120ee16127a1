"""Signed matrices on cells that are never negative: differential pairs of columns or of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from crosscal.core.errors import InputError, RangeError, ShapeError, wanted
from crosscal.core.short_repr import ShortRepr
from crosscal.core.validation import real_array, require_finite


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class SignedPairs(ShortRepr):
    """Mapping of signed weights to conductances, and of currents back to signed results.

    Attributes:
        conductance_s: matrix to program [S]: (N, 2M) for pairs of columns, (2N, M) for pairs of rows; the
            positive line of each pair comes first.
        scale: conductance of a weight of 1 [S].
        offset_s: conductance of a weight of 0, which cancels in each pair [S].
        matrix: currents times this are the signed results, C [1/S]: (2M, M) or (M, M).
        axis: `columns` or `rows`: the lines that come in pairs.
    """

    conductance_s: np.ndarray
    scale: float
    offset_s: float
    matrix: np.ndarray
    axis: Literal["columns", "rows"]

    def drive(self, voltage_v: Any) -> np.ndarray:
        """Turn inputs of the signed matrix into those of the board [V], (N,) or (B, N).

        Returns:
            The inputs as they are for pairs of columns; each followed by its negative for pairs of rows.
        """
        inputs_v = real_array(voltage_v, "voltages")
        if self.axis == "columns":
            return inputs_v
        return np.stack([inputs_v, -inputs_v], axis=-1).reshape(*inputs_v.shape[:-1], -1)

    def combine(self, current_a: Any, covariance: Any = None) -> Any:
        """Turn currents into signed results, weight × volt.

        Args:
            current_a: [A], (2M,) or (B, 2M); (M,) or (B, M) for pairs of rows.
            covariance: of the currents [A²], (…, C, C) for C currents; or their variances, (…, C), where
                errors do not depend on one another.

        Returns:
            The results, (M,) or (B, M); with `covariance` also their covariance, (M, M) or (B, M, M): the
            square roots of its diagonal are error bars.

        Raises:
            ShapeError: currents or covariances of another shape.
        """
        currents = real_array(current_a, "currents")
        lines = len(self.matrix)
        if currents.ndim not in (1, 2) or currents.shape[-1] != lines:
            allowed = f"({lines},) or (B, {lines})"
            raise ShapeError(
                wanted(got=f"currents of shape {currents.shape}", allowed=allowed, remedy="give all columns")
            )
        results = currents @ self.matrix
        if covariance is None:
            return results
        spread = real_array(covariance, "covariances")
        if spread.shape == currents.shape:
            spread = spread[..., None] * np.eye(lines)
        if spread.shape != (*currents.shape, lines):
            raise ShapeError(
                wanted(
                    got=f"covariances of shape {spread.shape}",
                    allowed=f"{(*currents.shape, lines)}, or {currents.shape} of variances",
                    remedy="give one for each vector of currents",
                )
            )
        return results, self.matrix.T @ spread @ self.matrix


def signed_pairs(
    weights: Any,
    limits_s: tuple[float, float],
    *,
    axis: Literal["columns", "rows"] = "columns",
) -> SignedPairs:
    """Map signed weights to differential pairs of cells.

    The cell of a pair that is not needed stays at the lower limit; the largest weight uses the whole range.

    Args:
        weights: signed numbers, (N, M), rows as inputs.
        limits_s: smallest and largest conductance of a cell [S].
        axis: `columns` doubles the outputs and subtracts their currents; `rows` doubles the inputs, driven
            with both signs.

    Raises:
        InputError: no real matrix, limits in the wrong order, or an unknown axis.
    """
    values = real_array(weights, "weights")
    if values.ndim != 2 or not values.size:
        allowed = "a matrix, (inputs, outputs)"
        raise ShapeError(
            wanted(got=f"weights of shape {values.shape}", allowed=allowed, remedy="reshape them")
        )
    require_finite(values, "weights")
    low_s, high_s = (float(limit) for limit in limits_s)
    if not 0 <= low_s < high_s < np.inf:
        allowed = "0 S or more, low before high"
        raise RangeError(
            wanted(got=f"limits {low_s:g} to {high_s:g} S", allowed=allowed, remedy="correct them")
        )
    if axis not in ("columns", "rows"):
        raise InputError(wanted(got=f"axis={axis!r}", allowed="'columns', 'rows'", remedy="choose one"))
    largest = float(np.abs(values).max())
    scale = (high_s - low_s) / (largest or 1.0)
    pair_s = low_s + scale * np.stack([np.maximum(values, 0.0), np.maximum(-values, 0.0)])
    # Rounding must not carry the largest weight beyond the limit.
    pair_s = np.minimum(pair_s, high_s)
    rows, columns = values.shape
    if axis == "columns":
        conductance_s = pair_s.transpose(1, 2, 0).reshape(rows, 2 * columns)
        matrix = np.kron(np.eye(columns), [[1.0], [-1.0]]) / scale
    else:
        conductance_s = pair_s.transpose(1, 0, 2).reshape(2 * rows, columns)
        matrix = np.eye(columns) / scale
    return SignedPairs(conductance_s=conductance_s, scale=scale, offset_s=low_s, matrix=matrix, axis=axis)
