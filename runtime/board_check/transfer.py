"""Transfer matrix of a board from readings: the conductance that each cell seems to have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Currents, Matrix, Vectors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Transfer:
    """Least-squares fit `current = voltage · slope + offset`.

    Attributes:
        slope_s: apparent conductances [S], (N, M).
        error_s: standard error of each column's slopes [S], (M,).
        offset_a: current of each column at 0 V as the fit has it [A], (M,).
    """

    slope_s: Matrix
    error_s: np.ndarray
    offset_a: np.ndarray


def fit_transfer(voltage_v: Vectors, current_a: Currents, usable: np.ndarray) -> Transfer:
    """Fit the transfer matrix from the vectors with usable readings in each column.

    Args:
        voltage_v: inputs [V], (B, N), B > N + 1.
        current_a: [A], (B, M).
        usable: (B, M).

    Returns:
        The fit; a column with too few usable readings is NaN.
    """
    rows, columns = voltage_v.shape[1], current_a.shape[1]
    slope_s, offset_a = np.full((rows, columns), np.nan), np.full(columns, np.nan)
    error_s = np.full(columns, np.nan)
    design = np.column_stack([voltage_v, np.ones(len(voltage_v))])
    for column in range(columns):
        kept = usable[:, column]
        if kept.sum() <= rows + 1:
            continue
        fitted, *_ = np.linalg.lstsq(design[kept], current_a[kept, column], rcond=None)
        left_a = current_a[kept, column] - design[kept] @ fitted
        variance = np.sum(left_a**2) / (kept.sum() - rows - 1)
        spread = np.mean(np.diag(np.linalg.pinv(design[kept].T @ design[kept]))[:rows])
        slope_s[:, column], offset_a[column] = fitted[:rows], fitted[rows]
        error_s[column] = np.sqrt(variance * spread)
    return Transfer(slope_s=slope_s, error_s=error_s, offset_a=offset_a)
