"""Error over the array: of each cell's effective weight under a method."""

from __future__ import annotations

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.training.measurements import Measurements


def weight_error_percent(data: Measurements, estimate_a: np.ndarray) -> Matrix | None:
    """Error of the effective weights, common to all matrices [% of the mean target], (N, M).

    The effective weight of a cell is the slope of its column's estimate against its row's input, all others
    held: one regression over the vectors of all matrices, each matrix around its own mean.

    Args:
        data: the vectors to look at.
        estimate_a: a method's estimates of them [A], (K, V, M).

    Returns:
        The errors, or None if the inputs do not drive all rows apart.
    """
    rows, columns = data.shape
    gram, cross = np.zeros((rows, rows)), np.zeros((rows, columns))
    error_a = estimate_a - data.ideal_a
    for k in range(data.matrices):
        usable = data.usable[k]
        if usable.sum() >= 2:
            voltage_v = data.voltage_v[k, usable]
            deviation_v = voltage_v - voltage_v.mean(axis=0)
            gram += deviation_v.T @ deviation_v
            cross += deviation_v.T @ error_a[k, usable]
    # The deviations' own rank; squaring halves the digits, inputs uniform in a range are far from that limit.
    eigenvalues = np.linalg.eigvalsh(gram)
    if not eigenvalues[0] > 1e-9 * eigenvalues[-1]:
        return None
    return 100.0 * np.linalg.solve(gram, cross) / float(data.conductance_s.mean())
